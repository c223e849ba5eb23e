"""Fresh databases for tests: a file for SQLite, a server from pip for PostgreSQL, each migrated once and copied."""

import asyncio
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from dingkao.db.database import Database
from dingkao.db.migrations import MigrationSet, migrate


async def _migrated(url: str, migrations: Sequence[MigrationSet]) -> None:
    async with Database(url).session():
        await migrate(migrations)


class SQLiteDatabases:
    """Copies of one migrated file."""

    def __init__(self, folder: Path, migrations: Sequence[MigrationSet]) -> None:
        self._folder = folder
        self._template = folder / "template.db"
        asyncio.run(_migrated(f"sqlite:///{self._template}", migrations))

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The address of a new migrated database, gone afterwards."""
        path = self._folder / f"{secrets.token_hex(8)}.db"
        shutil.copyfile(self._template, path)
        yield f"sqlite:///{path}"
        for left in self._folder.glob(f"{path.name}*"):
            left.unlink()


class PostgreSQLDatabases:
    """Databases made from one migrated template on the server at `server_url`."""

    def __init__(self, server_url: str, migrations: Sequence[MigrationSet]) -> None:
        self._server_url = server_url
        # Test data need not survive a power cut; without waiting for the disk a database is made several times faster.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            asyncio.run(self._execute(f"ALTER SYSTEM SET {setting} = off"))
        asyncio.run(self._execute("SELECT pg_reload_conf()"))
        self._template = f"template_{secrets.token_hex(8)}"
        asyncio.run(self._execute(f'CREATE DATABASE "{self._template}"'))
        asyncio.run(_migrated(self._address(self._template), migrations))

    def _address(self, name: str) -> str:
        parts = urlsplit(self._server_url)
        return urlunsplit((parts.scheme, parts.netloc, f"/{name}", parts.query, ""))

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._server_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The address of a new migrated database, dropped afterwards."""
        name = f"test_{secrets.token_hex(8)}"
        asyncio.run(self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}"'))
        try:
            yield self._address(name)
        finally:
            asyncio.run(self._execute(f'DROP DATABASE "{name}" WITH (FORCE)'))
