"""Facts and policies for tests of the plugins' pure rules."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from dingkao.plugin.facts import AssessmentFacts, BehaviourFact
from dingkao.plugin.vocabulary import (
    AssessmentKind,
    AssessmentState,
    BehaviourPolarity,
    PracticeCategory,
    PracticeLevel,
)

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
