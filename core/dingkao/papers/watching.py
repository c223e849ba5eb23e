"""What an invigilator sees of a sitting (监考): who has not begun, answers, is idle, lost, overdue, absent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from piccolo.querystring import QueryString

from dingkao.audit.work import logged_in
from dingkao.db.statement import Statement
from dingkao.papers.sitting_time import sitting_grant
from dingkao.papers.timing import Timing, timing_of
from dingkao.papers.vocabulary import AttemptPhase, AttemptState, InterventionKind, SittingStatus
from dingkao.plugin.caller import Caller
from dingkao.plugin.vocabulary import PaperState, PaperSubject

# No change of an answer for so long: idle. Nothing heard at all: contact is lost (clients send at least each minute).
IDLE_AFTER = timedelta(minutes=3)
LOST_AFTER = timedelta(minutes=2)

# The newest attempt of each paper, its last save, and what it holds; one query.
_entries = Statement(
    lambda p: QueryString(
        "SELECT paper.id AS paper, paper.state AS paper_state, "  # noqa: S608 - words and a number of our own
        "assessment.id AS assessment, doctor.name AS doctor, "
        "attempt.id AS attempt, attempt.state AS state, attempt.started_at AS started_at, "
        "attempt.deadline AS deadline, attempt.grace_seconds AS grace_seconds, attempt.time_up AS time_up, "
        "attempt.submit_seconds AS submit_seconds, attempt.paused_at AS paused_at, "
        "attempt.submitted_at AS submitted_at, attempt.writer_number AS writer_number, "
        "answer_save.saved_at AS heard_at, answer_save.late AS late, "
        "(SELECT COUNT(*) FROM answer WHERE answer.attempt = attempt.id AND answer.choice <> '') AS answered, "
        "(SELECT MAX(answer.saved_at) FROM answer WHERE answer.attempt = attempt.id) AS answered_at, "
        "(SELECT MAX(intervention.at) FROM intervention WHERE intervention.attempt = attempt.id "
        f"AND intervention.kind IN ('{InterventionKind.RESUME.value}', '{InterventionKind.REOPEN.value}')) "
        "AS resumed_at "
        "FROM assessment_paper AS paper "
        "JOIN assessment ON assessment.id = paper.assessment JOIN doctor ON doctor.id = assessment.doctor "
        "LEFT JOIN attempt ON attempt.paper = paper.id AND attempt.number = paper.attempts_used "
        "LEFT JOIN answer_save ON answer_save.attempt = attempt.id AND answer_save.revision = "
        "(SELECT MAX(later.revision) FROM answer_save AS later WHERE later.attempt = attempt.id) "
        "WHERE assessment.cycle = {} AND assessment.body = {} AND paper.subject = {} AND paper.id > {} "
        f"AND paper.state NOT IN ('{PaperState.LOCKED.value}', '{PaperState.EXEMPT.value}') "
        f"ORDER BY paper.id LIMIT {p.limit}",
        p.cycle,
        p.body,
        p.subject,
        p.after,
    ),
    constants=("limit",),
)


@dataclass(frozen=True, slots=True)
class SittingEntry:
    """One doctor of a sitting. Instants are None where there was nothing yet; `paused_at` says since when the clock of
    a running attempt stands still, `late` whether the last packet came in the grace after the end, `take_overs` how
    often the device changed."""

    paper_id: int
    paper_state: PaperState
    assessment_id: int
    doctor: str
    attempt_id: int | None
    status: SittingStatus
    started_at: datetime | None
    deadline: datetime | None
    paused_at: datetime | None
    answered: int
    answered_at: datetime | None
    heard_at: datetime | None
    late: bool
    take_overs: int


def sitting_status(
    timing: Timing, begun: datetime, heard: datetime | None, answered: datetime | None, now: datetime
) -> SittingStatus:
    """What a running attempt looks like `now`. `begun`: since when it runs, from its start or from the end of a pause,
    in which nothing could come; `heard`: when anything came; `answered`: when an answer changed."""
    phase = timing.phase(now)
    if phase is AttemptPhase.PAUSED:
        return SittingStatus.PAUSED
    if phase is not AttemptPhase.ANSWERING:
        return SittingStatus.OVERDUE
    if now - max(heard or begun, begun) > LOST_AFTER:
        return SittingStatus.LOST_CONTACT
    return SittingStatus.IDLE if now - max(answered or begun, begun) > IDLE_AFTER else SittingStatus.ACTIVE


async def read_sitting(
    caller: Caller | None,
    *,
    cycle_id: int,
    body_id: int,
    subject: PaperSubject,
    after: int,
    limit: int,
    now: datetime,
) -> list[SittingEntry]:
    """The doctors of a body's sitting whose paper is open or was begun, by the paper's key: one query. For the body's
    reviewers and the authority above it. Raises NotLoggedIn, Forbidden, NotFound."""
    await sitting_grant(logged_in(caller), cycle_id, body_id)
    return await sitting_entries(cycle_id, body_id, subject, after=after, limit=limit, now=now)


async def sitting_entries(
    cycle_id: int, body_id: int, subject: PaperSubject, *, after: int, limit: int, now: datetime
) -> list[SittingEntry]:
    """The same without asking who may see it: for those who have asked."""
    rows = await _entries.run(cycle=cycle_id, body=body_id, subject=subject.value, after=after, limit=limit)
    return [_entry(row, now) for row in rows]


def _entry(row: Mapping[str, Any], now: datetime) -> SittingEntry:
    answered_at = _instant(row["answered_at"])
    running = row["state"] == AttemptState.IN_PROGRESS.value
    if row["paper_state"] == PaperState.ABSENT.value:
        status = SittingStatus.ABSENT  # also where all that was begun is void
    elif row["attempt"] is None:
        status = SittingStatus.NOT_STARTED
    elif running:
        begun = _instant(row["resumed_at"]) or row["started_at"]
        status = sitting_status(timing_of(row), begun, row["heard_at"], answered_at, now)
    elif row["paper_state"] == PaperState.AVAILABLE.value:
        status = SittingStatus.NOT_STARTED  # the next attempt is open
    else:
        status = SittingStatus.ENDED
    return SittingEntry(
        row["paper"],
        PaperState(row["paper_state"]),
        row["assessment"],
        row["doctor"],
        row["attempt"],
        status,
        row["started_at"],
        row["deadline"],
        row["paused_at"] if running else None,
        row["answered"],
        answered_at,
        row["heard_at"],
        bool(row["late"]),
        (row["writer_number"] or 1) - 1,
    )


def _instant(value: Any) -> datetime | None:
    # SQLite knows the type of columns, not of what is computed from them.
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value
