"""A forgotten password, one's own password and phone, activation codes, WeChat."""

from datetime import datetime
from typing import Annotated

import strawberry

from dingkao.accounts import activation, own_credentials, reset, wechat
from dingkao.accounts.graphql import PhoneCodeSent, SessionStarted, origin_of, show_started
from dingkao.accounts.phone_codes import code_lifetime
from dingkao.context import CoreInfo
from dingkao.doctors.numbers import mask_phone
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.graphql import StateProblem, ValidationProblem
from dingkao.plugin.ids import decode_id, encode_id
from dingkao.plugin.text import Text


@strawberry.type(description="What has been asked for is under way, whether or not there is such an account. 已受理")
class PasswordResetStarted:
    flow: str = strawberry.field(description="Keep it for `completePasswordReset`; a secret. 流程凭证")
    valid_minutes: int = strawberry.field(description="How long the code is valid. 有效分钟数")
    message: str = strawberry.field(description="What to show, the same for every number. 提示")


@strawberry.type(description="The new password is in force. 密码已修改")
class PasswordSet:
    ended_sessions: int | None = strawberry.field(
        description="How many other sessions ended; null after a reset, which ends all. 已退出的其他会话数"
    )


@strawberry.type(description="A phone is bound. 手机号已绑定")
class PhoneBound:
    phone: str = strawberry.field(description="The phone, masked. 手机号（脱敏）")


@strawberry.type(description="An activation code, seen this once. 激活码")
class IssuedActivationCode:
    doctor_id: strawberry.ID = strawberry.field(description="The doctor. 医师标识")
    name: str = strawberry.field(description="Name. 姓名")
    document_number: str = strawberry.field(description="Document number, masked. 证件号码（脱敏）")
    code: str = strawberry.field(description="What the doctor types in place of a password, once. 激活码")
    expires_at: datetime = strawberry.field(description="Until when. 有效期至")


@strawberry.type(description="Activation codes were issued; earlier ones of these doctors are void. 激活码已签发")
class ActivationCodesIssued:
    codes: list[IssuedActivationCode] = strawberry.field(description="The codes. 激活码列表")
    csv: str = strawberry.field(description="The same as CSV, to print and hand out. 打印用清单")
    more: bool = strawberry.field(description="Whether further doctors wait for a code: ask again. 是否还有")


@strawberry.type(description="Whether the account is bound to WeChat now. 微信绑定状态")
class WechatState:
    bound: bool = strawberry.field(description="True: `logInWithWechat` opens it. 是否已绑定")


StartPasswordResetResult = Annotated[
    PasswordResetStarted | ValidationProblem,
    strawberry.union("StartPasswordResetResult", description="Outcome of `startPasswordReset`. 申请重置密码结果"),
]
CompletePasswordResetResult = Annotated[
    PasswordSet | ValidationProblem,
    strawberry.union("CompletePasswordResetResult", description="Outcome of `completePasswordReset`. 重置密码结果"),
]
ChangePasswordResult = Annotated[
    PasswordSet | ValidationProblem,
    strawberry.union("ChangePasswordResult", description="Outcome of `changePassword`. 修改密码结果"),
]
StartPhoneChangeResult = Annotated[
    PhoneCodeSent | ValidationProblem | StateProblem,
    strawberry.union("StartPhoneChangeResult", description="Outcome of `startPhoneChange`. 申请更换手机号结果"),
]
CompletePhoneChangeResult = Annotated[
    PhoneBound | ValidationProblem,
    strawberry.union("CompletePhoneChangeResult", description="Outcome of `completePhoneChange`. 更换手机号结果"),
]
IssueActivationCodesResult = Annotated[
    ActivationCodesIssued | ValidationProblem,
    strawberry.union("IssueActivationCodesResult", description="Outcome of `issueActivationCodes`. 签发激活码结果"),
]
LogInWithWechatResult = Annotated[
    SessionStarted | ValidationProblem | StateProblem,
    strawberry.union("LogInWithWechatResult", description="Outcome of `logInWithWechat`. 微信登录结果"),
]
BindWechatResult = Annotated[
    WechatState | ValidationProblem | StateProblem,
    strawberry.union("BindWechatResult", description="Outcome of `bindWechat`. 绑定微信结果"),
]
UnbindWechatResult = Annotated[
    WechatState | StateProblem,
    strawberry.union("UnbindWechatResult", description="Outcome of `unbindWechat`. 解绑微信结果"),
]


@strawberry.input(description="Whose password is forgotten. 申请重置密码")
class StartPasswordResetInput:
    document_number: str = strawberry.field(description="Document number, or login name of staff. 证件号码")


@strawberry.input(description="The code received and a new password. 重置密码")
class CompletePasswordResetInput:
    flow: str = strawberry.field(description="What `startPasswordReset` answered. 流程凭证")
    code: str = strawberry.field(description="The code from the SMS. 短信验证码")
    new_password: str = strawberry.field(description="The new password. 新密码")


@strawberry.input(description="The old password and a new one. 修改密码")
class ChangePasswordInput:
    old_password: str = strawberry.field(description="The password in force. 原密码")
    new_password: str = strawberry.field(description="The new password. 新密码")
    end_other_sessions: bool = strawberry.field(
        default=True, description="Whether the account's other sessions end. 是否退出其他设备"
    )


@strawberry.input(description="The phone that shall be bound. 更换手机号")
class StartPhoneChangeInput:
    phone: str = strawberry.field(description="The new mobile number. 新手机号")


@strawberry.input(description="The code that the new phone received. 确认更换手机号")
class CompletePhoneChangeInput:
    code: str = strawberry.field(description="The code from the SMS. 短信验证码")


@strawberry.input(description="Whom activation codes are for. 签发激活码")
class IssueActivationCodesInput:
    institution_id: strawberry.ID = strawberry.field(description="The officer's institution. 医疗卫生机构标识")
    doctor_ids: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="These doctors, also such as have a password; null: all who have neither password nor code. 医师",
    )


@strawberry.input(description="A login code of the mini-program. 微信登录凭证")
class WechatCodeInput:
    code: str = strawberry.field(description="What `wx.login` gave; good once, for five minutes. 登录凭证")


_RESET_MESSAGE = Text(
    "如该证件号码已绑定手机号，验证码将发送至该手机号。未收到或未绑定手机号的，请联系所在机构签发激活码。",
    "If this number has a bound phone, the code is on its way there. Without one, or where none arrives, ask the "
    "institution for an activation code.",
)


@strawberry.type
class CredentialMutation:
    @strawberry.mutation(description="Forgotten password: send a code to the bound phone. 申请重置密码")
    async def start_password_reset(
        self, info: CoreInfo, input: Annotated[StartPasswordResetInput, strawberry.argument(description="Whose. 账户")]
    ) -> StartPasswordResetResult:
        context = info.context
        started = await reset.start_password_reset(context.environment, input.document_number, origin=origin_of(info))
        return PasswordResetStarted(
            flow=started.flow,
            valid_minutes=int(started.lifetime.total_seconds() // 60),
            message=context.say(_RESET_MESSAGE),
        )

    @strawberry.mutation(description="Forgotten password: set a new one with the code. 重置密码")
    async def complete_password_reset(
        self,
        info: CoreInfo,
        input: Annotated[
            CompletePasswordResetInput, strawberry.argument(description="Code and password. 验证码与密码")
        ],
    ) -> CompletePasswordResetResult:
        await reset.complete_password_reset(
            info.context.environment, input.flow, input.code, input.new_password, origin=origin_of(info)
        )
        return PasswordSet(ended_sessions=None)

    @strawberry.mutation(description="Change one's own password. 修改密码")
    async def change_password(
        self,
        info: CoreInfo,
        input: Annotated[ChangePasswordInput, strawberry.argument(description="Old and new. 密码")],
    ) -> ChangePasswordResult:
        ended = await own_credentials.change_password(
            info.context.environment,
            info.context.caller,
            input.old_password,
            input.new_password,
            end_others=input.end_other_sessions,
        )
        return PasswordSet(ended_sessions=ended)

    @strawberry.mutation(description="Send a code to a new phone. Needs step-up. 申请更换绑定手机号")
    async def start_phone_change(
        self, info: CoreInfo, input: Annotated[StartPhoneChangeInput, strawberry.argument(description="Phone. 手机号")]
    ) -> StartPhoneChangeResult:
        environment = info.context.environment
        phone = await own_credentials.start_phone_change(environment, info.context.caller, input.phone)
        minutes = int(code_lifetime(environment).total_seconds() // 60)
        return PhoneCodeSent(phone=mask_phone(phone), valid_minutes=minutes)

    @strawberry.mutation(description="Bind the new phone with its code. Needs step-up. 确认更换绑定手机号")
    async def complete_phone_change(
        self,
        info: CoreInfo,
        input: Annotated[CompletePhoneChangeInput, strawberry.argument(description="Code. 验证码")],
    ) -> CompletePhoneChangeResult:
        environment = info.context.environment
        phone = await own_credentials.complete_phone_change(environment, info.context.caller, input.code)
        return PhoneBound(phone=mask_phone(phone))

    @strawberry.mutation(
        description="Institution officers: codes that open doctors' accounts once. Needs step-up. 签发激活码"
    )
    async def issue_activation_codes(
        self, info: CoreInfo, input: Annotated[IssueActivationCodesInput, strawberry.argument(description="Whom. 医师")]
    ) -> IssueActivationCodesResult:
        doctors = input.doctor_ids
        issued = await activation.issue_activation_codes(
            info.context.environment,
            info.context.caller,
            decode_id("Organisation", input.institution_id),
            None if doctors is None else [decode_id("Doctor", doctor) for doctor in doctors],
        )
        codes = [
            IssuedActivationCode(
                doctor_id=strawberry.ID(encode_id("Doctor", one.doctor_id)),
                name=one.name,
                document_number=one.document_number,
                code=one.code,
                expires_at=one.expires_at,
            )
            for one in issued.codes
        ]
        return ActivationCodesIssued(codes=codes, csv=issued.to_csv(), more=issued.more)

    @strawberry.mutation(description="Log in by the bound WeChat account. 微信登录")
    async def log_in_with_wechat(
        self, info: CoreInfo, input: Annotated[WechatCodeInput, strawberry.argument(description="Code. 登录凭证")]
    ) -> LogInWithWechatResult:
        logged_in = await wechat.log_in_with_wechat(info.context.environment, input.code, origin=origin_of(info))
        return await show_started(info, logged_in.session)

    @strawberry.mutation(description="Bind one's WeChat account, once. Needs step-up. 绑定微信")
    async def bind_wechat(
        self, info: CoreInfo, input: Annotated[WechatCodeInput, strawberry.argument(description="Code. 登录凭证")]
    ) -> BindWechatResult:
        await wechat.bind_wechat(info.context.environment, info.context.caller, input.code)
        return WechatState(bound=True)

    @strawberry.mutation(description="Take the binding to WeChat away. 解绑微信")
    async def unbind_wechat(self, info: CoreInfo) -> UnbindWechatResult:
        await wechat.unbind_wechat(info.context.environment, info.context.caller)
        return WechatState(bound=False)


CONTRIBUTION = GraphQLContribution(mutation=CredentialMutation)
