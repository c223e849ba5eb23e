"""Spot checks in the schema: thin, parse, call the service, show."""

from datetime import datetime
from typing import Annotated

import strawberry

from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.enums import described_enum
from dingkao.plugin.errors import NotFound
from dingkao.plugin.graphql import (
    AssessmentReference,
    Connection,
    Edge,
    Info,
    PageInfo,
    StateProblem,
    ValidationProblem,
    page_size,
)
from dingkao.plugin.ids import decode_id, encode_id
from dingkao_shandong_2023 import service
from dingkao_shandong_2023.rules import Shandong2023SpotCheckState
from dingkao_shandong_2023.store import CheckRecord, read_check, read_checks_of, read_draw

described_enum(
    Shandong2023SpotCheckState,
    "State of a spot check. 抽查状态",
    {
        Shandong2023SpotCheckState.SPARED: "In the draw, and not drawn. 未抽中",
        Shandong2023SpotCheckState.OPEN: "The assessment body has to check. 待核查",
        Shandong2023SpotCheckState.CONFIRMED: "The material holds. 核查属实",
        Shandong2023SpotCheckState.NOT_CONFIRMED: "The material does not hold. 核查不属实",
    },
)
_CHECK, _DRAW = "Shandong2023SpotCheck", "Shandong2023Draw"


@strawberry.type(description="A spot check of what a doctor submitted. 抽查核查")
class Shandong2023SpotCheck:
    id: strawberry.ID = strawberry.field(description="Opaque id. 标识")
    state: Shandong2023SpotCheckState = strawberry.field(description="State. 状态")
    submission_number: int = strawberry.field(description="The submission that is checked. 提交次序")
    order_reason: str = strawberry.field(description="Why the authority ordered it; empty: it was drawn. 责令核查原因")
    finding: str = strawberry.field(description="What was found. 核查情况")
    decided_at: datetime | None = strawberry.field(description="When it was answered. 核查时间")
    record: strawberry.Private[CheckRecord]

    @strawberry.field(description="The assessment. 所属考核")
    async def assessment(self, info: Info) -> AssessmentReference:
        return await info.context.services.load_assessment(info, self.record.assessment_id)


@strawberry.type(description="A draw among an institution's doctors. 抽取")
class Shandong2023Draw:
    id: strawberry.ID = strawberry.field(description="Opaque id. 标识")
    pool: int = strawberry.field(description="Doctors who waited for it. 待抽查人数")
    drawn: int = strawberry.field(description="Of these drawn. 抽中人数")
    percent: int = strawberry.field(description="The share of the policy. 抽查比例（百分比）")
    seed: str = strawberry.field(description="With it the draw can be repeated. 随机种子")
    drawn_at: datetime = strawberry.field(description="When. 抽取时间")


def _show(record: CheckRecord) -> Shandong2023SpotCheck:
    return Shandong2023SpotCheck(
        id=strawberry.ID(encode_id(_CHECK, record.id)),
        state=record.state,
        submission_number=record.submission_number,
        order_reason=record.order_reason,
        finding=record.finding,
        decided_at=record.decided_at,
        record=record,
    )


async def _load(info: Info, check_id: int) -> Shandong2023SpotCheck:
    """A check whose assessment is in scope. Raises NotLoggedIn, NotFound."""
    info.context.services.logged_in(info.context.caller)
    record = await read_check(check_id)
    if record is None:
        raise NotFound
    await info.context.services.load_assessment(info, record.assessment_id)
    return _show(record)


@strawberry.type
class SpotCheckedAssessment:
    """Fields added to Assessment; at run time `self` is the core's object, which was found in the caller's scope."""

    @strawberry.field(description="Spot checks of its submissions, oldest first. 抽查核查")
    async def spot_checks(self, info: Info) -> list[Shandong2023SpotCheck]:
        key = info.context.services.assessment_key(self)
        return [_show(record) for record in await info.context.loader(read_checks_of).load(key)]


@strawberry.type
class SpotCheckQuery:
    @strawberry.field(
        description="Open spot checks of the asking assessment body, oldest first. What has lapsed is left out, so a "
        "page may be shorter than asked for though more follow. 待核查列表"
    )
    async def spot_check_queue(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[Shandong2023SpotCheck]:
        context = info.context
        key = 0 if after is None else decode_id(_CHECK, after)
        page = await service.spot_check_queue(context.services, context.caller, page_size(first), key)
        edges = [Edge(cursor=encode_id(_CHECK, check.id), node=_show(check)) for check in page.checks]
        end = encode_id(_CHECK, page.last_key) if page.last_key is not None else None
        return Connection(edges=edges, page_info=PageInfo(has_next_page=page.more, end_cursor=end))


@strawberry.input(description="Among whose doctors to draw. 抽取核查对象")
class Shandong2023DrawInput:
    institution_id: strawberry.ID = strawberry.field(description="The institution. 医疗卫生机构")


@strawberry.input(description="A check that the authority orders. 责令核查")
class Shandong2023OrderInput:
    assessment_id: strawberry.ID = strawberry.field(description="Whose material. 考核标识")
    reason: str = strawberry.field(description="Why. 原因")


@strawberry.input(description="What the check has found. 登记核查情况")
class Shandong2023FindingInput:
    spot_check_id: strawberry.ID = strawberry.field(description="Which check. 抽查标识")
    confirmed: bool = strawberry.field(description="Whether the material holds. 是否属实")
    finding: str = strawberry.field(default="", description="In words; needed where it does not. 核查情况")


Shandong2023DrawResult = Annotated[
    Shandong2023Draw | StateProblem,
    strawberry.union("Shandong2023DrawResult", description="Outcome of a draw. 抽取结果"),
]
Shandong2023OrderResult = Annotated[
    Shandong2023SpotCheck | ValidationProblem | StateProblem,
    strawberry.union("Shandong2023OrderResult", description="Outcome of ordering a check. 责令核查结果"),
]
Shandong2023FindingResult = Annotated[
    Shandong2023SpotCheck | ValidationProblem | StateProblem,
    strawberry.union("Shandong2023FindingResult", description="Outcome of answering a check. 登记核查结果"),
]


@strawberry.type
class SpotCheckMutation:
    @strawberry.mutation(description="Draw by chance whose material is checked; by the assessment body. 抽取核查对象")
    async def draw_spot_checks(
        self, info: Info, input: Annotated[Shandong2023DrawInput, strawberry.argument(description="Of whom. 机构")]
    ) -> Shandong2023DrawResult:
        context = info.context
        institution = decode_id("Organisation", input.institution_id)
        draw = await read_draw(await service.draw_spot_checks(context.services, context.caller, institution))
        context.forget_loaded()
        return Shandong2023Draw(
            id=strawberry.ID(encode_id(_DRAW, draw.id)),
            pool=draw.pool,
            drawn=draw.drawn,
            percent=draw.percent,
            seed=str(draw.seed),
            drawn_at=draw.drawn_at,
        )

    @strawberry.mutation(description="Order the check of one doctor's material; by the authority. 责令核查")
    async def order_spot_check(
        self, info: Info, input: Annotated[Shandong2023OrderInput, strawberry.argument(description="Whose. 核查对象")]
    ) -> Shandong2023OrderResult:
        context = info.context
        assessment = decode_id("Assessment", input.assessment_id)
        key = await service.order_spot_check(context.services, context.caller, assessment, input.reason)
        context.forget_loaded()
        return await _load(info, key)

    @strawberry.mutation(description="Answer an open check; by the assessment body. 登记核查情况")
    async def record_spot_check(
        self, info: Info, input: Annotated[Shandong2023FindingInput, strawberry.argument(description="What. 核查情况")]
    ) -> Shandong2023FindingResult:
        context = info.context
        key = decode_id(_CHECK, input.spot_check_id)
        await service.record_spot_check(
            context.services, context.caller, key, confirmed=input.confirmed, finding=input.finding
        )
        context.forget_loaded()
        return await _load(info, key)


CONTRIBUTION = GraphQLContribution(
    query=SpotCheckQuery, mutation=SpotCheckMutation, fields={"Assessment": SpotCheckedAssessment}
)
