"""Migrations: SQL files, one for each database, applied in order under a lock, remembered with their digest.

SQL and not Piccolo's migration objects: those cannot put a constraint into an SQLite table, and two processes may run
them at once. The history keeps each file's digest, so that a file changed after it was applied is noticed.
"""

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable

from dingkao.db.database import fetch, is_postgresql, transaction
from dingkao.db.postgresql import PooledPostgresEngine
from dingkao.db.routing import current_engine

# Any fixed number: whoever migrates a Dingkao database takes this lock first.
ADVISORY_LOCK = 7_240_051_001

_HISTORY = """
CREATE TABLE IF NOT EXISTS migration_history (
  owner VARCHAR(60) NOT NULL,
  name VARCHAR(120) NOT NULL,
  digest VARCHAR(64) NOT NULL,
  applied_at VARCHAR(40) NOT NULL,
  PRIMARY KEY (owner, name)
)
"""


class MigrationChanged(RuntimeError):
    """A migration's file differs from the one that was applied; its history cannot be trusted."""


@dataclass(frozen=True)
class MigrationSet:
    """The migrations of one owner (`core` or a plugin's name): a package that holds `NAME.sqlite.sql` and
    `NAME.postgresql.sql`, applied in the order of their names.

    `after` names migrations of other owners that must be there before, as `core/0001_initial`. Each is one that exists,
    never "the latest": what that is changes under a set that was applied long ago.
    """

    owner: str
    package: str
    after: tuple[str, ...] = ()


def scripts(migration_set: MigrationSet, engine_type: str) -> list[tuple[str, str]]:
    """Name and SQL text of each migration for `sqlite` or `postgresql`, in order. Raises ModuleNotFoundError where
    there is no such package."""
    ending = f".{engine_type}.sql"
    folder: Traversable = files(migration_set.package)
    found = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(ending))
    return [(name.removesuffix(ending), (folder / name).read_text(encoding="utf-8")) for name in found]


async def migrate(sets: Sequence[MigrationSet]) -> list[str]:
    """Apply what is missing in the current database, in one transaction; returns `owner/name` of each one applied.

    Raises MigrationChanged. A failing migration leaves everything as it was.
    """
    applied: list[str] = []
    async with transaction():
        if is_postgresql():
            await fetch("SELECT pg_advisory_xact_lock($1)", [ADVISORY_LOCK])
        await fetch(_HISTORY)
        for migration_set in sets:
            applied += await _apply_set(migration_set)
    return applied


async def pending(sets: Sequence[MigrationSet]) -> list[str]:
    """`owner/name` of each migration that the current database lacks, without changing anything."""
    missing: list[str] = []
    for migration_set in sets:
        done = await _done(migration_set.owner)
        missing += [f"{migration_set.owner}/{name}" for name, _ in _scripts(migration_set) if name not in done]
    return missing


async def applied_migrations() -> list[tuple[str, str]]:
    """(owner, name) of each migration that the current database remembers, in the order of their names."""
    if not await _has_history():
        return []
    rows = await fetch("SELECT owner, name FROM migration_history ORDER BY owner, name")
    return [(row["owner"], row["name"]) for row in rows]


async def forget_migrations(owner: str) -> None:
    """Take an owner's migrations out of the history, in the transaction that drops what they made."""
    mark = "$1" if is_postgresql() else "?"
    await fetch(f"DELETE FROM migration_history WHERE owner = {mark}", [owner])  # noqa: S608 - a placeholder


async def _apply_set(migration_set: MigrationSet) -> list[str]:
    done = await _done(migration_set.owner)
    applied = []
    for name, script in _scripts(migration_set):
        digest = hashlib.sha256(script.encode()).hexdigest()
        if name in done:
            if done[name] != digest:
                raise MigrationChanged(
                    f"migration {migration_set.owner}/{name} was changed after it was applied to this database; "
                    "restore the file and write the change as a new migration"
                )
            continue
        await _run(script)
        mark = ["$1", "$2", "$3", "$4"] if is_postgresql() else ["?"] * 4
        await fetch(
            f"INSERT INTO migration_history (owner, name, digest, applied_at) VALUES ({', '.join(mark)})",  # noqa: S608
            [migration_set.owner, name, digest, datetime.now(UTC).isoformat()],
        )
        applied.append(f"{migration_set.owner}/{name}")
    return applied


async def _has_history() -> bool:
    exists = (
        "SELECT 1 AS found FROM information_schema.tables "
        "WHERE table_schema = current_schema() AND table_name = 'migration_history'"
        if is_postgresql()
        else "SELECT 1 AS found FROM sqlite_master WHERE name = 'migration_history'"
    )
    return bool(await fetch(exists))


async def _done(owner: str) -> dict[str, str]:
    if not await _has_history():
        return {}
    mark = "$1" if is_postgresql() else "?"
    rows = await fetch(f"SELECT name, digest FROM migration_history WHERE owner = {mark}", [owner])  # noqa: S608
    return {row["name"]: row["digest"] for row in rows}


def _scripts(migration_set: MigrationSet) -> list[tuple[str, str]]:
    return scripts(migration_set, "postgresql" if is_postgresql() else "sqlite")


async def _run(script: str) -> None:
    engine = current_engine()
    if isinstance(engine, PooledPostgresEngine):
        running = engine.current_transaction.get()
        if running is None:
            raise RuntimeError("a migration runs inside the transaction of migrate()")
        await running.connection.execute(script)
        return
    for statement in split_statements(script):
        await fetch(statement)


def split_statements(script: str) -> list[str]:
    """Cut an SQLite script into statements; SQLite itself says where one ends, so triggers stay whole."""
    statements, begun = [], ""
    for line in script.splitlines(keepends=True):
        begun += line
        if sqlite3.complete_statement(begun):
            statements.append(begun.strip())
            begun = ""
    if begun.strip():
        raise ValueError(f"the script ends inside a statement: {begun.strip()[:80]!r}")
    return [statement for statement in statements if statement.rstrip(";").strip()]
