"""What the mutations on papers may answer, and the bank."""

from datetime import datetime
from typing import Annotated

import strawberry

from dingkao.papers.graphql.questions import SavedAnswer
from dingkao.papers.graphql.types import Attempt
from dingkao.plugin.graphql import NotEligibleProblem, Problem, StateProblem, ValidationProblem


@strawberry.type(description="What the server now holds. 已保存")
class AnswersSaved:
    answers: list[SavedAnswer] = strawberry.field(description="For the questions that were sent. 作答")
    revision: int = strawberry.field(description="Number of this save in the attempt's history, from 1. 保存版本")
    late: bool = strawberry.field(description="Whether it came after the deadline, in the grace. 是否逾时送达")
    server_time: datetime = strawberry.field(description="The server's clock. 服务器时间")


@strawberry.type(description="Submitting asks first: questions are unanswered. Send it again, confirmed. 有题未答")
class UnansweredProblem(Problem):
    positions: list[int] = strawberry.field(description="The questions without an answer, from 1. 未答题号")


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
