"""Self-evaluation (自评) of work performance and professional ethics (manual 2.2.3 (3))."""

import json
from collections.abc import Sequence

from dingkao.assessments.access import pinned_policy
from dingkao.assessments.form_rules import evaluation_problems
from dingkao.assessments.service.editing import edit, touch
from dingkao.assessments.tables import Rating
from dingkao.assessments.text import normalise_text
from dingkao.audit.work import UnitOfWork, begin
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import ValidationFailed
from dingkao.plugin.national import EvaluationPolicy
from dingkao.plugin.vocabulary import Dimension, RatedBy, Verdict

_rating = Statement(
    lambda p: Rating.select(Rating.id).where(
        (Rating.assessment == p.assessment) & (Rating.dimension == p.dimension) & (Rating.rated_by == p.rated_by)
    )
)


async def save_self_evaluation(
    environment: Environment,
    caller: Caller | None,
    assessment_id: int,
    dimension: Dimension,
    scores: Sequence[tuple[str, int]],
    summary: str,
    verdict: Verdict | None,
    expected_revision: int | None,
) -> None:
    """Save the doctor's own rating of one dimension as a draft: scores by item code, a summary, a verdict.

    Raises ValidationFailed, StateConflict, RevisionConflict.
    """
    async with begin(environment, caller) as work:
        record = await edit(work, assessment_id, expected_revision)
        policy = (await pinned_policy(environment, record)).section(EvaluationPolicy)
        problems = evaluation_problems(policy, dimension, scores, summary)
        if problems:
            raise ValidationFailed(problems)
        items = json.dumps([{"code": code, "score": score} for code, score in scores], ensure_ascii=False)
        await put_rating(
            work, record.id, dimension, RatedBy.DOCTOR, verdict, items=items, summary=normalise_text(summary)
        )
        await touch(work, record)
        await work.record("SAVE_SELF_EVALUATION", "Assessment", record.id, {"dimension": dimension.value})


async def put_rating(
    work: UnitOfWork,
    assessment_id: int,
    dimension: Dimension,
    rated_by: RatedBy,
    verdict: Verdict | None,
    *,
    items: str = "[]",
    summary: str = "",
) -> None:
    """Insert or replace one rating; the assessment is locked, so nobody else writes it meanwhile."""
    values = {
        Rating.verdict: verdict.value if verdict else None,
        Rating.items: items,
        Rating.summary: summary,
        Rating.rated_at: work.now,
    }
    found = await _rating.first(assessment=assessment_id, dimension=dimension.value, rated_by=rated_by.value)
    if found is not None:
        await Rating.update(values).where(Rating.id == found["id"])
        return
    await Rating.insert(
        Rating(
            assessment=assessment_id,
            dimension=dimension.value,
            rated_by=rated_by.value,
            verdict=verdict.value if verdict else None,
            items=items,
            summary=summary,
            rated_at=work.now,
        )
    )
