"""Taking a plugin out of a database for good: its records written to a file, its tables and history dropped.

No code of the plugin is needed, nor run: what is its is told by the names of tables (`PLUGIN_…`), so that it works as
well when the package is long gone. Everything in the database happens in one transaction, after the file is safely on
the disk; where anything fails the database is as it was.
"""

import base64
import json
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any
from uuid import UUID

from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.cycles.tables import CyclePolicy
from dingkao.db.database import fetch, is_postgresql
from dingkao.db.migrations import ADVISORY_LOCK, applied_migrations, forget_migrations
from dingkao.environment import Environment
from dingkao.host.loading import GROUP
from dingkao.migrations import CORE_MIGRATIONS, CORE_TABLES

# Rows that are in memory at once.
_PAGE = 1000
_CORE = {table._meta.tablename for table in CORE_TABLES} | {"migration_history"}


class RemovalRefused(RuntimeError):
    """Nothing was removed; the message says why and what to do."""


@dataclass(frozen=True)
class Holdings:
    """What a database keeps of one plugin: rows by table, applied migrations, and the cycles whose pinned policy holds
    a section or a layer of its name (those stay)."""

    plugin: str
    tables: Mapping[str, int]
    migrations: tuple[str, ...]
    pinned_by: int

    @property
    def records(self) -> int:
        """Rows of all tables."""
        return sum(self.tables.values())


async def find_holdings(plugin: str) -> Holdings:
    """What the current database keeps of `plugin`. Raises RemovalRefused where it keeps no table and no history."""
    history = await applied_migrations()
    migrations = tuple(name for owner, name in history if owner == plugin)
    tables = _owned_by(plugin, await _table_names(), {owner for owner, _ in history})
    if plugin == CORE_MIGRATIONS.owner or not (tables or migrations):
        owners = sorted({owner for owner, _ in history} - {CORE_MIGRATIONS.owner})
        known = f"it keeps records of {', '.join(owners)}" if owners else "it keeps records of no plugin"
        raise RemovalRefused(f"this database has no tables of a plugin {plugin}; {known}")
    counts = {table: int((await fetch(f'SELECT count(*) AS n FROM "{table}"'))[0]["n"]) for table in tables}  # noqa: S608 - names from the catalogue
    return Holdings(plugin, counts, migrations, await _pinning_cycles(plugin))


async def remove_records(environment: Environment, holdings: Holdings, path: Path) -> int:
    """Write every record to `path` (JSON lines, readable by its owner alone), then drop the plugin's tables and its
    migration history, with an audit entry; returns the number of records.

    Raises RemovalRefused where the records have changed since `holdings` was read or another's table refers to them,
    FileExistsError where `path` is there. Whatever fails, the database is as it was.
    """
    async with begin(environment, SYSTEM_CALLER) as work:
        if is_postgresql():
            await fetch("SELECT pg_advisory_xact_lock($1)", [ADVISORY_LOCK])
            for table in holdings.tables:
                await fetch(f'LOCK TABLE "{table}" IN ACCESS EXCLUSIVE MODE')
        if await find_holdings(holdings.plugin) != holdings:
            raise RemovalRefused(f"records of {holdings.plugin} were written meanwhile; stop the server and try again")
        await _refuse_foreign_references(holdings)
        await _export(holdings, path, work.now)
        await _drop(list(holdings.tables))
        await forget_migrations(holdings.plugin)
        detail = {"plugin": holdings.plugin, "tables": dict(holdings.tables), "migrations": list(holdings.migrations)}
        await work.record("PLUGIN_REMOVED", "Plugin", None, detail)
    return holdings.records


def _owned_by(plugin: str, tables: Iterable[str], owners: set[str]) -> list[str]:
    """The tables with the plugin's prefix. `general_procedure_x` is of `general_procedure` and not of `general`, where
    both are known: the longest prefix owns."""
    installed = {point.name for point in entry_points(group=GROUP)}
    rivals = [owner for owner in owners | installed if owner.startswith(f"{plugin}_")]
    return sorted(
        table
        for table in tables
        if table.startswith(f"{plugin}_")
        and table not in _CORE
        and not any(table.startswith(f"{rival}_") for rival in rivals)
    )


async def _table_names() -> list[str]:
    listed = await fetch(
        "SELECT table_name AS name FROM information_schema.tables "
        "WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'"
        if is_postgresql()
        else "SELECT name FROM sqlite_master WHERE type = 'table'"
    )
    return [str(row["name"]) for row in listed]


async def _pinning_cycles(plugin: str) -> int:
    rows = await CyclePolicy.select(
        CyclePolicy.cycle,
        CyclePolicy.policy.content.as_alias("content"),
        CyclePolicy.policy.origins.as_alias("origins"),
    )
    return len({row["cycle"] for row in rows if _has_part(plugin, json.loads(row["content"]), row["origins"])})


def _has_part(plugin: str, sections: Mapping[str, Any], origins: str) -> bool:
    return plugin in sections or any(origin["plugin"] == plugin for origin in json.loads(origins).values())


async def _references() -> list[tuple[str, str, str]]:
    """(table, column, table referred to) of every foreign key."""
    if is_postgresql():
        rows = await fetch(
            "SELECT c.conrelid::regclass::text AS source, a.attname AS col, c.confrelid::regclass::text AS target "
            "FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) "
            "WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace"
        )
    else:
        rows = await fetch(
            'SELECT m.name AS source, f."from" AS col, f."table" AS target '
            "FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'"
        )
    return [(row["source"].strip('"'), row["col"], row["target"].strip('"')) for row in rows]


async def _refuse_foreign_references(holdings: Holdings) -> None:
    for source, column, target in await _references():
        if target in holdings.tables and source not in holdings.tables:
            raise RemovalRefused(
                f"table {source} refers to {target} by {column}; remove the plugin that {source} belongs to first"
            )


async def _export(holdings: Holdings, path: Path, now: datetime) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            head = {
                "plugin": holdings.plugin,
                "exported_at": now,
                "dingkao": version("dingkao"),
                "migrations": holdings.migrations,
                "tables": holdings.tables,
            }
            file.write(_line(head))
            for table in holdings.tables:
                async for row in _rows(table):
                    file.write(_line({"table": table, "record": row}))
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path.parent)
    except BaseException:
        _discard(path)
        raise


async def _rows(table: str) -> AsyncIterator[dict[str, Any]]:
    # Plugins' tables have the key `id` (dingkao.plugin.tables.Record); one that SQL made by hand may have none.
    first = await fetch(f'SELECT * FROM "{table}" LIMIT 1')  # noqa: S608 - a name from the catalogue
    if first and "id" not in dict(first[0]):
        for row in await fetch(f'SELECT * FROM "{table}"'):  # noqa: S608
            yield dict(row)
        return
    mark = "$1" if is_postgresql() else "?"
    order = f'SELECT * FROM "{table}" WHERE "id" > {mark} ORDER BY "id" LIMIT {_PAGE}'  # noqa: S608
    page = await fetch(f'SELECT * FROM "{table}" ORDER BY "id" LIMIT {_PAGE}')  # noqa: S608
    while page:
        for row in page:
            yield dict(row)
        page = await fetch(order, [page[-1]["id"]])


def _line(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be exported")


def _discard(path: Path) -> None:
    path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _drop(tables: list[str]) -> None:
    if not tables:
        return
    if is_postgresql():
        await fetch(f"DROP TABLE {', '.join(chr(34) + table + chr(34) for table in tables)}")
        return
    # SQLite drops one at a time, and empties it first: whatever refers to it has to be gone.
    references = [
        (source, target) for source, _, target in await _references() if source in tables and source != target
    ]
    waiting = list(tables)
    while waiting:
        free = [table for table in waiting if not any(t == table and s in waiting for s, t in references)]
        if not free:
            raise RemovalRefused(f"tables {', '.join(waiting)} refer to each other in a circle; drop them by hand")
        for table in free:
            await _let_go_of_itself(table)
            await fetch(f'DROP TABLE "{table}"')
        waiting = [table for table in waiting if table not in free]


async def _let_go_of_itself(table: str) -> None:
    for source, column, target in await _references():
        if source == target == table:
            await fetch(f'UPDATE "{table}" SET "{column}" = NULL')  # noqa: S608
