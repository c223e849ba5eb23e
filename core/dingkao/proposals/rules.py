"""When a proposal may be decided, and by whom; what exactly was shown. Pure."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dingkao.plugin.errors import StateConflict
from dingkao.plugin.text import Text
from dingkao.proposals.vocabulary import ProposalKind, ProposalState


def expires_at(proposed_at: datetime, days: int) -> datetime:
    """From when on a proposal cannot be decided any more; `days` as the setting says now."""
    return proposed_at + timedelta(days=days)


def state_at(state: ProposalState, proposed_at: datetime, days: int, now: datetime) -> ProposalState:
    """The state of a proposal at `now`: one that is open beyond its time has expired, whatever its row says."""
    if state is ProposalState.OPEN and now >= expires_at(proposed_at, days):
        return ProposalState.EXPIRED
    return state


def digest_of(
    kind: ProposalKind, given: Mapping[str, Any], reason: str, effect: Mapping[str, Any], changes: str
) -> str:
    """The SHA-256, in hex, over an act's exact input and what it does; `changes` stands for its single changes, where
    the effect only counts them."""
    content = [kind.value, given, reason, effect, changes]
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def may_decide(state: ProposalState, proposed_by: int, account: int) -> bool:
    """Whether `account` may decide, its rights apart: another person than the one who proposed, in time."""
    return state is ProposalState.OPEN and proposed_by != account


def require_decidable(state: ProposalState, proposed_by: int, account: int) -> None:
    """Raises StateConflict: PROPOSAL_NOT_OPEN, PROPOSER_CANNOT_DECIDE."""
    require_open(state)
    if not may_decide(state, proposed_by, account):
        text = Text("须由另一人复核，提出人不能自行确认。", "Another person than the one who proposed decides.")
        raise StateConflict("PROPOSER_CANNOT_DECIDE", text, state.value)


def require_open(state: ProposalState) -> None:
    """Raises StateConflict (PROPOSAL_NOT_OPEN)."""
    if state is not ProposalState.OPEN:
        text = Text("该事项已处理、已撤回或已过期。", "It was decided, withdrawn, or its time is over.")
        raise StateConflict("PROPOSAL_NOT_OPEN", text, state.value)


def require_as_shown(shown: str | None, now: str) -> None:
    """Raises StateConflict (PROPOSAL_MOVED) where the act would do something else than what was shown."""
    if shown != now:
        text = Text(
            "情况已变化，与所核对的内容不一致，请重新核对后再确认。",
            "What it would do has changed since it was shown; look again, then confirm.",
        )
        raise StateConflict("PROPOSAL_MOVED", text, ProposalState.OPEN.value)
