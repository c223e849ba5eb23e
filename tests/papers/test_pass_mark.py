"""The pass mark fixed after the sitting, on both databases: papers wait for it, and are decided all at once."""

import json
from datetime import timedelta

import pytest

from dingkao.audit.tables import AuditEntry, StateTransition
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.invigilating import grant_extra_time
from dingkao.papers.pass_mark import PassMarkRecord, propose_pass_mark, read_pass_marks
from dingkao.papers.question_voiding import propose_question_voiding, read_mark_changes
from dingkao.papers.settling import settle_expired
from dingkao.papers.tables import PassMark
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.vocabulary import AssessmentState, PaperSubject
from dingkao.results.tables import Result
from dingkao.testing.clock import SettableClock
from dingkao.testing.refusals import refused_access, refused_fields, refused_state
from dingkao.testing.sample import SampleDoctor
from dingkao.testing.two_people import confirmed

from .sittings import ANY_NUMBER, HUMANITIES, MINUTES, PROFESSIONAL, QUESTIONS, Sittings, ask_the_same

RULE = {"questions": QUESTIONS, "minutes": MINUTES, "pass_percent": 60}
AFTER = {**RULE, "pass_mark": "AFTER_SITTING"}
ONE = (PaperPlan(HUMANITIES, 1),)


async def wait_for_the_mark(sittings: Sittings) -> None:
    await sittings.pin(rules={HUMANITIES.value: AFTER, PROFESSIONAL.value: AFTER}, face_capture=False)


async def sit(sittings: Sittings, doctor: SampleDoctor, right: int, place: int = 0) -> int:
    paper = (await sittings.papers(doctor))[place]
    attempt = await start_attempt(sittings.environment, doctor.caller, paper.id)
    await sittings.answer(doctor, attempt, right=right)
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    return attempt


async def fix(sittings: Sittings, percent: int, subject: PaperSubject = HUMANITIES) -> PassMarkRecord:
    province = sittings.province
    proposal = propose_pass_mark(
        sittings.environment,
        province.authority,
        cycle_id=province.cycle_id,
        subject=subject,
        pass_percent=percent,
        reason="经统计分析研究确定。",
    )
    await confirmed(sittings.environment, province.second_authority, proposal)
    marks = await read_pass_marks(province.authority, province.cycle_id)
    return next(mark for mark in marks if mark.subject is subject)


def close_the_tests(clock: SettableClock) -> None:
    clock.advance(timedelta(days=61))


async def test_a_marked_paper_waits_and_lets_the_next_one_open(sittings: Sittings) -> None:
    await wait_for_the_mark(sittings)
    doctor = await sittings.doctor()
    attempt = await sit(sittings, doctor, right=3)
    marked = await sittings.attempt(attempt)
    assert (marked.score_percent, marked.passed) == (30, None)
    assert await sittings.states(doctor) == ["PENDING_CUTOFF", "AVAILABLE"]
    await sit(sittings, doctor, right=10, place=1)
    assert await sittings.states(doctor) == ["PENDING_CUTOFF", "PENDING_CUTOFF"]
    assert (await sittings.record(doctor)).state is AssessmentState.TESTING
    assert (await sittings.moves("paper", doctor))[3] == ("SUBMITTED", "AWAIT_CUTOFF", "PENDING_CUTOFF")


async def test_a_waiting_paper_is_not_sat_again_whatever_attempts_there_are(sittings: Sittings) -> None:
    await wait_for_the_mark(sittings)
    doctor = await sittings.doctor(ANY_NUMBER)
    await sit(sittings, doctor, right=0)
    (paper,) = await sittings.papers(doctor)
    refusal = await refused_state(start_attempt(sittings.environment, doctor.caller, paper.id))
    assert refusal == ("NOT_IN_THIS_STATE", "PENDING_CUTOFF")


async def test_the_mark_decides_every_waiting_paper_at_once(sittings: Sittings, clock: SettableClock) -> None:
    await wait_for_the_mark(sittings)
    right = {4: "FAILED", 5: "PASSED", 10: "PASSED"}
    doctors = {number: await sittings.doctor(ONE) for number in right}
    for number, doctor in doctors.items():
        await sit(sittings, doctor, right=number)
    untouched = await sittings.doctor(ONE)
    close_the_tests(clock)
    before = (await read_pass_marks(sittings.province.authority, sittings.province.cycle_id))[0]
    assert (before.pending, before.distribution, before.pass_percent) == (3, ((40, 1), (50, 1), (100, 1)), None)
    after = await fix(sittings, 50)
    assert (after.pending, after.waited, after.passed, after.failed, after.concluded) == (0, 3, 2, 1, 3)
    assert (after.pass_percent, after.set_at) == (50, clock.now())
    for number, state in right.items():
        doctor = doctors[number]
        assert await sittings.states(doctor) == [state]
        record = await sittings.record(doctor)
        verdict = "QUALIFIED" if state == "PASSED" else "UNQUALIFIED"
        assert (record.state, record.conclusion) == (AssessmentState.CONCLUDED, verdict)
        event = "PASS" if state == "PASSED" else "FAIL"
        assert (await sittings.moves("paper", doctor))[-1] == ("PENDING_CUTOFF", event, state)
        assert (await sittings.moves("assessment", doctor))[-1] == ("TESTING", "CONCLUDE", "CONCLUDED")
        assert await sittings.moves("result", doctor) == [("", "CONCLUDE", "CONCLUDED")]
        result = await Result.objects().get(Result.assessment == record.id)
        assert result is not None
        ground = "ALL_PAPERS_PASSED" if state == "PASSED" else "PAPER_FAILED"
        assert (result.verdict, result.ground, result.state) == (verdict, ground, "CONCLUDED")
    assert await sittings.states(untouched) == ["AVAILABLE"]
    assert (await sittings.record(untouched)).state is AssessmentState.BODY_APPROVED


async def test_it_is_audited_with_the_counts_before_and_after(sittings: Sittings, clock: SettableClock) -> None:
    await wait_for_the_mark(sittings)
    for number in (1, 9):
        await sit(sittings, await sittings.doctor(ONE), right=number)
    close_the_tests(clock)
    await fix(sittings, 60)
    (entry,) = await AuditEntry.select().where(AuditEntry.action == "SET_PASS_MARK")
    assert (entry["account"], entry["role"]) == (sittings.province.second_authority.account_id, "AUTHORITY_OFFICER")
    assert json.loads(entry["detail"]) == {
        "subject": "HUMANITIES",
        "passPercent": 60,
        "pendingBefore": 2,
        "pendingAfter": 0,
        "passed": 1,
        "failed": 1,
        "concluded": 2,
        "heldBack": 0,
    }
    rows = await StateTransition.select().where(StateTransition.source == "PENDING_CUTOFF")
    assert {(row["account"], row["role"], row["organisation"]) for row in rows} == {
        (sittings.province.second_authority.account_id, "AUTHORITY_OFFICER", sittings.province.authority_id)
    }
    assert {row["at"] for row in rows} == {clock.now()}


async def test_two_papers_are_concluded_with_the_second_mark(sittings: Sittings, clock: SettableClock) -> None:
    await wait_for_the_mark(sittings)
    good, bad = await sittings.doctor(), await sittings.doctor()
    for doctor, right in ((good, 8), (bad, 2)):
        await sit(sittings, doctor, right=8)
        await sit(sittings, doctor, right=right, place=1)
    close_the_tests(clock)
    assert (await fix(sittings, 60)).concluded == 0
    assert await sittings.states(good) == ["PASSED", "PENDING_CUTOFF"]
    assert (await fix(sittings, 60, PROFESSIONAL)).concluded == 2
    assert (await sittings.record(good)).conclusion == "QUALIFIED"
    assert (await sittings.record(bad)).conclusion == "UNQUALIFIED"


async def test_a_failed_first_paper_concludes_while_the_second_waits(sittings: Sittings, clock: SettableClock) -> None:
    await wait_for_the_mark(sittings)
    doctor = await sittings.doctor()
    await sit(sittings, doctor, right=2)
    await sit(sittings, doctor, right=9, place=1)
    close_the_tests(clock)
    await fix(sittings, 60)
    assert (await sittings.record(doctor)).conclusion == "UNQUALIFIED"
    after = await fix(sittings, 60, PROFESSIONAL)
    assert (after.passed, after.concluded) == (1, 0)
    assert await sittings.states(doctor) == ["FAILED", "PASSED"]
    assert (await sittings.record(doctor)).conclusion == "UNQUALIFIED"


async def test_what_ran_out_of_time_is_submitted_first(sittings: Sittings, clock: SettableClock) -> None:
    await wait_for_the_mark(sittings)
    doctor = await sittings.doctor(ONE)
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await sittings.answer(doctor, attempt, right=7)
    close_the_tests(clock)
    assert (await fix(sittings, 70)).passed == 1
    assert await sittings.states(doctor) == ["PASSED"]


async def test_a_paper_noticed_later_is_decided_by_the_mark_that_is_fixed(
    sittings: Sittings, clock: SettableClock
) -> None:
    await wait_for_the_mark(sittings)
    late = await sittings.doctor(ANY_NUMBER)
    await start_attempt(sittings.environment, late.caller, (await sittings.papers(late))[0].id)
    await PassMark.insert(
        PassMark(
            cycle=sittings.province.cycle_id,
            subject="HUMANITIES",
            pass_percent=60,
            account=sittings.province.authority.account_id,
            set_at=clock.now(),
        )
    )
    close_the_tests(clock)
    assert await settle_expired(sittings.environment) == 1
    assert await sittings.states(late) == ["FAILED"]
    assert (await sittings.record(late)).conclusion == "UNQUALIFIED"


async def test_refusals(sittings: Sittings, clock: SettableClock) -> None:
    await wait_for_the_mark(sittings)
    doctor = await sittings.doctor(ONE)
    await sit(sittings, doctor, right=7)
    assert await refused_state(fix(sittings, 60)) == ("TESTS_NOT_OVER", "TESTING")
    close_the_tests(clock)
    assert await refused_state(fix(sittings, 60, PROFESSIONAL)) == ("NOTHING_PENDING", "NOTHING_PENDING")
    province = sittings.province
    asked = {"cycle_id": province.cycle_id, "subject": HUMANITIES, "pass_percent": 60, "reason": "依据"}
    for caller in (province.institution, province.body, doctor.caller):
        assert await refused_access(propose_pass_mark(sittings.environment, caller, **asked)) == "FORBIDDEN"
        assert await refused_access(read_pass_marks(caller, province.cycle_id)) == "FORBIDDEN"
    assert await refused_access(propose_pass_mark(sittings.environment, None, **asked)) == "UNAUTHENTICATED"
    unknown = {**asked, "cycle_id": 10**6}
    assert await refused_access(propose_pass_mark(sittings.environment, province.authority, **unknown)) == "NOT_FOUND"
    bad = {**asked, "pass_percent": 101, "reason": " "}
    problems = await refused_fields(propose_pass_mark(sittings.environment, province.authority, **bad))
    assert problems == [("passPercent", "PASS_PERCENT_RANGE"), ("reason", "REASON_REQUIRED")]
    assert await sittings.states(doctor) == ["PENDING_CUTOFF"]
    await fix(sittings, 60)
    assert await refused_state(fix(sittings, 10)) == ("PASS_MARK_SET", "PASS_MARK_SET")
    assert await sittings.states(doctor) == ["PASSED"]


async def test_everything_is_undone_where_the_last_step_fails(sittings: Sittings, clock: SettableClock) -> None:
    await wait_for_the_mark(sittings)
    doctor = await sittings.doctor(ONE)
    await sit(sittings, doctor, right=7)
    # A result that is there already lets the conclusion fail, after the papers were moved.
    await Result.insert(
        Result(
            assessment=doctor.assessment_id,
            verdict="QUALIFIED",
            ground="ALL_PAPERS_PASSED",
            state="CONCLUDED",
            concluded_at=clock.now(),
        )
    )
    close_the_tests(clock)
    with pytest.raises(KeyError):
        await fix(sittings, 60)
    assert await sittings.states(doctor) == ["PENDING_CUTOFF"]
    assert await PassMark.count() == 0


async def test_a_question_voided_after_the_mark_lets_pass_who_reaches_it(
    sittings: Sittings, clock: SettableClock
) -> None:
    await wait_for_the_mark(sittings)
    province = sittings.province
    one, both, low = await sittings.doctor(ONE), await sittings.doctor(), await sittings.doctor(ONE)
    attempts = [await sit(sittings, doctor, right=right) for doctor, right in ((one, 5), (both, 5), (low, 3))]
    # The paper after it was sat: it is no obstacle, and counts.
    await sit(sittings, both, right=9, place=1)
    question = await ask_the_same(*attempts)
    close_the_tests(clock)
    await fix(sittings, 60)
    assert (await sittings.record(both)).conclusion == "UNQUALIFIED"
    await fix(sittings, 60, PROFESSIONAL)
    proposal = propose_question_voiding(sittings.environment, province.authority, province.cycle_id, question, "有误")
    effect = await confirmed(sittings.environment, province.second_authority, proposal)
    assert (effect["attempts"], effect["NOW_PASSED"], effect["RAISED"]) == (3, 2, 1)
    rows = await read_mark_changes(province.authority, province.cycle_id, 0, 10)
    told = {row["attempt"]: (row["outcome"], bool(row["passed_before"]), bool(row["passed_after"])) for row in rows}
    assert {row["passed_before"] for row in rows} == {False}
    assert [told[attempt] for attempt in attempts] == [
        ("NOW_PASSED", False, True),
        ("NOW_PASSED", False, True),
        ("RAISED", False, False),
    ]
    assert (await sittings.attempt(attempts[0])).passed is True
    conclusions = [(await sittings.record(doctor)).conclusion for doctor in (one, both, low)]
    assert conclusions == ["QUALIFIED", "QUALIFIED", "UNQUALIFIED"]
    assert await sittings.states(both) == ["PASSED", "PASSED"]


async def test_a_paper_still_sat_when_the_one_before_it_fails_is_marked(
    sittings: Sittings, clock: SettableClock
) -> None:
    await wait_for_the_mark(sittings)
    doctor = await sittings.doctor()
    await sit(sittings, doctor, right=2)
    second = (await sittings.papers(doctor))[1].id
    attempt = await start_attempt(sittings.environment, doctor.caller, second)
    # Extra time takes it beyond the end of the tests, where the mark of the first paper is fixed.
    clock.set((await sittings.record(doctor)).tests_until - timedelta(minutes=1))
    await grant_extra_time(sittings.environment, sittings.province.body, second, 10, "考场断电")
    clock.advance(timedelta(minutes=2))
    await fix(sittings, 60)
    assert (await sittings.record(doctor)).conclusion == "UNQUALIFIED"
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    assert (await sittings.attempt(attempt)).state.value == "MARKED"
    assert (await fix(sittings, 60, PROFESSIONAL)).failed == 1


async def test_nobody_fixes_the_mark_that_his_own_paper_waits_for(sittings: Sittings, clock: SettableClock) -> None:
    await wait_for_the_mark(sittings)
    province, doctor = sittings.province, await sittings.doctor(ONE)
    await sit(sittings, doctor, right=4)
    close_the_tests(clock)
    which = {"cycle_id": province.cycle_id, "subject": HUMANITIES, "pass_percent": 40, "reason": "经统计确定。"}
    own = doctor.in_office(province.authority)
    assert await refused_access(propose_pass_mark(sittings.environment, own, **which)) == "FORBIDDEN"
    proposed = propose_pass_mark(sittings.environment, province.authority, **which)
    assert await refused_access(confirmed(sittings.environment, own, proposed)) == "FORBIDDEN"
    assert await sittings.states(doctor) == ["PENDING_CUTOFF"]
