"""Counting and deleting what is past its time, and legal holds.

A run deletes in batches, each in a transaction of its own with its audit entry: how many of which kind, and nobody's
data. What ends a run leaves whole batches behind it, and the next one goes on. One run at a time, by a lease.
"""

import os
import secrets
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from piccolo.querystring import QueryString

from dingkao.accounts.tables import Account
from dingkao.audit.work import SYSTEM_CALLER, UnitOfWork, begin
from dingkao.db.lease import Lease, take_lease
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.errors import NotFound
from dingkao.plugin.ids import split_id
from dingkao.proctoring.deletion import count_due_faces, delete_due_faces
from dingkao.retention.due import PROTECTED_ACCOUNTS, RULES, Batch, Rule, count_due_rows, delete_batch
from dingkao.retention.rules import KINDS, Applied, Due, Kind
from dingkao.retention.tables import LegalHold
from dingkao.retention.uploads import count_unused, delete_unused, find_unused, referring_columns

_LEASE: Final = "retention"
# A run that was killed keeps the next one waiting for so long.
_LEASE_SECONDS: Final = 120.0
_KINDS: Final = {kind.code: kind for kind in KINDS}

Progress = Callable[[str, int, int], object]
"""Is told the code of the kind, the records looked at, and how many there were at the beginning."""

_records_over = Statement(
    lambda p: QueryString(
        "SELECT COUNT(*) AS number FROM assessment JOIN cycle ON cycle.id = assessment.cycle "  # noqa: S608 - our own words
        "WHERE cycle.ends_on < {} AND NOT EXISTS "
        "(SELECT 1 FROM account AS owner WHERE owner.doctor = assessment.doctor "
        f"AND owner.id IN ({PROTECTED_ACCOUNTS}))",
        p.before,
    )
)
_entries_over = Statement(
    lambda p: QueryString("SELECT COUNT(*) AS number FROM audit_entry WHERE at < {}", p.before),
)
_lease = Statement(lambda p: Lease.select(Lease.held_until).where(Lease.name == _LEASE))
_account_of_doctor = Statement(lambda p: Account.select(Account.id).where(Account.doctor == p.doctor))
_account = Statement(lambda p: Account.select(Account.id).where(Account.id == p.account))
_holds = Statement(
    lambda p: (
        LegalHold.select(LegalHold.id, LegalHold.account, LegalHold.reason, LegalHold.placed_at)
        .where(LegalHold.lifted_at.is_null())
        .order_by(LegalHold.id)
    )
)


class AlreadyRunning(RuntimeError):
    """Another run deletes at this moment, or was killed less than two minutes ago."""


class AlreadyHeld(ValueError):
    """A hold on the account is in force."""


@dataclass(frozen=True, slots=True)
class HoldRecord:
    """A legal hold in force."""

    id: int
    account: int
    reason: str
    placed_at: datetime


async def count_due(environment: Environment) -> list[Due]:
    """How many records of each kind are past their time now, in the order of KINDS. Changes nothing."""
    settings, now = environment.settings, environment.clock.now()
    rules = {rule.code: rule for rule in RULES}
    found = []
    for kind in KINDS:
        before = kind.before(settings, now)
        if kind.code in rules:
            count = await count_due_rows(rules[kind.code], before)
        elif kind.code == "uploads":
            count = await count_unused(before)
        elif kind.code == "faces":
            faces = await count_due_faces(environment)
            count = faces.time_over + faces.withdrawn + faces.not_used
        elif kind.code == "audit":
            count = int((await _entries_over.run(before=before))[0]["number"])
        else:
            count = int((await _records_over.run(before=before.date()))[0]["number"])
        found.append(Due(kind, count))
    return found


async def apply_due(environment: Environment, progress: Progress = lambda kind, done, total: None) -> Applied:
    """Delete what is past its time; audit entries and records of assessments are left to those who decide on them.

    Safe while servers run, to repeat, and to kill. What a store does not let go is logged and counted in `left`.
    Raises AlreadyRunning.
    """
    run = _Run(environment, progress)
    await run.take_lease()
    try:
        due = {each.kind.code: each.count for each in await count_due(environment)}
        deleted = Counter[str]()
        for rule in RULES:
            deleted[rule.code] = await run.rows(rule, due[rule.code])
        deleted["uploads"], left = await run.uploads(due["uploads"])
        await run.take_lease()
        faces = await delete_due_faces(environment)
        deleted["faces"] = faces.images
        progress("faces", faces.images, faces.images)
        async with begin(environment, SYSTEM_CALLER) as work:
            detail = {"deleted": {code: number for code, number in deleted.items() if number}}
            await work.record("APPLY_RETENTION", "Retention", None, detail)
    finally:
        await run.release()
    return Applied(deleted, left + faces.left)


class _Run:
    """One run: its name in the lease, and what it has to go through."""

    def __init__(self, environment: Environment, progress: Progress) -> None:
        self._environment = environment
        self._progress = progress
        self._holder = f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"

    async def take_lease(self) -> None:
        """Take the lease, or prolong it. Raises AlreadyRunning."""
        if not await take_lease(_LEASE, self._holder, self._environment.clock.now(), _LEASE_SECONDS):
            raise AlreadyRunning("another run of dingkao retention is deleting, or was killed less than 2 minutes ago")

    async def release(self) -> None:
        """Give the lease back; its end is when the last run ended."""
        await take_lease(_LEASE, self._holder, self._environment.clock.now(), -1)

    def _before(self, kind: Kind) -> datetime:
        return kind.before(self._environment.settings, self._environment.clock.now())

    async def rows(self, rule: Rule, total: int) -> int:
        """Delete the due rows of a kind; how many."""
        before, after, seen, deleted = self._before(_KINDS[rule.code]), 0, 0, 0
        while True:
            await self.take_lease()
            async with begin(self._environment, SYSTEM_CALLER) as work:
                batch = await delete_batch(rule, before, after)
                await _note(work, rule.code, batch)
            if not batch.seen:
                return deleted
            after, seen, deleted = batch.last, seen + batch.seen, deleted + batch.deleted
            self._progress(rule.code, seen, max(seen, total))

    async def uploads(self, total: int) -> tuple[int, int]:
        """Delete unused uploads: how many, and how many a store did not let go."""
        before, after, seen, deleted, left = self._before(_KINDS["uploads"]), 0, 0, 0, 0
        referring = await referring_columns()
        while rows := await find_unused(before, after, referring):
            await self.take_lease()
            after, seen = rows[-1]["id"], seen + len(rows)
            async with begin(self._environment, SYSTEM_CALLER) as work:
                batch = await delete_unused(self._environment, rows, before, referring)
                await _note(work, "uploads", batch)
            deleted, left = deleted + batch.deleted, left + batch.left
            self._progress("uploads", seen, max(seen, total))
        return deleted, left


async def _note(work: UnitOfWork, kind: str, batch: Batch) -> None:
    """The batch's audit entry. One that deleted nothing is no act and has none."""
    if batch.deleted:
        await work.record("DELETE_EXPIRED", "Retention", None, {"kind": kind, "rows": batch.deleted})
    else:
        work.recorded += 1


async def last_applied() -> datetime | None:
    """When a run last ended (or is to be taken for dead); None where none ever began."""
    row = await _lease.first()
    return row["held_until"] if row is not None else None


async def place_hold(environment: Environment, opaque: str, reason: str) -> int:
    """Keep everything of an account, or of a doctor, whatever its time; `opaque` is the id of either as the API shows
    it. Returns the hold's key. Raises NotFound, AlreadyHeld."""
    kind, key = split_id(opaque)
    if kind not in ("Account", "Doctor"):
        raise NotFound
    async with begin(environment, SYSTEM_CALLER) as work:
        row = await (_account.first(account=key) if kind == "Account" else _account_of_doctor.first(doctor=key))
        if row is None:
            raise NotFound
        if any(hold["account"] == row["id"] for hold in await _holds.run()):
            raise AlreadyHeld("a legal hold on this account is in force already: see `dingkao retention holds`")
        inserted: list[Any] = await LegalHold.insert(
            LegalHold(account=row["id"], reason=reason, placed_at=work.now)
        ).returning(LegalHold.id)
        await work.record("PLACE_LEGAL_HOLD", "Account", row["id"], {"hold": inserted[0]["id"]})
    return int(inserted[0]["id"])


async def lift_hold(environment: Environment, hold_id: int) -> None:
    """End a hold. Raises NotFound where none of this key is in force."""
    async with begin(environment, SYSTEM_CALLER) as work:
        ended: list[Any] = (
            await LegalHold.update({LegalHold.lifted_at: work.now})
            .where((LegalHold.id == hold_id) & LegalHold.lifted_at.is_null())
            .returning(LegalHold.account)
        )
        if not ended:
            raise NotFound
        await work.record("LIFT_LEGAL_HOLD", "Account", ended[0]["account"], {"hold": hold_id})


async def read_holds() -> list[HoldRecord]:
    """The holds in force, oldest first."""
    return [HoldRecord(**row) for row in await _holds.run()]
