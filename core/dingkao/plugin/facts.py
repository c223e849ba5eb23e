"""What rules may know: immutable facts, gathered by the core within the asking account's scope."""

from dataclasses import dataclass
from datetime import date, datetime

from dingkao.plugin.vocabulary import (
    AssessmentKind,
    AssessmentState,
    BehaviourPolarity,
    PaperState,
    PaperSubject,
    PracticeCategory,
    PracticeLevel,
)


@dataclass(frozen=True, slots=True)
class BehaviourFact:
    """行为记录: one good or bad record and its day."""

    polarity: BehaviourPolarity
    kind: str
    occurred_on: date


@dataclass(frozen=True, slots=True)
class PaperFact:
    """A paper of the assessment: its subject, state, attempts begun, the exemption that waived it, if any, and until
    when it may be begun where that is not the end of the cycle's tests (补考)."""

    subject: PaperSubject
    state: PaperState
    attempts_used: int
    waiver_code: str | None = None
    sit_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AssessmentFacts:
    """One doctor in one cycle, as rules see it.

    `practising_since` is the issue date of the first practice certificate; `behaviour` holds every record whose day
    lies in the cycle; `cycle_ends_on` is inclusive; `today` is the day in the cycle's place (UTC+8);
    `submission_number` counts the doctor's submissions (0: none yet).
    """

    assessment_id: int
    doctor_id: int
    institution_id: int
    body_id: int | None
    kind: AssessmentKind
    state: AssessmentState
    procedure: str | None
    category: PracticeCategory
    scope: str
    level: PracticeLevel
    practising_since: date | None
    behaviour: tuple[BehaviourFact, ...]
    cycle_starts_on: date
    cycle_ends_on: date
    today: date
    papers: tuple[PaperFact, ...] = ()
    cycle_id: int = 0
    submission_number: int = 0

    def paper(self, subject: PaperSubject) -> PaperFact | None:
        """The paper of `subject`, or None where the procedure has none."""
        for paper in self.papers:
            if paper.subject == subject:
                return paper
        return None
