"""Every save of an attempt, as it came (作答记录): for whoever looks into what happened to an answer."""

import json
from dataclasses import dataclass
from datetime import datetime

from dingkao.access.rules import OVER_INVIGILATORS, acting_grant
from dingkao.assessments.access import read_assessment
from dingkao.audit.work import begin, logged_in
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers.records import read_attempts
from dingkao.papers.tables import AnswerSave
from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import Forbidden, NotFound
from dingkao.plugin.national import Reveal

_saves = Statement(
    lambda p: (
        AnswerSave.select(
            AnswerSave.revision, AnswerSave.saved_at, AnswerSave.late, AnswerSave.writer_number, AnswerSave.answers
        )
        .where((AnswerSave.attempt == p.attempt) & (AnswerSave.revision > p.after))
        .order_by(AnswerSave.revision)
        .limit(p.limit)
    ),
    constants=("limit",),
)


@dataclass(frozen=True, slots=True)
class SentAnswer:
    """One answer of a save, as it was sent; `taken`: it was newer than what was held and took its place."""

    position: int
    choice: str
    sequence: int
    taken: bool


@dataclass(frozen=True, slots=True)
class SaveRecord:
    """One save: its number in the attempt from 1, when it came (UTC), whether after the deadline, and from which of the
    attempt's devices, from 1."""

    revision: int
    saved_at: datetime
    late: bool
    device: int
    answers: tuple[SentAnswer, ...]


async def read_saves(
    environment: Environment, caller: Caller | None, attempt_id: int, *, after: int, limit: int
) -> list[SaveRecord]:
    """The saves of an attempt after the revision `after`, first to last.

    For invigilators at any time, which the audit tells; for the doctor when the policy shows the answers
    (`papers.reveal` ANSWERS: marked, and the time for tests is over). Raises NotLoggedIn, NotFound, Forbidden.
    """
    asking = logged_in(caller)
    attempt = (await read_attempts([attempt_id]))[0]
    if attempt is None:
        raise NotFound
    record = await read_assessment(asking, attempt.assessment)
    grant = acting_grant(asking, record, *OVER_INVIGILATORS)
    if grant is None:
        shown = attempt.state is AttemptState.MARKED and attempt.reveal is Reveal.ANSWERS
        if asking.doctor_id != record.doctor_id or not shown or environment.clock.now() < record.tests_until:
            raise Forbidden
        return await _read(attempt_id, after, limit)
    async with begin(environment, asking) as work:
        work.acting = grant
        saves = await _read(attempt_id, after, limit)
        await work.record("READ_ATTEMPT_SAVES", "Attempt", attempt_id, {"after": after, "saves": len(saves)})
        return saves


async def _read(attempt_id: int, after: int, limit: int) -> list[SaveRecord]:
    return [
        SaveRecord(
            row["revision"],
            row["saved_at"],
            bool(row["late"]),
            row["writer_number"],
            tuple(SentAnswer(*sent) for sent in json.loads(row["answers"])),
        )
        for row in await _saves.run(attempt=attempt_id, after=after, limit=limit)
    ]
