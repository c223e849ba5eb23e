"""Accounts of staff as they are read: with their roles and their last login. Applies no scope but where it says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from piccolo.querystring import QueryString

from dingkao.access.rules import Reach
from dingkao.accounts.logging_in import login_indexes
from dingkao.accounts.rules import Failures
from dingkao.accounts.tables import Account
from dingkao.db.statement import Parameters, Statement
from dingkao.institutions.service import contains_pattern
from dingkao.plugin.vocabulary import Role
from dingkao.staff.rules import HeldRole, row_of

_LAST_LOGIN = "(SELECT MAX(s.created_at) FROM session AS s WHERE s.account = a.id)"
_COLUMNS = (
    "a.id AS id, a.login_name AS login_name, a.name AS name, a.doctor AS doctor, a.disabled AS disabled, "
    "a.failures AS failures, a.last_failed_at AS last_failed_at, a.locked_until AS locked_until, "
    "a.initial_until AS initial_until, a.created_at AS created_at, "
    f"{_LAST_LOGIN} AS last_login_at"
)


@dataclass(frozen=True, slots=True)
class StaffRecord:
    """An account with every role that it holds, held or will hold, first given first."""

    id: int
    login_name: str
    name: str
    doctor_id: int | None
    disabled: bool
    failures: Failures
    initial_until: datetime | None
    created_at: datetime
    last_login_at: datetime | None
    roles: tuple[HeldRole, ...]


def _marks(values: Sequence[object]) -> str:
    return ", ".join("{}" for _ in values)


_accounts = Statement(
    lambda p: QueryString(
        f"SELECT {_COLUMNS} FROM account AS a WHERE a.id IN ({_marks(p.ids)}) ORDER BY a.id",  # noqa: S608 - our own names
        *p.ids,
    )
)
_roles = Statement(
    lambda p: QueryString(
        "SELECT r.id AS id, r.account AS account, r.role AS role, r.organisation AS organisation, o.region AS region, "  # noqa: S608
        "r.valid_from AS valid_from, r.valid_to AS valid_to FROM role_assignment AS r "
        f"LEFT JOIN organisation AS o ON o.id = r.organisation WHERE r.account IN ({_marks(p.accounts)}) ORDER BY r.id",
        *p.accounts,
    )
)


def _page_query(p: Parameters) -> QueryString:
    held = (
        "SELECT 1 FROM role_assignment AS r LEFT JOIN organisation AS o ON o.id = r.organisation WHERE r.account = a.id"
    )
    values: list[Any] = [p.after]
    if p.scoped:
        held += f" AND o.region IN ({_marks(p.regions)})"
        values += p.regions
    if p.of_role:
        held += " AND r.role = {}"
        values.append(p.role)
    conditions = f"a.id > {{}} AND EXISTS ({held})"
    if p.searching:
        conditions += f" AND (a.name LIKE {{}} OR a.login_index IN ({_marks(p.logins)}))"
        values += [p.pattern, *p.logins]
    if p.only_stale:
        conditions += f" AND COALESCE({_LAST_LOGIN}, a.created_at) <= {{}}"
        values.append(p.stale_before)
    return QueryString(
        f"SELECT a.id AS id FROM account AS a WHERE {conditions} ORDER BY a.id LIMIT {int(p.limit)}",  # noqa: S608
        *values,
    )


_page = Statement(_page_query, constants=("scoped", "of_role", "searching", "only_stale", "limit"))


async def staff_page(
    reach: Reach, *, search: str | None, role: Role | None, stale_before: datetime | None, after: int, limit: int
) -> list[StaffRecord]:
    """The page of a list that is cut to `reach`: three queries."""
    rows = await _page.run(
        scoped=not reach.everywhere,
        regions=None if reach.everywhere else list(reach.keys),
        of_role=role is not None,
        role=role.value if role else "",
        searching=bool(search),
        pattern=contains_pattern(search or ""),
        logins=login_indexes(search or ""),
        only_stale=stale_before is not None,
        stale_before=stale_before,
        after=after,
        limit=limit,
    )
    found = await read_accounts([row["id"] for row in rows])
    return [found[row["id"]] for row in rows]


async def read_accounts(ids: Sequence[int]) -> dict[int, StaffRecord]:
    """The accounts of `ids` that there are, by id: two queries."""
    if not ids:
        return {}
    roles: dict[int, list[HeldRole]] = {}
    for row in await _roles.run(accounts=list(ids)):
        roles.setdefault(row["account"], []).append(row_of(row))
    return {
        row["id"]: StaffRecord(
            row["id"], str(_login.open(row["login_name"])), row["name"], row["doctor"], bool(row["disabled"]),
            Failures(row["failures"], instant(row["last_failed_at"]), instant(row["locked_until"])),
            instant(row["initial_until"]), instant(row["created_at"]) or _BEGINNING,
            instant(row["last_login_at"]), tuple(roles.get(row["id"], ())),
        )
        for row in await _accounts.run(ids=list(ids))
    }  # fmt: skip


_login: Any = Account.login_name
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def instant(value: Any) -> datetime | None:
    """A moment as it comes from a raw statement: SQLite knows the type of columns, not of what is computed."""
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
