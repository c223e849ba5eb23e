"""A forgotten password: a code by SMS to the bound phone, and a new password (ASVS 5.0, 6.3.8, 6.4.3, 6.6).

Who asks learns nothing of the account: the same answer, as many statements, the same limits whether there is one or
not, and the message leaves after the answer. Who has bound no phone goes to the institution (`activation`), and who
holds roles of staff too, to a security administrator.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from dingkao.accounts.credential_vocabulary import CodePurpose
from dingkao.accounts.logging_in import account_by_login_name, locked_account
from dingkao.accounts.notices import send_later, send_notice
from dingkao.accounts.password_rules import PasswordOwner, repeated_problem
from dingkao.accounts.passwords import check_new_password, hash_password
from dingkao.accounts.phone_codes import (
    CodeOrder,
    code_lifetime,
    find_code,
    make_code,
    require_no_wait,
    use_code,
    wait_of_address,
    wait_of_phone,
    wait_of_subject,
)
from dingkao.accounts.place import accounts_policy
from dingkao.accounts.sessions import Origin, end_sessions, token_digest
from dingkao.accounts.stored_passwords import repeats_earlier, store_password
from dingkao.accounts.tables import Account
from dingkao.accounts.throttling import clear_failures
from dingkao.accounts.vocabulary import SessionEnd
from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.db.statement import Statement
from dingkao.doctors.numbers import normalise_number
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, ValidationFailed

_reachable = Statement(
    lambda p: Account.select(
        Account.id, Account.login_name, Account.name, Account.doctor, Account.phone, Account.password_hash,
        Account.second_factor, Account.disabled,
    ).where(Account.id == p.id)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ResetStarted:
    """What the client keeps to complete the reset; `flow` is a secret that is seen here alone."""

    flow: str
    lifetime: timedelta


def _who(origin: Origin) -> Caller:
    return replace(SYSTEM_CALLER, address=origin.address, request_id=origin.request_id)


async def start_password_reset(environment: Environment, login_name: str, *, origin: Origin) -> ResetStarted:
    """Send a code to the account's bound phone, where there is such an account and phone; the answer does not tell.

    Raises TooManyRequests by the name that was asked for and by the address, alike for names that nobody has.
    """
    flow = secrets.token_urlsafe(24)
    account: Any = await account_by_login_name(login_name)
    account = await _reachable.first(id=account["id"] if account else 0)
    subject = environment.keys.blind("phone_code.subject", normalise_number(login_name))
    async with begin(environment, _who(origin)) as work:
        require_no_wait(await wait_of_subject(work, subject), await wait_of_address(work, origin.address))
        phone = _phone_of(account)
        # Asked in any case, and silent: a phone's other codes must not tell that it belongs to this account.
        if await wait_of_phone(work, phone or "") > timedelta():
            phone = None
        code = await make_code(
            work,
            CodeOrder(
                CodePurpose.PASSWORD_RESET,
                token_digest(flow),
                account["id"] if account and phone else None,
                phone,
                subject=subject,
                address=origin.address,
            ),
        )
        reached = account["id"] if account else None
        await work.record("START_PASSWORD_RESET", "Account", reached, {"sent": phone is not None})
    lifetime = code_lifetime(environment)
    if phone is not None:
        minutes = str(int(lifetime.total_seconds() // 60))
        send_later(environment, phone, "PASSWORD_RESET", "password_reset_code", {"code": code, "minutes": minutes})
    return ResetStarted(flow, lifetime)


def _phone_of(account: Any) -> str | None:
    """Where a code may go: to the phone that its owner has bound, of an account that has a password to be reset."""
    if account is None or account["disabled"] or account["password_hash"] is None:
        return None
    phone: str | None = account["phone"]
    return phone


async def complete_password_reset(
    environment: Environment, flow: str, code: str, new_password: str, *, origin: Origin
) -> None:
    """Set a new password with the code of the flow; every session of the account ends, and the next login has to show
    the second factor where there is one.

    Raises ValidationFailed: CODE_WRONG, CODE_EXPIRED, CODE_MISSING, alike for a flow that never had an account; with
    the right code, everything that is wrong with the password.
    """
    digest = token_digest(flow)
    account_id = await _code_holder(environment, digest, code, origin)
    account: Any = await _reachable.first(id=account_id)
    policy = await accounts_policy(environment, account["doctor"])
    owner = PasswordOwner(account["login_name"], account["name"], tuple(filter(None, [account["phone"]])))
    problems = await check_new_password(new_password, policy, owner, second_factor=account["second_factor"])
    if not problems and await repeats_earlier(account_id, account["password_hash"], new_password, policy):
        problems = [repeated_problem(policy.history)]
    if problems:
        raise ValidationFailed(problems)
    new_hash = await hash_password(new_password)
    problem: FieldProblem | None = None
    async with begin(environment, _who(origin)) as work:
        await locked_account(account_id)
        # Again, behind the lock: of two requests with one code the second comes too late.
        found, problem = await find_code(work, CodePurpose.PASSWORD_RESET, digest, code)
        if problem is None:
            await use_code(work, found["id"])
            await store_password(work, account_id, account["password_hash"], new_hash, policy)
            await clear_failures(account_id)
            await end_sessions(account_id, work.now, SessionEnd.CREDENTIALS_CHANGED)
            await work.record("RESET_PASSWORD", "Account", account_id)
        else:
            await work.record("RESET_PASSWORD_REFUSED", "Account", account_id, result=problem.code)
    if problem is not None:
        raise ValidationFailed([problem])
    send_notice(environment, account["phone"], "password_changed")


async def _code_holder(environment: Environment, digest: str, code: str, origin: Origin) -> int:
    """The account whose code it is; a wrong one is counted. Raises ValidationFailed."""
    async with begin(environment, _who(origin)) as work:
        found, problem = await find_code(work, CodePurpose.PASSWORD_RESET, digest, code)
        account_id = found["account"] if found else None
        detail = {"code": problem.code if problem else "CODE_RIGHT"}
        await work.record("PROVE_PASSWORD_RESET", "Account", account_id, detail)
    if problem is not None:
        raise ValidationFailed([problem])
    assert account_id is not None  # noqa: S101 - a code without an account fits nothing
    return int(account_id)
