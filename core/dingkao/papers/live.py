"""The live view of a sitting (实时监考): what has changed, told to everybody who watches.

However many watch a sitting, it is read once a turn in each process; each watcher is told what is new to him. Nothing
is queued: who reads slowly is told the newest state later, and skips what lay between. Nothing depends on it: the plain
query `sitting` has the same data.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakKeyDictionary

from dingkao.audit.work import logged_in
from dingkao.db.database import Database
from dingkao.environment import Environment
from dingkao.logs import get_logger
from dingkao.papers.sitting_time import sitting_grant
from dingkao.papers.watching import SittingEntry, sitting_entries
from dingkao.plugin.caller import Caller
from dingkao.plugin.vocabulary import PaperSubject

# Rows of one query; a sitting is read in so many at a time.
_BATCH = 500
# Reading takes at most one part in so many of the time, however large the sitting and slow the database.
_SHARE = 10

_log = get_logger("dingkao.papers")


@dataclass(frozen=True, slots=True)
class SittingKey:
    """A sitting: one subject, sat by the doctors of one assessment body in a cycle."""

    cycle_id: int
    body_id: int
    subject: PaperSubject


@dataclass(frozen=True, slots=True)
class SittingNews:
    """What is new at an instant (UTC): doctors who came or changed, and papers that are no longer of the page."""

    at: datetime
    changed: list[SittingEntry]
    gone: list[int]


class _Watched:
    """One sitting that somebody watches: its newest state, and the task that reads it again and again."""

    def __init__(self, environment: Environment, key: SittingKey) -> None:
        self._environment = environment
        self._key = key
        self._turn = asyncio.Condition()
        self._turns = 0
        self.watchers = 0
        self.at = environment.clock.now()
        self.entries: list[SittingEntry] = []
        self._task = asyncio.create_task(self._read_again_and_again())

    async def after(self, turn: int) -> int:
        """Wait for a state that is newer than the one of `turn`; returns its turn."""
        async with self._turn:
            await self._turn.wait_for(lambda: self._turns > turn)
            return self._turns

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _read_again_and_again(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                now = self._environment.clock.now()
                entries = await self._read(now)
            except Exception as error:
                # The database may be away for a moment: the next turn tells what has changed since.
                _log.error("sitting could not be read", error=type(error).__name__, exc_info=error)
            else:
                async with self._turn:
                    self.at, self.entries = now, entries
                    self._turns += 1
                    self._turn.notify_all()
            await asyncio.sleep(max(self._environment.settings.live_seconds, _SHARE * (loop.time() - began)))

    async def _read(self, now: datetime) -> list[SittingEntry]:
        entries: list[SittingEntry] = []
        while True:
            after = entries[-1].paper_id if entries else 0
            batch = await sitting_entries(
                self._key.cycle_id, self._key.body_id, self._key.subject, after=after, limit=_BATCH, now=now
            )
            entries += batch
            if len(batch) < _BATCH:
                return entries


_watched: WeakKeyDictionary[Database, dict[SittingKey, _Watched]] = WeakKeyDictionary()


@contextlib.asynccontextmanager
async def _watching(environment: Environment, key: SittingKey) -> AsyncIterator[_Watched]:
    """The sitting, read while at least one watches it."""
    sittings = _watched.setdefault(environment.database, {})
    watched = sittings.get(key)
    if watched is None:
        watched = sittings[key] = _Watched(environment, key)
    watched.watchers += 1
    try:
        yield watched
    finally:
        watched.watchers -= 1
        if watched.watchers == 0:
            del sittings[key]
            await watched.stop()


def watched_sittings(database: Database) -> int:
    """How many sittings this process reads for watchers."""
    return len(_watched.get(database, {}))


async def sitting_news(
    environment: Environment, asking: Callable[[], Caller | None], key: SittingKey, *, after: int, limit: int
) -> AsyncGenerator[SittingNews, None]:
    """What `limit` doctors of the sitting after the paper `after` do: all of them at first, then whoever has changed,
    for as long as the account may see it. `asking` says who asks now: where it answers with another caller, because the
    account's rights were read again, they are tried again. Raises NotLoggedIn, Forbidden, NotFound, then or later.
    """
    tried = logged_in(asking())
    await sitting_grant(tried, key.cycle_id, key.body_id)
    told: dict[int, SittingEntry] | None = None
    async with _watching(environment, key) as watched:
        turn = 0
        while True:
            turn = await watched.after(turn)
            caller = logged_in(asking())
            if caller is not tried:
                await sitting_grant(caller, key.cycle_id, key.body_id)
                tried = caller
            page = [entry for entry in watched.entries if entry.paper_id > after][:limit]
            changed = [entry for entry in page if told is None or told.get(entry.paper_id) != entry]
            now_there = {entry.paper_id: entry for entry in page}
            gone = [paper_id for paper_id in told or () if paper_id not in now_there]
            if changed or gone or told is None:
                told = now_there
                yield SittingNews(watched.at, changed, gone)
