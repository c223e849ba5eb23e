"""Changing one's own password and phone (ASVS 5.0, 6.2.2, 6.2.3, 7.4.3, 7.5.1)."""

from typing import Any

from dingkao.accounts.credential_vocabulary import CodePurpose
from dingkao.accounts.logging_in import locked_account
from dingkao.accounts.notices import send_notice
from dingkao.accounts.password_rules import PasswordOwner, repeated_problem
from dingkao.accounts.passwords import check_new_password, hash_password, verify_password
from dingkao.accounts.phone_codes import (
    CodeOrder,
    code_lifetime,
    find_code,
    make_code,
    require_no_wait,
    use_code,
    wait_of_address,
    wait_of_phone,
)
from dingkao.accounts.place import accounts_policy
from dingkao.accounts.sessions import end_sessions
from dingkao.accounts.step_up import step_up
from dingkao.accounts.stored_passwords import repeats_earlier, store_password
from dingkao.accounts.tables import Account
from dingkao.accounts.throttling import clear_failures, count_in_session, session_waits
from dingkao.accounts.vocabulary import SessionEnd
from dingkao.audit.work import begin, logged_in
from dingkao.db.statement import Statement
from dingkao.doctors.numbers import NumberError, parse_phone
from dingkao.environment import Environment
from dingkao.messaging.service import send_template
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, ValidationFailed
from dingkao.plugin.text import Text

_own = Statement(
    lambda p: Account.select(
        Account.id, Account.login_name, Account.name, Account.doctor, Account.phone, Account.password_hash,
        Account.second_factor,
    ).where(Account.id == p.id)
)  # fmt: skip
_OLD_WRONG = FieldProblem("oldPassword", "WRONG_CREDENTIALS", Text("原密码不正确。", "The old password is wrong."))
_SAME_PHONE = FieldProblem("phone", "PHONE_SAME", Text("该手机号已绑定。", "This phone is bound already."))


async def change_password(
    environment: Environment, caller: Caller | None, old_password: str, new_password: str, *, end_others: bool = True
) -> int:
    """Replace the caller's own password; returns how many other sessions ended.

    The old one is asked for, and a wrong one counts as a failed login does. Raises ValidationFailed: WRONG_CREDENTIALS
    alone, or everything that is wrong with the new one.
    """
    asking = logged_in(caller)
    account: Any = await _own.first(id=asking.account_id)
    fits = await verify_password(account["password_hash"], old_password)
    policy = await accounts_policy(environment, account["doctor"])
    problems: list[FieldProblem] = []
    new_hash = ""
    if fits:
        owner = PasswordOwner(account["login_name"], account["name"], tuple(filter(None, [account["phone"]])))
        problems = await check_new_password(new_password, policy, owner, second_factor=account["second_factor"])
        if not problems and await repeats_earlier(asking.account_id, account["password_hash"], new_password, policy):
            problems = [repeated_problem(policy.history)]
        new_hash = "" if problems else await hash_password(new_password)
    ended = 0
    async with begin(environment, asking) as work:
        locked = await locked_account(asking.account_id)
        waiting = await session_waits(environment, locked, asking.session_id, work.now)
        # Changed meanwhile on another device: what was checked above is not the password any more.
        if not fits or waiting or locked["password_hash"] != account["password_hash"]:
            problems = [_OLD_WRONG]
            if not waiting:
                await count_in_session(environment, locked, asking.session_id, work.now)
        if problems:
            codes = [one.code for one in problems]
            await work.record(
                "CHANGE_PASSWORD_REFUSED", "Account", asking.account_id, {"codes": codes}, result=codes[0]
            )
        else:
            await store_password(work, asking.account_id, account["password_hash"], new_hash, policy)
            await clear_failures(asking.account_id)
            if end_others:
                because = SessionEnd.CREDENTIALS_CHANGED
                ended = await end_sessions(asking.account_id, work.now, because, but=asking.session_id)
            await work.record("CHANGE_PASSWORD", "Account", asking.account_id, {"endedSessions": ended})
    if problems:
        raise ValidationFailed(problems)
    send_notice(environment, account["phone"], "password_changed")
    return ended


@step_up("CHANGE_PHONE", Text("更换绑定手机号", "change the bound phone"))
async def start_phone_change(environment: Environment, caller: Caller | None, phone: str) -> str:
    """Send a code to the new phone; returns its number. Raises ValidationFailed (PHONE_FORMAT, PHONE_SAME),
    TooManyRequests, StepUpRequired, StateConflict where the gateway fails."""
    asking = logged_in(caller)
    try:
        new = parse_phone(phone).value
    except NumberError as error:
        raise ValidationFailed([FieldProblem("phone", error.code.upper(), error.text)]) from None
    account: Any = await _own.first(id=asking.account_id)
    if account["phone"] == new:
        raise ValidationFailed([_SAME_PHONE])
    async with begin(environment, asking) as work:
        # A number that somebody gives, and nobody has checked: the address' limit counts too.
        require_no_wait(await wait_of_phone(work, new), await wait_of_address(work, asking.address))
        order = CodeOrder(
            CodePurpose.PHONE_CHANGE, session_flow(asking), asking.account_id, new, address=asking.address
        )
        code = await make_code(work, order)
        await work.record("SEND_PHONE_CODE", "Account", asking.account_id, {"purpose": CodePurpose.PHONE_CHANGE.value})
    minutes = str(int(code_lifetime(environment).total_seconds() // 60))
    await send_template(
        environment, new, CodePurpose.PHONE_CHANGE.value, "phone_change_code", {"code": code, "minutes": minutes}
    )
    return new


@step_up("COMPLETE_PHONE_CHANGE", Text("确认更换绑定手机号", "complete the change of the phone"))
async def complete_phone_change(environment: Environment, caller: Caller | None, code: str) -> str:
    """Bind the phone that received `code`, and tell the old one; other sessions end. Returns the number.

    Raises ValidationFailed (CODE_WRONG, CODE_EXPIRED, CODE_MISSING), StepUpRequired.
    """
    asking = logged_in(caller)
    async with begin(environment, asking) as work:
        await locked_account(asking.account_id)
        account: Any = await _own.first(id=asking.account_id)
        found, problem = await find_code(work, CodePurpose.PHONE_CHANGE, session_flow(asking), code)
        if problem is None:
            await use_code(work, found["id"])
            await Account.update({Account.phone: found["phone"]}).where(Account.id == asking.account_id)
            because = SessionEnd.CREDENTIALS_CHANGED
            await end_sessions(asking.account_id, work.now, because, but=asking.session_id)
            await work.record("CHANGE_PHONE", "Account", asking.account_id)
        else:
            await work.record("CHANGE_PHONE_REFUSED", "Account", asking.account_id, result=problem.code)
    if problem is not None:
        raise ValidationFailed([problem])
    send_notice(environment, account["phone"], "phone_changed")
    return str(found["phone"])


def session_flow(caller: Caller) -> str:
    """The flow of a code that only the session which asked for it may use."""
    return f"session:{caller.session_id}"
