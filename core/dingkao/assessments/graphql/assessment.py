"""The Assessment type: light fields from one joined row, the rest through loaders."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import strawberry

from dingkao.access.rules import Kind, grant_on
from dingkao.assessments.access import gather_facts_of, pinned_policy
from dingkao.assessments.actions import actions_for
from dingkao.assessments.content import read_contents
from dingkao.assessments.graphql.form_types import (
    Education,
    EvaluationItem,
    InstitutionFiling,
    PracticeHistory,
    Rating,
    RegistrationForm,
    UploadedFile,
    show_education,
    show_file,
    show_filings,
    show_form,
    show_practice,
    show_rating,
)
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.assessments.requirements import RequirementNotAnswered, Unmet, unmet_requirements
from dingkao.assessments.rules import MACHINE, STAGES, Event
from dingkao.assessments.service.procedure import Offer, offers
from dingkao.assessments.service.submission import preview
from dingkao.assessments.submissions import SubmissionRecord, read_latest_submissions
from dingkao.audit.work import logged_in
from dingkao.context import CoreInfo
from dingkao.cycles.graphql import Cycle
from dingkao.doctors.graphql import Doctor, Registration
from dingkao.institutions.graphql import Organisation
from dingkao.plugin.enums import (
    AssessmentKindEnum,
    AssessmentStateEnum,
    PaperSubjectEnum,
    VerdictEnum,
    described_enum,
)
from dingkao.plugin.errors import NotFound
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.graphql import FieldProblem, Node, Reason, show_fields, show_reasons
from dingkao.plugin.ids import encode_id
from dingkao.plugin.national import EvaluationPolicy
from dingkao.plugin.requirements import Step
from dingkao.plugin.text import Reason as RuleReason
from dingkao.plugin.vocabulary import AssessmentState, Verdict


@strawberry.type(description="How far the assessment has come, in the manual's words. 考核进度")
class Stage:
    title: str = strawberry.field(description="Short. 进度名称")
    sentence: str = strawberry.field(description="What it means and what to do. 进度说明")


@strawberry.type(description="Something that may be done, or the reasons why not. 可办理事项")
class Action:
    code: str = strawberry.field(description="Stable code. 代码")
    title: str = strawberry.field(description="Name. 名称")
    allowed: bool = strawberry.field(description="Whether it may be done now by the asking account. 是否可办理")
    reasons: list[Reason] = strawberry.field(description="Why not. 不可办理的原因")


described_enum(
    Step,
    "A step that waits for the region's further requirements. 须待前置条件的环节",
    {Step.BODY_APPROVAL: "The body's approval. 考核机构复核通过", Step.CONCLUSION: "The result. 得出考核结果"},
)
StepEnum: TypeAlias = Step
# The step that an assessment comes to next, by its state.
STEPS = {
    AssessmentState.INSTITUTION_APPROVED: Step.BODY_APPROVAL,
    AssessmentState.BODY_APPROVED: Step.CONCLUSION,
    AssessmentState.TESTING: Step.CONCLUSION,
}


@strawberry.type(description="Something that the region asks for before a step, not done yet. 未完成的前置条件")
class UnmetRequirement:
    code: str = strawberry.field(description="Stable code. 代码")
    title: str = strawberry.field(description="Name. 名称")
    step: StepEnum = strawberry.field(description="What it holds back. 环节")
    reasons: list[Reason] = strawberry.field(description="What is open. 未完成事项")


@strawberry.type(description="A paper that a procedure asks for. 所需试卷")
class PlannedPaper:
    subject: PaperSubjectEnum = strawberry.field(description="Subject. 科目")
    attempts: int | None = strawberry.field(description="Attempts; null: as many as it takes. 答题次数（空为不限）")


@strawberry.type(description="A procedure as it is offered to this doctor. 可选考核程序")
class ProcedureOffer:
    code: str = strawberry.field(description="Stable code. 程序代码")
    title: str = strawberry.field(description="Name. 程序名称")
    description: str = strawberry.field(description="For whom, and what it asks. 说明")
    eligible: bool = strawberry.field(description="Whether the doctor may choose it. 是否适用")
    reasons: list[Reason] = strawberry.field(description="Why not. 不适用的原因")
    minimum_proofs: int = strawberry.field(description="Proofs to upload, at least. 最少证明材料数")
    statement_maximum: int | None = strawberry.field(
        description="Most characters of the personal statement; null: none is asked for. 个人述职报告最多字数"
    )
    papers: list[PlannedPaper] = strawberry.field(description="Papers, in their order. 试卷")


@strawberry.type(description="What stands between the draft and its submission. 提交前检查")
class SubmissionPreview:
    ready: bool = strawberry.field(description="True: it may be submitted. 是否可提交")
    problems: list[FieldProblem] = strawberry.field(description="All that is missing or wrong. 待完善项")


@strawberry.type(description="What was submitted and is judged: it never changes. 已提交的报名信息")
class Submission:
    number: int = strawberry.field(description="First is 1. 提交次序")
    submitted_at: datetime = strawberry.field(description="When. 提交时间")
    digest: str = strawberry.field(description="SHA-256 of the snapshot with its numbers masked. 摘要")
    content: str = strawberry.field(description="The snapshot as JSON, numbers masked. 报名信息快照（JSON，号码脱敏）")


@strawberry.type(description="One doctor in one cycle. 考核")
class Assessment(Node):
    kind: AssessmentKindEnum = strawberry.field(description="Kind. 考核类型")
    state: AssessmentStateEnum = strawberry.field(description="State. 状态")
    revision: int = strawberry.field(description="Grows with each change of the form. 修订号")
    procedure: str | None = strawberry.field(description="Code of the chosen procedure. 考核程序代码")
    procedure_title: str = strawberry.field(description="Name of the chosen procedure. 考核程序")
    statement: str = strawberry.field(description="Personal statement. 个人述职报告")
    return_reason: str = strawberry.field(description="Why it was returned. 退回原因")
    conclusion: VerdictEnum | None = strawberry.field(description="Once concluded. 考核结论")
    submissions: int = strawberry.field(description="How often it was submitted. 提交次数")
    changed_at: datetime = strawberry.field(description="Last change. 更新时间")
    record: strawberry.Private[AssessmentRecord]

    @strawberry.field(description="Progress in words. 考核进度")
    def stage(self, info: CoreInfo) -> Stage:
        title, sentence = STAGES[self.record.state]
        return Stage(title=info.context.say(title), sentence=info.context.say(sentence))

    @strawberry.field(description="The doctor. 医师")
    def doctor(self) -> Doctor:
        return Doctor.from_record(self.record)

    @strawberry.field(description="The practice registration the assessment is based on. 执业注册")
    def registration(self) -> Registration:
        return Registration.from_record(self.record)

    @strawberry.field(description="The doctor's institution. 所在医疗卫生机构")
    def institution(self) -> Organisation:
        return Organisation.brief(self.record.institution_id, self.record.institution_name)

    @strawberry.field(description="The body that assesses. 考核机构")
    def body(self) -> Organisation | None:
        if self.record.body_id is None:
            return None
        return Organisation.brief(self.record.body_id, self.record.body_name or "")

    @strawberry.field(description="The cycle. 考核周期")
    def cycle(self) -> Cycle:
        return Cycle.from_record(self.record)

    @strawberry.field(description="Registration form. 报名信息")
    async def form(self, info: CoreInfo) -> RegistrationForm:
        return show_form(await info.context.loader(read_contents).load(self.record.id))

    @strawberry.field(description="Multi-institution filings. 多机构备案")
    async def institution_filings(self, info: CoreInfo) -> list[InstitutionFiling]:
        return show_filings(await info.context.loader(read_contents).load(self.record.id))

    @strawberry.field(description="Education. 教育经历")
    async def education(self, info: CoreInfo) -> list[Education]:
        return show_education(await info.context.loader(read_contents).load(self.record.id))

    @strawberry.field(description="Practice history. 执业经历")
    async def practice_history(self, info: CoreInfo) -> list[PracticeHistory]:
        return show_practice(await info.context.loader(read_contents).load(self.record.id))

    @strawberry.field(description="Ratings by the doctor and the institution. 自评与评定")
    async def ratings(self, info: CoreInfo) -> list[Rating]:
        content = await info.context.loader(read_contents).load(self.record.id)
        return [show_rating(row) for row in content.ratings]

    @strawberry.field(description="Proofs for the chosen procedure. 程序证明材料")
    async def proofs(self, info: CoreInfo) -> list[UploadedFile]:
        content = await info.context.loader(read_contents).load(self.record.id)
        return [show_file(file) for file in content.proofs]

    @strawberry.field(description="Items of the evaluation form. 评定表项目")
    async def evaluation_items(self, info: CoreInfo) -> list[EvaluationItem]:
        policy = await pinned_policy(info.context.environment, self.record)
        return [
            EvaluationItem(code=item.code, dimension=item.dimension, title=item.title, maximum=item.maximum)
            for item in policy.section(EvaluationPolicy).items
        ]

    @strawberry.field(description="Procedures on offer, each with eligible or the reasons not. 可选考核程序")
    async def procedures(self, info: CoreInfo) -> list[ProcedureOffer]:
        facts = await load_facts(info, self.record)
        policy = await pinned_policy(info.context.environment, self.record)
        return [_show_offer(offer, info) for offer in offers(info.context.environment, facts, policy)]

    @strawberry.field(description="All that is missing or wrong before submission. 提交前检查")
    async def submission_preview(self, info: CoreInfo) -> SubmissionPreview:
        facts = await load_facts(info, self.record)
        content = await info.context.loader(read_contents).load(self.record.id)
        problems = await preview(info.context.environment, self.record, facts, content)
        return SubmissionPreview(ready=not problems, problems=show_fields(problems, info.context.language))

    @strawberry.field(description="What was submitted last. 最近一次提交")
    async def latest_submission(self, info: CoreInfo) -> Submission | None:
        found = await info.context.loader(read_latest_submissions).load(self.record.id)
        return _show_submission(found) if found else None

    @strawberry.field(description="What the asking account may do, or why not. 可办理事项")
    async def actions(self, info: CoreInfo) -> list[Action]:
        environment = info.context.environment
        facts = await load_facts(info, self.record)
        policy = await pinned_policy(environment, self.record)
        offered = actions_for(
            logged_in(info.context.caller),
            self.record,
            facts,
            policy,
            environment.registry.actions,
            now=environment.clock.now(),
            incomplete=await self._incomplete(info, facts),
            required=await self._required(info),
        )
        return [
            Action(
                code=action.code,
                title=info.context.say(action.title),
                allowed=not action.reasons,
                reasons=show_reasons(action.reasons, info.context.language),
            )
            for action in offered
        ]

    @strawberry.field(
        description="What the region asks for besides, before the body's approval or the result. 未完成的前置条件"
    )
    async def unmet_requirements(self, info: CoreInfo) -> list[UnmetRequirement]:
        step = STEPS.get(self.record.state)
        return (
            [
                UnmetRequirement(
                    code=item.requirement.code,
                    title=info.context.say(item.requirement.title),
                    step=step,
                    reasons=show_reasons(item.reasons, info.context.language),
                )
                for item in await load_unmet(info, self.record, step)
            ]
            if step
            else []
        )

    async def _required(self, info: CoreInfo) -> Mapping[Event, Sequence[RuleReason]]:
        """The reasons of unmet requirements, by the body's event that waits for them."""
        if self.record.state is not AssessmentState.INSTITUTION_APPROVED:
            return {}
        steps = {Event.BODY_APPROVE: Step.BODY_APPROVAL, Event.BODY_CONFIRM_FAILURE: Step.CONCLUSION}
        return {
            event: [reason for item in await load_unmet(info, self.record, step) for reason in item.reasons]
            for event, step in steps.items()
        }

    async def _incomplete(self, info: CoreInfo, facts: AssessmentFacts) -> bool:
        """Whether something is missing before submission. Not looked into (seven queries) where the state lets nobody
        submit anyway."""
        if MACHINE.find(self.record.state, Event.SUBMIT) is None:
            return True
        content = await info.context.loader(read_contents).load(self.record.id)
        return bool(await preview(info.context.environment, self.record, facts, content))

    @classmethod
    def from_record(cls, record: AssessmentRecord) -> "Assessment":
        """From the joined row."""
        return cls(
            id=strawberry.ID(encode_id("Assessment", record.id)),
            kind=record.kind,
            state=record.state,
            revision=record.revision,
            procedure=record.procedure,
            procedure_title=record.procedure_title,
            statement=record.statement,
            return_reason=record.return_reason,
            conclusion=Verdict(record.conclusion) if record.conclusion else None,
            submissions=record.submissions,
            changed_at=record.changed_at,
            record=record,
        )


def _show_offer(offer: Offer, info: CoreInfo) -> ProcedureOffer:
    context = info.context
    return ProcedureOffer(
        code=offer.procedure.code,
        title=context.say(offer.procedure.title),
        description=context.say(offer.procedure.description),
        eligible=not offer.reasons,
        reasons=show_reasons(offer.reasons, context.language),
        minimum_proofs=offer.requirements.minimum_proofs,
        statement_maximum=offer.requirements.statement_maximum,
        papers=[PlannedPaper(subject=plan.subject, attempts=plan.attempts) for plan in offer.papers],
    )


def _show_submission(found: SubmissionRecord) -> Submission:
    return Submission(
        number=found.number,
        submitted_at=found.submitted_at,
        digest=found.digest,
        content=json.dumps(found.masked_content(), ensure_ascii=False),
    )


async def load_facts(info: CoreInfo, record: AssessmentRecord) -> AssessmentFacts:
    """The facts of an assessment, gathered for all that are asked for in this request at once."""

    async def load(records: list[AssessmentRecord]) -> Sequence[AssessmentFacts]:
        found = await gather_facts_of(records, info.context.environment.clock.now())
        return [found[item.id] for item in records]

    loader: Any = info.context.loader(load, "assessment_facts")
    facts: AssessmentFacts = await loader.load(record)
    return facts


async def load_unmet(info: CoreInfo, record: AssessmentRecord, step: Step) -> list[Unmet]:
    """What holds the assessment back from `step`, asked for all of this request at once."""
    environment = info.context.environment
    if not environment.registry.requirements:
        return []

    async def load(records: list[AssessmentRecord]) -> Sequence[list[Unmet]]:
        try:
            found = await unmet_requirements(environment, records, step)
        except RequirementNotAnswered as error:
            return [[error.unmet] for _ in records]
        return [found.get(item.id, []) for item in records]

    loader: Any = info.context.loader(load, f"unmet_requirements_{step.value}")
    unmet: list[Unmet] = await loader.load(record)
    return unmet


async def _load_records(ids: list[int]) -> list[AssessmentRecord | None]:
    found = await read_records(ids)
    return [found.get(key) for key in ids]


async def load_assessment(info: CoreInfo, assessment_id: int) -> Assessment:
    """The assessment in the asking account's scope. Raises NotLoggedIn, NotFound."""
    return Assessment.from_record(await load_record(info, assessment_id))


async def load_record(
    info: CoreInfo, assessment_id: int, kinds: Sequence[Kind] = (Kind.ASSESSMENT,)
) -> AssessmentRecord:
    """The record behind it, for who sees it as one of `kinds`. Raises NotLoggedIn, NotFound."""
    caller = logged_in(info.context.caller)
    record = await info.context.loader(_load_records).load(assessment_id)
    if record is None or all(grant_on(caller, record, kind=kind) is None for kind in kinds):
        raise NotFound
    return record


AssessmentId = Annotated[strawberry.ID, strawberry.argument(description="The assessment. 考核标识")]
