"""Filing, notifying, printing, sealing, objecting: parse, call the service, show."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import strawberry

from dingkao.assessments.graphql import Assessment, load_assessment
from dingkao.context import CoreInfo
from dingkao.plugin.graphql import NotEligibleProblem, StateProblem, ValidationProblem
from dingkao.plugin.ids import decode_id, encode_id
from dingkao.results import issuing, sealing, service
from dingkao.results.graphql.types import (
    Document,
    ReexaminationDecisionEnum,
    Result,
    load_result_of,
    show_document,
)
from dingkao.results.records import DocumentRecord

_ASSESSMENT = "Which assessment. 考核标识"
_REASON = "Why, 1 to 1000 characters. 理由"


@strawberry.input(description="Which results to file. 备案")
class FileResultsInput:
    assessment_ids: list[strawberry.ID] = strawberry.field(description="1 to 500 assessments. 考核标识列表")


@strawberry.input(description="Which doctors to notify. 通知考核结果")
class NotifyResultsInput:
    assessment_ids: list[strawberry.ID] = strawberry.field(description="1 to 100 assessments. 考核标识列表")
    by_sms: bool = strawberry.field(
        default=True,
        description="False: nothing is sent, the notices were handed over in another way. 是否发送短信",
    )


@strawberry.input(description="Which notice to print. 打印考核结果通知书")
class IssueNoticeInput:
    assessment_id: strawberry.ID = strawberry.field(description=_ASSESSMENT)


@strawberry.input(description="Which certificate to print. 打印合格证书")
class IssueCertificateInput:
    assessment_id: strawberry.ID = strawberry.field(description=_ASSESSMENT)


@strawberry.input(description="Which certificate to seal. 合格证书盖章")
class SealCertificateInput:
    assessment_id: strawberry.ID = strawberry.field(description=_ASSESSMENT)


@strawberry.input(description="An objection to the result. 复核申请")
class RequestReexaminationInput:
    assessment_id: strawberry.ID = strawberry.field(description=_ASSESSMENT)
    reason: str = strawberry.field(description=_REASON)


@strawberry.input(description="The answer to an objection. 复核决定")
class DecideReexaminationInput:
    assessment_id: strawberry.ID = strawberry.field(description=_ASSESSMENT)
    decision: ReexaminationDecisionEnum = strawberry.field(description="What is decided. 复核决定")
    reason: str = strawberry.field(description=_REASON)


@strawberry.type(description="The results that were filed. 已备案的考核结果")
class FiledResults:
    assessments: list[Assessment] = strawberry.field(description="Each as it is now. 考核")


@strawberry.type(description="A doctor who could not be told; the result stays filed. 未能通知的医师")
class NotificationFailure:
    assessment_id: strawberry.ID = strawberry.field(description="Which. 考核标识")
    code: str = strawberry.field(description="Stable code. 代码")
    message: str = strawberry.field(description="Sentence for people. 说明")


@strawberry.type(description="Who was notified, and who could not be. 通知情况")
class NotifiedResults:
    assessments: list[Assessment] = strawberry.field(description="Those that were notified. 已通知的考核")
    failures: list[NotificationFailure] = strawberry.field(description="Those that were not. 未能通知的考核")


FileResultsResult = Annotated[
    FiledResults | ValidationProblem | StateProblem,
    strawberry.union("FileResultsResult", description="Outcome of filing: all or none. 备案结果"),
]
NotifyResultsResult = Annotated[
    NotifiedResults | ValidationProblem | StateProblem,
    strawberry.union("NotifyResultsResult", description="Outcome of notifying. 通知结果"),
]
IssueDocumentResult = Annotated[
    Document | StateProblem | NotEligibleProblem,
    strawberry.union("IssueDocumentResult", description="The document, or why not. 打印结果"),
]
SealCertificateResult = Annotated[
    Document | StateProblem | NotEligibleProblem,
    strawberry.union("SealCertificateResult", description="The sealed certificate, or why not. 盖章结果"),
]
RequestReexaminationResult = Annotated[
    Result | ValidationProblem | StateProblem | NotEligibleProblem,
    strawberry.union("RequestReexaminationResult", description="The result, or why not. 复核申请结果"),
]
DecideReexaminationResult = Annotated[
    Result | ValidationProblem | StateProblem,
    strawberry.union("DecideReexaminationResult", description="The result, or why not. 复核决定结果"),
]


def _keys(opaque: Sequence[strawberry.ID]) -> list[int]:
    return [decode_id("Assessment", each) for each in opaque]


async def _assessments(info: CoreInfo, keys: Sequence[int]) -> list[Assessment]:
    info.context.forget_loaded()
    # Together, so that the loader reads them at once.
    return list(await asyncio.gather(*(load_assessment(info, key) for key in keys)))


async def _result(info: CoreInfo, assessment_id: int) -> Result:
    info.context.forget_loaded()
    return await load_result_of(info, assessment_id)


async def _document(info: CoreInfo, document: DocumentRecord) -> Document:
    result = await _result(info, document.assessment_id)
    return show_document(info, document, result.result, result.record)


@strawberry.type
class ResultsMutation:
    @strawberry.mutation(description="File results with the authority: all or none; by the body. 考核结果备案")
    async def file_results(
        self, info: CoreInfo, input: Annotated[FileResultsInput, strawberry.argument(description="Which. 备案")]
    ) -> FileResultsResult:
        context = info.context
        filed = await service.file_results(context.environment, context.caller, _keys(input.assessment_ids))
        return FiledResults(assessments=await _assessments(info, filed))

    @strawberry.mutation(description="Notify doctors of their results; by the body. 通知考核结果")
    async def notify_results(
        self, info: CoreInfo, input: Annotated[NotifyResultsInput, strawberry.argument(description="Whom. 通知")]
    ) -> NotifyResultsResult:
        context = info.context
        report = await service.notify_results(
            context.environment, context.caller, _keys(input.assessment_ids), by_sms=input.by_sms
        )
        return NotifiedResults(
            assessments=await _assessments(info, report.notified),
            failures=[
                NotificationFailure(
                    assessment_id=strawberry.ID(encode_id("Assessment", failure.assessment_id)),
                    code=failure.reason.code,
                    message=context.say(failure.reason.text),
                )
                for failure in report.failures
            ],
        )

    @strawberry.mutation(description="Print the notice of the result. 打印考核结果通知书")
    async def issue_notice(
        self, info: CoreInfo, input: Annotated[IssueNoticeInput, strawberry.argument(description="Which. 通知书")]
    ) -> IssueDocumentResult:
        key = decode_id("Assessment", input.assessment_id)
        return await _document(info, await issuing.issue_notice(info.context.environment, info.context.caller, key))

    @strawberry.mutation(description="Print the certificate, not in force until it is sealed. 打印合格证书")
    async def issue_certificate(
        self, info: CoreInfo, input: Annotated[IssueCertificateInput, strawberry.argument(description="Which. 证书")]
    ) -> IssueDocumentResult:
        key = decode_id("Assessment", input.assessment_id)
        document = await issuing.issue_certificate(info.context.environment, info.context.caller, key)
        return await _document(info, document)

    @strawberry.mutation(description="Apply the issuing authority's seal; by its officer. 合格证书加盖公章")
    async def seal_certificate(
        self, info: CoreInfo, input: Annotated[SealCertificateInput, strawberry.argument(description="Which. 证书")]
    ) -> SealCertificateResult:
        key = decode_id("Assessment", input.assessment_id)
        document = await sealing.seal_certificate(info.context.environment, info.context.caller, key)
        return await _document(info, document)

    @strawberry.mutation(description="Object to the result, with reasons; by the doctor. 申请复核")
    async def request_reexamination(
        self,
        info: CoreInfo,
        input: Annotated[RequestReexaminationInput, strawberry.argument(description="The objection. 复核申请")],
    ) -> RequestReexaminationResult:
        key = decode_id("Assessment", input.assessment_id)
        context = info.context
        await service.request_reexamination(context.environment, context.caller, key, input.reason)
        return await _result(info, key)

    @strawberry.mutation(description="Answer an objection, with reasons; by the body. 作出复核决定")
    async def decide_reexamination(
        self,
        info: CoreInfo,
        input: Annotated[DecideReexaminationInput, strawberry.argument(description="The answer. 复核决定")],
    ) -> DecideReexaminationResult:
        key = decode_id("Assessment", input.assessment_id)
        context = info.context
        await service.decide_reexamination(context.environment, context.caller, key, input.decision, input.reason)
        return await _result(info, key)
