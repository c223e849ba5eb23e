"""Saving answers (作答): the hottest path of all, three statements however many answers are sent at once, and however
many doctors send them: those who come while others are being saved are saved together, in one transaction.

The third appends to the history of saves, which is the audit entry of a save too: it says who, when, from where, what.
"""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from dingkao.audit.work import logged_in
from dingkao.db.database import Database, transaction
from dingkao.db.together import TogetherOnEach
from dingkao.environment import Environment
from dingkao.papers.marking import ordered_choice, possible_choices
from dingkao.papers.running import find_attempt
from dingkao.papers.saving import (
    HistoryRow,
    SentAnswer,
    append_saves,
    held_answers,
    hold_attempts,
    questions_of,
    store_answers,
)
from dingkao.papers.settling import settle_attempt
from dingkao.papers.timing import timing_of
from dingkao.papers.vocabulary import AttemptPhase, AttemptState
from dingkao.papers.writing import require_writer, writing_caller
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, NotFound, Refusal, StateConflict, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role

# One request saves at most a whole paper.
MOST_ANSWERS = 500
SEQUENCE_MAXIMUM = 2**31 - 1
# The choices of so many attempts are kept; an attempt's questions never change.
MOST_KEPT = 20_000
_MOST_FORMS = 500
# The answers of so many doctors are saved in one transaction: a few milliseconds' work.
MOST_TOGETHER = 50

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

    async def of(self, database: Database, attempt_ids: Sequence[int]) -> dict[int, Choices]:
        """By attempt; of those that are not kept yet the questions are read."""
        found = {key: self.find(database, key) for key in attempt_ids}
        missing = [key for key, choices in found.items() if choices is None]
        read = await questions_of(missing)
        return {
            key: choices if choices is not None else self.keep(database, key, json.loads(read[key]))
            for key, choices in found.items()
        }

    def keep(self, database: Database, attempt_id: int, questions: Sequence[Mapping[str, Any]]) -> Choices:
        choices = {question["position"]: possible_choices(question) for question in questions}
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


def keep_choices(database: Database, attempt_id: int, questions: Sequence[Mapping[str, Any]]) -> None:
    """Keep what may be chosen in an attempt that has just begun. After its COMMIT: until then its number may be
    another's yet."""
    _choices.keep(database, attempt_id, questions)


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
    asking = logged_in(await writing_caller(environment, caller, attempt_id, token))
    save = _Save(environment, asking, attempt_id, answers, token)
    try:
        try:
            return await _saving.do(environment.database, save)
        except _HeldByAnother:
            return await _save_alone(save)
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


@dataclass(frozen=True, slots=True)
class _Save:
    """What one request wants saved, and for whom."""

    environment: Environment
    caller: Caller
    attempt_id: int
    answers: Sequence[GivenAnswer]
    token: str | None


class _HeldByAnother(Exception):
    """Another transaction has the attempt: this save waits for it alone."""


async def _save_alone(save: _Save) -> Saved:
    (outcome,) = await _save_together([save])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def _save_batch(saves: Sequence[_Save]) -> Sequence[Saved | Exception]:
    """The saves of a batch; where the batch as a whole fails, each by itself: nobody's are lost by another's."""
    try:
        return await _save_together(saves)
    except Exception:
        if len(saves) == 1:
            raise
    outcomes: list[Saved | Exception] = []
    for save in saves:
        try:
            outcomes += await _save_together([save])
        except Exception as error:
            outcomes.append(error)
    return outcomes


async def _save_together(saves: Sequence[_Save]) -> list[Saved | Exception]:
    """Save for several doctors in one transaction; for each what was saved, or why not. A refusal of one touches no
    other."""
    environment = saves[0].environment
    async with transaction(first=True):
        now = environment.clock.now()
        attempts = await hold_attempts([save.attempt_id for save in saves])
        choices = await _choices.of(environment.database, list(attempts))
        late: dict[int, bool] = {}
        refused: dict[int, Exception] = {}
        for save in saves:
            try:
                late[save.attempt_id] = _check(save, attempts.get(save.attempt_id), choices, now, alone=len(saves) == 1)
            except (Refusal, _Unsettled, _HeldByAnother) as error:
                refused[save.attempt_id] = error
        saved = await _store([save for save in saves if save.attempt_id in late], attempts, late, now)
    return [refused.get(save.attempt_id) or saved[save.attempt_id] for save in saves]


def _check(
    save: _Save, attempt: Mapping[str, Any] | None, choices: Mapping[int, Choices], now: datetime, *, alone: bool
) -> bool:
    """Check that the attempt takes these answers from who sends them; returns whether they are late."""
    if attempt is None:
        raise NotFound if alone else _HeldByAnother
    require_writer(save.environment, save.caller, attempt, save.token)
    save.caller.require(Role.DOCTOR)
    late = _require_open(attempt, now)
    problems = _problems(save.answers, choices[save.attempt_id])
    if problems:
        raise ValidationFailed(problems)
    return late


async def _store(
    saves: Sequence[_Save], attempts: Mapping[int, Mapping[str, Any]], late: Mapping[int, bool], now: datetime
) -> dict[int, Saved]:
    """Write the answers and their histories; by attempt what the server now holds."""
    if not saves:
        return {}
    newest = {save.attempt_id: _newest(save.answers) for save in saves}
    taken = await store_answers(
        [
            SentAnswer(key, answer.position, answer.choice, answer.sequence, late[key])
            for key, answers in newest.items()
            for answer in answers
        ],
        now,
    )
    revisions = await append_saves(
        [_history(save, attempts[save.attempt_id], newest[save.attempt_id], taken, late) for save in saves], now
    )
    return {key: Saved(await _hold(key, newest[key], taken, now), revisions[key], now, late[key]) for key in newest}


def _history(
    save: _Save,
    attempt: Mapping[str, Any],
    newest: Sequence[GivenAnswer],
    taken: set[tuple[int, int]],
    late: Mapping[int, bool],
) -> HistoryRow:
    """What was sent, all of it, and which of it won."""
    won = {answer.position: answer for answer in newest if (save.attempt_id, answer.position) in taken}
    sent = [
        [answer.position, answer.choice, answer.sequence, won.get(answer.position) is answer] for answer in save.answers
    ]
    return HistoryRow(
        save.attempt_id,
        late[save.attempt_id],
        attempt["writer_number"],
        save.caller.account_id,
        save.caller.session_id or None,
        save.caller.address,
        save.caller.request_id,
        json.dumps(sent, separators=(",", ":")),
    )


async def _hold(
    attempt_id: int, answers: Sequence[GivenAnswer], taken: set[tuple[int, int]], now: datetime
) -> list[HeldAnswer]:
    """What the server holds for the questions that were sent: what came now, or what had come with a higher number."""
    held = {
        answer.position: HeldAnswer(answer.position, answer.choice, answer.sequence, now)
        for answer in answers
        if (attempt_id, answer.position) in taken
    }
    for row in await held_answers(attempt_id, [answer.position for answer in answers if answer.position not in held]):
        held[row["position"]] = HeldAnswer(row["position"], row["choice"], row["sequence"], row["saved_at"])
    return [held[position] for position in sorted(held)]


_saving: TogetherOnEach[_Save, Saved] = TogetherOnEach(_save_batch, MOST_TOGETHER, key=lambda save: save.attempt_id)


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


def _newest(answers: Sequence[GivenAnswer]) -> list[GivenAnswer]:
    """One answer for each question, by position: of several in one request the highest sequence, as in the database."""
    newest: dict[int, GivenAnswer] = {}
    for answer in answers:
        other = newest.get(answer.position)
        if other is None or answer.sequence > other.sequence:
            newest[answer.position] = answer
    return [newest[position] for position in sorted(newest)]


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
