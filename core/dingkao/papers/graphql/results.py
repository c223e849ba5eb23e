"""What the mutations on papers may answer, and the bank."""

from datetime import datetime
from typing import Annotated

import strawberry

from dingkao.papers.graphql.types import Attempt, FaceConsent, SavedAnswer
from dingkao.plugin.enums import PaperSubjectEnum
from dingkao.plugin.graphql import NotEligibleProblem, Problem, StateProblem, ValidationProblem


@strawberry.type(description="The bank of one subject. 题库")
class QuestionBank:
    subject: PaperSubjectEnum = strawberry.field(description="Subject. 科目")
    count: int = strawberry.field(description="Questions in use. 可用试题数")


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
    revision: int = strawberry.field(description="Number of this save in the attempt's history, from 1. 保存版本")
    late: bool = strawberry.field(description="Whether it came after the deadline, in the grace. 是否逾时送达")
    server_time: datetime = strawberry.field(description="The server's clock. 服务器时间")


@strawberry.type(description="Submitting asks first: questions are unanswered. Send it again, confirmed. 有题未答")
class UnansweredProblem(Problem):
    positions: list[int] = strawberry.field(description="The questions without an answer, from 1. 未答题号")


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
    Attempt | UnansweredProblem | StateProblem,
    strawberry.union("SubmitAttemptResult", description="Outcome of submitting a paper. 交卷结果"),
]
TakeOverAttemptResult = Annotated[
    Attempt | StateProblem,
    strawberry.union("TakeOverAttemptResult", description="Outcome of taking over. 接管结果"),
]
ImportQuestionsResult = Annotated[
    QuestionImport | ValidationProblem,
    strawberry.union("ImportQuestionsResult", description="Outcome of an import. 导入结果"),
]
