"""Papers that nobody began before their time ended: noticed by whoever looks as by the sweeper, decided by people."""

from datetime import timedelta

import pytest

from dingkao.audit.tables import AuditEntry
from dingkao.papers import rules
from dingkao.papers.absence import decide_absence, settle_all_ended, settle_ended
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.rules import SittingTime
from dingkao.papers.settling import settle_expired
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.national import Absence
from dingkao.plugin.vocabulary import PaperState, PaperSubject
from dingkao.results.service import file_results
from dingkao.results.tables import Result
from dingkao.testing.clock import SettableClock
from dingkao.testing.refusals import refused_access, refused_fields, refused_state
from dingkao.testing.sample import SampleDoctor

from .sittings import ANY_NUMBER, Sittings

TWO = (PaperPlan(PaperSubject.HUMANITIES, 1), PaperPlan(PaperSubject.PROFESSIONAL, 1))
WHY = "因公出差"
WEEK = timedelta(days=7)
MISS = rules.Event.MISS


async def _to_the_end(sittings: Sittings, clock: SettableClock, doctor: SampleDoctor) -> None:
    clock.set((await sittings.record(doctor)).tests_until)


async def _decide(sittings: Sittings, clock: SettableClock, doctor: SampleDoctor, *, excused: bool) -> None:
    until = clock.now() + WEEK if excused else None
    await decide_absence(
        sittings.environment, sittings.province.body, doctor.assessment_id, excused=excused, sit_until=until, reason=WHY
    )


def test_what_is_missed_depends_on_the_clock_and_on_what_is_being_sat(clock: SettableClock) -> None:
    now, later = clock.now(), clock.now() + timedelta(microseconds=1)
    waiting = [SittingTime(PaperState.AVAILABLE, 0, now), SittingTime(PaperState.LOCKED, 0, now)]
    assert rules.ended(waiting, now - timedelta(microseconds=1)) == {}
    assert rules.ended(waiting, now) == {0: MISS, 1: MISS}
    assert rules.ended([SittingTime(PaperState.AVAILABLE, 0, later), waiting[1]], now) == {1: MISS}
    for state in (PaperState.IN_PROGRESS, PaperState.SUBMITTED):
        assert rules.ended([SittingTime(state, 1, now), waiting[1]], now) == {}
    for state in (PaperState.EXEMPT, PaperState.PASSED, PaperState.PENDING_CUTOFF, PaperState.ABSENT):
        assert rules.ended([SittingTime(state, 0, now), waiting[1]], now) == {1: MISS}
    # It was begun, and may be tried again: that is no absence.
    assert rules.ended([SittingTime(PaperState.AVAILABLE, 1, now)], now) == {0: rules.Event.LAPSE}


@pytest.mark.parametrize("swept", [True, False])
async def test_a_good_reason_gives_a_make_up(sittings: Sittings, clock: SettableClock, *, swept: bool) -> None:
    environment = sittings.environment
    doctor = await sittings.doctor(TWO)
    clock.set((await sittings.record(doctor)).tests_until - timedelta(microseconds=1))
    assert await settle_all_ended(environment) == 0
    await _to_the_end(sittings, clock, doctor)
    # Both ways make the same of it, and the second finds it done.
    if swept:
        assert await settle_all_ended(environment) == 1
    else:
        assert await settle_ended(environment, doctor.assessment_id)
    assert await sittings.states(doctor) == ["ABSENT", "ABSENT"]
    assert await settle_all_ended(environment) == 0
    assert not await settle_ended(environment, doctor.assessment_id)
    assert (await sittings.record(doctor)).conclusion is None
    await _decide(sittings, clock, doctor, excused=True)
    assert await sittings.states(doctor) == ["AVAILABLE", "LOCKED"]
    clock.advance(WEEK - timedelta(minutes=1))
    humanities, professional = await sittings.papers(doctor)
    assert (humanities.absence_excused, humanities.absence_reason) == (True, WHY)
    attempt = await start_attempt(environment, doctor.caller, humanities.id)
    assert (await sittings.attempt(attempt)).deadline == humanities.sit_until
    await sittings.answer(doctor, attempt, right=9)
    await submit_attempt(environment, doctor.caller, attempt)
    assert await sittings.states(doctor) == ["PASSED", "AVAILABLE"]
    # The make-up has an end too.
    clock.advance(timedelta(minutes=1))
    assert await refused_state(start_attempt(environment, doctor.caller, professional.id)) == (
        "TESTS_OVER",
        "AVAILABLE",
    )
    assert await settle_all_ended(environment) == 1
    assert await sittings.states(doctor) == ["PASSED", "ABSENT"]
    await _decide(sittings, clock, doctor, excused=False)
    record = await sittings.record(doctor)
    assert (record.state.value, record.conclusion) == ("CONCLUDED", "UNQUALIFIED")
    assert (await Result.objects().get(Result.assessment == record.id)).ground == "PAPER_MISSED"
    assert await refused_state(
        decide_absence(
            environment, sittings.province.body, doctor.assessment_id, excused=False, sit_until=None, reason=WHY
        )
    ) == ("ABSENCE_DECIDED", "CONCLUDED")
    actions = [row["action"] for row in await AuditEntry.select(AuditEntry.action).order_by(AuditEntry.id)]
    assert [a for a in actions if a.endswith("_ABSENCE")] == [
        "SETTLE_ABSENCE", "EXCUSE_ABSENCE", "SETTLE_ABSENCE", "FAIL_ABSENCE",
    ]  # fmt: skip


async def test_where_the_policy_fails_the_absent_an_excuse_takes_it_back(
    sittings: Sittings, clock: SettableClock
) -> None:
    await sittings.pin(absence=Absence.FAIL.value)
    doctor, filed = await sittings.doctor(TWO), await sittings.doctor(TWO)
    await _to_the_end(sittings, clock, doctor)
    assert await settle_all_ended(sittings.environment) == 2
    assert (await sittings.record(doctor)).conclusion == "UNQUALIFIED"
    await file_results(sittings.environment, sittings.province.body, [filed.assessment_id])
    await _decide(sittings, clock, doctor, excused=True)
    record = await sittings.record(doctor)
    assert (record.conclusion, await sittings.states(doctor)) == (None, ["AVAILABLE", "LOCKED"])
    assert await Result.count().where(Result.assessment == doctor.assessment_id) == 0
    assert await refused_state(_decide(sittings, clock, filed, excused=True)) == ("RESULT_FILED", "FILED")
    assert await sittings.states(filed) == ["ABSENT", "ABSENT"]


async def test_only_what_was_never_begun_is_missed(sittings: Sittings, clock: SettableClock) -> None:
    environment = sittings.environment
    again = await sittings.doctor(ANY_NUMBER)
    attempt = await start_attempt(environment, again.caller, (await sittings.papers(again))[0].id)
    await submit_attempt(environment, again.caller, attempt)
    untouched = await sittings.doctor(TWO, opened=False)
    running = await sittings.doctor(TWO)
    clock.set((await sittings.record(running)).tests_until - timedelta(minutes=5))
    await start_attempt(environment, running.caller, (await sittings.papers(running))[0].id)
    clock.advance(timedelta(minutes=5))
    assert await settle_all_ended(environment) == 2
    assert await sittings.states(untouched) == ["ABSENT", "ABSENT"]
    assert await sittings.states(again) == ["FAILED"]
    assert await sittings.states(running) == ["IN_PROGRESS", "LOCKED"]
    clock.advance(timedelta(hours=1))
    await settle_expired(environment)
    assert await sittings.states(running) == ["FAILED", "LOCKED"]


async def test_who_may_decide_and_what_is_refused(sittings: Sittings, clock: SettableClock) -> None:
    environment, province = sittings.environment, sittings.province
    doctor = await sittings.doctor(TWO)
    assert await refused_state(_decide(sittings, clock, doctor, excused=True)) == ("NOT_ABSENT", "BODY_APPROVED")
    await _to_the_end(sittings, clock, doctor)
    await settle_all_ended(environment)
    for until, code in ((None, "REQUIRED"), (clock.now(), "OUT_OF_RANGE"), (clock.now() + 60 * WEEK, "OUT_OF_RANGE")):
        refused = decide_absence(
            environment, province.body, doctor.assessment_id, excused=True, sit_until=until, reason=WHY
        )
        assert await refused_fields(refused) == [("sitUntil", code)]
    for caller in (doctor.caller, province.institution):
        refused = decide_absence(environment, caller, doctor.assessment_id, excused=False, sit_until=None, reason=WHY)
        assert await refused_access(refused) == "FORBIDDEN"
    assert await sittings.states(doctor) == ["ABSENT", "ABSENT"]
