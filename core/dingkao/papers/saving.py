"""The statements that save answers, each for any number of attempts at once (see `answers`)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from piccolo.querystring import QueryString

from dingkao.db.database import is_postgresql
from dingkao.db.statement import Parameters, Statement
from dingkao.papers.running import RUNNING_COLUMNS, hold_row
from dingkao.papers.tables import Answer, Attempt


@dataclass(frozen=True, slots=True)
class SentAnswer:
    """An answer on its way into the table; of one attempt and position there is one at most in a batch."""

    attempt: int
    position: int
    choice: str
    sequence: int
    late: bool


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One save in an attempt's history: who, from where, what. `answers` is JSON: [[position, choice, sequence, won],
    …]."""

    attempt: int
    late: bool
    writer_number: int
    account: int
    session: int | None
    address: str
    request_id: str
    answers: str


_alone = Statement(lambda p: hold_row(Attempt.select(*RUNNING_COLUMNS).where(Attempt.id == p.attempt)))
_together = Statement(
    lambda p: hold_row(Attempt.select(*RUNNING_COLUMNS).where(Attempt.id.is_in(p.attempts)), skip_held=True)
)
_questions = Statement(lambda p: Attempt.select(Attempt.id, Attempt.questions).where(Attempt.id.is_in(p.attempts)))
_held = Statement(
    lambda p: Answer.select(Answer.position, Answer.choice, Answer.sequence, Answer.saved_at).where(
        (Answer.attempt == p.attempt) & Answer.position.is_in(p.positions)
    )
)


def _items(fields: Sequence[tuple[str, str]]) -> str:
    """The columns of a JSON list of lists; PostgreSQL is told their types, as it cannot see where they go."""
    if is_postgresql():
        return ", ".join(f"CAST(item->>{place} AS {kind})" for place, (_, kind) in enumerate(fields))
    return ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(fields)))


_ANSWER = (
    ("attempt", "bigint"), ("position", "integer"), ("choice", "varchar"), ("sequence", "integer"), ("late", "boolean"),
)  # fmt: skip
_HISTORY = (
    ("attempt", "bigint"), ("late", "boolean"), ("writer_number", "integer"), ("account", "bigint"),
    ("session", "bigint"), ("address", "varchar"), ("request_id", "varchar"), ("answers", "text"),
)  # fmt: skip


def _upsert_query(parameters: Parameters) -> QueryString:
    # WHERE TRUE keeps SQLite from reading ON CONFLICT as a join's condition.
    moment, source = (
        ("{}::timestamptz", "json_array_elements({}::json) AS item")
        if is_postgresql()
        else ("{}", "json_each({}) WHERE TRUE")
    )
    return QueryString(
        f"INSERT INTO answer ({', '.join(name for name, _ in _ANSWER)}, saved_at) "  # noqa: S608 - our own column names
        f"SELECT {_items(_ANSWER)}, {moment} FROM {source} "
        "ON CONFLICT (attempt, position) DO UPDATE SET choice = excluded.choice, sequence = excluded.sequence, "
        "saved_at = excluded.saved_at, late = excluded.late WHERE excluded.sequence > answer.sequence "
        "RETURNING attempt, position",
        parameters.saved_at,
        parameters.answers,
    )


def _append_query(parameters: Parameters) -> QueryString:
    moment, source, attempt = (
        ("{}::timestamptz", "json_array_elements({}::json) AS item", "CAST(item->>0 AS bigint)")
        if is_postgresql()
        else ("{}", "json_each({})", "json_extract(value, '$[0]')")
    )
    last = f"SELECT MAX(other.revision) FROM answer_save AS other WHERE other.attempt = {attempt}"  # noqa: S608
    return QueryString(
        f"INSERT INTO answer_save ({', '.join(name for name, _ in _HISTORY)}, revision, saved_at) "  # noqa: S608
        f"SELECT {_items(_HISTORY)}, COALESCE(({last}), 0) + 1, {moment} FROM {source} RETURNING attempt, revision",
        parameters.saved_at,
        parameters.rows,
    )


_upsert = Statement(_upsert_query)
_append = Statement(_append_query)


async def hold_attempts(attempt_ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """The attempts with `RUNNING_COLUMNS`, by key, their rows held to the end of the transaction. One alone is waited
    for; of several those are left out that another transaction holds: nobody waits for his neighbour's submission."""
    if len(attempt_ids) == 1:
        rows = await _alone.run(attempt=attempt_ids[0])
    else:
        rows = await _together.run(attempts=list(attempt_ids))
    return {row["id"]: row for row in rows}


async def questions_of(attempt_ids: Sequence[int]) -> dict[int, str]:
    """The frozen questions of attempts, as they are stored. They are the bulk of a row."""
    return {row["id"]: row["questions"] for row in await _questions.run(attempts=list(attempt_ids))}


async def store_answers(answers: Sequence[SentAnswer], now: datetime) -> set[tuple[int, int]]:
    """Store each answer whose sequence is higher than that of what is there; returns attempt and position of those."""
    sent = json.dumps([astuple(answer) for answer in answers])
    return {(row["attempt"], row["position"]) for row in await _upsert.run(saved_at=now, answers=sent)}


async def held_answers(attempt_id: int, positions: Sequence[int]) -> list[Mapping[str, Any]]:
    """What is stored for these questions of an attempt."""
    return await _held.run(attempt=attempt_id, positions=list(positions))


async def append_saves(rows: Sequence[HistoryRow], now: datetime) -> dict[int, int]:
    """Append to the history of each attempt; returns the revision by attempt."""
    sent = json.dumps([astuple(row) for row in rows])
    return {row["attempt"]: int(row["revision"]) for row in await _append.run(saved_at=now, rows=sent)}
