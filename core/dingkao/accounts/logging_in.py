"""Logging in, and showing once more who one is."""

import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from dingkao.accounts import rules
from dingkao.accounts.activation import activation_fits, use_activation
from dingkao.accounts.held_roles import with_roles
from dingkao.accounts.passwords import hash_password, needs_rehash, verify_password
from dingkao.accounts.place import accounts_policy
from dingkao.accounts.second_factor import SecondFactorCheck, take_code
from dingkao.accounts.sessions import NewSession, Origin, begin_session
from dingkao.accounts.stored_passwords import is_due
from dingkao.accounts.tables import Account, Session
from dingkao.accounts.throttling import (
    account_waits,
    address_state,
    clear_failures,
    count_account,
    count_in_session,
    count_name,
    count_refusal,
    known_from,
    session_waits,
)
from dingkao.audit.work import SYSTEM_CALLER, UnitOfWork, begin
from dingkao.clock import china_date
from dingkao.db.database import is_postgresql
from dingkao.db.sealed import indexes_of
from dingkao.db.statement import Statement
from dingkao.doctors.numbers import normalise_number
from dingkao.environment import Environment
from dingkao.logs import get_logger
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, NotLoggedIn, TooManyRequests, ValidationFailed
from dingkao.plugin.national import AccountsPolicy, FirstCredential

_log = get_logger("dingkao.accounts")

_COLUMNS = (
    Account.id,
    Account.name,
    Account.password_hash,
    Account.password_set_at,
    Account.created_at,
    Account.doctor,
    Account.failures,
    Account.last_failed_at,
    Account.locked_until,
    Account.second_factor,
    Account.disabled,
    Account.initial_until,
)
_account_by_login = Statement(lambda p: Account.select(*_COLUMNS).where(Account.login_index.is_in(p.logins)))
_account_by_id = Statement(lambda p: Account.select(*_COLUMNS).where(Account.id == p.id))
_lock_account = Statement(lambda p: Account.select(Account.id).where(Account.id == p.id).lock_rows())


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A login that succeeded: its session, and whose it is."""

    session: NewSession
    account_id: int


async def account_by_login_name(login_name: str) -> Any:
    """The account whose login name is what was typed, a doctor's number in its stored form or the name of staff; None
    where there is none."""
    # One statement, whatever was typed and whether it is found: no name of staff is a number in its stored form.
    return await _account_by_login.first(logins=login_indexes(login_name))


def login_indexes(login_name: str) -> list[str]:
    """The indexes under which an account with this login name is found; a doctor's is the document number."""
    names = (normalise_number(login_name), login_name.strip())
    return [index for name in names for index in indexes_of(Account.login_name, name)]


async def locked_account(account_id: int) -> Any:
    """The account's row, locked against other logins and changes; read again under the lock."""
    if is_postgresql():
        await _lock_account.run(id=account_id)
    return await _account_by_id.first(id=account_id)


async def log_in(
    environment: Environment, login_name: str, password: str, *, origin: Origin, code: str | None = None
) -> LoggedIn:
    """Begin a session. An account on its initial password gets one that can only do the first login.

    `code`: of the account's authenticator, or a recovery code, where it has a second factor.

    Raises ValidationFailed with the one problem WRONG_CREDENTIALS, alike and after the same time for an unknown name, a
    wrong password, a locked and a disabled account; SECOND_FACTOR_NEEDED or WRONG_SECOND_FACTOR where only the code is
    missing or wrong; TooManyRequests where the address is over its limit.
    """
    at = environment.clock.now()
    state = await address_state(environment, origin.address, at)
    if state.shut:
        # Before the password is looked at, and without a row: this is what is left to do against a flood.
        _log.warning("log in shut", address=origin.address)
        raise TooManyRequests(state.retry_after)
    account: Any = await account_by_login_name(login_name)
    policy = await accounts_policy(environment, account["doctor"] if account else None)
    fits = await _password_fits(policy, account, password)
    better_hash = await _better_hash(account, password) if fits else None
    who = replace(SYSTEM_CALLER, address=origin.address, request_id=origin.request_id)
    session: NewSession | None = None
    entry = _Entry(environment, policy, password)
    problem = rules.WRONG_CREDENTIALS
    async with begin(environment, who) as work:
        if account is None:
            counted = await count_name(environment, normalise_number(login_name), work.now)
            # Not the name: it may be somebody's document number, or his password in the wrong place.
            tried = work.digest("login name", normalise_number(login_name))
            await _refuse(work, origin, None, "UNKNOWN", counted=counted, tried=tried)
        else:
            account = await locked_account(account["id"])
            if await account_waits(environment, account, work.now):
                await _refuse(work, origin, account["id"], "WAITS", counted=False)
            elif not await entry.found(account, fits=fits and not _is_over(account, work.now)) or account["disabled"]:
                await count_account(environment, account, work.now)
                await _refuse(work, origin, account["id"], "REFUSED", counted=True)
            elif state.over and not await known_from(account["id"], origin.address, work.now):
                await _refuse(work, origin, account["id"], "ADDRESS", counted=False)
            else:
                wrong = await _second_factor_problem(work, account, code, origin)
                if wrong is None:
                    session = await _begin(work, account, origin, better_hash, entry)
                else:
                    problem = wrong
    if session is not None:
        return LoggedIn(session, account["id"])
    if state.over and problem is rules.WRONG_CREDENTIALS:
        raise TooManyRequests(state.retry_after)
    raise ValidationFailed([problem])


def _is_over(account: Any, now: datetime) -> bool:
    """Whether the account's password is an initial secret whose hours are over."""
    return account["initial_until"] is not None and account["initial_until"] <= now


class _Entry:
    """With what somebody comes in whose account is locked: the password, or an activation code in its place."""

    def __init__(self, environment: Environment, policy: AccountsPolicy, given: str) -> None:
        self._environment = environment
        self._policy = policy
        self._given = given
        self.activation: int | None = None

    async def found(self, account: Any, *, fits: bool) -> bool:
        """Whether it opens the account. Behind the lock: of two who give one code, one comes in.

        What others know or hand out, the initial password and the activation code, opens no account that holds roles.
        """
        now = self._environment.clock.now()
        if not fits:
            self.activation = await activation_fits(self._environment, account["id"], self._given, now)
        elif account["password_hash"] is not None:
            return True
        if (fits or self.activation is not None) and not await with_roles([account["id"]], china_date(now)):
            return True
        self.activation = None
        return False

    def opens_first_login_only(self, account: Any, now: datetime) -> bool:
        """Whether an own password has to be set before anything else."""
        handed_over = account["password_hash"] is None or account["initial_until"] is not None
        return self.activation is not None or handed_over or is_due(account, self._policy, now)


async def _begin(work: UnitOfWork, account: Any, origin: Origin, better_hash: str | None, entry: _Entry) -> NewSession:
    if account["failures"]:
        await clear_failures(account["id"])
    if better_hash is not None:
        await Account.update({Account.password_hash: better_hash}).where(Account.id == account["id"])
    first_login = entry.opens_first_login_only(account, work.now)
    session = await begin_session(
        work.environment,
        account["id"],
        work.now,
        first_login=first_login,
        confirmed_until=None if first_login else confirmed_until(work.environment, work.now),
        address=origin.address,
        device=origin.device,
    )
    detail = {"firstLogin": first_login, "newSession": session.session_id}
    if entry.activation is not None:
        await use_activation(work, entry.activation, session.session_id)
        detail["activationCode"] = entry.activation
    await work.record("LOG_IN", "Account", account["id"], detail)
    return session


async def _refuse(
    work: UnitOfWork, origin: Origin, account_id: int | None, reason: str, *, counted: bool, tried: str | None = None
) -> None:
    """Count and write down a refused login; `tried` is the keyed digest of a name that is no account's."""
    await count_refusal(work.environment, origin.address, work.now, counted=counted)
    detail = {"reason": reason} if tried is None else {"reason": reason, "tried": tried}
    await work.record("LOG_IN_REFUSED", "Account", account_id, detail, result=rules.WRONG_CREDENTIALS.code)


async def _second_factor_problem(
    work: UnitOfWork, account: Any, code: str | None, origin: Origin
) -> FieldProblem | None:
    """What is wrong with the second factor of an account whose password is right."""
    if not account["second_factor"]:
        return None
    if code is None or not code.strip():
        await work.record(
            "LOG_IN_REFUSED",
            "Account",
            account["id"],
            {"reason": "SECOND_FACTOR_NEEDED"},
            result=rules.CODE_NEEDED.code,
        )
        return rules.CODE_NEEDED
    if await take_code(work, account["id"], code) is not SecondFactorCheck.WRONG:
        return None
    await count_account(work.environment, account, work.now)
    await _refuse(work, origin, account["id"], "SECOND_FACTOR", counted=True)
    return rules.WRONG_CODE


async def _password_fits(policy: AccountsPolicy, account: Any, password: str) -> bool:
    """Whether the password fits; takes the time of one Argon2 check whatever the answer and the account."""
    password_hash = account["password_hash"] if account else None
    fits = await verify_password(password_hash, password)
    if account is None or password_hash is not None:
        return fits
    initial = policy.initial_password
    if policy.first_credential is not FirstCredential.INITIAL_PASSWORD:
        return False
    return initial is not None and hmac.compare_digest(initial.encode(), password.encode())


async def _better_hash(account: Any, password: str) -> str | None:
    """A hash with today's parameters, where the stored one has older ones."""
    stored = account["password_hash"]
    return await hash_password(password) if stored is not None and needs_rehash(stored) else None


def confirmed_until(environment: Environment, now: datetime) -> datetime:
    """Until when somebody who shows at `now` who he is counts as having shown it."""
    return now + timedelta(minutes=environment.settings.step_up_minutes)


async def confirm_identity(
    environment: Environment, caller: Caller | None, *, password: str | None, code: str | None
) -> datetime:
    """Step-up: the caller shows again who he is, in this session; returns until when it counts.

    An account with a second factor gives its code (or a recovery code), any other its password. Raises NotLoggedIn,
    FirstLoginOpen, ValidationFailed: SECOND_FACTOR_NEEDED, WRONG_SECOND_FACTOR, WRONG_CREDENTIALS. Failures count as
    failed logins do, and after as many in this session nothing is right for a while; those of others do not count here.
    """
    if caller is None:
        raise NotLoggedIn
    account: Any = await _account_by_id.first(id=caller.account_id)
    # The password is looked at whatever the account: what it costs tells nothing.
    fits = await verify_password(account["password_hash"], password or "")
    problem: FieldProblem | None = None
    until = environment.clock.now()
    async with begin(environment, caller, second_factor_missing_allowed=True) as work:
        account = await locked_account(caller.account_id)
        until = confirmed_until(environment, work.now)
        waiting = await session_waits(environment, account, caller.session_id, work.now)
        if account["second_factor"]:
            if code is None or not code.strip():
                problem = rules.CODE_NEEDED
            elif waiting or await take_code(work, caller.account_id, code) is SecondFactorCheck.WRONG:
                problem = rules.WRONG_CODE
        elif waiting or not fits:
            problem = replace(rules.WRONG_CREDENTIALS, path="password")
        if problem is None:
            if account["failures"]:
                await clear_failures(caller.account_id)
            await Session.update({Session.confirmed_until: until}).where(Session.id == caller.session_id)
            await work.record("CONFIRM_IDENTITY", "Account", caller.account_id)
        else:
            if not waiting and problem is not rules.CODE_NEEDED:
                await count_in_session(environment, account, caller.session_id, work.now)
            await work.record("CONFIRM_IDENTITY_REFUSED", "Account", caller.account_id, result=problem.code)
    if problem is not None:
        raise ValidationFailed([problem])
    return until
