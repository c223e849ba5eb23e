"""`dingkao account create`, `list` and `unlock`: accounts, from the machine itself."""

import asyncio
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dingkao.cli.console import new_table, output, say, warn
from dingkao.cli.errors import WRONG_USE, CommandFailed

if TYPE_CHECKING:
    from dingkao.staff.records import StaffRecord
    from dingkao.staff.service import InitialSecret

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Accounts of staff. 账户\n\nThe first security administrator (安全管理员) of an empty system is made here; "
    "that person makes the others.",
)

# Which part of the command a refusal is about, by the path that clients are told.
_PARTS: Final = {
    "loginName": "login name",
    "name": "--name",
    "role": "--role",
    "organisationId": "--organisation",
    "validFrom": "--from",
    "validTo": "--until",
}


@app.command()
def create(
    login_name: Annotated[str, typer.Argument(help="Login name: 4 to 60 small letters, digits, dots, hyphens.")],
    name: Annotated[str, typer.Option("--name", help="Name of the person 姓名.")],
    role: Annotated[str, typer.Option("--role", help="The role, as SECURITY_ADMINISTRATOR 角色.")] = (
        "SECURITY_ADMINISTRATOR"
    ),
    organisation: Annotated[
        str | None,
        typer.Option("--organisation", help="Code of the organisation; none: the whole country (administrators) 机构."),
    ] = None,
    valid_from: Annotated[
        datetime | None,
        typer.Option(
            "--from", formats=["%Y-%m-%d"], help="First day of the role, as 2026-01-31; none: today 起始日期."
        ),
    ] = None,
    valid_to: Annotated[
        datetime | None,
        typer.Option("--until", formats=["%Y-%m-%d"], help="Last day of the role; none: it does not end 截止日期."),
    ] = None,
) -> None:
    """Make an account with its first role, and print the secret of its first login once. 新建账户

    The secret is good for the hours of DINGKAO_INITIAL_SECRET_HOURS. With it the person logs in, sets an own password
    and binds a phone.
    """
    from dingkao.staff.rules import PLACE_OF

    if role not in PLACE_OF:
        raise CommandFailed(f"--role {role}: give one of {', '.join(sorted(PLACE_OF))}", WRONG_USE)
    days = (_day(valid_from), _day(valid_to))
    issued = asyncio.run(_create(login_name, name, role, organisation, days))
    until = _shown(issued.until)
    warn(f"account {login_name} ({role}); hand over this secret, it is not shown again, good until {until}:")
    say(issued.secret)


@app.command("list")
def list_accounts(
    stale: Annotated[
        bool, typer.Option("--stale", help="Only those without a login for DINGKAO_STALE_ACCOUNT_DAYS 长期未用.")
    ] = False,
) -> None:
    """List the accounts of staff with their roles. 账户列表"""
    table = new_table("Login name", "Name", "Roles", "Last login", "State")
    for record in asyncio.run(_list(stale)):
        roles = "\n".join(
            f"{held.role.value} {held.valid_from} – {held.valid_to or ''}".rstrip(" –") for held in record.roles
        )
        last = _shown(record.last_login_at) if record.last_login_at else "never"
        shown = record.login_name if record.doctor_id is None else "(a doctor's)"
        table.add_row(shown, record.name, roles, last, "disabled" if record.disabled else "")
    output().print(table)


@app.command()
def unlock(
    login_name: Annotated[str, typer.Argument(help="Login name; a doctor's is the document number.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit 事由.")],
) -> None:
    """Let an account try again that is locked after wrong passwords. 解除锁定

    Otherwise security administrators do this, and institutions by a new activation code; this is for the last of them.
    """
    name = asyncio.run(_unlock(login_name, reason))
    warn(f"unlocked the account of {name}")


def _day(given: datetime | None) -> date | None:
    return given.date() if given else None


def _shown(moment: datetime) -> str:
    from dingkao.clock import CHINA

    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")


async def _create(
    login_name: str, name: str, role: str, organisation: str | None, days: tuple[date | None, date | None]
) -> "InitialSecret":
    from dingkao.audit.work import SYSTEM_CALLER
    from dingkao.cli.opening import open_environment
    from dingkao.institutions.service import organisation_by_code
    from dingkao.plugin.errors import ValidationFailed
    from dingkao.plugin.vocabulary import Role
    from dingkao.staff.service import create_staff_account

    async with open_environment() as environment:
        key = None
        if organisation is not None:
            found = await organisation_by_code(organisation)
            if found is None:
                raise CommandFailed(
                    f"--organisation {organisation}: no organisation has this code; write it as it is registered, or "
                    "leave it out for an administrator of the whole country"
                )
            key = found.id
        try:
            return await create_staff_account(
                environment, SYSTEM_CALLER, login_name=login_name, name=name, role=Role(role), organisation_id=key,
                valid_from=days[0], valid_to=days[1],
            )  # fmt: skip
        except ValidationFailed as refused:
            said = "; ".join(
                f"{_PARTS.get(one.path, one.path)}: {one.text.en} ({one.code})" for one in refused.problems
            )
            raise CommandFailed(said) from refused


async def _unlock(login_name: str, reason: str) -> str:
    from dingkao.audit.work import SYSTEM_CALLER
    from dingkao.cli.opening import open_environment
    from dingkao.plugin.errors import NotFound, ValidationFailed
    from dingkao.staff.service import AccountChange, change_account

    async with open_environment() as environment:
        try:
            record = await change_account(
                environment, SYSTEM_CALLER, None, AccountChange.UNLOCK, reason, login_name=login_name
            )
        except NotFound as unknown:
            # Not the name: it may be a document number, and what is printed is kept.
            raise CommandFailed(
                "no account has this login name; `dingkao account list` lists those of staff"
            ) from unknown
        except ValidationFailed as refused:
            raise CommandFailed("; ".join(one.text.en for one in refused.problems)) from refused
        return record.name


async def _list(stale: bool) -> "list[StaffRecord]":
    from dingkao.audit.work import SYSTEM_CALLER
    from dingkao.cli.opening import open_environment
    from dingkao.staff.service import list_staff

    async with open_environment() as environment:
        found: list[StaffRecord] = []
        while page := await list_staff(
            environment, SYSTEM_CALLER, search=None, role=None, stale=stale,
            after=found[-1].id if found else 0, limit=500,
        ):  # fmt: skip
            found += page
        return found
