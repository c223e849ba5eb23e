"""Papers and attempts as they are read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dingkao.db.statement import Statement
from dingkao.papers.rules import decided
from dingkao.papers.tables import Answer, AssessmentPaper, Attempt
from dingkao.papers.timing import TIMING_COLUMNS, Timing, timing_of
from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.national import Reveal
from dingkao.plugin.vocabulary import PaperState, PaperSubject


@dataclass(frozen=True, slots=True)
class PaperRecord:
    """A paper of an assessment."""

    id: int
    assessment: int
    subject: PaperSubject
    position: int
    state: PaperState
    attempts_allowed: int | None
    attempts_used: int
    waiver_code: str | None
    waiver_title: str
    sit_until: datetime | None
    absence_excused: bool | None
    absence_reason: str
    lapsed_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """An attempt without its questions."""

    id: int
    paper: int
    assessment: int
    number: int
    state: AttemptState
    started_at: datetime
    timing: Timing
    reveal: Reveal
    writer_number: int
    writer_session: int | None
    writer_since: datetime | None
    submitted_at: datetime | None
    timed_out: bool
    score_percent: int | None
    passed: bool | None

    @property
    def deadline(self) -> datetime:
        """When the time for answering ends."""
        return self.timing.deadline


_PAPER = (
    AssessmentPaper.id,
    AssessmentPaper.assessment,
    AssessmentPaper.subject,
    AssessmentPaper.position,
    AssessmentPaper.state,
    AssessmentPaper.attempts_allowed,
    AssessmentPaper.attempts_used,
    AssessmentPaper.waiver_code,
    AssessmentPaper.waiver_title,
    AssessmentPaper.sit_until,
    AssessmentPaper.absence_excused,
    AssessmentPaper.absence_reason,
    AssessmentPaper.lapsed_at,
)
_papers_of = Statement(
    lambda p: (
        AssessmentPaper.select(*_PAPER)
        .where(AssessmentPaper.assessment.is_in(p.assessments))
        .order_by(AssessmentPaper.position)
    )
)
_papers = Statement(lambda p: AssessmentPaper.select(*_PAPER).where(AssessmentPaper.id.is_in(p.ids)))
_attempt_columns = (
    Attempt.id,
    Attempt.paper,
    Attempt.paper.assessment.as_alias("assessment"),
    Attempt.number,
    Attempt.state,
    Attempt.started_at,
    Attempt.deadline,
    Attempt.grace_seconds,
    Attempt.time_up,
    Attempt.submit_seconds,
    Attempt.paused_at,
    Attempt.reveal,
    Attempt.writer_number,
    Attempt.writer_session,
    Attempt.writer_since,
    Attempt.submitted_at,
    Attempt.timed_out,
    Attempt.score_percent,
    Attempt.passed,
    Attempt.paper.state.as_alias("paper_state"),
)
_attempts = Statement(lambda p: Attempt.select(*_attempt_columns).where(Attempt.id.is_in(p.ids)))
_attempts_of = Statement(
    lambda p: Attempt.select(*_attempt_columns).where(Attempt.paper.is_in(p.papers)).order_by(Attempt.number)
)
_questions = Statement(lambda p: Attempt.select(Attempt.id, Attempt.questions).where(Attempt.id.is_in(p.ids)))
_keys = Statement(lambda p: Attempt.select(Attempt.id, Attempt.answer_key).where(Attempt.id.is_in(p.ids)))
_answers = Statement(
    lambda p: (
        Answer.select(Answer.attempt, Answer.position, Answer.choice, Answer.sequence, Answer.saved_at, Answer.late)
        .where(Answer.attempt.is_in(p.attempts))
        .order_by(Answer.position)
    )
)


def _paper(row: Mapping[str, Any]) -> PaperRecord:
    values = dict(row)
    values["subject"] = PaperSubject(values["subject"])
    values["state"] = PaperState(values["state"])
    excused = values["absence_excused"]
    values["absence_excused"] = None if excused is None else bool(excused)
    return PaperRecord(**values)


def _attempt(row: Mapping[str, Any]) -> AttemptRecord:
    values = dict(row)
    values["state"] = AttemptState(values["state"])
    values["timed_out"] = bool(values["timed_out"])
    values["reveal"] = Reveal(values["reveal"])
    values["timing"] = timing_of(values)
    for name in TIMING_COLUMNS:
        del values[name]
    values["passed"] = decided(values["state"], values["passed"], PaperState(values.pop("paper_state")))
    return AttemptRecord(**values)


async def read_papers(ids: list[int]) -> list[PaperRecord | None]:
    """Papers by key, in order."""
    found = {row["id"]: _paper(row) for row in await _papers.run(ids=ids)}
    return [found.get(key) for key in ids]


async def read_papers_of(assessment_ids: list[int]) -> list[list[PaperRecord]]:
    """The papers of each assessment, in their order."""
    groups: dict[int, list[PaperRecord]] = {key: [] for key in assessment_ids}
    for row in await _papers_of.run(assessments=assessment_ids):
        groups[row["assessment"]].append(_paper(row))
    return [groups[key] for key in assessment_ids]


async def read_attempts(ids: list[int]) -> list[AttemptRecord | None]:
    """Attempts by key, in order."""
    found = {row["id"]: _attempt(row) for row in await _attempts.run(ids=ids)}
    return [found.get(key) for key in ids]


async def read_attempts_of(paper_ids: list[int]) -> list[list[AttemptRecord]]:
    """The attempts of each paper, first to last."""
    groups: dict[int, list[AttemptRecord]] = {key: [] for key in paper_ids}
    for row in await _attempts_of.run(papers=paper_ids):
        groups[row["paper"]].append(_attempt(row))
    return [groups[key] for key in paper_ids]


async def read_keys(attempt_ids: list[int]) -> list[dict[int, str]]:
    """The key of each attempt, by position. Whoever calls this has made sure that the policy shows it now."""
    found = {row["id"]: json.loads(row["answer_key"]) for row in await _keys.run(ids=attempt_ids)}
    return [{int(position): key for position, key in found[attempt].items()} for attempt in attempt_ids]


async def read_questions(attempt_ids: list[int]) -> list[list[dict[str, Any]]]:
    """The frozen questions of each attempt: what may be shown, never the key."""
    found = {row["id"]: row["questions"] for row in await _questions.run(ids=attempt_ids)}
    return [json.loads(found[key]) for key in attempt_ids]


async def read_answers(attempt_ids: list[int]) -> list[dict[int, Mapping[str, Any]]]:
    """What the server holds for each attempt, by position."""
    groups: dict[int, dict[int, Mapping[str, Any]]] = {key: {} for key in attempt_ids}
    for row in await _answers.run(attempts=attempt_ids):
        groups[row["attempt"]][row["position"]] = row
    return [groups[key] for key in attempt_ids]
