"""The queries and mutations on papers: parse, call the service, show."""

from typing import Annotated

import strawberry

from dingkao.admission import Lane
from dingkao.context import CoreInfo
from dingkao.papers import attempts
from dingkao.papers.answers import GivenAnswer, save_answers
from dingkao.papers.graphql.absence import AbsenceMutation
from dingkao.papers.graphql.bank import BankMutation, BankQuery
from dingkao.papers.graphql.inputs import (
    SaveAnswersInput,
    StartAttemptInput,
    SubmitAttemptInput,
    TakeOverAttemptInput,
)
from dingkao.papers.graphql.invigilating import InvigilatingMutation, InvigilatingQuery
from dingkao.papers.graphql.pass_marks import PassMarkQuery
from dingkao.papers.graphql.question_voiding import QuestionVoidingQuery
from dingkao.papers.graphql.questions import SavedAnswer
from dingkao.papers.graphql.results import (
    AnswersSaved,
    SaveAnswersResult,
    StartAttemptResult,
    SubmitAttemptResult,
    TakeOverAttemptResult,
    UnansweredProblem,
)
from dingkao.papers.graphql.save_history import SaveHistoryQuery
from dingkao.papers.graphql.types import Attempt, load_attempt, load_attempt_by_token
from dingkao.papers.writing import take_over_attempt
from dingkao.plugin.ids import decode_id
from dingkao.plugin.text import Text


@strawberry.type
class PaperQuery(PassMarkQuery, BankQuery, InvigilatingQuery, QuestionVoidingQuery, SaveHistoryQuery):
    @strawberry.field(description="An attempt, with its questions while the doctor answers. 答卷")
    async def attempt(
        self, info: CoreInfo, id: Annotated[strawberry.ID, strawberry.argument(description="Which. 答卷标识")]
    ) -> Attempt:
        return await load_attempt(info, decode_id("Attempt", id))


# A doctor who sits a paper waits behind nobody who only reads, and an answer behind no submission.
LANES = {"saveAnswers": Lane.ANSWERS, "submitAttempt": Lane.PAPERS, "takeOverAttempt": Lane.PAPERS}


@strawberry.type
class PaperMutation(BankMutation, InvigilatingMutation, AbsenceMutation):
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
        saved = await save_answers(
            info.context.environment,
            info.context.caller,
            decode_id("Attempt", input.attempt_id),
            [GivenAnswer(answer.position, answer.choice or "", answer.sequence) for answer in input.answers],
            token=input.token,
        )
        return AnswersSaved(
            answers=[
                SavedAnswer(
                    position=answer.position, choice=answer.choice, sequence=answer.sequence, saved_at=answer.saved_at
                )
                for answer in saved.held
            ],
            revision=saved.revision,
            late=saved.late,
            server_time=info.context.environment.clock.now(),
        )

    @strawberry.mutation(description="Submit the paper; its mark follows. 交卷")
    async def submit_attempt(
        self,
        info: CoreInfo,
        input: Annotated[SubmitAttemptInput, strawberry.argument(description="Which attempt. 答卷")],
    ) -> SubmitAttemptResult:
        attempt_id = decode_id("Attempt", input.attempt_id)
        submission = await attempts.submit_attempt(
            info.context.environment,
            info.context.caller,
            attempt_id,
            token=input.token,
            confirmed=input.confirmed,
        )
        if submission.unanswered:
            number = len(submission.unanswered)
            text = Text(f"还有{number}题未答，确认交卷？", f"{number} questions are unanswered; submit anyway?")
            return UnansweredProblem(
                code="UNANSWERED_QUESTIONS", message=info.context.say(text), positions=list(submission.unanswered)
            )
        info.context.forget_loaded()
        if input.token is not None:
            return await load_attempt_by_token(info, attempt_id)
        return await load_attempt(info, attempt_id)

    @strawberry.mutation(
        description="Go on with a running attempt on this device; the one that wrote may only read. 接管作答"
    )
    async def take_over_attempt(
        self,
        info: CoreInfo,
        input: Annotated[TakeOverAttemptInput, strawberry.argument(description="Which attempt. 答卷")],
    ) -> TakeOverAttemptResult:
        attempt_id = decode_id("Attempt", input.attempt_id)
        await take_over_attempt(info.context.environment, info.context.caller, attempt_id)
        info.context.forget_loaded()
        return await load_attempt(info, attempt_id)
