"""The mutations on consent and identity: parse, call the service, show."""

from typing import Annotated

import strawberry

from dingkao.access.rules import OF_A_SITTING
from dingkao.assessments.graphql import load_record
from dingkao.context import CoreInfo
from dingkao.plugin.graphql import StateProblem, ValidationProblem
from dingkao.plugin.ids import decode_id
from dingkao.proctoring.consent import give_face_consent, withdraw_face_consent
from dingkao.proctoring.graphql.types import ConsentChannelEnum, FaceConsent, show_face_consent
from dingkao.proctoring.identity import identify_in_person
from dingkao.proctoring.vocabulary import ConsentChannel


@strawberry.input(description="Consent to a text. 人脸信息采集授权")
class GiveFaceConsentInput:
    assessment_id: strawberry.ID = strawberry.field(description="The assessment. 考核标识")
    text_version: str = strawberry.field(description="Version of the text that was read. 授权书版本")
    channel: ConsentChannelEnum = strawberry.field(
        default=ConsentChannel.WEB, description="Where it was read. 授权渠道"
    )


@strawberry.input(description="Declining or withdrawing. 拒绝或撤回人脸信息采集授权")
class WithdrawFaceConsentInput:
    assessment_id: strawberry.ID = strawberry.field(description="The assessment. 考核标识")
    channel: ConsentChannelEnum = strawberry.field(
        default=ConsentChannel.WEB, description="Where it was asked for. 授权渠道"
    )


@strawberry.input(description="A doctor who was identified in person. 现场核验身份")
class IdentifyInPersonInput:
    assessment_id: strawberry.ID = strawberry.field(description="The assessment. 考核标识")
    reason: str = strawberry.field(description="Why, and by which document. 事由及核验证件")


GiveFaceConsentResult = Annotated[
    FaceConsent | ValidationProblem | StateProblem,
    strawberry.union("GiveFaceConsentResult", description="Outcome of consenting. 授权结果"),
]
WithdrawFaceConsentResult = Annotated[
    FaceConsent | StateProblem,
    strawberry.union("WithdrawFaceConsentResult", description="Outcome of declining or withdrawing. 撤回结果"),
]
IdentifyInPersonResult = Annotated[
    FaceConsent | ValidationProblem | StateProblem,
    strawberry.union("IdentifyInPersonResult", description="Outcome of identifying in person. 现场核验结果"),
]


async def _show(info: CoreInfo, assessment_id: int) -> FaceConsent:
    info.context.forget_loaded()
    return await show_face_consent(info, await load_record(info, assessment_id, OF_A_SITTING))


@strawberry.type
class ProctoringMutation:
    @strawberry.mutation(description="Agree to face capture, before the first test. 人脸信息采集授权")
    async def give_face_consent(
        self,
        info: CoreInfo,
        input: Annotated[GiveFaceConsentInput, strawberry.argument(description="To which text. 授权")],
    ) -> GiveFaceConsentResult:
        assessment_id = decode_id("Assessment", input.assessment_id)
        environment, caller = info.context.environment, info.context.caller
        await give_face_consent(environment, caller, assessment_id, input.text_version, input.channel)
        return await _show(info, assessment_id)

    @strawberry.mutation(
        description="Decline face capture, or withdraw the consent, at any time; the images are deleted. "
        "拒绝或撤回人脸信息采集授权"
    )
    async def withdraw_face_consent(
        self,
        info: CoreInfo,
        input: Annotated[WithdrawFaceConsentInput, strawberry.argument(description="Of which assessment. 撤回")],
    ) -> WithdrawFaceConsentResult:
        assessment_id = decode_id("Assessment", input.assessment_id)
        await withdraw_face_consent(info.context.environment, info.context.caller, assessment_id, input.channel)
        return await _show(info, assessment_id)

    @strawberry.mutation(
        description="By an invigilator: the doctor was identified in person, in place of face capture. 现场核验身份"
    )
    async def identify_in_person(
        self, info: CoreInfo, input: Annotated[IdentifyInPersonInput, strawberry.argument(description="Who. 核验")]
    ) -> IdentifyInPersonResult:
        assessment_id = decode_id("Assessment", input.assessment_id)
        await identify_in_person(info.context.environment, info.context.caller, assessment_id, input.reason)
        return await _show(info, assessment_id)
