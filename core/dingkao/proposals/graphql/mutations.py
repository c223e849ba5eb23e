"""Proposing, deciding, withdrawing: parse, call the service, show."""

from typing import Annotated

import strawberry

from dingkao.context import CoreInfo
from dingkao.papers.pass_mark import propose_pass_mark
from dingkao.papers.question_voiding import propose_question_voiding
from dingkao.plugin.enums import PaperSubjectEnum
from dingkao.plugin.graphql import StateProblem, ValidationProblem
from dingkao.plugin.ids import decode_id
from dingkao.proposals.deciding import decide_proposal
from dingkao.proposals.graphql.types import Proposal, load_proposal
from dingkao.proposals.service import withdraw_proposal
from dingkao.results.annulling import propose_annulment


@strawberry.input(description="A result to annul. 撤销考核结果")
class AnnulResultInput:
    assessment_id: strawberry.ID = strawberry.field(description="Which assessment. 考核标识")
    reason: str = strawberry.field(description="Why, 1 to 1000 characters. 理由")


@strawberry.input(description="A broken question. 作废试题")
class VoidQuestionInput:
    cycle_id: strawberry.ID = strawberry.field(description="In which cycle. 考核周期标识")
    question_id: strawberry.ID = strawberry.field(description="The version of the question. 试题标识")
    reason: str = strawberry.field(description="Why. 事由")


@strawberry.input(description="The pass mark of a subject. 划定合格线")
class SetPassMarkInput:
    cycle_id: strawberry.ID = strawberry.field(description="The cycle. 考核周期")
    subject: PaperSubjectEnum = strawberry.field(description="Subject. 科目")
    pass_percent: int = strawberry.field(description="1 to 100. 合格线（百分比）")
    reason: str = strawberry.field(description="What it rests on, as a decision of the authority. 划定依据")


@strawberry.input(description="The second officer's decision. 复核决定")
class DecideProposalInput:
    proposal_id: strawberry.ID = strawberry.field(description="Which. 事项标识")
    confirm: bool = strawberry.field(description="Confirm and carry out, or refuse. 是否确认")
    digest: str | None = strawberry.field(
        default=None, description="Of what was shown: `proposalPreview.digest`; needed to confirm. 内容摘要"
    )
    note: str = strawberry.field(default="", description="A note, up to 1000 characters. 复核意见")


@strawberry.input(description="A proposal of one's own to take back. 撤回")
class WithdrawProposalInput:
    proposal_id: strawberry.ID = strawberry.field(description="Which. 事项标识")


AnnulResultResult = Annotated[
    Proposal | ValidationProblem | StateProblem,
    strawberry.union("AnnulResultResult", description="The proposal, or why not. 提出撤销结果"),
]
VoidQuestionResult = Annotated[
    Proposal | ValidationProblem | StateProblem,
    strawberry.union("VoidQuestionResult", description="The proposal, or why not. 提出作废结果"),
]
SetPassMarkResult = Annotated[
    Proposal | ValidationProblem | StateProblem,
    strawberry.union("SetPassMarkResult", description="The proposal, or why not. 提出划定合格线结果"),
]
DecideProposalResult = Annotated[
    Proposal | ValidationProblem | StateProblem,
    strawberry.union("DecideProposalResult", description="The proposal as it is then, or why not. 复核结果"),
]
WithdrawProposalResult = Annotated[
    Proposal | StateProblem,
    strawberry.union("WithdrawProposalResult", description="The proposal as it is then, or why not. 撤回结果"),
]


async def _shown(info: CoreInfo, proposal_id: int) -> Proposal:
    info.context.forget_loaded()
    return await load_proposal(info, proposal_id)


@strawberry.type
class ProposalsMutation:
    @strawberry.mutation(
        description="Propose to annul a result obtained by fraud or bribery; another officer decides. 提出撤销考核结果"
    )
    async def annul_result(
        self, info: CoreInfo, input: Annotated[AnnulResultInput, strawberry.argument(description="Which. 撤销")]
    ) -> AnnulResultResult:
        key = decode_id("Assessment", input.assessment_id)
        context = info.context
        return await _shown(info, await propose_annulment(context.environment, context.caller, key, input.reason))

    @strawberry.mutation(
        description="Propose to void a broken question for everybody; another officer decides. 提出作废试题"
    )
    async def void_question(
        self, info: CoreInfo, input: Annotated[VoidQuestionInput, strawberry.argument(description="Which. 试题")]
    ) -> VoidQuestionResult:
        proposal = await propose_question_voiding(
            info.context.environment,
            info.context.caller,
            decode_id("Cycle", input.cycle_id),
            decode_id("Question", input.question_id),
            input.reason,
        )
        return await _shown(info, proposal)

    @strawberry.mutation(
        description="Propose a subject's pass mark, which decides every waiting paper; another officer decides. "
        "提出划定合格线"
    )
    async def set_pass_mark(
        self, info: CoreInfo, input: Annotated[SetPassMarkInput, strawberry.argument(description="The mark. 合格线")]
    ) -> SetPassMarkResult:
        proposal = await propose_pass_mark(
            info.context.environment,
            info.context.caller,
            cycle_id=decode_id("Cycle", input.cycle_id),
            subject=input.subject,
            pass_percent=input.pass_percent,
            reason=input.reason,
        )
        return await _shown(info, proposal)

    @strawberry.mutation(description="Confirm or refuse what another officer has proposed. 复核他人提出的事项")
    async def decide_proposal(
        self, info: CoreInfo, input: Annotated[DecideProposalInput, strawberry.argument(description="What. 复核")]
    ) -> DecideProposalResult:
        key = decode_id("Proposal", input.proposal_id)
        await decide_proposal(
            info.context.environment,
            info.context.caller,
            key,
            confirm=input.confirm,
            digest=input.digest,
            note=input.note,
        )
        return await _shown(info, key)

    @strawberry.mutation(description="Take back one's own proposal. 撤回本人提出的事项")
    async def withdraw_proposal(
        self, info: CoreInfo, input: Annotated[WithdrawProposalInput, strawberry.argument(description="Which. 撤回")]
    ) -> WithdrawProposalResult:
        key = decode_id("Proposal", input.proposal_id)
        await withdraw_proposal(info.context.environment, info.context.caller, key)
        return await _shown(info, key)
