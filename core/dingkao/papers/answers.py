"""Saving answers (作答): the hottest path of all, three statements however many answers are sent at once."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from piccolo.querystring import QueryString

from dingkao.audit.work import begin, logged_in
from dingkao.db.database import Database, is_postgresql
from dingkao.db.statement import Parameters, Statement
from dingkao.environment import Environment
from dingkao.papers.attempts import RUNNING_COLUMNS, is_over, settle_attempt
from dingkao.papers.tables import Answer, Attempt
from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, NotFound, StateConflict, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role

# One request saves at most a whole paper.
MOST_ANSWERS = 500
SEQUENCE_MAXIMUM = 2**31 - 1
# The choices of so many attempts are kept; an attempt's questions never change.
MOST_KEPT = 20_000

Choices = dict[int, frozenset[str]]


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer as a client sends it: the question's position (from 1), the chosen key ("" clears it), and the client's
    own sequence number: of two saves for one question the higher wins, whatever the order of arrival."""

    position: int
    choice: str
    sequence: int


@dataclass(frozen=True, slots=True)
class HeldAnswer:
    """What the server holds for one question."""

    position: int
    choice: str
    sequence: int
    saved_at: datetime


class TimeIsUp(StateConflict):
    """The deadline and its grace have passed. `unsettled` is the assessment where the attempt was not submitted yet."""

    def __init__(self, unsettled: int | None = None) -> None:
        text = Text("答题时间已到，试卷已自动提交。", "Time is up; what was there is submitted.")
        super().__init__("TIME_IS_UP", text, AttemptState.MARKED.value)
        self.unsettled = unsettled


def _attempt_query(parameters: Parameters) -> Any:
    # With the questions only where their choices are not known yet: they are the bulk of the row.
    columns = (*RUNNING_COLUMNS, Attempt.questions) if parameters.with_questions else RUNNING_COLUMNS
    query = Attempt.select(*columns).where(Attempt.id == parameters.attempt)
    # Held to the end: an answer is in before the marking or refused after it, and two batches cannot cross.
    return query.lock_rows("NO KEY UPDATE", of=(Attempt,)) if is_postgresql() else query


_attempt = Statement(_attempt_query, constants=("with_questions",))


def _upsert_query(parameters: Parameters) -> QueryString:
    if is_postgresql():
        source = (
            "SELECT {}::bigint, (item->>0)::integer, item->>1, (item->>2)::integer, {}::timestamptz "
            "FROM json_array_elements({}::json) AS item"
        )
    else:
        # WHERE TRUE keeps SQLite from reading ON CONFLICT as a join's condition.
        source = (
            "SELECT {}, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), {} "
            "FROM json_each({}) WHERE TRUE"
        )
    return QueryString(
        f"INSERT INTO answer (attempt, position, choice, sequence, saved_at) {source} "
        "ON CONFLICT (attempt, position) DO UPDATE SET choice = excluded.choice, sequence = excluded.sequence, "
        "saved_at = excluded.saved_at WHERE excluded.sequence > answer.sequence RETURNING position",
        parameters.attempt,
        parameters.saved_at,
        parameters.answers,
    )


_upsert = Statement(_upsert_query)
_held = Statement(
    lambda p: Answer.select(Answer.position, Answer.choice, Answer.sequence, Answer.saved_at).where(
        (Answer.attempt == p.attempt) & Answer.position.is_in(p.positions)
    )
)


class _KeptChoices:
    """The choices of running attempts: parsing a whole paper for each answer would cost more than all the rest."""

    def __init__(self) -> None:
        self._by_database: WeakKeyDictionary[Database, OrderedDict[int, Choices]] = WeakKeyDictionary()

    def find(self, database: Database, attempt_id: int) -> Choices | None:
        kept = self._by_database.get(database)
        if kept is None or attempt_id not in kept:
            return None
        kept.move_to_end(attempt_id)
        return kept[attempt_id]

    def keep(self, database: Database, attempt_id: int, questions: str) -> Choices:
        choices = {
            question["position"]: frozenset(option["key"] for option in question["options"])
            for question in json.loads(questions)
        }
        kept = self._by_database.setdefault(database, OrderedDict())
        kept[attempt_id] = choices
        if len(kept) > MOST_KEPT:
            kept.popitem(last=False)
        return choices


_choices = _KeptChoices()


async def save_answers(
    environment: Environment, caller: Caller | None, attempt_id: int, answers: Sequence[GivenAnswer]
) -> list[HeldAnswer]:
    """Save answers durably and return what the server now holds for those questions, by position.

    Sending again is harmless. Raises NotLoggedIn, NotFound (also for everybody but the doctor), ValidationFailed
    (position, choice, sequence), StateConflict (ATTEMPT_CLOSED, TIME_IS_UP after the deadline and the grace for a slow
    network).
    """
    asking = logged_in(caller)
    try:
        return await _save(environment, asking, attempt_id, answers)
    except TimeIsUp as refusal:
        # Its transaction is undone; submitting what is there is one of its own.
        if refusal.unsettled is not None:
            await settle_attempt(environment, attempt_id, refusal.unsettled)
        raise


async def _save(
    environment: Environment, caller: Caller, attempt_id: int, answers: Sequence[GivenAnswer]
) -> list[HeldAnswer]:
    async with begin(environment, caller) as work:
        choices = _choices.find(environment.database, attempt_id)
        attempt = await _attempt.first(attempt=attempt_id, with_questions=choices is None)
        if attempt is None or caller.doctor_id is None or attempt["doctor"] != caller.doctor_id:
            raise NotFound
        work.acting = caller.require(Role.DOCTOR)
        if attempt["state"] != AttemptState.IN_PROGRESS.value:
            if attempt["timed_out"]:
                raise TimeIsUp
            text = Text("试卷已提交，不能再作答。", "The paper is submitted already.")
            raise StateConflict("ATTEMPT_CLOSED", text, attempt["state"])
        if await is_over(environment, attempt):
            raise TimeIsUp(attempt["assessment"])
        if choices is None:
            choices = _choices.keep(environment.database, attempt_id, attempt["questions"])
        problems = _problems(answers, choices)
        if problems:
            raise ValidationFailed(problems)
        held = await _write(attempt_id, _newest(answers), work.now)
        positions = [answer.position for answer in held]
        await work.record("SAVE_ANSWERS", "Attempt", attempt_id, {"positions": positions})
        return held


def _newest(answers: Sequence[GivenAnswer]) -> list[GivenAnswer]:
    """One answer for each question, by position: of several in one request the highest sequence, as in the database."""
    newest: dict[int, GivenAnswer] = {}
    for answer in answers:
        other = newest.get(answer.position)
        if other is None or answer.sequence > other.sequence:
            newest[answer.position] = answer
    return [newest[position] for position in sorted(newest)]


async def _write(attempt_id: int, answers: Sequence[GivenAnswer], now: datetime) -> list[HeldAnswer]:
    sent = json.dumps([[answer.position, answer.choice, answer.sequence] for answer in answers])
    written = {row["position"] for row in await _upsert.run(attempt=attempt_id, saved_at=now, answers=sent)}
    held = {
        answer.position: HeldAnswer(answer.position, answer.choice, answer.sequence, now)
        for answer in answers
        if answer.position in written
    }
    beaten = [answer.position for answer in answers if answer.position not in written]
    for row in await _held.run(attempt=attempt_id, positions=beaten):
        held[row["position"]] = HeldAnswer(row["position"], row["choice"], row["sequence"], row["saved_at"])
    return [held[position] for position in sorted(held)]


def _problems(answers: Sequence[GivenAnswer], choices: Choices) -> list[FieldProblem]:
    if not 1 <= len(answers) <= MOST_ANSWERS:
        text = Text(f"一次请保存1至{MOST_ANSWERS}题。", f"Save 1 to {MOST_ANSWERS} answers at once.")
        return [FieldProblem("answers", "NUMBER_OF_ANSWERS", text)]
    problems = []
    for place, answer in enumerate(answers):
        if answer.position not in choices:
            text = Text("试卷中没有该题。", "The paper has no such question.")
            problems.append(FieldProblem(f"answers.{place}.position", "NO_SUCH_QUESTION", text))
        elif answer.choice and answer.choice not in choices[answer.position]:
            text = Text("没有该选项。", "The question has no such option.")
            problems.append(FieldProblem(f"answers.{place}.choice", "NO_SUCH_OPTION", text))
        if not 0 <= answer.sequence <= SEQUENCE_MAXIMUM:
            text = Text("序号超出范围。", "The sequence number is out of range.")
            problems.append(FieldProblem(f"answers.{place}.sequence", "SEQUENCE_OUT_OF_RANGE", text))
    return problems
