"""The question bank in the schema: for the authority's officers alone."""

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from dingkao.audit.work import logged_in
from dingkao.context import CoreInfo
from dingkao.graphql_pages import after_key, keyset_page
from dingkao.institutions.graphql import Region, load_region
from dingkao.papers.approval import approve_import, approve_questions, retire_questions
from dingkao.papers.bank import bank_size
from dingkao.papers.bank_files import decoded_file, import_question_file
from dingkao.papers.bank_lists import BankRecord, list_questions
from dingkao.papers.formats import QuestionFormat
from dingkao.papers.graphql.pictures import QuestionImage, show_banked
from dingkao.papers.graphql.questions import QuestionOption
from dingkao.papers.question_file import QuestionColumns
from dingkao.papers.vocabulary import QuestionState
from dingkao.plugin.enums import (
    DifficultyEnum,
    PaperSubjectEnum,
    QuestionCategoryEnum,
    QuestionTypeEnum,
    described_enum,
)
from dingkao.plugin.errors import FieldProblem, ValidationFailed
from dingkao.plugin.graphql import Connection, NotEligibleProblem, StateProblem, ValidationProblem, page_size
from dingkao.plugin.ids import decode_id, encode_id
from dingkao.plugin.ports import PortFailed
from dingkao.plugin.text import Text

described_enum(
    QuestionState,
    "State of a version of a question. 试题状态",
    {
        QuestionState.DRAFT: "Waits for approval by another than its author. 待审定",
        QuestionState.APPROVED: "In use. 已审定",
        QuestionState.RETIRED: "Out of use. 已停用",
    },
)
QuestionStateEnum: TypeAlias = QuestionState


described_enum(
    QuestionFormat,
    "Format of a question file. 试题文件格式",
    {
        QuestionFormat.CSV: "A table as text, with a line of column names. 文本表格",
        QuestionFormat.XLSX: "A workbook; its first sheet. 电子表格",
        QuestionFormat.GIFT: "GIFT, as Moodle reads and writes it. GIFT 文本",
        QuestionFormat.AIKEN: "Aiken: stem, options and answer in lines. Aiken 文本",
        QuestionFormat.MOODLE: "Moodle's XML. Moodle XML 文件",
        QuestionFormat.QTI_2: "QTI 2.0 to 2.2: an item, or a package. QTI 2 试题包",
        QuestionFormat.QTI_3: "QTI 3.0: an item, or a package. QTI 3 试题包",
    },
)
QuestionFormatEnum: TypeAlias = QuestionFormat


@strawberry.type(description="The bank of one subject. 题库")
class QuestionBank:
    subject: PaperSubjectEnum = strawberry.field(description="Subject. 科目")
    count: int = strawberry.field(description="Questions in use in the banks that the asking account reads. 可用试题数")


@strawberry.type(description="A version of a question as the bank holds it. 题库试题")
class BankQuestion:
    id: strawberry.ID = strawberry.field(description="Identifier of the version. 标识")
    code: str = strawberry.field(description="The question's number, of all its versions. 题号")
    version: int = strawberry.field(description="First is 1. 版本")
    state: QuestionStateEnum = strawberry.field(description="State. 状态")
    type: QuestionTypeEnum = strawberry.field(description="Type. 题型")
    category: QuestionCategoryEnum | None = strawberry.field(description="Category; null: any. 类别")
    specialty: str = strawberry.field(description="Scope of practice it is for; empty: all. 专业")
    topic: str = strawberry.field(description="Topic. 知识点")
    difficulty: DifficultyEnum | None = strawberry.field(description="Difficulty. 难度")
    group: str = strawberry.field(description="The group it is asked with (A3, A4, B1). 题组")
    shared_stem: str = strawberry.field(description="The case of its group (A3, A4). 共用题干")
    stem: str = strawberry.field(description="What is asked. 题干")
    options: list[QuestionOption] = strawberry.field(description="What may be chosen. 选项")
    pictures: list[QuestionImage] = strawberry.field(
        description="Its pictures: of the case, of the stem, then of the options. 图片"
    )
    key: str = strawberry.field(description="Keys of the options to choose. 答案")
    source: str = strawberry.field(description="Where it comes from. 来源")
    created_at: datetime = strawberry.field(description="When it came in. 录入时间")
    approved_at: datetime | None = strawberry.field(description="When it was approved. 审定时间")
    region_id: strawberry.Private[int | None]

    @strawberry.field(description="Whose bank it is in; null: the nation's. 所属行政区划")
    async def region(self, info: CoreInfo) -> Region | None:
        return None if self.region_id is None else await load_region(info, self.region_id)


@strawberry.input(description="A file of questions: the text of a CSV file, or a file of any format. 导入试题")
class ImportQuestionsInput:
    subject: PaperSubjectEnum = strawberry.field(description="For which subject. 科目")
    csv: str | None = strawberry.field(
        default=None, description="The text of a CSV file, with a line of column names. CSV 内容"
    )
    file: str | None = strawberry.field(
        default=None, description="In place of `csv`: a file of any format, as Base64. 文件内容"
    )
    file_name: str = strawberry.field(
        default="", description="The file's name: helps to recognise GIFT and Aiken. 文件名"
    )
    format: QuestionFormatEnum | None = strawberry.field(
        default=None, description="Of `file`; null: it is recognised. 文件格式"
    )
    stem_column: str = strawberry.field(default="Question", description="Column of the stem. 题干列名")
    option_columns: list[str] = strawberry.field(
        default_factory=lambda: ["A", "B", "C", "D"], description="Columns of the options. 选项列名"
    )
    answer_column: str = strawberry.field(default="Answer", description="Column of the right letters. 答案列名")
    source: str = strawberry.field(default="", description="Where they come from. 来源")
    replace: bool = strawberry.field(
        default=False, description="Whether its approval retires what is in use. 审定后是否停用原有试题"
    )
    skip_bad: bool = strawberry.field(default=False, description="Import the good lines alone. 是否跳过有误的行")
    region_code: str | None = strawberry.field(
        default=None, description="Whose bank; null: that of the author's own region. 所属行政区划代码"
    )


@strawberry.type(description="Why a line was refused. 未导入的行")
class RefusedLine:
    line: int = strawberry.field(description="Line of the file. 行号")
    column: str = strawberry.field(description="Column; empty: the line. 列名")
    code: str = strawberry.field(description="Stable code. 代码")
    message: str = strawberry.field(description="Sentence for people. 说明")


@strawberry.type(description="What is doubtful in questions that were taken. 导入提示")
class QuestionRemark:
    line: int = strawberry.field(description="The first line of the file that it says something of. 行号")
    code: str = strawberry.field(description="Stable code. 代码")
    message: str = strawberry.field(description="Sentence for people. 说明")


@strawberry.type(description="What an import did. 导入结果")
class QuestionImport:
    import_id: strawberry.ID | None = strawberry.field(
        description="What another officer approves; null: nothing came in. 导入批次"
    )
    lines: int = strawberry.field(description="Questions in the file. 行数")
    imported: int = strawberry.field(description="Questions taken, as drafts. 已导入（待审定）")
    refused: list[RefusedLine] = strawberry.field(description="Refused lines. 未导入")
    remarks: list[QuestionRemark] = strawberry.field(
        description="What is doubtful in what was taken: no reason to refuse it. 导入提示"
    )


@strawberry.input(description="What to approve: an import, or single questions. 审定试题")
class ApproveQuestionsInput:
    import_id: strawberry.ID | None = strawberry.field(default=None, description="All of an import. 导入批次")
    question_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Where no import is named: 1 to 1,000 drafts. 试题"
    )


@strawberry.input(description="What to take out of use. 停用试题")
class RetireQuestionsInput:
    question_ids: list[strawberry.ID] = strawberry.field(description="1 to 1,000. 试题")
    reason: str = strawberry.field(description="Why. 停用原因")


@strawberry.type(description="How many questions came into use, and went out of it. 题库变动")
class QuestionBankChange:
    approved: int = strawberry.field(description="Came into use. 审定题数")
    retired: int = strawberry.field(description="Went out of use, beside older versions. 停用题数")


ImportQuestionsResult = Annotated[
    QuestionImport | ValidationProblem,
    strawberry.union("ImportQuestionsResult", description="Outcome of an import. 导入结果"),
]
ApproveQuestionsResult = Annotated[
    QuestionBankChange | ValidationProblem | StateProblem | NotEligibleProblem,
    strawberry.union("ApproveQuestionsResult", description="Outcome of approving. 审定结果"),
]
RetireQuestionsResult = Annotated[
    QuestionBankChange | ValidationProblem | StateProblem,
    strawberry.union("RetireQuestionsResult", description="Outcome of retiring. 停用结果"),
]


def _show(info: CoreInfo, record: BankRecord) -> BankQuestion:
    return BankQuestion(
        id=strawberry.ID(encode_id("Question", record.id)),
        code=record.code,
        version=record.version,
        state=record.state,
        type=record.question.type,
        category=record.question.category,
        specialty=record.question.specialty,
        topic=record.question.topic,
        difficulty=record.question.difficulty,
        group=record.question.group,
        shared_stem=record.question.shared,
        stem=record.question.stem,
        options=[QuestionOption(key=key, text=text) for key, text in record.question.options],
        pictures=show_banked(info, record.question.pictures),
        key=record.question.answer,
        source=record.question.source,
        created_at=record.created_at,
        approved_at=record.approved_at,
        region_id=record.region_id,
    )


@strawberry.type
class BankQuery:
    @strawberry.field(description="The question bank, for the authority. 题库")
    async def question_bank(
        self,
        info: CoreInfo,
        subject: Annotated[PaperSubjectEnum, strawberry.argument(description="Which subject. 科目")],
    ) -> QuestionBank:
        return QuestionBank(subject=subject, count=await bank_size(info.context.caller, subject))

    @strawberry.field(description="Questions of the bank with their keys, for the authority. 题库试题列表")
    async def bank_questions(
        self,
        info: CoreInfo,
        subject: Annotated[PaperSubjectEnum, strawberry.argument(description="Which subject. 科目")],
        state: Annotated[QuestionStateEnum, strawberry.argument(description="In which state. 状态")],
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 50,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[BankQuestion]:
        size = page_size(first)
        records = await list_questions(
            info.context.caller, subject, state, after=after_key("Question", after), limit=size + 1
        )
        return keyset_page("Question", [(record.id, _show(info, record)) for record in records], size)


@strawberry.type
class BankMutation:
    @strawberry.mutation(description="Import questions from a file as drafts, for the authority. 导入试题")
    async def import_questions(
        self,
        info: CoreInfo,
        input: Annotated[ImportQuestionsInput, strawberry.argument(description="The file. 试题文件")],
    ) -> ImportQuestionsResult:
        # Who has not logged in is told so, and nothing of the input.
        logged_in(info.context.caller)
        if (input.csv is None) == (input.file is None):
            text = Text("请提交 csv、file 两项之一。", "Send one of csv and file.")
            raise ValidationFailed([FieldProblem("file", "ONE_FILE", text)])
        try:
            report = await import_question_file(
                info.context.environment,
                info.context.caller,
                input.subject,
                decoded_file(input.file) if input.file is not None else (input.csv or "").encode(),
                name=input.file_name,
                kind=input.format if input.file is not None else QuestionFormat.CSV,
                columns=QuestionColumns(input.stem_column, tuple(input.option_columns), input.answer_column),
                source=input.source,
                replace=input.replace,
                skip_bad=input.skip_bad,
                region_code=input.region_code,
            )
        except PortFailed:
            text = Text("文件存储暂时不可用，请稍后再试。", "The file store is out of reach; try again in a while.")
            raise ValidationFailed([FieldProblem("file", "FILES_UNAVAILABLE", text)]) from None
        return QuestionImport(
            import_id=None if report.batch is None else strawberry.ID(encode_id("QuestionImport", report.batch)),
            lines=report.lines,
            imported=report.imported,
            refused=[
                RefusedLine(line=entry.line, column=entry.column, code=entry.code, message=info.context.say(entry.text))
                for entry in report.refused
            ],
            remarks=[
                QuestionRemark(line=entry.line, code=entry.code, message=info.context.say(entry.text))
                for entry in report.remarks
            ],
        )

    @strawberry.mutation(description="Take drafts into use, as another than their author. 审定试题")
    async def approve_questions(
        self,
        info: CoreInfo,
        input: Annotated[ApproveQuestionsInput, strawberry.argument(description="Which. 试题")],
    ) -> ApproveQuestionsResult:
        environment, caller = info.context.environment, info.context.caller
        if input.import_id is not None:
            batch_id = decode_id("QuestionImport", input.import_id)
            approved, retired = await approve_import(environment, caller, batch_id)
            return QuestionBankChange(approved=approved, retired=retired)
        ids = [decode_id("Question", key) for key in input.question_ids]
        return QuestionBankChange(approved=await approve_questions(environment, caller, ids), retired=0)

    @strawberry.mutation(description="Take questions out of use; papers that were begun keep them. 停用试题")
    async def retire_questions(
        self,
        info: CoreInfo,
        input: Annotated[RetireQuestionsInput, strawberry.argument(description="Which, and why. 试题")],
    ) -> RetireQuestionsResult:
        ids = [decode_id("Question", key) for key in input.question_ids]
        retired = await retire_questions(info.context.environment, info.context.caller, ids, input.reason)
        return QuestionBankChange(approved=0, retired=retired)
