"""Starting, submitting and running out of time, on both databases."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import AuditEntry
from dingkao.cycles.tables import Cycle
from dingkao.papers import settling
from dingkao.papers.answers import GivenAnswer, save_answers
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.marks import mark_submitted
from dingkao.papers.records import read_questions
from dingkao.papers.settling import settle_assessment, settle_expired
from dingkao.papers.tables import AnswerSave, Attempt
from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.errors import StateConflict
from dingkao.plugin.vocabulary import AssessmentState, PaperSubject
from dingkao.results.tables import Result
from dingkao.testing.clock import SettableClock
from dingkao.testing.refusals import refused_access, refused_reasons, refused_state

from .sittings import ANY_NUMBER, GRACE_SECONDS, MINUTES, QUESTIONS, Sittings

OVER = timedelta(minutes=MINUTES, seconds=GRACE_SECONDS, microseconds=1)


async def test_two_papers_passed_one_after_the_other_conclude_qualified(sittings: Sittings) -> None:
    doctor = await sittings.doctor()
    assert await sittings.states(doctor) == ["AVAILABLE", "LOCKED"]
    for paper in await sittings.papers(doctor):
        attempt = await start_attempt(sittings.environment, doctor.caller, paper.id)
        await sittings.answer(doctor, attempt, right=6)
        await submit_attempt(sittings.environment, doctor.caller, attempt)
        marked = await sittings.attempt(attempt)
        assert (marked.score_percent, marked.passed, marked.timed_out) == (60, True, False)
        assert marked.submitted_at == sittings.environment.clock.now()
    assert await sittings.states(doctor) == ["PASSED", "PASSED"]
    record = await sittings.record(doctor)
    assert (record.state, record.conclusion) == (AssessmentState.CONCLUDED, "QUALIFIED")
    assert await sittings.moves("assessment", doctor) == [
        ("BODY_APPROVED", "START_TESTING", "TESTING"),
        ("TESTING", "CONCLUDE", "CONCLUDED"),
    ]
    once = [("AVAILABLE", "START", "IN_PROGRESS"), ("IN_PROGRESS", "SUBMIT", "SUBMITTED")]
    opened, passed = ("LOCKED", "OPEN", "AVAILABLE"), ("SUBMITTED", "PASS", "PASSED")
    assert await sittings.moves("paper", doctor) == [opened, *once, passed, opened, *once, passed]


async def test_the_only_attempt_failed_concludes_unqualified(sittings: Sittings) -> None:
    doctor = await sittings.doctor()
    paper, later = await sittings.papers(doctor)
    attempt = await start_attempt(sittings.environment, doctor.caller, paper.id)
    await sittings.answer(doctor, attempt, right=5)
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    assert await sittings.states(doctor) == ["FAILED", "LOCKED"]
    record = await sittings.record(doctor)
    assert (record.state, record.conclusion) == (AssessmentState.CONCLUDED, "UNQUALIFIED")
    assert (await Result.objects().get(Result.assessment == record.id)).ground == "PAPER_FAILED"
    for identity in (paper.id, later.id):
        refusal = await refused_state(start_attempt(sittings.environment, doctor.caller, identity))
        assert refusal == ("TESTS_NOT_OPEN", "CONCLUDED")


async def test_a_paper_of_many_attempts_is_sat_until_it_is_passed(sittings: Sittings) -> None:
    doctor = await sittings.doctor(ANY_NUMBER)
    (paper,) = await sittings.papers(doctor)
    shown = []
    for right in (0, 5, 10):
        attempt = await start_attempt(sittings.environment, doctor.caller, paper.id)
        shown.append((await read_questions([attempt]))[0])
        await sittings.answer(doctor, attempt, right=right)
        await submit_attempt(sittings.environment, doctor.caller, attempt)
        assert (await sittings.attempt(attempt)).number == len(shown)
    assert await sittings.states(doctor) == ["PASSED"]
    assert (await sittings.record(doctor)).conclusion == "QUALIFIED"
    # 25 questions give many papers of 10: three alike would be no drawing.
    assert len({str(questions) for questions in shown}) == 3


async def test_a_limited_number_of_attempts_is_kept(sittings: Sittings) -> None:
    doctor = await sittings.doctor((PaperPlan(PaperSubject.HUMANITIES, 2),))
    (paper,) = await sittings.papers(doctor)
    for state in ("AVAILABLE", "FAILED"):
        attempt = await start_attempt(sittings.environment, doctor.caller, paper.id)
        await submit_attempt(sittings.environment, doctor.caller, attempt)
        assert await sittings.states(doctor) == [state]
    assert (await sittings.record(doctor)).conclusion == "UNQUALIFIED"


async def test_the_paper_is_frozen_at_its_start(sittings: Sittings) -> None:
    doctor = await sittings.doctor()
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    questions = (await read_questions([attempt]))[0]
    assert [question["position"] for question in questions] == list(range(1, QUESTIONS + 1))
    assert all(set(question) == {"position", "question", "type", "stem", "options"} for question in questions)
    assert len({question["stem"] for question in questions}) == QUESTIONS
    started = await sittings.attempt(attempt)
    assert started.deadline - started.started_at == timedelta(minutes=MINUTES)
    easy = {"questions": 1, "minutes": 1, "pass_percent": 1}
    await sittings.pin(rules=dict.fromkeys(PaperSubject, easy))
    await sittings.answer(doctor, attempt, right=5)
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    assert (await sittings.attempt(attempt)).passed is False


async def test_the_deadline_is_not_after_the_window(sittings: Sittings, clock: SettableClock) -> None:
    doctor = await sittings.doctor()
    closes = (await sittings.record(doctor)).tests_until
    clock.set(closes - timedelta(minutes=1))
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    assert (await sittings.attempt(attempt)).deadline == closes


async def test_two_devices_starting_at_once_get_one_attempt(sittings: Sittings) -> None:
    doctor = await sittings.doctor()
    paper = (await sittings.papers(doctor))[0]
    got = await asyncio.gather(
        *(start_attempt(sittings.environment, doctor.caller, paper.id) for _ in range(6)),
    )
    assert len(set(got)) == 1
    assert await Attempt.count().where(Attempt.paper == paper.id) == 1
    assert (await sittings.papers(doctor))[0].attempts_used == 1


async def test_submitting_twice_at_once_marks_once(sittings: Sittings) -> None:
    doctor = await sittings.doctor()
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await sittings.answer(doctor, attempt, right=10)
    await asyncio.gather(*(submit_attempt(sittings.environment, doctor.caller, attempt) for _ in range(4)))
    assert await sittings.states(doctor) == ["PASSED", "AVAILABLE"]
    events = [event for _, event, _ in await sittings.moves("paper", doctor)]
    assert events == ["OPEN", "START", "SUBMIT", "PASS", "OPEN"]
    repeated = await AuditEntry.count().where(AuditEntry.action == "SUBMIT_REPEATED")
    assert repeated == 3


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (AssessmentState.SUBMITTED, "TESTS_NOT_OPEN"),
        (AssessmentState.INSTITUTION_APPROVED, "TESTS_NOT_OPEN"),
        (AssessmentState.RETURNED, "TESTS_NOT_OPEN"),
    ],
)
async def test_no_test_before_both_reviews(sittings: Sittings, state: AssessmentState, code: str) -> None:
    doctor = await sittings.doctor(state=state, opened=False)
    refusal = await refused_state(
        start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    )
    assert refusal == (code, state.value)


async def test_the_second_paper_waits_for_the_first(sittings: Sittings) -> None:
    doctor = await sittings.doctor()
    second = (await sittings.papers(doctor))[1]
    refusal = await refused_state(start_attempt(sittings.environment, doctor.caller, second.id))
    assert refusal == ("PAPER_LOCKED", "LOCKED")
    assert (await sittings.record(doctor)).state is AssessmentState.BODY_APPROVED


async def test_tests_have_a_window(sittings: Sittings, clock: SettableClock) -> None:
    doctor = await sittings.doctor()
    paper = (await sittings.papers(doctor))[0]
    record = await sittings.record(doctor)
    clock.set(record.tests_from - timedelta(microseconds=1))
    assert (await refused_state(start_attempt(sittings.environment, doctor.caller, paper.id)))[0] == "TESTS_NOT_BEGUN"
    clock.set(record.tests_until)
    assert (await refused_state(start_attempt(sittings.environment, doctor.caller, paper.id)))[0] == "TESTS_OVER"


async def test_too_small_a_bank_begins_nothing(sittings: Sittings) -> None:
    rule = {"questions": 26, "minutes": 30, "pass_percent": 60}
    await sittings.pin(rules=dict.fromkeys(PaperSubject, rule))
    doctor = await sittings.doctor()
    paper = (await sittings.papers(doctor))[0]
    assert await refused_reasons(start_attempt(sittings.environment, doctor.caller, paper.id)) == ["BANK_TOO_SMALL"]
    assert await sittings.states(doctor) == ["AVAILABLE", "LOCKED"]
    assert (await sittings.papers(doctor))[0].attempts_used == 0


async def test_anothers_papers_do_not_exist(sittings: Sittings) -> None:
    doctor, other = await sittings.doctor(), await sittings.doctor()
    environment = sittings.environment
    paper = (await sittings.papers(doctor))[0]
    attempt = await start_attempt(environment, doctor.caller, paper.id)
    answers = [GivenAnswer(1, "A", 1)]
    first_login = replace(doctor.caller, first_login=True)
    for caller, code in ((other.caller, "NOT_FOUND"), (None, "UNAUTHENTICATED"), (first_login, "FIRST_LOGIN_REQUIRED")):
        assert await refused_access(start_attempt(environment, caller, paper.id)) == code
        assert await refused_access(submit_attempt(environment, caller, attempt)) == code
        assert await refused_access(save_answers(environment, caller, attempt, answers)) == code
    for missing in (attempt + 1000, 2**62):
        assert await refused_access(start_attempt(environment, doctor.caller, missing)) == "NOT_FOUND"
        assert await refused_access(submit_attempt(environment, doctor.caller, missing)) == "NOT_FOUND"
        assert await refused_access(save_answers(environment, doctor.caller, missing, answers)) == "NOT_FOUND"
        assert await refused_access(start_attempt(environment, None, missing)) == "UNAUTHENTICATED"
    for staff in (sittings.province.institution, sittings.province.body, sittings.province.authority):
        assert await refused_access(start_attempt(environment, staff, paper.id)) == "FORBIDDEN"
        assert await refused_access(submit_attempt(environment, staff, attempt)) == "FORBIDDEN"
        assert await refused_access(save_answers(environment, staff, attempt, answers)) == "NOT_FOUND"
    assert (await sittings.attempt(attempt)).state is AttemptState.IN_PROGRESS


async def test_time_up_submits_what_is_there(sittings: Sittings, clock: SettableClock) -> None:
    doctor = await sittings.doctor()
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await sittings.answer(doctor, attempt, right=7)
    deadline = (await sittings.attempt(attempt)).deadline
    clock.set(deadline + timedelta(seconds=GRACE_SECONDS))
    assert await settle_expired(sittings.environment) == 0
    clock.advance(timedelta(microseconds=1))
    assert await settle_expired(sittings.environment) == 1
    settled = await sittings.attempt(attempt)
    assert (settled.timed_out, settled.passed, settled.score_percent) == (True, True, 70)
    assert settled.submitted_at == deadline
    assert await sittings.states(doctor) == ["PASSED", "AVAILABLE"]
    assert await settle_expired(sittings.environment) == 0
    entry = await AuditEntry.objects().get(AuditEntry.action == "SETTLE_ATTEMPT")
    assert (entry.role, entry.account, entry.object_id) == ("SYSTEM", None, attempt)


async def _by_sweeping(sittings: Sittings, caller: object, paper: int, attempt: int) -> None:
    assert await settle_expired(sittings.environment) == 1


async def _by_saving(sittings: Sittings, caller: object, paper: int, attempt: int) -> None:
    saved = save_answers(sittings.environment, caller, attempt, [GivenAnswer(1, "", 99)])  # type: ignore[arg-type]
    assert await refused_state(saved) == ("TIME_IS_UP", "MARKED")


async def _by_submitting(sittings: Sittings, caller: object, paper: int, attempt: int) -> None:
    await submit_attempt(sittings.environment, caller, attempt)  # type: ignore[arg-type]


async def _by_starting(sittings: Sittings, caller: object, paper: int, attempt: int) -> None:
    with pytest.raises(StateConflict):
        await start_attempt(sittings.environment, caller, paper)  # type: ignore[arg-type]


@pytest.mark.parametrize("touch", [_by_sweeping, _by_saving, _by_submitting, _by_starting])
@pytest.mark.parametrize("right", [3, 9])
async def test_whoever_notices_that_time_is_up_the_result_is_the_same(
    sittings: Sittings, clock: SettableClock, touch: object, right: int
) -> None:
    doctor = await sittings.doctor((PaperPlan(PaperSubject.HUMANITIES, 1),))
    (paper,) = await sittings.papers(doctor)
    attempt = await start_attempt(sittings.environment, doctor.caller, paper.id)
    await sittings.answer(doctor, attempt, right=right)
    deadline = (await sittings.attempt(attempt)).deadline
    clock.advance(OVER)
    await touch(sittings, doctor.caller, paper.id, attempt)  # type: ignore[operator]
    settled = await sittings.attempt(attempt)
    assert (settled.timed_out, settled.submitted_at, settled.score_percent) == (True, deadline, right * 10)
    record = await sittings.record(doctor)
    assert (record.state.value, record.conclusion) == ("CONCLUDED", "QUALIFIED" if right == 9 else "UNQUALIFIED")
    saved = save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "", 100)])
    assert await refused_state(saved) == ("TIME_IS_UP", "MARKED")


async def test_a_new_attempt_may_follow_one_that_ran_out(sittings: Sittings, clock: SettableClock) -> None:
    doctor = await sittings.doctor(ANY_NUMBER)
    (paper,) = await sittings.papers(doctor)
    first = await start_attempt(sittings.environment, doctor.caller, paper.id)
    clock.advance(OVER)
    second = await start_attempt(sittings.environment, doctor.caller, paper.id)
    assert second != first
    assert (await sittings.attempt(first)).timed_out
    assert (await sittings.attempt(second)).number == 2


async def test_submitting_in_the_grace_is_in_time(sittings: Sittings, clock: SettableClock) -> None:
    doctor = await sittings.doctor()
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    deadline = (await sittings.attempt(attempt)).deadline
    clock.advance(timedelta(minutes=MINUTES, seconds=GRACE_SECONDS))
    await sittings.answer(doctor, attempt, right=10)
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    submitted = await sittings.attempt(attempt)
    # All of it counts; and the clock has ended it, whoever was first, the client or the sweeper.
    assert (submitted.score_percent, submitted.timed_out, submitted.submitted_at) == (100, True, deadline)
    assert await sittings.states(doctor) == ["PASSED", "AVAILABLE"]


async def test_sweepers_and_the_doctor_at_once_settle_once(sittings: Sittings, clock: SettableClock) -> None:
    doctors = [await sittings.doctor() for _ in range(3)]
    begun = [
        await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
        for doctor in doctors
    ]
    for doctor, attempt in zip(doctors, begun, strict=True):
        await sittings.answer(doctor, attempt, right=10)
    clock.advance(OVER)
    counts = await asyncio.gather(
        settle_expired(sittings.environment),
        settle_expired(sittings.environment),
        submit_attempt(sittings.environment, doctors[0].caller, begun[0]),
        settle_assessment(sittings.environment, doctors[1].assessment_id),
    )
    assert 1 <= int(counts[0] or 0) + int(counts[1] or 0) + bool(counts[3]) <= 3
    for doctor in doctors:
        events = [event for _, event, _ in await sittings.moves("paper", doctor)]
        assert events == ["OPEN", "START", "SUBMIT", "PASS", "OPEN"]


async def test_one_attempt_that_cannot_be_settled_keeps_no_other_waiting(
    sittings: Sittings, clock: SettableClock
) -> None:
    broken, whole = await sittings.doctor(), await sittings.doctor()
    for doctor in (broken, whole):
        await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    # As if its key had been damaged: the marking of the first one raises.
    row = await Attempt.select(Attempt.id, Attempt.answer_key).order_by(Attempt.id).first()
    assert row is not None
    first, key = row["id"], row["answer_key"]
    await Attempt.update({Attempt.answer_key: "{"}).where(Attempt.id == first)
    clock.advance(OVER)
    with capture_logs() as logged:
        assert await settle_expired(sittings.environment) == 2
    assert await sittings.states(whole) == ["FAILED", "LOCKED"]
    # What was answered is submitted; only its mark is missing, and is made once it can be.
    assert await sittings.states(broken) == ["SUBMITTED", "LOCKED"]
    assert [(line["event"], line["attempt"]) for line in logged] == [("attempt could not be marked", first)]
    assert await mark_submitted(sittings.environment) == 0
    await Attempt.update({Attempt.answer_key: key}).where(Attempt.id == first)
    assert await mark_submitted(sittings.environment) == 1
    assert await sittings.states(broken) == ["FAILED", "LOCKED"]
    settled = await sittings.attempt(first)
    assert (settled.submitted_at, settled.timed_out, settled.score_percent) == (settled.deadline, True, 0)


async def test_the_sweeper_takes_more_than_one_page(
    sittings: Sittings, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_SWEEP", 2)
    doctors = [await sittings.doctor(ANY_NUMBER) for _ in range(5)]
    for doctor in doctors:
        await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    clock.advance(OVER)
    late = await sittings.doctor(ANY_NUMBER)
    await start_attempt(sittings.environment, late.caller, (await sittings.papers(late))[0].id)
    assert await settle_expired(sittings.environment) == 5
    assert await sittings.states(late) == ["IN_PROGRESS"]
    assert await sittings.states(doctors[4]) == ["AVAILABLE"]


async def test_every_act_is_audited(sittings: Sittings) -> None:
    doctor = await sittings.doctor(ANY_NUMBER)
    (paper,) = await sittings.papers(doctor)
    attempt = await start_attempt(sittings.environment, doctor.caller, paper.id)
    await start_attempt(sittings.environment, doctor.caller, paper.id)
    await sittings.answer(doctor, attempt, right=0)
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    rows = (
        await AuditEntry.select(AuditEntry.action, AuditEntry.role, AuditEntry.account)
        .where((AuditEntry.object_type == "Attempt") & (AuditEntry.object_id == attempt))
        .order_by(AuditEntry.id)
    )
    assert [row["action"] for row in rows] == ["START_ATTEMPT", "RESUME_ATTEMPT", "SUBMIT_ATTEMPT", "MARK_ATTEMPT"]
    assert {(row["role"], row["account"]) for row in rows[:3]} == {("DOCTOR", doctor.account_id)}
    assert (rows[3]["role"], rows[3]["account"]) == ("SYSTEM", None)
    assert await AnswerSave.count().where(AnswerSave.attempt == attempt) == 1


async def test_a_window_that_moves_ends_no_running_attempt(sittings: Sittings) -> None:
    # The deadline, copied at the start, is what counts.
    doctor = await sittings.doctor()
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    now = sittings.environment.clock.now()
    await Cycle.update({Cycle.tests_until: now}).where(Cycle.id == sittings.province.cycle_id)
    await sittings.answer(doctor, attempt, right=10)
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    assert (await sittings.attempt(attempt)).passed
    assert (await Assessment.objects().get(Assessment.id == doctor.assessment_id)).state == "TESTING"
