"""Missed papers, in the schema (缺考与补考)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from dingkao.assessments.graphql import Assessment, load_assessment
from dingkao.assessments.records import AssessmentRecord
from dingkao.context import CoreInfo
from dingkao.papers import rules
from dingkao.papers.absence import decide_absence, settle_ended
from dingkao.papers.records import PaperRecord
from dingkao.plugin.graphql import StateProblem, ValidationProblem
from dingkao.plugin.ids import decode_id
from dingkao.plugin.vocabulary import PaperState


@strawberry.type(description="That a paper was missed, and what was decided. 缺考")
class PaperAbsence:
    excused: bool | None = strawberry.field(
        description="Whether there was a good reason; null: not decided yet. 是否有正当理由"
    )
    reason: str = strawberry.field(description="The decision's reason. 认定事由")


def show_absence(record: PaperRecord) -> PaperAbsence | None:
    """A paper's absence as the API shows it; also where a make-up was given."""
    if record.state is not PaperState.ABSENT and not record.absence_excused:
        return None
    return PaperAbsence(excused=record.absence_excused, reason=record.absence_reason)


async def settle_ended_papers(info: CoreInfo, assessment: AssessmentRecord, papers: Sequence[PaperRecord]) -> bool:
    """Let a doctor who looks see what the sweeper would have made of papers whose time is over."""
    if assessment.state not in rules.TESTABLE:
        return False
    times = [
        rules.SittingTime(paper.state, paper.attempts_used, paper.sit_until or assessment.tests_until)
        for paper in papers
    ]
    if not rules.ended(times, info.context.environment.clock.now()):
        return False
    await settle_ended(info.context.environment, assessment.id)
    info.context.forget_loaded()
    return True


@strawberry.input(description="The decision over missed papers. 缺考认定")
class DecideAbsenceInput:
    assessment_id: strawberry.ID = strawberry.field(description="Whose papers. 考核标识")
    excused: bool = strawberry.field(description="Whether there was a good reason. 是否有正当理由")
    sit_until: datetime | None = strawberry.field(
        default=None, description="With `excused`: until when the papers may be begun. 补考截止时间"
    )
    reason: str = strawberry.field(description="Why. 事由")


DecideAbsenceResult = Annotated[
    Assessment | ValidationProblem | StateProblem,
    strawberry.union("DecideAbsenceResult", description="Outcome of the decision. 缺考认定结果"),
]


@strawberry.type
class AbsenceMutation:
    @strawberry.mutation(
        description="Decide over the papers that a doctor missed: a make-up sitting, or the assessment is failed. A "
        "make-up is also for a paper that lapsed. "
        "认定缺考"
    )
    async def decide_absence(
        self,
        info: CoreInfo,
        input: Annotated[DecideAbsenceInput, strawberry.argument(description="Whose, and what. 认定")],
    ) -> DecideAbsenceResult:
        assessment_id = decode_id("Assessment", input.assessment_id)
        await decide_absence(
            info.context.environment,
            info.context.caller,
            assessment_id,
            excused=input.excused,
            sit_until=input.sit_until,
            reason=input.reason,
        )
        info.context.forget_loaded()
        return await load_assessment(info, assessment_id)
