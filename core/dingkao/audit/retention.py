"""Deleting entries after their time: never before 183 days (the database refuses it too), and never without leaving a
signed checkpoint and an entry that says so."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from piccolo.querystring import QueryString

from dingkao.audit.checkpoints import ChainBroken, make_checkpoint
from dingkao.audit.tables import LEAST_DAYS, AuditRetention
from dingkao.audit.verification import PRUNED, Expected, verify_chain
from dingkao.audit.work import begin
from dingkao.clock import CHINA
from dingkao.db.database import fetch, is_postgresql
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller

# The entry before the first that is too young: an act's moment is its beginning, so times are not quite in order.
_last_before = Statement(
    lambda p: QueryString(
        "SELECT id, digest FROM audit_entry WHERE id < "
        "COALESCE((SELECT MIN(id) FROM audit_entry WHERE at >= {}), 9223372036854775807) ORDER BY id DESC LIMIT 1",
        p.before,
    )
)
_hold = Statement(lambda p: QueryString("SELECT id FROM legal_hold WHERE lifted_at IS NULL LIMIT 1"))
_count = Statement(lambda p: QueryString("SELECT COUNT(*) AS number FROM audit_entry WHERE id <= {}", p.last))
_delete = Statement(lambda p: QueryString("DELETE FROM audit_entry WHERE id <= {}", p.last))


class TooYoung(ValueError):
    """Entries are to be deleted that must be kept; the message says for how long."""


class HoldInForce(ValueError):
    """A legal hold is in force: of a chain no entries can be left out, so that all of them stay."""


@dataclass(frozen=True, slots=True)
class Pruning:
    """What was deleted: how many entries, up to which, and the checkpoint that was signed before."""

    entries: int
    last: int
    checkpoint: dict[str, Any]


def keep_until(environment: Environment) -> datetime:
    """Entries before this moment may be deleted."""
    return environment.clock.now() - timedelta(days=max(LEAST_DAYS, environment.settings.audit_days))


async def prune_entries(
    environment: Environment,
    caller: Caller,
    before: date,
    keep_checkpoint: Callable[[dict[str, Any]], object],
    progress: Callable[[int], object] = lambda entries: None,
) -> Pruning | None:
    """Delete the entries before the day (in China) `before`, in one transaction, behind a checkpoint that
    `keep_checkpoint` has put away; None where there are none.

    Raises TooYoung for a day too late, HoldInForce while anybody's records are kept for a court or an inquiry, and
    ChainBroken where the chain does not hold: what is broken is not thrown away.
    """
    moment = datetime.combine(before, datetime.min.time(), CHINA)
    if moment > keep_until(environment):
        days = max(LEAST_DAYS, environment.settings.audit_days)
        raise TooYoung(f"audit entries are kept for {days} days: the day may be {keep_until(environment):%Y-%m-%d}")
    if await _hold.run():
        raise HoldInForce("a legal hold is in force: no audit entry is deleted until `dingkao retention lift` ends it")
    row = await _last_before.first(before=moment)
    if row is None:
        return None
    verified = await verify_chain(environment, progress=progress)
    if verified.broken is not None:
        raise ChainBroken(verified.broken)
    last, digest = int(row["id"]), str(row["digest"])
    checkpoint = make_checkpoint(environment, Expected(verified.last, verified.digest))
    keep_checkpoint(checkpoint)
    async with begin(environment, caller) as work:
        entries = int((await _count.run(last=last))[0]["number"])
        await AuditRetention.insert(AuditRetention(last_entry=last, digest=digest, pruned_at=work.now, entries=entries))
        if is_postgresql():
            # Millions of rows may take longer than any request's statement is given.
            await fetch("SET LOCAL statement_timeout = '30min'")
        await _delete.run(last=last)
        await work.record(PRUNED, "AuditEntry", last, {"last": last, "digest": digest, "entries": entries})
    return Pruning(entries, last, checkpoint)
