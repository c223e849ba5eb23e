"""A use case's unit of work: one transaction, one moment, one audit entry, every transition written down."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any

from piccolo.querystring import QueryString

from dingkao.audit.tables import StateTransition
from dingkao.clock import china_date
from dingkao.db.database import transaction
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import FirstLoginOpen, NotLoggedIn
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


# Composed once: an audit entry is part of every act, of each saved answer too.
_ENTRY = ("at", "account", "session", "role", "organisation", "address", "request_id", "action", "object_type",
          "object_id", "detail")  # fmt: skip
_insert_entry = Statement(
    lambda p: QueryString(
        f"INSERT INTO audit_entry ({', '.join(_ENTRY)}) VALUES ({', '.join(['{}'] * len(_ENTRY))})",  # noqa: S608 - our own column names
        *(getattr(p, name) for name in _ENTRY),
    )
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

    @property
    def today(self) -> date:
        """The civil day in China."""
        return china_date(self.now)

    async def record(
        self, action: str, object_type: str, object_id: int | None, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Write the audit entry; `recorded` counts it. A save of answers counts its row of the history instead
        (`AnswerSave`): who, when, from where and what, in one row and not in two.

        `detail` holds codes, numbers and ids; never personal data."""
        self.recorded += 1
        await _insert_entry.run(
            at=self.now,
            account=self.caller.account_id or None,
            session=self.caller.session_id or None,
            role=self.acting.role.value,
            organisation=self.acting.organisation_id,
            address=self.caller.address,
            request_id=self.caller.request_id,
            action=action,
            object_type=object_type,
            object_id=object_id,
            detail=json.dumps(dict(detail or {}), ensure_ascii=False, sort_keys=True),
        )

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


@asynccontextmanager
async def begin(
    environment: Environment, caller: Caller | None, *, first_login_allowed: bool = False
) -> AsyncIterator[UnitOfWork]:
    """Begin a use case for a logged-in caller. Raises NotLoggedIn, FirstLoginOpen, and NoAuditEntry at the end where
    the block wrote none. Everything is undone where the block raises."""
    if caller is None:
        raise NotLoggedIn
    if caller.first_login and not first_login_allowed:
        raise FirstLoginOpen
    async with transaction():
        work = UnitOfWork(environment, caller, environment.clock.now())
        yield work
        if work.recorded == 0:
            raise NoAuditEntry("the use case wrote no audit entry")


def logged_in(caller: Caller | None) -> Caller:
    """The caller of a query. Raises NotLoggedIn, FirstLoginOpen."""
    if caller is None:
        raise NotLoggedIn
    if caller.first_login:
        raise FirstLoginOpen
    return caller
