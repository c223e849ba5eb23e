"""Proposing an act that needs two people, and withdrawing it. Deciding is in `deciding`."""

import json
from collections.abc import Mapping
from typing import Any

from dingkao.access.rules import authority_grant, refuse_own
from dingkao.assessments.text import TextError, check_text
from dingkao.audit.work import UnitOfWork, begin
from dingkao.db.database import is_postgresql
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.institutions.tables import Region
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, Forbidden, StateConflict, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.proposals import rules
from dingkao.proposals.acts import Act, foresee
from dingkao.proposals.records import ProposalRecord, read_proposal
from dingkao.proposals.tables import Proposal
from dingkao.proposals.vocabulary import ProposalState

# The longest note of who decides, in characters as people count them.
NOTE_MAXIMUM = 1000

_lock_region = Statement(lambda p: Region.select(Region.id).where(Region.id == p.id).lock_rows())
_lock = Statement(lambda p: Proposal.select(Proposal.id).where(Proposal.id == p.id).lock_rows())
_open = Statement(
    lambda p: Proposal.select(Proposal.id, Proposal.proposed_at).where(
        (Proposal.kind == p.kind) & (Proposal.about == p.about) & (Proposal.state == ProposalState.OPEN.value)
    )
)


async def propose(
    environment: Environment, caller: Caller | None, act: Act, *, about: str, given: Mapping[str, Any], reason: str
) -> int:
    """Propose `act` with its exact input `given`, which concerns `about`; nothing changes before another officer
    confirms. It is tried first, so that what cannot be done is refused at once. Returns the proposal's key.

    Raises what the act raises, StateConflict (PROPOSED_ALREADY).
    """
    performed = await foresee(environment, caller, act, given, reason)
    async with begin(environment, caller) as work:
        work.acting = authority_grant(work.caller, performed.region_id)
        if is_postgresql():
            # Of two officers who propose the same at once, the second finds the first one's proposal.
            await _lock_region.run(id=performed.region_id)
        await _make_way(work, act, about)
        digest = act.digest(given, reason, performed)
        inserted = await Proposal.insert(
            Proposal(
                kind=act.kind.value,
                about=about,
                region=performed.region_id,
                assessment=performed.assessment_id,
                given=json.dumps(dict(given), ensure_ascii=False, sort_keys=True),
                reason=reason,
                effect=json.dumps(dict(performed.effect), ensure_ascii=False, sort_keys=True),
                digest=digest,
                proposed_by=work.caller.account_id,
                organisation=work.acting.organisation_id,
                proposed_at=work.now,
            )
        ).returning(Proposal.id)
        key = int(inserted[0]["id"])
        await work.record(f"PROPOSE_{act.kind.value}", "Proposal", key, {**given, "digest": digest})
        return key


async def _make_way(work: UnitOfWork, act: Act, about: str) -> None:
    """An earlier proposal of the same stands in the way until its time is over."""
    earlier = await _open.first(kind=act.kind.value, about=about)
    if earlier is None:
        return
    days = work.environment.settings.proposal_days
    if rules.state_at(ProposalState.OPEN, earlier["proposed_at"], days, work.now) is ProposalState.OPEN:
        text = Text("已有人提出，待另一人复核。", "It was proposed already and waits for another officer.")
        raise StateConflict("PROPOSED_ALREADY", text, ProposalState.OPEN.value)
    ended = rules.expires_at(earlier["proposed_at"], days)
    await Proposal.update({Proposal.state: ProposalState.EXPIRED.value, Proposal.ended_at: ended}).where(
        Proposal.id == earlier["id"]
    )


async def lock_proposal(work: UnitOfWork, proposal_id: int) -> ProposalRecord:
    """The proposal, locked until the transaction ends; sets `work.acting`. Raises Forbidden (also for the doctor
    whom it is about), NotFound."""
    if is_postgresql():
        await _lock.run(id=proposal_id)
    record = await read_proposal(work.environment, work.caller, proposal_id)
    work.acting = authority_grant(work.caller, record.region_id)
    refuse_own(work.caller, record.doctor_id)
    await work.find("Proposal", proposal_id)
    return record


async def withdraw_proposal(environment: Environment, caller: Caller | None, proposal_id: int) -> None:
    """Take back one's own proposal while nobody has decided it. Raises NotLoggedIn, NotFound, Forbidden (another's),
    StateConflict (PROPOSAL_NOT_OPEN)."""
    async with begin(environment, caller) as work:
        record = await lock_proposal(work, proposal_id)
        if record.proposed_by != work.caller.account_id:
            raise Forbidden
        rules.require_open(record.state)
        await Proposal.update({Proposal.state: ProposalState.WITHDRAWN.value, Proposal.ended_at: work.now}).where(
            Proposal.id == proposal_id
        )
        await work.record("WITHDRAW_PROPOSAL", "Proposal", proposal_id, {"kind": record.kind.value})


def checked_note(note: str) -> str:
    """The note, normalised; it may be empty. Raises ValidationFailed."""
    try:
        return check_text(note, NOTE_MAXIMUM).text.strip()
    except TextError as error:
        raise ValidationFailed([FieldProblem("note", error.code.upper(), error.text)]) from error
