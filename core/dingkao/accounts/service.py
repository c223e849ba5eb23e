"""The first login (manual 2.2.2)."""

from typing import Any

from dingkao.accounts.activation import began_by_activation
from dingkao.accounts.credential_vocabulary import CodePurpose
from dingkao.accounts.held_roles import require_no_roles
from dingkao.accounts.logging_in import LoggedIn, confirmed_until, locked_account
from dingkao.accounts.notices import send_notice
from dingkao.accounts.own_credentials import session_flow
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
from dingkao.accounts.sessions import begin_session, end_sessions
from dingkao.accounts.stored_passwords import repeats_earlier, store_password
from dingkao.accounts.tables import Account
from dingkao.accounts.throttling import clear_failures
from dingkao.accounts.vocabulary import SessionEnd
from dingkao.audit.work import UnitOfWork, begin
from dingkao.db.statement import Statement
from dingkao.doctors.numbers import NumberError, parse_phone
from dingkao.environment import Environment
from dingkao.messaging.service import send_template
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, NotLoggedIn, StateConflict, ValidationFailed
from dingkao.plugin.text import Text

_account_by_id = Statement(
    lambda p: Account.select(
        Account.id, Account.login_name, Account.name, Account.password_hash, Account.doctor, Account.phone,
        Account.second_factor, Account.initial_until, Account.doctor.phone.as_alias("registry_phone"),
    ).where(Account.id == p.id)
)  # fmt: skip


async def send_phone_code(environment: Environment, caller: Caller | None, phone: str | None) -> str:
    """Send the code of the first login and return the number it went to.

    Where the registry holds a phone, the code goes there and nowhere else. Raises ValidationFailed (PHONE_FIXED,
    PHONE_REQUIRED, PHONE_FORMAT), TooManyRequests, StateConflict where the gateway fails, or an activation code began
    the session of an account that was given a role since (ACCOUNT_HOLDS_ROLES).
    """
    async with begin(environment, caller, first_login_allowed=True) as work:
        _require_first_login(work.caller)
        activated = await _began_by_code(work)
        account: Any = await _account_by_id.first(id=work.caller.account_id)
        if account["password_hash"] is not None and not activated and account["phone"]:
            # An old password is being replaced: the phone is bound and stays so.
            target = _target_phone(account["phone"], phone)
        else:
            target = _target_phone(account["registry_phone"], phone)
        waits = [await wait_of_phone(work, target)]
        # A phone that no registry holds: nobody has checked it, so what one address may ask for counts too.
        address = "" if target in _phones(account) else work.caller.address
        if address:
            waits.append(await wait_of_address(work, address))
        require_no_wait(*waits)
        flow = session_flow(work.caller)
        order = CodeOrder(CodePurpose.FIRST_LOGIN, flow, work.caller.account_id, target, address=address)
        code = await make_code(work, order)
        detail = {"purpose": CodePurpose.FIRST_LOGIN.value}
        await work.record("SEND_PHONE_CODE", "Account", work.caller.account_id, detail)
    minutes = str(int(code_lifetime(environment).total_seconds() // 60))
    parameters = {"code": code, "minutes": minutes}
    await send_template(environment, target, CodePurpose.FIRST_LOGIN.value, "first_login_code", parameters)
    return target


async def _began_by_code(work: UnitOfWork) -> bool:
    """Whether the session was opened by an activation code. Raises StateConflict (ACCOUNT_HOLDS_ROLES) where it was,
    and the account was given a role since."""
    activated = await began_by_activation(work.caller.account_id, work.caller.session_id)
    if activated:
        await require_no_roles(work.caller.account_id, work.today)
    return activated


def _require_first_login(caller: Caller) -> None:
    if not caller.first_login:
        raise StateConflict(
            "FIRST_LOGIN_DONE",
            Text("您已完成首次登录设置。", "The first login is already done."),
            "ACTIVE",
        )


def _target_phone(registry_phone: str | None, phone: str | None) -> str:
    given: str | None = None
    if phone:
        try:
            given = parse_phone(phone).value
        except NumberError as error:
            raise ValidationFailed([FieldProblem("phone", error.code.upper(), error.text)]) from None
    if registry_phone:
        if given is not None and given != registry_phone:
            text = Text(
                "验证码只能发送至电子化注册系统登记的手机号；如需变更请联系所在机构。",
                "The code goes only to the phone in the registry; to change it, contact your institution.",
            )
            raise ValidationFailed([FieldProblem("phone", "PHONE_FIXED", text)])
        return registry_phone
    if given is None:
        raise ValidationFailed(
            [FieldProblem("phone", "PHONE_REQUIRED", Text("请填写手机号。", "Give a phone number."))]
        )
    return given


async def complete_first_login(
    environment: Environment, caller: Caller | None, new_password: str, code: str, *, device: str = ""
) -> LoggedIn:
    """Set the doctor's own password and bind the phone that received `code`; the old session ends, a full one begins.

    Raises ValidationFailed with everything that is wrong (the password's problems, CODE_WRONG, CODE_EXPIRED);
    StateConflict as `send_phone_code`.
    """
    if caller is None:
        raise NotLoggedIn
    account: Any = await _account_by_id.first(id=caller.account_id)
    policy = await accounts_policy(environment, account["doctor"])
    owner = PasswordOwner(account["login_name"], account["name"], _phones(account))
    problems = await check_new_password(new_password, policy, owner, second_factor=account["second_factor"])
    handed_over = account["initial_until"] is not None
    if not problems and handed_over and await verify_password(account["password_hash"], new_password):
        text = Text("新密码不得与初始密码相同。", "The initial password cannot be kept.")
        problems.append(FieldProblem("newPassword", "PASSWORD_IS_INITIAL", text))
    if not problems and await repeats_earlier(account["id"], account["password_hash"], new_password, policy):
        problems = [repeated_problem(policy.history)]
    # Hashing is slow: only for a password that will do, and before the transaction begins.
    new_hash = "" if problems else await hash_password(new_password)
    done: LoggedIn | None = None
    async with begin(environment, caller, first_login_allowed=True) as work:
        _require_first_login(work.caller)
        await locked_account(account["id"])
        await _began_by_code(work)
        found, problem = await find_code(work, CodePurpose.FIRST_LOGIN, session_flow(caller), code)
        if problem is not None:
            problems.append(problem)
        if not problems:
            await use_code(work, found["id"])
            await store_password(work, account["id"], account["password_hash"], new_hash, policy)
            await Account.update({Account.phone: found["phone"]}).where(Account.id == account["id"])
            await clear_failures(account["id"])
            await end_sessions(account["id"], work.now, SessionEnd.CREDENTIALS_CHANGED)
            session = await begin_session(
                environment,
                account["id"],
                work.now,
                first_login=False,
                confirmed_until=confirmed_until(environment, work.now),
                address=caller.address,
                device=device,
            )
            await work.record("COMPLETE_FIRST_LOGIN", "Account", account["id"])
            done = LoggedIn(session, account["id"])
        else:
            codes = [each.code for each in problems]
            await work.record("FIRST_LOGIN_REFUSED", "Account", account["id"], {"codes": codes}, result=codes[0])
    if done is None:
        raise ValidationFailed(problems)
    if account["phone"] and account["phone"] != found["phone"]:
        send_notice(environment, account["phone"], "phone_changed")
    return done


def _phones(account: Any) -> tuple[str, ...]:
    return tuple(phone for phone in (account["phone"], account["registry_phone"]) if phone)
