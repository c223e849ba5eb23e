"""Who may hold which role where, and who may give it (GB/T 22239-2019, 8.1.4.2: separate administrators, least
privilege, no account that nobody uses). Pure."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from dingkao.access.rules import ADMINISTRATORS, WITHOUT_ORGANISATION, Kind, Place, grant_on
from dingkao.institutions.rules import OrganisationKind
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import FieldProblem
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import Role

NAME_MAXIMUM = 60
# Neither a letter nor a digit that is read as another (ASVS 6.4.1: random, short-lived, not the long-term password).
_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
_SECRET_LENGTH = 12
_LOGIN_NAME = re.compile(r"[a-z][a-z0-9.-]{3,59}")

# At which kind of organisation a role is held; an administrator's at an authority, where it is at one.
PLACE_OF: dict[Role, OrganisationKind] = {
    Role.INSTITUTION_OFFICER: OrganisationKind.INSTITUTION,
    Role.BODY_REVIEWER: OrganisationKind.BODY,
    Role.INVIGILATOR: OrganisationKind.BODY,
    Role.AUTHORITY_OFFICER: OrganisationKind.AUTHORITY,
    Role.BANK_AUTHOR: OrganisationKind.AUTHORITY,
    Role.BANK_APPROVER: OrganisationKind.AUTHORITY,
    Role.SYSTEM_ADMINISTRATOR: OrganisationKind.AUTHORITY,
    Role.SECURITY_ADMINISTRATOR: OrganisationKind.AUTHORITY,
    Role.AUDIT_ADMINISTRATOR: OrganisationKind.AUTHORITY,
}
OWN_ACCOUNT = Reason(
    "OWN_ACCOUNT",
    Text("不得变更本人的账户或角色。", "Nobody changes an account or a role of his own."),
)


@dataclass(frozen=True, slots=True)
class HeldRole:
    """A role that an account holds from a day to another, both included; `region_id` is where its organisation
    stands."""

    id: int
    role: Role
    organisation_id: int | None
    region_id: int | None
    valid_from: date
    valid_to: date | None

    def overlaps(self, valid_from: date, valid_to: date | None) -> bool:
        """Whether it is held on one of these days."""
        begins_in_time = valid_to is None or self.valid_from <= valid_to
        return begins_in_time and (self.valid_to is None or self.valid_to >= valid_from)

    def is_over(self, today: date) -> bool:
        """Whether it is held no more, today and later."""
        return self.valid_to is not None and self.valid_to < today

    @property
    def place(self) -> Place:
        """Where it is held, for the rule of who sees what."""
        return Place(region_id=self.region_id)


def administers(caller: Caller, region_id: int | None) -> RoleGrant | None:
    """The grant by which `caller` keeps the accounts of an organisation in this region (None: of no organisation)."""
    return grant_on(caller, Place(region_id=region_id), kind=Kind.ACCOUNT)


def new_secret() -> str:
    """An initial secret: 59 bits, easy to read out, good for one first login."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))


def account_problems(login_name: str, name: str) -> list[FieldProblem]:
    """What is wrong with a new account of staff; empty where it fits. Its login name begins with a letter, so that it
    is never a document number."""
    problems = []
    if not _LOGIN_NAME.fullmatch(login_name):
        text = Text(
            "登录名应为4至60位小写字母、数字、点或连字符，以字母开头。",
            "A login name has 4 to 60 small letters, digits, dots or hyphens, and begins with a letter.",
        )
        problems.append(FieldProblem("loginName", "LOGIN_NAME_FORMAT", text))
    if not name.strip():
        problems.append(FieldProblem("name", "NAME_REQUIRED", Text("请填写姓名。", "Give a name.")))
    elif len(name) > NAME_MAXIMUM:
        text = Text(f"姓名不能超过{NAME_MAXIMUM}个字。", f"A name has at most {NAME_MAXIMUM} characters.")
        problems.append(FieldProblem("name", "NAME_TOO_LONG", text))
    return problems


def role_problems(
    role: Role,
    kinds: frozenset[OrganisationKind] | None,
    valid_from: date,
    valid_to: date | None,
    today: date,
    held: Sequence[HeldRole],
    organisation_id: int | None,
) -> list[FieldProblem]:
    """What is wrong with giving `role` for these days at an organisation of `kinds` (None: at none) to an account that
    holds `held`; empty where it fits.

    The audit administrator holds nothing else, and nobody is the administrator of the system and of accounts at once:
    who is watched does not watch.
    """
    problems = []
    if role not in PLACE_OF:
        text = Text("该角色不能授予。", "This role is given to nobody.")
        return [FieldProblem("role", "ROLE_NOT_GIVEN", text)]
    if kinds is None and role not in WITHOUT_ORGANISATION:
        text = Text("请选择所在机构。", "Say at which organisation.")
        problems.append(FieldProblem("organisationId", "ORGANISATION_REQUIRED", text))
    if kinds is not None and PLACE_OF[role] not in kinds:
        text = Text("该机构的类别与角色不符。", "The role is not held at an organisation of this kind.")
        problems.append(FieldProblem("organisationId", "ORGANISATION_KIND", text))
    if valid_to is not None and valid_to < valid_from:
        text = Text("结束日期不得早于开始日期。", "The last day lies before the first.")
        problems.append(FieldProblem("validTo", "DAYS_NOT_IN_ORDER", text))
    elif valid_to is not None and valid_to < today:
        text = Text("结束日期已过。", "The last day is over.")
        problems.append(FieldProblem("validTo", "DAYS_OVER", text))
    together = [each for each in held if each.overlaps(valid_from, valid_to)]
    if any(each.role is role and each.organisation_id == organisation_id for each in together):
        text = Text("该账户在此期间已有该角色。", "The account holds this role in these days already.")
        problems.append(FieldProblem("role", "ROLE_HELD", text))
    if any(_exclude_each_other(role, each.role) for each in together):
        text = Text(
            "系统、安全、审计管理员须由不同人员担任，审计管理员不得兼任其他角色。",
            "System, security and audit administrator are different people, and the last holds no other role.",
        )
        problems.append(FieldProblem("role", "ROLES_EXCLUDE_EACH_OTHER", text))
    return problems


def activation_problems(account: Any) -> list[FieldProblem]:
    """What is wrong with giving a role to a doctor's account; empty where it is its owner's. `account` has
    `password_hash`, `initial_until` and `phone`."""
    if account["password_hash"] is not None and account["initial_until"] is None and account["phone"]:
        return []
    text = Text(
        "该医师账户尚未激活：请医师本人先设置密码并绑定手机号。",
        "The doctor's account is not activated: he sets his own password and binds his phone first.",
    )
    return [FieldProblem("loginName", "ACCOUNT_NOT_ACTIVATED", text)]


def _exclude_each_other(one: Role, other: Role) -> bool:
    if one is other:
        return False
    return Role.AUDIT_ADMINISTRATOR in (one, other) or {one, other} <= ADMINISTRATORS


def is_stale(last_login_at: datetime | None, created_at: datetime, now: datetime, days: int) -> bool:
    """Whether nobody has logged in for so many days."""
    return (last_login_at or created_at) <= now - timedelta(days=days)


def row_of(row: Any) -> HeldRole:
    """A role from a joined row."""
    return HeldRole(
        row["id"], Role(row["role"]), row["organisation"], row["region"], row["valid_from"], row["valid_to"]
    )
