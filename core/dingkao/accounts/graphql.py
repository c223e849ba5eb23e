"""Logging in, the first login, and who is asking."""

from datetime import datetime
from typing import Annotated

import strawberry

from dingkao.accounts import refreshing, service
from dingkao.accounts.logging_in import log_in
from dingkao.accounts.own_account import read_own_credentials
from dingkao.accounts.phone_codes import code_lifetime
from dingkao.accounts.sessions import NewSession, Origin, caller_of
from dingkao.context import CoreInfo
from dingkao.doctors.numbers import mask_phone
from dingkao.plugin.caller import Caller
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.enums import RoleEnum
from dingkao.plugin.errors import NotLoggedIn
from dingkao.plugin.graphql import StateProblem, ValidationProblem
from dingkao.plugin.ids import encode_id
from dingkao.plugin.text import Text


@strawberry.type(description="A role held at an organisation. 角色")
class RoleGrant:
    role: RoleEnum = strawberry.field(description="The role. 角色")
    organisation_id: strawberry.ID | None = strawberry.field(description="Where it is held. 所在机构")


@strawberry.type(description="How the asking account is opened. 账户安全信息")
class Credentials:
    phone: str | None = strawberry.field(description="The bound phone, masked; null: none. 绑定手机号（脱敏）")
    password_set_at: datetime | None = strawberry.field(
        description="When the password was set; null: before this was kept. 密码修改时间"
    )
    second_factor_since: datetime | None = strawberry.field(
        description="Since when an authenticator is asked for; null: it is not. 动态口令启用时间"
    )
    recovery_codes: int = strawberry.field(description="Recovery codes that are left. 剩余恢复码数")
    wechat_bound_at: datetime | None = strawberry.field(
        description="Since when WeChat opens the account; null: it does not. 微信绑定时间"
    )


@strawberry.type(description="The account that asks. 当前账户")
class Viewer:
    name: str = strawberry.field(description="Name. 姓名")
    roles: list[RoleGrant] = strawberry.field(description="Roles held today. 角色")
    first_login: bool = strawberry.field(
        description="True while only the steps of the first login are open. 是否须完成首次登录设置"
    )
    guidance: str = strawberry.field(description="What to do next, or whom to ask. 提示")
    second_factor_required: bool = strawberry.field(
        description="True: a role asks for an authenticator, and only setting it up is open. 是否须启用动态口令"
    )
    confirmed_until: datetime | None = strawberry.field(
        description="Until when acts that need step-up are open; null or past: `confirmIdentity` first. 身份验证有效至"
    )
    caller: strawberry.Private[Caller]

    @strawberry.field(description="How the account is opened; null while the first login is open. 账户安全信息")
    async def credentials(self) -> Credentials | None:
        if self.caller.first_login or self.caller.second_factor_open:
            return None
        found = await read_own_credentials(self.caller)
        return Credentials(
            phone=mask_phone(found.phone) if found.phone else None,
            password_set_at=found.password_set_at,
            second_factor_since=found.second_factor_since,
            recovery_codes=found.recovery_codes,
            wechat_bound_at=found.wechat_bound_at,
        )


@strawberry.type(description="A session that has begun. 登录成功")
class SessionStarted:
    token: str = strawberry.field(description="Send it as `Authorization: Bearer …`. 令牌")
    expires_at: datetime = strawberry.field(description="When the token ends. 令牌失效时间")
    refresh_token: str = strawberry.field(
        description="Good once, for `refreshSession`; keep it as safe as a password. 刷新令牌"
    )
    session_ends_at: datetime = strawberry.field(description="When the session ends at the latest. 会话最迟失效时间")
    idle_minutes: int = strawberry.field(
        description="Minutes without a request after which the session ends. 闲置失效分钟数"
    )
    first_login: bool = strawberry.field(
        description="True: only setting a password and binding a phone are open. 是否首次登录"
    )
    viewer: Viewer = strawberry.field(description="Who is logged in. 当前账户")


@strawberry.type(description="A code is on its way. 验证码已发送")
class PhoneCodeSent:
    phone: str = strawberry.field(description="Where it went, masked. 接收手机号（脱敏）")
    valid_minutes: int = strawberry.field(description="How long it is valid. 有效分钟数")


@strawberry.type(description="The session has ended. 已退出")
class LoggedOut:
    everywhere: bool = strawberry.field(description="Whether all sessions of the account ended. 是否全部退出")


LogInResult = Annotated[
    SessionStarted | ValidationProblem,
    strawberry.union("LogInResult", description="Outcome of `logIn`. 登录结果"),
]
SendPhoneCodeResult = Annotated[
    PhoneCodeSent | ValidationProblem | StateProblem,
    strawberry.union("SendPhoneCodeResult", description="Outcome of `sendPhoneCode`. 发送验证码结果"),
]
CompleteFirstLoginResult = Annotated[
    SessionStarted | ValidationProblem | StateProblem,
    strawberry.union("CompleteFirstLoginResult", description="Outcome of `completeFirstLogin`. 首次登录设置结果"),
]


@strawberry.input(description="Who logs in. 登录信息")
class LogInInput:
    document_number: str = strawberry.field(
        description="Document number as in the registry; staff give their login name. 证件号码"
    )
    password: str = strawberry.field(description="Password. 密码")
    code: str | None = strawberry.field(
        default=None,
        description="Of the account's authenticator, or a recovery code; asked for by SECOND_FACTOR_NEEDED. 动态口令",
    )


@strawberry.input(description="Where the code shall go. 验证码接收方式")
class SendPhoneCodeInput:
    phone: str | None = strawberry.field(
        default=None, description="Mobile number; leave it out where the registry holds one. 手机号"
    )


@strawberry.input(description="Own password and the code received. 首次登录设置")
class CompleteFirstLoginInput:
    new_password: str = strawberry.field(description="The new password. 新密码")
    code: str = strawberry.field(description="The code from the SMS. 短信验证码")


_GUIDANCE_FIRST = Text("首次登录，请修改密码并绑定手机号。", "First login: set your own password and bind a phone.")
_GUIDANCE_SECOND_FACTOR = Text(
    "您的角色须先启用动态口令。", "Your role asks for a second factor: set up an authenticator first."
)
_GUIDANCE_DOCTOR = Text(
    "如发现所在机构不对需调整，请联系上级卫生行政机构处理。",
    "If the institution shown is wrong, ask the superior health authority to correct it.",
)
_GUIDANCE_STAFF = Text("请处理待办事项。", "See the queues of your role.")


def show_viewer(caller: Caller, info: CoreInfo) -> Viewer:
    """The caller as the API shows it."""
    if caller.first_login:
        guidance = _GUIDANCE_FIRST
    elif caller.second_factor_open:
        guidance = _GUIDANCE_SECOND_FACTOR
    else:
        guidance = _GUIDANCE_DOCTOR if caller.doctor_id is not None else _GUIDANCE_STAFF
    return Viewer(
        name=caller.name,
        roles=[
            RoleGrant(
                role=grant.role,
                organisation_id=strawberry.ID(encode_id("Organisation", grant.organisation_id))
                if grant.organisation_id
                else None,
            )
            for grant in caller.grants
        ],
        first_login=caller.first_login,
        guidance=info.context.say(guidance),
        second_factor_required=caller.second_factor_open,
        confirmed_until=caller.confirmed_until,
        caller=caller,
    )


def origin_of(info: CoreInfo) -> Origin:
    """Where the request came from."""
    return Origin(info.context.address, info.context.device, info.context.request_id)


async def show_started(info: CoreInfo, session: NewSession) -> SessionStarted:
    """The tokens, and whose they are; the rest of the request is answered to that account. Raises NotLoggedIn where
    the session ended meanwhile."""
    context = info.context
    caller = await caller_of(context.environment, session.token, context.language, context.request_id, context.address)
    if caller is None:
        raise NotLoggedIn
    context.caller = caller
    return SessionStarted(
        token=session.token,
        expires_at=session.expires_at,
        refresh_token=session.refresh_token,
        session_ends_at=session.ends_at,
        idle_minutes=int(session.idle.total_seconds() // 60),
        first_login=session.first_login,
        viewer=show_viewer(caller, info),
    )


# Where somebody shows who he is: a request holds one of them at most, or a password could be tried a thousand times in
# one (security.md 2.4).
AUTHENTICATION_FIELDS = frozenset(
    {
        "logIn",
        "logInWithWechat",
        "bindWechat",
        "sendPhoneCode",
        "completeFirstLogin",
        "startPasswordReset",
        "completePasswordReset",
        "changePassword",
        "startPhoneChange",
        "completePhoneChange",
        "refreshSession",
        "confirmIdentity",
        "confirmSecondFactor",
    }
)


@strawberry.type
class AccountQuery:
    @strawberry.field(description="The account that asks; open during the first login too. 当前账户")
    def viewer(self, info: CoreInfo) -> Viewer:
        if info.context.caller is None:
            raise NotLoggedIn
        return show_viewer(info.context.caller, info)


@strawberry.type
class AccountMutation:
    @strawberry.mutation(description="Log in with document number and password. 登录")
    async def log_in(
        self, info: CoreInfo, input: Annotated[LogInInput, strawberry.argument(description="Who logs in. 登录信息")]
    ) -> LogInResult:
        context = info.context
        logged_in = await log_in(
            context.environment, input.document_number, input.password, origin=origin_of(info), code=input.code
        )
        return await show_started(info, logged_in.session)

    @strawberry.mutation(description="First login: send the SMS code. 首次登录：获取验证码")
    async def send_phone_code(
        self,
        info: CoreInfo,
        input: Annotated[SendPhoneCodeInput, strawberry.argument(description="Where it shall go. 接收方式")],
    ) -> SendPhoneCodeResult:
        phone = await service.send_phone_code(info.context.environment, info.context.caller, input.phone)
        minutes = int(code_lifetime(info.context.environment).total_seconds() // 60)
        return PhoneCodeSent(phone=mask_phone(phone), valid_minutes=minutes)

    @strawberry.mutation(
        description="First login: set the own password and bind the phone. 首次登录：修改密码、绑定手机号"
    )
    async def complete_first_login(
        self,
        info: CoreInfo,
        input: Annotated[CompleteFirstLoginInput, strawberry.argument(description="Password and code. 密码与验证码")],
    ) -> CompleteFirstLoginResult:
        logged_in = await service.complete_first_login(
            info.context.environment,
            info.context.caller,
            input.new_password,
            input.code,
            device=info.context.device,
        )
        return await show_started(info, logged_in.session)

    @strawberry.mutation(description="End this session. 退出登录")
    async def log_out(self, info: CoreInfo) -> LoggedOut:
        await refreshing.log_out(info.context.environment, info.context.caller, everywhere=False)
        return LoggedOut(everywhere=False)

    @strawberry.mutation(description="End every session of the account. 全部设备退出登录")
    async def log_out_everywhere(self, info: CoreInfo) -> LoggedOut:
        await refreshing.log_out(info.context.environment, info.context.caller, everywhere=True)
        return LoggedOut(everywhere=True)


CONTRIBUTION = GraphQLContribution(query=AccountQuery, mutation=AccountMutation)
