"""SQLite with kept connections: one writer, a few readers, WAL.

Piccolo's engine opens a connection (and a thread) for each query; that is most of its cost. Here the connections live
as long as the application. One writer at a time is SQLite's own rule: `GroupCommit` turns waiting into a queue and lets
those in the queue share a COMMIT.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any, Literal, cast

import aiosqlite
from piccolo.engine.sqlite import SQLiteEngine, SQLiteTransaction
from piccolo.querystring import QueryString

from dingkao.db.counting import note_query
from dingkao.db.group_commit import GroupCommit

READERS = 4
BUSY_TIMEOUT_SECONDS = 15.0
# How long SQLite itself waits to begin a transaction: see `GroupCommit`.
WRITER_BUSY_MILLISECONDS = 3
# Pages of 4 KiB are SQLite's default; negative numbers are KiB of cache for each connection.
CACHE_KIBIBYTES = 16 * 1024


# A page of a list has a thousand values to convert. Piccolo's converters do the same in three calls each.
sqlite3.register_converter("INTEGER", int)
sqlite3.register_converter("BOOLEAN", b"1".__eq__)
sqlite3.register_converter("DATE", lambda text: date.fromisoformat(text.decode()))
sqlite3.register_converter("TIMESTAMPTZ", lambda text: datetime.fromisoformat(text.decode()).replace(tzinfo=UTC))


def _rows(fetched: Iterable[sqlite3.Row]) -> list[dict[str, Any]]:
    rows = list(fetched)
    if not rows:
        return []
    names = rows[0].keys()
    return [dict(zip(names, row, strict=True)) for row in rows]


class KeptTransaction(SQLiteTransaction):
    """A transaction on the engine's one writing connection; nested ones join the outer. `first`: it has its turn before
    others that wait."""

    __slots__ = ("_first_of_all",)

    def __init__(self, engine: "KeptSQLiteEngine", *, first: bool = False) -> None:
        super().__init__(engine=engine, allow_nested=True)
        self._first_of_all = first

    async def __aenter__(self) -> "KeptTransaction":
        if self._parent is not None:
            return cast("KeptTransaction", self._parent)
        engine = cast("KeptSQLiteEngine", self.engine)
        await engine.writing.enter(first=self._first_of_all)
        self.connection = engine.writer
        self.context = engine.current_transaction.set(self)
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        if self._parent is not None:
            return False
        engine = cast("KeptSQLiteEngine", self.engine)
        engine.current_transaction.reset(self.context)
        if exception is None:
            await engine.writing.finish()
        else:
            await engine.writing.undo()
        return False


class KeptSQLiteEngine(SQLiteEngine):
    """Piccolo's SQLite engine on connections that stay open between `open()` and `close()`."""

    __slots__ = ("_free_readers", "_opened", "writer", "writing")

    def __init__(self, path: str) -> None:
        super().__init__(path=path, timeout=BUSY_TIMEOUT_SECONDS)
        self._opened: list[aiosqlite.Connection] = []
        self._free_readers: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        self.writer: aiosqlite.Connection
        self.writing: GroupCommit

    async def open(self) -> None:
        """Open the connections. WAL with synchronous=FULL: what was acknowledged survives a power cut.

        Where one cannot be opened all are closed: a connection's thread would keep the process from ending.
        """
        try:
            self.writer = await self._connect()
            await self.writer.execute_fetchall("PRAGMA journal_mode = WAL")
            await self.writer.execute_fetchall(f"PRAGMA busy_timeout = {WRITER_BUSY_MILLISECONDS}")
            self.writing = GroupCommit(self.writer, BUSY_TIMEOUT_SECONDS)
            for _ in range(READERS):
                connection = await self._connect()
                await connection.execute_fetchall("PRAGMA query_only = 1")
                self._free_readers.put_nowait(connection)
        except BaseException:
            await self._close_all()
            raise

    async def close(self) -> None:
        """Close every connection, waiting for a running transaction."""
        async with self.writing.held():
            await self._close_all()

    async def _close_all(self) -> None:
        for connection in self._opened:
            await connection.close()
        self._opened.clear()
        self._free_readers = asyncio.LifoQueue()

    async def _connect(self) -> aiosqlite.Connection:
        connection = await aiosqlite.connect(**self.connection_kwargs)
        self._opened.append(connection)
        connection.row_factory = sqlite3.Row
        await connection.execute_fetchall("PRAGMA foreign_keys = 1")
        await connection.execute_fetchall("PRAGMA synchronous = FULL")
        await connection.execute_fetchall(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        return connection

    def transaction(self, *args: Any, first: bool = False, **kwargs: Any) -> KeptTransaction:
        return KeptTransaction(self, first=first)

    async def fetch(self, sql: str, arguments: Sequence[Any]) -> list[dict[str, Any]]:
        """Run one statement where it belongs: the open transaction, a reader, or the writer by itself."""
        note_query(sql)
        transaction = self.current_transaction.get()
        if transaction is not None:
            return _rows(await transaction.connection.execute_fetchall(sql, arguments))
        if sql.lstrip()[:6].upper() == "SELECT":
            connection = await self._free_readers.get()
            try:
                return _rows(await connection.execute_fetchall(sql, arguments))
            finally:
                self._free_readers.put_nowait(connection)
        async with self.transaction():
            return _rows(await self.writer.execute_fetchall(sql, arguments))

    async def run_querystring(self, querystring: QueryString, in_pool: bool = False) -> list[dict[str, Any]]:
        sql, arguments = querystring.compile_string(engine_type=self.engine_type)
        return await self.fetch(sql, arguments)

    async def run_ddl(self, ddl: str, in_pool: bool = False) -> list[dict[str, Any]]:
        return await self.fetch(ddl, ())
