"""CREATE statements from table declarations, with the constraints inside.

Piccolo adds constraints by ALTER TABLE, which SQLite cannot do. Migrations are written from this text.
"""

from collections.abc import Sequence

from dingkao.db.routing import use_dialect
from dingkao.db.tables import Record


def create_statements(tables: Sequence[type[Record]], dialect: str) -> list[str]:
    """The statements that create `tables` (given in order of their references) in `sqlite` or `postgres`."""
    with use_dialect(dialect):
        return [statement for table in tables for statement in _table(table, dialect)]


def _table(table: type[Record], dialect: str) -> list[str]:
    name = table._meta.tablename
    lines = [column.ddl for column in table._meta.columns]
    lines += [f'CONSTRAINT "{name}_{item._meta.name}" {item.ddl}' for item in table._meta.constraints]
    inner = ",\n  ".join(lines)
    statements = [f'CREATE TABLE "{name}" (\n  {inner}\n)']
    statements += [
        f'CREATE INDEX "{name}_{column._meta.db_column_name}" ON "{name}" ("{column._meta.db_column_name}")'
        for column in table._meta.columns
        if column._meta.index
    ]
    statements += list(table._indexes)
    statements += table._further.get(dialect, ())
    return statements
