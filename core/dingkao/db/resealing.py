"""Sealing what is stored anew with the newest key: the second half of replacing a key. The first is the key itself
(`dingkao keys new`) in the ring of every running server."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dingkao.crypto.current import current_keys
from dingkao.crypto.purposes import Purpose
from dingkao.crypto.ring import key_id_of
from dingkao.db.database import fetch, is_postgresql, transaction
from dingkao.db.sealed import sealed_columns

# Rows of one transaction: others wait for it on SQLite, and for its rows on PostgreSQL.
BATCH = 500

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Use:
    """How many values of a column (`doctor.phone`) the key of this name has sealed or indexed."""

    place: str
    key_id: str
    count: int


async def count_uses(tables: Sequence[Any]) -> list[Use]:
    """For every sealed column and every index of `tables`, by which keys its values are made; columns without values
    are left out."""
    found: list[Use] = []
    for table in tables:
        for name in _stored_names(table):
            found += await count_uses_of(table._meta.tablename, name)
    return found


async def count_uses_of(table: str, column: str, condition: str = "TRUE") -> list[Use]:
    """The same for one column, whose values begin with a key's name, and the rows that `condition` (SQL) names."""
    rows = await fetch(
        f'SELECT substr("{column}", 1, 8) AS key_id, count(*) AS uses FROM "{table}" '  # noqa: S608 - our names
        f"WHERE \"{column}\" <> '' AND {condition} GROUP BY 1 ORDER BY 1"
    )
    return [Use(f"{table}.{column}", row["key_id"], int(row["uses"])) for row in rows]


async def reseal(tables: Sequence[Any], progress: Progress = lambda done, total: None) -> Counter[str]:
    """Seal and index anew every value that an older key has made; the number of rows changed in each table.

    Batches of rows, each in its own transaction, while servers run: they open both. Whatever ends it, the next call
    goes on with the rows that are left. `progress` is told the rows looked at and their number. Raises UnknownKey where
    a value's key is not in the ring: nothing of its batch is changed.
    """
    chosen = _with_sealed_columns(tables)
    total = await count_rows(chosen)
    done, changed = 0, Counter[str]()
    for table in chosen:
        after = 0
        while True:
            seen, last, resealed = await _reseal_batch(table, after)
            changed[table._meta.tablename] += resealed
            done += seen
            progress(done, max(done, total))
            if seen < BATCH:
                break
            after = last
    return changed


async def count_rows(tables: Sequence[Any]) -> int:
    """The rows that `reseal` looks at."""
    total = 0
    for table in _with_sealed_columns(tables):
        total += int((await fetch(f'SELECT count(*) AS rows FROM "{table._meta.tablename}"'))[0]["rows"])  # noqa: S608
    return total


def _with_sealed_columns(tables: Sequence[Any]) -> list[Any]:
    return [table for table in tables if sealed_columns(table._meta.columns)]


async def _reseal_batch(table: Any, after: int) -> tuple[int, int, int]:
    """Rows seen, the last one's id, rows changed."""
    names = ", ".join(f'"{name}"' for name in _stored_names(table))
    lock = " FOR UPDATE" if is_postgresql() else ""
    async with transaction():
        rows = await fetch(
            f'SELECT "id", {names} FROM "{table._meta.tablename}" '  # noqa: S608 - names of our own tables
            f'WHERE "id" > {int(after)} ORDER BY "id" LIMIT {BATCH}{lock}'
        )
        changed = 0
        for row in rows:
            values = _older_values(table, row)
            if values:
                # Through the table: it seals and indexes as every writer does.
                await table.update(values).where(table.id == row["id"])
                changed += 1
    return len(rows), rows[-1]["id"] if rows else after, changed


def _older_values(table: Any, row: Mapping[str, Any]) -> dict[Any, str]:
    """The open values of the row that an older key has sealed or indexed, by column."""
    keys = current_keys()
    values: dict[Any, str] = {}
    for column in sealed_columns(table._meta.columns):
        stored = row[column._meta.db_column_name]
        if not stored:
            continue
        older = key_id_of(stored) != keys.newest(column.purpose)
        if column.index_name is not None:
            older = older or key_id_of(row[column.index_name]) != keys.newest(Purpose.BLIND_INDEX)
        if older:
            values[column] = str(column.open(stored))
    return values


def _stored_names(table: Any) -> list[str]:
    sealed = sealed_columns(table._meta.columns)
    names = [column._meta.db_column_name for column in sealed]
    return [*names, *(column.index_name for column in sealed if column.index_name is not None)]
