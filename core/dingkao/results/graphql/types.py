"""Results and documents, as the API shows them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TypeAlias

import strawberry

from dingkao.assessments.access import pinned_policy
from dingkao.assessments.graphql import Assessment, load_assessment
from dingkao.assessments.records import AssessmentRecord
from dingkao.audit.work import logged_in
from dingkao.context import CoreInfo
from dingkao.plugin.enums import DimensionEnum, VerdictEnum, described_enum
from dingkao.plugin.errors import NotEligible, NotFound
from dingkao.plugin.graphql import Node, Reason, show_reasons
from dingkao.plugin.ids import encode_id
from dingkao.plugin.national import DocumentsPolicy
from dingkao.plugin.vocabulary import Dimension, Verdict
from dingkao.results.contents import DIMENSIONS
from dingkao.results.issuing import permitted
from dingkao.results.links import check_url, download_url
from dingkao.results.records import (
    DocumentRecord,
    ReexaminationRecord,
    ResultRecord,
    read_documents,
    read_documents_by_id,
    read_ratings,
    read_reexaminations,
    read_results,
    read_results_by_id,
)
from dingkao.results.rules import (
    DOCUMENT_STATES,
    GROUNDS,
    STATES,
    dimension_outcomes,
    objection_until,
    reexamination_due,
)
from dingkao.results.service import ReexaminationDecision
from dingkao.results.vocabulary import ConclusionGround, DocumentKind, DocumentState, ResultState

described_enum(
    ResultState,
    "How far a result's announcement has come. 考核结果状态",
    {
        ResultState.CONCLUDED: "Concluded; the body files it next. 已得出结果",
        ResultState.FILED: "Filed with the authority. 已备案",
        ResultState.NOTIFIED: "The doctor was notified; the days for objections run. 已通知",
        ResultState.REEXAMINATION_REQUESTED: "The doctor objected. 已申请复核",
        ResultState.UPHELD: "Stands after re-examination. 复核维持",
        ResultState.CHANGED: "Changed on re-examination. 复核变更",
        ResultState.FINAL: "The days for objections are over. 已生效",
        ResultState.ANNULLED: "Annulled for fraud or bribery; counts as unqualified. 已撤销",
    },
)
described_enum(
    ConclusionGround,
    "What a conclusion rests on. 结论依据",
    {
        ConclusionGround.ALL_PAPERS_PASSED: "Every paper is passed or waived. 测评全部合格或者免考",
        ConclusionGround.PAPER_FAILED: "A paper is failed with no attempt left. 测评不合格",
        ConclusionGround.PAPER_MISSED: "A paper was missed without a good reason. 无故缺考",
        ConclusionGround.RATING_FAILED: "A rating is unqualified, confirmed by the body. 评定不合格",
    },
)
described_enum(
    DocumentKind,
    "Kind of document. 文书种类",
    {
        DocumentKind.NOTICE: "Notice of the result. 考核结果通知书",
        DocumentKind.CERTIFICATE: "Certificate of a qualified assessment. 合格证书",
    },
)
described_enum(
    DocumentState,
    "Whether a document is in force. 文书状态",
    {
        DocumentState.ISSUED: "A notice that is valid. 有效",
        DocumentState.UNSEALED: "A certificate without its seal: not in force. 未盖章，未生效",
        DocumentState.SEALED: "A certificate with its seal: in force. 已盖章，有效",
        DocumentState.REVOKED: "The result it speaks of has fallen. 已撤销",
    },
)
described_enum(
    ReexaminationDecision,
    "What the body answers to an objection. 复核决定",
    {
        ReexaminationDecision.UPHELD: "The result stands. 维持",
        ReexaminationDecision.CHANGED: "The result becomes the opposite. 变更",
    },
)
ResultStateEnum: TypeAlias = ResultState
ConclusionGroundEnum: TypeAlias = ConclusionGround
DocumentKindEnum: TypeAlias = DocumentKind
DocumentStateEnum: TypeAlias = DocumentState
ReexaminationDecisionEnum: TypeAlias = ReexaminationDecision

_IN_FORCE = (DocumentState.ISSUED, DocumentState.SEALED)


async def load_results(assessment_ids: list[int]) -> Sequence[ResultRecord | None]:
    """For a request's loader: the results of assessments, in order."""
    found = await read_results(assessment_ids)
    return [found.get(key) for key in assessment_ids]


async def _load_documents(result_ids: list[int]) -> Sequence[dict[DocumentKind, DocumentRecord]]:
    found = await read_documents(result_ids)
    return [found[key] for key in result_ids]


async def _load_ratings(assessment_ids: list[int]) -> Sequence[dict[Dimension, Verdict]]:
    found = await read_ratings(assessment_ids)
    return [found[key] for key in assessment_ids]


async def _load_reexaminations(result_ids: list[int]) -> Sequence[ReexaminationRecord | None]:
    found = await read_reexaminations(result_ids)
    return [found.get(key) for key in result_ids]


@strawberry.type(description="How one dimension ended. 单项考核结果")
class DimensionResult:
    dimension: DimensionEnum = strawberry.field(description="What was assessed. 考核内容")
    title: str = strawberry.field(description="Its name. 名称")
    verdict: VerdictEnum | None = strawberry.field(
        description="Qualified or not; null where it was not assessed, because a rating failed before. 评定结论"
    )


@strawberry.type(description="An objection and the body's answer (2007 measure, Art. 24). 复核申请及决定")
class Reexamination:
    requested_at: datetime = strawberry.field(description="When the doctor objected. 申请时间")
    reason: str = strawberry.field(description="The doctor's reasons. 申请理由")
    due_on: date = strawberry.field(description="Last day for the answer. 应答复日期")
    decision: ReexaminationDecisionEnum | None = strawberry.field(description="Once decided. 复核决定")
    decided_at: datetime | None = strawberry.field(description="When it was decided. 决定时间")
    answer: str = strawberry.field(description="The body's reasons. 决定理由")


@strawberry.type(description="A numbered PDF made of a result. 文书")
class Document(Node):
    kind: DocumentKindEnum = strawberry.field(description="Notice or certificate. 种类")
    number: str = strawberry.field(description="Its number, given once. 编号")
    state: DocumentStateEnum = strawberry.field(description="State. 状态")
    in_force: bool = strawberry.field(description="Whether it has effect now. 是否有效")
    statement: str = strawberry.field(description="The same in a sentence. 效力说明")
    check_url: str = strawberry.field(description="Public page that confirms it, as in its QR code. 查验地址")
    digest: str = strawberry.field(description="SHA-256 of the PDF as given out last. 电子文件摘要")
    issued_at: datetime = strawberry.field(description="When it was printed. 签发时间")
    sealed_at: datetime | None = strawberry.field(description="When it was sealed. 盖章时间")
    sealed_by: str | None = strawberry.field(description="The authority that sealed it. 发证机关")
    seal_subject: str = strawberry.field(description="Subject of the seal's certificate. 印章证书主体")
    document: strawberry.Private[DocumentRecord]
    result: strawberry.Private[ResultRecord]
    record: strawberry.Private[AssessmentRecord]

    @strawberry.field(
        description="Link to the PDF that a browser opens, signed for the asking account and soon over (five minutes, "
        "unless the server is set otherwise); null where the account may not have the PDF. 下载地址"
    )
    async def download_url(self, info: CoreInfo) -> str | None:
        environment = info.context.environment
        if self.document.state is DocumentState.REVOKED:
            return None
        caller = logged_in(info.context.caller)
        try:
            await permitted(environment, caller, self.record, self.result, self.document.kind)
        except NotEligible:
            return None
        return download_url(environment, caller.account_id, self.document.id)


@strawberry.type(description="The result of an assessment. 考核结果")
class Result(Node):
    verdict: VerdictEnum = strawberry.field(description="Qualified or not. 考核结论")
    ground: ConclusionGroundEnum = strawberry.field(description="What it rests on. 结论依据")
    ground_text: str = strawberry.field(description="The same in a sentence. 结论依据说明")
    state: ResultStateEnum = strawberry.field(description="How far its announcement has come. 状态")
    state_text: str = strawberry.field(description="The same in words. 状态说明")
    concluded_at: datetime = strawberry.field(description="When it was concluded. 得出结果时间")
    filed_at: datetime | None = strawberry.field(description="When it was filed with the authority. 备案时间")
    notified_at: datetime | None = strawberry.field(description="When the doctor was notified. 通知时间")
    result: strawberry.Private[ResultRecord]
    record: strawberry.Private[AssessmentRecord]

    @strawberry.field(description="The assessment. 考核")
    def assessment(self) -> Assessment:
        return Assessment.from_record(self.record)

    @strawberry.field(description="Last day for an objection; null before the doctor was notified. 异议截止日期")
    async def objection_until(self, info: CoreInfo) -> date | None:
        if self.result.notified_at is None:
            return None
        policy = await pinned_policy(info.context.environment, self.record)
        return objection_until(self.result.notified_at, policy.section(DocumentsPolicy))

    @strawberry.field(description="The three dimensions. 各项考核结果")
    async def dimensions(self, info: CoreInfo) -> list[DimensionResult]:
        ratings = await info.context.loader(_load_ratings).load(self.record.id)
        outcomes = dimension_outcomes(ratings, self.result.ground, self.result.state, self.result.verdict)
        return [
            DimensionResult(
                dimension=each.dimension, title=info.context.say(DIMENSIONS[each.dimension]), verdict=each.verdict
            )
            for each in outcomes
        ]

    @strawberry.field(description="The objection to it, where there is one. 复核申请")
    async def reexamination(self, info: CoreInfo) -> Reexamination | None:
        found = await info.context.loader(_load_reexaminations).load(self.result.id)
        if found is None:
            return None
        return Reexamination(
            requested_at=found.requested_at,
            reason=found.reason,
            due_on=reexamination_due(found.requested_at),
            decision=None if found.decision is None else ReexaminationDecision(found.decision.value),
            decided_at=found.decided_at,
            answer=found.answer,
        )

    @strawberry.field(description="The notice, once it was printed. 考核结果通知书")
    async def notice(self, info: CoreInfo) -> Document | None:
        return await self._document(info, DocumentKind.NOTICE)

    @strawberry.field(description="The certificate, once it was printed. 合格证书")
    async def certificate(self, info: CoreInfo) -> Document | None:
        return await self._document(info, DocumentKind.CERTIFICATE)

    @strawberry.field(
        description="Why the asking account may not print the notice; empty: it may. 不能打印通知书的原因"
    )
    async def notice_obstacles(self, info: CoreInfo) -> list[Reason]:
        return await self._obstacles(info, DocumentKind.NOTICE)

    @strawberry.field(description="Why there is no certificate to print; empty: there is. 不能打印合格证书的原因")
    async def certificate_obstacles(self, info: CoreInfo) -> list[Reason]:
        return await self._obstacles(info, DocumentKind.CERTIFICATE)

    async def _document(self, info: CoreInfo, kind: DocumentKind) -> Document | None:
        found = (await info.context.loader(_load_documents).load(self.result.id)).get(kind)
        return None if found is None else show_document(info, found, self.result, self.record)

    async def _obstacles(self, info: CoreInfo, kind: DocumentKind) -> list[Reason]:
        caller = logged_in(info.context.caller)
        try:
            await permitted(info.context.environment, caller, self.record, self.result, kind)
        except NotEligible as refusal:
            return show_reasons(refusal.reasons, info.context.language)
        return []


def show_result(info: CoreInfo, result: ResultRecord, record: AssessmentRecord) -> Result:
    """A result with its assessment, which the caller has reached."""
    return Result(
        id=strawberry.ID(encode_id("Result", result.id)),
        verdict=result.verdict,
        ground=result.ground,
        ground_text=info.context.say(GROUNDS[result.ground]),
        state=result.state,
        state_text=info.context.say(STATES[result.state]),
        concluded_at=result.concluded_at,
        filed_at=result.filed_at,
        notified_at=result.notified_at,
        result=result,
        record=record,
    )


def show_document(info: CoreInfo, document: DocumentRecord, result: ResultRecord, record: AssessmentRecord) -> Document:
    """A document of a result whose assessment the caller has reached."""
    return Document(
        id=strawberry.ID(encode_id("Document", document.id)),
        kind=document.kind,
        number=document.number,
        state=document.state,
        in_force=document.state in _IN_FORCE,
        statement=info.context.say(DOCUMENT_STATES[document.state]),
        check_url=check_url(info.context.environment.settings, document.check_code),
        digest=document.digest,
        issued_at=document.issued_at,
        sealed_at=document.sealed_at,
        sealed_by=document.sealed_by,
        seal_subject=document.seal_subject,
        document=document,
        result=result,
        record=record,
    )


async def load_result(info: CoreInfo, result_id: int) -> Result:
    """The result by its key, in the asking account's scope. Raises NotLoggedIn, NotFound."""
    logged_in(info.context.caller)
    result = (await read_results_by_id([result_id])).get(result_id)
    if result is None:
        raise NotFound
    assessment = await load_assessment(info, result.assessment_id)
    return show_result(info, result, assessment.record)


async def load_result_of(info: CoreInfo, assessment_id: int) -> Result:
    """The result of an assessment in the asking account's scope. Raises NotLoggedIn, NotFound."""
    assessment = await load_assessment(info, assessment_id)
    result = await info.context.loader(load_results).load(assessment_id)
    if result is None:
        raise NotFound
    return show_result(info, result, assessment.record)


async def load_document(info: CoreInfo, document_id: int) -> Document:
    """The document by its key, in the asking account's scope. Raises NotLoggedIn, NotFound."""
    logged_in(info.context.caller)
    document = (await read_documents_by_id([document_id])).get(document_id)
    if document is None:
        raise NotFound
    result = await load_result(info, document.result_id)
    return show_document(info, document, result.result, result.record)
