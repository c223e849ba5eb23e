"""Proposals as they are read: by their keys, and in lists cut to the officer's regions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from piccolo.querystring import QueryString

from dingkao.access.rules import Kind, Reach, authority_grant, reach_in
from dingkao.audit.work import logged_in
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import NotFound
from dingkao.plugin.vocabulary import Role
from dingkao.proposals import rules
from dingkao.proposals.vocabulary import ProposalKind, ProposalState, ProposalView

_SELECT = (
    "SELECT p.id AS id, p.kind AS kind, p.region AS region, p.given AS given, p.reason AS reason, p.effect AS effect, "
    "p.digest AS digest, p.state AS state, p.proposed_by AS proposed_by, p.proposed_at AS proposed_at, "
    "p.ended_at AS ended_at, p.note AS note, proposer.name AS proposer, decider.name AS decider, "
    "assessment.doctor AS doctor "
    "FROM proposal AS p JOIN account AS proposer ON proposer.id = p.proposed_by "
    "LEFT JOIN account AS decider ON decider.id = p.decided_by "
    "LEFT JOIN assessment ON assessment.id = p.assessment "
)


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """An act that waits for a second person, or did; `state` is that of the moment of reading. `proposer` and `decider`
    are names; `doctor_id` is whom it is about, where it is about one."""

    id: int
    kind: ProposalKind
    region_id: int
    given: Mapping[str, Any]
    reason: str
    effect: Mapping[str, Any]
    digest: str
    state: ProposalState
    proposed_by: int
    proposer: str
    proposed_at: datetime
    expires_at: datetime
    decider: str | None
    ended_at: datetime | None
    note: str
    doctor_id: int | None


def _list(p: Any) -> QueryString:
    parts, values = ["p.id > {}"], [p.after]
    if p.view is ProposalView.TO_DECIDE:
        parts.append(f"p.state = '{ProposalState.OPEN.value}' AND p.proposed_at > {{}} AND p.proposed_by <> {{}}")
        values += [p.since, p.account]
        # Nobody decides about himself.
        parts.append("(assessment.doctor IS NULL OR assessment.doctor <> {})")
        values.append(p.own_doctor)
    elif p.view is ProposalView.OWN:
        parts.append("p.proposed_by = {}")
        values.append(p.account)
    parts.append(f"p.region IN ({', '.join(['{}'] * len(p.regions))})")
    values += p.regions
    return QueryString(f"{_SELECT}WHERE {' AND '.join(parts)} ORDER BY p.id LIMIT {p.limit}", *values)


_listed = Statement(_list, constants=("view", "limit"))
_found = Statement(lambda p: QueryString(f"{_SELECT}WHERE p.id = {{}}", p.id))


def _record(row: Mapping[str, Any], environment: Environment) -> ProposalRecord:
    days, now = environment.settings.proposal_days, environment.clock.now()
    return ProposalRecord(
        id=row["id"],
        kind=ProposalKind(row["kind"]),
        region_id=row["region"],
        given=json.loads(row["given"]),
        reason=row["reason"],
        effect=json.loads(row["effect"]),
        digest=row["digest"],
        state=rules.state_at(ProposalState(row["state"]), row["proposed_at"], days, now),
        proposed_by=row["proposed_by"],
        proposer=row["proposer"],
        proposed_at=row["proposed_at"],
        expires_at=rules.expires_at(row["proposed_at"], days),
        decider=row["decider"],
        ended_at=row["ended_at"],
        note=row["note"],
        doctor_id=row["doctor"],
    )


async def read_proposal(environment: Environment, caller: Caller | None, proposal_id: int) -> ProposalRecord:
    """A proposal in the regions that the caller governs. Raises NotLoggedIn, Forbidden, NotFound."""
    asking = logged_in(caller)
    row = await _found.first(id=proposal_id)
    if row is None:
        authority_grant(asking)
        raise NotFound
    authority_grant(asking, row["region"])
    return _record(row, environment)


async def list_proposals(
    environment: Environment, caller: Caller | None, view: ProposalView, after: int, limit: int
) -> Sequence[ProposalRecord]:
    """The proposals of the caller's regions by key, one query: those that he may decide, his own, or all of them.
    Raises NotLoggedIn, Forbidden."""
    asking = logged_in(caller)
    reach: Reach = reach_in(asking, Role.AUTHORITY_OFFICER, Kind.PROPOSAL)
    given = {"after": after, "limit": limit, "regions": list(reach.keys), "view": view}
    if view is ProposalView.TO_DECIDE:
        given["own_doctor"] = asking.doctor_id or 0
        given["since"] = environment.clock.now() - timedelta(days=environment.settings.proposal_days)
    if view is not ProposalView.ALL:
        given["account"] = asking.account_id
    return [_record(row, environment) for row in await _listed.run(**given)]
