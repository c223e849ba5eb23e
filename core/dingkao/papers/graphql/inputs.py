"""Inputs of the mutations on papers."""

import strawberry


@strawberry.input(description="The paper to begin. 开始作答")
class StartAttemptInput:
    paper_id: strawberry.ID = strawberry.field(description="The paper. 试卷标识")


@strawberry.input(description="An answer to one question. 作答")
class AnswerInput:
    position: int = strawberry.field(description="The question, from 1. 题号")
    choice: str | None = strawberry.field(
        default=None, description="The chosen key; all of them (ACD) for type X; null clears it. 所选选项"
    )
    sequence: int = strawberry.field(
        description="The client's own counter: of two saves for one question the higher wins. 序号"
    )


@strawberry.input(description="One answer or many. 保存作答")
class SaveAnswersInput:
    attempt_id: strawberry.ID = strawberry.field(description="The attempt. 答卷标识")
    answers: list[AnswerInput] = strawberry.field(description="1 to 500. 作答")
    token: str | None = strawberry.field(
        default=None, description="The attempt's writerToken: also where the session is over. 作答令牌"
    )


@strawberry.input(description="The attempt to submit. 交卷")
class SubmitAttemptInput:
    attempt_id: strawberry.ID = strawberry.field(description="The attempt. 答卷标识")
    token: str | None = strawberry.field(
        default=None, description="The attempt's writerToken: also where the session is over. 作答令牌"
    )
    confirmed: bool = strawberry.field(
        default=False, description="Whether the doctor was asked about unanswered questions. 是否已确认有题未答"
    )


@strawberry.input(description="The attempt to go on with on this device. 接管作答")
class TakeOverAttemptInput:
    attempt_id: strawberry.ID = strawberry.field(description="The attempt. 答卷标识")
