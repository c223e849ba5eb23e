"""Reviews as they are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from piccolo.query.functions import Max

from dingkao.db.statement import Statement
from dingkao.plugin.vocabulary import ReviewLevel
from dingkao.reviews.tables import Review
from dingkao.reviews.vocabulary import Decision

_COLUMNS = (
    Review.assessment,
    Review.level,
    Review.decision,
    Review.reason,
    Review.submission_number,
    Review.decided_at,
    Review.organisation.name.as_alias("organisation_name"),
)
_of = Statement(lambda p: Review.select(*_COLUMNS).where(Review.assessment.is_in(p.assessments)).order_by(Review.id))
_latest = Statement(
    lambda p: Review.select(*_COLUMNS).where(
        Review.id.is_in(
            Review.select(Max(Review.id)).where(Review.assessment.is_in(p.assessments)).group_by(Review.assessment)
        )
    )
)


@dataclass(frozen=True, slots=True)
class ReviewRecord:
    """One decision."""

    level: ReviewLevel
    decision: Decision
    reason: str
    organisation: str
    submission_number: int
    decided_at: datetime


def _record(row: Mapping[str, Any]) -> ReviewRecord:
    return ReviewRecord(
        ReviewLevel(row["level"]),
        Decision(row["decision"]),
        row["reason"],
        row["organisation_name"],
        row["submission_number"],
        row["decided_at"],
    )


async def read_reviews(assessment_ids: list[int]) -> list[list[ReviewRecord]]:
    """The decisions on each assessment, oldest first."""
    groups: dict[int, list[ReviewRecord]] = {key: [] for key in assessment_ids}
    for row in await _of.run(assessments=assessment_ids):
        groups[row["assessment"]].append(_record(row))
    return [groups[key] for key in assessment_ids]


async def read_latest_reviews(assessment_ids: list[int]) -> list[ReviewRecord | None]:
    """The latest decision on each assessment, or None."""
    rows = {row["assessment"]: _record(row) for row in await _latest.run(assessments=assessment_ids)}
    return [rows.get(key) for key in assessment_ids]
