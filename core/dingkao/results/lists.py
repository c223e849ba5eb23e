"""Lists of results: each level its own scope, keyset pages along the assessments."""

from collections.abc import Sequence
from typing import Any

from dingkao.access.rules import Kind, Side, reach_of
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.audit.work import logged_in
from dingkao.db.statement import Parameters, Statement
from dingkao.plugin.caller import Caller
from dingkao.plugin.vocabulary import AssessmentState, Role
from dingkao.results.records import ResultRecord, read_results
from dingkao.results.tables import Result
from dingkao.results.vocabulary import ResultState

_COLUMNS: dict[Side, Any] = {
    Side.INSTITUTION: Result.assessment.institution,
    Side.BODY: Result.assessment.body,
    Side.REGION: Result.assessment.region,
}
_STAFF = (Role.INSTITUTION_OFFICER, Role.BODY_REVIEWER, Role.AUTHORITY_OFFICER)


def _list(p: Parameters) -> Any:
    query = Result.select(Result.assessment).where(
        _COLUMNS[p.side].is_in(p.scope)
        & (Result.assessment.state == AssessmentState.CONCLUDED.value)
        & (Result.assessment.id > p.after)
    )
    if p.filtered:
        query = query.where(Result.state.is_in(p.states))
    return query.order_by(Result.assessment.id).limit(p.limit)


_listed = Statement(_list, constants=("side", "filtered", "limit"))


async def list_results(
    caller: Caller | None, states: Sequence[ResultState], after: int, limit: int
) -> list[tuple[AssessmentRecord, ResultRecord]]:
    """Results of the assessments after the key `after` that the caller reaches in the first of his roles of staff, in
    the given states (none: in any): three queries.

    Raises NotLoggedIn, FirstLoginOpen, and Forbidden for an account without such a role.
    """
    actor = logged_in(caller)
    reach = reach_of(actor, Kind.ASSESSMENT, *_STAFF)
    rows = await _listed.run(
        side=reach.side,
        scope=list(reach.keys),
        states=[state.value for state in states] or [""],
        filtered=bool(states),
        after=after,
        limit=limit,
    )
    ids = [row["assessment"] for row in rows]
    records, results = await read_records(ids), await read_results(ids)
    return [(records[key], results[key]) for key in ids]
