"""A running attempt as the services that save, submit and settle it read it."""

from collections.abc import Mapping
from typing import Any

from dingkao.db.database import is_postgresql
from dingkao.db.statement import Statement
from dingkao.papers.tables import AssessmentPaper, Attempt
from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.errors import NotFound

# Two steps of foreign keys: further than Piccolo's types follow.
_ASSESSMENT: Any = Attempt.paper.assessment
# What decides whether an attempt still runs, for whom, and who may write.
RUNNING_COLUMNS = (
    Attempt.id,
    Attempt.state,
    Attempt.started_at,
    Attempt.deadline,
    Attempt.grace_seconds,
    Attempt.time_up,
    Attempt.submit_seconds,
    Attempt.closes_at,
    Attempt.paused_at,
    Attempt.writer_number,
    Attempt.writer_session,
    Attempt.timed_out,
    Attempt.paper,
    Attempt.paper.assessment.as_alias("assessment"),
    _ASSESSMENT.doctor.as_alias("doctor"),
)
_attempt = Statement(lambda p: Attempt.select(*RUNNING_COLUMNS).where(Attempt.id == p.attempt))
_held = Statement(lambda p: hold_row(Attempt.select(*RUNNING_COLUMNS).where(Attempt.id == p.attempt)))
_running = Statement(
    lambda p: Attempt.select(*RUNNING_COLUMNS).where(
        (Attempt.paper.assessment == p.assessment) & (Attempt.state == AttemptState.IN_PROGRESS.value)
    )
)
_paper = Statement(
    lambda p: AssessmentPaper.select(
        AssessmentPaper.id, AssessmentPaper.assessment, AssessmentPaper.subject, AssessmentPaper.state,
        AssessmentPaper.attempts_allowed, AssessmentPaper.attempts_used, AssessmentPaper.sit_until,
    ).where(AssessmentPaper.id == p.paper)
)  # fmt: skip


def hold_row(query: Any, *, skip_held: bool = False) -> Any:
    """The query of attempts, their rows held to the end of the transaction: an answer is in before the marking or
    refused after it, and two batches cannot cross. With `skip_held` those that others hold are left out. SQLite's
    transaction does all that by itself."""
    return query.lock_rows("NO KEY UPDATE", skip_locked=skip_held, of=(Attempt,)) if is_postgresql() else query


async def find_attempt(attempt_id: int) -> Mapping[str, Any]:
    """The attempt with `RUNNING_COLUMNS`. Raises NotFound."""
    found = await _attempt.first(attempt=attempt_id)
    if found is None:
        raise NotFound
    return dict(found)


async def hold_attempt(attempt_id: int) -> Mapping[str, Any]:
    """`find_attempt` of an attempt that is about to change: its row is held to the end of the transaction. Waits for
    saves that hold it, and keeps later ones out. Raises NotFound."""
    found = await _held.first(attempt=attempt_id)
    if found is None:
        raise NotFound
    return dict(found)


async def running_attempts(assessment_id: int) -> list[Mapping[str, Any]]:
    """The attempts of an assessment that are in progress, with `RUNNING_COLUMNS`."""
    return await _running.run(assessment=assessment_id)


async def find_paper(paper_id: int) -> Mapping[str, Any]:
    """A paper with what starting and deciding need of it. Raises NotFound."""
    found = await _paper.first(paper=paper_id)
    if found is None:
        raise NotFound
    return dict(found)
