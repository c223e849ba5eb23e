"""Reviews in the schema: decisions of the two levels, and their queues."""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from dingkao.assessments.graphql import Assessment, load_assessment
from dingkao.assessments.lists import list_in_role
from dingkao.audit.work import logged_in
from dingkao.context import CoreInfo
from dingkao.graphql_pages import after_key, keyset_page
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.enums import DimensionEnum, ReviewLevelEnum, VerdictEnum, described_enum
from dingkao.plugin.graphql import Connection, NotEligibleProblem, StateProblem, ValidationProblem, page_size
from dingkao.plugin.ids import decode_id
from dingkao.plugin.vocabulary import AssessmentState, ReviewLevel, Role
from dingkao.reviews import service
from dingkao.reviews.records import ReviewRecord, read_latest_reviews, read_reviews
from dingkao.reviews.vocabulary import Decision

described_enum(
    Decision,
    "What a level decided. 审核结论",
    {
        Decision.APPROVED: "Approved. 通过",
        Decision.RETURNED_TO_DOCTOR: "Returned to the doctor. 退回医师",
        Decision.RETURNED_TO_INSTITUTION: "Returned to the institution. 退回医疗卫生机构",
        Decision.FAILURE_CONFIRMED: "A failed rating was confirmed. 确认评定不合格",
    },
)
DecisionEnum: TypeAlias = Decision


@strawberry.type(description="One level's decision on one submission. 审核记录")
class Review:
    level: ReviewLevelEnum = strawberry.field(description="Which level. 审核层级")
    decision: DecisionEnum = strawberry.field(description="What was decided. 审核结论")
    reason: str = strawberry.field(description="Why. 原因")
    organisation: str = strawberry.field(description="Who decided. 审核单位")
    submission_number: int = strawberry.field(description="On which submission. 提交次序")
    decided_at: datetime = strawberry.field(description="When. 审核时间")


def _show(record: ReviewRecord) -> Review:
    return Review(
        level=record.level,
        decision=record.decision,
        reason=record.reason,
        organisation=record.organisation,
        submission_number=record.submission_number,
        decided_at=record.decided_at,
    )


@strawberry.type
class AssessmentReviews:
    @strawberry.field(description="Every decision, oldest first. 审核记录")
    async def reviews(self: Assessment, info: CoreInfo) -> list[Review]:
        return [_show(record) for record in await info.context.loader(read_reviews).load(self.record.id)]

    @strawberry.field(description="The latest decision. 最近一次审核", graphql_type=Review | None)
    def latest_review(self: Assessment, info: CoreInfo) -> Review | Awaitable[Review | None] | None:
        brought = info.context.brought(read_latest_reviews)
        if self.record.id in brought:
            return _show_latest(brought[self.record.id])
        return _load_latest(info, self.record.id)


def _show_latest(record: ReviewRecord | None) -> Review | None:
    return _show(record) if record else None


async def _load_latest(info: CoreInfo, assessment_id: int) -> Review | None:
    return _show_latest(await info.context.loader(read_latest_reviews).load(assessment_id))


_WAITING: dict[ReviewLevel, tuple[Role, Sequence[AssessmentState]]] = {
    ReviewLevel.INSTITUTION: (Role.INSTITUTION_OFFICER, (AssessmentState.SUBMITTED,)),
    ReviewLevel.BODY: (Role.BODY_REVIEWER, (AssessmentState.INSTITUTION_APPROVED,)),
}


@strawberry.type
class ReviewQuery:
    @strawberry.field(description="What waits for a level's decision, oldest entry first. 待审核列表")
    async def review_queue(
        self,
        info: CoreInfo,
        level: Annotated[ReviewLevelEnum, strawberry.argument(description="Which level. 审核层级")],
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[Assessment]:
        size = page_size(first)
        role, states = _WAITING[level]
        caller = logged_in(info.context.caller)
        records = await list_in_role(caller, role, states, after_key("Assessment", after), size + 1)
        ids = [record.id for record in records]
        info.context.bring(read_latest_reviews, dict(zip(ids, await read_latest_reviews(ids), strict=True)))
        return keyset_page("Assessment", [(record.id, Assessment.from_record(record)) for record in records], size)


@strawberry.input(description="The institution's rating of one dimension. 机构评定")
class RatingInput:
    dimension: DimensionEnum = strawberry.field(description="What is rated. 考核内容")
    verdict: VerdictEnum = strawberry.field(description="Qualified or not. 评定结论")
    comment: str = strawberry.field(default="", description="In words. 评语")


@strawberry.input(description="The institution's review. 机构审核")
class ReviewByInstitutionInput:
    assessment_id: strawberry.ID = strawberry.field(description="Which. 考核标识")
    submission_number: int = strawberry.field(description="The submission that was read. 提交次序")
    decision: DecisionEnum = strawberry.field(description="APPROVED or RETURNED_TO_DOCTOR. 审核结论")
    ratings: list[RatingInput] = strawberry.field(
        default_factory=list, description="Both dimensions, where approved. 评定"
    )
    reason: str = strawberry.field(default="", description="Why it is returned. 原因")


@strawberry.input(description="The assessment body's review. 考核机构复核")
class ReviewByBodyInput:
    assessment_id: strawberry.ID = strawberry.field(description="Which. 考核标识")
    submission_number: int = strawberry.field(description="The submission that was read. 提交次序")
    decision: DecisionEnum = strawberry.field(description="What is decided. 复核结论")
    reason: str = strawberry.field(default="", description="Why it is returned or failed. 原因")


ReviewResult = Annotated[
    Assessment | ValidationProblem | StateProblem,
    strawberry.union("ReviewResult", description="Outcome of a review. 审核结果"),
]
ReviewByBodyResult = Annotated[
    Assessment | ValidationProblem | StateProblem | NotEligibleProblem,
    strawberry.union("ReviewByBodyResult", description="Outcome of the body's review. 复核结果"),
]


@strawberry.type
class ReviewMutation:
    @strawberry.mutation(description="Rate both dimensions and approve, or return. 医疗卫生机构审核")
    async def review_by_institution(
        self,
        info: CoreInfo,
        input: Annotated[ReviewByInstitutionInput, strawberry.argument(description="The review. 机构审核")],
    ) -> ReviewResult:
        assessment_id = decode_id("Assessment", input.assessment_id)
        await service.review_by_institution(
            info.context.environment,
            info.context.caller,
            assessment_id,
            input.submission_number,
            input.decision,
            [(rating.dimension, rating.verdict, rating.comment) for rating in input.ratings],
            input.reason,
        )
        info.context.forget_loaded()
        return await load_assessment(info, assessment_id)

    @strawberry.mutation(description="Approve, return, or confirm a failed rating. 考核机构复核")
    async def review_by_body(
        self,
        info: CoreInfo,
        input: Annotated[ReviewByBodyInput, strawberry.argument(description="The review. 复核")],
    ) -> ReviewByBodyResult:
        assessment_id = decode_id("Assessment", input.assessment_id)
        await service.review_by_body(
            info.context.environment,
            info.context.caller,
            assessment_id,
            input.submission_number,
            input.decision,
            input.reason,
        )
        info.context.forget_loaded()
        return await load_assessment(info, assessment_id)


CONTRIBUTION = GraphQLContribution(query=ReviewQuery, mutation=ReviewMutation, fields={"Assessment": AssessmentReviews})
