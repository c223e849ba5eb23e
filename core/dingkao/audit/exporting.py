"""Audit entries of a time in a file, with a signed manifest beside it: for auditors, and to be kept elsewhere."""

import csv
import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

from piccolo.querystring import QueryString

from dingkao.audit.chain import CONTENT
from dingkao.audit.signing import sign, signing_key
from dingkao.audit.verification import PAGE
from dingkao.audit.work import begin
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller

FORMAT = "dingkao-audit-export-1"
COLUMNS = (*CONTENT, "previous", "digest")

_page = Statement(
    lambda p: QueryString(
        f"SELECT {', '.join(COLUMNS)} FROM audit_entry "  # noqa: S608 - our own names
        f"WHERE id > {{}} AND at >= {{}} AND at < {{}} ORDER BY id LIMIT {PAGE}",
        p.after,
        p.since,
        p.until,
    )
)


class ExportFormat(StrEnum):
    """JSON Lines or CSV; both hold every column, so that the chain can be recomputed by who has its key."""

    JSON_LINES = "jsonl"
    CSV = "csv"


async def export_entries(
    environment: Environment,
    caller: Caller,
    path: Path,
    since: datetime,
    until: datetime,
    kind: ExportFormat,
    progress: Callable[[int], object] = lambda entries: None,
) -> dict[str, Any]:
    """Write the entries from `since` to before `until` to `path`, which must not be there; returns the signed manifest:
    the times, how many, the first and the last with its digest, the file's SHA-256. Writes an audit entry.

    Raises FileExistsError.
    """
    digest, number = sha256(), 0
    first: Mapping[str, Any] | None = None
    last: Mapping[str, Any] | None = None
    with path.open("xb") as stream:
        if kind is ExportFormat.CSV:
            head = _csv_line(COLUMNS)
            stream.write(head)
            digest.update(head)
        async for rows in _pages(since, until):
            lines = b"".join(_line(row, kind) for row in rows)
            stream.write(lines)
            digest.update(lines)
            number += len(rows)
            first, last = first or rows[0], rows[-1]
            progress(len(rows))
    manifest = {
        "format": FORMAT,
        "file": path.name,
        "sha256": digest.hexdigest(),
        "since": since.isoformat(),
        "until": until.isoformat(),
        "entries": number,
        "first": int(first["id"]) if first else None,
        "last": int(last["id"]) if last else None,
        "continues": first["previous"] if first else None,
        "digest": last["digest"] if last else None,
        "at": environment.clock.now().isoformat(),
    }
    async with begin(environment, caller) as work:
        detail = {name: manifest[name] for name in ("since", "until", "entries", "sha256")}
        await work.record("EXPORT_AUDIT", "AuditEntry", None, detail)
    return sign(signing_key(environment), manifest)


async def _pages(since: datetime, until: datetime) -> AsyncIterator[list[Any]]:
    after = 0
    while rows := await _page.run(after=after, since=since, until=until):
        yield rows
        after = int(rows[-1]["id"])


def _line(row: Mapping[str, Any], kind: ExportFormat) -> bytes:
    values = {name: row[name].isoformat() if isinstance(row[name], datetime) else row[name] for name in COLUMNS}
    if kind is ExportFormat.CSV:
        return _csv_line(["" if value is None else value for value in values.values()])
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _csv_line(values: Any) -> bytes:
    text = StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue().encode()
