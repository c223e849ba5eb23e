"""PostgreSQL over an asyncpg pool."""

from collections.abc import Sequence
from typing import Any

from piccolo.engine.postgres import PostgresEngine
from piccolo.querystring import QueryString

from dingkao.db.counting import note_query

POOL_MINIMUM = 2
POOL_MAXIMUM = 12
# A statement that takes longer than this is a mistake, not a wait (security.md 2.4: 10 s statement timeout).
STATEMENT_TIMEOUT_MILLISECONDS = 10_000


class PooledPostgresEngine(PostgresEngine):  # type: ignore[misc]
    """Piccolo's PostgreSQL engine; every statement runs in the open transaction or in the pool."""

    __slots__ = ()

    def __init__(self, dsn: str) -> None:
        # The base class asks for a `database` name only to label its context variable.
        super().__init__(config={"dsn": dsn})

    def get_version_sync(self) -> float:
        # Asked by the base constructor, before there is a connection; `open()` meets the real server.
        return float(self.min_version_number)

    async def open(self) -> None:
        """Start the pool. Raises asyncpg's or the operating system's error when the server cannot be reached."""
        await self.start_connection_pool(
            min_size=POOL_MINIMUM,
            max_size=POOL_MAXIMUM,
            server_settings={
                "application_name": "dingkao",
                "timezone": "UTC",
                "jit": "off",
                "statement_timeout": str(STATEMENT_TIMEOUT_MILLISECONDS),
            },
        )

    async def close(self) -> None:
        """Close the pool, waiting for running statements."""
        if self.pool is not None:
            await self.close_connection_pool()

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
