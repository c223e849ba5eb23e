"""Sitting a paper (参加测评, manual 2.2.5): start and submit."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dingkao.access.rules import require_role
from dingkao.assessments.access import lock_assessment, move, pinned_policy
from dingkao.assessments.records import AssessmentRecord
from dingkao.assessments.rules import Event as AssessmentEvent
from dingkao.audit.histories import history_of
from dingkao.audit.work import UnitOfWork, begin, logged_in
from dingkao.db.gates import Gate
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers import rules
from dingkao.papers.answers import keep_choices
from dingkao.papers.drawing import Candidate, draw_paper
from dingkao.papers.marks import try_to_mark
from dingkao.papers.planning import move_paper
from dingkao.papers.running import find_attempt, find_paper, hold_attempt, running_attempts
from dingkao.papers.settling import settle_assessment, settle_attempt, submit_paper
from dingkao.papers.sitting_time import extra_minutes
from dingkao.papers.tables import Answer, AssessmentPaper, Attempt
from dingkao.papers.timing import Timing, timing_of
from dingkao.papers.vocabulary import AttemptState
from dingkao.papers.writing import require_writer, writing_caller
from dingkao.plugin.caller import Caller
from dingkao.plugin.national import PapersPolicy
from dingkao.plugin.national import PassMark as PassMarkTime
from dingkao.plugin.vocabulary import AssessmentState, PaperState, PaperSubject, Role
from dingkao.proctoring.identity import check_identity
from dingkao.proctoring.sessions import watch_attempt

_key = Statement(lambda p: Attempt.select(Attempt.answer_key).where(Attempt.id == p.attempt))
_answers = Statement(lambda p: Answer.select(Answer.position, Answer.choice).where(Answer.attempt == p.attempt))


@dataclass(frozen=True, slots=True)
class Submission:
    """What came of submitting: nothing yet where `unanswered` names questions (positions) that it asks about first."""

    unanswered: tuple[int, ...] = ()


async def start_attempt(environment: Environment, caller: Caller | None, paper_id: int) -> int:
    """Begin an attempt of a paper, or find the one that runs already: two devices starting at once get one attempt, and
    the first of them writes.

    The paper is drawn and frozen here. Returns the attempt's key. Raises NotFound, Forbidden, StateConflict (window,
    order, attempts, FACE_CONSENT_DECLINED), NotEligible (consent or capture missing, bank too small).
    """
    asking = logged_in(caller)
    assessment_id = int((await find_paper(paper_id))["assessment"])
    while True:
        try:
            return await _start(environment, asking, paper_id, assessment_id)
        except _RunOut:
            # In a transaction of its own: what had run out stays settled, also where nothing more may be begun.
            await settle_assessment(environment, assessment_id)


class _RunOut(Exception):
    """An attempt of the assessment has no time left, and nobody has settled it yet."""


async def _start(environment: Environment, asking: Caller, paper_id: int, assessment_id: int) -> int:
    async with begin(environment, asking) as work:
        record = await lock_assessment(work, assessment_id, gate=Gate.STARTING)
        work.acting = require_role(work.caller, record, Role.DOCTOR)
        running = await running_attempts(record.id)
        if any(timing_of(attempt).is_over(environment.clock.now()) for attempt in running):
            raise _RunOut
        for attempt in running:
            if attempt["paper"] == paper_id:
                await work.record("RESUME_ATTEMPT", "Attempt", attempt["id"])
                return int(attempt["id"])
        paper = await find_paper(paper_id)
        window = rules.Window(record.tests_from, paper["sit_until"] or record.tests_until)
        rules.require_startable(
            record.state,
            PaperState(paper["state"]),
            paper["attempts_allowed"],
            paper["attempts_used"],
            window,
            work.now,
        )
        policy = (await pinned_policy(environment, record)).section(PapersPolicy)
        identity = await check_identity(record, policy)
        attempt_id, questions = await _freeze_attempt(work, record, paper, policy, window)
        await watch_attempt(work, record.doctor_id, attempt_id, identity, proctored=policy.proctoring)
    keep_choices(environment.database, attempt_id, questions)
    return attempt_id


async def _freeze_attempt(
    work: UnitOfWork, record: AssessmentRecord, paper: Mapping[str, Any], policy: PapersPolicy, window: rules.Window
) -> tuple[int, list[dict[str, Any]]]:
    """Draw the paper and begin; the attempt's key and its questions."""
    subject = PaperSubject(paper["subject"])
    rule = policy.rules[subject]
    seed = secrets.randbits(63)
    candidate = Candidate(record.category, record.scope, record.level)
    frozen = await draw_paper(work.environment.database, record.region_id, subject, candidate, policy, seed)
    number = paper["attempts_used"] + 1
    # Extra time counts beyond the end of the window: it makes good what was lost.
    extra = await extra_minutes(record, paper, work.now)
    deadline = window.deadline(work.now, rule.minutes) + timedelta(minutes=extra)
    timing = Timing(deadline, policy.grace_seconds, policy.time_up, policy.submit_seconds)
    questions = json.dumps(frozen.questions, ensure_ascii=False, separators=(",", ":"))
    answer_key = json.dumps({str(position): key for position, key in frozen.key.items()})
    inserted = await Attempt.insert(
        Attempt(
            paper=paper["id"],
            number=number,
            state=AttemptState.IN_PROGRESS.value,
            started_at=work.now,
            deadline=timing.deadline,
            grace_seconds=timing.grace_seconds,
            time_up=timing.time_up.value,
            submit_seconds=timing.submit_seconds,
            closes_at=timing.closes_at,
            reveal=policy.reveal.value,
            writer_session=work.caller.session_id,
            writer_since=work.now,
            questions=questions,
            answer_key=answer_key,
            pass_percent=None if rule.pass_mark is PassMarkTime.AFTER_SITTING else rule.pass_percent,
        )
    ).returning(Attempt.id)
    attempt_id = int(inserted[0]["id"])
    await move_paper(work, record, paper, rules.Event.START, {AssessmentPaper.attempts_used: number})
    if record.state is AssessmentState.BODY_APPROVED:
        await move(work, record, AssessmentEvent.START_TESTING)
    # The seed lets the draw be repeated and checked; without the bank it says nothing of the answers. The digest holds
    # what was asked, and the key, as they were at the start.
    sheet = work.digest("Attempt.questions", f"{questions}\0{answer_key}")
    await work.record("START_ATTEMPT", "Attempt", attempt_id, {"subject": subject.value, "seed": seed, "sheet": sheet})
    return attempt_id, frozen.questions


async def submit_attempt(
    environment: Environment,
    caller: Caller | None,
    attempt_id: int,
    *,
    token: str | None = None,
    confirmed: bool = True,
) -> Submission:
    """Submit the paper, then mark it and let follow what follows. Submitting again changes nothing; submitting when
    nothing is left of the time is what the sweeper would have done; a mark that cannot be made now is made later.

    Who submits when the time is used up was ended by the clock, so that extra time may reopen it.

    Where questions are unanswered, time is left (also in a pause) and it is not `confirmed`, nothing is done and they
    are named. Raises
    NotLoggedIn, NotFound, Forbidden, StateConflict (the device does not write: see `require_writer`).
    """
    asking = await writing_caller(environment, caller, attempt_id, token)
    attempt = await find_attempt(attempt_id)
    async with begin(environment, asking) as work:
        record = await lock_assessment(work, attempt["assessment"])
        work.acting = require_role(work.caller, record, Role.DOCTOR)
        attempt = await hold_attempt(attempt_id)
        work.found("Attempt", attempt_id, attempt)
        require_writer(environment, work.caller, attempt, token)
        timing = timing_of(attempt)
        running = attempt["state"] == AttemptState.IN_PROGRESS.value
        over = running and timing.is_over(environment.clock.now())
        if not running:
            await work.record("SUBMIT_REPEATED", "Attempt", attempt_id)
        elif not over:
            timed_out = timing.ended_by_clock(work.now)
            if not confirmed and timing.seconds_left(work.now):
                unanswered = await _unanswered(attempt_id)
                if unanswered:
                    await work.record("SUBMIT_ASKED", "Attempt", attempt_id, {"unanswered": len(unanswered)})
                    return Submission(unanswered)
            await submit_paper(work, record, attempt, timed_out=timed_out)
            await work.record("SUBMIT_ATTEMPT", "Attempt", attempt_id, await history_of(environment, attempt_id))
        else:
            await work.record("SUBMIT_TOO_LATE", "Attempt", attempt_id)
    if over:
        await settle_attempt(environment, attempt_id, attempt["assessment"])
    elif running:
        await try_to_mark(environment, attempt_id, attempt["assessment"])
    return Submission()


async def _unanswered(attempt_id: int) -> tuple[int, ...]:
    sheet = await _key.first(attempt=attempt_id)
    answered = {row["position"] for row in await _answers.run(attempt=attempt_id) if row["choice"]}
    positions = sorted(int(position) for position in json.loads(sheet["answer_key"])) if sheet else []
    return tuple(position for position in positions if position not in answered)
