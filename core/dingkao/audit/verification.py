"""Walking the chain: whether every entry is there, in order, unchanged; whether the histories of saves are."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from piccolo.querystring import QueryString

from dingkao.audit.chain import CONTENT, NOTHING, entry_digest, history_digest
from dingkao.audit.histories import SAVE, save_values
from dingkao.audit.keys import UnknownKey, key_named
from dingkao.db.statement import Statement
from dingkao.environment import Environment

# Rows that are in memory at once.
PAGE = 5_000
PRUNED = "PRUNE_AUDIT"

_columns = ", ".join((*CONTENT, "previous", "digest"))
_page = Statement(
    lambda p: QueryString(
        f"SELECT {_columns} FROM audit_entry WHERE id > {{}} ORDER BY id LIMIT {PAGE}",  # noqa: S608 - our own names
        p.after,
    )
)
_head = Statement(lambda p: QueryString("SELECT number, digest FROM audit_head WHERE id = {}", p.id))
_retention = Statement(
    lambda p: QueryString(
        "SELECT last_entry, digest FROM audit_retention WHERE last_entry > {} ORDER BY last_entry DESC LIMIT 1", p.after
    )
)
_saves = Statement(
    lambda p: QueryString(
        f"SELECT attempt, {', '.join(SAVE)} FROM answer_save "  # noqa: S608
        f"WHERE attempt IN ({', '.join(['{}'] * len(p.attempts))}) ORDER BY attempt, revision",
        *p.attempts,
    )
)


@dataclass(frozen=True, slots=True)
class Broken:
    """The first place where the chain does not hold: the entry's number, a code, and what is wrong with it."""

    number: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a walk found: entries and saves that were looked at, the numbers of the first and last entry, the digest of
    the last, and the first that is broken."""

    entries: int
    saves: int
    first: int
    last: int
    digest: str
    broken: Broken | None


@dataclass(frozen=True, slots=True)
class Expected:
    """An entry that a checkpoint says there was."""

    number: int
    digest: str


async def chain_head() -> Expected | None:
    """How far the chain goes, by the head's row; None where the row is gone."""
    row = await _head.first(id=1)
    return None if row is None else Expected(int(row["number"]), str(row["digest"]))


async def chain_start() -> Expected:
    """The entry behind which what is left of the chain begins: number 0, or the last one that retention deleted."""
    row = await _retention.first(after=0)
    return Expected(0, NOTHING) if row is None else Expected(int(row["last_entry"]), str(row["digest"]))


async def verify_chain(
    environment: Environment,
    *,
    expected: Expected | None = None,
    progress: Callable[[int], object] = lambda entries: None,
) -> Verified:
    """Walk from what retention left to the head. `expected`: an entry of a signed checkpoint, which must be there.
    `progress` is told how many entries were walked, page by page.

    Stops at the first entry that does not hold. Entries that are written meanwhile are walked too.
    """
    walk = _Walk(environment, await chain_start(), expected)
    async for rows in _pages(walk.number):
        broken = walk.page(rows) or await walk.histories(rows)
        if broken is not None:
            return walk.result(broken)
        progress(len(rows))
    return walk.result(walk.unmet() or await _compare_head(walk))


async def _pages(after: int) -> AsyncIterator[list[Any]]:
    while rows := await _page.run(after=after):
        yield rows
        after = int(rows[-1]["id"])


async def _compare_head(walk: "_Walk") -> Broken | None:
    head = await chain_head()
    if head is None:
        return Broken(walk.number, "NO_HEAD", "the row of the table audit_head is gone")
    if head.number > walk.number:
        # Somebody may have appended since the last page.
        later = [row async for rows in _pages(walk.number) for row in rows if row["id"] <= head.number]
        broken = walk.page(later) or await walk.histories(later)
        if broken is not None:
            return broken
    if head.number > walk.number:
        text = f"the chain goes to {head.number}, the entries to {walk.number}: the last ones were taken away"
        return Broken(walk.number + 1, "TRUNCATED", text)
    if (head.number, head.digest) != (walk.number, walk.digest):
        return Broken(walk.number, "OTHER_HEAD", "the head of the chain is not the last entry's digest")
    return None


class _Walk:
    """Where a walk has come to."""

    def __init__(self, environment: Environment, start: Expected, expected: Expected | None) -> None:
        self._environment = environment
        self._start = start
        self._expected = expected
        self._secrets: dict[str, bytes] = {}
        # What retention deleted stands in the chain too, in an entry of its own.
        self._prunings: set[tuple[int, str]] = set()
        self.number, self.digest = start.number, start.digest
        self.entries = self.saves = 0

    def result(self, broken: Broken | None) -> Verified:
        return Verified(self.entries, self.saves, self._start.number + 1, self.number, self.digest, broken)

    def page(self, rows: list[Any]) -> Broken | None:
        """The first of consecutive rows that does not continue the chain."""
        for row in rows:
            broken = self._entry(row)
            if broken is not None:
                return broken
        return None

    def _entry(self, row: Mapping[str, Any]) -> Broken | None:
        number = int(row["id"])
        if number != self.number + 1:
            text = f"entry {self.number + 1} is missing: the next one there is {number}"
            return Broken(self.number + 1, "MISSING", text)
        if row["previous"] != self.digest:
            return Broken(number, "NOT_CONTINUED", "it does not continue the entry before it")
        try:
            secret = self._secret(row["key"])
        except UnknownKey as error:
            return Broken(number, "UNKNOWN_KEY", str(error))
        if entry_digest(secret, row, self.digest) != row["digest"]:
            return Broken(number, "CHANGED", "its digest is not that of what it says: it was changed")
        if self._expected is not None and number == self._expected.number and row["digest"] != self._expected.digest:
            return Broken(number, "CHAINED_ANEW", "the checkpoint has another digest for it: the chain was made anew")
        if row["action"] == PRUNED:
            detail = json.loads(row["detail"])
            self._prunings.add((int(detail["last"]), str(detail["digest"])))
        self.number, self.digest = number, row["digest"]
        self.entries += 1
        return None

    def unmet(self) -> Broken | None:
        """What the whole walk did not find: the checkpoint's entry, the entry of the deletion."""
        if self._expected is not None and self._start.number < self._expected.number > self.number:
            text = f"the checkpoint's entry {self._expected.number} is not there: the last entries were taken away"
            return Broken(self.number + 1, "TRUNCATED", text)
        if self._start.number and (self._start.number, self._start.digest) not in self._prunings:
            text = "entries were deleted, and the chain has no entry of that"
            return Broken(self._start.number, "PRUNED_UNSAID", text)
        return None

    async def histories(self, rows: list[Any]) -> Broken | None:
        """The first of the entries that end an attempt whose saves are not those that it signed."""
        of_attempts = (row for row in rows if row["object_type"] == "Attempt")
        ended = {int(row["id"]): row for row in of_attempts if '"history"' in row["detail"]}
        if not ended:
            return None
        attempts = sorted({int(row["object_id"]) for row in ended.values()})
        saves: dict[int, list[list[Any]]] = {}
        # A few hundred attempts at once: each may have hundreds of saves.
        for start, end in pairwise([*range(0, len(attempts), 256), len(attempts)]):
            for save in await _saves.run(attempts=attempts[start:end]):
                saves.setdefault(int(save["attempt"]), []).append(save_values(save))
        for number, row in ended.items():
            detail = json.loads(row["detail"])
            # An attempt that was reopened has more of them than its first end signed.
            found = saves.get(int(row["object_id"]), [])[: detail["saves"]]
            if history_digest(self._secret(row["key"]), found) != detail["history"]:
                text = f"the saves of attempt {row['object_id']} (table answer_save) are not those that it signed"
                return Broken(number, "SAVES_CHANGED", text)
            self.saves += len(found)
        return None

    def _secret(self, key_id: str) -> bytes:
        if key_id not in self._secrets:
            self._secrets[key_id] = key_named(self._environment, key_id).secret
        return self._secrets[key_id]
