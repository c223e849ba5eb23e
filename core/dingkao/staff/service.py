"""Accounts of staff and their roles (账户与角色管理): kept by security administrators, within the regions of theirs."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from dingkao.access.rules import Kind, reach_of, require_sight
from dingkao.accounts.activation import revoke_activation
from dingkao.accounts.logging_in import login_indexes
from dingkao.accounts.passwords import hash_password
from dingkao.accounts.place import region_of_doctor
from dingkao.accounts.sessions import end_sessions
from dingkao.accounts.step_up import step_up
from dingkao.accounts.tables import Account, RoleAssignment
from dingkao.accounts.throttling import clear_failures
from dingkao.accounts.vocabulary import SessionEnd
from dingkao.audit.work import UnitOfWork, begin, logged_in
from dingkao.clock import china_date
from dingkao.db.database import is_postgresql
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.institutions.service import OrganisationRecord, read_organisations
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, Forbidden, NotEligible, NotFound, StateConflict, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role
from dingkao.staff import rules
from dingkao.staff.records import StaffRecord, read_accounts, staff_page

_lock = Statement(lambda p: Account.select(Account.id).where(Account.id == p.id).lock_rows())
_by_login = Statement(lambda p: Account.select(Account.id).where(Account.login_index.is_in(p.logins)))
_opened = Statement(
    lambda p: Account.select(Account.password_hash, Account.initial_until, Account.phone).where(Account.id == p.id)
)
_assignment = Statement(
    lambda p: RoleAssignment.select(RoleAssignment.id, RoleAssignment.account).where(RoleAssignment.id == p.id)
)


class AccountChange(StrEnum):
    """账户变更: keep the account out and end its sessions, let it in again, or let it try again after failures."""

    DISABLE = "DISABLE"
    ENABLE = "ENABLE"
    UNLOCK = "UNLOCK"


@dataclass(frozen=True, slots=True)
class InitialSecret:
    """What opens an account's first login, shown this once: the secret and until when it is good."""

    account_id: int
    secret: str
    until: datetime


async def list_staff(
    environment: Environment,
    caller: Caller | None,
    *,
    search: str | None,
    role: Role | None,
    stale: bool,
    after: int,
    limit: int,
) -> list[StaffRecord]:
    """At most `limit` accounts with a key above `after`, by key, that hold or held a role at an organisation that the
    caller keeps the accounts of. `search` is part of the name or a whole login name; `stale`: only those that nobody
    has logged in to for the days of the setting. For security administrators. Raises NotLoggedIn, Forbidden."""
    asking = logged_in(caller)
    reach = reach_of(asking, Kind.ACCOUNT)
    now = environment.clock.now()
    before = now - timedelta(days=environment.settings.stale_account_days) if stale else None
    return await staff_page(reach, search=search, role=role, stale_before=before, after=after, limit=limit)


async def read_staff(caller: Caller | None, account_id: int) -> StaffRecord:
    """An account in the caller's scope. Raises NotLoggedIn, NotFound."""
    asking = logged_in(caller)
    record = (await read_accounts([account_id])).get(account_id)
    if record is None or not any(rules.administers(asking, held.region_id) for held in record.roles):
        raise NotFound
    return record


@step_up("CREATE_STAFF_ACCOUNT", Text("新建账户", "make an account of staff"))
async def create_staff_account(
    environment: Environment,
    caller: Caller | None,
    *,
    login_name: str,
    name: str,
    role: Role,
    organisation_id: int | None = None,
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> InitialSecret:
    """An account with its first role, and the secret of its first login. By a security administrator who keeps the
    organisation's accounts, or the machine's operator.

    Raises ValidationFailed, NotFound, Forbidden, NotLoggedIn.
    """
    require_sight(logged_in(caller), Kind.ACCOUNT)
    secret = rules.new_secret()
    hashed = await hash_password(secret)
    async with begin(environment, caller) as work:
        organisation = await _organisation(work, organisation_id)
        first = valid_from or work.today
        kinds = organisation.kinds if organisation else None
        problems = rules.account_problems(login_name, name)
        problems += rules.role_problems(role, kinds, first, valid_to, work.today, [], organisation_id)
        if problems:
            raise ValidationFailed(problems)
        until = work.now + timedelta(hours=environment.settings.initial_secret_hours)
        row = Account(
            login_name=login_name, name=name.strip(), password_hash=hashed, initial_until=until, created_at=work.now
        )
        # The database decides which of two with one name is first.
        inserted = await Account.insert(row).on_conflict(action="DO NOTHING").returning(Account.id)
        if not inserted:
            text = Text("该登录名已被使用。", "This login name is in use already.")
            raise ValidationFailed([FieldProblem("loginName", "LOGIN_NAME_TAKEN", text)])
        account_id = int(inserted[0]["id"])
        await _give(account_id, role, organisation_id, first, valid_to)
        detail = {"role": role.value, "organisation": organisation_id}
        await work.record("CREATE_STAFF_ACCOUNT", "Account", account_id, detail)
    return InitialSecret(account_id, secret, until)


@step_up("RENEW_INITIAL_SECRET", Text("发放初始密码", "hand out an initial secret"))
async def renew_initial_secret(environment: Environment, caller: Caller | None, account_id: int) -> InitialSecret:
    """A new secret for a first login in place of the password: who keeps accounts may begin a reset, and never chooses
    a password (ASVS 6.4.6). Every session of the account ends. Raises as `change_account`."""
    require_sight(logged_in(caller), Kind.ACCOUNT)
    secret = rules.new_secret()
    hashed = await hash_password(secret)
    async with begin(environment, caller) as work:
        await _lock_administered(work, account_id, doctors=False)
        until = work.now + timedelta(hours=environment.settings.initial_secret_hours)
        changes: dict[Any, Any] = {
            Account.password_hash: hashed,
            Account.initial_until: until,
            Account.failures: 0,
            Account.last_failed_at: None,
            Account.locked_until: None,
        }
        await Account.update(changes).where(Account.id == account_id)
        await end_sessions(account_id, work.now, SessionEnd.CREDENTIALS_CHANGED)
        await work.record("RENEW_INITIAL_SECRET", "Account", account_id)
    return InitialSecret(account_id, secret, until)


async def change_account(
    environment: Environment,
    caller: Caller | None,
    account_id: int | None,
    change: AccountChange,
    reason: str,
    *,
    login_name: str | None = None,
) -> StaffRecord:
    """Disable an account (its sessions end at once, ASVS 7.4.2), enable or unlock it; doing so again changes nothing.
    The account is named by its key or by its login name: a doctor's, who is in no list of staff, by his number.

    By a security administrator who keeps the accounts of every organisation where it holds a role, and of the region
    where its doctor is registered, and whose own it is not. Returns the account. Raises NotFound, NotEligible
    (OWN_ACCOUNT), StateConflict (ACCOUNT_BEYOND_SCOPE), ValidationFailed (REASON_REQUIRED, ACCOUNT_REQUIRED),
    Forbidden.
    """
    require_sight(logged_in(caller), Kind.ACCOUNT)
    if (account_id is None) == (login_name is None):
        text = Text("请给出账户标识或登录名之一。", "Give the account or its login name, one of the two.")
        raise ValidationFailed([FieldProblem("accountId", "ACCOUNT_REQUIRED", text)])
    if not reason.strip() or len(reason) > 500:
        text = Text("请填写事由（不超过500字）。", "Give the reason, in at most 500 characters.")
        raise ValidationFailed([FieldProblem("reason", "REASON_REQUIRED", text)])
    async with begin(environment, caller) as work:
        if account_id is None:
            row = await _by_login.first(logins=login_indexes(login_name or ""))
            # Nobody's number, and one of another region: alike.
            account_id = int(row["id"]) if row is not None else 0
        await _lock_administered(work, account_id, doctors=True)
        if change is AccountChange.UNLOCK:
            await clear_failures(account_id)
        else:
            disabled = change is AccountChange.DISABLE
            await Account.update({Account.disabled: disabled}).where(Account.id == account_id)
        if change is AccountChange.DISABLE:
            await end_sessions(account_id, work.now, SessionEnd.DISABLED)
        await work.record(f"{change.value}_ACCOUNT", "Account", account_id, {"reason": reason.strip()})
        return (await read_accounts([account_id]))[account_id]


@step_up("ASSIGN_ROLE", Text("授予角色", "give a role"))
async def assign_role(
    environment: Environment,
    caller: Caller | None,
    *,
    login_name: str,
    role: Role,
    organisation_id: int | None = None,
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> int:
    """Give a role to the account with this login name (a doctor's is the document number); returns the account.

    A doctor's account has to be its owner's first, by his own password and a bound phone (ACCOUNT_NOT_ACTIVATED), and
    its open activation codes become void: who hands those out would hold the role too.

    By a security administrator who keeps the organisation's accounts, and never to himself. Raises ValidationFailed,
    NotFound, NotEligible (OWN_ACCOUNT), Forbidden.
    """
    require_sight(logged_in(caller), Kind.ACCOUNT)
    async with begin(environment, caller) as work:
        organisation = await _organisation(work, organisation_id)
        row = await _by_login.first(logins=login_indexes(login_name))
        if row is None:
            text = Text("没有此登录名的账户。", "No account has this login name.")
            raise ValidationFailed([FieldProblem("loginName", "NO_SUCH_ACCOUNT", text)])
        account_id = int(row["id"])
        record = await _locked(work, account_id)
        _not_own(work, account_id)
        first = valid_from or work.today
        kinds = organisation.kinds if organisation else None
        problems = rules.role_problems(role, kinds, first, valid_to, work.today, record.roles, organisation_id)
        if record.doctor_id is not None:
            problems += rules.activation_problems(await _opened.first(id=account_id))
        if problems:
            raise ValidationFailed(problems)
        if record.doctor_id is not None:
            await revoke_activation(work, [account_id])
        await _give(account_id, role, organisation_id, first, valid_to)
        detail = {"role": role.value, "organisation": organisation_id, "from": str(first), "to": str(valid_to or "")}
        await work.record("ASSIGN_ROLE", "Account", account_id, detail)
    return account_id


@step_up("END_ROLE", Text("终止角色", "end a role"))
async def end_role(environment: Environment, caller: Caller | None, assignment_id: int, last_day: date | None) -> int:
    """Let a role end with `last_day` (None: at once); returns the account. Raises NotFound, NotEligible (OWN_ACCOUNT),
    ValidationFailed, StateConflict (ROLE_ENDED), Forbidden."""
    require_sight(logged_in(caller), Kind.ACCOUNT)
    async with begin(environment, caller) as work:
        row = await _assignment.first(id=assignment_id)
        record = await _locked(work, row["account"]) if row is not None else None
        held = next((each for each in record.roles if each.id == assignment_id), None) if record else None
        grant = rules.administers(work.caller, held.region_id) if held else None
        if record is None or held is None or grant is None:
            raise NotFound
        work.acting = grant
        _not_own(work, record.id)
        if held.is_over(work.today):
            text = Text("该角色已终止。", "The role has ended already.")
            raise StateConflict("ROLE_ENDED", text, "ENDED")
        if last_day is not None and last_day < work.today:
            text = Text("终止日期不得早于今天。", "A role does not end in the past.")
            raise ValidationFailed([FieldProblem("lastDay", "DAYS_OVER", text)])
        ends = last_day or china_date(work.now) - timedelta(days=1)
        await RoleAssignment.update({RoleAssignment.valid_to: ends}).where(RoleAssignment.id == assignment_id)
        detail = {"role": held.role.value, "organisation": held.organisation_id, "lastDay": str(ends)}
        await work.record("END_ROLE", "Account", record.id, detail)
    return record.id


async def _organisation(work: UnitOfWork, organisation_id: int | None) -> OrganisationRecord | None:
    """The organisation, whose accounts the caller keeps; sets `work.acting`. Raises NotFound."""
    found = None
    if organisation_id is not None:
        found = (await read_organisations([organisation_id])).get(organisation_id)
        if found is None:
            raise NotFound
    grant = rules.administers(work.caller, found.region_id if found else None)
    if grant is None:
        # Without an organisation there is nothing to hide: the role is the whole country's.
        raise NotFound if found else Forbidden
    work.acting = grant
    return found


async def _locked(work: UnitOfWork, account_id: int) -> StaffRecord:
    if is_postgresql():
        await _lock.run(id=account_id)
    return (await read_accounts([account_id]))[account_id]


async def _lock_administered(work: UnitOfWork, account_id: int, *, doctors: bool) -> StaffRecord:
    """The account, whose every role of today and later lies in the caller's scope; with `doctors` also a doctor's own,
    who is registered there. Sets `work.acting`."""
    regions = await _regions(account_id, doctors=doctors)
    if not any(rules.administers(work.caller, region) for region in regions):
        raise NotFound
    record = await _locked(work, account_id)
    _not_own(work, account_id)
    held = [each.region_id for each in record.roles if not each.is_over(work.today)]
    if record.doctor_id is not None and doctors:
        held.append(await region_of_doctor(record.doctor_id))
    grants = [rules.administers(work.caller, region) for region in held or regions]
    refused = record.doctor_id is not None and not doctors and not work.caller.has(Role.SYSTEM)
    if refused or any(grant is None for grant in grants):
        text = Text(
            "该账户还在您管辖范围之外任职，或为医师本人账户，请由上级安全管理员处理。",
            "The account also holds roles beyond your scope, or is a doctor's own.",
        )
        raise StateConflict("ACCOUNT_BEYOND_SCOPE", text, "BEYOND_SCOPE")
    work.acting = next(grant for grant in grants if grant is not None)
    return record


async def _regions(account_id: int, *, doctors: bool) -> list[int | None]:
    """Where the account holds or held roles, and with `doctors` where its doctor is registered."""
    record = (await read_accounts([account_id])).get(account_id)
    if record is None:
        return []
    regions = [each.region_id for each in record.roles]
    if doctors and record.doctor_id is not None:
        regions.append(await region_of_doctor(record.doctor_id))
    return regions


def _not_own(work: UnitOfWork, account_id: int) -> None:
    if account_id == work.caller.account_id:
        raise NotEligible([rules.OWN_ACCOUNT])


async def _give(account_id: int, role: Role, organisation_id: int | None, first: date, last: date | None) -> None:
    row = RoleAssignment(
        account=account_id, role=role.value, organisation=organisation_id, valid_from=first, valid_to=last
    )
    # A role that was ended on the day it began leaves a row of the same day.
    await RoleAssignment.delete().where(
        (RoleAssignment.account == account_id)
        & (RoleAssignment.role == role.value)
        & (RoleAssignment.valid_from == first)
        & (
            RoleAssignment.organisation.is_null()
            if organisation_id is None
            else RoleAssignment.organisation == organisation_id
        )
    )
    await RoleAssignment.insert(row)
