"""Facts for tests of the plugins' pure rules, and doctors for those of their services."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from exemption_kit import Enrol, Enrolled, upload

from dingkao.environment import Environment
from dingkao.papers.tables import AssessmentPaper
from dingkao.plugin.facts import AssessmentFacts, BehaviourFact
from dingkao.plugin.vocabulary import (
    AssessmentKind,
    AssessmentState,
    BehaviourPolarity,
    PaperState,
    PaperSubject,
    PracticeCategory,
    PracticeLevel,
)
from dingkao.testing.sample import SampleProvince, build_sample

FACTS = AssessmentFacts(
    assessment_id=1,
    doctor_id=2,
    institution_id=3,
    body_id=4,
    kind=AssessmentKind.REGULAR,
    state=AssessmentState.OPENED,
    procedure=None,
    category=PracticeCategory.CLINICAL,
    scope="内科专业",
    level=PracticeLevel.LICENSED,
    practising_since=date(2005, 1, 1),
    behaviour=(),
    cycle_starts_on=date(2024, 1, 1),
    cycle_ends_on=date(2026, 12, 31),
    today=date(2026, 6, 1),
)


def behaviour(good: int = 0, bad: int = 0) -> tuple[BehaviourFact, ...]:
    """So many good and bad records in the cycle."""
    return tuple(
        BehaviourFact(polarity, "TEST", date(2025, 3, 1))
        for polarity, count in ((BehaviourPolarity.GOOD, good), (BehaviourPolarity.BAD, bad))
        for _ in range(count)
    )


@pytest.fixture
def make_facts() -> Callable[..., AssessmentFacts]:
    """The facts of a doctor of twenty years without records; keywords change them, `good` and `bad` add records."""

    def make(good: int = 0, bad: int = 0, **changes: Any) -> AssessmentFacts:
        values = {name: getattr(FACTS, name) for name in AssessmentFacts.__slots__}
        return AssessmentFacts(**{**values, "behaviour": behaviour(good, bad), **changes})

    return make


@pytest.fixture
async def province(environment: Environment) -> SampleProvince:
    return await build_sample(environment)


@pytest.fixture
def enrol(province: SampleProvince) -> Enrol:
    """Makes a doctor with a procedure's papers and `files` uploads."""

    async def make(
        procedure: str = "GENERAL",
        state: AssessmentState = AssessmentState.BODY_APPROVED,
        files: int = 2,
        **options: Any,
    ) -> Enrolled:
        doctor = await province.add_doctor(state=state, procedure=procedure, **options)
        now = province.environment.clock.now()
        subjects = {"GENERAL": list(PaperSubject), "SIMPLE": [PaperSubject.HUMANITIES]}[procedure]
        for position, subject in enumerate(subjects, start=1):
            paper_state = PaperState.AVAILABLE if position == 1 else PaperState.LOCKED
            await AssessmentPaper.insert(
                AssessmentPaper(
                    assessment=doctor.assessment_id,
                    subject=subject.value,
                    position=position,
                    state=paper_state.value,
                    attempts_allowed=1 if procedure == "GENERAL" else None,
                    changed_at=now,
                )
            )
        return Enrolled(doctor, tuple([await upload(doctor, number, now) for number in range(files)]))

    return make
