"""What the two reviewing levels may decide. Pure."""

from collections.abc import Mapping, Sequence

from dingkao.assessments.rules import Event
from dingkao.assessments.text import TextError, check_text, normalise_text
from dingkao.plugin.errors import FieldProblem
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import RATED_DIMENSIONS, Dimension, Verdict
from dingkao.reviews.vocabulary import Decision

INSTITUTION_EVENTS: Mapping[Decision, Event] = {
    Decision.APPROVED: Event.INSTITUTION_APPROVE,
    Decision.RETURNED_TO_DOCTOR: Event.INSTITUTION_RETURN,
}
BODY_EVENTS: Mapping[Decision, Event] = {
    Decision.APPROVED: Event.BODY_APPROVE,
    Decision.RETURNED_TO_INSTITUTION: Event.BODY_RETURN_TO_INSTITUTION,
    Decision.RETURNED_TO_DOCTOR: Event.BODY_RETURN_TO_DOCTOR,
    Decision.FAILURE_CONFIRMED: Event.BODY_CONFIRM_FAILURE,
}
# Characters of a reason and of a comment on a rating, as people count them.
REASON_MAXIMUM = 1000
COMMENT_MAXIMUM = 1000


def _text_problems(path: str, text: str, maximum: int) -> list[FieldProblem]:
    try:
        check_text(text, maximum)
    except TextError as error:
        return [FieldProblem(path, error.code.upper(), error.text)]
    return []


def _reason_problems(decision: Decision, reason: str) -> list[FieldProblem]:
    problems = _text_problems("reason", reason, REASON_MAXIMUM)
    if decision is not Decision.APPROVED and not problems and not normalise_text(reason):
        problems.append(FieldProblem("reason", "REASON_REQUIRED", Text("请填写原因。", "Give the reason.")))
    return problems


def institution_problems(
    decision: Decision, ratings: Sequence[tuple[Dimension, Verdict, str]], reason: str
) -> list[FieldProblem]:
    """Everything wrong with an institution's review: approving rates both dimensions, each once; `ratings` are
    (dimension, verdict, comment)."""
    problems = _reason_problems(decision, reason)
    if decision not in INSTITUTION_EVENTS:
        text = Text("医疗卫生机构只能审核通过或退回。", "An institution approves or returns.")
        problems.append(FieldProblem("decision", "DECISION_NOT_POSSIBLE", text))
    for place, (_, _, comment) in enumerate(ratings):
        problems += _text_problems(f"ratings.{place}.comment", comment, COMMENT_MAXIMUM)
    seen = [dimension for dimension, _, _ in ratings]
    for place, dimension in enumerate(seen):
        if dimension not in RATED_DIMENSIONS:
            text = Text("业务水平由测评得出，不在此评定。", "Professional competence is tested, not rated.")
            problems.append(FieldProblem(f"ratings.{place}.dimension", "NOT_RATED", text))
        elif dimension in seen[:place]:
            problems.append(FieldProblem(f"ratings.{place}.dimension", "REPEATED", Text("重复评定。", "Rated twice.")))
    if decision is Decision.APPROVED:
        for dimension in RATED_DIMENSIONS:
            if dimension not in seen:
                text = Text("工作成绩、职业道德均须评定。", f"Rate {dimension.value} too.")
                problems.append(FieldProblem("ratings", "RATING_MISSING", text))
    return problems


def body_problems(decision: Decision, verdicts: Sequence[Verdict], reason: str) -> list[FieldProblem]:
    """Everything wrong with a body's review: a failed rating is confirmed or returned, never approved; one that is not
    failed cannot be confirmed as such (Physicians Law, Art. 42; manual 2.2.3, last note)."""
    problems = _reason_problems(decision, reason)
    failed = Verdict.UNQUALIFIED in verdicts
    if decision is Decision.APPROVED and failed:
        text = Text("机构评定有不合格项，只能确认不合格或退回。", "A dimension was rated failed: confirm it or return.")
        problems.append(FieldProblem("decision", "RATING_FAILED", text))
    if decision is Decision.FAILURE_CONFIRMED and not failed:
        text = Text("机构评定没有不合格项。", "No dimension was rated failed.")
        problems.append(FieldProblem("decision", "NO_FAILED_RATING", text))
    return problems
