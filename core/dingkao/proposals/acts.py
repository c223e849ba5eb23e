"""An act that needs two people: carried out by one function, tried by the same one.

`perform` is asked three times: tried for the proposal, tried for who looks before deciding, and carried out in the
decision's transaction. A trial is the act itself in a transaction that is undone, so that nobody is shown anything else
than what would happen. It holds the locks of the act while it lasts.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dingkao.audit.work import UnitOfWork, logged_in
from dingkao.db.database import transaction
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.proposals import rules
from dingkao.proposals.vocabulary import ProposalKind


@dataclass(frozen=True, slots=True)
class Performed:
    """What an act has done: in which region, `effect` as it is shown (JSON: counts, keys, codes), and `changes`, a text
    that differs where a single change differs; to which assessment, where it is about one doctor."""

    region_id: int
    effect: Mapping[str, Any]
    changes: str = ""
    assessment_id: int | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """`perform(work, given, reason)` checks the caller's rights and the state, does it, writes its audit entry and
    raises whatever the use case raises. `prepare` runs before, in transactions of its own."""

    kind: ProposalKind
    perform: Callable[[UnitOfWork, Mapping[str, Any], str], Awaitable[Performed]]
    prepare: Callable[[Environment], Awaitable[None]] | None = None

    def digest(self, given: Mapping[str, Any], reason: str, performed: Performed) -> str:
        """See `rules.digest_of`."""
        return rules.digest_of(self.kind, given, reason, performed.effect, performed.changes)


class _Undo(Exception):
    def __init__(self, performed: Performed) -> None:
        super().__init__("the end of a trial")
        self.performed = performed


async def foresee(
    environment: Environment, caller: Caller | None, act: Act, given: Mapping[str, Any], reason: str
) -> Performed:
    """Try the act as `caller` and undo it: what it would do now. Raises NotLoggedIn, FirstLoginOpen, SecondFactorOpen,
    and what the act raises."""
    asking = logged_in(caller)
    if act.prepare is not None:
        await act.prepare(environment)
    try:
        async with transaction():
            work = UnitOfWork(environment, asking, environment.clock.now())
            raise _Undo(await act.perform(work, given, reason))
    except _Undo as undone:
        return undone.performed
