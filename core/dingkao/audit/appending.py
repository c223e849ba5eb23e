"""Appending to the chain: entries are gathered during an act and written at its end, just before COMMIT.

The head's row is locked for these two statements and the COMMIT alone. On SQLite a transaction is alone anyway; several
may share a COMMIT (`db/group_commit.py`), and each sees the entries of those before it in the same transaction.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from piccolo.querystring import QueryString

from dingkao.audit.chain import CONTENT, entry_digest, row_digest
from dingkao.audit.keys import AuditKey
from dingkao.db.database import is_postgresql
from dingkao.db.statement import Parameters, Statement
from dingkao.db.tables import Record

_COLUMNS = (*CONTENT, "previous", "digest")
# Composed once: it is part of every act.
_insert = Statement(
    lambda p: QueryString(
        f"INSERT INTO audit_entry ({', '.join(_COLUMNS)}) VALUES ({', '.join(['{}'] * len(_COLUMNS))})",  # noqa: S608 - our own column names
        *(getattr(p, name) for name in _COLUMNS),
    )
)


class NoHead(RuntimeError):
    """The row that says how far the chain goes is gone: somebody has deleted it by hand."""


def _kinds(kind: type[Record] = Record) -> Iterator[type[Record]]:
    for table in kind.__subclasses__():
        yield table
        yield from _kinds(table)


_tables: dict[str, type[Record]] = {}


def audited_table(object_type: str) -> type[Record] | None:
    """The table whose rows are the audit's objects of this type; None where a type has no rows of its own."""
    if object_type not in _tables:
        for table in _kinds():
            if table._audited_as:
                _tables.setdefault(table._audited_as, table)
    return _tables.get(object_type)


def digested_columns(table: type[Record]) -> tuple[str, ...]:
    """The database's names of the columns whose values make the digest of a row."""
    return table._digested or tuple(column._meta.db_column_name for column in table._meta.columns)


def _object_columns(object_type: str) -> tuple[type[Record], list[str]] | None:
    table = audited_table(object_type)
    return None if table is None else (table, [f'o."{name}" AS "o_{name}"' for name in digested_columns(table)])


def _head_query(parameters: Parameters) -> QueryString:
    """The head, locked; beside it the object as the act leaves it: one journey for both."""
    lock = " FOR UPDATE OF h" if is_postgresql() else ""
    # The value of a constant is text here and no slot.
    found = _object_columns(str(parameters.object_type))
    if found is None:
        return QueryString(f"SELECT h.number, h.digest FROM audit_head h WHERE h.id = 1{lock}")  # noqa: S608
    table, columns = found
    return QueryString(
        f"SELECT h.number, h.digest, {', '.join(columns)} FROM audit_head h "  # noqa: S608 - names of our own tables
        f'LEFT JOIN "{table._meta.tablename}" o ON o.id = {{}} WHERE h.id = 1{lock}',
        parameters.object_id,
    )


def _object_query(parameters: Parameters) -> QueryString:
    found = _object_columns(str(parameters.object_type))
    assert found is not None  # noqa: S101 - asked before
    table, columns = found
    return QueryString(
        f'SELECT {", ".join(columns)} FROM "{table._meta.tablename}" o WHERE o.id = {{}}',  # noqa: S608
        parameters.object_id,
    )


_head = Statement(_head_query, constants=("object_type",))
_object = Statement(_object_query, constants=("object_type",))


def digest_of(key: AuditKey, object_type: str, row: Mapping[str, Any] | None, prefix: str = "") -> str:
    """The digest of an object's row; empty where there is none. `prefix` stands before the names in `row`."""
    table = audited_table(object_type)
    if row is None or table is None or row[f"{prefix}id"] is None:
        return ""
    return row_digest(key.secret, object_type, [row[f"{prefix}{name}"] for name in digested_columns(table)])


async def read_digest(key: AuditKey, object_type: str, object_id: int) -> str:
    """The digest of the object as it is now; one query, none where the type has no rows of its own."""
    if audited_table(object_type) is None:
        return ""
    return digest_of(key, object_type, await _object.first(object_type=object_type, object_id=object_id), "o_")


async def append(key: AuditKey, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write `entries` (columns of `CONTENT` but `id`, `after` and `key`) behind the head, in the open transaction.

    Two statements for one entry, two more for each further one. Raises NoHead.
    """
    first = entries[0]
    head = await _head.first(
        **(
            {"object_type": first["object_type"], "object_id": first["object_id"]}
            if first["object_id"] is not None and audited_table(first["object_type"]) is not None
            else {"object_type": ""}
        )
    )
    if head is None:
        raise NoHead("the table audit_head has lost its row: run `dingkao audit verify`")
    number, previous = int(head["number"]), str(head["digest"])
    for place, entry in enumerate(entries):
        number += 1
        after = ""
        if entry["object_id"] is not None:
            if place:
                after = await read_digest(key, entry["object_type"], entry["object_id"])
            elif "o_id" in head.keys():  # noqa: SIM118 - asyncpg's records look for values, not for names
                after = digest_of(key, entry["object_type"], head, "o_")
        content = {**entry, "id": number, "after": after, "key": key.id}
        digest = entry_digest(key.secret, content, previous)
        await _insert.run(**content, previous=previous, digest=digest)
        previous = digest
