"""The second person's part: to see what an act would do now, and to confirm or refuse it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from dingkao.access.rules import refuse_own
from dingkao.accounts.step_up import step_up
from dingkao.audit.work import begin, logged_in
from dingkao.environment import Environment
from dingkao.papers.pass_mark import SET_PASS_MARK
from dingkao.papers.question_voiding import VOID_QUESTION
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, StateConflict, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.proposals import rules
from dingkao.proposals.acts import Act, Performed, foresee
from dingkao.proposals.records import ProposalRecord, read_proposal
from dingkao.proposals.service import checked_note, lock_proposal
from dingkao.proposals.tables import Proposal
from dingkao.proposals.vocabulary import ProposalKind, ProposalState
from dingkao.results.annulling import ANNUL_RESULT

ACTS: Mapping[ProposalKind, Act] = {act.kind: act for act in (ANNUL_RESULT, VOID_QUESTION, SET_PASS_MARK)}


@dataclass(frozen=True, slots=True)
class Preview:
    """What a proposal would do now, and the digest to confirm it with; or what stands in its way."""

    record: ProposalRecord
    performed: Performed | None
    digest: str | None
    obstacle: StateConflict | None


async def preview_proposal(environment: Environment, caller: Caller | None, proposal_id: int) -> Preview:
    """Try an open proposal as the caller, and undo it. Raises NotLoggedIn, Forbidden, NotFound."""
    record = await read_proposal(environment, caller, proposal_id)
    act = ACTS[record.kind]
    try:
        rules.require_open(record.state)
        performed = await foresee(environment, caller, act, record.given, record.reason)
    except StateConflict as conflict:
        return Preview(record, None, None, conflict)
    return Preview(record, performed, act.digest(record.given, record.reason, performed), None)


@step_up("DECIDE_PROPOSAL", Text("复核他人提出的事项", "confirm or refuse what another officer has proposed"))
async def decide_proposal(
    environment: Environment,
    caller: Caller | None,
    proposal_id: int,
    *,
    confirm: bool,
    digest: str | None = None,
    note: str = "",
) -> None:
    """Confirm or refuse, as another person than the one who proposed. Confirmed, the act is carried out in the same
    transaction, if it does what `digest` says: that of the preview, or of the proposal where nothing has moved.

    Raises NotLoggedIn, NotFound, Forbidden, ValidationFailed (digest, note), StateConflict: PROPOSAL_NOT_OPEN,
    PROPOSER_CANNOT_DECIDE, PROPOSAL_MOVED, and what the act raises.
    """
    found = await read_proposal(environment, caller, proposal_id)
    refuse_own(logged_in(caller), found.doctor_id)
    text = checked_note(note)
    if confirm and not digest:
        required = Text("请先核对将要执行的内容。", "Give the digest of what was shown to you.")
        raise ValidationFailed([FieldProblem("digest", "REQUIRED", required)])
    act = ACTS[found.kind]
    if confirm and act.prepare is not None:
        await act.prepare(environment)
    async with begin(environment, caller) as work:
        record = await lock_proposal(work, proposal_id)
        rules.require_decidable(record.state, record.proposed_by, work.caller.account_id)
        governing = work.acting
        effect, now = record.effect, record.digest
        if confirm:
            performed = await act.perform(work, record.given, record.reason)
            effect, now = performed.effect, act.digest(record.given, record.reason, performed)
            rules.require_as_shown(digest, now)
        state = ProposalState.CONFIRMED if confirm else ProposalState.REFUSED
        await Proposal.update(
            {
                Proposal.state: state.value,
                Proposal.decided_by: work.caller.account_id,
                Proposal.ended_at: work.now,
                Proposal.effect: json.dumps(dict(effect), ensure_ascii=False, sort_keys=True),
                Proposal.digest: now,
                Proposal.note: text,
            }
        ).where(Proposal.id == proposal_id)
        work.acting = governing
        action = "CONFIRM_PROPOSAL" if confirm else "REFUSE_PROPOSAL"
        detail = {**record.given, "kind": record.kind.value, "proposedBy": record.proposed_by, "digest": now}
        await work.record(action, "Proposal", proposal_id, detail)
