"""PostgreSQL over an asyncpg pool."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Literal, cast

import asyncpg
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction
from piccolo.querystring import QueryString

from dingkao.db.counting import note_query

POOL_MINIMUM = 2
POOL_MAXIMUM = 12
# A statement that takes longer than this is a mistake, not a wait (security.md 2.4: 10 s statement timeout); a setting.
STATEMENT_SECONDS = 10.0


class PooledTransaction(PostgresTransaction):
    """A transaction on a pooled connection that always gives it back: Piccolo's own keeps it for ever where the task is
    cancelled while BEGIN or COMMIT is on its way. Nested ones join the outer."""

    async def __aenter__(self) -> "PooledTransaction":
        if self._parent is not None:
            return cast("PooledTransaction", self._parent)
        pool = self.engine.pool
        if pool is None:
            raise RuntimeError("the database is not open")
        self.connection = await pool.acquire()
        try:
            await self.connection.execute("BEGIN")
        except BaseException:
            await self._abandon()
            raise
        self.context = self.engine.current_transaction.set(self)
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        if self._parent is not None:
            return False
        self.engine.current_transaction.reset(self.context)
        if exception is not None:
            await self._abandon()
            return False
        try:
            await self.connection.execute("COMMIT")
        except BaseException:
            await self._abandon()
            raise
        await self._release()
        return False

    async def _abandon(self) -> None:
        """Roll back and give the connection back, whatever state a cancellation left it in."""

        async def abandon() -> None:
            try:
                await self.connection.execute("ROLLBACK")
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                self.connection.terminate()
            finally:
                await self._release()

        await asyncio.shield(asyncio.ensure_future(abandon()))

    async def _release(self) -> None:
        if self.engine.pool is not None:
            await self.engine.pool.release(self.connection)


async def _nothing_to_reset(_connection: asyncpg.Connection) -> None:
    """Called when a connection goes back to the pool. asyncpg would send `RESET ALL` and more after every statement, a
    second journey for each; nothing here sets what outlives a transaction, and an open one asyncpg rolls back itself.
    """


class PooledPostgresEngine(PostgresEngine):
    """Piccolo's PostgreSQL engine; every statement runs in the open transaction or in the pool."""

    __slots__ = ("_statement_seconds",)

    def __init__(self, dsn: str, statement_seconds: float = STATEMENT_SECONDS) -> None:
        self._statement_seconds = statement_seconds
        # The base class asks for a `database` name only to label its context variable.
        super().__init__(config={"dsn": dsn})

    async def get_version(self) -> float:
        # Asked by the base constructor, before there is a connection; `open()` meets the real server.
        return float(self.min_version_number)

    async def prep_database(self) -> None:
        # No extension is needed; the base would connect to look for them.
        return None

    async def open(self) -> None:
        """Start the pool. Raises asyncpg's or the operating system's error when the server cannot be reached."""
        await self.start_connection_pool(
            min_size=POOL_MINIMUM,
            max_size=POOL_MAXIMUM,
            reset=_nothing_to_reset,
            server_settings={
                "application_name": "dingkao",
                "timezone": "UTC",
                "jit": "off",
                "statement_timeout": str(round(self._statement_seconds * 1000)),
            },
        )

    async def close(self) -> None:
        """Close the pool, waiting for running statements."""
        if self.pool is not None:
            await self.close_connection_pool()

    def transaction(self, *args: Any, **kwargs: Any) -> PooledTransaction:
        return PooledTransaction(engine=self, allow_nested=True)

    async def fetch(self, sql: str, arguments: Sequence[Any]) -> list[Any]:
        """Run one statement in the open transaction or on a connection of the pool."""
        note_query(sql)
        transaction = self.current_transaction.get()
        if transaction is not None:
            return list(await transaction.connection.fetch(sql, *arguments))
        assert self.pool is not None  # noqa: S101 - `Database.open` is always called first
        return list(await self.pool.fetch(sql, *arguments))

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> list[Any]:
        sql, arguments = querystring.compile_string(engine_type=self.engine_type)
        return await self.fetch(sql, arguments)

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> list[Any]:
        return await self.fetch(ddl, ())
