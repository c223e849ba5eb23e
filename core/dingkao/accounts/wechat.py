"""Logging in by WeChat: a doctor binds his WeChat account once, logged in; from then on the mini-program logs him in.

WeChat says who holds the telephone's WeChat account, and nothing more: such a login is no step-up, opens no first login
and is not for staff, whose second factor it would go around.
"""

from dataclasses import replace
from typing import Any

from dingkao.accounts.credential_tables import WeChatBinding
from dingkao.accounts.digests import code_digest
from dingkao.accounts.held_roles import is_staff_account
from dingkao.accounts.logging_in import LoggedIn, locked_account
from dingkao.accounts.notices import send_notice
from dingkao.accounts.place import accounts_policy
from dingkao.accounts.rules import is_staff_caller
from dingkao.accounts.sessions import NewSession, Origin, begin_session
from dingkao.accounts.step_up import step_up
from dingkao.accounts.stored_passwords import is_due
from dingkao.accounts.tables import Account
from dingkao.accounts.throttling import account_waits, address_state, count_refusal, known_from
from dingkao.audit.work import SYSTEM_CALLER, begin, logged_in
from dingkao.db.sealed import indexes_of
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, StateConflict, TooManyRequests, ValidationFailed
from dingkao.plugin.ports import MiniProgramRefusal, MiniProgramRefused, PortFailed
from dingkao.plugin.text import Text

_OPEN_ID = "wechat openid"
# WeChat counts its user's codes by the minute.
_TOO_OFTEN_SECONDS = 60

_by_open_id = Statement(
    lambda p: WeChatBinding.select(WeChatBinding.id, WeChatBinding.account).where(
        WeChatBinding.open_id_index.is_in(p.indexes)
    )
)
_of_account = Statement(lambda p: WeChatBinding.select(WeChatBinding.id).where(WeChatBinding.account == p.account))
_account = Statement(
    lambda p: Account.select(
        Account.id, Account.doctor, Account.phone, Account.password_hash, Account.password_set_at, Account.created_at,
        Account.second_factor, Account.disabled,
    ).where(Account.id == p.id)
)  # fmt: skip

_NOT_BOUND = FieldProblem(
    "code",
    "WECHAT_NOT_BOUND",
    Text(
        "该微信未绑定账户，请先用证件号码登录后绑定。",
        "This WeChat account is bound to none; log in by document number and bind it.",
    ),
)
_CODE_INVALID = FieldProblem(
    "code", "WECHAT_CODE_INVALID", Text("微信登录凭证已失效，请重试。", "WeChat's code is no longer good; try again.")
)


def _indexes_of(open_id: str) -> list[str]:
    return indexes_of(WeChatBinding.open_id_digest, code_digest(_OPEN_ID, open_id))


async def _open_id(environment: Environment, code: str) -> str:
    """Ask WeChat; outside of any transaction. Raises ValidationFailed, StateConflict, TooManyRequests."""
    if not 1 <= len(code) <= 128:
        raise ValidationFailed([_CODE_INVALID])
    if environment.mini_program is None:
        text = Text("本系统未开通微信登录。", "Logging in by WeChat is not set up here.")
        raise StateConflict("WECHAT_OFF", text, "UNAVAILABLE")
    try:
        return await environment.mini_program.open_id(code)
    except MiniProgramRefused as refused:
        if refused.refusal is MiniProgramRefusal.TOO_OFTEN:
            raise TooManyRequests(_TOO_OFTEN_SECONDS) from None
        if refused.refusal is MiniProgramRefusal.BLOCKED:
            text = Text(
                "微信限制了该账号登录，请用证件号码登录。", "WeChat restricts this account; log in by document number."
            )
            raise StateConflict("WECHAT_BLOCKED", text, "BLOCKED") from None
        raise ValidationFailed([_CODE_INVALID]) from None
    except PortFailed as error:
        text = Text(
            "微信暂时无法访问，请稍后再试或用证件号码登录。",
            "WeChat does not answer; try later, or log in by document number.",
        )
        raise StateConflict("WECHAT_UNAVAILABLE", text, "UNAVAILABLE") from error


@step_up("BIND_WECHAT", Text("绑定微信", "bind WeChat"))
async def bind_wechat(environment: Environment, caller: Caller | None, code: str) -> None:
    """Bind the WeChat account of `code` to the caller's. A doctor's only; each side once.

    Raises StateConflict: WECHAT_BOUND (this account has one), WECHAT_TAKEN (the other is bound elsewhere),
    NOT_A_DOCTOR, WECHAT_OFF, WECHAT_BLOCKED, WECHAT_UNAVAILABLE; ValidationFailed: WECHAT_CODE_INVALID; StepUpRequired.
    """
    asking = logged_in(caller)
    if is_staff_caller(asking):
        text = Text(
            "微信登录仅供医师使用，担任工作人员角色的账户不能使用。",
            "Logging in by WeChat is for doctors, without a role of staff.",
        )
        raise StateConflict("NOT_A_DOCTOR", text, "STAFF")
    open_id = await _open_id(environment, code)
    async with begin(environment, asking) as work:
        await locked_account(asking.account_id)
        if await _of_account.first(account=asking.account_id) is not None:
            text = Text("您的账户已绑定微信，请先解绑。", "Your account is bound to WeChat already; unbind it first.")
            raise StateConflict("WECHAT_BOUND", text, "BOUND")
        taken = await _by_open_id.first(indexes=_indexes_of(open_id))
        inserted: list[Any] = []
        if taken is None:
            # The database decides between two who bind one WeChat account at the same moment.
            inserted = (
                await WeChatBinding.insert(
                    WeChatBinding(
                        account=asking.account_id,
                        open_id_digest=code_digest(_OPEN_ID, open_id),
                        bound_at=work.now,
                    )
                )
                .on_conflict(action="DO NOTHING")
                .returning(WeChatBinding.id)
            )
        if not inserted:
            text = Text("该微信已绑定其他账户。", "This WeChat account is bound to another account.")
            raise StateConflict("WECHAT_TAKEN", text, "TAKEN")
        account: Any = await _account.first(id=asking.account_id)
        await work.record("BIND_WECHAT", "Account", asking.account_id)
    send_notice(environment, account["phone"], "wechat_bound")


async def unbind_wechat(environment: Environment, caller: Caller | None) -> None:
    """Take the caller's binding away. Raises StateConflict: WECHAT_NOT_BOUND."""
    async with begin(environment, caller) as work:
        await locked_account(work.caller.account_id)
        found = await _of_account.first(account=work.caller.account_id)
        if found is None:
            raise StateConflict(
                "WECHAT_NOT_BOUND", Text("您未绑定微信。", "You have bound no WeChat account."), "UNBOUND"
            )
        await WeChatBinding.delete().where(WeChatBinding.id == found["id"])
        await work.record("UNBIND_WECHAT", "Account", work.caller.account_id)


async def is_bound(account_id: int) -> bool:
    """Whether the account is bound to WeChat."""
    return await _of_account.first(account=account_id) is not None


async def log_in_with_wechat(environment: Environment, code: str, *, origin: Origin) -> LoggedIn:
    """Begin a session of the account that the WeChat account of `code` is bound to.

    Raises ValidationFailed with WECHAT_NOT_BOUND alike for an unbound one, and for an account that is disabled, waits
    after failures, has not done its first login or was given a role of staff; what `bind_wechat` raises of WeChat;
    TooManyRequests where the address is over its limit and the account was not used from there before.
    """
    state = await address_state(environment, origin.address, environment.clock.now())
    if state.shut:
        raise TooManyRequests(state.retry_after)
    open_id = await _open_id(environment, code)
    binding: Any = await _by_open_id.first(indexes=_indexes_of(open_id))
    session: NewSession | None = None
    account_id = 0
    async with begin(environment, replace(SYSTEM_CALLER, address=origin.address, request_id=origin.request_id)) as work:
        if binding is not None:
            account_id = binding["account"]
            locked = await locked_account(account_id)
            account: Any = await _account.first(id=account_id)
            closed = account["disabled"] or account["second_factor"] or account["password_hash"] is None
            closed = closed or await is_staff_account(account_id, work.today)
            # As by password: over its limit an address keeps out whom it has not seen before, and nobody else.
            limited = state.over and not await known_from(account_id, origin.address, work.now)
            if not closed and not limited and not await account_waits(environment, locked, work.now):
                policy = await accounts_policy(environment, account["doctor"])
                session = await begin_session(
                    environment,
                    account_id,
                    work.now,
                    first_login=is_due(account, policy, work.now),
                    address=origin.address,
                    device=origin.device,
                )
        if session is None:
            await count_refusal(environment, origin.address, work.now, counted=True)
            await work.record("LOG_IN_REFUSED", "Account", account_id or None, {"by": "WECHAT"}, result=_NOT_BOUND.code)
        else:
            await work.record("LOG_IN", "Account", account_id, {"newSession": session.session_id, "by": "WECHAT"})
    if session is None and state.over:
        raise TooManyRequests(state.retry_after)
    if session is None:
        raise ValidationFailed([_NOT_BOUND])
    return LoggedIn(session, account_id)
