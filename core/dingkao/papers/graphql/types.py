"""Papers and attempts as the API shows them: no type here could show a right answer."""

from datetime import datetime
from typing import TypeAlias

import strawberry

from dingkao.access.rules import OF_A_SITTING, grant_on
from dingkao.assessments.access import pinned_policy
from dingkao.assessments.graphql import Assessment, load_assessment, load_record
from dingkao.assessments.records import AssessmentRecord
from dingkao.context import CoreInfo
from dingkao.papers import rules
from dingkao.papers.graphql.absence import PaperAbsence, settle_ended_papers, show_absence
from dingkao.papers.graphql.questions import AttemptQuestion, show_questions
from dingkao.papers.invigilating import read_interventions
from dingkao.papers.records import (
    AttemptRecord,
    PaperRecord,
    read_answers,
    read_attempts,
    read_attempts_of,
    read_keys,
    read_papers,
    read_papers_of,
    read_questions,
)
from dingkao.papers.settling import settle_assessment
from dingkao.papers.vocabulary import AttemptPhase, AttemptState, InterventionKind, VoidingConsequence
from dingkao.papers.voiding import read_voidings
from dingkao.papers.writing import attempt_token
from dingkao.plugin.enums import PaperStateEnum, PaperSubjectEnum, described_enum
from dingkao.plugin.errors import NotFound
from dingkao.plugin.graphql import Node
from dingkao.plugin.ids import encode_id
from dingkao.plugin.national import PapersPolicy, Reveal
from dingkao.plugin.vocabulary import PaperState

described_enum(
    AttemptState,
    "State of an attempt. 答卷状态",
    {
        AttemptState.IN_PROGRESS: "Being answered. 作答中",
        AttemptState.SUBMITTED: "Submitted, to be marked in a moment. 已交卷待评分",
        AttemptState.MARKED: "Submitted and marked. 已交卷评分",
        AttemptState.ABANDONED: "Not submitted in time, without a mark. 弃考",
        AttemptState.VOIDED: "Made void by two people. 已作废",
    },
)
AttemptStateEnum: TypeAlias = AttemptState
described_enum(
    AttemptPhase,
    "What the server's clock leaves of a running attempt. 答卷阶段",
    {
        AttemptPhase.ANSWERING: "Answers are taken. 作答中",
        AttemptPhase.LATE: "Time is up; late packets are still taken. 网络宽限中",
        AttemptPhase.PAUSED: "Paused by an invigilator; the time stands still. 已暂停",
        AttemptPhase.SUBMIT_ONLY: "Time is up; it may still be submitted. 仅可交卷",
        AttemptPhase.OVER: "Nothing is left. 已结束",
    },
)
AttemptPhaseEnum: TypeAlias = AttemptPhase
described_enum(
    InterventionKind,
    "What an invigilator did. 监考处置",
    {
        InterventionKind.EXTRA_TIME: "Extra time. 延长时间",
        InterventionKind.PAUSE: "The clock was stopped. 暂停",
        InterventionKind.RESUME: "The clock went on. 恢复",
        InterventionKind.REOPEN: "Extra time after the end: it went on. 恢复作答",
    },
)
InterventionKindEnum: TypeAlias = InterventionKind
described_enum(
    VoidingConsequence,
    "What follows when an attempt is void. 作废后的处理",
    {
        VoidingConsequence.NEW_ATTEMPT: "Another attempt is given in its place. 重新作答",
        VoidingConsequence.PAPER_FAILED: "The paper counts as failed. 判定不合格",
    },
)
VoidingConsequenceEnum: TypeAlias = VoidingConsequence


@strawberry.type(description="One question of a marked attempt. 答题回顾")
class ReviewedPosition:
    position: int = strawberry.field(description="From 1. 题号")
    choice: str = strawberry.field(description="What was chosen; empty: nothing. 所选选项")
    key: str = strawberry.field(description="What counts as the answer. 答案")


@strawberry.type(description="What an invigilator did. 监考处置")
class Intervention:
    kind: InterventionKindEnum = strawberry.field(description="What. 处置")
    minutes: int | None = strawberry.field(description="Extra time. 延长分钟数")
    reason: str = strawberry.field(description="Why. 事由")
    deadline_after: datetime | None = strawberry.field(description="The deadline from then on. 处置后的截止时间")
    at: datetime = strawberry.field(description="When. 时间")


@strawberry.type(description="An attempt made void, by two people. 作废")
class Voiding:
    consequence: VoidingConsequenceEnum = strawberry.field(description="What follows. 作废后的处理")
    reason: str = strawberry.field(description="Why. 事由")
    asked_at: datetime = strawberry.field(description="When it was asked for. 申请时间")
    decided_at: datetime | None = strawberry.field(description="When another person decided. 决定时间")
    confirmed: bool | None = strawberry.field(description="Null: it waits for a second person. 是否确认")


@strawberry.type(description="A sitting of a paper. 答卷")
class Attempt(Node):
    number: int = strawberry.field(description="First is 1. 第几次作答")
    state: AttemptStateEnum = strawberry.field(description="State. 状态")
    started_at: datetime = strawberry.field(description="When it began. 开始时间")
    deadline: datetime = strawberry.field(description="When it ends. 截止时间")
    phase: AttemptPhaseEnum = strawberry.field(description="What the clock leaves of it at serverTime. 阶段")
    writing: bool = strawberry.field(
        description="Whether this session may save; false while another device does, until this one takes over. "
        "本设备可否作答"
    )
    writer_since: datetime | None = strawberry.field(
        description="Since when the present device writes: later than startedAt after a take-over. 接管时间"
    )
    writer_token: str | None = strawberry.field(
        description="For the session that writes, while it runs: allows saveAnswers and submitAttempt until the end, "
        "also where the session expires. Keep it with unsent answers. 作答令牌"
    )
    server_time: datetime = strawberry.field(description="The server's clock, which alone counts. 服务器时间")
    seconds_left: int = strawberry.field(
        description="Seconds to the deadline; 0 when it is over. In a pause they stand still. 剩余秒数"
    )
    submitted_at: datetime | None = strawberry.field(description="When it was submitted. 交卷时间")
    timed_out: bool = strawberry.field(description="Time was up: what was there was submitted. 是否到时自动交卷")
    score_percent: int | None = strawberry.field(
        description="Percent of right answers, rounded down; null for the doctor where the policy shows the result "
        "alone. 得分（百分比）"
    )
    passed: bool | None = strawberry.field(description="Whether that passes. 是否合格")
    record: strawberry.Private[AttemptRecord]
    own: strawberry.Private[bool]

    @strawberry.field(
        description="Each question's key beside the choice, for the doctor, after the window, where the policy shows "
        "it (papers.reveal); null otherwise. 答案"
    )
    async def review(self, info: CoreInfo) -> list[ReviewedPosition] | None:
        if not self.own or self.record.state is not AttemptState.MARKED or self.record.reveal is not Reveal.ANSWERS:
            return None
        assessment = await load_assessment(info, self.record.assessment)
        if info.context.environment.clock.now() < assessment.record.tests_until:
            return None
        keys = await info.context.loader(read_keys).load(self.record.id)
        answers = await info.context.loader(read_answers).load(self.record.id)
        return [
            ReviewedPosition(
                position=position, key=key, choice=answers[position]["choice"] if position in answers else ""
            )
            for position, key in sorted(keys.items())
        ]

    @strawberry.field(description="What invigilators did to it, first to last. 监考处置记录")
    async def interventions(self, info: CoreInfo) -> list[Intervention]:
        records = await info.context.loader(read_interventions).load(self.record.id)
        return [
            Intervention(
                kind=record.kind,
                minutes=record.minutes,
                reason=record.reason,
                deadline_after=record.deadline_after,
                at=record.at,
            )
            for record in records
        ]

    @strawberry.field(description="Whether it was asked to be made void, and what was decided. 作废申请")
    async def voiding(self, info: CoreInfo) -> Voiding | None:
        record = await info.context.loader(read_voidings).load(self.record.id)
        if record is None:
            return None
        return Voiding(
            consequence=record.consequence,
            reason=record.reason,
            asked_at=record.asked_at,
            decided_at=record.decided_at,
            confirmed=record.confirmed,
        )

    @strawberry.field(description="The questions, while the doctor answers; null otherwise. 试题（仅作答时可见）")
    async def questions(self, info: CoreInfo) -> list[AttemptQuestion] | None:
        if not self.own or self.record.state is not AttemptState.IN_PROGRESS:
            return None
        questions = await info.context.loader(read_questions).load(self.record.id)
        answers = await info.context.loader(read_answers).load(self.record.id)
        return show_questions(info.context, questions, answers, self.record.timing.closes_at)


def show_attempt(info: CoreInfo, record: AttemptRecord, *, own: bool, marked: bool = True) -> Attempt:
    """An attempt as the API shows it at this moment, with its mark where `marked`."""
    environment = info.context.environment
    now = environment.clock.now()
    running = record.state is AttemptState.IN_PROGRESS
    session = info.context.caller.session_id if info.context.caller else None
    writing = own and running and session is not None and record.writer_session in (session, None)
    token = attempt_token(environment, record.id, record.started_at, record.writer_number) if writing else None
    return Attempt(
        id=strawberry.ID(encode_id("Attempt", record.id)),
        number=record.number,
        state=record.state,
        started_at=record.started_at,
        deadline=record.deadline,
        phase=record.timing.phase(now) if running else AttemptPhase.OVER,
        writing=writing,
        writer_since=record.writer_since,
        writer_token=token,
        server_time=now,
        seconds_left=record.timing.seconds_left(now) if running else 0,
        submitted_at=record.submitted_at,
        timed_out=record.timed_out,
        score_percent=None if not marked or (own and record.reveal is Reveal.RESULT) else record.score_percent,
        passed=record.passed if marked else None,
        record=record,
        own=own,
    )


@strawberry.type(description="Why a paper need not be sat. 免考")
class Waiver:
    code: str = strawberry.field(description="Code of the condition. 免考条件代码")
    title: str = strawberry.field(description="The condition in words. 免考条件")


@strawberry.type(description="A paper of an assessment. 试卷")
class Paper(Node):
    subject: PaperSubjectEnum = strawberry.field(description="Subject. 科目")
    position: int = strawberry.field(description="Its place in the order. 顺序")
    state: PaperStateEnum = strawberry.field(description="State. 状态")
    attempts_allowed: int | None = strawberry.field(description="Null: as many as it takes. 可答题次数（空为不限）")
    attempts_used: int = strawberry.field(description="Attempts begun. 已答题次数")
    attempts_left: int | None = strawberry.field(description="Attempts left; null: any number. 剩余次数（空为不限）")
    opens_from: datetime = strawberry.field(description="First instant of the window. 测评开始时间")
    opens_until: datetime = strawberry.field(description="End of the window. 测评结束时间")
    waiver: Waiver | None = strawberry.field(description="Where it was waived. 免考")
    absence: PaperAbsence | None = strawberry.field(description="Where it was missed. 缺考")
    lapsed_at: datetime | None = strawberry.field(
        description="When it failed because its time ended, with attempts left. 期满未合格时间"
    )
    record: strawberry.Private[PaperRecord]
    assessment_record: strawberry.Private[AssessmentRecord]

    @strawberry.field(description="Minutes for one attempt. 答题时长（分钟）")
    async def minutes(self, info: CoreInfo) -> int:
        policy = await pinned_policy(info.context.environment, self.assessment_record)
        return policy.section(PapersPolicy).rules[self.record.subject].minutes

    @strawberry.field(description="Questions in one attempt. 题数")
    async def question_count(self, info: CoreInfo) -> int:
        policy = await pinned_policy(info.context.environment, self.assessment_record)
        return policy.section(PapersPolicy).rules[self.record.subject].questions

    @strawberry.field(description="Every attempt, first to last. 答卷列表")
    async def attempts(self, info: CoreInfo) -> list[Attempt]:
        own, marked = _is_own(info, self.assessment_record), _sees_marks(info, self.assessment_record)
        records = await info.context.loader(read_attempts_of).load(self.record.id)
        return [show_attempt(info, record, own=own, marked=marked) for record in records]

    @strawberry.field(description="The attempt that is being answered. 进行中的答卷")
    async def running_attempt(self, info: CoreInfo) -> Attempt | None:
        own, marked = _is_own(info, self.assessment_record), _sees_marks(info, self.assessment_record)
        for record in await info.context.loader(read_attempts_of).load(self.record.id):
            if record.state is AttemptState.IN_PROGRESS:
                return show_attempt(info, record, own=own, marked=marked)
        return None


def _is_own(info: CoreInfo, record: AssessmentRecord) -> bool:
    caller = info.context.caller
    return caller is not None and caller.doctor_id == record.doctor_id


def _sees_marks(info: CoreInfo, record: AssessmentRecord) -> bool:
    """Who sees the attempt as an invigilator alone does not see what came of it."""
    caller = info.context.caller
    return caller is not None and grant_on(caller, record) is not None


async def _settle(info: CoreInfo, assessment_id: int) -> bool:
    """Let a doctor who looks see what the sweeper would have made of a time that is up."""
    settled = await settle_assessment(info.context.environment, assessment_id)
    if settled:
        info.context.forget_loaded()
    return settled


def show_paper(record: PaperRecord, assessment: AssessmentRecord) -> Paper:
    """A paper as the API shows it."""
    return Paper(
        id=strawberry.ID(encode_id("Paper", record.id)),
        subject=record.subject,
        position=record.position,
        state=record.state,
        attempts_allowed=record.attempts_allowed,
        attempts_used=record.attempts_used,
        attempts_left=rules.attempts_left(record.attempts_allowed, record.attempts_used),
        opens_from=assessment.tests_from,
        opens_until=record.sit_until or assessment.tests_until,
        absence=show_absence(record),
        lapsed_at=record.lapsed_at,
        waiver=Waiver(code=record.waiver_code, title=record.waiver_title) if record.waiver_code else None,
        record=record,
        assessment_record=assessment,
    )


@strawberry.type
class AssessmentPapers:
    @strawberry.field(description="Papers in their order; none before submission. 试卷")
    async def papers(self: Assessment, info: CoreInfo) -> list[Paper]:
        records = await info.context.loader(read_papers_of).load(self.record.id)
        if _is_own(info, self.record):
            being_sat = any(record.state is PaperState.IN_PROGRESS for record in records)
            if being_sat and await _settle(info, self.record.id):
                records = await info.context.loader(read_papers_of).load(self.record.id)
            if await settle_ended_papers(info, self.record, records):
                records = await info.context.loader(read_papers_of).load(self.record.id)
        return [show_paper(record, self.record) for record in records]


async def load_paper(info: CoreInfo, paper_id: int) -> Paper:
    """A paper of an assessment in the asking account's scope. Raises NotFound, NotLoggedIn."""
    record = await info.context.loader(read_papers).load(paper_id)
    if record is None:
        raise NotFound
    return show_paper(record, await load_record(info, record.assessment, OF_A_SITTING))


async def load_attempt(info: CoreInfo, attempt_id: int) -> Attempt:
    """An attempt of an assessment in the asking account's scope. Raises NotFound, NotLoggedIn."""
    record = await info.context.loader(read_attempts).load(attempt_id)
    if record is None:
        raise NotFound
    assessment = await load_record(info, record.assessment, OF_A_SITTING)
    own = _is_own(info, assessment)
    over = record.timing.is_over(info.context.environment.clock.now())
    if record.state is AttemptState.IN_PROGRESS and over and own and await _settle(info, record.assessment):
        record = await info.context.loader(read_attempts).load(attempt_id)
        assert record is not None  # noqa: S101 - attempts are never deleted
    return show_attempt(info, record, own=own, marked=_sees_marks(info, assessment))


async def load_attempt_by_token(info: CoreInfo, attempt_id: int) -> Attempt:
    """The attempt whose token a service has just accepted: its holder may have no session any more."""
    record = await info.context.loader(read_attempts).load(attempt_id)
    assert record is not None  # noqa: S101 - attempts are never deleted
    return show_attempt(info, record, own=True)
