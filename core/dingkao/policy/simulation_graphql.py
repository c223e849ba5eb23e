"""Simulating and repinning in the schema: what a change of policy changes, for the authority to see and to do."""

import json
from bisect import bisect_right
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import strawberry

from dingkao.assessments.graphql import Assessment, load_assessment
from dingkao.context import CoreInfo
from dingkao.cycles.graphql import CycleSuccess, cycle_success
from dingkao.graphql_pages import after_key, keyset_page
from dingkao.logs import mask_text
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.enums import described_enum
from dingkao.plugin.errors import FieldProblem, ValidationFailed
from dingkao.plugin.graphql import Connection, StateProblem, ValidationProblem, page_size
from dingkao.plugin.ids import decode_id
from dingkao.plugin.policy import PolicyError, PolicyLayer
from dingkao.plugin.text import Text
from dingkao.policy.repinning import repin_cycle
from dingkao.policy.rules import Change, PolicyChangeKind, TakesEffect
from dingkao.policy.simulation import Simulation, TouchedAssessment, simulate

# Assessments that are asked between two looks at other requests.
_PAGE = 200

described_enum(
    PolicyChangeKind,
    "What of an assessment a change of policy concerns. 政策变更类别",
    {
        PolicyChangeKind.ELIGIBILITY: "Which procedures the doctor may choose. 考核程序资格",
        PolicyChangeKind.REQUIREMENTS: "Proofs and statement that a procedure asks for. 提交要求",
        PolicyChangeKind.PAPERS: "Which papers there are, and their order. 试卷",
        PolicyChangeKind.ATTEMPTS: "How often a paper may be sat. 答题次数",
        PolicyChangeKind.PAPER_RULES: "Questions, minutes, pass mark of a paper to come. 测评规则",
        PolicyChangeKind.ACTIONS: "What the doctor may do besides, as asking for an exemption. 可办事项",
        PolicyChangeKind.DOCUMENTS: "Notice, certificate, period for objections. 考核文书",
        PolicyChangeKind.OTHER_VALUES: "Values that change nothing of the others. 其他参数",
    },
)
described_enum(
    TakesEffect,
    "When a change reaches the assessment. 生效时间",
    {
        TakesEffect.AT_ONCE: "With the change of policy. 立即",
        TakesEffect.ON_RESUBMISSION: "When it is returned and submitted again; what was planned stays. 重新提交后",
    },
)
PolicyChangeKindEnum: TypeAlias = PolicyChangeKind
TakesEffectEnum: TypeAlias = TakesEffect


@strawberry.type(description="One difference that another policy makes for an assessment. 政策变更")
class PolicyChange:
    kind: PolicyChangeKindEnum = strawberry.field(description="What it concerns. 类别")
    subject: str = strawberry.field(description="Procedure, paper, action or key. 对象")
    before: str = strawberry.field(description="Codes or JSON; empty for nothing. 变更前")
    after: str = strawberry.field(description="Codes or JSON; empty for nothing. 变更后")
    takes_effect: TakesEffectEnum = strawberry.field(description="When it reaches the assessment. 生效时间")

    @classmethod
    def show(cls, change: Change) -> "PolicyChange":
        """As the API shows it."""
        return cls(
            kind=change.kind,
            subject=change.subject,
            before=change.before,
            after=change.after,
            takes_effect=change.takes_effect,
        )


@strawberry.type(description="An assessment that would come under another policy. 受影响的考核")
class PolicyTouchedAssessment:
    changes: list[PolicyChange] = strawberry.field(description="What that changes. 变更内容")
    key: strawberry.Private[int]

    @classmethod
    def show(cls, one: TouchedAssessment) -> "PolicyTouchedAssessment":
        """As the API shows it."""
        return cls(changes=[PolicyChange.show(change) for change in one.changes], key=one.assessment.id)

    @strawberry.field(description="The assessment. 考核")
    async def assessment(self, info: CoreInfo) -> Assessment:
        return await load_assessment(info, self.key)


@strawberry.type(description="How many assessments one kind of change concerns. 分类统计")
class PolicyKindCount:
    kind: PolicyChangeKindEnum = strawberry.field(description="The kind. 类别")
    assessments: int = strawberry.field(description="How many. 考核数")


@strawberry.type(description="A key whose value would be another. 参数变更")
class PolicyValueChange:
    key: str = strawberry.field(description="`section.key`. 参数名")
    before: str = strawberry.field(description="JSON text; empty where there is no such key. 变更前")
    after: str = strawberry.field(description="JSON text; empty where there is no such key. 变更后")
    assessments: int = strawberry.field(description="For how many. 考核数")


@strawberry.type(description="What a change of policy would change for a cycle; nothing was changed. 政策模拟结果")
class PolicySimulation:
    digest: str = strawberry.field(description="Of what the cycle would pin; repinning asks for it. 摘要")
    version: str = strawberry.field(description="Version of what the cycle's region would have. 政策版本")
    assessments: int = strawberry.field(description="All of the cycle. 考核总数")
    concluded: int = strawberry.field(description="Concluded ones: they keep their policy. 已结束考核数")
    touched: int = strawberry.field(description="Those that would come under another policy. 受影响考核数")
    kinds: list[PolicyKindCount] = strawberry.field(description="Counts by kind of change. 分类统计")
    values: list[PolicyValueChange] = strawberry.field(description="Keys whose values differ. 参数变更")
    simulation: strawberry.Private[Simulation]
    # Keys alone: a province's list with all its changes need not be in memory for a page of it.
    keys: strawberry.Private[Sequence[int]]

    @strawberry.field(description="Which ones, and what changes for each. 受影响考核列表")
    async def touched_assessments(
        self,
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[PolicyTouchedAssessment]:
        size = page_size(first)
        start = bisect_right(self.keys, after_key("Assessment", after))
        touched = await self.simulation.about(self.keys[start : start + size + 1])
        nodes = [(one.assessment.id, PolicyTouchedAssessment.show(one)) for one in touched]
        return keyset_page("Assessment", nodes, size)


PolicySimulationResult = Annotated[
    PolicySimulation | ValidationProblem,
    strawberry.union("PolicySimulationResult", description="What would change, or why not. 政策模拟结果"),
]
RepinCyclePolicyResult = Annotated[
    CycleSuccess | ValidationProblem | StateProblem,
    strawberry.union("RepinCyclePolicyResult", description="The cycle, or why not. 调整考核周期政策结果"),
]


@strawberry.input(description="A key and its value. 参数设定")
class PolicyValueInput:
    key: str = strawberry.field(description="`section.key`. 参数名")
    value: str = strawberry.field(description="The value, as JSON text. 参数值")


@strawberry.input(description="A layer that is not installed. 拟定的政策")
class PolicyLayerInput:
    region_code: str = strawberry.field(description="The region it is for. 行政区划代码")
    organisation_code: str | None = strawberry.field(
        default=None, description="An institution there, where it is for its doctors alone. 机构代码"
    )
    source: str = strawberry.field(
        default="proposal", description="Its name; an installed layer of this name and place gives way to it. 名称"
    )
    values: list[PolicyValueInput] = strawberry.field(description="What it sets. 各项参数")


@strawberry.input(description="A running cycle to pin anew. 调整考核周期政策")
class RepinCyclePolicyInput:
    cycle_id: strawberry.ID = strawberry.field(description="The cycle. 考核周期")
    digest: str = strawberry.field(description="`digest` of the simulation that was looked at. 摘要")
    reason: str = strawberry.field(description="The notice that the change rests on. 依据")


def _layers(given: list[PolicyLayerInput]) -> list[PolicyLayer]:
    problems: list[FieldProblem] = []
    layers = []
    for number, entry in enumerate(given):
        values: dict[str, Any] = {}
        for place, pair in enumerate(entry.values):
            try:
                values[pair.key] = json.loads(pair.value)
            except ValueError:
                text = Text(
                    '参数值须为 JSON，例如 45、true 或 "CYCLE_END"。',
                    'A value is JSON, as 45, true or "CYCLE_END".',
                )
                problems.append(FieldProblem(f"layers.{number}.values.{place}.value", "NOT_JSON", text))
        layers.append(
            PolicyLayer(
                entry.region_code, entry.source, "proposal", "拟定", values, organisation=entry.organisation_code
            )
        )
    if problems:
        raise ValidationFailed(problems)
    return layers


@strawberry.type
class SimulationQuery:
    @strawberry.field(
        description="What layers would change for the doctors of a cycle, before they are installed; without layers, "
        "what pinning it anew would change now. For the authority of its region. 政策模拟"
    )
    async def policy_simulation(
        self,
        info: CoreInfo,
        cycle_id: Annotated[strawberry.ID, strawberry.argument(description="The cycle. 考核周期")],
        layers: Annotated[list[PolicyLayerInput] | None, strawberry.argument(description="Layers. 拟定的政策")] = None,
    ) -> PolicySimulationResult:
        context = info.context
        try:
            simulation = await simulate(
                context.environment, context.caller, decode_id("Cycle", cycle_id), _layers(layers or [])
            )
        except PolicyError as error:
            # It repeats what stands in the layers, whatever that is.
            said = mask_text(str(error))
            text = Text(f"该政策不能生效：{said}", f"This policy would be refused: {said}")
            raise ValidationFailed([FieldProblem("layers", "POLICY_REFUSED", text)]) from error
        keys = [one.assessment.id async for page in simulation.pages(_PAGE) for one in page]
        return _show(simulation, keys)


def _show(simulation: Simulation, keys: Sequence[int]) -> PolicySimulation:
    tally = simulation.tally
    return PolicySimulation(
        digest=simulation.policies.digest,
        version=simulation.policies.version,
        assessments=tally.assessments,
        concluded=tally.concluded,
        touched=tally.touched,
        kinds=[PolicyKindCount(kind=kind, assessments=number) for kind, number in sorted(tally.kinds.items())],
        values=[
            PolicyValueChange(key=value.key, before=value.before, after=value.after, assessments=number)
            for value, number in sorted(tally.values.items(), key=lambda pair: pair[0].key)
        ],
        simulation=simulation,
        keys=keys,
    )


@strawberry.type
class RepinningMutation:
    @strawberry.mutation(
        description="Let a running cycle pin what is in force now; concluded assessments keep their rules. "
        "调整考核周期政策"
    )
    async def repin_cycle_policy(
        self,
        info: CoreInfo,
        input: Annotated[RepinCyclePolicyInput, strawberry.argument(description="Which, and why. 调整")],
    ) -> RepinCyclePolicyResult:
        context = info.context
        cycle_id = decode_id("Cycle", input.cycle_id)
        touched = await repin_cycle(
            context.environment, context.caller, cycle_id, digest=input.digest, reason=input.reason
        )
        return await cycle_success(info, cycle_id, touched)


CONTRIBUTION = GraphQLContribution(query=SimulationQuery, mutation=RepinningMutation)
