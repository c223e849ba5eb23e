"""Tables and migrations of plugins: each stays behind its own prefix, and depends on nothing that moves."""

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from piccolo.columns import Column

from dingkao.db.migrations import MigrationSet, scripts
from dingkao.db.sql_names import tables_in, words_in
from dingkao.db.tables import Record
from dingkao.host.refusal import Problems
from dingkao.plugin.subject_access import HeldOfDoctor, NothingOfDoctors
from dingkao.plugin.tables import ROUTER

_ENGINES = ("sqlite", "postgresql")
_MIGRATION_NAME = re.compile(r"\d{4}_[a-z0-9_]+")
_INDEXED = re.compile(r'\bON\s+"?(\w+)"?', re.IGNORECASE)
# What could name tables that this check does not see, or reach other databases and roles.
_FORBIDDEN = frozenset({"ATTACH", "DETACH", "COPY", "GRANT", "REVOKE", "EXECUTE"})


def owner_of(table: str, plugins: Sequence[str]) -> str | None:
    """The plugin whose prefix the table's name has: the longest, where one plugin's name begins with another's."""
    fitting = [name for name in plugins if table.startswith(f"{name}_")]
    return max(fitting, key=len, default=None)


def wrong_with_table(plugin: str, table: type[Record], plugins: Sequence[str]) -> Sequence[str]:
    """Every reason against a declared table, as the end of a sentence."""
    name = table._meta.tablename
    if owner_of(name, plugins) != plugin:
        return [f"table {name} must be named {plugin}_…"]
    wrong = []
    if table._meta.db is not ROUTER:
        wrong.append(f"table {name} is made without dingkao.plugin.tables.ROUTER; write class …(Record, db=ROUTER, …)")
    for column in table._meta.foreign_key_columns:
        target = column._foreign_key_meta.resolved_references._meta.tablename
        if owner_of(target, plugins) != plugin:
            wrong.append(
                f"table {name} refers to {target}, which is not the plugin's; keep its key as a plain BigInt column"
            )
    wrong += [f"table {name} {sentence}" for sentence in _wrong_with_subject_access(table)]
    for statement in table._indexes:
        indexed = _INDEXED.search(statement)
        if indexed is None or indexed[1] != name:
            wrong.append(f"table {name} has an index on {indexed[1] if indexed else 'nothing'}; an index is on {name}")
    return wrong


def _wrong_with_subject_access(table: type[Record]) -> Sequence[str]:
    """Every reason against what the table declares of doctors (dingkao.plugin.subject_access)."""
    declared = table._subject_access
    if declared is None:
        return []
    if isinstance(declared, NothingOfDoctors):
        return [] if declared.because.strip() else ["says that it holds nothing of doctors, and not why"]
    if not isinstance(declared, HeldOfDoctor):
        return ["has a _subject_access that is neither HeldOfDoctor nor NothingOfDoctors"]
    columns = {column._meta.name for column in table._meta.columns} - {table._meta.primary_key._meta.name}
    named = {*declared.shown, *declared.left_out} - {table._meta.primary_key._meta.name}
    wrong = [f"says of its column {name} neither that it is shown nor why not" for name in sorted(columns - named)]
    wrong += [f"shows or leaves out {name}, which is no column of it" for name in sorted(named - columns)]
    both = set(declared.shown) & set(declared.left_out)
    wrong += [f"both shows and leaves out {name}" for name in sorted(both)]
    wrong += [f"leaves out {name} without a reason" for name, why in declared.left_out.items() if not why.strip()]
    try:
        column_at(table, declared.owner)
    except AttributeError:
        wrong.append(f"belongs to a doctor by {declared.owner}, which is no column of it or of what it refers to")
    try:
        declared.kind  # noqa: B018 - raises
    except ValueError:
        wrong.append(f"belongs to a doctor by {declared.owner}: say by key_of what its number names")
    return wrong


def column_at(table: type[Record], path: str) -> Any:
    """The column at the end of a dotted path. Raises AttributeError where there is none."""
    found = reduce(getattr, path.split("."), table)
    if not isinstance(found, Column):
        raise AttributeError(path)
    return found


def wrong_with_migrations(
    plugin: str, migrations: MigrationSet, tables: Sequence[type[Record]], plugins: Sequence[str]
) -> Sequence[str]:
    """Every reason against a set of migrations by itself, as the end of a sentence."""
    if migrations.owner != plugin:
        return [f"its migrations are owned by {migrations.owner}; write owner={plugin!r}"]
    try:
        texts = {engine: dict(scripts(migrations, engine)) for engine in _ENGINES}
    except (ModuleNotFoundError, FileNotFoundError, NotADirectoryError):
        return [f"its migrations are in {migrations.package}, which is no package; ship it in the distribution"]
    wrong = []
    for name in sorted(set(texts["sqlite"]) ^ set(texts["postgresql"])):
        lacking = next(engine for engine in _ENGINES if name not in texts[engine])
        wrong.append(f"migration {name} has no file {name}.{lacking}.sql; every migration has one for each database")
    if not any(texts.values()):
        wrong.append(f"its migrations {migrations.package} hold no NAME.sqlite.sql and NAME.postgresql.sql")
    for engine, named in texts.items():
        for name, sql in named.items():
            wrong += [
                f"migration {name} ({engine}) {sentence}" for sentence in _wrong_with_script(name, sql, plugin, plugins)
            ]
        created = {table for sql in named.values() for table in tables_in(sql)}
        wrong += [
            f"table {table._meta.tablename} is declared, but no migration for {engine} creates it"
            for table in tables
            if named and table._meta.tablename not in created
        ]
    return wrong


def _wrong_with_script(name: str, sql: str, plugin: str, plugins: Sequence[str]) -> Sequence[str]:
    wrong = []
    if not _MIGRATION_NAME.fullmatch(name):
        wrong.append("must be named with four digits and words, as 0001_initial")
    foreign = sorted(table for table in tables_in(sql) if owner_of(table, plugins) != plugin)
    if foreign:
        wrong.append(f"touches {', '.join(foreign)}; it may touch tables named {plugin}_… only")
    forbidden = sorted(_FORBIDDEN & words_in(sql))
    if forbidden:
        wrong.append(f"says {', '.join(forbidden)}; a plugin's migration may not")
    return wrong


def in_order(core: MigrationSet, sets: Sequence[MigrationSet], problems: Problems) -> Sequence[MigrationSet]:
    """The plugins' sets, each behind those that it names in `after`, else by name. What cannot be goes into
    `problems`: an owner that is not loaded, a migration that there is not, "latest", a circle."""
    known = {migrations.owner: _names(migrations) for migrations in (core, *sets)}
    waits: dict[str, set[str]] = {}
    for migrations in sets:
        waits[migrations.owner] = set()
        for text in migrations.after:
            owner, _, name = text.partition("/")
            sentence = _wrong_dependency(migrations.owner, text, owner, name, known)
            if sentence is not None:
                problems.add(f"plugin {migrations.owner}: its migrations {sentence}")
            elif owner != core.owner:
                waits[migrations.owner].add(owner)
    by_owner = {migrations.owner: migrations for migrations in sets}
    ordered: list[MigrationSet] = []
    done: set[str] = set()
    while len(ordered) < len(sets):
        ready = [owner for owner in sorted(by_owner) if owner not in done and waits[owner] <= done]
        if not ready:
            circle = sorted(set(by_owner) - done)
            problems.add(f"plugins {', '.join(circle)}: their migrations wait for each other; remove an `after`")
            return ordered
        done.add(ready[0])
        ordered.append(by_owner[ready[0]])
    return ordered


def _wrong_dependency(
    dependent: str, text: str, owner: str, name: str, known: Mapping[str, Sequence[str]]
) -> str | None:
    if not name:
        return f"come after {text!r}, which is not owner/migration; write core/0001_initial"
    if owner == dependent:
        return f"come after {text}, which is one of their own; they are applied in the order of their names"
    if owner not in known:
        return f"come after {text}, but {owner} is not loaded or has no migrations; install it or drop the dependency"
    if name.strip("_").lower() in {"latest", "head", "first"}:
        return f'come after "{text}"; name a migration that exists, as {owner}/{known[owner][0]}'
    if name not in known[owner]:
        return f"come after {text}, which {owner} does not have; it has {', '.join(known[owner])}"
    return None


def _names(migrations: MigrationSet) -> Sequence[str]:
    try:
        return [name for name, _ in scripts(migrations, "sqlite")] or ["0001_initial"]
    except (ModuleNotFoundError, FileNotFoundError, NotADirectoryError):
        return ["0001_initial"]
