"""Sitting a paper (参加测评, manual 2.2.5): start, save answers, submit; and submitting for who runs out of time."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from piccolo.querystring import QueryString

from dingkao.assessments.access import cycle_policy, lock_assessment, move, pinned_policy
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.assessments.rules import Event as AssessmentEvent
from dingkao.assessments.scope import require_role
from dingkao.audit.work import SYSTEM_CALLER, UnitOfWork, begin, logged_in
from dingkao.db.database import is_postgresql
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers import rules
from dingkao.papers.marking import BankQuestion, draw, freeze, mark
from dingkao.papers.planning import move_paper, open_papers
from dingkao.papers.proctoring import check_proctoring
from dingkao.papers.tables import Answer, AssessmentPaper, Attempt, Question
from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, Forbidden, NotEligible, NotFound, StateConflict, ValidationFailed
from dingkao.plugin.national import PapersPolicy
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import AssessmentState, PaperState, PaperSubject, Role

# One request saves at most a whole paper.
MOST_ANSWERS = 500
SEQUENCE_MAXIMUM = 2**31 - 1

_paper = Statement(
    lambda p: AssessmentPaper.select(
        AssessmentPaper.id, AssessmentPaper.assessment, AssessmentPaper.subject, AssessmentPaper.state,
        AssessmentPaper.attempts_allowed, AssessmentPaper.attempts_used,
    ).where(AssessmentPaper.id == p.paper)
)  # fmt: skip
_running = Statement(
    lambda p: Attempt.select(Attempt.id, Attempt.deadline).where(
        (Attempt.paper == p.paper) & (Attempt.state == AttemptState.IN_PROGRESS.value)
    )
)
_drawable = Statement(
    lambda p: (
        Question.select(Question.id)
        .where((Question.subject == p.subject) & (Question.retired == p.retired))
        .order_by(Question.id)
    )
)
_questions = Statement(
    lambda p: Question.select(Question.id, Question.stem, Question.options, Question.answer).where(
        Question.id.is_in(p.ids)
    ),
    json_columns=("options",),
)
# Two steps of foreign keys: further than Piccolo's types follow.
_ASSESSMENT: Any = Attempt.paper.assessment
# What saving needs to know, in one row: whose it is, until when, which choices there are.
_attempt = Statement(
    lambda p: Attempt.select(
        Attempt.id, Attempt.state, Attempt.deadline, Attempt.questions, Attempt.answer_key, Attempt.pass_percent,
        Attempt.number, Attempt.paper, Attempt.paper.assessment.as_alias("assessment"),
        _ASSESSMENT.doctor.as_alias("doctor"),
        _ASSESSMENT.cycle.as_alias("cycle"),
        _ASSESSMENT.cycle.policy_digest.as_alias("policy_digest"),
        _ASSESSMENT.cycle.policy_version.as_alias("policy_version"),
    ).where(Attempt.id == p.attempt)
)  # fmt: skip
_lock_attempt = Statement(
    lambda p: Attempt.select(Attempt.id, Attempt.state).where(Attempt.id == p.attempt).lock_rows("SHARE")
)
_state_only = Statement(lambda p: Attempt.select(Attempt.id, Attempt.state).where(Attempt.id == p.attempt))
_upsert = Statement(
    lambda p: QueryString(
        "INSERT INTO answer (attempt, position, choice, sequence, saved_at) VALUES ({}, {}, {}, {}, {}) "
        "ON CONFLICT (attempt, position) DO UPDATE SET choice = excluded.choice, sequence = excluded.sequence, "
        "saved_at = excluded.saved_at WHERE excluded.sequence > answer.sequence",
        p.attempt, p.position, p.choice, p.sequence, p.saved_at,
    )
)  # fmt: skip
_answers = Statement(
    lambda p: (
        Answer.select(Answer.position, Answer.choice, Answer.sequence, Answer.saved_at)
        .where((Answer.attempt == p.attempt) & Answer.position.is_in(p.positions))
        .order_by(Answer.position)
    )
)
_all_answers = Statement(lambda p: Answer.select(Answer.position, Answer.choice).where(Answer.attempt == p.attempt))
_due = Statement(
    lambda p: (
        Attempt.select(Attempt.id, Attempt.paper.assessment.as_alias("assessment"))
        .where((Attempt.state == AttemptState.IN_PROGRESS.value) & (Attempt.deadline < p.before))
        .order_by(Attempt.deadline)
        .limit(200)
    )
)


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer as a client sends it: the question's position (from 1), the chosen key ("" clears it), and the client's
    own sequence number: of two saves for one question the higher wins, whatever the order of arrival."""

    position: int
    choice: str
    sequence: int


@dataclass(frozen=True, slots=True)
class HeldAnswer:
    """What the server holds for one question."""

    position: int
    choice: str
    sequence: int
    saved_at: datetime


async def start_attempt(environment: Environment, caller: Caller | None, paper_id: int) -> int:
    """Begin an attempt of a paper, or find the one that runs already: two devices starting at once get one attempt.

    The paper is drawn and frozen here. Returns the attempt's key. Raises NotFound, Forbidden, StateConflict (window,
    order, attempts), NotEligible (consent or capture missing, bank too small).
    """
    async with begin(environment, caller) as work:
        paper = await _paper.first(paper=paper_id)
        if paper is None:
            raise NotFound
        record = await lock_assessment(work, paper["assessment"])
        work.acting = require_role(work.caller, record, Role.DOCTOR)
        record = await _settle_running(work, record, paper_id)
        paper = await _paper.first(paper=paper_id)
        assert paper is not None  # noqa: S101 - papers are not deleted once the assessment is tested
        running = await _running.first(paper=paper_id)
        if running is not None:
            await work.record("RESUME_ATTEMPT", "Attempt", running["id"])
            return int(running["id"])
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
        attempt_id = await _freeze_attempt(work, record, paper, policy, window)
        await work.record("START_ATTEMPT", "Attempt", attempt_id, {"subject": paper["subject"]})
        return attempt_id


async def _freeze_attempt(
    work: UnitOfWork, record: AssessmentRecord, paper: Any, policy: PapersPolicy, window: rules.Window
) -> int:
    rule = policy.rules[PaperSubject(paper["subject"])]
    ids = [row["id"] for row in await _drawable.run(subject=paper["subject"], retired=False)]
    if len(ids) < rule.questions:
        text = Text(
            f"题库可用试题{len(ids)}道，少于试卷所需{rule.questions}道，请联系考核机构。",
            f"The bank has {len(ids)} questions, the paper needs {rule.questions}; tell the assessment body.",
        )
        raise NotEligible([Reason("BANK_TOO_SMALL", text)])
    seed = secrets.randbits(48)
    drawn = draw(ids, rule.questions, seed)
    rows = {row["id"]: row for row in await _questions.run(ids=drawn)}
    questions = [
        BankQuestion(
            key,
            rows[key]["stem"],
            tuple((option["key"], option["text"]) for option in rows[key]["options"]),
            rows[key]["answer"],
        )
        for key in drawn
    ]
    frozen = freeze(questions, seed)
    number = paper["attempts_used"] + 1
    inserted = await Attempt.insert(
        Attempt(
            paper=paper["id"],
            number=number,
            state=AttemptState.IN_PROGRESS.value,
            started_at=work.now,
            deadline=window.deadline(work.now, rule.minutes),
            questions=json.dumps(frozen.questions, ensure_ascii=False),
            answer_key=json.dumps({str(position): key for position, key in frozen.key.items()}),
            pass_percent=rule.pass_percent,
        )
    ).returning(Attempt.id)
    await move_paper(work, record, paper, rules.Event.START, {AssessmentPaper.attempts_used: number})
    if record.state is AssessmentState.BODY_APPROVED:
        await move(work, record, AssessmentEvent.START_TESTING)
    return int(inserted[0]["id"])


async def save_answers(
    environment: Environment, caller: Caller | None, attempt_id: int, answers: Sequence[GivenAnswer]
) -> list[HeldAnswer]:
    """Save answers durably and return what the server now holds for those questions.

    Sending again is harmless. Raises NotFound, ValidationFailed (position, choice, sequence), StateConflict
    (ATTEMPT_CLOSED, TIME_IS_UP after the deadline and the grace for a slow network).
    """
    now = environment.clock.now()
    attempt = await _attempt.first(attempt=attempt_id)
    if attempt is None:
        raise NotFound
    asking = logged_in(caller)
    if asking.doctor_id != attempt["doctor"]:
        raise NotFound
    policy = await cycle_policy(environment, attempt["cycle"], attempt["policy_digest"], attempt["policy_version"])
    grace = policy.section(PapersPolicy).grace_seconds
    problems = _answer_problems(answers, json.loads(attempt["questions"]))
    if problems:
        raise ValidationFailed(problems)
    if attempt["state"] == AttemptState.IN_PROGRESS.value and rules.is_over(attempt["deadline"], grace, now):
        await _settle(environment, attempt_id, attempt["assessment"])
        raise _closed("TIME_IS_UP", Text("答题时间已到，试卷已自动提交。", "Time is up; what was there is submitted."))
    async with begin(environment, asking) as work:
        # Shared with other saves, not with submitting: an answer is in before the marking or refused after it.
        lock = _lock_attempt if is_postgresql() else _state_only
        locked = await lock.first(attempt=attempt_id)
        if locked is None or locked["state"] != AttemptState.IN_PROGRESS.value:
            raise _closed("ATTEMPT_CLOSED", Text("试卷已提交，不能再作答。", "The paper is submitted already."))
        for answer in answers:
            await _upsert.run(
                attempt=attempt_id,
                position=answer.position,
                choice=answer.choice,
                sequence=answer.sequence,
                saved_at=work.now,
            )
        rows = await _answers.run(attempt=attempt_id, positions=[answer.position for answer in answers])
        await work.record("SAVE_ANSWERS", "Attempt", attempt_id, {"positions": [a.position for a in answers]})
    return [HeldAnswer(row["position"], row["choice"], row["sequence"], row["saved_at"]) for row in rows]


def _closed(code: str, text: Text) -> StateConflict:
    return StateConflict(code, text, AttemptState.MARKED.value)


def _answer_problems(answers: Sequence[GivenAnswer], questions: list[dict[str, Any]]) -> list[FieldProblem]:
    if not 1 <= len(answers) <= MOST_ANSWERS:
        text = Text(f"一次请保存1至{MOST_ANSWERS}题。", f"Save 1 to {MOST_ANSWERS} answers at once.")
        return [FieldProblem("answers", "NUMBER_OF_ANSWERS", text)]
    choices = {question["position"]: {option["key"] for option in question["options"]} for question in questions}
    problems = []
    for place, answer in enumerate(answers):
        if answer.position not in choices:
            text = Text("试卷中没有该题。", "The paper has no such question.")
            problems.append(FieldProblem(f"answers.{place}.position", "NO_SUCH_QUESTION", text))
        elif answer.choice and answer.choice not in choices[answer.position]:
            text = Text("没有该选项。", "The question has no such option.")
            problems.append(FieldProblem(f"answers.{place}.choice", "NO_SUCH_OPTION", text))
        if not 0 <= answer.sequence <= SEQUENCE_MAXIMUM:
            text = Text("序号超出范围。", "The sequence number is out of range.")
            problems.append(FieldProblem(f"answers.{place}.sequence", "SEQUENCE_OUT_OF_RANGE", text))
    return problems


async def submit_attempt(environment: Environment, caller: Caller | None, attempt_id: int) -> None:
    """Submit the paper: mark it, move the paper and what follows from it. Submitting again changes nothing.
    Raises NotFound, Forbidden."""
    async with begin(environment, caller) as work:
        attempt = await _attempt.first(attempt=attempt_id)
        if attempt is None:
            raise NotFound
        record = await lock_assessment(work, attempt["assessment"])
        work.acting = require_role(work.caller, record, Role.DOCTOR)
        attempt = await _attempt.first(attempt=attempt_id)
        if attempt is None or work.caller.doctor_id != attempt["doctor"]:
            raise Forbidden
        if attempt["state"] != AttemptState.IN_PROGRESS.value:
            await work.record("SUBMIT_REPEATED", "Attempt", attempt_id)
            return
        percent = await _finish(work, record, attempt, timed_out=False)
        await work.record("SUBMIT_ATTEMPT", "Attempt", attempt_id, {"percent": percent})


async def _finish(work: UnitOfWork, record: AssessmentRecord, attempt: Any, *, timed_out: bool) -> int:
    """Mark the locked attempt and let the paper and the assessment follow."""
    if is_postgresql():
        # Waits for saves that hold the row shared, and keeps later ones out.
        await Attempt.select(Attempt.id).where(Attempt.id == attempt["id"]).lock_rows()
    answers = {row["position"]: row["choice"] for row in await _all_answers.run(attempt=attempt["id"])}
    key = {int(position): choice for position, choice in json.loads(attempt["answer_key"]).items()}
    marked = mark(key, answers, attempt["pass_percent"])
    await Attempt.update(
        {
            Attempt.state: AttemptState.MARKED.value,
            Attempt.submitted_at: attempt["deadline"] if timed_out else work.now,
            Attempt.timed_out: timed_out,
            Attempt.score_percent: marked.percent,
            Attempt.passed: marked.passed,
        }
    ).where(Attempt.id == attempt["id"])
    paper = await _paper.first(paper=attempt["paper"])
    assert paper is not None  # noqa: S101 - an attempt's paper is there by foreign key
    state = await move_paper(work, record, paper, rules.Event.SUBMIT)
    outcome = rules.outcome(marked.passed, paper["attempts_allowed"], paper["attempts_used"])
    await move_paper(work, record, {**paper, "state": state.value}, outcome)
    await open_papers(work, (await read_records([record.id]))[record.id])
    return marked.percent


async def _settle_running(work: UnitOfWork, record: AssessmentRecord, paper_id: int) -> AssessmentRecord:
    """Submit the paper's running attempt where its time is up; returns the assessment as it is then."""
    running = await _running.first(paper=paper_id)
    if running is None:
        return record
    policy = (await pinned_policy(work.environment, record)).section(PapersPolicy)
    if not rules.is_over(running["deadline"], policy.grace_seconds, work.now):
        return record
    attempt = await _attempt.first(attempt=running["id"])
    await _finish(work, record, attempt, timed_out=True)
    return (await read_records([record.id]))[record.id]


async def _settle(environment: Environment, attempt_id: int, assessment_id: int) -> bool:
    """Submit one attempt whose time is up, with what is there; False where another did it first or time is left."""
    async with begin(environment, SYSTEM_CALLER) as work:
        record = await lock_assessment(work, assessment_id)
        attempt = await _attempt.first(attempt=attempt_id)
        policy = (await pinned_policy(environment, record)).section(PapersPolicy)
        over = attempt is not None and rules.is_over(attempt["deadline"], policy.grace_seconds, work.now)
        if attempt is None or attempt["state"] != AttemptState.IN_PROGRESS.value or not over:
            await work.record("SETTLE_ATTEMPT_NOT_DUE", "Attempt", attempt_id)
            return False
        percent = await _finish(work, record, attempt, timed_out=True)
        await work.record("SETTLE_ATTEMPT", "Attempt", attempt_id, {"percent": percent})
        return True


async def settle_expired(environment: Environment) -> int:
    """The sweeper's turn: submit every attempt whose deadline and grace have passed. Safe with many workers: each one
    is looked at again under the assessment's lock. Returns how many were submitted."""
    # The longest grace a policy may give is ten minutes; the exact one is checked for each attempt.
    settled = 0
    for row in await _due.run(before=environment.clock.now()):
        due = await _is_due(environment, row["id"])
        if due and await _settle(environment, row["id"], row["assessment"]):
            settled += 1
    return settled


async def _is_due(environment: Environment, attempt_id: int) -> bool:
    attempt = await _attempt.first(attempt=attempt_id)
    if attempt is None:
        return False
    policy = await cycle_policy(environment, attempt["cycle"], attempt["policy_digest"], attempt["policy_version"])
    grace = timedelta(seconds=policy.section(PapersPolicy).grace_seconds)
    return bool(attempt["deadline"] + grace < environment.clock.now())
