"""What happens to a result: it is concluded, filed, notified, objected to, and becomes final."""

from dingkao.assessments.access import move
from dingkao.assessments.records import AssessmentRecord
from dingkao.assessments.rules import Event
from dingkao.assessments.tables import Assessment
from dingkao.audit.work import UnitOfWork
from dingkao.plugin.vocabulary import Verdict
from dingkao.results.rules import RESULT_MACHINE, ResultEvent
from dingkao.results.tables import ConclusionGround, Result


async def conclude(
    work: UnitOfWork, record: AssessmentRecord, verdict: Verdict, ground: ConclusionGround, event: Event
) -> None:
    """Conclude the locked assessment with `verdict`, resting on `ground`: it moves by `event` (CONCLUDE, or
    BODY_CONFIRM_FAILURE where a rating failed), and its result comes to be.

    Part of a use case of the caller's, which writes the audit entry. Raises StateConflict where the event does not fit,
    so also for an assessment that has been concluded.
    """
    await move(work, record, event, also={Assessment.conclusion: verdict.value})
    inserted = await Result.insert(
        Result(
            assessment=record.id,
            verdict=verdict.value,
            ground=ground.value,
            state=RESULT_MACHINE.initial.value,
            concluded_at=work.now,
        )
    ).returning(Result.id)
    await work.record_transition(
        machine=RESULT_MACHINE.name,
        object_id=inserted[0]["id"],
        assessment_id=record.id,
        source="",
        event=ResultEvent.CONCLUDE.value,
        target=RESULT_MACHINE.initial.value,
        reason=ground.value,
        policy_version=record.policy_version,
    )
