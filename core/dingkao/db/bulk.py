"""Many rows in few statements: for imports, where an object for each row costs more than the database."""

from collections.abc import Sequence
from typing import Any

from piccolo.columns import Column

from dingkao.db.database import fetch, is_postgresql
from dingkao.db.sealed import sealed_rows

# Few enough for the driver to keep the statement's text, and for every database's limit of parameters.
ROWS_PER_STATEMENT = 200


async def insert_many(
    columns: Sequence[Column], rows: Sequence[Sequence[Any]], returning: Sequence[Column] = ()
) -> list[Any]:
    """Insert `rows`, tuples in the order of `columns` (all of one table), and return the `returning` columns of those
    that were inserted, in no promised order. A row that breaks a unique constraint is passed over."""
    columns, rows = sealed_rows(columns, rows)
    table = columns[0]._meta.table._meta.tablename
    names = ", ".join(f'"{column._meta.db_column_name}"' for column in columns)
    wanted = ", ".join(f'"{column._meta.db_column_name}"' for column in returning)
    found: list[Any] = []
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        batch = rows[start : start + ROWS_PER_STATEMENT]
        sql = f'INSERT INTO "{table}" ({names}) VALUES {_marks(len(batch), len(columns))} ON CONFLICT DO NOTHING'  # noqa: S608 - names of our own tables
        if wanted:
            sql += f" RETURNING {wanted}"
        found += await fetch(sql, [value for row in batch for value in row])
    return found


def _marks(rows: int, width: int) -> str:
    if not is_postgresql():
        return ", ".join([f"({', '.join('?' * width)})"] * rows)
    return ", ".join(
        f"({', '.join(f'${row * width + place}' for place in range(1, width + 1))})" for row in range(rows)
    )
