"""The draw, and what a check holds back: the rules alone."""

from dataclasses import replace
from datetime import date

import pytest

from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.requirements import Step
from dingkao.plugin.vocabulary import AssessmentKind, AssessmentState, PracticeCategory, PracticeLevel
from dingkao_shandong_2023.policy import SpotCheckPolicy
from dingkao_shandong_2023.rules import MACHINE, Event, against, draw, is_drawn_from, number_to_draw
from dingkao_shandong_2023.rules import Shandong2023SpotCheckState as State

FACTS = AssessmentFacts(
    assessment_id=1,
    doctor_id=2,
    institution_id=3,
    body_id=4,
    kind=AssessmentKind.REGULAR,
    state=AssessmentState.INSTITUTION_APPROVED,
    procedure="SIMPLE",
    category=PracticeCategory.CLINICAL,
    scope="内科专业",
    level=PracticeLevel.LICENSED,
    practising_since=date(2005, 1, 1),
    behaviour=(),
    cycle_starts_on=date(2021, 1, 1),
    cycle_ends_on=date(2023, 12, 31),
    today=date(2023, 7, 1),
)
RULE = SpotCheckPolicy(spot_check_percent=10)


@pytest.mark.parametrize(
    ("pool", "percent", "minimum", "expected"),
    [(1, 10, 1, 1), (10, 10, 1, 1), (11, 10, 1, 2), (100, 10, 3, 10), (2, 10, 3, 2), (7, 100, 1, 7), (9, 10, 0, 1)],
)
def test_how_many_are_drawn(pool: int, percent: int, minimum: int, expected: int) -> None:
    rule = SpotCheckPolicy(spot_check_percent=percent, spot_check_minimum=minimum)
    assert number_to_draw(pool, rule) == expected


def test_the_seed_fixes_the_draw_whatever_the_order() -> None:
    pool = list(range(100, 200))
    first = draw(pool, 10, 7)
    assert len(first) == 10
    assert first <= set(pool)
    assert draw(list(reversed(pool)), 10, 7) == first
    assert draw(pool, 10, 8) != first


def test_everybody_may_be_drawn() -> None:
    drawn = {assessment for seed in range(400) for assessment in draw(range(10), 1, seed)}
    assert drawn == set(range(10))


@pytest.mark.parametrize(
    ("step", "check", "expected"),
    [
        (Step.BODY_APPROVAL, None, ["SPOT_CHECK_NOT_DRAWN"]),
        (Step.BODY_APPROVAL, State.SPARED, []),
        (Step.BODY_APPROVAL, State.OPEN, ["SPOT_CHECK_OPEN"]),
        (Step.BODY_APPROVAL, State.CONFIRMED, []),
        (Step.BODY_APPROVAL, State.NOT_CONFIRMED, ["SPOT_CHECK_NOT_CONFIRMED"]),
        (Step.CONCLUSION, None, []),
        (Step.CONCLUSION, State.SPARED, []),
        (Step.CONCLUSION, State.OPEN, ["SPOT_CHECK_OPEN"]),
        (Step.CONCLUSION, State.CONFIRMED, []),
        (Step.CONCLUSION, State.NOT_CONFIRMED, []),
    ],
)
def test_what_a_check_holds_back(step: Step, check: State | None, expected: list[str]) -> None:
    assert [reason.code for reason in against(step, FACTS, RULE, check)] == expected


def test_where_nobody_is_drawn_nothing_waits_for_a_draw() -> None:
    for facts, rule in ((FACTS, SpotCheckPolicy()), (replace(FACTS, procedure="GENERAL"), RULE)):
        assert not is_drawn_from(facts, rule)
        assert against(Step.BODY_APPROVAL, facts, rule, None) == []
        # An order of the authority counts everywhere.
        assert [reason.code for reason in against(Step.CONCLUSION, facts, rule, State.OPEN)] == ["SPOT_CHECK_OPEN"]


def test_an_answer_is_given_once() -> None:
    assert MACHINE.sources(Event.CONFIRM) == MACHINE.sources(Event.NOT_CONFIRM) == {State.OPEN}
    assert MACHINE.sources(Event.ORDER) == {State.SPARED}
