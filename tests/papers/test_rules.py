"""The paper's machine and what follows from papers."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dingkao.papers.rules import (
    DONE,
    MACHINE,
    SAT,
    Event,
    Window,
    attempts_left,
    conclusion,
    next_to_open,
    outcome,
    require_startable,
)
from dingkao.papers.timing import Timing
from dingkao.plugin.errors import StateConflict
from dingkao.plugin.national import TimeUp
from dingkao.plugin.vocabulary import AssessmentState, PaperState, Role, Verdict

NOON = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
WINDOW = Window(NOON - timedelta(days=1), NOON + timedelta(days=1))
some_states = st.lists(st.sampled_from(PaperState), max_size=4)


def test_every_state_is_reached_and_every_row_leads_on() -> None:
    reached = {MACHINE.initial} | {row.target for row in MACHINE.transitions}
    assert reached == set(PaperState)
    assert {row.source for row in MACHINE.transitions} <= reached
    assert len({(row.source, row.event) for row in MACHINE.transitions}) == len(MACHINE.transitions)
    assert set(MACHINE.titles) == set(Event)


def test_nothing_leads_away_from_a_waiver_or_a_failure() -> None:
    assert not [row for row in MACHINE.transitions if row.source is PaperState.EXEMPT]
    # By nobody who sits or marks: only an invigilator, or the authority, with a reason.
    for ended in (PaperState.FAILED, PaperState.VOIDED, PaperState.ABSENT):
        rows = [row for row in MACHINE.transitions if row.source is ended]
        assert all(not row.who & {Role.DOCTOR} for row in rows)
        assert all(Role.AUTHORITY_OFFICER in row.who for row in rows)


@given(some_states)
def test_a_paper_opens_only_when_all_before_it_are_done(states: list[PaperState]) -> None:
    index = next_to_open(states)
    if index is not None:
        assert states[index] is PaperState.LOCKED
        assert set(states[:index]) <= SAT
    elif PaperState.LOCKED in states:
        assert not set(states[: states.index(PaperState.LOCKED)]) <= DONE


@given(some_states)
def test_an_assessment_is_concluded_or_has_something_left(states: list[PaperState]) -> None:
    verdict = conclusion(states)
    if verdict is Verdict.QUALIFIED:
        assert set(states) <= DONE
        assert next_to_open(states) is None
    elif verdict is Verdict.UNQUALIFIED:
        assert PaperState.FAILED in states
    else:
        assert set(states) - DONE


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((), Verdict.QUALIFIED),
        ((PaperState.PASSED,), Verdict.QUALIFIED),
        ((PaperState.PASSED, PaperState.EXEMPT), Verdict.QUALIFIED),
        ((PaperState.PASSED, PaperState.LOCKED), None),
        ((PaperState.AVAILABLE,), None),
        ((PaperState.FAILED, PaperState.LOCKED), Verdict.UNQUALIFIED),
        ((PaperState.PASSED, PaperState.FAILED), Verdict.UNQUALIFIED),
        ((PaperState.PENDING_CUTOFF,), None),
        ((PaperState.ABSENT,), None),
    ],
)
def test_conclusion(states: tuple[PaperState, ...], expected: Verdict | None) -> None:
    assert conclusion(states) is expected


def test_outcome_of_a_marked_attempt() -> None:
    assert outcome(True, 1, 1) is Event.PASS
    assert outcome(False, 1, 1) is Event.FAIL
    assert outcome(False, 2, 1) is Event.RETRY
    assert outcome(False, None, 99) is Event.RETRY
    assert attempts_left(None, 7) is None
    assert attempts_left(3, 1) == 2
    assert attempts_left(1, 2) == 0


def test_an_attempt_ends_with_the_window_at_the_latest() -> None:
    assert WINDOW.deadline(NOON, 60) == NOON + timedelta(minutes=60)
    late = WINDOW.closes - timedelta(minutes=5)
    assert WINDOW.deadline(late, 60) == WINDOW.closes


def test_the_grace_is_counted_to_its_last_instant() -> None:
    last = NOON + timedelta(seconds=60)
    timing = Timing(NOON, 60, TimeUp.SUBMIT, 600)
    assert (timing.takes_answers(last), timing.is_over(last), timing.is_late(last)) == (True, False, True)
    after = last + timedelta(microseconds=1)
    assert (timing.takes_answers(after), timing.is_over(after)) == (False, True)
    assert timing.seconds_left(NOON - timedelta(seconds=1.9)) == 1
    assert timing.seconds_left(last) == 0


def test_the_time_that_is_left_stands_still_in_a_pause() -> None:
    paused = Timing(NOON, 60, TimeUp.SUBMIT, 600, NOON - timedelta(minutes=10))
    for now in (NOON - timedelta(minutes=9), NOON, NOON + timedelta(hours=5)):
        assert (paused.seconds_left(now), paused.ended_by_clock(now)) == (600, False)
    # Before the pause (another server's clock) no more is left than the clock says; after the end nothing is.
    assert paused.seconds_left(NOON - timedelta(minutes=11)) == 660
    late = Timing(NOON, 60, TimeUp.SUBMIT, 600, NOON + timedelta(seconds=5))
    assert late.seconds_left(NOON + timedelta(hours=5)) == 0


@pytest.mark.parametrize(("assessment", "paper"), list(product(AssessmentState, PaperState)))
def test_only_an_available_paper_of_an_approved_assessment_starts(
    assessment: AssessmentState, paper: PaperState
) -> None:
    startable = paper is PaperState.AVAILABLE and assessment in (AssessmentState.BODY_APPROVED, AssessmentState.TESTING)
    if startable:
        require_startable(assessment, paper, 1, 0, WINDOW, NOON)
    else:
        with pytest.raises(StateConflict):
            require_startable(assessment, paper, 1, 0, WINDOW, NOON)


@pytest.mark.parametrize(
    ("now", "paper", "used", "code"),
    [
        (WINDOW.opens - timedelta(microseconds=1), PaperState.AVAILABLE, 0, "TESTS_NOT_BEGUN"),
        (WINDOW.closes, PaperState.AVAILABLE, 0, "TESTS_OVER"),
        (NOON, PaperState.LOCKED, 0, "PAPER_LOCKED"),
        (NOON, PaperState.EXEMPT, 0, "NOT_IN_THIS_STATE"),
        (NOON, PaperState.AVAILABLE, 1, "NO_ATTEMPT_LEFT"),
    ],
)
def test_the_refusal_says_why(now: datetime, paper: PaperState, used: int, code: str) -> None:
    with pytest.raises(StateConflict) as refusal:
        require_startable(AssessmentState.TESTING, paper, 1, used, WINDOW, now)
    assert refusal.value.code == code
    assert refusal.value.text.zh.endswith("。")
