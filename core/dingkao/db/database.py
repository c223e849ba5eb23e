"""The database of one running application: opened from its URL, used by context, closed at the end."""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from dingkao.crypto.current import use_keys
from dingkao.crypto.ring import KeyRing
from dingkao.db.postgresql import STATEMENT_SECONDS, PooledPostgresEngine
from dingkao.db.routing import current_engine, use_engine
from dingkao.db.sqlite import KeptSQLiteEngine


class BadDatabaseUrl(ValueError):
    """The address is none of `sqlite:///path` and `postgresql://user:password@host:port/name`."""


class Database:
    """SQLite or PostgreSQL behind one face.

    `url` is `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://…`; `keys` open what is encrypted in it.
    `statement_seconds`: PostgreSQL gives up a statement that takes longer.
    Raises BadDatabaseUrl.
    """

    def __init__(self, url: str, keys: KeyRing | None = None, *, statement_seconds: float = STATEMENT_SECONDS) -> None:
        self.url = url
        self.keys = keys or KeyRing(())
        scheme = urlsplit(url).scheme
        self.engine: KeptSQLiteEngine | PooledPostgresEngine
        if scheme == "sqlite" and url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
            self.path: Path | None = Path(url.removeprefix("sqlite:///"))
            self.engine = KeptSQLiteEngine(str(self.path))
        elif scheme in ("postgresql", "postgres"):
            self.path = None
            self.engine = PooledPostgresEngine(url, statement_seconds)
        else:
            raise BadDatabaseUrl(
                "DINGKAO_DATABASE_URL must be sqlite:///path/to/file.db or postgresql://user:password@host:port/name"
            )

    @property
    def is_sqlite(self) -> bool:
        return self.path is not None

    async def open(self) -> None:
        """Open connections, creating the folder of an SQLite file. Errors of the driver pass through."""
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Readable by this account alone; what SQLite makes beside it takes its rights over.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        await self.engine.open()

    async def close(self) -> None:
        await self.engine.close()

    @contextmanager
    def use(self) -> Iterator[None]:
        """Make this the database of every table in the block (and of the tasks started from it)."""
        with use_engine(self.engine), use_keys(self.keys):
            yield

    @asynccontextmanager
    async def session(self) -> AsyncIterator["Database"]:
        """Open, use, close: for commands and tests."""
        await self.open()
        try:
            with self.use():
                yield self
        finally:
            await self.close()


# What a statement raises where the database does not answer, and not because of what was asked. With SQLite, which is a
# file, there is no such state.
UNREACHABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.TooManyConnectionsError,
)


@asynccontextmanager
async def transaction(*, first: bool = False) -> AsyncIterator[None]:
    """One transaction on the current database; a nested one joins the outer. Where the database lets one writer in at a
    time, those that are to be `first` do not wait behind others."""
    engine = current_engine()
    async with engine.transaction(first=first) if isinstance(engine, KeptSQLiteEngine) else engine.transaction():
        yield


def in_transaction() -> bool:
    """Whether the running code is inside a transaction of the current database."""
    return current_engine().current_transaction.get() is not None


async def fetch(sql: str, arguments: Sequence[Any] = ()) -> list[Any]:
    """Run SQL text in the current database's own placeholder style; rows are mappings."""
    engine = current_engine()
    assert isinstance(engine, KeptSQLiteEngine | PooledPostgresEngine)  # noqa: S101 - the only two there are
    return await engine.fetch(sql, arguments)


def is_postgresql() -> bool:
    """Whether the current database is PostgreSQL (row locks) and not SQLite (one writer)."""
    return bool(current_engine().engine_type == "postgres")
