"""Keeping a session alive, seeing and ending one's sessions, step-up, and the second factor."""

from datetime import datetime
from typing import Annotated

import strawberry

from dingkao.accounts import logging_in, refreshing, second_factor
from dingkao.accounts.graphql import SessionStarted, origin_of, show_started
from dingkao.context import CoreInfo
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.graphql import StateProblem, ValidationProblem
from dingkao.plugin.ids import decode_id, encode_id


@strawberry.type(description="A login of the account that lives, on one device. 登录会话")
class AccountSession:
    id: strawberry.ID = strawberry.field(description="Opaque id, for `endSession`. 标识")
    device: str = strawberry.field(description="What the client called itself (User-Agent). 设备")
    address: str = strawberry.field(description="Network address, at its last refresh. 网络地址")
    created_at: datetime = strawberry.field(description="When it began. 登录时间")
    last_used_at: datetime = strawberry.field(description="Its last request, to the minute. 最近使用时间")
    ends_at: datetime = strawberry.field(description="When it ends, whatever is done in it. 最迟失效时间")
    present: bool = strawberry.field(description="Whether it is the session that asks. 是否当前会话")


@strawberry.type(description="Sessions have ended. 会话已结束")
class SessionsEnded:
    sessions: int = strawberry.field(description="How many. 数量")


@strawberry.type(description="The session has shown again who it is. 已再次验证身份")
class IdentityConfirmed:
    confirmed_until: datetime = strawberry.field(description="Until when that counts. 有效至")


@strawberry.type(description="A secret for an authenticator, seen this once. 动态口令密钥")
class SecondFactorEnrolment:
    secret: str = strawberry.field(description="To type into the app, base32. 密钥")
    uri: str = strawberry.field(description="The same as otpauth address: show it as a QR code. 二维码内容")


@strawberry.type(description="Codes that stand in for the authenticator, each once; seen this once. 恢复码")
class RecoveryCodes:
    codes: list[str] = strawberry.field(description="To be printed and kept away from the device. 恢复码")


@strawberry.type(description="The authenticator is taken away. 已停用动态口令")
class SecondFactorRemoved:
    second_factor: bool = strawberry.field(description="Whether the account has one. 是否启用")


EndSessionResult = Annotated[
    SessionsEnded | ValidationProblem,
    strawberry.union("EndSessionResult", description="Outcome of `endSession`. 结束会话结果"),
]
ConfirmIdentityResult = Annotated[
    IdentityConfirmed | ValidationProblem,
    strawberry.union("ConfirmIdentityResult", description="Outcome of `confirmIdentity`. 再次验证身份结果"),
]
EnrolSecondFactorResult = Annotated[
    SecondFactorEnrolment | StateProblem,
    strawberry.union("EnrolSecondFactorResult", description="Outcome of `enrolSecondFactor`. 获取动态口令密钥结果"),
]
ConfirmSecondFactorResult = Annotated[
    RecoveryCodes | ValidationProblem | StateProblem,
    strawberry.union("ConfirmSecondFactorResult", description="Outcome of `confirmSecondFactor`. 启用动态口令结果"),
]
RenewRecoveryCodesResult = Annotated[
    RecoveryCodes | StateProblem,
    strawberry.union("RenewRecoveryCodesResult", description="Outcome of `renewRecoveryCodes`. 更换恢复码结果"),
]
RemoveSecondFactorResult = Annotated[
    SecondFactorRemoved | StateProblem,
    strawberry.union("RemoveSecondFactorResult", description="Outcome of `removeSecondFactor`. 停用动态口令结果"),
]


@strawberry.input(description="A refresh token. 刷新令牌")
class RefreshSessionInput:
    refresh_token: str = strawberry.field(description="The one received last. 刷新令牌")


@strawberry.input(description="Which session. 会话")
class EndSessionInput:
    session_id: strawberry.ID = strawberry.field(description="From `sessions`. 会话标识")


@strawberry.input(description="Who is there. 身份验证")
class ConfirmIdentityInput:
    password: str | None = strawberry.field(default=None, description="The account's password. 密码")
    code: str | None = strawberry.field(
        default=None, description="Of the authenticator, or a recovery code, where one is set up. 动态口令"
    )


@strawberry.input(description="The first code of an authenticator. 动态口令")
class ConfirmSecondFactorInput:
    code: str = strawberry.field(description="Six digits. 动态口令")


@strawberry.type
class SessionQuery:
    @strawberry.field(description="The sessions of the account that asks, the newest first. 我的登录会话")
    async def sessions(self, info: CoreInfo) -> list[AccountSession]:
        records = await refreshing.list_sessions(info.context.environment, info.context.caller)
        return [
            AccountSession(
                id=strawberry.ID(encode_id("Session", record.id)),
                device=record.device,
                address=record.address,
                created_at=record.created_at,
                last_used_at=record.last_used_at,
                ends_at=record.ends_at,
                present=record.present,
            )
            for record in records
        ]


@strawberry.type
class SessionMutation:
    @strawberry.mutation(
        description="Exchange the refresh token for other tokens; top-level UNAUTHENTICATED: log in anew. 刷新会话"
    )
    async def refresh_session(
        self,
        info: CoreInfo,
        input: Annotated[RefreshSessionInput, strawberry.argument(description="Refresh token. 刷新令牌")],
    ) -> SessionStarted:
        issued = await refreshing.refresh_session(info.context.environment, input.refresh_token, origin=origin_of(info))
        return await show_started(info, issued)

    @strawberry.mutation(description="End one of the account's own sessions. 结束会话")
    async def end_session(
        self, info: CoreInfo, input: Annotated[EndSessionInput, strawberry.argument(description="Which. 会话")]
    ) -> EndSessionResult:
        session_id = decode_id("Session", input.session_id)
        await refreshing.end_session(info.context.environment, info.context.caller, session_id)
        return SessionsEnded(sessions=1)

    @strawberry.mutation(description="End all of the account's sessions but this one. 结束其他会话")
    async def end_other_sessions(self, info: CoreInfo) -> SessionsEnded:
        ended = await refreshing.end_other_sessions(info.context.environment, info.context.caller)
        return SessionsEnded(sessions=ended)

    @strawberry.mutation(
        description="Show again who you are, in this session: what answers STEP_UP_REQUIRED is then open for some "
        "minutes. With the authenticator's code where there is one, else with the password. 再次验证身份"
    )
    async def confirm_identity(
        self, info: CoreInfo, input: Annotated[ConfirmIdentityInput, strawberry.argument(description="Proof. 验证")]
    ) -> ConfirmIdentityResult:
        until = await logging_in.confirm_identity(
            info.context.environment, info.context.caller, password=input.password, code=input.code
        )
        return IdentityConfirmed(confirmed_until=until)

    @strawberry.mutation(description="Staff: get a secret for an authenticator app. Needs step-up. 获取动态口令密钥")
    async def enrol_second_factor(self, info: CoreInfo) -> EnrolSecondFactorResult:
        made = await second_factor.enrol_second_factor(info.context.environment, info.context.caller)
        return SecondFactorEnrolment(secret=made.secret, uri=made.uri)

    @strawberry.mutation(
        description="Staff: set the authenticator up with its first code; answers the recovery codes. 启用动态口令"
    )
    async def confirm_second_factor(
        self, info: CoreInfo, input: Annotated[ConfirmSecondFactorInput, strawberry.argument(description="Code. 口令")]
    ) -> ConfirmSecondFactorResult:
        codes = await second_factor.confirm_second_factor(info.context.environment, info.context.caller, input.code)
        return RecoveryCodes(codes=codes)

    @strawberry.mutation(description="Other recovery codes in place of the earlier. Needs step-up. 更换恢复码")
    async def renew_recovery_codes(self, info: CoreInfo) -> RenewRecoveryCodesResult:
        return RecoveryCodes(
            codes=await second_factor.renew_recovery_codes(info.context.environment, info.context.caller)
        )

    @strawberry.mutation(description="Take the authenticator away, to set up another. Needs step-up. 停用动态口令")
    async def remove_second_factor(self, info: CoreInfo) -> RemoveSecondFactorResult:
        await second_factor.remove_second_factor(info.context.environment, info.context.caller)
        return SecondFactorRemoved(second_factor=False)


CONTRIBUTION = GraphQLContribution(query=SessionQuery, mutation=SessionMutation)
