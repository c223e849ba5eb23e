"""Concluding many assessments at once: a few statements for hundreds of them, each transition written down."""

from collections.abc import Sequence
from typing import Any, Protocol

from dingkao.assessments.rules import MACHINE, Event
from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import StateTransition
from dingkao.audit.work import UnitOfWork
from dingkao.db.bulk import insert_many
from dingkao.plugin.vocabulary import AssessmentState, Verdict
from dingkao.results.rules import RESULT_MACHINE, ResultEvent
from dingkao.results.tables import Result
from dingkao.results.vocabulary import ConclusionGround

_T = StateTransition
_TRANSITION = (
    _T.at, _T.machine, _T.object_id, _T.assessment, _T.source, _T.event, _T.target, _T.account, _T.role,
    _T.organisation, _T.reason, _T.policy_version,
)  # fmt: skip
_RESULT = (Result.assessment, Result.verdict, Result.ground, Result.state, Result.concluded_at)


class Concludable(Protocol):
    """What concluding needs to know of an assessment: an `AssessmentRecord`, or less."""

    @property
    def id(self) -> int:
        """Its key."""
        ...

    @property
    def state(self) -> AssessmentState:
        """Its state now."""
        ...

    @property
    def policy_version(self) -> str:
        """The version of the policy it is under."""
        ...


async def conclude_all(
    work: UnitOfWork, records: Sequence[Concludable], verdict: Verdict, ground: ConclusionGround
) -> None:
    """Conclude locked assessments (at most a few thousand) with one `verdict`, as `results.service.conclude` does each.

    Part of a use case of the caller's, which writes the audit entry. Raises StateConflict where one cannot be
    concluded.
    """
    if not records:
        return
    targets = {record.id: MACHINE.require(record.state, Event.CONCLUDE).target for record in records}
    changes: dict[Any, Any] = {
        Assessment.state: next(iter(targets.values())).value,
        Assessment.conclusion: verdict.value,
        Assessment.changed_at: work.now,
    }
    await Assessment.update(changes).where(Assessment.id.is_in(list(targets)))
    initial = RESULT_MACHINE.initial.value
    rows = [(record.id, verdict.value, ground.value, initial, work.now) for record in records]
    inserted = await insert_many(_RESULT, rows, returning=(Result.id, Result.assessment))
    results = {row["assessment"]: row["id"] for row in inserted}
    by = (work.caller.account_id or None, work.acting.role.value, work.acting.organisation_id)
    transitions: list[tuple[Any, ...]] = []
    for record in records:
        moved = (record.id, record.id, record.state.value, Event.CONCLUDE.value, targets[record.id].value)
        transitions.append((work.now, MACHINE.name, *moved, *by, "", record.policy_version))
        concluded = (results[record.id], record.id, "", ResultEvent.CONCLUDE.value, initial)
        transitions.append((work.now, RESULT_MACHINE.name, *concluded, *by, ground.value, record.policy_version))
    await insert_many(_TRANSITION, transitions)
