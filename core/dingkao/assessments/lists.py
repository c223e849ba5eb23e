"""Lists of assessments: each level its own scope, keyset pages."""

from collections.abc import Sequence
from typing import Any

from dingkao.access.rules import Reach, Side, reach_in, reach_of
from dingkao.assessments.records import AssessmentRecord, selected_columns, to_record
from dingkao.assessments.tables import Assessment
from dingkao.audit.work import logged_in
from dingkao.cycles.vocabulary import CycleState
from dingkao.db.statement import Parameters, Statement
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import Forbidden
from dingkao.plugin.vocabulary import AssessmentState, Role

_COLUMNS: dict[Side, Any] = {
    Side.SELF: Assessment.doctor,
    Side.INSTITUTION: Assessment.institution,
    Side.BODY: Assessment.body,
    Side.REGION: Assessment.region,
}
_STAFF_SIDES = (Side.INSTITUTION, Side.BODY, Side.REGION)


def _list(p: Parameters) -> Any:
    query = Assessment.select(*selected_columns()).where(_COLUMNS[p.side].is_in(p.scope) & (Assessment.id > p.after))
    if p.filtered:
        query = query.where(Assessment.state.is_in(p.states))
    return query.order_by(Assessment.id).limit(p.limit)


def _find(p: Parameters) -> Any:
    query = Assessment.select(Assessment.id).where(
        _COLUMNS[p.side].is_in(p.scope) & (Assessment.id > p.after) & Assessment.state.is_in(p.states)
    )
    if p.of_institution:
        query = query.where(Assessment.institution == p.institution)
    if p.of_procedure:
        query = query.where(Assessment.procedure == p.procedure)
    return query.order_by(Assessment.id).limit(p.limit)


_found = Statement(_find, constants=("side", "of_institution", "of_procedure", "limit"))
_scoped = Statement(_list, constants=("side", "filtered", "limit"))
_current = Statement(
    lambda p: (
        Assessment.select(*selected_columns())
        .where((Assessment.doctor == p.doctor) & (Assessment.cycle.state == CycleState.RUNNING.value))
        .order_by(Assessment.id, ascending=False)
        .limit(1)
    )
)


async def current_assessment(doctor_id: int) -> AssessmentRecord | None:
    """The doctor's assessment in the running cycle (the newest, where several run)."""
    row = await _current.first(doctor=doctor_id)
    return to_record(row) if row is not None else None


async def list_assessments(
    caller: Caller | None, states: Sequence[AssessmentState], after: int, limit: int
) -> list[AssessmentRecord]:
    """The assessments that the caller reaches in the first of his roles, in the given states (none: in any).

    Raises NotLoggedIn, Forbidden for an account without a role.
    """
    asking = logged_in(caller)
    return await _list_within(reach_of(asking), states, after, limit)


async def list_in_role(
    caller: Caller, role: Role, states: Sequence[AssessmentState], after: int, limit: int
) -> list[AssessmentRecord]:
    """The same for one role of staff. Raises Forbidden where the caller does not hold it."""
    return await _list_within(reach_in(caller, role), states, after, limit)


async def _list_within(
    reach: Reach, states: Sequence[AssessmentState], after: int, limit: int
) -> list[AssessmentRecord]:
    if reach.side not in _COLUMNS:
        raise Forbidden
    rows = await _scoped.run(
        side=reach.side,
        scope=list(reach.keys),
        states=[state.value for state in states] or [""],
        filtered=bool(states),
        after=after,
        limit=limit,
    )
    return [to_record(row) for row in rows]


async def find_in_role(
    caller: Caller,
    role: Role,
    states: Sequence[AssessmentState],
    *,
    institution_id: int | None,
    procedure: str | None,
    after: int,
    limit: int,
) -> list[int]:
    """Keys of the assessments that the caller reaches in `role`, ascending: of one institution or procedure where it is
    named. Raises Forbidden where the caller does not hold the role, or it is none of staff."""
    reach = reach_in(caller, role)
    if reach.side not in _STAFF_SIDES:
        raise Forbidden
    rows = await _found.run(
        side=reach.side,
        scope=list(reach.keys),
        states=[state.value for state in states],
        of_institution=institution_id is not None,
        of_procedure=procedure is not None,
        institution=institution_id,
        procedure=procedure,
        after=after,
        limit=limit,
    )
    return [int(row["id"]) for row in rows]
