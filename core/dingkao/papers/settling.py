"""What is done with an attempt whose time is up: by whoever touches it, and by the sweeper; both in the same way."""

from collections.abc import Mapping
from typing import Any

from dingkao.assessments.access import lock_assessment
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.audit.histories import history_of
from dingkao.audit.work import SYSTEM_CALLER, UnitOfWork, begin
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.logs import get_logger
from dingkao.papers import rules
from dingkao.papers.marks import try_to_mark
from dingkao.papers.planning import move_paper, open_papers
from dingkao.papers.running import RUNNING_COLUMNS, find_paper, hold_attempt, running_attempts
from dingkao.papers.tables import Attempt
from dingkao.papers.timing import timing_of
from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.national import TimeUp

_log = get_logger("dingkao.papers")

# How many attempts the sweeper looks at with one query.
_SWEEP = 200

_due = Statement(
    lambda p: (
        Attempt.select(*RUNNING_COLUMNS)
        .where((Attempt.state == AttemptState.IN_PROGRESS.value) & (Attempt.closes_at < p.before))
        .where(Attempt.id > p.after)
        .order_by(Attempt.id)
        .limit(p.limit)
    ),
    constants=("limit",),
)


async def submit_paper(
    work: UnitOfWork, record: AssessmentRecord, attempt: Mapping[str, Any], *, timed_out: bool
) -> None:
    """Submit the running attempt, held, of the locked assessment: a cheap write, the marking comes after it.

    One that timed out counts as submitted at its deadline, whoever noticed it and when: the sweeper, or the client of
    a doctor who sat to the end.
    """
    await Attempt.update(
        {
            Attempt.state: AttemptState.SUBMITTED.value,
            Attempt.submitted_at: min(attempt["deadline"], work.now) if timed_out else work.now,
            Attempt.timed_out: timed_out,
        }
    ).where(Attempt.id == attempt["id"])
    await move_paper(work, record, await find_paper(attempt["paper"]), rules.Event.SUBMIT)


async def _abandon(work: UnitOfWork, record: AssessmentRecord, attempt: Mapping[str, Any]) -> None:
    """Close the attempt, held, without a mark: it counts as one that was not passed."""
    await Attempt.update({Attempt.state: AttemptState.ABANDONED.value, Attempt.timed_out: True}).where(
        Attempt.id == attempt["id"]
    )
    paper = await find_paper(attempt["paper"])
    left = rules.attempts_left(paper["attempts_allowed"], paper["attempts_used"])
    await move_paper(work, record, paper, rules.Event.GIVE_UP if left == 0 else rules.Event.GIVE_BACK)
    await open_papers(work, (await read_records([record.id]))[record.id])


async def settle_attempt(environment: Environment, attempt_id: int, assessment_id: int) -> bool:
    """Do with one attempt whose time is up what its policy says; False where another did it first or time is left."""
    async with begin(environment, SYSTEM_CALLER) as work:
        record = await lock_assessment(work, assessment_id)
        attempt = await hold_attempt(attempt_id)
        work.found("Attempt", attempt_id, attempt)
        running = attempt["state"] == AttemptState.IN_PROGRESS.value
        if not running or not timing_of(attempt).is_over(environment.clock.now()):
            await work.record("SETTLE_ATTEMPT_NOT_DUE", "Attempt", attempt_id)
            return False
        submits = TimeUp(attempt["time_up"]) is TimeUp.SUBMIT
        if submits:
            await submit_paper(work, record, attempt, timed_out=True)
        else:
            await _abandon(work, record, attempt)
        history = await history_of(environment, attempt_id)
        await work.record("SETTLE_ATTEMPT" if submits else "ABANDON_ATTEMPT", "Attempt", attempt_id, history)
    if submits:
        await try_to_mark(environment, attempt_id, assessment_id)
    return True


async def settle_assessment(environment: Environment, assessment_id: int) -> bool:
    """Settle what has run out of time on one assessment: whoever touches it sees what the sweeper would have made of
    it. One query where nothing has. Returns whether anything was settled."""
    settled = False
    for attempt in await running_attempts(assessment_id):
        if timing_of(attempt).is_over(environment.clock.now()):
            settled |= await settle_attempt(environment, attempt["id"], assessment_id)
    return settled


async def settle_expired(environment: Environment) -> int:
    """The sweeper's turn: settle every attempt that nothing is left of. Safe with many workers: each one is looked at
    again under the assessment's lock, in a transaction of its own. One that cannot be settled is logged and keeps no
    other waiting. Returns how many were settled."""
    settled, after = 0, 0
    before = environment.clock.now()
    while rows := await _due.run(before=before, after=after, limit=_SWEEP):
        for row in rows:
            try:
                settled += await settle_attempt(environment, row["id"], row["assessment"])
            except Exception as error:
                _log.error("attempt could not be settled", attempt=row["id"], exc_info=error)
        after = rows[-1]["id"]
    return settled
