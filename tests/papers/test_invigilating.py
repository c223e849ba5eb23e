"""What invigilators may do: extra time before, during and after the end, pauses, voiding by two people, watching."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dingkao.accounts.tables import Account
from dingkao.audit.tables import AuditEntry
from dingkao.papers.absence import settle_all_ended
from dingkao.papers.answers import GivenAnswer, save_answers
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.invigilating import grant_extra_time, pause_attempt, read_interventions, resume_attempt
from dingkao.papers.settling import settle_expired
from dingkao.papers.sitting_time import grant_sitting_extra_time
from dingkao.papers.tables import Attempt
from dingkao.papers.vocabulary import InterventionKind, VoidingConsequence
from dingkao.papers.voiding import decide_voiding, read_voidings, request_voiding
from dingkao.papers.watching import SittingEntry, read_sitting
from dingkao.plugin.caller import Caller
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.vocabulary import PaperSubject
from dingkao.results.service import file_results
from dingkao.results.tables import Result
from dingkao.testing.clock import SettableClock
from dingkao.testing.refusals import refused_access, refused_fields, refused_state
from dingkao.testing.sample import SampleDoctor, caller_for

from .sittings import ANY_NUMBER, GRACE_SECONDS, MINUTES, Sittings

ONCE = (PaperPlan(PaperSubject.HUMANITIES, 1),)
OVER = timedelta(minutes=MINUTES, seconds=GRACE_SECONDS, microseconds=1)
QUARTER = timedelta(minutes=15)
WHY = "考场断电"


async def _begun(sittings: Sittings, plans: tuple[PaperPlan, ...] = ONCE, right: int = 3) -> tuple[SampleDoctor, int]:
    doctor = await sittings.doctor(plans)
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await sittings.answer(doctor, attempt, right=right)
    return doctor, attempt


async def _paper(sittings: Sittings, doctor: SampleDoctor) -> int:
    return (await sittings.papers(doctor))[0].id


async def test_extra_time_before_the_start_counts_from_it(sittings: Sittings, clock: SettableClock) -> None:
    doctor = await sittings.doctor(ONCE)
    paper = await _paper(sittings, doctor)
    assert await grant_extra_time(sittings.environment, sittings.province.body, paper, 15, WHY) is None
    attempt = await start_attempt(sittings.environment, doctor.caller, paper)
    assert (await sittings.attempt(attempt)).deadline == clock.now() + timedelta(minutes=MINUTES) + QUARTER


async def test_extra_time_during_the_attempt_moves_its_end(sittings: Sittings, clock: SettableClock) -> None:
    doctor, attempt = await _begun(sittings)
    deadline = (await sittings.attempt(attempt)).deadline
    changed = await grant_extra_time(
        sittings.environment, sittings.province.authority, await _paper(sittings, doctor), 15, WHY
    )
    assert changed == attempt
    clock.set(deadline + QUARTER)
    await sittings.answer(doctor, attempt, right=9, sequence=2)
    assert await settle_expired(sittings.environment) == 0
    clock.advance(timedelta(seconds=GRACE_SECONDS, microseconds=1))
    assert await settle_expired(sittings.environment) == 1
    assert (await sittings.attempt(attempt)).score_percent == 90
    (act,) = (await read_interventions([attempt]))[0]
    assert (act.kind, act.minutes, act.reason) == (InterventionKind.EXTRA_TIME, 15, WHY)


@pytest.mark.parametrize("plans", [ONCE, ANY_NUMBER])
@pytest.mark.parametrize("swept", [True, False])
async def test_extra_time_after_the_end_opens_saving_too(
    sittings: Sittings, clock: SettableClock, plans: tuple[PaperPlan, ...], swept: bool
) -> None:
    doctor, attempt = await _begun(sittings, plans)
    clock.advance(OVER)
    if swept:
        assert await settle_expired(sittings.environment) == 1
        assert await sittings.states(doctor) == (["FAILED"] if plans is ONCE else ["AVAILABLE"])
    paper = await _paper(sittings, doctor)
    assert await grant_extra_time(sittings.environment, sittings.province.body, paper, 15, WHY) == attempt
    assert await sittings.states(doctor) == ["IN_PROGRESS"]
    record = await sittings.record(doctor)
    assert (record.state.value, record.conclusion) == ("TESTING", None)
    clock.advance(QUARTER - timedelta(seconds=1))
    await sittings.answer(doctor, attempt, right=8, sequence=2)
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    settled = await sittings.attempt(attempt)
    assert (settled.score_percent, settled.timed_out, settled.submitted_at) == (80, False, clock.now())
    assert (await sittings.record(doctor)).conclusion == "QUALIFIED"
    assert await Result.count().where(Result.assessment == doctor.assessment_id) == 1


@pytest.mark.parametrize("seconds", [-0.5, 0, GRACE_SECONDS])
async def test_extra_time_reaches_who_submitted_when_time_was_up(
    sittings: Sittings, clock: SettableClock, seconds: float
) -> None:
    doctor, attempt = await _begun(sittings)
    _, other = await _begun(sittings)
    clock.set((await sittings.attempt(attempt)).deadline + timedelta(seconds=seconds))
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    assert await sittings.states(doctor) == ["FAILED"]
    since = clock.now() - timedelta(hours=1)
    assert await _for_the_sitting(sittings, ended_since=since) == 2
    # What is in the grace has all the minutes that were granted, as has what has ended.
    for each in (attempt, other):
        left = (await sittings.attempt(each)).deadline - clock.now()
        assert left == QUARTER + max(timedelta(seconds=-seconds), timedelta())
    await sittings.answer(doctor, attempt, right=8, sequence=2)
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    assert await sittings.states(doctor) == ["PASSED"]


async def test_no_extra_time_where_the_doctor_has_ended_it_or_the_result_is_filed(
    sittings: Sittings, clock: SettableClock
) -> None:
    environment, body = sittings.environment, sittings.province.body
    submitted, attempt = await _begun(sittings)
    await submit_attempt(environment, submitted.caller, attempt)
    refused = grant_extra_time(environment, body, await _paper(sittings, submitted), 15, WHY)
    assert await refused_state(refused) == ("PAPER_DECIDED", "FAILED")
    filed, _ = await _begun(sittings)
    clock.advance(OVER)
    await settle_expired(environment)
    await file_results(environment, body, [filed.assessment_id])
    refused = grant_extra_time(environment, body, await _paper(sittings, filed), 15, WHY)
    assert await refused_state(refused) == ("RESULT_FILED", "FILED")
    assert await sittings.states(filed) == ["FAILED"]


async def _for_the_sitting(
    sittings: Sittings, *, begun_until: datetime | None = None, ended_since: datetime | None = None
) -> int:
    granted = await grant_sitting_extra_time(
        sittings.environment,
        sittings.province.body,
        cycle_id=sittings.province.cycle_id,
        body_id=sittings.province.body_id,
        subject=PaperSubject.HUMANITIES,
        minutes=15,
        reason=WHY,
        begun_until=begun_until,
        ended_since=ended_since,
    )
    return granted.attempts


async def test_extra_time_for_a_sitting_reaches_who_sits_will_sit_and_sat(
    sittings: Sittings, clock: SettableClock
) -> None:
    ended, ended_attempt = await _begun(sittings)
    clock.advance(OVER)
    await settle_expired(sittings.environment)
    _, running_attempt = await _begun(sittings)
    later = await sittings.doctor(ONCE)
    deadline = (await sittings.attempt(running_attempt)).deadline
    which = {
        "cycle_id": sittings.province.cycle_id, "body_id": sittings.province.body_id,
        "subject": PaperSubject.HUMANITIES, "minutes": 15, "reason": WHY,
    }  # fmt: skip
    environment = sittings.environment
    assert (await grant_sitting_extra_time(environment, sittings.province.body, **which)).attempts == 1
    assert (await sittings.attempt(running_attempt)).deadline == deadline + QUARTER
    assert await sittings.states(ended) == ["FAILED"]
    until, since = clock.now() + timedelta(hours=1), clock.now() - timedelta(hours=2)
    changed = await grant_sitting_extra_time(
        environment, sittings.province.authority, **which, begun_until=until, ended_since=since
    )
    assert (changed.attempts, changed.own_left_out) == (2, False)
    assert (await sittings.attempt(ended_attempt)).deadline == clock.now() + QUARTER
    attempt = await start_attempt(environment, later.caller, await _paper(sittings, later))
    assert (await sittings.attempt(attempt)).deadline == clock.now() + timedelta(minutes=MINUTES) + QUARTER
    clock.advance(timedelta(hours=1, microseconds=1))
    _, attempt = await _begun(sittings)
    assert (await sittings.attempt(attempt)).deadline == clock.now() + timedelta(minutes=MINUTES)


async def test_a_pause_stops_the_clock_and_not_what_is_under_way(sittings: Sittings, clock: SettableClock) -> None:
    doctor, attempt = await _begun(sittings)
    environment, body = sittings.environment, sittings.province.body
    deadline = (await sittings.attempt(attempt)).deadline
    clock.advance(timedelta(minutes=10))
    await pause_attempt(environment, body, attempt, WHY)
    await pause_attempt(environment, body, attempt, WHY)
    clock.advance(timedelta(seconds=GRACE_SECONDS))
    assert (await save_answers(environment, doctor.caller, attempt, [GivenAnswer(1, "A", 7)])).late
    clock.advance(timedelta(hours=5))
    assert await settle_expired(environment) == 0
    refused = save_answers(environment, doctor.caller, attempt, [GivenAnswer(1, "B", 8)])
    assert (await refused_state(refused))[0] == "ATTEMPT_PAUSED"
    await resume_attempt(environment, body, attempt, WHY)
    await resume_attempt(environment, body, attempt, WHY)
    stood = timedelta(hours=5, seconds=GRACE_SECONDS)
    assert (await sittings.attempt(attempt)).deadline == deadline + stood
    clock.set(deadline + stood)
    assert not (await save_answers(environment, doctor.caller, attempt, [GivenAnswer(1, "C", 9)])).late
    kinds = [act.kind.value for act in (await read_interventions([attempt]))[0]]
    assert kinds == ["PAUSE", "RESUME"]
    clock.advance(OVER)
    for act in (pause_attempt, resume_attempt):
        assert (await refused_state(act(environment, body, attempt, WHY)))[0] == "ATTEMPT_CLOSED"


async def test_a_paused_paper_is_not_submitted_unasked(sittings: Sittings, clock: SettableClock) -> None:
    doctor, attempt = await _begun(sittings)
    environment = sittings.environment
    await save_answers(environment, doctor.caller, attempt, [GivenAnswer(2, "", 5)])
    await pause_attempt(environment, sittings.province.body, attempt, WHY)
    # A client that was not told counts down to 0, and submits as at the end.
    clock.advance(timedelta(minutes=MINUTES))
    asked = await submit_attempt(environment, doctor.caller, attempt, confirmed=False)
    assert asked.unanswered == (2,)
    assert await sittings.states(doctor) == ["IN_PROGRESS"]
    # Whoever says so is done.
    assert (await submit_attempt(environment, doctor.caller, attempt, confirmed=True)).unanswered == ()
    assert (await sittings.attempt(attempt)).submitted_at == clock.now()


async def _second(sittings: Sittings) -> Caller:
    """Another reviewer of the body."""
    rows = await Account.insert(
        Account(login_name="second", name="另一监考", password_hash=None, created_at=sittings.environment.clock.now())
    ).returning(Account.id)
    return caller_for(rows[0]["id"], "另一监考", sittings.province.body.grants)


@pytest.mark.parametrize("consequence", list(VoidingConsequence))
@pytest.mark.parametrize("right", [3, 9])
async def test_voiding_takes_two_people(sittings: Sittings, consequence: VoidingConsequence, right: int) -> None:
    environment, body, second = sittings.environment, sittings.province.body, await _second(sittings)
    doctor, attempt = await _begun(sittings, right=right)
    await submit_attempt(environment, doctor.caller, attempt)
    assert (await refused_state(decide_voiding(environment, second, attempt, confirm=True)))[0] == "NO_VOIDING"
    await request_voiding(environment, body, attempt, consequence, WHY)
    assert (await refused_state(decide_voiding(environment, body, attempt, confirm=True)))[0] == "SAME_PERSON"
    asked_again = request_voiding(environment, second, attempt, consequence, WHY)
    assert (await refused_state(asked_again))[0] == "VOIDING_REQUESTED"
    assert (await sittings.attempt(attempt)).score_percent == right * 10
    await decide_voiding(environment, second, attempt, confirm=False)
    await request_voiding(environment, second, attempt, consequence, WHY)
    await decide_voiding(environment, body, attempt, confirm=True)
    assert (await sittings.attempt(attempt)).state.value == "VOIDED"
    record = await sittings.record(doctor)
    if consequence is VoidingConsequence.NEW_ATTEMPT:
        assert (record.state.value, record.conclusion) == ("TESTING", None)
        again = await start_attempt(environment, doctor.caller, await _paper(sittings, doctor))
        await sittings.answer(doctor, again, right=10)
        await submit_attempt(environment, doctor.caller, again)
        assert (await sittings.record(doctor)).conclusion == "QUALIFIED"
    else:
        assert (record.state.value, record.conclusion) == ("CONCLUDED", "UNQUALIFIED")
    (voiding,) = await read_voidings([attempt])
    assert voiding is not None
    assert (voiding.confirmed, voiding.reason) == (True, WHY)
    assert (await refused_state(request_voiding(environment, body, attempt, consequence, WHY)))[0] == "VOIDED_ALREADY"
    actions = (
        await AuditEntry.select(AuditEntry.action).where(AuditEntry.action.like("%VOIDING")).order_by(AuditEntry.id)
    )
    assert [row["action"] for row in actions] == [
        "REQUEST_VOIDING", "REFUSE_VOIDING", "REQUEST_VOIDING", "CONFIRM_VOIDING",
    ]  # fmt: skip


@pytest.mark.parametrize("consequence", list(VoidingConsequence))
async def test_extra_time_brings_no_void_attempt_back(
    sittings: Sittings, clock: SettableClock, consequence: VoidingConsequence
) -> None:
    environment, body, second = sittings.environment, sittings.province.body, await _second(sittings)
    doctor, attempt = await _begun(sittings)
    clock.advance(OVER)
    assert await settle_expired(environment) == 1
    await request_voiding(environment, body, attempt, consequence, WHY)
    await decide_voiding(environment, second, attempt, confirm=True)
    states = await sittings.states(doctor)
    assert await _for_the_sitting(sittings, ended_since=clock.now() - timedelta(hours=2)) == 0
    grant = grant_extra_time(environment, body, await _paper(sittings, doctor), 15, WHY)
    if consequence is VoidingConsequence.PAPER_FAILED:
        assert await refused_state(grant) == ("PAPER_DECIDED", "FAILED")
    else:
        # For the attempt that is given in its place.
        assert await grant is None
    assert (await sittings.attempt(attempt)).state.value == "VOIDED"
    assert await sittings.states(doctor) == states


async def test_a_running_attempt_is_voided_and_takes_no_more_answers(sittings: Sittings) -> None:
    environment, second = sittings.environment, await _second(sittings)
    doctor, attempt = await _begun(sittings)
    await request_voiding(environment, sittings.province.body, attempt, VoidingConsequence.NEW_ATTEMPT, WHY)
    await decide_voiding(environment, second, attempt, confirm=True)
    refused = save_answers(environment, doctor.caller, attempt, [GivenAnswer(1, "A", 50)])
    assert await refused_state(refused) == ("ATTEMPT_CLOSED", "VOIDED")
    assert await sittings.states(doctor) == ["AVAILABLE"]


async def test_who_may_not_invigilate(sittings: Sittings) -> None:
    environment, province = sittings.environment, sittings.province
    doctor, attempt = await _begun(sittings)
    other = await sittings.doctor(ONCE)
    paper = await _paper(sittings, doctor)
    stranger = replace(
        province.body, grants=tuple(replace(grant, organisation_id=10**6) for grant in province.body.grants)
    )
    who = (
        (doctor.caller, "FORBIDDEN"), (province.institution, "FORBIDDEN"), (other.caller, "NOT_FOUND"),
        (stranger, "NOT_FOUND"), (None, "UNAUTHENTICATED"),
    )  # fmt: skip
    consequence = VoidingConsequence.PAPER_FAILED
    sitting = {"cycle_id": province.cycle_id, "body_id": province.body_id, "subject": PaperSubject.HUMANITIES}
    for caller, code in who:
        for act in (
            grant_extra_time(environment, caller, paper, 15, WHY),
            pause_attempt(environment, caller, attempt, WHY),
            resume_attempt(environment, caller, attempt, WHY),
            request_voiding(environment, caller, attempt, consequence, WHY),
            decide_voiding(environment, caller, attempt, confirm=True),
        ):
            assert await refused_access(act) == code
        sitting_code = "FORBIDDEN" if caller is other.caller else code
        now = environment.clock.now()
        for act in (
            grant_sitting_extra_time(environment, caller, **sitting, minutes=15, reason=WHY),
            read_sitting(caller, **sitting, after=0, limit=10, now=now),
        ):
            assert await refused_access(act) == sitting_code
    body = province.body
    for minutes in (0, 601):
        assert await refused_fields(grant_extra_time(environment, body, paper, minutes, WHY)) == [
            ("minutes", "MINUTES_RANGE")
        ]
    for act in (pause_attempt, resume_attempt):
        assert await refused_fields(act(environment, body, attempt, "  ")) == [("reason", "REASON_REQUIRED")]
    rows = await Attempt.select(Attempt.deadline, Attempt.paused_at).where(Attempt.id == attempt)
    assert rows[0]["paused_at"] is None


async def _seen(sittings: Sittings) -> dict[str, SittingEntry]:
    entries = await read_sitting(
        sittings.province.body,
        cycle_id=sittings.province.cycle_id,
        body_id=sittings.province.body_id,
        subject=PaperSubject.HUMANITIES,
        after=0,
        limit=100,
        now=sittings.environment.clock.now(),
    )
    return {str(entry.assessment_id): entry for entry in entries}


async def test_the_invigilator_sees_who_is_doing_what(sittings: Sittings, clock: SettableClock) -> None:
    environment = sittings.environment
    waiting = await sittings.doctor(ONCE)
    await sittings.doctor(ONCE, opened=False)  # locked: not there yet
    silent, silent_attempt = await _begun(sittings)
    idle, idle_attempt = await _begun(sittings)
    active, active_attempt = await _begun(sittings)
    done, done_attempt = await _begun(sittings)
    await submit_attempt(environment, done.caller, done_attempt)
    clock.advance(timedelta(minutes=4))
    # Sending again is a sign of life, and no new answer.
    await sittings.answer(idle, idle_attempt, right=3)
    await save_answers(environment, active.caller, active_attempt, [GivenAnswer(1, "", 9)])
    seen = await _seen(sittings)
    status = {
        str(doctor.assessment_id): code
        for doctor, code in (
            (waiting, "NOT_STARTED"), (silent, "LOST_CONTACT"), (idle, "IDLE"), (active, "ACTIVE"), (done, "ENDED"),
        )
    }  # fmt: skip
    assert {key: entry.status.value for key, entry in seen.items()} == status
    entry = seen[str(active.assessment_id)]
    assert (entry.answered, entry.answered_at, entry.heard_at, entry.late) == (9, clock.now(), clock.now(), False)
    await pause_attempt(environment, sittings.province.body, silent_attempt, WHY)
    clock.advance(timedelta(minutes=MINUTES))
    seen = await _seen(sittings)
    paused = seen[str(silent.assessment_id)]
    assert (paused.status.value, paused.paused_at) == ("PAUSED", clock.now() - timedelta(minutes=MINUTES))
    assert seen[str(active.assessment_id)].status.value == "OVERDUE"
    # In a pause nothing could be heard: contact is lost, and a doctor idle, from its end on.
    await resume_attempt(environment, sittings.province.body, silent_attempt, WHY)
    for minutes, status in ((2, "ACTIVE"), (1, "LOST_CONTACT")):
        clock.advance(timedelta(minutes=minutes))
        resumed = (await _seen(sittings))[str(silent.assessment_id)]
        assert (resumed.status.value, resumed.paused_at) == (status, None)


async def test_the_invigilator_sees_who_was_absent(sittings: Sittings, clock: SettableClock) -> None:
    missed = await sittings.doctor(ONCE)
    assert (await _seen(sittings))[str(missed.assessment_id)].status.value == "NOT_STARTED"
    clock.set((await sittings.record(missed)).tests_until)
    await settle_all_ended(sittings.environment)
    assert await sittings.states(missed) == ["ABSENT"]
    assert (await _seen(sittings))[str(missed.assessment_id)].status.value == "ABSENT"


async def test_extra_time_for_a_sitting_leaves_out_who_grants_it(sittings: Sittings, clock: SettableClock) -> None:
    environment, province = sittings.environment, sittings.province
    doctor, attempt = await _begun(sittings)
    _, other = await _begun(sittings)
    later = await sittings.doctor(ONCE)
    before = (await sittings.attempt(attempt)).deadline
    which = {
        "cycle_id": province.cycle_id, "body_id": province.body_id, "subject": PaperSubject.HUMANITIES,
        "minutes": 15, "reason": WHY, "begun_until": clock.now() + timedelta(hours=1),
    }  # fmt: skip
    granted = await grant_sitting_extra_time(environment, doctor.in_office(province.body), **which)
    assert (granted.attempts, granted.own_left_out) == (1, True)
    assert (await sittings.attempt(attempt)).deadline == before
    assert (await sittings.attempt(other)).deadline == before + QUARTER
    # Nor has the officer's own paper the minutes where he begins it afterwards.
    await grant_sitting_extra_time(environment, later.in_office(province.body), **which)
    attempt = await start_attempt(environment, later.caller, await _paper(sittings, later))
    assert (await sittings.attempt(attempt)).deadline == clock.now() + timedelta(minutes=MINUTES) + QUARTER
