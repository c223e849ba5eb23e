"""Uploads that nobody uses: taken back, replaced, or never named in a form or request.

An upload is in use while a column refers to it. In the core those are foreign keys; tables of plugins hold plain keys,
in a column named `file` or `…_file` (`dingkao.plugin.tables`), and count also while their plugin is not installed: the
columns are looked up in the database itself. What a submission may have held is kept with it: an upload from before any
submission of its assessment.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from piccolo.querystring import QueryString

from dingkao.assessments.access import lock_records
from dingkao.db.database import fetch, is_postgresql
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.logs import get_logger
from dingkao.migrations import CORE_TABLES
from dingkao.plugin.ports import PortFailed
from dingkao.retention.due import Batch, protected
from dingkao.storage.tables import StoredFile

_log = get_logger("dingkao.retention")

# The bytes of so many files are deleted within one transaction.
_BATCH: Final = 20

Referring = tuple[tuple[str, str], ...]
"""Tables and their columns that refer to files."""

_COLUMNS_SQLITE: Final = (
    "SELECT m.name AS table_name, c.name AS column_name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c "
    "WHERE m.type = 'table' AND (c.name = 'file' OR c.name LIKE '%\\_file' ESCAPE '\\') ORDER BY 1, 2"
)
_COLUMNS_POSTGRESQL: Final = (
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() "
    "AND (column_name = 'file' OR column_name LIKE '%\\_file') AND data_type IN ('bigint', 'integer') ORDER BY 1, 2"
)


async def referring_columns() -> Referring:
    """Every column that refers to a file, of the core's tables and of all plugins' that were ever installed."""
    found = {
        (table._meta.tablename, key._meta.db_column_name)
        for table in CORE_TABLES
        for key in table._meta.foreign_key_columns
        if key._foreign_key_meta.resolved_references is StoredFile
    }
    rows = await fetch(_COLUMNS_POSTGRESQL if is_postgresql() else _COLUMNS_SQLITE)
    return tuple(sorted(found | {(row["table_name"], row["column_name"]) for row in rows}))


def _unused(referring: Referring) -> str:
    """SQL: `file` is held by nothing, and was uploaded after the last submission of its assessment, if there is one."""
    held = "".join(
        f' AND NOT EXISTS (SELECT 1 FROM "{table}" AS holder WHERE holder."{column}" = file.id)'  # noqa: S608
        for table, column in referring
    )
    # The newest stays: SQLite would give its number to another, and the audit names files by their numbers.
    due = "file.uploaded_at < {} AND file.id < (SELECT MAX(id) FROM stored_file)"
    submitted = (
        "EXISTS (SELECT 1 FROM submission WHERE submission.assessment = file.assessment "
        "AND submission.submitted_at >= file.uploaded_at)"
    )
    return f"{due} AND NOT {submitted}{held}"


_FROM: Final = (
    "FROM stored_file AS file JOIN assessment ON assessment.id = file.assessment "
    "LEFT JOIN account AS owner ON owner.doctor = assessment.doctor "
)
_SELECT: Final = f"SELECT file.id AS id, file.assessment AS assessment, file.name AS name, owner.id AS account {_FROM}"

_page = Statement(
    lambda p: QueryString(
        f"{_SELECT}WHERE file.id > {{}} AND {_unused(p.referring)} ORDER BY file.id LIMIT {_BATCH}",
        p.after,
        p.before,
    ),
    constants=("referring",),
)


def _still_unused(p: Any) -> QueryString:
    listed = ", ".join("{}" for _ in p.ids)
    return QueryString(
        f"{_SELECT}WHERE file.id IN ({listed}) AND {_unused(p.referring)} ORDER BY file.id",
        *p.ids,
        p.before,
    )


_again = Statement(_still_unused, constants=("referring",))
_delete = Statement(
    lambda p: QueryString(
        f"DELETE FROM stored_file WHERE id IN ({', '.join('{}' for _ in p.ids)}) RETURNING id",  # noqa: S608
        *p.ids,
    )
)


async def count_unused(before: datetime) -> int:
    """How many uploads are due."""
    referring, total, after = await referring_columns(), 0, 0
    while rows := await _page.run(after=after, before=before, referring=referring):
        after = rows[-1]["id"]
        total += len(await _unprotected(rows))
    return total


async def find_unused(before: datetime, after: int, referring: Referring) -> list[Any]:
    """The next uploads behind the key `after` that are due, protected ones among them."""
    return await _page.run(after=after, before=before, referring=referring)


async def delete_unused(environment: Environment, rows: Sequence[Any], before: datetime, referring: Referring) -> Batch:
    """Delete what `find_unused` found, inside the caller's transaction: the bytes first, then the rows.

    Their assessments are locked and it is looked again: nobody can begin to use one meanwhile. What ends the run
    between the two leaves rows whose bytes are gone, which the next run deletes. What the store does not let go is
    logged and left, and keeps no other waiting.
    """
    await lock_records(sorted({row["assessment"] for row in rows}))
    ids = [row["id"] for row in await _unprotected(rows)]
    unused = await _again.run(ids=ids, before=before, referring=referring)
    let_go = []
    for row in unused:
        try:
            await environment.files.delete(row["name"])
        except PortFailed as error:
            _log.error("upload could not be deleted", file=row["id"], exc_info=error)
        else:
            let_go.append(row["id"])
    gone = await _delete.run(ids=let_go)
    return Batch(len(rows), len(gone), rows[-1]["id"], len(unused) - len(let_go))


async def _unprotected(rows: Sequence[Any]) -> list[Any]:
    held = await protected([row["account"] for row in rows])
    return [row for row in rows if row["account"] not in held]
