"""Fresh databases for tests: a file for SQLite, a server from pip for PostgreSQL, each migrated once and copied."""

import asyncio
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from dingkao.audit.tables import FIRST_HEAD
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
    """Databases made from one migrated template on the server at `server_url`, emptied and used again."""

    def __init__(self, server_url: str, migrations: Sequence[MigrationSet]) -> None:
        self._server_url = server_url
        # Test data need not survive a power cut; without waiting for the disk a database is made several times faster.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            asyncio.run(_execute(server_url, f"ALTER SYSTEM SET {setting} = off"))
        asyncio.run(_execute(server_url, "SELECT pg_reload_conf()"))
        self._template = f"template_{secrets.token_hex(8)}"
        asyncio.run(_execute(server_url, f'CREATE DATABASE "{self._template}"'))
        asyncio.run(_migrated(self._address(self._template), migrations))
        self._free: list[str] = []
        self._as_migrated = asyncio.run(_shape(self._address(self._template)))

    def _address(self, name: str) -> str:
        parts = urlsplit(self._server_url)
        return urlunsplit((parts.scheme, parts.netloc, f"/{name}", parts.query, ""))

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The address of a migrated database without rows."""
        name = self._free.pop() if self._free else self._create()
        try:
            yield self._address(name)
        finally:
            if asyncio.run(_emptied(self._address(name), self._as_migrated)):
                self._free.append(name)
            else:
                asyncio.run(_execute(self._server_url, f'DROP DATABASE "{name}" WITH (FORCE)'))

    def _create(self) -> str:
        name = f"test_{secrets.token_hex(8)}"
        asyncio.run(_execute(self._server_url, f'CREATE DATABASE "{name}" TEMPLATE "{self._template}"'))
        return name


# What a migrated database looks like: its tables, columns and constraints by number, and the migrations applied.
_SHAPE = """
SELECT (SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'),
    (SELECT count(*) || ' ' || sum(attnum) FROM pg_attribute WHERE attrelid IN
        (SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace)),
    (SELECT count(*)::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace),
    (SELECT string_agg(owner || ' ' || name || ' ' || digest, ',' ORDER BY owner, name) FROM migration_history)
"""
# Tables that have ever held a row. The digests of migrations stay.
_TOUCHED = """
SELECT relname FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'migration_history'
    AND pg_relation_size(oid) > 0
"""
# ALTER SEQUENCE … RESTART would give each sequence a new file.
_KEYS_ANEW = """
SELECT setval(format('%I', sequencename)::regclass, start_value, false) FROM pg_sequences
WHERE schemaname = 'public' AND last_value IS NOT NULL
"""


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _read_shape(connection: Any) -> tuple[Any, ...]:
    return tuple(await connection.fetchrow(_SHAPE))


async def _shape(url: str) -> tuple[Any, ...]:
    connection = await asyncpg.connect(url)
    try:
        return await _read_shape(connection)
    finally:
        await connection.close()


async def _emptied(url: str, as_migrated: tuple[Any, ...]) -> bool:
    """Empty every table and start the keys anew; False where the database cannot be used again: a test changed its
    shape, or left a transaction open."""
    connection = await asyncpg.connect(url)
    try:
        if await _read_shape(connection) != as_migrated:
            return False
        tables = [row["relname"] for row in await connection.fetch(_TOUCHED)]
        # Far cheaper than TRUNCATE, which gives every table and index a new file; the replica role checks no reference.
        script = ["SET lock_timeout = '2s'", "SET session_replication_role = replica"]
        script += [f'DELETE FROM "{table}"' for table in tables]  # noqa: S608 - names from the catalogue
        script += [_KEYS_ANEW, FIRST_HEAD]
        await connection.execute("; ".join(script))
    except asyncpg.PostgresError:
        return False
    finally:
        await connection.close()
    return True
