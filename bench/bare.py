"""The floor: bare Starlette routes that answer with the same JSON from hand-written SQL, a query each, for a
paper two.

    python -m bench.bare DATABASE_URL PORT

They know no session, no scope, no audit and no GraphQL: this is what a request costs that does nothing but fetch rows
and write JSON.
"""

import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

import aiosqlite
import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dingkao.assessments.rules import STAGES
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import AssessmentState

HOME = """
SELECT account.name AS account_name, a.id, a.state, a.procedure_title, a.return_reason, a.conclusion, a.changed_at,
       d.name AS doctor_name, d.sex, i.name AS institution_name, b.name AS body_name,
       c.name AS cycle_name, c.starts_on, c.ends_on, c.enrolment_until, c.tests_from, c.tests_until,
       r.level, r.decision, r.reason, o.name AS organisation_name, r.decided_at
FROM assessment a
JOIN doctor d ON d.id = a.doctor
JOIN account ON account.doctor = d.id
JOIN organisation i ON i.id = a.institution
LEFT JOIN organisation b ON b.id = a.body
JOIN cycle c ON c.id = a.cycle AND c.state = 'RUNNING'
LEFT JOIN review r ON r.assessment = a.id
LEFT JOIN organisation o ON o.id = r.organisation
WHERE a.doctor = $1
ORDER BY r.id
"""
QUEUE = """
SELECT a.id, a.state, a.procedure_title, a.submissions, a.changed_at, d.name AS doctor_name,
       p.category, p.level AS practice_level, i.name AS institution_name,
       r.level, r.decision, r.reason, r.decided_at
FROM assessment a
JOIN doctor d ON d.id = a.doctor
JOIN practice_registration p ON p.id = a.registration
JOIN organisation i ON i.id = a.institution
LEFT JOIN review r ON r.id = (SELECT MAX(id) FROM review WHERE assessment = a.id)
WHERE a.body = $1 AND a.state = 'INSTITUTION_APPROVED'
ORDER BY a.id
LIMIT $2
"""
PAPER = """
SELECT id, number, state, deadline, timed_out, score_percent, passed, questions FROM attempt WHERE id = $1
"""
# A query of its own: joined, each answer's row would carry all the questions.
ANSWERS = "SELECT position, choice, sequence FROM answer WHERE attempt = $1"
SAVE = """
INSERT INTO answer (attempt, position, choice, sequence, saved_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (attempt, position) DO UPDATE
SET choice = excluded.choice, sequence = excluded.sequence, saved_at = excluded.saved_at
WHERE excluded.sequence > answer.sequence
RETURNING position, choice, sequence, saved_at
"""


class Rows(Protocol):
    """A database: SQL with $1, $2 … in, rows out; a write is durable when it returns."""

    async def fetch(self, sql: str, *values: Any) -> Sequence[Mapping[str, Any]]:
        """The rows."""
        ...

    def text(self, instant: Any) -> str:
        """An instant of a row in ISO 8601."""
        ...


class PostgreSQLRows:
    """Over a pool."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def fetch(self, sql: str, *values: Any) -> Sequence[Mapping[str, Any]]:
        """The rows."""
        rows: Sequence[Mapping[str, Any]] = await self._pool.fetch(sql, *values)
        return rows

    def text(self, instant: Any) -> str:
        """asyncpg gives datetimes and dates."""
        return str(instant.isoformat())


class SQLiteRows:
    """Over one kept connection."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *values: Any) -> Sequence[Mapping[str, Any]]:
        """The rows."""
        # SQLite's numbered parameters are ?1, ?2 …
        return list(await self._connection.execute_fetchall(sql.replace("$", "?"), values))  # type: ignore[arg-type]

    def text(self, instant: Any) -> str:
        """Piccolo writes instants as text with a blank."""
        return str(instant).replace(" ", "T")


@asynccontextmanager
async def _open(url: str) -> AsyncIterator[Rows]:
    if not url.startswith("sqlite:///"):
        async with asyncpg.create_pool(url, min_size=2, max_size=12, server_settings={"jit": "off"}) as pool:
            yield PostgreSQLRows(pool)
        return
    # With no isolation level each statement is its own transaction, durable when it ends.
    async with aiosqlite.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=15) as connection:
        connection.row_factory = sqlite3.Row
        await connection.execute_fetchall("PRAGMA synchronous = FULL")
        yield SQLiteRows(connection)


def _answer(data: Any) -> Response:
    text = json.dumps({"data": data}, ensure_ascii=False, separators=(",", ":"))
    return Response(text, media_type="application/json")


async def home(request: Request) -> Response:
    """An assessment with doctor, institution, body, cycle and reviews."""
    rows: Rows = request.app.state.rows
    found = await rows.fetch(HOME, int(request.query_params["doctor"]))
    first = found[0]
    title, sentence = STAGES[AssessmentState(first["state"])]
    assessment = {
        "id": encode_id("Assessment", first["id"]),
        "state": first["state"],
        "stage": {"title": title.zh, "sentence": sentence.zh},
        "doctor": {"name": first["doctor_name"], "sex": first["sex"]},
        "institution": {"name": first["institution_name"]},
        "body": {"name": first["body_name"]} if first["body_name"] else None,
        "cycle": {
            "name": first["cycle_name"],
            "startsOn": str(first["starts_on"]),
            "endsOn": str(first["ends_on"]),
            "enrolmentUntil": rows.text(first["enrolment_until"]),
            "testsFrom": rows.text(first["tests_from"]),
            "testsUntil": rows.text(first["tests_until"]),
        },
        "procedureTitle": first["procedure_title"],
        "returnReason": first["return_reason"],
        "conclusion": first["conclusion"],
        "changedAt": rows.text(first["changed_at"]),
        "reviews": [
            {
                "level": row["level"],
                "decision": row["decision"],
                "reason": row["reason"],
                "organisation": row["organisation_name"],
                "decidedAt": rows.text(row["decided_at"]),
            }
            for row in found
            if row["level"] is not None
        ],
    }
    return _answer({"viewer": {"name": first["account_name"], "firstLogin": False, "assessment": assessment}})


async def queue(request: Request) -> Response:
    """A page of what waits for the body."""
    rows: Rows = request.app.state.rows
    size = int(request.query_params["first"])
    found = await rows.fetch(QUEUE, int(request.query_params["body"]), size + 1)
    edges = [
        {
            "node": {
                "id": encode_id("Assessment", row["id"]),
                "state": row["state"],
                "procedureTitle": row["procedure_title"],
                "submissions": row["submissions"],
                "changedAt": rows.text(row["changed_at"]),
                "doctor": {"name": row["doctor_name"]},
                "registration": {"category": row["category"], "level": row["practice_level"]},
                "institution": {"name": row["institution_name"]},
                "latestReview": None
                if row["level"] is None
                else {
                    "level": row["level"],
                    "decision": row["decision"],
                    "reason": row["reason"],
                    "decidedAt": rows.text(row["decided_at"]),
                },
            }
        }
        for row in found[:size]
    ]
    page = {"hasNextPage": len(found) > size, "endCursor": edges[-1]["node"]["id"] if edges else None}
    return _answer({"reviewQueue": {"edges": edges, "pageInfo": page}})


async def paper(request: Request) -> Response:
    """A running attempt with its questions and answers."""
    rows: Rows = request.app.state.rows
    key = int(request.query_params["id"])
    first = (await rows.fetch(PAPER, key))[0]
    held = await rows.fetch(ANSWERS, key)
    answers = {row["position"]: {"choice": row["choice"], "sequence": row["sequence"]} for row in held}
    now = datetime.now(UTC)
    deadline = datetime.fromisoformat(rows.text(first["deadline"]))
    questions = json.loads(first["questions"])
    for question in questions:
        question |= {"group": None, "sharedStem": None, "answer": answers.get(question["position"])}
    attempt = {
        "id": encode_id("Attempt", first["id"]),
        "number": first["number"],
        "state": first["state"],
        "deadline": rows.text(first["deadline"]),
        "serverTime": now.isoformat(),
        "secondsLeft": int((deadline - now).total_seconds()),
        "phase": "ANSWERING",
        "writing": True,
        "writerSince": None,
        "writerToken": "",
        "timedOut": bool(first["timed_out"]),
        "scorePercent": first["score_percent"],
        "passed": first["passed"],
        "review": None,
        "questions": questions,
    }
    return _answer({"attempt": attempt})


async def save(request: Request) -> Response:
    """Save one answer."""
    rows: Rows = request.app.state.rows
    given = await request.json()
    now = datetime.now(UTC)
    moment: Any = now if isinstance(rows, PostgreSQLRows) else str(now)
    held = await rows.fetch(SAVE, given["attempt"], given["position"], given["choice"], given["sequence"], moment)
    answers = [
        {
            "position": row["position"],
            "choice": row["choice"],
            "sequence": row["sequence"],
            "savedAt": rows.text(row["saved_at"]),
        }
        for row in held
    ]
    # One row where Dingkao appends to the history too: the floor knows no revision.
    saved = {
        "__typename": "AnswersSaved",
        "revision": 1,
        "late": False,
        "serverTime": now.isoformat(),
        "answers": answers,
    }
    return _answer({"saveAnswers": saved})


async def ready(request: Request) -> Response:
    """200 once the database is open."""
    return Response("ready")


def application(url: str) -> Starlette:
    """The routes on the database at `url`."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with _open(url) as rows:
            app.state.rows = rows
            yield

    routes = [
        Route("/home", home),
        Route("/queue", queue),
        Route("/paper", paper),
        Route("/save", save, methods=["POST"]),
        Route("/ready", ready),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(
        application(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), loop="uvloop", http="httptools", ws="none",
        access_log=False, log_level="warning", server_header=False,
    )  # fmt: skip
