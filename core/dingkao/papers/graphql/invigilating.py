"""What invigilators see and do, in the schema (监考)."""

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from dingkao.context import CoreInfo
from dingkao.graphql_pages import after_key, keyset_page
from dingkao.papers.graphql.types import Attempt, Paper, VoidingConsequenceEnum, load_attempt, load_paper
from dingkao.papers.invigilating import grant_extra_time, pause_attempt, resume_attempt
from dingkao.papers.sitting_time import grant_sitting_extra_time
from dingkao.papers.vocabulary import SittingStatus
from dingkao.papers.voiding import decide_voiding, request_voiding
from dingkao.papers.watching import SittingEntry, read_sitting
from dingkao.plugin.enums import PaperStateEnum, PaperSubjectEnum, described_enum
from dingkao.plugin.graphql import Connection, StateProblem, ValidationProblem, page_size
from dingkao.plugin.ids import decode_id, encode_id

described_enum(
    SittingStatus,
    "What a doctor who sits a paper is doing. 监考状态",
    {
        SittingStatus.NOT_STARTED: "The paper is open and not begun. 未开始",
        SittingStatus.ACTIVE: "Answers come in. 作答中",
        SittingStatus.IDLE: "In contact, no answer changed for 3 minutes. 无作答",
        SittingStatus.LOST_CONTACT: "Nothing was heard for 2 minutes. 失联",
        SittingStatus.PAUSED: "Paused by an invigilator. 已暂停",
        SittingStatus.OVERDUE: "Time is up, not submitted yet. 逾时未交",
        SittingStatus.ENDED: "Submitted, abandoned or void. 已结束",
        SittingStatus.ABSENT: "Its time is over and it was not sat. 缺考",
    },
)
SittingStatusEnum: TypeAlias = SittingStatus


@strawberry.type(description="A doctor of a sitting, as the invigilator sees him. 监考条目")
class SittingDoctor:
    paper_id: strawberry.ID = strawberry.field(description="The paper. 试卷标识")
    assessment_id: strawberry.ID = strawberry.field(description="The assessment. 考核标识")
    attempt_id: strawberry.ID | None = strawberry.field(description="The newest attempt; null: none yet. 答卷标识")
    doctor: str = strawberry.field(description="Name. 姓名")
    paper_state: PaperStateEnum = strawberry.field(description="The paper's state. 试卷状态")
    status: SittingStatusEnum = strawberry.field(description="At this moment. 监考状态")
    started_at: datetime | None = strawberry.field(description="When it began. 开始时间")
    deadline: datetime | None = strawberry.field(
        description="When it ends; in a pause it moves on with the time. 截止时间"
    )
    paused_at: datetime | None = strawberry.field(
        description="Since when its clock stands still: what is left is `deadline` less this. 暂停时间"
    )
    answered: int = strawberry.field(description="Questions with an answer. 已答题数")
    answered_at: datetime | None = strawberry.field(description="When an answer changed last. 最近作答时间")
    heard_at: datetime | None = strawberry.field(description="When anything was saved last. 最近联络时间")
    late: bool = strawberry.field(description="Whether the last save came after the deadline. 是否逾时送达")
    take_overs: int = strawberry.field(description="How often another device took over. 更换设备次数")


def show_sitting_entry(entry: SittingEntry) -> SittingDoctor:
    return SittingDoctor(
        paper_id=strawberry.ID(encode_id("Paper", entry.paper_id)),
        assessment_id=strawberry.ID(encode_id("Assessment", entry.assessment_id)),
        attempt_id=strawberry.ID(encode_id("Attempt", entry.attempt_id)) if entry.attempt_id else None,
        doctor=entry.doctor,
        paper_state=entry.paper_state,
        status=entry.status,
        started_at=entry.started_at,
        deadline=entry.deadline,
        paused_at=entry.paused_at,
        answered=entry.answered,
        answered_at=entry.answered_at,
        heard_at=entry.heard_at,
        late=entry.late,
        take_overs=entry.take_overs,
    )


@strawberry.input(description="Extra time for one doctor's paper. 延长个人答题时间")
class GrantExtraTimeInput:
    paper_id: strawberry.ID = strawberry.field(description="The paper, begun or not. 试卷标识")
    minutes: int = strawberry.field(description="1 to 600. 延长分钟数")
    reason: str = strawberry.field(description="Why. 事由")


@strawberry.input(description="Extra time for everybody who sits. 延长全场答题时间")
class GrantSittingExtraTimeInput:
    cycle_id: strawberry.ID = strawberry.field(description="The cycle. 考核周期标识")
    body_id: strawberry.ID = strawberry.field(description="Whose doctors sit. 考核机构标识")
    subject: PaperSubjectEnum = strawberry.field(description="Which paper. 科目")
    minutes: int = strawberry.field(description="1 to 600. 延长分钟数")
    reason: str = strawberry.field(description="Why. 事由")
    begun_until: datetime | None = strawberry.field(
        default=None, description="Attempts that begin until then have the minutes too. 此前开始的答卷同样延长"
    )
    ended_since: datetime | None = strawberry.field(
        default=None, description="Attempts that time has ended since then, and not passed, go on. 此后到时的恢复作答"
    )


@strawberry.input(description="An act of the invigilator on a running attempt. 监考处置")
class InvigilateInput:
    attempt_id: strawberry.ID = strawberry.field(description="The attempt. 答卷标识")
    reason: str = strawberry.field(description="Why. 事由")


@strawberry.input(description="An attempt to be made void. 申请作废")
class RequestVoidingInput:
    attempt_id: strawberry.ID = strawberry.field(description="The attempt. 答卷标识")
    consequence: VoidingConsequenceEnum = strawberry.field(description="What follows. 作废后的处理")
    reason: str = strawberry.field(description="Why. 事由")


@strawberry.input(description="The second person's decision. 确认作废")
class DecideVoidingInput:
    attempt_id: strawberry.ID = strawberry.field(description="The attempt. 答卷标识")
    confirm: bool = strawberry.field(description="Confirm, or refuse. 是否确认")


@strawberry.type(description="What was done for a sitting. 全场延长结果")
class SittingExtraTimeGranted:
    attempts: int = strawberry.field(description="Attempts whose deadline moved. 已延长的答卷数")
    own_left_out: bool = strawberry.field(
        description="You sit here yourself: your own paper has none of it; another officer grants it. 本人答卷未延长"
    )


ExtraTimeResult = Annotated[
    Paper | ValidationProblem | StateProblem,
    strawberry.union("ExtraTimeResult", description="Outcome of granting extra time. 延长结果"),
]
SittingExtraTimeResult = Annotated[
    SittingExtraTimeGranted | ValidationProblem,
    strawberry.union("SittingExtraTimeResult", description="Outcome for a sitting. 全场延长结果"),
]
InvigilateResult = Annotated[
    Attempt | ValidationProblem | StateProblem,
    strawberry.union("InvigilateResult", description="Outcome of an invigilator's act. 监考处置结果"),
]


@strawberry.type
class InvigilatingQuery:
    @strawberry.field(description="Who sits a paper, and how he is doing; for the invigilator. 监考")
    async def sitting(
        self,
        info: CoreInfo,
        cycle_id: Annotated[strawberry.ID, strawberry.argument(description="The cycle. 考核周期标识")],
        body_id: Annotated[strawberry.ID, strawberry.argument(description="Whose doctors. 考核机构标识")],
        subject: Annotated[PaperSubjectEnum, strawberry.argument(description="Which paper. 科目")],
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 50,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[SittingDoctor]:
        size = page_size(first)
        entries = await read_sitting(
            info.context.caller,
            cycle_id=decode_id("Cycle", cycle_id),
            body_id=decode_id("Organisation", body_id),
            subject=subject,
            after=after_key("Paper", after),
            limit=size + 1,
            now=info.context.environment.clock.now(),
        )
        return keyset_page("Paper", [(entry.paper_id, show_sitting_entry(entry)) for entry in entries], size)


@strawberry.type
class InvigilatingMutation:
    @strawberry.mutation(description="Extra time for one doctor: before, during or after the attempt. 延长答题时间")
    async def grant_extra_time(
        self,
        info: CoreInfo,
        input: Annotated[GrantExtraTimeInput, strawberry.argument(description="For whom, how long. 延长")],
    ) -> ExtraTimeResult:
        paper_id = decode_id("Paper", input.paper_id)
        environment, caller = info.context.environment, info.context.caller
        await grant_extra_time(environment, caller, paper_id, input.minutes, input.reason)
        info.context.forget_loaded()
        return await load_paper(info, paper_id)

    @strawberry.mutation(description="Extra time for everybody who sits a paper. 延长全场答题时间")
    async def grant_sitting_extra_time(
        self,
        info: CoreInfo,
        input: Annotated[GrantSittingExtraTimeInput, strawberry.argument(description="Which sitting. 全场延长")],
    ) -> SittingExtraTimeResult:
        changed = await grant_sitting_extra_time(
            info.context.environment,
            info.context.caller,
            cycle_id=decode_id("Cycle", input.cycle_id),
            body_id=decode_id("Organisation", input.body_id),
            subject=input.subject,
            minutes=input.minutes,
            reason=input.reason,
            begun_until=input.begun_until,
            ended_since=input.ended_since,
        )
        info.context.forget_loaded()
        return SittingExtraTimeGranted(attempts=changed.attempts, own_left_out=changed.own_left_out)

    @strawberry.mutation(description="Stop a running attempt's clock. 暂停作答")
    async def pause_attempt(
        self, info: CoreInfo, input: Annotated[InvigilateInput, strawberry.argument(description="Which. 答卷")]
    ) -> InvigilateResult:
        attempt_id = decode_id("Attempt", input.attempt_id)
        await pause_attempt(info.context.environment, info.context.caller, attempt_id, input.reason)
        info.context.forget_loaded()
        return await load_attempt(info, attempt_id)

    @strawberry.mutation(description="Let a paused attempt go on; the time that it stood still is added. 恢复作答")
    async def resume_attempt(
        self, info: CoreInfo, input: Annotated[InvigilateInput, strawberry.argument(description="Which. 答卷")]
    ) -> InvigilateResult:
        attempt_id = decode_id("Attempt", input.attempt_id)
        await resume_attempt(info.context.environment, info.context.caller, attempt_id, input.reason)
        info.context.forget_loaded()
        return await load_attempt(info, attempt_id)

    @strawberry.mutation(description="Ask for an attempt to be made void; another person decides. 申请作废答卷")
    async def request_voiding(
        self, info: CoreInfo, input: Annotated[RequestVoidingInput, strawberry.argument(description="Which. 答卷")]
    ) -> InvigilateResult:
        attempt_id = decode_id("Attempt", input.attempt_id)
        environment, caller = info.context.environment, info.context.caller
        await request_voiding(environment, caller, attempt_id, input.consequence, input.reason)
        info.context.forget_loaded()
        return await load_attempt(info, attempt_id)

    @strawberry.mutation(description="Confirm or refuse a voiding, as another person than who asked. 确认作废答卷")
    async def decide_voiding(
        self, info: CoreInfo, input: Annotated[DecideVoidingInput, strawberry.argument(description="Which. 答卷")]
    ) -> InvigilateResult:
        attempt_id = decode_id("Attempt", input.attempt_id)
        await decide_voiding(info.context.environment, info.context.caller, attempt_id, confirm=input.confirm)
        info.context.forget_loaded()
        return await load_attempt(info, attempt_id)
