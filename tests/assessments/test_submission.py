"""Preview, submission and withdrawal (manual 2.2.3): everything at once, once, and by one device."""

import asyncio
import json
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256

import pytest

from dingkao.assessments.access import gather_facts
from dingkao.assessments.content import read_content
from dingkao.assessments.service.form import save_registration_form
from dingkao.assessments.service.procedure import choose_procedure
from dingkao.assessments.service.submission import preview, submit, withdraw
from dingkao.assessments.submissions import read_latest_submissions
from dingkao.assessments.tables import Submission
from dingkao.audit.tables import AuditEntry, StateTransition
from dingkao.cycles.tables import Cycle
from dingkao.cycles.vocabulary import CycleState
from dingkao.doctors.tables import PracticeRegistration
from dingkao.environment import Environment
from dingkao.plugin.errors import RevisionConflict
from dingkao.plugin.vocabulary import AssessmentState, PaperState, ReviewLevel
from dingkao.reviews.vocabulary import Decision
from dingkao.testing.clock import SettableClock
from dingkao.testing.progress import (
    STATEMENT,
    complete_registration,
    current_record,
    decide,
    papers_of,
    submit_registration,
)
from dingkao.testing.refusals import refused_access, refused_fields, refused_state
from dingkao.testing.sample import SampleDoctor, SampleProvince


async def previewed(environment: Environment, doctor: SampleDoctor) -> list[tuple[str, str]]:
    record = await current_record(doctor)
    facts = await gather_facts(record, environment.clock.now())
    problems = await preview(environment, record, facts, await read_content(record.id))
    return sorted((problem.path, problem.code) for problem in problems)


EVERYTHING_MISSING = sorted(
    [
        *((f"form.{name}", "REQUIRED") for name in ("contactPhone", "ethnicity", "highestEducation", "department")),
        ("form.professionalTitle", "REQUIRED"),
        ("form.photo", "REQUIRED"),
        ("education", "REQUIRED"),
        ("selfEvaluation.WORK_PERFORMANCE", "REQUIRED"),
        ("selfEvaluation.PROFESSIONAL_ETHICS", "REQUIRED"),
        ("procedure", "REQUIRED"),
    ]
)


async def test_the_preview_names_everything_and_so_does_submitting(
    environment: Environment, doctor: SampleDoctor
) -> None:
    assert await previewed(environment, doctor) == EVERYTHING_MISSING
    assert await refused_fields(submit(environment, doctor.caller, doctor.assessment_id, 0)) == EVERYTHING_MISSING
    assert await Submission.count() == 0
    assert await AuditEntry.count() == 0
    assert (await current_record(doctor)).state is AssessmentState.OPENED


async def test_simple_without_proof_and_statement_is_incomplete(environment: Environment, doctor: SampleDoctor) -> None:
    await complete_registration(environment, doctor, "GENERAL")
    await choose_procedure(environment, doctor.caller, doctor.assessment_id, "SIMPLE", None, None, None)
    assert await previewed(environment, doctor) == [("proofs", "REQUIRED"), ("statement", "REQUIRED")]


async def test_what_became_ineligible_meanwhile_is_named(environment: Environment, doctor: SampleDoctor) -> None:
    revision = await complete_registration(environment, doctor, "SIMPLE")
    assert await previewed(environment, doctor) == []
    await PracticeRegistration.update({PracticeRegistration.practising_since: date(2024, 1, 1)}).where(
        PracticeRegistration.id == doctor.registration_id
    )
    problems = await refused_fields(submit(environment, doctor.caller, doctor.assessment_id, revision))
    assert {path for path, _ in problems} == {"procedure"}


async def test_what_is_submitted_is_what_reviewers_judge(environment: Environment, doctor: SampleDoctor) -> None:
    await submit_registration(environment, doctor, "SIMPLE")
    row = await Submission.select(Submission.number, Submission.content, Submission.digest).first()
    assert row is not None
    assert row["number"] == 1
    content = json.loads(row["content"])
    assert content["doctor"]["documentNumber"] == doctor.document_number
    assert content["form"]["department"] == "内科"
    assert content["education"][0]["school"] == "示范医学院"
    assert content["statement"] == STATEMENT
    assert len(content["proofs"]) == 1
    assert {rating["dimension"] for rating in content["selfEvaluation"]} == {"WORK_PERFORMANCE", "PROFESSIONAL_ETHICS"}
    latest = (await read_latest_submissions([doctor.assessment_id]))[0]
    assert latest is not None
    masked = json.dumps(latest.masked_content(), ensure_ascii=False)
    # Of the masked snapshot: a digest over the numbers could be guessed.
    canonical = json.dumps(latest.masked_content(), ensure_ascii=False, sort_keys=True)
    assert sha256(canonical.encode()).hexdigest() == row["digest"]
    for number in (content["doctor"]["documentNumber"], content["registration"]["practiceNumber"]):
        assert number not in masked
    record = await current_record(doctor)
    assert (record.state, record.submissions) == (AssessmentState.SUBMITTED, 1)
    assert [paper.state for paper in await papers_of(doctor)] == [PaperState.LOCKED]


async def test_submitting_twice_is_submitting_once(environment: Environment, doctor: SampleDoctor) -> None:
    revision = await complete_registration(environment, doctor)
    for _ in range(2):
        await submit(environment, doctor.caller, doctor.assessment_id, revision)
    assert await Submission.count() == 1
    assert await StateTransition.count() == 1
    # Another revision than the submitted one is not a repetition.
    use_case = submit(environment, doctor.caller, doctor.assessment_id, revision - 1)
    assert await refused_state(use_case) == ("FORM_CLOSED", "SUBMITTED")


async def test_two_devices_submitting_at_once(environment: Environment, doctor: SampleDoctor) -> None:
    revision = await complete_registration(environment, doctor)
    outcomes = await asyncio.gather(
        *(submit(environment, doctor.caller, doctor.assessment_id, revision) for _ in range(4)), return_exceptions=True
    )
    assert outcomes == [None] * 4
    assert await Submission.count() == 1
    assert len(await papers_of(doctor)) == 2


async def test_submitting_while_another_device_changes_the_form(environment: Environment, doctor: SampleDoctor) -> None:
    revision = await complete_registration(environment, doctor)
    submitted, saved = await asyncio.gather(
        submit(environment, doctor.caller, doctor.assessment_id, revision),
        save_registration_form(environment, doctor.caller, doctor.assessment_id, {"department": "外科"}, revision),
        return_exceptions=True,
    )
    # Nothing is lost: the one that came second is told.
    assert (submitted is None) != (saved is None), (submitted, saved)
    record = await current_record(doctor)
    if submitted is None:
        content = json.loads((await Submission.select(Submission.content).first())["content"])
        assert content["form"]["department"] == "内科"
        assert (record.state, record.revision) == (AssessmentState.SUBMITTED, revision)
    else:
        assert isinstance(submitted, RevisionConflict)
        assert submitted.revision == record.revision == revision + 1
        assert record.state is AssessmentState.OPENED


async def test_only_within_the_window_and_a_running_cycle(
    environment: Environment, clock: SettableClock, province: SampleProvince, doctor: SampleDoctor
) -> None:
    revision = await complete_registration(environment, doctor)
    record = await current_record(doctor)
    for instant in (
        record.enrolment_from - timedelta(seconds=1),
        record.enrolment_until + timedelta(seconds=1),
    ):
        clock.set(instant)
        use_case = submit(environment, doctor.caller, doctor.assessment_id, revision)
        assert await refused_state(use_case) == ("ENROLMENT_NOT_OPEN", "OPENED")
    clock.set(record.enrolment_until)
    await Cycle.update({Cycle.state: CycleState.CLOSED.value}).where(Cycle.id == province.cycle_id)
    use_case = submit(environment, doctor.caller, doctor.assessment_id, revision)
    assert await refused_state(use_case) == ("CYCLE_NOT_RUNNING", "OPENED")
    await Cycle.update({Cycle.state: CycleState.RUNNING.value}).where(Cycle.id == province.cycle_id)
    await submit(environment, doctor.caller, doctor.assessment_id, revision)


async def test_a_returned_registration_may_come_after_the_window(
    environment: Environment, clock: SettableClock, province: SampleProvince, doctor: SampleDoctor
) -> None:
    await submit_registration(environment, doctor)
    await decide(province, doctor, ReviewLevel.INSTITUTION, Decision.RETURNED_TO_DOCTOR, ())
    record = await current_record(doctor)
    assert (record.state, record.return_reason) == (AssessmentState.RETURNED, "请补充材料")
    clock.set(record.enrolment_until + timedelta(days=1))
    await save_registration_form(environment, doctor.caller, doctor.assessment_id, {"department": "外科"}, None)
    await submit(environment, doctor.caller, doctor.assessment_id, record.revision + 1)
    record = await current_record(doctor)
    assert (record.state, record.submissions, record.return_reason) == (AssessmentState.SUBMITTED, 2, "")
    contents = await Submission.select(Submission.content).order_by(Submission.number)
    assert [json.loads(row["content"])["form"]["department"] for row in contents] == ["内科", "外科"]


async def test_another_procedure_after_a_return_plans_other_papers(
    environment: Environment, province: SampleProvince, doctor: SampleDoctor
) -> None:
    await submit_registration(environment, doctor, "GENERAL")
    assert [paper.subject.value for paper in await papers_of(doctor)] == ["HUMANITIES", "PROFESSIONAL"]
    await decide(province, doctor, ReviewLevel.INSTITUTION, Decision.RETURNED_TO_DOCTOR, ())
    await submit_registration(environment, doctor, "SIMPLE")
    papers = await papers_of(doctor)
    assert [(paper.subject.value, paper.position, paper.attempts_allowed) for paper in papers] == [
        ("HUMANITIES", 1, None)
    ]


async def test_withdrawn_and_submitted_again(environment: Environment, doctor: SampleDoctor) -> None:
    await submit_registration(environment, doctor)
    revision = (await current_record(doctor)).revision
    await withdraw(environment, doctor.caller, doctor.assessment_id)
    record = await current_record(doctor)
    assert (record.state, record.revision) == (AssessmentState.OPENED, revision + 1)
    with pytest.raises(RevisionConflict):
        await submit(environment, doctor.caller, doctor.assessment_id, revision)
    await submit(environment, doctor.caller, doctor.assessment_id, revision + 1)
    assert (await current_record(doctor)).submissions == 2


async def test_withdrawn_only_before_the_institution_acts(
    environment: Environment, province: SampleProvince, doctor: SampleDoctor
) -> None:
    use_case = withdraw(environment, doctor.caller, doctor.assessment_id)
    assert await refused_state(use_case) == ("NOT_IN_THIS_STATE", "OPENED")
    await submit_registration(environment, doctor)
    await decide(province, doctor, ReviewLevel.INSTITUTION)
    use_case = withdraw(environment, doctor.caller, doctor.assessment_id)
    assert await refused_state(use_case) == ("NOT_IN_THIS_STATE", "INSTITUTION_APPROVED")
    # The body sends it back to the institution: that has acted on this submission, and it stays with the reviewers.
    await decide(province, doctor, ReviewLevel.BODY, Decision.RETURNED_TO_INSTITUTION)
    assert (await current_record(doctor)).state is AssessmentState.SUBMITTED
    use_case = withdraw(environment, doctor.caller, doctor.assessment_id)
    assert await refused_state(use_case) == ("INSTITUTION_HAS_ACTED", "SUBMITTED")
    # Once the doctor has it back and submits anew, the institution has not acted on that.
    await decide(province, doctor, ReviewLevel.INSTITUTION, Decision.RETURNED_TO_DOCTOR, ())
    await submit(environment, doctor.caller, doctor.assessment_id, (await current_record(doctor)).revision)
    await withdraw(environment, doctor.caller, doctor.assessment_id)


async def test_withdrawing_while_the_institution_approves(
    environment: Environment, province: SampleProvince, doctor: SampleDoctor
) -> None:
    await submit_registration(environment, doctor)
    withdrawn, approved = await asyncio.gather(
        withdraw(environment, doctor.caller, doctor.assessment_id),
        decide(province, doctor, ReviewLevel.INSTITUTION),
        return_exceptions=True,
    )
    assert (withdrawn is None) != (approved is None), (withdrawn, approved)
    expected = AssessmentState.OPENED if withdrawn is None else AssessmentState.INSTITUTION_APPROVED
    assert (await current_record(doctor)).state is expected


async def test_who_may(environment: Environment, province: SampleProvince, doctor: SampleDoctor) -> None:
    colleague = await province.add_doctor("李四")
    revision = await complete_registration(environment, doctor)
    callers = (
        (None, "UNAUTHENTICATED"),
        (replace(doctor.caller, first_login=True), "FIRST_LOGIN_REQUIRED"),
        (colleague.caller, "NOT_FOUND"),
        (province.institution, "FORBIDDEN"),
        (province.body, "FORBIDDEN"),
        (province.authority, "FORBIDDEN"),
    )
    for caller, code in callers:
        assert await refused_access(submit(environment, caller, doctor.assessment_id, revision)) == code
    await submit(environment, doctor.caller, doctor.assessment_id, revision)
    for caller, code in callers:
        # A repetition is the doctor's own too.
        assert await refused_access(submit(environment, caller, doctor.assessment_id, revision)) in (code, "FORBIDDEN")
        assert await refused_access(withdraw(environment, caller, doctor.assessment_id)) == code
    assert await Submission.count() == 1
