"""What an invigilator may do to a running attempt (监考处置): give extra time, pause, resume. Each with a reason, each
kept and audited. Invigilators are those of the
assessment body, its reviewers, and the officers of the authority above it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dingkao.access.rules import INVIGILATORS, OF_A_SITTING, Kind, require_role
from dingkao.assessments.access import lock_assessment
from dingkao.assessments.records import AssessmentRecord
from dingkao.assessments.text import TextError, check_text
from dingkao.audit.work import UnitOfWork, begin, logged_in
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers import rules
from dingkao.papers.planning import move_paper
from dingkao.papers.reopening import reopen_assessment, require_last
from dingkao.papers.running import RUNNING_COLUMNS, find_attempt, find_paper, hold_attempt, hold_row
from dingkao.papers.tables import Attempt, Intervention
from dingkao.papers.timing import Timing, timing_of
from dingkao.papers.vocabulary import AttemptState, InterventionKind
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, StateConflict, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import PaperState
from dingkao.proctoring.sessions import watch_again

REASON_MAXIMUM = 500
MINUTES_MAXIMUM = 600

_hold = Statement(lambda p: hold_row(Attempt.select(Attempt.id).where(Attempt.id == p.attempt)))
_last = Statement(
    lambda p: (
        Attempt.select(*RUNNING_COLUMNS)
        .where(Attempt.paper == p.paper)
        .order_by(Attempt.number, ascending=False)
        .limit(1)
    )
)
_of_attempts = Statement(
    lambda p: (
        Intervention.select(
            Intervention.attempt, Intervention.kind, Intervention.minutes, Intervention.reason,
            Intervention.deadline_after, Intervention.at,
        )
        .where(Intervention.attempt.is_in(p.attempts))
        .order_by(Intervention.id)
    )
)  # fmt: skip
# Ended by the clock, not by the doctor, and not passed: what extra time may reopen.
_REOPENABLE = frozenset({PaperState.FAILED, PaperState.AVAILABLE, PaperState.PENDING_CUTOFF, PaperState.SUBMITTED})


@dataclass(frozen=True, slots=True)
class InterventionRecord:
    """One act of an invigilator on an attempt."""

    kind: InterventionKind
    minutes: int | None
    reason: str
    deadline_after: datetime | None
    at: datetime


async def read_interventions(attempt_ids: list[int]) -> list[list[InterventionRecord]]:
    """The acts on each attempt, first to last; one query."""
    groups: dict[int, list[InterventionRecord]] = {key: [] for key in attempt_ids}
    for row in await _of_attempts.run(attempts=attempt_ids):
        kind = InterventionKind(row["kind"])
        groups[row["attempt"]].append(
            InterventionRecord(kind, row["minutes"], row["reason"], row["deadline_after"], row["at"])
        )
    return [groups[key] for key in attempt_ids]


def checked_reason(reason: str) -> str:
    """The reason, normalised. Raises ValidationFailed (REASON_REQUIRED and the codes of texts)."""
    try:
        text = check_text(reason, REASON_MAXIMUM).text.strip()
    except TextError as error:
        raise ValidationFailed([FieldProblem("reason", error.code.upper(), error.text)]) from error
    if not text:
        required = Text("请填写事由。", "Give the reason.")
        raise ValidationFailed([FieldProblem("reason", "REASON_REQUIRED", required)])
    return text


def check_minutes(minutes: int) -> None:
    """Raises ValidationFailed (MINUTES_RANGE)."""
    if not 1 <= minutes <= MINUTES_MAXIMUM:
        text = Text(f"延长时间应为1至{MINUTES_MAXIMUM}分钟。", f"Extra time is 1 to {MINUTES_MAXIMUM} minutes.")
        raise ValidationFailed([FieldProblem("minutes", "MINUTES_RANGE", text)])


async def grant_extra_time(
    environment: Environment, caller: Caller | None, paper_id: int, minutes: int, reason: str
) -> int | None:
    """Extra time for one doctor's paper: before, during or after the attempt.

    A running attempt ends so many minutes later, and so many from now where its time is used up. One that the clock has
    ended, and that is neither passed nor void, goes on from now for so many minutes, and what followed from it is taken
    back while the result is not filed. Otherwise every later attempt of the paper has the minutes from its start.
    Returns the attempt that was changed, or None.

    Raises NotLoggedIn, NotFound, Forbidden, ValidationFailed (minutes, reason), StateConflict (PAPER_DECIDED,
    RESULT_FILED, LATER_PAPER_BEGUN).
    """
    asking = logged_in(caller)
    paper = await find_paper(paper_id)
    async with begin(environment, asking) as work:
        record = await lock_assessment(work, paper["assessment"], OF_A_SITTING)
        work.acting = require_role(work.caller, record, *INVIGILATORS, kind=Kind.SITTING)
        check_minutes(minutes)
        text = checked_reason(reason)
        paper = await find_paper(paper_id)
        attempt = await _last.first(paper=paper_id)
        if attempt is not None and await extend(work, record, attempt, paper, minutes, text):
            return int(attempt["id"])
        if PaperState(paper["state"]) not in (PaperState.LOCKED, PaperState.AVAILABLE):
            decided = Text("该试卷已有结论，不需延长。", "The paper is decided; no time can be added.")
            raise StateConflict("PAPER_DECIDED", decided, paper["state"])
        await keep(work, paper_id, None, InterventionKind.EXTRA_TIME, text, minutes=minutes)
        await work.record("GRANT_EXTRA_TIME", "Paper", paper_id, {"minutes": minutes})
        return None


def ended_by_clock(attempt: Mapping[str, Any]) -> bool:
    """Whether the clock ended the attempt, not the doctor, and it still counts: two people's voiding stands whatever
    time is given."""
    return bool(attempt["timed_out"]) and attempt["state"] != AttemptState.VOIDED.value


async def extend(
    work: UnitOfWork,
    record: AssessmentRecord,
    attempt: Mapping[str, Any],
    paper: Mapping[str, Any],
    minutes: int,
    reason: str,
    sitting: int | None = None,
) -> bool:
    """Move the deadline of an attempt of the locked assessment, reopening it where the clock had ended it; False where
    the attempt is neither running nor to be reopened. Part of a use case."""
    await _hold.run(attempt=attempt["id"])
    work.found("Attempt", attempt["id"], attempt)
    timing = timing_of(attempt)
    running = attempt["state"] == AttemptState.IN_PROGRESS.value
    if not running and not (ended_by_clock(attempt) and PaperState(paper["state"]) in _REOPENABLE):
        return False
    deadline = timing.extended(timedelta(minutes=minutes), work.now)
    if not running:
        await require_last(attempt)
        record = await reopen_assessment(work, record, attempt["paper"], reason)
        await move_paper(work, record, paper, rules.Event.REOPEN)
    await set_clock(attempt["id"], timing, deadline=deadline, paused_at=timing.paused_at, reopened=not running)
    if not running:
        await watch_again(attempt["id"], work.now)
    kind = InterventionKind.EXTRA_TIME if running else InterventionKind.REOPEN
    await keep(
        work, attempt["paper"], attempt["id"], kind, reason, minutes=minutes, sitting=sitting,
        before=timing.deadline, after=deadline,
    )  # fmt: skip
    action = "GRANT_EXTRA_TIME" if running else "REOPEN_WITH_EXTRA_TIME"
    await work.record(action, "Attempt", attempt["id"], {"minutes": minutes})
    return True


async def pause_attempt(environment: Environment, caller: Caller | None, attempt_id: int, reason: str) -> None:
    """Stop the clock of a running attempt. Answers on their way are taken for the grace of a slow network; pausing
    again changes nothing. Raises NotLoggedIn, NotFound, Forbidden, ValidationFailed, StateConflict (ATTEMPT_CLOSED)."""
    async with begin(environment, caller) as work:
        attempt, text = await _held_by_invigilator(work, attempt_id, reason)
        timing = timing_of(attempt)
        if timing.paused_at is not None:
            await work.record("PAUSE_REPEATED", "Attempt", attempt_id)
            return
        await set_clock(attempt_id, timing, deadline=timing.deadline, paused_at=work.now)
        await keep(work, attempt["paper"], attempt_id, InterventionKind.PAUSE, text, before=timing.deadline)
        await work.record("PAUSE_ATTEMPT", "Attempt", attempt_id)


async def resume_attempt(environment: Environment, caller: Caller | None, attempt_id: int, reason: str) -> None:
    """Let a paused attempt go on: its deadline moves by the time it stood still. Resuming what runs changes nothing.
    Raises NotLoggedIn, NotFound, Forbidden, ValidationFailed, StateConflict (ATTEMPT_CLOSED)."""
    async with begin(environment, caller) as work:
        attempt, text = await _held_by_invigilator(work, attempt_id, reason)
        timing = timing_of(attempt)
        if timing.paused_at is None:
            await work.record("RESUME_REPEATED", "Attempt", attempt_id)
            return
        deadline = timing.deadline + max(work.now - timing.paused_at, timedelta())
        await set_clock(attempt_id, timing, deadline=deadline, paused_at=None)
        await keep(
            work, attempt["paper"], attempt_id, InterventionKind.RESUME, text, before=timing.deadline, after=deadline
        )
        seconds = int((work.now - timing.paused_at).total_seconds())
        await work.record("RESUME_PAUSED_ATTEMPT", "Attempt", attempt_id, {"seconds": seconds})


async def _held_by_invigilator(work: UnitOfWork, attempt_id: int, reason: str) -> tuple[Mapping[str, Any], str]:
    """The running attempt, held, and the checked reason."""
    record = await lock_assessment(work, (await find_attempt(attempt_id))["assessment"], OF_A_SITTING)
    work.acting = require_role(work.caller, record, *INVIGILATORS, kind=Kind.SITTING)
    text = checked_reason(reason)
    attempt = await hold_attempt(attempt_id)
    work.found("Attempt", attempt_id, attempt)
    if attempt["state"] != AttemptState.IN_PROGRESS.value or timing_of(attempt).is_over(work.now):
        closed = Text("答卷已结束。", "The attempt has ended.")
        raise StateConflict("ATTEMPT_CLOSED", closed, attempt["state"])
    return attempt, text


async def set_clock(
    attempt_id: int, timing: Timing, *, deadline: datetime, paused_at: datetime | None, reopened: bool = False
) -> None:
    """Write an attempt's new deadline or pause, and with it the instant at which it closes."""
    changed = Timing(deadline, timing.grace_seconds, timing.time_up, timing.submit_seconds, paused_at)
    changes: dict[Any, Any] = {
        Attempt.deadline: deadline,
        Attempt.paused_at: paused_at,
        Attempt.closes_at: changed.closes_at,
    }
    if reopened:
        changes |= {
            Attempt.state: AttemptState.IN_PROGRESS.value,
            Attempt.submitted_at: None,
            Attempt.timed_out: False,
            Attempt.score_percent: None,
            Attempt.passed: None,
        }
    await Attempt.update(changes).where(Attempt.id == attempt_id)


async def keep(
    work: UnitOfWork,
    paper_id: int,
    attempt_id: int | None,
    kind: InterventionKind,
    reason: str,
    *,
    minutes: int | None = None,
    sitting: int | None = None,
    before: datetime | None = None,
    after: datetime | None = None,
) -> None:
    """Write an intervention down."""
    await Intervention.insert(
        Intervention(
            paper=paper_id,
            attempt=attempt_id,
            sitting=sitting,
            kind=kind.value,
            minutes=minutes,
            reason=reason,
            deadline_before=before,
            deadline_after=after,
            account=work.caller.account_id,
            organisation=work.acting.organisation_id,
            at=work.now,
        )
    )
