"""Papers and attempts in the schema. The right answers are in no type: there is nothing here that could show them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import strawberry

from dingkao.assessments.access import pinned_policy
from dingkao.assessments.graphql import Assessment, load_assessment
from dingkao.assessments.records import AssessmentRecord
from dingkao.context import CoreInfo
from dingkao.papers import attempts, rules
from dingkao.papers.bank import bank_size, import_questions
from dingkao.papers.proctoring import give_face_consent, read_face_status
from dingkao.papers.question_file import QuestionColumns
from dingkao.papers.records import (
    AttemptRecord,
    PaperRecord,
    read_answers,
    read_attempts,
    read_attempts_of,
    read_papers,
    read_papers_of,
    read_questions,
)
from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.enums import PaperStateEnum, PaperSubjectEnum, described_enum
from dingkao.plugin.errors import NotFound
from dingkao.plugin.graphql import Node, NotEligibleProblem, StateProblem, ValidationProblem
from dingkao.plugin.ids import decode_id, encode_id
from dingkao.plugin.national import PapersPolicy

described_enum(
    AttemptState,
    "State of an attempt. 答卷状态",
    {AttemptState.IN_PROGRESS: "Being answered. 作答中", AttemptState.MARKED: "Submitted and marked. 已交卷评分"},
)
AttemptStateEnum: TypeAlias = AttemptState


@strawberry.type(description="An option of a question. 选项")
class QuestionOption:
    key: str = strawberry.field(description="What a choice names. 选项代号")
    text: str = strawberry.field(description="What is read. 选项内容")


@strawberry.type(description="What the server holds for a question. 已保存的作答")
class SavedAnswer:
    position: int = strawberry.field(description="The question, from 1. 题号")
    choice: str = strawberry.field(description="The chosen key; empty: cleared. 所选选项")
    sequence: int = strawberry.field(description="The client's sequence number that won. 序号")
    saved_at: datetime = strawberry.field(description="When it was saved. 保存时间")


@strawberry.type(description="A question of an attempt. 试题")
class AttemptQuestion:
    position: int = strawberry.field(description="From 1. 题号")
    stem: str = strawberry.field(description="What is asked. 题干")
    options: list[QuestionOption] = strawberry.field(description="What may be chosen. 选项")
    answer: SavedAnswer | None = strawberry.field(description="What the server holds. 已保存的作答")


@strawberry.type(description="A sitting of a paper. 答卷")
class Attempt(Node):
    number: int = strawberry.field(description="First is 1. 第几次作答")
    state: AttemptStateEnum = strawberry.field(description="State. 状态")
    started_at: datetime = strawberry.field(description="When it began. 开始时间")
    deadline: datetime = strawberry.field(description="When it ends. 截止时间")
    server_time: datetime = strawberry.field(description="The server's clock, which alone counts. 服务器时间")
    seconds_left: int = strawberry.field(description="Seconds to the deadline; 0 when it is over. 剩余秒数")
    submitted_at: datetime | None = strawberry.field(description="When it was submitted. 交卷时间")
    timed_out: bool = strawberry.field(description="Time was up: what was there was submitted. 是否到时自动交卷")
    score_percent: int | None = strawberry.field(description="Percent of right answers, rounded down. 得分（百分比）")
    passed: bool | None = strawberry.field(description="Whether that passes. 是否合格")
    record: strawberry.Private[AttemptRecord]
    own: strawberry.Private[bool]

    @strawberry.field(description="The questions, while the doctor answers; null otherwise. 试题（仅作答时可见）")
    async def questions(self, info: CoreInfo) -> list[AttemptQuestion] | None:
        if not self.own or self.record.state is not AttemptState.IN_PROGRESS:
            return None
        questions = await info.context.loader(read_questions).load(self.record.id)
        answers = await info.context.loader(read_answers).load(self.record.id)
        return [
            AttemptQuestion(
                position=question["position"],
                stem=question["stem"],
                options=[QuestionOption(key=option["key"], text=option["text"]) for option in question["options"]],
                answer=_show_answer(answers.get(question["position"])),
            )
            for question in questions
        ]


def _show_answer(row: Mapping[str, Any] | None) -> SavedAnswer | None:
    if row is None:
        return None
    return SavedAnswer(
        position=row["position"], choice=row["choice"], sequence=row["sequence"], saved_at=row["saved_at"]
    )


def show_attempt(info: CoreInfo, record: AttemptRecord, *, own: bool) -> Attempt:
    """An attempt as the API shows it at this moment."""
    now = info.context.environment.clock.now()
    return Attempt(
        id=strawberry.ID(encode_id("Attempt", record.id)),
        number=record.number,
        state=record.state,
        started_at=record.started_at,
        deadline=record.deadline,
        server_time=now,
        seconds_left=rules.seconds_left(record.deadline, now) if record.state is AttemptState.IN_PROGRESS else 0,
        submitted_at=record.submitted_at,
        timed_out=record.timed_out,
        score_percent=record.score_percent,
        passed=record.passed,
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
        own = _is_own(info, self.assessment_record)
        records = await info.context.loader(read_attempts_of).load(self.record.id)
        return [show_attempt(info, record, own=own) for record in records]

    @strawberry.field(description="The attempt that is being answered. 进行中的答卷")
    async def running_attempt(self, info: CoreInfo) -> Attempt | None:
        own = _is_own(info, self.assessment_record)
        for record in await info.context.loader(read_attempts_of).load(self.record.id):
            if record.state is AttemptState.IN_PROGRESS:
                return show_attempt(info, record, own=own)
        return None


def _is_own(info: CoreInfo, record: AssessmentRecord) -> bool:
    caller = info.context.caller
    return caller is not None and caller.doctor_id == record.doctor_id


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
        opens_until=assessment.tests_until,
        waiver=Waiver(code=record.waiver_code, title=record.waiver_title) if record.waiver_code else None,
        record=record,
        assessment_record=assessment,
    )


@strawberry.type(description="Consent to face capture, and the capture. 人脸信息采集授权")
class FaceConsent:
    required: bool = strawberry.field(description="Whether the policy wants it before a test. 是否需要")
    text_version: str = strawberry.field(description="Version of the text to agree to. 授权书版本")
    text: str = strawberry.field(description="The text. 授权书全文")
    given_at: datetime | None = strawberry.field(description="When consent was given. 授权时间")
    captured_at: datetime | None = strawberry.field(description="When a capture was accepted last. 采集时间")


@strawberry.type
class AssessmentPapers:
    @strawberry.field(description="Papers in their order; none before submission. 试卷")
    async def papers(self: Assessment, info: CoreInfo) -> list[Paper]:
        records = await info.context.loader(read_papers_of).load(self.record.id)
        return [show_paper(record, self.record) for record in records]

    @strawberry.field(description="Consent to face capture, and the capture. 人脸信息采集授权")
    async def face_consent(self: Assessment, info: CoreInfo) -> FaceConsent:
        return await show_face_consent(info, self.record)


async def show_face_consent(info: CoreInfo, record: AssessmentRecord) -> FaceConsent:
    """What is asked for before the first test, and what was given."""
    policy = (await pinned_policy(info.context.environment, record)).section(PapersPolicy)
    status = await info.context.loader(read_face_status).load(record.id)
    return FaceConsent(
        required=policy.face_capture,
        text_version=policy.face_consent_version,
        text=policy.face_consent_text,
        given_at=status.given_at,
        captured_at=status.captured_at,
    )


async def load_paper(info: CoreInfo, paper_id: int) -> Paper:
    """A paper of an assessment in the asking account's scope. Raises NotFound, NotLoggedIn."""
    record = await info.context.loader(read_papers).load(paper_id)
    if record is None:
        raise NotFound
    assessment = await load_assessment(info, record.assessment)
    return show_paper(record, assessment.record)


async def load_attempt(info: CoreInfo, attempt_id: int) -> Attempt:
    """An attempt of an assessment in the asking account's scope. Raises NotFound, NotLoggedIn."""
    record = await info.context.loader(read_attempts).load(attempt_id)
    if record is None:
        raise NotFound
    assessment = await load_assessment(info, record.assessment)
    return show_attempt(info, record, own=_is_own(info, assessment.record))


@strawberry.type(description="The bank of one subject. 题库")
class QuestionBank:
    subject: PaperSubjectEnum = strawberry.field(description="Subject. 科目")
    count: int = strawberry.field(description="Questions in use. 可用试题数")


@strawberry.type
class PaperQuery:
    @strawberry.field(description="An attempt, with its questions while the doctor answers. 答卷")
    async def attempt(
        self, info: CoreInfo, id: Annotated[strawberry.ID, strawberry.argument(description="Which. 答卷标识")]
    ) -> Attempt:
        return await load_attempt(info, decode_id("Attempt", id))

    @strawberry.field(description="The question bank, for the authority. 题库")
    async def question_bank(
        self,
        info: CoreInfo,
        subject: Annotated[PaperSubjectEnum, strawberry.argument(description="Which subject. 科目")],
    ) -> QuestionBank:
        return QuestionBank(subject=subject, count=await bank_size(info.context.caller, subject))


@strawberry.input(description="Consent to a text. 人脸信息采集授权")
class GiveFaceConsentInput:
    assessment_id: strawberry.ID = strawberry.field(description="The assessment. 考核标识")
    text_version: str = strawberry.field(description="Version of the text that was read. 授权书版本")


@strawberry.input(description="The paper to begin. 开始作答")
class StartAttemptInput:
    paper_id: strawberry.ID = strawberry.field(description="The paper. 试卷标识")


@strawberry.input(description="An answer to one question. 作答")
class AnswerInput:
    position: int = strawberry.field(description="The question, from 1. 题号")
    choice: str | None = strawberry.field(default=None, description="The chosen key; null clears it. 所选选项")
    sequence: int = strawberry.field(
        description="The client's own counter: of two saves for one question the higher wins. 序号"
    )


@strawberry.input(description="One answer or many. 保存作答")
class SaveAnswersInput:
    attempt_id: strawberry.ID = strawberry.field(description="The attempt. 答卷标识")
    answers: list[AnswerInput] = strawberry.field(description="1 to 500. 作答")


@strawberry.input(description="The attempt to submit. 交卷")
class SubmitAttemptInput:
    attempt_id: strawberry.ID = strawberry.field(description="The attempt. 答卷标识")


@strawberry.input(description="A CSV file of questions. 导入试题")
class ImportQuestionsInput:
    subject: PaperSubjectEnum = strawberry.field(description="For which subject. 科目")
    csv: str = strawberry.field(description="The file's text, with a line of column names. CSV 内容")
    stem_column: str = strawberry.field(default="Question", description="Column of the stem. 题干列名")
    option_columns: list[str] = strawberry.field(
        default_factory=lambda: ["A", "B", "C", "D"], description="Columns of the options. 选项列名"
    )
    answer_column: str = strawberry.field(default="Answer", description="Column of the right letter. 答案列名")
    source: str = strawberry.field(default="", description="Where they come from. 来源")
    replace: bool = strawberry.field(default=False, description="Retire what came before. 是否停用原有试题")
    skip_bad: bool = strawberry.field(default=False, description="Import the good lines alone. 是否跳过有误的行")


@strawberry.type(description="Why a line was refused. 未导入的行")
class RefusedLine:
    line: int = strawberry.field(description="Line of the file. 行号")
    column: str = strawberry.field(description="Column; empty: the line. 列名")
    code: str = strawberry.field(description="Stable code. 代码")
    message: str = strawberry.field(description="Sentence for people. 说明")


@strawberry.type(description="What an import did. 导入结果")
class QuestionImport:
    lines: int = strawberry.field(description="Questions in the file. 行数")
    imported: int = strawberry.field(description="Questions taken. 已导入")
    retired: int = strawberry.field(description="Questions taken out of use. 已停用")
    refused: list[RefusedLine] = strawberry.field(description="Refused lines. 未导入")


@strawberry.type(description="What the server now holds. 已保存")
class AnswersSaved:
    answers: list[SavedAnswer] = strawberry.field(description="For the questions that were sent. 作答")
    server_time: datetime = strawberry.field(description="The server's clock. 服务器时间")


GiveFaceConsentResult = Annotated[
    FaceConsent | ValidationProblem | StateProblem,
    strawberry.union("GiveFaceConsentResult", description="Outcome of consenting. 授权结果"),
]
StartAttemptResult = Annotated[
    Attempt | StateProblem | NotEligibleProblem,
    strawberry.union("StartAttemptResult", description="Outcome of beginning a paper. 开始作答结果"),
]
SaveAnswersResult = Annotated[
    AnswersSaved | ValidationProblem | StateProblem,
    strawberry.union("SaveAnswersResult", description="Outcome of saving. 保存结果"),
]
SubmitAttemptResult = Annotated[
    Attempt | StateProblem,
    strawberry.union("SubmitAttemptResult", description="Outcome of submitting a paper. 交卷结果"),
]
ImportQuestionsResult = Annotated[
    QuestionImport | ValidationProblem,
    strawberry.union("ImportQuestionsResult", description="Outcome of an import. 导入结果"),
]


@strawberry.type
class PaperMutation:
    @strawberry.mutation(description="Agree to face capture, before the first test. 人脸信息采集授权")
    async def give_face_consent(
        self,
        info: CoreInfo,
        input: Annotated[GiveFaceConsentInput, strawberry.argument(description="To which text. 授权")],
    ) -> GiveFaceConsentResult:
        assessment_id = decode_id("Assessment", input.assessment_id)
        await give_face_consent(info.context.environment, info.context.caller, assessment_id, input.text_version)
        info.context.forget_loaded()
        assessment = await load_assessment(info, assessment_id)
        return await show_face_consent(info, assessment.record)

    @strawberry.mutation(description="Begin an attempt, or find the one that runs. 开始作答")
    async def start_attempt(
        self,
        info: CoreInfo,
        input: Annotated[StartAttemptInput, strawberry.argument(description="Which paper. 试卷")],
    ) -> StartAttemptResult:
        attempt_id = await attempts.start_attempt(
            info.context.environment, info.context.caller, decode_id("Paper", input.paper_id)
        )
        return await load_attempt(info, attempt_id)

    @strawberry.mutation(description="Save one answer or many; sending again is harmless. 保存作答")
    async def save_answers(
        self,
        info: CoreInfo,
        input: Annotated[SaveAnswersInput, strawberry.argument(description="The answers. 作答")],
    ) -> SaveAnswersResult:
        held = await attempts.save_answers(
            info.context.environment,
            info.context.caller,
            decode_id("Attempt", input.attempt_id),
            [attempts.GivenAnswer(answer.position, answer.choice or "", answer.sequence) for answer in input.answers],
        )
        return AnswersSaved(
            answers=[
                SavedAnswer(
                    position=answer.position, choice=answer.choice, sequence=answer.sequence, saved_at=answer.saved_at
                )
                for answer in held
            ],
            server_time=info.context.environment.clock.now(),
        )

    @strawberry.mutation(description="Submit the paper; it is marked at once. 交卷")
    async def submit_attempt(
        self,
        info: CoreInfo,
        input: Annotated[SubmitAttemptInput, strawberry.argument(description="Which attempt. 答卷")],
    ) -> SubmitAttemptResult:
        attempt_id = decode_id("Attempt", input.attempt_id)
        await attempts.submit_attempt(info.context.environment, info.context.caller, attempt_id)
        info.context.forget_loaded()
        return await load_attempt(info, attempt_id)

    @strawberry.mutation(description="Import questions from CSV, for the authority. 导入试题")
    async def import_questions(
        self,
        info: CoreInfo,
        input: Annotated[ImportQuestionsInput, strawberry.argument(description="The file. 试题文件")],
    ) -> ImportQuestionsResult:
        report = await import_questions(
            info.context.environment,
            info.context.caller,
            input.subject,
            input.csv,
            columns=QuestionColumns(input.stem_column, tuple(input.option_columns), input.answer_column),
            source=input.source,
            replace=input.replace,
            skip_bad=input.skip_bad,
        )
        return QuestionImport(
            lines=report.lines,
            imported=report.imported,
            retired=report.retired,
            refused=[
                RefusedLine(line=entry.line, column=entry.column, code=entry.code, message=info.context.say(entry.text))
                for entry in report.refused
            ],
        )


NODES: Mapping[str, Callable[[CoreInfo, int], Awaitable[object]]] = {"Paper": load_paper, "Attempt": load_attempt}
CONTRIBUTION = GraphQLContribution(query=PaperQuery, mutation=PaperMutation, fields={"Assessment": AssessmentPapers})
