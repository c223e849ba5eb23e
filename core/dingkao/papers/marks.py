"""Marking (评分): a step of its own after submitting, that may fail and be done again. A paper is submitted or it has
its mark and all that follows from it: one transaction, nothing between."""

import json
from collections.abc import Mapping
from typing import Any

from piccolo.querystring import QueryString

from dingkao.assessments.access import lock_assessment
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.audit.work import SYSTEM_CALLER, UnitOfWork, begin
from dingkao.db.gates import Gate, GateClosed
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.logs import get_logger
from dingkao.papers import rules
from dingkao.papers.marking import mark
from dingkao.papers.planning import move_paper, open_papers
from dingkao.papers.running import RUNNING_COLUMNS, find_paper, hold_row
from dingkao.papers.tables import Answer, Attempt, VoidedQuestion
from dingkao.papers.vocabulary import AttemptState

_log = get_logger("dingkao.papers")

# How many attempts a sweep looks at with one query.
_PAGE = 200

_sheet = Statement(
    lambda p: hold_row(
        Attempt.select(*RUNNING_COLUMNS, Attempt.answer_key, Attempt.pass_percent).where(Attempt.id == p.attempt)
    )
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
_voided = Statement(lambda p: VoidedQuestion.select(VoidedQuestion.question).where(VoidedQuestion.cycle == p.cycle))
_questions = Statement(lambda p: Attempt.select(Attempt.questions).where(Attempt.id == p.attempt))
_submitted = Statement(
    lambda p: (
        Attempt.select(Attempt.id, Attempt.paper.assessment.as_alias("assessment"))
        .where((Attempt.state == AttemptState.SUBMITTED.value) & (Attempt.id > p.after))
        .order_by(Attempt.id)
        .limit(p.limit)
    ),
    constants=("limit",),
)


async def voided_positions(cycle_id: int, attempt_id: int) -> frozenset[int]:
    """The positions of an attempt's questions that were voided in the cycle; one query where none was."""
    voided = {row["question"] for row in await _voided.run(cycle=cycle_id)}
    if not voided:
        return frozenset()
    sheet = await _questions.first(attempt=attempt_id)
    frozen = json.loads(sheet["questions"]) if sheet else []
    return frozenset(entry["position"] for entry in frozen if entry.get("question") in voided)


async def mark_attempt(environment: Environment, attempt_id: int, assessment_id: int) -> bool:
    """Mark a submitted attempt and let the paper and the assessment follow; False where that is done already.

    GateClosed while a question is being voided or a pass mark fixed, which the mark has to know. That and an error undo
    the whole step: the paper stays submitted and the sweeper tries again.
    """
    async with begin(environment, SYSTEM_CALLER) as work:
        record = await lock_assessment(work, assessment_id, gate=Gate.MARKING)
        attempt = await _sheet.first(attempt=attempt_id)
        assert attempt is not None  # noqa: S101 - attempts are never deleted
        work.found("Attempt", attempt_id, attempt)
        if attempt["state"] != AttemptState.SUBMITTED.value:
            await work.record("MARK_ATTEMPT_NOT_DUE", "Attempt", attempt_id)
            return False
        percent = await _mark(work, record, attempt)
        await work.record("MARK_ATTEMPT", "Attempt", attempt_id, {"percent": percent})
        return True


async def try_to_mark(environment: Environment, attempt_id: int, assessment_id: int) -> bool:
    """`mark_attempt`, right after a submission that stands whatever comes of it: a failure is logged and left to the
    sweeper. Returns whether the attempt was marked."""
    try:
        return await mark_attempt(environment, attempt_id, assessment_id)
    except GateClosed:
        _log.info("attempt is marked later: the marks of its cycle are being decided over", attempt=attempt_id)
        return False
    except Exception as error:
        _log.error("attempt could not be marked", attempt=attempt_id, exc_info=error)
        return False


async def mark_submitted(environment: Environment) -> int:
    """The sweeper's turn: mark what was submitted and is not marked yet. One that cannot be marked is logged and keeps
    no other waiting. Returns how many were marked."""
    marked, after = 0, 0
    while rows := await _submitted.run(after=after, limit=_PAGE):
        for row in rows:
            marked += await try_to_mark(environment, row["id"], row["assessment"])
        after = rows[-1]["id"]
    return marked


async def _mark(work: UnitOfWork, record: AssessmentRecord, attempt: Mapping[str, Any]) -> int:
    answers = {row["position"]: row["choice"] for row in await _answers.run(attempt=attempt["id"])}
    key = {int(position): choice for position, choice in json.loads(attempt["answer_key"]).items()}
    pass_percent = attempt["pass_percent"]
    if pass_percent is None:
        # Known already where this attempt was noticed only after the authority had fixed it.
        fixed = await _pass_mark.first(cycle=record.cycle_id, paper=attempt["paper"])
        pass_percent = fixed["pass_percent"] if fixed else None
    marked = mark(key, answers, pass_percent, await voided_positions(record.cycle_id, attempt["id"]))
    await Attempt.update(
        {
            Attempt.state: AttemptState.MARKED.value,
            Attempt.pass_percent: pass_percent,
            Attempt.score_percent: marked.percent,
            Attempt.passed: marked.passed,
        }
    ).where(Attempt.id == attempt["id"])
    paper = await find_paper(attempt["paper"])
    # A mark that waited for its pass mark is the only one there is, whatever attempts the procedure gives.
    allowed = paper["attempts_allowed"] if attempt["pass_percent"] is not None else paper["attempts_used"]
    await move_paper(work, record, paper, rules.outcome(marked.passed, allowed, paper["attempts_used"]))
    await open_papers(work, (await read_records([record.id]))[record.id])
    return marked.percent
