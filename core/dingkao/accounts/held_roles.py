"""Whether an account holds roles of staff, as ways into it and its sessions ask."""

from collections.abc import Sequence
from datetime import date

from piccolo.querystring import QueryString

from dingkao.accounts.rules import is_staff
from dingkao.accounts.tables import RoleAssignment
from dingkao.db.statement import Statement
from dingkao.plugin.errors import FieldProblem, StateConflict
from dingkao.plugin.text import Text

# Of the account `a`, on the day that is given twice.
HOLDS_ROLES = (
    "EXISTS (SELECT 1 FROM role_assignment r WHERE r.account = a.id "
    "AND r.valid_from <= {} AND (r.valid_to IS NULL OR r.valid_to >= {}))"
)
HELD = Text(
    "该账户担任工作人员角色，不能使用激活码；请由安全管理员先终止其角色。",
    "This account holds roles of staff, and no activation code opens it; a security administrator ends them first.",
)

_standing = Statement(
    lambda p: QueryString(
        f"SELECT a.doctor AS doctor, {HOLDS_ROLES} AS holds_roles FROM account a WHERE a.id = {{}}",  # noqa: S608 - our own words
        p.today,
        p.today,
        p.account,
    )
)
_with_roles = Statement(
    lambda p: RoleAssignment.select(RoleAssignment.account).where(
        RoleAssignment.account.is_in(p.accounts)
        & (RoleAssignment.valid_to.is_null() | (RoleAssignment.valid_to >= p.today))
    )
)


async def is_staff_account(account_id: int, today: date) -> bool:
    """`rules.is_staff` of an account."""
    row = await _standing.first(today=today, account=account_id)
    return row is None or is_staff(row["doctor"], holds_roles=bool(row["holds_roles"]))


async def with_roles(account_ids: Sequence[int], today: date) -> frozenset[int]:
    """Those of the accounts that hold a role today or later. What opens them is in no institution's hands: with an
    activation code its officer would hold the roles too."""
    return frozenset(row["account"] for row in await _with_roles.run(accounts=list(account_ids), today=today))


def held_problem(path: str) -> FieldProblem:
    """What is answered where an activation code is asked for such an account."""
    return FieldProblem(path, "ACCOUNT_HOLDS_ROLES", HELD)


async def require_no_roles(account_id: int, today: date) -> None:
    """Raises StateConflict (ACCOUNT_HOLDS_ROLES) where the account holds a role today or later."""
    if await with_roles([account_id], today):
        raise StateConflict("ACCOUNT_HOLDS_ROLES", HELD, "STAFF")
