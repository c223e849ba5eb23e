"""Proposals as the API shows them, and what each kind of act does."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import strawberry

from dingkao.access.rules import is_own
from dingkao.assessments.graphql import Assessment, load_assessment
from dingkao.context import CoreInfo
from dingkao.cycles.graphql import Cycle, load_cycle
from dingkao.papers.vocabulary import MarkChangeOutcome
from dingkao.plugin.enums import PaperSubjectEnum, VerdictEnum, described_enum
from dingkao.plugin.graphql import Node, Reason
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import PaperSubject, Verdict
from dingkao.proposals.deciding import Preview
from dingkao.proposals.records import ProposalRecord, read_proposal
from dingkao.proposals.rules import may_decide
from dingkao.proposals.vocabulary import ProposalKind, ProposalState, ProposalView
from dingkao.results.graphql.types import ResultStateEnum
from dingkao.results.vocabulary import ResultState

described_enum(
    ProposalKind,
    "What needs two people. 待复核事项",
    {
        ProposalKind.ANNUL_RESULT: "A result is annulled. 撤销考核结果",
        ProposalKind.VOID_QUESTION: "A question is void for everybody in a cycle. 作废试题",
        ProposalKind.SET_PASS_MARK: "A subject's pass mark is fixed. 划定合格线",
    },
)
described_enum(
    ProposalState,
    "How far a proposal has come. 复核状态",
    {
        ProposalState.OPEN: "It waits for another officer. 待复核",
        ProposalState.CONFIRMED: "Confirmed, and done. 已确认并执行",
        ProposalState.REFUSED: "Refused; nothing was done. 已否决",
        ProposalState.WITHDRAWN: "Taken back by who proposed it. 已撤回",
        ProposalState.EXPIRED: "Nobody decided in time. 已过期",
    },
)
described_enum(
    ProposalView,
    "Which proposals a list shows. 列表范围",
    {
        ProposalView.TO_DECIDE: "Open ones of others, which the asking officer may decide. 待本人复核",
        ProposalView.OWN: "Those that the asking officer has proposed. 本人提出",
        ProposalView.ALL: "All of the officer's regions. 全部",
    },
)
ProposalKindEnum: TypeAlias = ProposalKind
ProposalStateEnum: TypeAlias = ProposalState
ProposalViewEnum: TypeAlias = ProposalView


@strawberry.type(description="What annulling a result does: it counts as unqualified. 撤销的影响")
class AnnulmentEffect:
    verdict_before: VerdictEnum = strawberry.field(description="The verdict that falls. 原考核结果")
    state_before: ResultStateEnum = strawberry.field(description="How far it had come. 原结果状态")
    revoked_documents: list[str] = strawberry.field(description="Numbers of what is revoked. 撤销的文书编号")
    key: strawberry.Private[int]

    @strawberry.field(description="Whose result. 考核")
    async def assessment(self, info: CoreInfo) -> Assessment:
        return await load_assessment(info, self.key)


@strawberry.type(description="What voiding a question does to the marks of a cycle. 作废试题的影响")
class QuestionVoidingEffect:
    question_id: strawberry.ID = strawberry.field(description="The version of the question. 试题标识")
    subject: PaperSubjectEnum = strawberry.field(description="Subject. 科目")
    code: str = strawberry.field(description="The question's code in the bank. 试题编号")
    version: int = strawberry.field(description="Which version. 版本")
    stem: str | None = strawberry.field(description="What it asks; null where nobody was asked it yet. 题干")
    attempts: int = strawberry.field(description="Marked attempts that had asked it. 涉及答卷数")
    unchanged: int = strawberry.field(description="Marks that stay: it was answered right. 分数不变数")
    raised: int = strawberry.field(description="Higher marks with the same outcome. 分数提高数")
    now_passed: int = strawberry.field(description="Papers that pass by it. 改判合格数")
    result_filed: int = strawberry.field(description="Would pass; the result is filed and stays. 结果已备案未改数")
    later_attempt: int = strawberry.field(description="Would pass; a later attempt counts. 已有后一次作答未改数")
    key: strawberry.Private[int]

    @strawberry.field(description="In which cycle. 考核周期")
    async def cycle(self, info: CoreInfo) -> Cycle:
        return await load_cycle(info, self.key)


@strawberry.type(description="What a pass mark does to the papers that wait for it. 划定合格线的影响")
class PassMarkEffect:
    subject: PaperSubjectEnum = strawberry.field(description="Subject. 科目")
    pass_percent: int = strawberry.field(description="The pass mark. 合格线（百分比）")
    pending: int = strawberry.field(description="Papers that wait for it. 待定试卷数")
    passed: int = strawberry.field(description="Of these pass. 通过数")
    failed: int = strawberry.field(description="Of these fail. 未通过数")
    concluded: int = strawberry.field(description="Assessments concluded with it. 随之得出结果的考核数")
    held_back: int = strawberry.field(description="Assessments that a requirement holds back. 因其他要求暂缓的考核数")
    key: strawberry.Private[int]

    @strawberry.field(description="In which cycle. 考核周期")
    async def cycle(self, info: CoreInfo) -> Cycle:
        return await load_cycle(info, self.key)


ProposalEffect = Annotated[
    AnnulmentEffect | QuestionVoidingEffect | PassMarkEffect,
    strawberry.union("ProposalEffect", description="What an act does, by its kind. 执行的影响"),
]


@strawberry.type(description="An act that two people decide: one proposes, another confirms. 待复核事项")
class Proposal(Node):
    kind: ProposalKindEnum = strawberry.field(description="What is to be done. 事项")
    state: ProposalStateEnum = strawberry.field(description="State at this moment. 状态")
    reason: str = strawberry.field(description="Why. 理由")
    proposed_by: str = strawberry.field(description="Who proposed it. 提出人")
    proposed_at: datetime = strawberry.field(description="When. 提出时间")
    expires_at: datetime = strawberry.field(description="Until when it may be decided. 复核期限")
    may_decide: bool = strawberry.field(description="Whether the asking officer may decide it. 本人可否复核")
    digest: str = strawberry.field(description="SHA-256 of the input and the effect. 内容摘要")
    effect: ProposalEffect = strawberry.field(
        description="What it would have done when it was proposed; once confirmed, what it did. 影响"
    )
    decided_by: str | None = strawberry.field(description="Who decided; null: nobody. 复核人")
    ended_at: datetime | None = strawberry.field(description="When it was decided or withdrawn. 办结时间")
    note: str = strawberry.field(description="What the second officer noted. 复核意见")


@strawberry.type(description="What a proposal would do at this moment. 执行前核对")
class ProposalPreview:
    proposal: Proposal = strawberry.field(description="The proposal. 待复核事项")
    digest: str | None = strawberry.field(description="For `decideProposal`; null: it cannot be done. 内容摘要")
    effect: ProposalEffect | None = strawberry.field(description="What it would do now. 影响")
    moved: bool = strawberry.field(description="Whether that is another effect than when it was proposed. 是否有变化")
    obstacle: Reason | None = strawberry.field(description="Why it cannot be done now. 不能执行的原因")


def show_effect(
    kind: ProposalKind, effect: Mapping[str, Any]
) -> AnnulmentEffect | QuestionVoidingEffect | PassMarkEffect:
    """The effect of an act of `kind`, as its function told it."""
    match kind:
        case ProposalKind.ANNUL_RESULT:
            return AnnulmentEffect(
                verdict_before=Verdict(effect["verdict"]),
                state_before=ResultState(effect["state"]),
                revoked_documents=list(effect["revoked"]),
                key=effect["assessment"],
            )
        case ProposalKind.VOID_QUESTION:
            return QuestionVoidingEffect(
                question_id=strawberry.ID(encode_id("Question", effect["question"])),
                subject=PaperSubject(effect["subject"]),
                code=effect["code"],
                version=effect["version"],
                stem=effect["stem"],
                attempts=effect["attempts"],
                unchanged=effect[MarkChangeOutcome.UNCHANGED],
                raised=effect[MarkChangeOutcome.RAISED],
                now_passed=effect[MarkChangeOutcome.NOW_PASSED],
                result_filed=effect[MarkChangeOutcome.RESULT_FILED],
                later_attempt=effect[MarkChangeOutcome.LATER_ATTEMPT],
                key=effect["cycle"],
            )
        case ProposalKind.SET_PASS_MARK:
            return PassMarkEffect(
                subject=PaperSubject(effect["subject"]),
                pass_percent=effect["pass_percent"],
                pending=effect["pending"],
                passed=effect["passed"],
                failed=effect["failed"],
                concluded=effect["concluded"],
                held_back=effect["heldBack"],
                key=effect["cycle"],
            )


def show_proposal(info: CoreInfo, record: ProposalRecord) -> Proposal:
    """A proposal that the asking officer has reached."""
    caller = info.context.caller
    return Proposal(
        id=strawberry.ID(encode_id("Proposal", record.id)),
        kind=record.kind,
        state=record.state,
        reason=record.reason,
        proposed_by=record.proposer,
        proposed_at=record.proposed_at,
        expires_at=record.expires_at,
        may_decide=caller is not None
        and may_decide(record.state, record.proposed_by, caller.account_id)
        and not is_own(caller, record.doctor_id),
        digest=record.digest,
        effect=show_effect(record.kind, record.effect),
        decided_by=record.decider,
        ended_at=record.ended_at,
        note=record.note,
    )


def show_preview(info: CoreInfo, preview: Preview) -> ProposalPreview:
    """What a proposal would do now."""
    record, performed, obstacle = preview.record, preview.performed, preview.obstacle
    return ProposalPreview(
        proposal=show_proposal(info, record),
        digest=preview.digest,
        effect=None if performed is None else show_effect(record.kind, performed.effect),
        moved=preview.digest is not None and preview.digest != record.digest,
        obstacle=None if obstacle is None else Reason(code=obstacle.code, message=info.context.say(obstacle.text)),
    )


async def load_proposal(info: CoreInfo, proposal_id: int) -> Proposal:
    """A proposal in the asking officer's regions. Raises NotLoggedIn, Forbidden, NotFound."""
    return show_proposal(info, await read_proposal(info.context.environment, info.context.caller, proposal_id))
