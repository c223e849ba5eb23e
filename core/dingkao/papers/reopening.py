"""Undoing what followed from an attempt: the result that is not filed yet, and the papers that were opened after it."""

from collections.abc import Mapping
from typing import Any

from dingkao.assessments.access import move
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.assessments.rules import Event as AssessmentEvent
from dingkao.assessments.tables import Assessment
from dingkao.audit.work import UnitOfWork
from dingkao.db.statement import Statement
from dingkao.papers import rules
from dingkao.papers.planning import move_paper
from dingkao.papers.tables import AssessmentPaper, Attempt
from dingkao.plugin.errors import StateConflict
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import AssessmentState, PaperState
from dingkao.results.tables import Result
from dingkao.results.vocabulary import ResultState

_result = Statement(lambda p: Result.select(Result.id, Result.state).where(Result.assessment == p.assessment))
_last = Statement(
    lambda p: (
        Attempt.select(Attempt.id).where(Attempt.paper == p.paper).order_by(Attempt.number, ascending=False).limit(1)
    )
)
_papers = Statement(
    lambda p: (
        AssessmentPaper.select(
            AssessmentPaper.id, AssessmentPaper.position, AssessmentPaper.state, AssessmentPaper.attempts_used
        )
        .where(AssessmentPaper.assessment == p.assessment)
        .order_by(AssessmentPaper.position)
    )
)


async def require_last(attempt: Mapping[str, Any]) -> None:
    """Check that no attempt of the paper came after this one. Raises StateConflict (LATER_ATTEMPT)."""
    last = await _last.first(paper=attempt["paper"])
    if last is not None and last["id"] != attempt["id"]:
        text = Text("该试卷已有后一次作答。", "The paper has a later attempt.")
        raise StateConflict("LATER_ATTEMPT", text, attempt["state"])


async def reopen_assessment(work: UnitOfWork, record: AssessmentRecord, paper_id: int, reason: str) -> AssessmentRecord:
    """Take back what followed from a paper of the locked assessment: a result that nobody has filed goes, papers after
    it that were opened and not begun are locked. Returns the assessment as it is then; part of a use case.

    Raises StateConflict: RESULT_FILED (annul the result instead), LATER_PAPER_BEGUN.
    """
    # All is checked before anything moves: a batch goes on with the others where this one is refused.
    papers = await _papers.run(assessment=record.id)
    position = next(row["position"] for row in papers if row["id"] == paper_id)
    opened = []
    for row in papers:
        state = PaperState(row["state"])
        if row["position"] <= position or state in (PaperState.LOCKED, PaperState.EXEMPT, PaperState.ABSENT):
            continue
        if state is not PaperState.AVAILABLE or row["attempts_used"]:
            text = Text("后一试卷已开始作答。", "The paper after it was begun already.")
            raise StateConflict("LATER_PAPER_BEGUN", text, state.value)
        opened.append(row)
    await _require_not_filed(record)
    for row in opened:
        await move_paper(work, record, row, rules.Event.LOCK)
    return await _take_back_result(work, record, reason)


async def reopen_for_pass(work: UnitOfWork, record: AssessmentRecord, reason: str) -> AssessmentRecord:
    """As `reopen_assessment`, for a paper of the locked assessment that is about to pass: papers after it stay as they
    are, begun or not, for with this one passed they were rightly open. Raises StateConflict (RESULT_FILED)."""
    await _require_not_filed(record)
    return await _take_back_result(work, record, reason)


async def _require_not_filed(record: AssessmentRecord) -> None:
    result = await _result.first(assessment=record.id) if record.state is AssessmentState.CONCLUDED else None
    if result is not None and result["state"] != ResultState.CONCLUDED.value:
        text = Text(
            "考核结果已备案，不能再恢复测评；确有错误的，请按复核或撤销程序办理。",
            "The result is filed; use re-examination or annulment where it is wrong.",
        )
        raise StateConflict("RESULT_FILED", text, result["state"])


async def _take_back_result(work: UnitOfWork, record: AssessmentRecord, reason: str) -> AssessmentRecord:
    if record.state is not AssessmentState.CONCLUDED:
        return record
    await Result.delete().where(Result.assessment == record.id)
    await move(work, record, AssessmentEvent.REOPEN, reason, {Assessment.conclusion: None})
    return (await read_records([record.id]))[record.id]
