"""Exemptions in the schema: thin, parse, call the service, show."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, TypeAlias

import strawberry

from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.enums import described_enum
from dingkao.plugin.errors import NotFound
from dingkao.plugin.graphql import (
    AssessmentReference,
    Connection,
    Edge,
    Info,
    Node,
    NotEligibleProblem,
    PageInfo,
    Reason,
    StateProblem,
    UploadedFileReference,
    ValidationProblem,
    page_size,
    show_reasons,
)
from dingkao.plugin.ids import decode_id, encode_id
from dingkao.plugin.vocabulary import PaperSubject, ReviewLevel
from dingkao_exemptions import service
from dingkao_exemptions.policy import ExemptionsPolicy
from dingkao_exemptions.rules import (
    WAITING_FOR,
    ExemptionDecision,
    ExemptionState,
    catalogue,
    condition_reasons,
    lapsed,
    obstacles,
    open_request_reason,
    proof_kinds,
    waivable_subject,
)
from dingkao_exemptions.store import Opinion, RequestRecord, read_proofs_of, read_request, read_requests_of

described_enum(
    ExemptionState,
    "State of a request for exemption. 免考申请状态",
    {
        ExemptionState.REQUESTED: "The institution has to decide. 待机构审核",
        ExemptionState.INSTITUTION_APPROVED: "Approved by the institution; the assessment body decides. 待考核机构复核",
        ExemptionState.BODY_APPROVED: "Approved: the paper is waived. 免考通过",
        ExemptionState.REJECTED: "Rejected: the test may be sat. 未通过",
    },
)
described_enum(
    ExemptionDecision,
    "What a level decides on a request for exemption. 免考审核结论",
    {ExemptionDecision.APPROVE: "Approve. 通过", ExemptionDecision.REJECT: "Reject. 不通过"},
)
ExemptionStateEnum: TypeAlias = ExemptionState
ExemptionDecisionEnum: TypeAlias = ExemptionDecision


@strawberry.type(description="A condition that was ticked, as it was worded then. 勾选的免考条件")
class ExemptionTick:
    code: str = strawberry.field(description="The condition's code. 条件代码")
    title: str = strawberry.field(description="The condition. 免考条件")


@strawberry.type(description="One level's decision on a request for exemption. 免考审核意见")
class ExemptionOpinion:
    decision: ExemptionDecisionEnum = strawberry.field(description="What was decided. 审核结论")
    reason: str = strawberry.field(description="Why. 原因")
    decided_at: datetime = strawberry.field(description="When. 审核时间")


@strawberry.type(description="A kind of proof that a condition takes. 证明材料种类")
class ExemptionProofKind:
    code: str = strawberry.field(description="Stable code. 种类代码")
    title: str = strawberry.field(description="What is to be uploaded. 材料名称")
    required: bool = strawberry.field(description="Whether there must be one. 是否必须上传")


@strawberry.type(description="A proof beside a request for exemption. 免考证明材料")
class ExemptionProof:
    kind: str | None = strawberry.field(description="Code of its kind, where the doctor named one. 种类代码")
    kind_title: str | None = strawberry.field(description="What that kind was called then. 种类名称")
    file: UploadedFileReference = strawberry.field(description="The uploaded file. 文件")


@strawberry.type(description="The days in which an exemption may be asked for. 免考申请受理期限")
class ExemptionWindow:
    opens_on: date = strawberry.field(description="First day. 开始日期")
    closes_on: date = strawberry.field(description="Last day. 截止日期")


@strawberry.type(description="A request to have one paper waived. 免考申请")
class Exemption(Node):
    state: ExemptionStateEnum = strawberry.field(description="State. 状态")
    waiting_for: ReviewLevel | None = strawberry.field(
        description="The level that has to decide; null once decided. 待审核层级"
    )
    subject: PaperSubject = strawberry.field(description="The paper to be waived. 免考科目")
    procedure: str = strawberry.field(description="Code of the procedure it was made under. 考核程序代码")
    procedure_title: str = strawberry.field(description="Name of that procedure. 考核程序")
    conditions: list[ExemptionTick] = strawberry.field(description="What was ticked. 勾选的免考条件")
    requested_at: datetime = strawberry.field(description="When the doctor asked. 申请时间")
    institution_opinion: ExemptionOpinion | None = strawberry.field(
        description="The institution's decision. 医疗卫生机构审核意见"
    )
    body_opinion: ExemptionOpinion | None = strawberry.field(
        description="The assessment body's decision. 考核机构复核意见"
    )
    record: strawberry.Private[RequestRecord]

    @strawberry.field(
        description="Whether the doctor has changed the procedure or the institution since, so that it is of no "
        "effect. 是否已失效"
    )
    async def lapsed(self, info: Info) -> bool:
        reading = await info.context.services.reading(info, self.record.assessment_id)
        return lapsed(self.record.standing, reading.facts)

    @strawberry.field(description="The proofs, in the doctor's order. 证明材料")
    async def proofs(self, info: Info) -> list[ExemptionProof]:
        proofs = await info.context.loader(read_proofs_of).load(self.record.id)
        files = await info.context.services.load_files(info, [proof.file for proof in proofs])
        by_id = {file.id: file for file in files}
        return [
            ExemptionProof(
                kind=proof.kind, kind_title=proof.kind_title or None, file=by_id[encode_id("File", proof.file)]
            )
            for proof in proofs
            if encode_id("File", proof.file) in by_id
        ]

    @strawberry.field(description="The assessment it belongs to. 所属考核")
    async def assessment(self, info: Info) -> AssessmentReference:
        return await info.context.services.load_assessment(info, self.record.assessment_id)


@strawberry.type(description="A condition of the catalogue, as it is offered to this doctor. 可选免考条件")
class ExemptionConditionOption:
    code: str = strawberry.field(description="Stable code. 条件代码")
    title: str = strawberry.field(description="The condition. 免考条件")
    proofs: str = strawberry.field(description="What proves it. 所需证明材料")
    proof_kinds: list[ExemptionProofKind] = strawberry.field(description="Each kind of proof. 证明材料种类")
    subject: PaperSubject = strawberry.field(description="The paper that it waives. 可免科目")
    allowed: bool = strawberry.field(description="Whether it may be ticked now. 是否可勾选")
    reasons: list[Reason] = strawberry.field(description="Why not. 不可勾选的原因")


def _show_opinion(opinion: Opinion | None) -> ExemptionOpinion | None:
    if opinion is None:
        return None
    return ExemptionOpinion(decision=opinion.decision, reason=opinion.reason, decided_at=opinion.decided_at)


def show_exemption(record: RequestRecord) -> Exemption:
    """A request as the API shows it."""
    return Exemption(
        id=strawberry.ID(encode_id("Exemption", record.id)),
        state=record.state,
        waiting_for=WAITING_FOR.get(record.state),
        subject=record.subject,
        procedure=record.procedure,
        procedure_title=record.procedure_title,
        conditions=[ExemptionTick(code=tick.code, title=tick.title) for tick in record.conditions],
        requested_at=record.requested_at,
        institution_opinion=_show_opinion(record.institution),
        body_opinion=_show_opinion(record.body),
        record=record,
    )


@strawberry.type
class ExemptionAssessment:
    """Fields added to Assessment; at run time `self` is the core's object."""

    @strawberry.field(description="Requests for exemption, oldest first. 免考申请")
    async def exemptions(self, info: Info) -> list[Exemption]:
        key = info.context.services.assessment_key(self)
        return [show_exemption(record) for record in await info.context.loader(read_requests_of).load(key)]

    @strawberry.field(
        description="Conditions under which the procedure's paper may be waived, each with whether this doctor may "
        "tick it; empty before a procedure is chosen. 免考条件"
    )
    async def exemption_conditions(self, info: Info) -> list[ExemptionConditionOption]:
        context = info.context
        key = context.services.assessment_key(self)
        reading = await context.services.reading(info, key)
        facts, policy = reading.facts, reading.policy
        subject = waivable_subject(facts, policy)
        offered = catalogue(context.services.exemption_conditions, facts, policy)
        if subject is None or not offered:
            return []
        common = [obstacle.reason for obstacle in obstacles(facts, policy)]
        waiting = open_request_reason([record.standing for record in await _requests(info, key)], facts, subject)
        if waiting is not None:
            common.append(waiting)
        required = policy.section(ExemptionsPolicy).every_proof_kind
        options = []
        for condition in offered:
            reasons = [*common, *condition_reasons(condition, facts, policy)]
            kinds = [
                ExemptionProofKind(code=kind.code, title=context.say(kind.title), required=required)
                for kind in proof_kinds([condition], policy).values()
            ]
            options.append(
                ExemptionConditionOption(
                    code=condition.code,
                    title=context.say(condition.title),
                    proofs=context.say(condition.proofs),
                    proof_kinds=kinds,
                    subject=subject,
                    allowed=not reasons,
                    reasons=show_reasons(reasons, context.language),
                )
            )
        return options

    @strawberry.field(
        description="The days in which an exemption may be asked for here, China's civil time; null where no days are "
        "set. 免考申请受理期限"
    )
    async def exemption_window(self, info: Info) -> ExemptionWindow | None:
        reading = await info.context.services.reading(info, info.context.services.assessment_key(self))
        window = reading.policy.section(ExemptionsPolicy).window
        return None if window is None else ExemptionWindow(opens_on=window.opens_on, closes_on=window.closes_on)


async def _requests(info: Info, assessment_id: int) -> Sequence[RequestRecord]:
    return await info.context.loader(read_requests_of).load(assessment_id)


async def _load_exemption(info: Info, request_id: int) -> Exemption:
    """A request whose assessment is in scope. Raises NotLoggedIn, NotFound."""
    info.context.services.logged_in(info.context.caller)
    record = await read_request(request_id)
    if record is None:
        raise NotFound
    await info.context.services.load_assessment(info, record.assessment_id)
    return show_exemption(record)


@strawberry.type
class ExemptionQuery:
    @strawberry.field(description="A request for exemption in the asking account's scope. 免考申请")
    async def exemption(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Which. 免考申请标识")]
    ) -> Exemption:
        return await _load_exemption(info, decode_id("Exemption", id))

    @strawberry.field(
        description="Requests that wait for the asking account's organisation, oldest first. What cannot be decided "
        "now is left out, so a page may be shorter than asked for though more follow. 待审核免考申请"
    )
    async def exemption_queue(
        self,
        info: Info,
        level: Annotated[ReviewLevel, strawberry.argument(description="Which level. 审核层级")],
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[Exemption]:
        context = info.context
        key = 0 if after is None else decode_id("Exemption", after)
        page = await service.exemption_queue(context.services, context.caller, level, page_size(first), key)
        edges = [Edge(cursor=encode_id("Exemption", item.id), node=show_exemption(item)) for item in page.requests]
        end = encode_id("Exemption", page.last_key) if page.last_key is not None else None
        return Connection(edges=edges, page_info=PageInfo(has_next_page=page.more, end_cursor=end))


@strawberry.input(description="A proof, as the doctor gives it. 免考证明材料")
class ExemptionProofInput:
    file: strawberry.ID = strawberry.field(
        description="A file uploaded for this with the purpose EXEMPTION_PROOF. 文件标识"
    )
    kind: str | None = strawberry.field(
        default=None,
        description="Which of the conditions' `proofKinds` it is; needed where they are required. 种类代码",
    )


@strawberry.input(description="A doctor's request to have the paper waived. 免考申请")
class ExemptionRequestInput:
    assessment_id: strawberry.ID = strawberry.field(description="Which assessment. 考核标识")
    conditions: list[str] = strawberry.field(
        description="Codes of the ticked conditions, one or more. 勾选的免考条件代码"
    )
    proofs: list[ExemptionProofInput] = strawberry.field(description="What proves it. 证明材料")


@strawberry.input(description="One level's decision. 免考审核")
class ExemptionDecisionInput:
    exemption_id: strawberry.ID = strawberry.field(description="Which request. 免考申请标识")
    level: ReviewLevel = strawberry.field(
        description="The level decided at: a second click never decides at the next. 审核层级"
    )
    decision: ExemptionDecisionEnum = strawberry.field(description="Approve or reject. 审核结论")
    reason: str = strawberry.field(default="", description="Why; needed to reject. 原因")


ExemptionRequestResult = Annotated[
    Exemption | ValidationProblem | StateProblem | NotEligibleProblem,
    strawberry.union("ExemptionRequestResult", description="Outcome of asking for an exemption. 免考申请结果"),
]
ExemptionDecisionResult = Annotated[
    Exemption | ValidationProblem | StateProblem,
    strawberry.union("ExemptionDecisionResult", description="Outcome of deciding on an exemption. 免考审核结果"),
]


@strawberry.type
class ExemptionMutation:
    @strawberry.mutation(description="Ask for the exemption of a paper, with proof. 申请免考")
    async def request_exemption(
        self,
        info: Info,
        input: Annotated[ExemptionRequestInput, strawberry.argument(description="The request. 免考申请")],
    ) -> ExemptionRequestResult:
        context = info.context
        assessment_id = decode_id("Assessment", input.assessment_id)
        proofs = [service.GivenProof(proof.file, proof.kind) for proof in input.proofs]
        request_id = await service.request_exemption(
            context.services, context.caller, assessment_id, input.conditions, proofs
        )
        context.forget_loaded()
        return await _load_exemption(info, request_id)

    @strawberry.mutation(description="Approve or reject a request for exemption at one level. 免考审核、复核")
    async def decide_exemption(
        self,
        info: Info,
        input: Annotated[ExemptionDecisionInput, strawberry.argument(description="The decision. 免考审核")],
    ) -> ExemptionDecisionResult:
        context = info.context
        request_id = decode_id("Exemption", input.exemption_id)
        await service.decide_exemption(
            context.services, context.caller, request_id, input.level, input.decision, input.reason
        )
        context.forget_loaded()
        return await _load_exemption(info, request_id)


CONTRIBUTION = GraphQLContribution(
    query=ExemptionQuery,
    mutation=ExemptionMutation,
    fields={"Assessment": ExemptionAssessment},
    nodes={"Exemption": _load_exemption},
)
