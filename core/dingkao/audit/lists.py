"""Reading the audit: for audit administrators and nobody else (GB/T 22239-2019, 8.1.4.2: administrators apart)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from piccolo.querystring import QueryString

from dingkao.access.rules import Kind, require_sight
from dingkao.audit.work import logged_in
from dingkao.db.database import is_postgresql
from dingkao.db.statement import Parameters, Statement
from dingkao.plugin.caller import Caller


@dataclass(frozen=True, slots=True)
class EntryRecord:
    """An entry of the chain as it is shown. `id` is its number."""

    id: int
    at: datetime
    account: int | None
    session: int | None
    role: str
    organisation: int | None
    address: str
    request_id: str
    action: str
    object_type: str
    object_id: int | None
    result: str
    before: str
    after: str
    detail: str
    digest: str


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """What entries are looked for; None: whatever it is. `since` and `until` are instants, `until` not included."""

    account: int | None = None
    action: str | None = None
    object_type: str | None = None
    object_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    refused: bool | None = None


_COLUMNS = tuple(EntryRecord.__dataclass_fields__)
_CONDITIONS = {
    "account": "account = {}",
    "action": "action = {}",
    "object_type": "object_type = {}",
    "object_id": "object_id = {}",
    "since": "at >= {}",
    "until": "at < {}",
}


def _list_query(parameters: Parameters) -> QueryString:
    named = tuple(str(parameters.named).split())
    conditions = ["id < {}", *(_CONDITIONS[name] for name in named if name in _CONDITIONS)]
    if "refused" in named:
        conditions.append("result <> 'OK'")
    if "done" in named:
        conditions.append("result = 'OK'")
    limit = "CAST({} AS BIGINT)" if is_postgresql() else "{}"
    return QueryString(
        f"SELECT {', '.join(_COLUMNS)} FROM audit_entry WHERE {' AND '.join(conditions)} "  # noqa: S608 - our own words
        f"ORDER BY id DESC LIMIT {limit}",
        parameters.below,
        *(getattr(parameters, name) for name in named if name in _CONDITIONS),
        parameters.limit,
    )


# A text for each choice of filters.
_list = Statement(_list_query, constants=("named",))
_LAST = 2**63 - 1


async def list_entries(caller: Caller | None, wanted: EntryFilter, *, after: int, limit: int) -> list[EntryRecord]:
    """At most `limit` entries, the newest first, those older than the one numbered `after` (0: from the newest on).

    Raises NotLoggedIn, FirstLoginOpen, Forbidden: for whoever is no audit administrator, other administrators too.
    """
    require_sight(logged_in(caller), Kind.AUDIT)
    values: dict[str, Any] = {name: getattr(wanted, name) for name in _CONDITIONS if getattr(wanted, name) is not None}
    named = [*values, *(["refused"] if wanted.refused else ["done"] if wanted.refused is False else [])]
    rows = await _list.run(named=" ".join(named), below=after or _LAST, limit=limit, **values)
    return [EntryRecord(**{name: row[name] for name in _COLUMNS}) for row in rows]
