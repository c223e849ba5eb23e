"""Submissions as they are read."""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from dingkao.assessments.tables import Submission
from dingkao.db.statement import Statement
from dingkao.doctors.numbers import mask_document_number, mask_practice_number, mask_qualification_number

_latest = Statement(
    lambda p: Submission.select(
        Submission.assessment, Submission.number, Submission.content, Submission.digest, Submission.submitted_at
    ).where(Submission.assessment.is_in(p.assessments) & (Submission.assessment.submissions == Submission.number))
)


@dataclass(frozen=True, slots=True)
class SubmissionRecord:
    """A snapshot that the reviewers judge."""

    number: int
    content: str
    digest: str
    submitted_at: datetime

    def masked_content(self) -> dict[str, Any]:
        """The snapshot with its personal numbers masked."""
        return _masked(self.content)


def _masked(content: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(content)
    doctor, registration = document["doctor"], document["registration"]
    doctor["documentNumber"] = mask_document_number(doctor["documentNumber"])
    doctor["qualificationNumber"] = mask_qualification_number(doctor["qualificationNumber"])
    registration["practiceNumber"] = mask_practice_number(registration["practiceNumber"])
    return document


def snapshot_digest(content: str) -> str:
    """SHA-256 of a snapshot (canonical JSON) as it is shown, in hexadecimal."""
    return sha256(json.dumps(_masked(content), ensure_ascii=False, sort_keys=True).encode()).hexdigest()


async def read_latest_submissions(assessment_ids: list[int]) -> list[SubmissionRecord | None]:
    """The latest submission of each assessment, in order; None where there is none."""
    rows = {row["assessment"]: row for row in await _latest.run(assessments=assessment_ids)}
    return [
        SubmissionRecord(row["number"], row["content"], row["digest"], row["submitted_at"])
        if (row := rows.get(key)) is not None
        else None
        for key in assessment_ids
    ]
