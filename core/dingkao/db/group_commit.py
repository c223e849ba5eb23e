"""One commit for several writers: SQLite waits for the disk at each COMMIT, and lets one writer in at a time.

Where others wait, a transaction that is done does not commit at once. It stays open, the next one in the queue goes on
in it behind a savepoint of its own, and after those that were waiting COMMIT is called once for all. Nobody goes on
before the COMMIT that holds his work: what is acknowledged is on the disk. One by one, a disk that takes 4 ms lets at
most 250 saves through in a second.

So many share a COMMIT at most (`MOST_SHARING`), and for so long (`LONGEST_SHARED`): where thousands wait, the first of
them must not wait for the last, nor another process for all of this one's.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final, Protocol

from dingkao.db.turns import Turns

# With 1 to 2 ms a transaction, sharing costs nobody more than some tens of milliseconds, and the disk's 4 ms are paid
# once for all of them.
MOST_SHARING: Final = 16
# Seconds after which the open transaction is committed when the next writer is done.
LONGEST_SHARED: Final = 0.05


class Connection(Protocol):
    """What is needed of the writing connection. It runs statements in the order in which they were given, also those
    whose caller was cancelled."""

    async def execute_fetchall(self, sql: str, parameters: object = None) -> object:
        """Run one statement."""


class GroupCommit:
    """The queue in front of the one writing connection. Each writer calls `enter`, then `finish` or `undo`."""

    def __init__(self, connection: Connection, patience: float = 15.0) -> None:
        """`patience`: the seconds for which another process is waited for."""
        self._connection = connection
        self._patience = patience
        self._turns = Turns()
        self._waiting = 0
        # When the open transaction began.
        self._begun = 0.0
        # Those whose work is done in the open transaction and who wait for its COMMIT.
        self._finished: list[asyncio.Future[None]] = []
        self._committing: asyncio.Task[None] | None = None
        # Kept so that the task is not collected while it runs.
        self._committing_now: asyncio.Task[None] | None = None

    async def enter(self, *, first: bool = False) -> None:
        """Wait for one's turn, `first` before all others, and begin. BEGIN IMMEDIATE keeps other processes out."""
        self._waiting += 1
        try:
            await self._turns.acquire(first=first)
        finally:
            self._waiting -= 1
        try:
            if self._finished:
                await self._connection.execute_fetchall(f"SAVEPOINT {self._savepoint}")
            else:
                await self._begin()
        except BaseException:
            await self.undo()
            raise

    async def _begin(self) -> None:
        """BEGIN IMMEDIATE. Raises sqlite3.OperationalError where another process has not let go in time.

        SQLite itself asks again after 1, 2, 5, 10 … 100 ms: who has waited long asks ever less often, and who comes
        anew goes before him. So its own patience is to be a few milliseconds, and it is asked again here.
        """
        until = monotonic() + self._patience
        while True:
            try:
                await self._connection.execute_fetchall("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                # The lower byte says what it is, the others why.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > until:
                    raise
            else:
                self._begun = monotonic()
                return

    async def finish(self) -> None:
        """Commit, alone or with others, and return when it is done. Raises what COMMIT raised: nothing was stored."""
        if not self._finished and not self._waiting:
            try:
                await self._connection.execute_fetchall("COMMIT")
            except BaseException:
                await self.undo()
                raise
            self._turns.release()
            return
        done = asyncio.get_running_loop().create_future()
        self._finished.append(done)
        if len(self._finished) >= MOST_SHARING or monotonic() - self._begun > LONGEST_SHARED:
            self._committing_now = asyncio.ensure_future(self._commit_and_release())
        else:
            if self._committing is None:
                # It takes its place in the queue behind all who wait now.
                self._committing = asyncio.ensure_future(self._commit_in_turn())
            self._turns.release()
        await done

    async def undo(self) -> None:
        """Roll back what this writer did, and let the next one in; also when the task was cancelled in the middle.

        A statement queued after a cancelled one finds it finished. The shield keeps a second cancellation from leaving
        the lock taken.
        """
        await asyncio.shield(asyncio.ensure_future(self._undo()))

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Commit what waits for it, and let nobody in during the block."""
        async with self._turns.taken():
            await self._commit()
            yield

    @property
    def _savepoint(self) -> str:
        return f"writer_{len(self._finished)}"

    async def _undo(self) -> None:
        try:
            if not self._finished:
                with contextlib.suppress(sqlite3.OperationalError):  # no transaction was open
                    await self._connection.execute_fetchall("ROLLBACK")
                return
            try:
                await self._connection.execute_fetchall(f"ROLLBACK TO {self._savepoint}")
            except sqlite3.OperationalError as error:
                # A full disk or a failing one: SQLite has given up the transaction with all that was done in it.
                await self._fail(error)
        finally:
            self._turns.release()

    async def _commit_in_turn(self) -> None:
        async with self._turns.taken():
            self._committing = None
            await self._commit()

    async def _commit_and_release(self) -> None:
        try:
            await self._commit()
        finally:
            self._turns.release()

    async def _commit(self) -> None:
        if not self._finished:
            return
        try:
            await self._connection.execute_fetchall("COMMIT")
        except (sqlite3.Error, ValueError) as error:  # ValueError: the connection was closed
            await self._fail(error)
            return
        for done in self._take_finished():
            done.set_result(None)

    async def _fail(self, error: Exception) -> None:
        with contextlib.suppress(sqlite3.OperationalError, ValueError):
            await self._connection.execute_fetchall("ROLLBACK")
        for done in self._take_finished():
            done.set_exception(error)

    def _take_finished(self) -> list[asyncio.Future[None]]:
        """Those who wait for the COMMIT and were not cancelled meanwhile."""
        finished, self._finished = self._finished, []
        return [done for done in finished if not done.done()]
