"""The operations under measure: what is sent to the server, and to the bare route that answers with the same JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from piccolo.querystring import QueryString

from bench.load import COUNTER
from bench.province import BODY_REVIEWER
from dingkao.accounts.tables import Account
from dingkao.db.statement import Statement
from dingkao.plugin.ids import encode_id
from dingkao.web.operations import load_operations

PAGE: Final = 50

# The home page without its buttons: an assessment with all that is joined to it. The documented operation, which also
# asks what may be done and why not, is measured beside it.
HOME: Final = """query Home {
  viewer {
    name
    firstLogin
    assessment {
      id
      state
      stage { title sentence }
      doctor { name sex }
      institution { name }
      body { name }
      cycle { name startsOn endsOn enrolmentUntil testsFrom testsUntil }
      procedureTitle
      returnReason
      conclusion
      changedAt
      reviews { level decision reason organisation decidedAt }
    }
  }
}"""

_cast = Statement(
    lambda p: QueryString(
        "SELECT account.login_name AS login_name, assessment.doctor AS doctor, attempt.id AS attempt "
        "FROM account JOIN assessment ON assessment.doctor = account.doctor "
        "LEFT JOIN assessment_paper AS paper ON paper.assessment = assessment.id AND paper.state = 'IN_PROGRESS' "
        "LEFT JOIN attempt ON attempt.paper = paper.id AND attempt.state = 'IN_PROGRESS' "
        "WHERE account.password_hash IS NOT NULL AND assessment.state = {} ORDER BY account.id",
        p.state,
    )
)
_body = Statement(lambda p: QueryString("SELECT id FROM organisation WHERE is_body = {}", p.yes))
_sequence = Statement(lambda p: QueryString("SELECT MAX(sequence) AS highest FROM answer"))


@dataclass(frozen=True, slots=True)
class Player:
    """A doctor who can log in, with the running attempt where there is one."""

    login_name: str
    doctor: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Cast:
    """Who asks: doctors whose assessment was approved, doctors in a test, and the body with its reviewer."""

    approved: Sequence[Player]
    tested: Sequence[Player]
    body: int
    highest_sequence: int


@dataclass(frozen=True, slots=True)
class Sending:
    """One request: who asks (a login name), the operation's variables, and the bare route's path and body."""

    login_name: str
    variables: dict[str, Any]
    bare_path: str
    bare_body: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table. `expected` stands in every good answer. `bare`: whether there is such a route."""

    name: str
    text: str
    sendings: Sequence[Sending]
    expected: str
    requests: int
    bare: bool = True


async def read_cast() -> Cast:
    """Who the operations are for, from the database in use."""
    players = {
        state: [
            Player(str(Account.login_name.open(row["login_name"])), row["doctor"], row["attempt"] or 0)
            for row in await _cast.run(state=state)
        ]
        for state in ("BODY_APPROVED", "TESTING")
    }
    body = await _body.first(yes=True)
    sequence = await _sequence.first()
    assert body is not None
    assert sequence is not None
    return Cast(players["BODY_APPROVED"], players["TESTING"], body["id"], sequence["highest"])


def operations(cast: Cast) -> list[Operation]:
    """The four operations of the bench, and the documented home."""
    documented = {operation.name: operation.text for operation in load_operations()}
    queue = {"level": "BODY", "first": PAGE}
    homes = [Sending(player.login_name, {}, f"/home?doctor={player.doctor}") for player in cast.approved]
    return [
        Operation("home", HOME, homes, '"reviews":[{', 4000),
        Operation("home, documented", documented["Home"], homes, '"actions":[{', 2000, bare=False),
        Operation(
            "queue",
            documented["ReviewQueue"],
            [Sending(BODY_REVIEWER, queue, f"/queue?body={cast.body}&first={PAGE}")],
            '"hasNextPage":true',
            1000,
        ),
        Operation(
            "paper",
            documented["Attempt"],
            [
                Sending(player.login_name, {"id": encode_id("Attempt", player.attempt)}, f"/paper?id={player.attempt}")
                for player in cast.tested
            ],
            '"position":100',
            1000,
        ),
        Operation("save", documented["SaveAnswers"], list(_saves(cast)), '"AnswersSaved"', 4000),
    ]


def _saves(cast: Cast) -> list[Sending]:
    """Every doctor saves other questions in turn, as in a room where all are being tested."""
    sendings = []
    for position in range(1, 13):
        for player in cast.tested:
            answer = {"position": position, "choice": "B", "sequence": int(COUNTER)}
            variables = {"input": {"attemptId": encode_id("Attempt", player.attempt), "answers": [answer]}}
            sendings.append(Sending(player.login_name, variables, "/save", {"attempt": player.attempt, **answer}))
    return sendings


def request_to_dingkao(operation: Operation, sending: Sending, token: str) -> str:
    """A complete HTTP request with the operation."""
    body = {"query": operation.text, "variables": sending.variables, "operationName": None}
    return _post("/graphql", body, f"Authorization: Bearer {token}\r\n")


def request_to_bare(sending: Sending) -> str:
    """A complete HTTP request to the bare route."""
    if sending.bare_body is None:
        return f"GET {sending.bare_path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    return _post(sending.bare_path, sending.bare_body, "")


def _post(path: str, body: dict[str, Any], headers: str) -> str:
    text = json.dumps(body)
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(text)}\r\n{headers}\r\n{text}"
    )
