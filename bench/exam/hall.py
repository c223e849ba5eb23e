"""Those who will sit the paper, written in bulk: approved doctors with an open paper, a question bank, and sessions."""

import json
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from piccolo.querystring import QueryString

from bench.province import make_province
from dingkao.accounts.sessions import TOKEN_BYTES, token_digest
from dingkao.accounts.tables import Session, SessionToken
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.cycles.pinning import PolicySet
from dingkao.db.bulk import insert_many
from dingkao.db.database import fetch
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers.bank import import_questions
from dingkao.plugin.ids import encode_id
from dingkao.plugin.policy import from_json
from dingkao.plugin.vocabulary import AssessmentState, PaperSubject

# Each paper is drawn from so many times its length.
_BANK: Final = 5
_MINUTES: Final = 240
# The right option of a question begins so: the simulated doctors mark themselves without the server's key.
RIGHT: Final = "正确"

_papers = Statement(
    lambda p: QueryString(
        "SELECT account.id AS account, paper.id AS paper FROM assessment_paper AS paper "
        "JOIN assessment ON assessment.id = paper.assessment JOIN account ON account.doctor = assessment.doctor "
        "WHERE paper.state = {} ORDER BY paper.id",
        p.state,
    )
)


@dataclass(frozen=True, slots=True)
class Seat:
    """One doctor before the paper: its opaque id, and the tokens of the sessions on two devices."""

    account: int
    paper_id: str
    tokens: tuple[str, str]


async def make_hall(environment: Environment, doctors: int, questions: int) -> list[Seat]:
    """Write the province of `doctors` who are all approved, into the migrated, empty database in use.

    Face capture is off in the pinned policy, and the sessions are rows: ten thousand pictures and passwords would
    measure something else.
    """

    def adapt(policies: PolicySet) -> PolicySet:
        changed = {}
        for scope, policy in policies.scopes.items():
            values = json.loads(policy.to_json())
            values["papers"]["face_capture"] = False
            for rule in values["papers"]["rules"].values():
                rule |= {"questions": questions, "minutes": _MINUTES}
            changed[scope] = from_json(json.dumps(values), environment.registry.sections, "examday")
        return PolicySet(changed)

    await make_province(environment, doctors, [AssessmentState.BODY_APPROVED], adapt)
    await import_questions(environment, SYSTEM_CALLER, PaperSubject.HUMANITIES, bank(questions * _BANK))
    rows = await _papers.run(state="AVAILABLE")
    seats = [
        Seat(
            row["account"],
            encode_id("Paper", row["paper"]),
            (secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES)),
        )
        for row in rows
    ]
    await _insert_sessions(environment, seats)
    await fetch("ANALYZE")
    return seats


async def _insert_sessions(environment: Environment, seats: Sequence[Seat]) -> None:
    now = environment.clock.now()
    until = now + timedelta(hours=12)
    tokens = [(seat.account, token) for seat in seats for token in seat.tokens]
    rows: list[tuple[Any, ...]] = [(account, False, "", "", now, now, until) for account, _ in tokens]
    sessions = await insert_many(
        [
            Session.account,
            Session.first_login,
            Session.device,
            Session.address,
            Session.created_at,
            Session.last_used_at,
            Session.ends_at,
        ],
        rows,
        [Session.id, Session.account],
    )
    free: dict[int, list[int]] = {}
    for row in sessions:
        free.setdefault(row["account"], []).append(row["id"])
    # Access tokens that last for the whole day: the simulated clients do not refresh.
    pairs: list[tuple[Any, ...]] = [
        (free[account].pop(), token_digest(token), token_digest(f"refresh {token}"), now, until, 0)
        for account, token in tokens
    ]
    await insert_many(
        [
            SessionToken.session,
            SessionToken.access_digest,
            SessionToken.refresh_digest,
            SessionToken.issued_at,
            SessionToken.expires_at,
            SessionToken.followers,
        ],
        pairs,
    )


def bank(number: int) -> str:
    """A file of `number` questions of our own, as long as those of a real bank (45 and 9 characters)."""
    chance = random.Random(1)
    lines = ["Question,A,B,C,D,Answer"]
    for question in range(number):
        right = chance.choice("ABCD")
        options = [f"{RIGHT if key == right else '错误'}：应征得患者同意（{question}{key}）" for key in "ABCD"]
        stem = f"第{question}题：患者因咳嗽、发热三天就诊，关于告知病情与选择治疗方案，下列说法中正确的是哪一项"
        lines.append(f"{stem},{','.join(options)},{right}")
    return "\n".join(lines)
