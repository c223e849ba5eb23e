"""Which rows are due, and deleting them: a batch at a time, each of one transaction.

What belongs to an account under a legal hold, or to a doctor whose objection is open, is left where it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from piccolo.querystring import QueryString

from dingkao.db.statement import Statement

BATCH: Final = 500
"""Rows of one transaction: others wait for it on SQLite, and for its rows on PostgreSQL."""

# The accounts that nothing is taken from: by a hold, or by an objection (复核) that is not decided.
_PROTECTED: Final = (
    "SELECT hold.account AS account FROM legal_hold AS hold WHERE hold.lifted_at IS NULL{held} "
    "UNION SELECT owner.id AS account FROM account AS owner JOIN assessment ON assessment.doctor = owner.doctor "
    "JOIN result ON result.assessment = assessment.id WHERE result.state = 'REEXAMINATION_REQUESTED'{owned}"
)
PROTECTED_ACCOUNTS: Final = _PROTECTED.format(held="", owned="")
"""SQL that gives the keys of all of them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Where the records of a kind lie. `condition` is SQL over the columns of `table`, with `moments` places for the
    moment before which they are due; `account` the column that says whose a row is, if any does. `below`: the table and
    column by which other rows hang on these."""

    code: str
    table: str
    condition: str
    moments: int = 1
    account: str | None = None
    below: tuple[str, str] | None = None


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "sessions",
        "session",
        # The newest stays: SQLite would give its number to another, and the audit names sessions by their numbers.
        "(ended_at < {} OR ends_at < {}) AND id < (SELECT MAX(id) FROM session)",
        2,
        "account",
        ("session_token", "session"),
    ),
    Rule("sms-codes", "phone_code", "expires_at < {}", 1, "account"),
    Rule(
        "activation-codes",
        "activation_code",
        "(used_at < {} OR revoked_at < {} OR expires_at < {})",
        3,
        "account",
    ),
    Rule("second-factors", "second_factor", "(confirmed_at IS NULL AND created_at < {})", 1, "account"),
    Rule("login-failures", "throttle", "last_failed_at < {}"),
    Rule("messages", "outbox_message", "created_at < {}"),
)


def _listed(slots: Sequence[Any]) -> str:
    return ", ".join("{}" for _ in slots)


def _count_of(rule: Rule) -> Statement:
    mine = f" AND ({rule.account} IS NULL OR {rule.account} NOT IN ({PROTECTED_ACCOUNTS}))" if rule.account else ""
    text = f"SELECT COUNT(*) AS number FROM {rule.table} WHERE {rule.condition}{mine}"  # noqa: S608 - words of our own
    return Statement(lambda p: QueryString(text, *[p.before] * rule.moments))


def _page_of(rule: Rule) -> Statement:
    account = f", {rule.account} AS account" if rule.account else ""
    text = f"SELECT id{account} FROM {rule.table} WHERE id > {{}} AND {rule.condition} ORDER BY id LIMIT {BATCH}"  # noqa: S608
    return Statement(lambda p: QueryString(text, p.after, *[p.before] * rule.moments))


def _deletion_of(rule: Rule) -> Statement:
    def build(p: Any) -> QueryString:
        text = f"DELETE FROM {rule.table} WHERE id IN ({_listed(p.ids)}) AND {rule.condition} RETURNING id"  # noqa: S608
        return QueryString(text, *p.ids, *[p.before] * rule.moments)

    return Statement(build)


def _deletion_below(rule: Rule) -> Statement | None:
    if rule.below is None:
        return None
    table, column = rule.below
    return Statement(
        lambda p: QueryString(f"DELETE FROM {table} WHERE {column} IN ({_listed(p.ids)})", *p.ids)  # noqa: S608
    )


_protected = Statement(
    lambda p: QueryString(
        _PROTECTED.format(
            held=f" AND hold.account IN ({_listed(p.accounts)})", owned=f" AND owner.id IN ({_listed(p.accounts)})"
        ),
        *p.accounts,
        *p.accounts,
    )
)
_COUNTS = {rule.code: _count_of(rule) for rule in RULES}
_PAGES = {rule.code: _page_of(rule) for rule in RULES}
_DELETIONS = {rule.code: _deletion_of(rule) for rule in RULES}
_BELOW = {rule.code: statement for rule in RULES if (statement := _deletion_below(rule)) is not None}


async def protected(accounts: Sequence[int | None]) -> set[int]:
    """Those of `accounts` that nothing is taken from now."""
    known = sorted({account for account in accounts if account is not None})
    return {row["account"] for row in await _protected.run(accounts=known)}


async def count_due_rows(rule: Rule, before: datetime) -> int:
    """How many rows of the rule are due."""
    return int((await _COUNTS[rule.code].run(before=before))[0]["number"])


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction did: rows looked at, rows deleted, behind which key the next one begins, and how many a
    store did not let go."""

    seen: int
    deleted: int
    last: int
    left: int = 0


async def delete_batch(rule: Rule, before: datetime, after: int) -> Batch:
    """Delete the next due rows behind the key `after`; inside the caller's transaction."""
    rows = await _PAGES[rule.code].run(after=after, before=before)
    if not rows:
        return Batch(0, 0, after)
    held = await protected([row["account"] for row in rows]) if rule.account else set()
    ids = [row["id"] for row in rows if not rule.account or row["account"] not in held]
    below = _BELOW.get(rule.code)
    if below is not None:
        await below.run(ids=ids)
    gone = await _DELETIONS[rule.code].run(ids=ids, before=before)
    return Batch(len(rows), len(gone), rows[-1]["id"])
