"""Saving answers (作答): the hottest path of all, three statements however many answers are sent at once.

The third appends to the history of saves, which is the audit entry of a save too: it says who, when, from where, what.
"""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from piccolo.querystring import QueryString

from dingkao.audit.work import UnitOfWork, begin
from dingkao.db.database import Database, is_postgresql
from dingkao.db.statement import Parameters, Statement
from dingkao.environment import Environment
from dingkao.papers.marking import ordered_choice, possible_choices
from dingkao.papers.running import RUNNING_COLUMNS, find_attempt, hold_row
from dingkao.papers.settling import settle_attempt
from dingkao.papers.tables import Answer, Attempt
from dingkao.papers.timing import timing_of
from dingkao.papers.vocabulary import AttemptPhase, AttemptState
from dingkao.papers.writing import require_writer, writing_caller
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, NotFound, StateConflict, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role

# One request saves at most a whole paper.
MOST_ANSWERS = 500
SEQUENCE_MAXIMUM = 2**31 - 1
# The choices of so many attempts are kept; an attempt's questions never change.
MOST_KEPT = 20_000
_MOST_FORMS = 500

Choices = dict[int, frozenset[str]]


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer as a client sends it: the question's position (from 1), the chosen key ("" clears it; of several keys
    the order says nothing), and the client's own sequence number: of two saves for one question the higher wins,
    whatever the order of arrival."""

    position: int
    choice: str
    sequence: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "choice", ordered_choice(self.choice))


@dataclass(frozen=True, slots=True)
class HeldAnswer:
    """What the server holds for one question."""

    position: int
    choice: str
    sequence: int
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Saved:
    """The acknowledgement of a save: what the server now holds for the questions that were sent, by position; the
    number of this save in the attempt's history; the server's time; whether it came in the grace after the end."""

    held: list[HeldAnswer]
    revision: int
    at: datetime
    late: bool


class _Unsettled(Exception):
    """Nothing is left of the time and nobody has settled the attempt of this assessment yet."""

    def __init__(self, assessment_id: int) -> None:
        super().__init__(assessment_id)
        self.assessment_id = assessment_id


def _attempt_query(parameters: Parameters) -> Any:
    # With the questions only where their choices are not known yet: they are the bulk of the row.
    columns = (*RUNNING_COLUMNS, Attempt.questions) if parameters.with_questions else RUNNING_COLUMNS
    return hold_row(Attempt.select(*columns).where(Attempt.id == parameters.attempt))


_attempt = Statement(_attempt_query, constants=("with_questions",))


def _upsert_query(parameters: Parameters) -> QueryString:
    if is_postgresql():
        source = (
            "SELECT {}::bigint, (item->>0)::integer, item->>1, (item->>2)::integer, "
            "{}::timestamptz, {}::boolean "
            "FROM json_array_elements({}::json) AS item"
        )
    else:
        # WHERE TRUE keeps SQLite from reading ON CONFLICT as a join's condition.
        source = (
            "SELECT {}, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), {}, {} "
            "FROM json_each({}) WHERE TRUE"
        )
    return QueryString(
        f"INSERT INTO answer (attempt, position, choice, sequence, saved_at, late) {source} "
        "ON CONFLICT (attempt, position) DO UPDATE SET choice = excluded.choice, sequence = excluded.sequence, "
        "saved_at = excluded.saved_at, late = excluded.late WHERE excluded.sequence > answer.sequence "
        "RETURNING position",
        parameters.attempt,
        parameters.saved_at,
        parameters.late,
        parameters.answers,
    )


_HISTORY = {
    "attempt": "bigint", "saved_at": "timestamptz", "late": "boolean", "writer_number": "integer", "account": "bigint",
    "session": "bigint", "address": "varchar", "request_id": "varchar", "answers": "text",
}  # fmt: skip


def _append_query(parameters: Parameters) -> QueryString:
    # PostgreSQL is told the types: it cannot see the columns that selected values go to.
    values = ", ".join(f"CAST({{}} AS {kind})" if is_postgresql() else "{}" for kind in _HISTORY.values())
    return QueryString(
        f"INSERT INTO answer_save ({', '.join(_HISTORY)}, revision) "  # noqa: S608 - our own column names
        f"SELECT {values}, COALESCE(MAX(revision), 0) + 1 FROM answer_save WHERE attempt = {{}} RETURNING revision",
        *(getattr(parameters, name) for name in _HISTORY),
        parameters.attempt,
    )


_append = Statement(_append_query)
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
        self._forms: dict[tuple[tuple[int, frozenset[str]], ...], Choices] = {}

    def find(self, database: Database, attempt_id: int) -> Choices | None:
        kept = self._by_database.get(database)
        if kept is None or attempt_id not in kept:
            return None
        kept.move_to_end(attempt_id)
        return kept[attempt_id]

    def keep(self, database: Database, attempt_id: int, questions: str) -> Choices:
        choices = {question["position"]: possible_choices(question) for question in json.loads(questions)}
        # Papers of one form share one: a paper of a hundred questions is 5 KiB, twenty thousand of them 100 MiB.
        if len(self._forms) > _MOST_FORMS:
            self._forms.clear()
        choices = self._forms.setdefault(tuple(choices.items()), choices)
        kept = self._by_database.setdefault(database, OrderedDict())
        kept[attempt_id] = choices
        if len(kept) > MOST_KEPT:
            kept.popitem(last=False)
        return choices


_choices = _KeptChoices()


async def save_answers(
    environment: Environment,
    caller: Caller | None,
    attempt_id: int,
    answers: Sequence[GivenAnswer],
    *,
    token: str | None = None,
) -> Saved:
    """Save answers durably. Sending again is harmless: the highest sequence wins, not the latest arrival.

    By the session that writes, or by the attempt's token, also where the session is over. Raises NotLoggedIn, NotFound
    (also for everybody but the doctor), ValidationFailed (position, choice, sequence), StateConflict: TAKEN_OVER,
    ANOTHER_DEVICE_WRITES (see `require_writer`), ATTEMPT_PAUSED, TIME_IS_UP after the deadline and the grace for a slow
    network, SUBMIT_ONLY where the paper may still be submitted then, ATTEMPT_CLOSED.
    """
    asking = await writing_caller(environment, caller, attempt_id, token)
    try:
        return await _save(environment, asking, attempt_id, answers, token)
    except _Unsettled as unsettled:
        # The save's transaction is undone; settling what is there is one of its own.
        await settle_attempt(environment, attempt_id, unsettled.assessment_id)
        raise time_is_up((await find_attempt(attempt_id))["state"]) from None


def time_is_up(state: str) -> StateConflict:
    """The deadline and its grace have passed; `state` is what has become of the attempt."""
    if state == AttemptState.ABANDONED.value:
        text = Text("答题时间已到，试卷未交，按弃考处理。", "Time is up; the paper was not submitted and is abandoned.")
    else:
        text = Text("答题时间已到，试卷已自动提交。", "Time is up; what was there is submitted.")
    return StateConflict("TIME_IS_UP", text, state)


async def _save(
    environment: Environment, caller: Caller, attempt_id: int, answers: Sequence[GivenAnswer], token: str | None
) -> Saved:
    async with begin(environment, caller) as work:
        choices = _choices.find(environment.database, attempt_id)
        attempt = await _attempt.first(attempt=attempt_id, with_questions=choices is None)
        if attempt is None:
            raise NotFound
        require_writer(environment, caller, attempt, token)
        work.acting = caller.require(Role.DOCTOR)
        late = _require_open(attempt, environment.clock.now())
        if choices is None:
            choices = _choices.keep(environment.database, attempt_id, attempt["questions"])
        problems = _problems(answers, choices)
        if problems:
            raise ValidationFailed(problems)
        held, taken = await _write(attempt_id, _newest(answers), work.now, late=late)
        revision = await _append_save(work, attempt, answers, taken, late=late)
        return Saved(held, revision, work.now, late)


def _require_open(attempt: Mapping[str, Any], now: datetime) -> bool:
    """Check that the attempt takes answers; returns whether they are late."""
    if attempt["state"] != AttemptState.IN_PROGRESS.value:
        if attempt["timed_out"]:
            raise time_is_up(attempt["state"])
        text = Text("试卷已提交，不能再作答。", "The paper is submitted already.")
        raise StateConflict("ATTEMPT_CLOSED", text, attempt["state"])
    timing = timing_of(attempt)
    if timing.takes_answers(now):
        return timing.is_late(now)
    match timing.phase(now):
        case AttemptPhase.PAUSED:
            text = Text("监考人员已暂停作答，请等候。", "An invigilator has paused the paper; wait.")
            raise StateConflict("ATTEMPT_PAUSED", text, attempt["state"])
        case AttemptPhase.SUBMIT_ONLY:
            text = Text(
                "答题时间已到，不能再作答，请尽快交卷。", "Time is up: nothing is changed any more; submit the paper."
            )
            raise StateConflict("SUBMIT_ONLY", text, attempt["state"])
        case _:
            raise _Unsettled(attempt["assessment"])


async def _append_save(
    work: UnitOfWork, attempt: Mapping[str, Any], answers: Sequence[GivenAnswer], taken: set[int], *, late: bool
) -> int:
    """Append to the attempt's history what was sent, all of it, and which of it won; returns the revision."""
    won = {answer.position: answer for answer in _newest(answers) if answer.position in taken}
    sent = [[answer.position, answer.choice, answer.sequence, won.get(answer.position) is answer] for answer in answers]
    rows = await _append.run(
        attempt=attempt["id"],
        saved_at=work.now,
        late=late,
        writer_number=attempt["writer_number"],
        account=work.caller.account_id,
        session=work.caller.session_id or None,
        address=work.caller.address,
        request_id=work.caller.request_id,
        answers=json.dumps(sent, separators=(",", ":")),
    )
    work.recorded += 1
    return int(rows[0]["revision"])


def _newest(answers: Sequence[GivenAnswer]) -> list[GivenAnswer]:
    """One answer for each question, by position: of several in one request the highest sequence, as in the database."""
    newest: dict[int, GivenAnswer] = {}
    for answer in answers:
        other = newest.get(answer.position)
        if other is None or answer.sequence > other.sequence:
            newest[answer.position] = answer
    return [newest[position] for position in sorted(newest)]


async def _write(
    attempt_id: int, answers: Sequence[GivenAnswer], now: datetime, *, late: bool
) -> tuple[list[HeldAnswer], set[int]]:
    sent = json.dumps([[answer.position, answer.choice, answer.sequence] for answer in answers])
    rows = await _upsert.run(attempt=attempt_id, saved_at=now, late=late, answers=sent)
    taken = {row["position"] for row in rows}
    held = {
        answer.position: HeldAnswer(answer.position, answer.choice, answer.sequence, now)
        for answer in answers
        if answer.position in taken
    }
    beaten = [answer.position for answer in answers if answer.position not in taken]
    for row in await _held.run(attempt=attempt_id, positions=beaten):
        held[row["position"]] = HeldAnswer(row["position"], row["choice"], row["sequence"], row["saved_at"])
    return [held[position] for position in sorted(held)], taken


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
