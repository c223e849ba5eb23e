"""Sitting a paper (参加测评, manual 2.2.5): start, submit; and submitting for who runs out of time."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from piccolo.querystring import QueryString

from dingkao.assessments.access import lock_assessment, move, pinned_policy, policy_with_digest
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.assessments.rules import Event as AssessmentEvent
from dingkao.assessments.scope import require_role
from dingkao.audit.work import SYSTEM_CALLER, UnitOfWork, begin, logged_in
from dingkao.db.database import is_postgresql
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.logs import get_logger
from dingkao.papers import rules
from dingkao.papers.drawing import draw_paper
from dingkao.papers.marking import mark
from dingkao.papers.planning import move_paper, open_papers
from dingkao.papers.proctoring import check_proctoring
from dingkao.papers.tables import Answer, AssessmentPaper, Attempt
from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import NotFound
from dingkao.plugin.national import PapersPolicy
from dingkao.plugin.national import PassMark as PassMarkTime
from dingkao.plugin.vocabulary import AssessmentState, PaperState, PaperSubject, Role

_log = get_logger("dingkao.papers")

# How many attempts the sweeper looks at with one query.
_SWEEP = 200

_paper = Statement(
    lambda p: AssessmentPaper.select(
        AssessmentPaper.id, AssessmentPaper.assessment, AssessmentPaper.subject, AssessmentPaper.state,
        AssessmentPaper.attempts_allowed, AssessmentPaper.attempts_used,
    ).where(AssessmentPaper.id == p.paper)
)  # fmt: skip
# Two steps of foreign keys: further than Piccolo's types follow.
_ASSESSMENT: Any = Attempt.paper.assessment
# What decides whether an attempt still runs: its deadline, and the policy that gives the grace.
RUNNING_COLUMNS = (
    Attempt.id,
    Attempt.state,
    Attempt.deadline,
    Attempt.timed_out,
    Attempt.paper,
    Attempt.paper.assessment.as_alias("assessment"),
    _ASSESSMENT.doctor.as_alias("doctor"),
    _ASSESSMENT.policy.digest.as_alias("policy_digest"),
    _ASSESSMENT.policy.version.as_alias("policy_version"),
)
_attempt = Statement(lambda p: Attempt.select(*RUNNING_COLUMNS).where(Attempt.id == p.attempt))
_running_of_assessment = Statement(
    lambda p: Attempt.select(*RUNNING_COLUMNS).where(
        (Attempt.paper.assessment == p.assessment) & (Attempt.state == AttemptState.IN_PROGRESS.value)
    )
)
_due = Statement(
    lambda p: (
        Attempt.select(*RUNNING_COLUMNS)
        .where((Attempt.state == AttemptState.IN_PROGRESS.value) & (Attempt.deadline < p.before))
        .where(Attempt.id > p.after)
        .order_by(Attempt.id)
        .limit(p.limit)
    ),
    constants=("limit",),
)
_key = Statement(
    lambda p: _locked(Attempt.select(Attempt.answer_key, Attempt.pass_percent).where(Attempt.id == p.attempt))
)
_pass_mark = Statement(
    lambda p: QueryString(
        "SELECT pass_mark.pass_percent AS pass_percent FROM pass_mark "
        "JOIN assessment_paper ON assessment_paper.subject = pass_mark.subject "
        "WHERE pass_mark.cycle = {} AND assessment_paper.id = {}",
        p.cycle,
        p.paper,
    )
)
_answers = Statement(lambda p: Answer.select(Answer.position, Answer.choice).where(Answer.attempt == p.attempt))


def _locked(query: Any) -> Any:
    # Waits for saves that hold the row, and keeps later ones out; SQLite's transaction does so by itself.
    return query.lock_rows("NO KEY UPDATE") if is_postgresql() else query


async def is_over(environment: Environment, attempt: Mapping[str, Any]) -> bool:
    """Whether a row of `RUNNING_COLUMNS` is of an attempt whose time, grace included, is up at this moment."""
    policy = await policy_with_digest(environment, attempt["policy_digest"], attempt["policy_version"])
    grace = policy.section(PapersPolicy).grace_seconds
    return rules.is_over(attempt["deadline"], grace, environment.clock.now())


async def start_attempt(environment: Environment, caller: Caller | None, paper_id: int) -> int:
    """Begin an attempt of a paper, or find the one that runs already: two devices starting at once get one attempt.

    The paper is drawn and frozen here. Returns the attempt's key. Raises NotFound, Forbidden, StateConflict (window,
    order, attempts), NotEligible (consent or capture missing, bank too small).
    """
    asking = logged_in(caller)
    paper = await _paper.first(paper=paper_id)
    if paper is None:
        raise NotFound
    # In a transaction of its own: what had run out stays submitted, also where nothing more may be begun.
    await settle_assessment(environment, paper["assessment"])
    async with begin(environment, asking) as work:
        record = await lock_assessment(work, paper["assessment"])
        work.acting = require_role(work.caller, record, Role.DOCTOR)
        running = await _running_of_assessment.run(assessment=record.id)
        for attempt in running:
            if attempt["paper"] == paper_id:
                await work.record("RESUME_ATTEMPT", "Attempt", attempt["id"])
                return int(attempt["id"])
        paper = await _paper.first(paper=paper_id)
        if paper is None:  # planned anew since it was read above
            raise NotFound
        window = rules.Window(record.tests_from, record.tests_until)
        rules.require_startable(
            record.state,
            PaperState(paper["state"]),
            paper["attempts_allowed"],
            paper["attempts_used"],
            window,
            work.now,
        )
        policy = (await pinned_policy(environment, record)).section(PapersPolicy)
        await check_proctoring(record, policy)
        return await _freeze_attempt(work, record, paper, policy, window)


async def _freeze_attempt(
    work: UnitOfWork, record: AssessmentRecord, paper: Mapping[str, Any], policy: PapersPolicy, window: rules.Window
) -> int:
    subject = PaperSubject(paper["subject"])
    rule = policy.rules[subject]
    seed = secrets.randbits(63)
    frozen = await draw_paper(subject, rule.questions, seed)
    number = paper["attempts_used"] + 1
    inserted = await Attempt.insert(
        Attempt(
            paper=paper["id"],
            number=number,
            state=AttemptState.IN_PROGRESS.value,
            started_at=work.now,
            deadline=window.deadline(work.now, rule.minutes),
            questions=json.dumps(frozen.questions, ensure_ascii=False, separators=(",", ":")),
            answer_key=json.dumps({str(position): key for position, key in frozen.key.items()}),
            pass_percent=None if rule.pass_mark is PassMarkTime.AFTER_SITTING else rule.pass_percent,
        )
    ).returning(Attempt.id)
    attempt_id = int(inserted[0]["id"])
    await move_paper(work, record, paper, rules.Event.START, {AssessmentPaper.attempts_used: number})
    if record.state is AssessmentState.BODY_APPROVED:
        await move(work, record, AssessmentEvent.START_TESTING)
    # The seed lets the draw be repeated and checked; without the bank it says nothing of the answers.
    await work.record("START_ATTEMPT", "Attempt", attempt_id, {"subject": subject.value, "seed": seed})
    return attempt_id


async def submit_attempt(environment: Environment, caller: Caller | None, attempt_id: int) -> None:
    """Submit the paper: mark it, move the paper and what follows from it. Submitting again changes nothing; submitting
    after the deadline and its grace is what the sweeper would have done. Raises NotFound, Forbidden."""
    asking = logged_in(caller)
    attempt = await _attempt.first(attempt=attempt_id)
    if attempt is None:
        raise NotFound
    async with begin(environment, asking) as work:
        record = await lock_assessment(work, attempt["assessment"])
        work.acting = require_role(work.caller, record, Role.DOCTOR)
        attempt = await _attempt.first(attempt=attempt_id)
        assert attempt is not None  # noqa: S101 - attempts are never deleted
        if attempt["state"] != AttemptState.IN_PROGRESS.value:
            await work.record("SUBMIT_REPEATED", "Attempt", attempt_id)
            return
        percent = await _finish(work, record, attempt, timed_out=await is_over(environment, attempt))
        await work.record("SUBMIT_ATTEMPT", "Attempt", attempt_id, {"percent": percent})


async def _finish(work: UnitOfWork, record: AssessmentRecord, attempt: Mapping[str, Any], *, timed_out: bool) -> int:
    """Mark the running attempt of the locked assessment and let the paper and the assessment follow; the percentage.

    One that timed out counts as submitted at its deadline, whoever noticed it and when.
    """
    sheet = await _key.first(attempt=attempt["id"])
    assert sheet is not None  # noqa: S101 - attempts are never deleted
    answers = {row["position"]: row["choice"] for row in await _answers.run(attempt=attempt["id"])}
    key = {int(position): choice for position, choice in json.loads(sheet["answer_key"]).items()}
    pass_percent = sheet["pass_percent"]
    if pass_percent is None:
        # Known already where this attempt was noticed only after the authority had fixed it.
        fixed = await _pass_mark.first(cycle=record.cycle_id, paper=attempt["paper"])
        pass_percent = fixed["pass_percent"] if fixed else None
    marked = mark(key, answers, pass_percent)
    await Attempt.update(
        {
            Attempt.state: AttemptState.MARKED.value,
            Attempt.submitted_at: attempt["deadline"] if timed_out else work.now,
            Attempt.timed_out: timed_out,
            Attempt.pass_percent: pass_percent,
            Attempt.score_percent: marked.percent,
            Attempt.passed: marked.passed,
        }
    ).where(Attempt.id == attempt["id"])
    paper = await _paper.first(paper=attempt["paper"])
    assert paper is not None  # noqa: S101 - an attempt's paper is there by foreign key
    state = await move_paper(work, record, paper, rules.Event.SUBMIT)
    # A mark that waited for its pass mark is the only one there is, whatever attempts the procedure gives.
    allowed = paper["attempts_allowed"] if sheet["pass_percent"] is not None else paper["attempts_used"]
    outcome = rules.outcome(marked.passed, allowed, paper["attempts_used"])
    await move_paper(work, record, {**paper, "state": state.value}, outcome)
    await open_papers(work, (await read_records([record.id]))[record.id])
    return marked.percent


async def settle_attempt(environment: Environment, attempt_id: int, assessment_id: int) -> bool:
    """Submit one attempt whose time is up, with what is there; False where another did it first or time is left."""
    async with begin(environment, SYSTEM_CALLER) as work:
        record = await lock_assessment(work, assessment_id)
        attempt = await _attempt.first(attempt=attempt_id)
        running = attempt is not None and attempt["state"] == AttemptState.IN_PROGRESS.value
        if attempt is None or not running or not await is_over(environment, attempt):
            await work.record("SETTLE_ATTEMPT_NOT_DUE", "Attempt", attempt_id)
            return False
        percent = await _finish(work, record, attempt, timed_out=True)
        await work.record("SETTLE_ATTEMPT", "Attempt", attempt_id, {"percent": percent})
        return True


async def settle_assessment(environment: Environment, assessment_id: int) -> bool:
    """Submit what has run out of time on one assessment: whoever touches it sees what the sweeper would have made of
    it. One query where nothing has. Returns whether anything was submitted."""
    settled = False
    for attempt in await _running_of_assessment.run(assessment=assessment_id):
        if await is_over(environment, attempt):
            settled |= await settle_attempt(environment, attempt["id"], assessment_id)
    return settled


async def settle_expired(environment: Environment) -> int:
    """The sweeper's turn: submit every attempt whose deadline and grace have passed. Safe with many workers: each one
    is looked at again under the assessment's lock, in a transaction of its own. One that cannot be submitted is logged
    and keeps no other waiting. Returns how many were submitted."""
    settled, after = 0, 0
    before = environment.clock.now()
    while rows := await _due.run(before=before, after=after, limit=_SWEEP):
        for row in rows:
            try:
                if await is_over(environment, row):
                    settled += await settle_attempt(environment, row["id"], row["assessment"])
            except Exception as error:
                _log.error("attempt could not be settled", attempt=row["id"], exc_info=error)
        after = rows[-1]["id"]
    return settled
