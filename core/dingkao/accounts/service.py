"""The first login (manual 2.2.2)."""

import hmac
import secrets
from datetime import timedelta
from typing import Any

from dingkao.accounts import rules
from dingkao.accounts.logging_in import LoggedIn, confirmed_until, locked_account
from dingkao.accounts.password_rules import PasswordOwner
from dingkao.accounts.passwords import check_new_password, hash_password, verify_password
from dingkao.accounts.place import accounts_policy
from dingkao.accounts.sessions import begin_session, end_sessions
from dingkao.accounts.tables import Account, PhoneCode
from dingkao.accounts.vocabulary import SessionEnd
from dingkao.audit.work import UnitOfWork, begin
from dingkao.crypto.purposes import Purpose
from dingkao.db.sealed import indexes_of
from dingkao.db.statement import Statement
from dingkao.doctors.numbers import NumberError, parse_phone
from dingkao.environment import Environment
from dingkao.messaging.service import send_template
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, NotLoggedIn, StateConflict, TooManyRequests, ValidationFailed
from dingkao.plugin.text import Text

FIRST_LOGIN = "FIRST_LOGIN"

_account_by_id = Statement(
    lambda p: Account.select(
        Account.id, Account.login_name, Account.name, Account.password_hash, Account.doctor, Account.phone,
        Account.doctor.phone.as_alias("registry_phone"),
    ).where(Account.id == p.id)
)  # fmt: skip
_codes_since = Statement(
    lambda p: (
        PhoneCode.select(PhoneCode.sent_at)
        .where(PhoneCode.phone_index.is_in(p.phones) & (PhoneCode.sent_at > p.since))
        .order_by(PhoneCode.sent_at, ascending=False)
    )
)
_open_code = Statement(
    lambda p: (
        PhoneCode.select(PhoneCode.id, PhoneCode.phone, PhoneCode.digest, PhoneCode.expires_at, PhoneCode.tries)
        .where((PhoneCode.session == p.session) & (PhoneCode.purpose == p.purpose) & PhoneCode.used_at.is_null())
        .order_by(PhoneCode.id, ascending=False)
        .limit(1)
    )
)


async def send_phone_code(environment: Environment, caller: Caller | None, phone: str | None) -> str:
    """Send the code of the first login and return the number it went to.

    Where the registry holds a phone, the code goes there and nowhere else. Raises ValidationFailed (PHONE_FIXED,
    PHONE_REQUIRED, PHONE_FORMAT), TooManyRequests, StateConflict where the gateway fails.
    """
    async with begin(environment, caller, first_login_allowed=True) as work:
        _require_first_login(work.caller)
        account: Any = await _account_by_id.first(id=work.caller.account_id)
        target = _target_phone(account["registry_phone"], phone)
        sent = await _codes_since.run(phones=indexes_of(PhoneCode.phone, target), since=work.now - timedelta(hours=1))
        _check_rate(work, [row["sent_at"] for row in sent])
        code = f"{secrets.randbelow(10**6):06d}"
        await PhoneCode.insert(
            PhoneCode(
                session=work.caller.session_id,
                phone=target,
                purpose=FIRST_LOGIN,
                digest=_code_digest(environment, work.caller.session_id, target, code),
                sent_at=work.now,
                expires_at=work.now + rules.CODE_LIFETIME,
            )
        )
        await work.record("SEND_PHONE_CODE", "Account", work.caller.account_id, {"purpose": FIRST_LOGIN})
    minutes = int(rules.CODE_LIFETIME.total_seconds() // 60)
    parameters = {"code": code, "minutes": str(minutes)}
    await send_template(environment, target, FIRST_LOGIN, "first_login_code", parameters)
    return target


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


def _check_rate(work: UnitOfWork, sent: list[Any]) -> None:
    if sent and work.now - sent[0] < rules.CODE_INTERVAL:
        raise TooManyRequests(int((sent[0] + rules.CODE_INTERVAL - work.now).total_seconds()) + 1)
    if len(sent) >= rules.CODES_AN_HOUR:
        raise TooManyRequests(int((sent[-1] + timedelta(hours=1) - work.now).total_seconds()) + 1)


def _code_digest(environment: Environment, session_id: int, phone: str, code: str) -> str:
    return environment.keys.mac(Purpose.CODES, f"{session_id}:{phone}:{FIRST_LOGIN}:{code}".encode()).hex()


async def complete_first_login(
    environment: Environment, caller: Caller | None, new_password: str, code: str, *, device: str = ""
) -> LoggedIn:
    """Set the doctor's own password and bind the phone that received `code`; the old session ends, a full one begins.

    Raises ValidationFailed with everything that is wrong (the password's problems, CODE_WRONG, CODE_EXPIRED).
    """
    if caller is None:
        raise NotLoggedIn
    account: Any = await _account_by_id.first(id=caller.account_id)
    policy = await accounts_policy(environment, account["doctor"])
    owner = PasswordOwner(account["login_name"], account["name"], _phones(account))
    problems = await check_new_password(new_password, policy, owner)
    if not problems and await verify_password(account["password_hash"], new_password):
        text = Text("新密码不得与初始密码相同。", "The initial password cannot be kept.")
        problems.append(FieldProblem("newPassword", "PASSWORD_IS_INITIAL", text))
    # Hashing is slow: only for a password that will do, and before the transaction begins.
    new_hash = "" if problems else await hash_password(new_password)
    done: LoggedIn | None = None
    async with begin(environment, caller, first_login_allowed=True) as work:
        _require_first_login(work.caller)
        await locked_account(account["id"])
        found: Any = await _open_code.first(session=caller.session_id, purpose=FIRST_LOGIN)
        problem = await _code_problem(environment, work, found, code)
        if problem is not None:
            problems.append(problem)
        if not problems:
            await PhoneCode.update({PhoneCode.used_at: work.now}).where(PhoneCode.id == found["id"])
            changes: dict[Any, Any] = {
                Account.password_hash: new_hash,
                Account.initial_until: None,
                Account.phone: found["phone"],
            }
            await Account.update(changes).where(Account.id == account["id"])
            await end_sessions(account["id"], work.now, SessionEnd.CREDENTIALS_CHANGED)
            session = await begin_session(
                environment,
                account["id"],
                work.now,
                first_login=False,
                staff=account["doctor"] is None,
                confirmed_until=confirmed_until(environment, work.now),
                address=caller.address,
                device=device,
            )
            await work.record("COMPLETE_FIRST_LOGIN", "Account", account["id"])
            done = LoggedIn(session, account["id"])
        else:
            await work.record("FIRST_LOGIN_REFUSED", "Account", account["id"], {"codes": [p.code for p in problems]})
    if done is None:
        raise ValidationFailed(problems)
    return done


def _phones(account: Any) -> tuple[str, ...]:
    return tuple(phone for phone in (account["phone"], account["registry_phone"]) if phone)


async def _code_problem(environment: Environment, work: UnitOfWork, found: Any, code: str) -> FieldProblem | None:
    wrong = FieldProblem("code", "CODE_WRONG", Text("验证码不正确。", "The code is wrong."))
    if found is None:
        return FieldProblem("code", "CODE_MISSING", Text("请先获取验证码。", "Ask for a code first."))
    if found["expires_at"] <= work.now or found["tries"] >= rules.CODE_TRIES:
        text = Text("验证码已失效，请重新获取。", "The code is no longer valid; ask for a new one.")
        return FieldProblem("code", "CODE_EXPIRED", text)
    digest = _code_digest(environment, work.caller.session_id, found["phone"], code.strip())
    if hmac.compare_digest(digest, found["digest"]):
        return None
    await PhoneCode.update({PhoneCode.tries: found["tries"] + 1}).where(PhoneCode.id == found["id"])
    return wrong
