"""A plugin's database as each of its earlier versions left it."""

from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from dingkao.db.database import fetch, is_postgresql
from dingkao.db.migrations import MigrationSet


def count_migrations(full: MigrationSet, kind: str) -> int:
    """How many files a set has for one kind of database."""
    return len(_names(full, kind))


def _names(full: MigrationSet, kind: str) -> list[str]:
    return sorted(entry.name for entry in files(full.package).iterdir() if entry.name.endswith(f".{kind}.sql"))


def earlier_versions(full: MigrationSet, folder: Path, kind: str) -> Iterator[tuple[int, MigrationSet | None]]:
    """(number, the first so many migrations) of a set, from none to all but the last; `folder` must be on the path that
    modules are imported from, and gets a package for each."""
    names = _names(full, kind)
    for number in range(len(names)):
        if number == 0:
            yield 0, None
            continue
        package = f"{full.owner}_{kind}_first_{number}"
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text("", encoding="utf-8")
        for name in names[:number]:
            text = (files(full.package) / name).read_text(encoding="utf-8")
            (folder / package / name).write_text(text, encoding="utf-8")
        yield number, replace(full, package=package)


async def columns_of(table: str) -> dict[str, str]:
    """The columns of a table of the current database, with their types."""
    postgresql = (
        "SELECT column_name AS name, data_type AS type FROM information_schema.columns "
        "WHERE table_schema = current_schema() AND table_name = $1"
    )
    sqlite = "SELECT name, type FROM pragma_table_info(?)"
    rows = await fetch(postgresql if is_postgresql() else sqlite, [table])
    return {str(row["name"]): str(row["type"]).upper() for row in rows}
