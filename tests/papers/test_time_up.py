"""What is done when time is up: by policy, alike for whoever touches the attempt and for the sweeper."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dingkao.db.lease import take_lease
from dingkao.environment import Environment
from dingkao.papers.answers import GivenAnswer, save_answers
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.records import read_questions
from dingkao.papers.settling import settle_assessment, settle_expired
from dingkao.papers.tables import Attempt
from dingkao.papers.timing import Timing
from dingkao.papers.vocabulary import AttemptPhase
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.national import TimeUp
from dingkao.plugin.vocabulary import PaperSubject
from dingkao.testing.clock import SettableClock
from dingkao.testing.refusals import refused_state
from dingkao.testing.sample import SampleDoctor

from .sittings import ANY_NUMBER, GRACE_SECONDS, Sittings

NOON = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
ONCE = (PaperPlan(PaperSubject.HUMANITIES, 1),)
SUBMIT_SECONDS = 600
ONE = [GivenAnswer(1, "A", 500)]


async def _begun(sittings: Sittings, policy: TimeUp, plans: tuple[PaperPlan, ...] = ONCE) -> tuple[SampleDoctor, int]:
    await sittings.pin(time_up=policy.value, submit_seconds=SUBMIT_SECONDS)
    doctor = await sittings.doctor(plans)
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await sittings.answer(doctor, attempt, right=7)
    return doctor, attempt


async def test_a_time_for_submitting_takes_no_answers(sittings: Sittings, clock: SettableClock) -> None:
    doctor, attempt = await _begun(sittings, TimeUp.GRACE)
    deadline = (await sittings.attempt(attempt)).deadline
    clock.set(deadline + timedelta(seconds=GRACE_SECONDS))
    first = (await read_questions([attempt]))[0][0]
    wrong = [GivenAnswer(1, sittings.choice(first, False), 500)]
    assert (await save_answers(sittings.environment, doctor.caller, attempt, wrong)).late
    clock.set(deadline + timedelta(seconds=SUBMIT_SECONDS))
    refused = save_answers(sittings.environment, doctor.caller, attempt, ONE)
    assert await refused_state(refused) == ("SUBMIT_ONLY", "IN_PROGRESS")
    assert await settle_expired(sittings.environment) == 0
    # Nothing is asked any more: there is nothing left to answer.
    submission = await submit_attempt(sittings.environment, doctor.caller, attempt, confirmed=False)
    assert submission.unanswered == ()
    submitted = await sittings.attempt(attempt)
    assert (submitted.timed_out, submitted.submitted_at, submitted.score_percent) == (True, deadline, 60)


@given(
    seconds=st.integers(-3600, 3600),
    paused_seconds=st.none() | st.integers(-3600, 90),
    minutes=st.integers(1, 600),
    policy=st.sampled_from(list(TimeUp)),
)
def test_extra_time_is_never_less_than_was_granted(
    seconds: int, paused_seconds: int | None, minutes: int, policy: TimeUp
) -> None:
    now, extra = NOON + timedelta(seconds=seconds), timedelta(minutes=minutes)
    paused_at = None if paused_seconds is None else min(NOON + timedelta(seconds=paused_seconds), now)
    timing = Timing(NOON, GRACE_SECONDS, policy, SUBMIT_SECONDS, paused_at)
    deadline = timing.extended(extra, now)
    # The clock of a paused attempt stands where it was paused.
    stands = now if paused_at is None else paused_at
    assert deadline - stands == max(NOON - stands, timedelta()) + extra


def test_the_clock_ends_what_is_submitted_when_the_client_counts_nought() -> None:
    def ended(seconds: float, paused_at: datetime | None = None) -> bool:
        timing = Timing(NOON, GRACE_SECONDS, TimeUp.GRACE, SUBMIT_SECONDS, paused_at)
        return timing.ended_by_clock(NOON + timedelta(seconds=seconds))

    assert [ended(seconds) for seconds in (-2, -1, -0.9, 0, SUBMIT_SECONDS)] == [False, False, True, True, True]
    assert not ended(300, NOON - timedelta(minutes=5))
    # Paused when the time was up already, it stays up.
    assert ended(300, NOON + timedelta(seconds=5))


@pytest.mark.parametrize("policy", [TimeUp.GRACE, TimeUp.ABANDON])
async def test_what_is_not_submitted_in_time_is_abandoned(
    sittings: Sittings, clock: SettableClock, policy: TimeUp
) -> None:
    doctor, attempt = await _begun(sittings, policy)
    again, second = await _begun(sittings, policy, ANY_NUMBER)
    after = SUBMIT_SECONDS if policy is TimeUp.GRACE else GRACE_SECONDS
    clock.set((await sittings.attempt(attempt)).deadline + timedelta(seconds=after, microseconds=1))
    assert await settle_expired(sittings.environment) == 2
    abandoned = await sittings.attempt(attempt)
    assert (abandoned.state.value, abandoned.score_percent, abandoned.submitted_at) == ("ABANDONED", None, None)
    assert (await sittings.states(doctor), (await sittings.record(doctor)).conclusion) == (["FAILED"], "UNQUALIFIED")
    assert await sittings.states(again) == ["AVAILABLE"]
    refused = save_answers(sittings.environment, doctor.caller, attempt, ONE)
    assert await refused_state(refused) == ("TIME_IS_UP", "ABANDONED")
    third = await start_attempt(sittings.environment, again.caller, (await sittings.papers(again))[0].id)
    assert ((await sittings.attempt(third)).number, third != second) == (2, True)


@pytest.mark.parametrize("policy", list(TimeUp))
@pytest.mark.parametrize("microseconds", [-1, 0, 1])
async def test_who_looks_and_the_sweeper_agree_at_every_instant(
    sittings: Sittings, clock: SettableClock, policy: TimeUp, microseconds: int
) -> None:
    begun = [await _begun(sittings, policy) for _ in range(2)]
    record = await sittings.attempt(begun[0][1])
    assert record.timing.closes_at is not None
    clock.set(record.timing.closes_at + timedelta(microseconds=microseconds))
    by_reading = await settle_assessment(sittings.environment, begun[0][0].assessment_id)
    by_sweeping = await settle_expired(sittings.environment)
    assert (by_reading, by_sweeping) == ((True, 1) if microseconds > 0 else (False, 0))
    columns = (
        Attempt.state, Attempt.submitted_at, Attempt.timed_out, Attempt.score_percent, Attempt.passed,
        Attempt.closes_at,
    )  # fmt: skip
    rows = await Attempt.select(*columns).order_by(Attempt.id)
    assert rows[0] == rows[1]
    assert await sittings.states(begun[0][0]) == await sittings.states(begun[1][0])


instants = st.integers(-7200, 7200).map(lambda seconds: NOON + timedelta(seconds=seconds))


@given(
    st.builds(
        Timing,
        instants,
        st.integers(0, 600),
        st.sampled_from(TimeUp),
        st.integers(60, 7200),
        st.none() | instants,
    ),
    instants,
)
def test_the_clock_contradicts_itself_nowhere(timing: Timing, now: datetime) -> None:
    phase = timing.phase(now)
    assert timing.is_over(now) == (phase is AttemptPhase.OVER)
    if phase in (AttemptPhase.ANSWERING, AttemptPhase.LATE):
        assert timing.takes_answers(now)
    if phase in (AttemptPhase.SUBMIT_ONLY, AttemptPhase.OVER):
        assert not timing.takes_answers(now)
    if phase is AttemptPhase.ANSWERING:
        assert not timing.is_late(now)
    if timing.paused_at is not None:
        assert timing.closes_at is None


async def test_submitting_asks_about_unanswered_questions_once(sittings: Sittings) -> None:
    doctor = await sittings.doctor(ONCE)
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(2, "A", 1), GivenAnswer(3, "", 1)])
    asked = await submit_attempt(sittings.environment, doctor.caller, attempt, confirmed=False)
    assert asked.unanswered == (1, 3, 4, 5, 6, 7, 8, 9, 10)
    assert (await sittings.attempt(attempt)).state.value == "IN_PROGRESS"
    assert (await submit_attempt(sittings.environment, doctor.caller, attempt, confirmed=True)).unanswered == ()
    assert (await sittings.attempt(attempt)).state.value == "MARKED"


async def test_one_of_many_sweepers_leads_until_it_keeps_silent(environment: Environment, clock: SettableClock) -> None:
    now = clock.now()
    assert await take_lease("sweeper", "first", now, 15)
    assert not await take_lease("sweeper", "second", now + timedelta(seconds=15), 15)
    assert await take_lease("other", "second", now, 15)
    assert await take_lease("sweeper", "first", now + timedelta(seconds=10), 15)
    assert not await take_lease("sweeper", "second", now + timedelta(seconds=20), 15)
    assert await take_lease("sweeper", "second", now + timedelta(seconds=25, microseconds=1), 15)
    assert not await take_lease("sweeper", "first", now + timedelta(seconds=26), 15)
