"""A use case's unit of work: one transaction, one moment, one audit entry, every transition written down."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any

from dingkao.audit.appending import append, digest_of, read_digest
from dingkao.audit.chain import text_digest
from dingkao.audit.keys import current_key
from dingkao.audit.tables import StateTransition
from dingkao.clock import china_date
from dingkao.db.database import transaction
from dingkao.environment import Environment
from dingkao.logs import mask_text
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import FirstLoginOpen, NotLoggedIn, SecondFactorOpen
from dingkao.plugin.text import Language
from dingkao.plugin.vocabulary import Role

SYSTEM_CALLER = Caller(
    account_id=0,
    session_id=0,
    name="system",
    doctor_id=None,
    grants=(RoleGrant(Role.SYSTEM, None),),
    first_login=False,
    language=Language.CHINESE,
    request_id="system",
    address="",
)


class NoAuditEntry(RuntimeError):
    """A use case ended without an audit entry: a mistake in the program; the transaction is undone."""


class UnitOfWork:
    """Handed to a service's steps. `acting` is the grant in whose name the caller acts; set it once it is known."""

    def __init__(self, environment: Environment, caller: Caller, now: datetime) -> None:
        self.environment = environment
        self.caller = caller
        self.now = now
        self.acting: RoleGrant = caller.grants[0] if caller.grants else RoleGrant(Role.SYSTEM, None)
        self.recorded = 0
        self._entries: list[dict[str, Any]] = []
        self._before: dict[tuple[str, int], Mapping[str, Any] | str] = {}

    @property
    def today(self) -> date:
        """The civil day in China."""
        return china_date(self.now)

    def found(self, object_type: str, object_id: int, row: Mapping[str, Any]) -> None:
        """Tell how an object was when it was locked, for the digest of before: where its row is read anyway. `row` has
        the columns that the table names in `_digested`, under the database's names."""
        self._before.setdefault((object_type, object_id), row)

    async def find(self, object_type: str, object_id: int) -> None:
        """As `found`, by one query: where the object's row is not read otherwise. Before it is changed, behind its
        lock."""
        key = current_key(self.environment)
        self._before[(object_type, object_id)] = await read_digest(key, object_type, object_id)

    def digest(self, kind: str, text: str) -> str:
        """The keyed digest of a text that an entry must not hold, or not at its length. `kind` says what it is."""
        return text_digest(current_key(self.environment).secret, kind, text)

    async def record(
        self,
        action: str,
        object_type: str,
        object_id: int | None,
        detail: Mapping[str, Any] | None = None,
        *,
        result: str = "OK",
        role: str | None = None,
    ) -> None:
        """Keep an audit entry for the end of the act, where it is written behind the others of the chain; `recorded`
        counts it. A save of answers counts its row of the history instead (`AnswerSave`): who, when, from where and
        what, in one row and not in two.

        `detail` holds codes, numbers and ids; never personal data. Under `reason` it may hold what a person wrote, in
        which numbers of persons are masked. `result` is OK or the code of a refusal.
        `role` where it is not that of `acting`.
        """
        self.recorded += 1
        before = self._before.get((object_type, object_id), "") if object_id is not None else ""
        if not isinstance(before, str):
            before = digest_of(current_key(self.environment), object_type, before)
        self._entries.append(
            {
                "at": self.now,
                "account": self.caller.account_id or None,
                "session": self.caller.session_id or None,
                "role": role or self.acting.role.value,
                "organisation": self.acting.organisation_id,
                "address": self.caller.address,
                "request_id": self.caller.request_id,
                "action": action,
                "object_type": object_type,
                "object_id": object_id,
                "result": result,
                "before": before,
                "detail": json.dumps(_masked_reason(detail or {}), ensure_ascii=False, sort_keys=True),
            }
        )

    async def write_entries(self) -> None:
        """Append what was recorded to the chain: the last thing that a transaction does. Raises NoHead."""
        if self._entries:
            await append(current_key(self.environment), self._entries)
            self._entries = []

    async def record_transition(
        self,
        *,
        machine: str,
        object_id: int,
        assessment_id: int,
        source: str,
        event: str,
        target: str,
        reason: str = "",
        policy_version: str = "",
    ) -> None:
        """Write a transition in the transaction that makes it (design: States)."""
        await StateTransition.insert(
            StateTransition(
                at=self.now,
                machine=machine,
                object_id=object_id,
                assessment=assessment_id,
                source=source,
                event=event,
                target=target,
                account=self.caller.account_id or None,
                role=self.acting.role.value,
                organisation=self.acting.organisation_id,
                reason=reason,
                policy_version=policy_version,
            )
        )


def _masked_reason(detail: Mapping[str, Any]) -> dict[str, Any]:
    """`detail` with the numbers of persons in a reason masked: an entry is kept for years and never changed."""
    reason = detail.get("reason")
    return {**detail, "reason": mask_text(reason)} if isinstance(reason, str) else dict(detail)


@asynccontextmanager
async def begin(
    environment: Environment,
    caller: Caller | None,
    *,
    first_login_allowed: bool = False,
    second_factor_missing_allowed: bool = False,
) -> AsyncIterator[UnitOfWork]:
    """Begin a use case for a logged-in caller. Raises NotLoggedIn, FirstLoginOpen, SecondFactorOpen, and NoAuditEntry
    at the end where the block wrote none. Everything is undone where the block raises."""
    if caller is None:
        raise NotLoggedIn
    if caller.first_login and not first_login_allowed:
        raise FirstLoginOpen
    if caller.second_factor_open and not second_factor_missing_allowed:
        raise SecondFactorOpen
    async with transaction():
        work = UnitOfWork(environment, caller, environment.clock.now())
        yield work
        if work.recorded == 0:
            raise NoAuditEntry("the use case wrote no audit entry")
        await work.write_entries()


def logged_in(caller: Caller | None) -> Caller:
    """The caller of a query. Raises NotLoggedIn, FirstLoginOpen, SecondFactorOpen."""
    if caller is None:
        raise NotLoggedIn
    if caller.first_login:
        raise FirstLoginOpen
    if caller.second_factor_open:
        raise SecondFactorOpen
    return caller
