"""Papers that were begun, not passed, and that nobody can begin any more: failed when their time ends, by whoever looks
as by the sweeper; nothing stays open for ever."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from dingkao.audit.tables import AuditEntry
from dingkao.papers import rules
from dingkao.papers.absence import decide_absence, settle_all_ended
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.invigilating import grant_extra_time
from dingkao.papers.marks import mark_submitted
from dingkao.papers.rules import Event, SittingTime
from dingkao.papers.settling import settle_expired
from dingkao.papers.vocabulary import VoidingConsequence
from dingkao.papers.voiding import decide_voiding, request_voiding
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import AssessmentState, PaperState, PaperSubject, Role
from dingkao.results.service import file_results
from dingkao.results.tables import Result
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.refusals import refused_state
from dingkao.testing.sample import SampleDoctor
from dingkao.testing.web import Client, running_app, token_for

from .sittings import ANY_NUMBER, GRACE_SECONDS, Sittings, build_sittings

TWICE = (PaperPlan(PaperSubject.HUMANITIES, 2), PaperPlan(PaperSubject.PROFESSIONAL, 2))
TICK = timedelta(microseconds=1)
WEEK = timedelta(days=7)
PAPERS = "query ($id: ID!) { assessment(id: $id) { papers { state lapsedAt } } }"


@pytest.fixture
async def app(settings: Settings, clock: SettableClock) -> AsyncIterator[Starlette]:
    async with running_app(settings, clock) as running:
        yield running


@pytest.fixture
async def sittings(app: Starlette) -> Sittings:
    return await build_sittings(app.state.environment)


async def _begin(sittings: Sittings, doctor: SampleDoctor, right: int, place: int = 0) -> int:
    paper = (await sittings.papers(doctor))[place].id
    attempt = await start_attempt(sittings.environment, doctor.caller, paper)
    await sittings.answer(doctor, attempt, right)
    return attempt


async def _sit(sittings: Sittings, doctor: SampleDoctor, right: int, place: int = 0) -> int:
    attempt = await _begin(sittings, doctor, right, place)
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    return attempt


async def _void(sittings: Sittings, attempt: int) -> None:
    environment, province = sittings.environment, sittings.province
    await request_voiding(environment, province.body, attempt, VoidingConsequence.NEW_ATTEMPT, "设备故障")
    second = await province.add_officer(Role.BODY_REVIEWER, province.body_id)
    await decide_voiding(environment, second, attempt, confirm=True)


async def _sweep(sittings: Sittings) -> None:
    """One turn of the sweeper, in its order."""
    await settle_expired(sittings.environment)
    await mark_submitted(sittings.environment)
    await settle_all_ended(sittings.environment)


papers = st.lists(
    st.builds(
        SittingTime,
        st.sampled_from(PaperState),
        st.integers(0, 2),
        st.integers(-2, 2).map(lambda hours: rules_now + timedelta(hours=hours)),
    ),
    max_size=3,
)
rules_now = SettableClock().now()


@given(papers)
def test_nothing_that_ended_stays_open(found: list[SittingTime]) -> None:
    moved = rules.ended(found, rules_now)
    states = [paper.state for paper in found]
    if PaperState.IN_PROGRESS in states or PaperState.SUBMITTED in states:
        assert moved == {}
        return
    after = [
        rules.MACHINE.require(paper.state, moved[index]).target if index in moved else paper.state
        for index, paper in enumerate(found)
    ]
    for paper, state in zip(found, after, strict=True):
        if state is PaperState.AVAILABLE:
            # Something can still be begun, unless the whole is failed.
            assert paper.until > rules_now or PaperState.FAILED in after
        if paper.until > rules_now or paper.state not in (PaperState.LOCKED, PaperState.AVAILABLE):
            assert state is paper.state
    # It is done in one step: looking again finds nothing more.
    again = [SittingTime(state, paper.attempts, paper.until) for state, paper in zip(after, found, strict=True)]
    assert rules.ended(again, rules_now) == {}


def test_what_was_begun_lapses_and_what_is_behind_it_was_not_missed() -> None:
    begun, never = SittingTime(PaperState.AVAILABLE, 1, rules_now), SittingTime(PaperState.LOCKED, 0, rules_now)
    assert rules.ended([begun, never], rules_now) == {0: Event.LAPSE}
    assert rules.ended([begun, never], rules_now - TICK) == {}
    assert rules.ended([SittingTime(PaperState.FAILED, 1, rules_now), never], rules_now) == {}
    assert rules.ended([SittingTime(PaperState.PASSED, 1, rules_now), never], rules_now) == {1: Event.MISS}


async def _scenes(sittings: Sittings, clock: SettableClock) -> dict[str, SampleDoctor]:
    """Doctors who come to the end of the tests in every way, each with attempts left."""
    failed = await sittings.doctor(ANY_NUMBER)
    await _sit(sittings, failed, right=3)
    await _sit(sittings, failed, right=5)
    second = await sittings.doctor(TWICE)
    await _sit(sittings, second, right=9)
    await _sit(sittings, second, right=1, place=1)
    void = await sittings.doctor(TWICE)
    await _void(sittings, await _sit(sittings, void, right=2))
    scenes = {
        "failed twice": failed,
        "first passed, second failed": second,
        "its only attempt void": void,
        "first failed": await sittings.doctor(TWICE),
        "never begun": await sittings.doctor(TWICE),
        "sits at the end, wrong": await sittings.doctor(TWICE),
        "sits at the end, right": await sittings.doctor(TWICE),
        "sits at the end again": await sittings.doctor(ANY_NUMBER),
    }
    await _sit(sittings, scenes["first failed"], right=4)
    await _sit(sittings, scenes["sits at the end again"], right=4)
    clock.set((await sittings.record(failed)).tests_until - timedelta(minutes=5))
    for name, right in (("sits at the end, wrong", 2), ("sits at the end, right", 8), ("sits at the end again", 1)):
        await _begin(sittings, scenes[name], right)
    return scenes


async def test_who_looks_and_the_sweeper_agree_at_every_moment(
    sittings: Sittings, app: Starlette, clock: SettableClock
) -> None:
    looked, swept = await _scenes(sittings, clock), {}
    clock.set((await sittings.record(looked["failed twice"])).tests_from + timedelta(hours=1))
    swept = await _scenes(sittings, clock)
    end = (await sittings.record(looked["failed twice"])).tests_until
    closed = end + timedelta(seconds=GRACE_SECONDS)
    clients = {
        name: Client(app, await token_for(sittings.environment, doctor.account_id)) for name, doctor in looked.items()
    }
    open_states = {"LOCKED", "AVAILABLE", "IN_PROGRESS", "SUBMITTED"}
    for moment in (end - TICK, end, closed, closed + TICK, end + WEEK):
        clock.set(moment)
        by_reading = {}
        for name, doctor in looked.items():
            found = await clients[name].value(PAPERS, id=encode_id("Assessment", doctor.assessment_id))
            by_reading[name] = [paper["state"] for paper in found["papers"]]
        conclusions = {name: (await sittings.record(doctor)).conclusion for name, doctor in looked.items()}
        await _sweep(sittings)
        assert {name: await sittings.states(doctor) for name, doctor in swept.items()} == by_reading, moment
        assert {name: (await sittings.record(doctor)).conclusion for name, doctor in swept.items()} == conclusions
    assert by_reading == {
        "failed twice": ["FAILED"],
        "first passed, second failed": ["PASSED", "FAILED"],
        "its only attempt void": ["ABSENT", "ABSENT"],
        "first failed": ["FAILED", "LOCKED"],
        "never begun": ["ABSENT", "ABSENT"],
        "sits at the end, wrong": ["FAILED", "LOCKED"],
        "sits at the end, right": ["PASSED", "ABSENT"],
        "sits at the end again": ["FAILED"],
    }
    for name, states in by_reading.items():
        # Nothing waits but for a decision of people.
        assert (conclusions[name] == "UNQUALIFIED") is ("ABSENT" not in states), name
        assert "ABSENT" in states or "FAILED" in states or not set(states) & open_states


async def test_a_make_up_for_what_lapsed(sittings: Sittings, clock: SettableClock) -> None:
    environment, body = sittings.environment, sittings.province.body
    doctor, filed = await sittings.doctor(TWICE), await sittings.doctor(ANY_NUMBER)
    attempt = await _sit(sittings, doctor, right=5)
    await _sit(sittings, filed, right=1)
    clock.set((await sittings.record(doctor)).tests_until)
    assert await settle_all_ended(environment) == 2
    assert await settle_all_ended(environment) == 0
    assert (await sittings.papers(doctor))[0].lapsed_at == clock.now()
    assert (await Result.objects().get(Result.assessment == doctor.assessment_id)).ground == "PAPER_FAILED"
    (detail,) = {row["detail"] for row in await AuditEntry.select(AuditEntry.detail).where(
        (AuditEntry.action == "SETTLE_LAPSED") & (AuditEntry.object_id == doctor.assessment_id)
    )}  # fmt: skip
    assert '"HUMANITIES":50' in detail.replace(" ", "")
    # Whoever submitted in time has had the time: more of it opens nothing. A make-up does.
    assert await refused_state(
        grant_extra_time(environment, body, (await sittings.papers(doctor))[0].id, 10, "断电")
    ) == ("PAPER_DECIDED", "FAILED")
    assert (await sittings.attempt(attempt)).passed is False

    async def excuse(whom: SampleDoctor, *, excused: bool = True) -> None:
        until = clock.now() + WEEK if excused else None
        await decide_absence(environment, body, whom.assessment_id, excused=excused, sit_until=until, reason="突发疾病")

    # It is failed already: without a good reason there is nothing to decide.
    assert await refused_state(excuse(doctor, excused=False)) == ("NOT_ABSENT", "CONCLUDED")
    await file_results(environment, body, [filed.assessment_id])
    assert await refused_state(excuse(filed)) == ("RESULT_FILED", "FILED")
    await excuse(doctor)
    assert await sittings.states(doctor) == ["AVAILABLE", "LOCKED"]
    assert (await sittings.record(doctor)).conclusion is None
    # The paper behind it has as long: nothing is missed while the make-up is open.
    await _sweep(sittings)
    clock.advance(WEEK - timedelta(hours=2))
    await _sit(sittings, doctor, right=7)
    await _sweep(sittings)
    assert await sittings.states(doctor) == ["PASSED", "AVAILABLE"]
    await _sit(sittings, doctor, right=2, place=1)
    clock.advance(timedelta(hours=2))
    await _sweep(sittings)
    assert await sittings.states(doctor) == ["PASSED", "FAILED"]
    assert [move for move in await sittings.moves("paper", doctor) if move[1] in ("LAPSE", "EXCUSE")] == [
        ("AVAILABLE", "LAPSE", "FAILED"), ("FAILED", "EXCUSE", "LOCKED"), ("AVAILABLE", "LAPSE", "FAILED"),
    ]  # fmt: skip
    assert (await sittings.record(doctor)).state is AssessmentState.CONCLUDED
