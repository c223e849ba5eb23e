"""Consent, identity and proctoring as the API shows them: no image is in any type."""

from datetime import datetime
from typing import TypeAlias

import strawberry

from dingkao.access.rules import INVIGILATORS, OF_A_SITTING, Kind, grant_on
from dingkao.assessments.access import pinned_policy
from dingkao.assessments.graphql import Assessment, load_record
from dingkao.assessments.records import AssessmentRecord
from dingkao.context import CoreInfo
from dingkao.papers.graphql.invigilating import SittingDoctor
from dingkao.papers.graphql.types import Attempt
from dingkao.plugin.enums import ProctorFindingEnum, described_enum
from dingkao.plugin.ids import decode_id, encode_id
from dingkao.plugin.national import PapersPolicy
from dingkao.proctoring.consent import needs_consent
from dingkao.proctoring.looking import PictureRecord, read_captures, read_frames
from dingkao.proctoring.records import read_face_status, read_flags, read_sessions, read_verdicts
from dingkao.proctoring.rules import consent_holds, identity_state
from dingkao.proctoring.vocabulary import CaptureOutcome, ConsentChannel, IdentityState, ProctorFailure, ProctorFlagKind

described_enum(
    ConsentChannel,
    "Where a doctor read and agreed to a text. 授权渠道",
    {ConsentChannel.WEB: "In a browser. 网页", ConsentChannel.MINI_PROGRAM: "In the mini-program. 小程序"},
)
ConsentChannelEnum: TypeAlias = ConsentChannel
described_enum(
    CaptureOutcome,
    "What the face service said of a capture. 人脸核验结果",
    {
        CaptureOutcome.ACCEPTED: "It is the doctor. 通过",
        CaptureOutcome.REFUSED: "It is not, or cannot be told. 未通过",
        CaptureOutcome.UNVERIFIED: "The service could not be asked. 未核验",
    },
)
CaptureOutcomeEnum: TypeAlias = CaptureOutcome
described_enum(
    IdentityState,
    "How far it is known who sits a paper. 身份核验状态",
    {
        IdentityState.NOT_REQUIRED: "No face is captured here. 无需核验",
        IdentityState.CONSENT_MISSING: "The doctor has not been asked, or not to the present text. 待授权",
        IdentityState.DECLINED: "Consent was declined or withdrawn: an invigilator identifies in person. 不同意采集",
        IdentityState.CAPTURE_MISSING: "Consented; no capture was accepted yet. 待采集",
        IdentityState.CAPTURED: "The capture was accepted. 已采集",
        IdentityState.UNVERIFIED: "Captured; the face service could not be asked. 已采集待核对",
        IdentityState.IDENTIFIED: "An invigilator identified the doctor in person. 已现场核验",
    },
)
IdentityStateEnum: TypeAlias = IdentityState
described_enum(
    ProctorFlagKind,
    "What an invigilator should know of an attempt; it stops nothing. 监考标记",
    {
        ProctorFlagKind.REGISTER_FAILED: "The proctoring service did not take the attempt. 监考登记失败",
        ProctorFlagKind.START_FAILED: "The proctoring service did not start. 监考启动失败",
        ProctorFlagKind.FRAME_FAILED: "A picture could not be handed on or kept. 抓拍失败",
        ProctorFlagKind.STOP_FAILED: "The proctoring service did not end. 监考结束失败",
        ProctorFlagKind.FACE_UNVERIFIED: "The face was captured and not compared. 人脸未核验",
        ProctorFlagKind.CONSENT_WITHDRAWN: "The doctor withdrew consent during the attempt. 作答中撤回授权",
    },
)
ProctorFlagKindEnum: TypeAlias = ProctorFlagKind
described_enum(
    ProctorFailure,
    "How a service failed. 监考服务故障",
    {
        ProctorFailure.UNAVAILABLE: "It refused or was out of reach. 不可用",
        ProctorFailure.TIMED_OUT: "It did not answer in time. 超时",
        ProctorFailure.BROKEN: "It answered what it may not. 异常",
    },
)
ProctorFailureEnum: TypeAlias = ProctorFailure


@strawberry.type(description="Consent to face capture, and what came of it. 人脸信息采集授权")
class FaceConsent:
    required: bool = strawberry.field(description="Whether the policy wants it before a test. 是否需要")
    text_version: str = strawberry.field(description="Version of the text to agree to. 授权书版本")
    text: str = strawberry.field(description="The text. 授权书全文")
    given_at: datetime | None = strawberry.field(
        description="When consent to this text was given; null: not, or not any more. 授权时间"
    )
    ended_at: datetime | None = strawberry.field(
        description="When consent was declined or withdrawn last. 拒绝或撤回时间"
    )
    captured_at: datetime | None = strawberry.field(
        description="When a capture was accepted, or kept to be looked at, last. 采集时间"
    )
    identity: IdentityStateEnum = strawberry.field(description="Where this stands. 身份核验状态")
    identified_at: datetime | None = strawberry.field(
        description="When an invigilator identified the doctor in person. 现场核验时间"
    )
    in_person_offered: bool = strawberry.field(
        description="Whether who does not consent may be identified in person. 是否提供现场核验"
    )


@strawberry.type(description="What an invigilator should know of an attempt. 监考标记")
class ProctorFlag:
    kind: ProctorFlagKindEnum = strawberry.field(description="What. 标记")
    failure: ProctorFailureEnum | None = strawberry.field(description="How the service failed, last. 故障")
    times: int = strawberry.field(description="How often. 次数")
    first_at: datetime = strawberry.field(description="First. 首次时间")
    last_at: datetime = strawberry.field(description="Last. 最近时间")


@strawberry.type(description="What the proctoring service found; a person decides what follows. 监考结论")
class ProctorVerdict:
    finding: ProctorFindingEnum = strawberry.field(description="What. 结论")
    remark: str = strawberry.field(description="In words. 说明")
    found_at: datetime = strawberry.field(description="When the service found it. 发现时间")
    received_at: datetime = strawberry.field(description="When it told this server. 接收时间")


@strawberry.type(description="A face that is kept, for the invigilator to look at: GET /faces/{id}, audited. 人脸图像")
class FacePicture:
    id: strawberry.ID = strawberry.field(description="For GET /faces/{id}. 图像标识")
    taken_at: datetime = strawberry.field(description="When it was taken. 采集时间")
    outcome: CaptureOutcomeEnum | None = strawberry.field(
        description="What the face service said of a capture; null for a picture of an attempt. 核验结果"
    )
    score: int | None = strawberry.field(description="How alike, in percent, where the service says so. 相似度")


@strawberry.type(description="How an attempt is watched. 监考情况")
class Proctoring:
    frame_seconds: int | None = strawberry.field(
        description="Seconds between two pictures that the client takes and sends to POST /attempts/{id}/frames; null: "
        "none are asked for. 抓拍间隔（秒）"
    )
    join_url: str | None = strawberry.field(
        description="For the doctor: where the client joins the proctoring service, when it has one and knows of the "
        "attempt. 监考服务地址"
    )
    flags: list[ProctorFlag] | None = strawberry.field(
        description="For invigilators: what they should know; null for others. 监考标记"
    )
    pictures: list[FacePicture] | None = strawberry.field(
        description="For invigilators: pictures of the attempt that this server keeps; null for others. 抓拍图像"
    )
    verdicts: list[ProctorVerdict] | None = strawberry.field(
        description="For invigilators: what the service found, the newest last; null for others. 监考结论"
    )


async def show_face_consent(info: CoreInfo, record: AssessmentRecord) -> FaceConsent:
    """What is asked for before the first test, and what was given."""
    policy = (await pinned_policy(info.context.environment, record)).section(PapersPolicy)
    status = await info.context.loader(read_face_status).load(record.id)
    holds = consent_holds(status, policy.face_consent_version)
    required = needs_consent(policy)
    return FaceConsent(
        required=required,
        text_version=policy.face_consent_version,
        text=policy.face_consent_text,
        given_at=status.given_at if holds else None,
        ended_at=status.ended_at,
        captured_at=status.captured_at if holds else None,
        identity=identity_state(status, required=required, text_version=policy.face_consent_version),
        identified_at=status.identified_at,
        in_person_offered=policy.in_person_check,
    )


def _pictures(records: list[PictureRecord]) -> list[FacePicture]:
    return [
        FacePicture(
            id=strawberry.ID(encode_id("FaceImage", record.image)),
            taken_at=record.taken_at,
            outcome=record.outcome,
            score=record.score,
        )
        for record in records
    ]


async def _flags(info: CoreInfo, attempt_id: int) -> list[ProctorFlag]:
    return [
        ProctorFlag(
            kind=flag.kind, failure=flag.failure, times=flag.times, first_at=flag.first_at, last_at=flag.last_at
        )
        for flag in await info.context.loader(read_flags).load(attempt_id)
    ]


async def _verdicts(info: CoreInfo, attempt_id: int) -> list[ProctorVerdict]:
    return [
        ProctorVerdict(
            finding=verdict.finding,
            remark=verdict.remark,
            found_at=verdict.found_at,
            received_at=verdict.received_at,
        )
        for verdict in await info.context.loader(read_verdicts).load(attempt_id)
    ]


@strawberry.type
class AssessmentProctoring:
    @strawberry.field(description="Consent to face capture, and what came of it. 人脸信息采集授权")
    async def face_consent(self: Assessment, info: CoreInfo) -> FaceConsent:
        return await show_face_consent(info, self.record)


@strawberry.type
class AttemptProctoring:
    @strawberry.field(description="How it is watched: what the client does, what invigilators should know. 监考情况")
    async def proctoring(self: Attempt, info: CoreInfo) -> Proctoring:
        session = await info.context.loader(read_sessions).load(self.record.id)
        record = await load_record(info, self.record.assessment, OF_A_SITTING)
        caller = info.context.caller
        # Whom it is told besides the doctor: who may look at his face. His institution employs him and invigilates
        # nothing.
        invigilates = caller is not None and grant_on(caller, record, *INVIGILATORS, kind=Kind.SITTING) is not None
        if invigilates and not self.own:
            return Proctoring(
                frame_seconds=None,
                join_url=None,
                flags=await _flags(info, self.record.id),
                pictures=_pictures(await info.context.loader(read_frames).load(self.record.id)),
                verdicts=await _verdicts(info, self.record.id),
            )
        if not self.own or session is None or session.closed_at is not None:
            return Proctoring(frame_seconds=None, join_url=None, flags=None, pictures=None, verdicts=None)
        environment = info.context.environment
        policy = (await pinned_policy(environment, record)).section(PapersPolicy)
        return Proctoring(
            frame_seconds=policy.frame_seconds,
            join_url=session.join_url or None,
            flags=None,
            pictures=None,
            verdicts=None,
        )


@strawberry.type
class SittingProctoring:
    @strawberry.field(description="How far it is known who sits: DECLINED waits for identifyInPerson. 身份核验状态")
    async def identity(self: SittingDoctor, info: CoreInfo) -> IdentityStateEnum:
        record = await load_record(info, decode_id("Assessment", self.assessment_id), OF_A_SITTING)
        return (await show_face_consent(info, record)).identity

    @strawberry.field(description="The captures before the tests that are kept. 人脸采集图像")
    async def captures(self: SittingDoctor, info: CoreInfo) -> list[FacePicture]:
        assessment_id = decode_id("Assessment", self.assessment_id)
        return _pictures(await info.context.loader(read_captures).load(assessment_id))

    @strawberry.field(description="What the invigilator should know of the newest attempt. 监考标记")
    async def flags(self: SittingDoctor, info: CoreInfo) -> list[ProctorFlag]:
        return await _flags(info, decode_id("Attempt", self.attempt_id)) if self.attempt_id else []

    @strawberry.field(description="What the proctoring service found in the newest attempt. 监考结论")
    async def verdicts(self: SittingDoctor, info: CoreInfo) -> list[ProctorVerdict]:
        return await _verdicts(info, decode_id("Attempt", self.attempt_id)) if self.attempt_id else []
