"""Opening and closing enrolment (开通报名): all or none, each obstacle named."""

import asyncio
from dataclasses import replace

import pytest

from dingkao.assessments.form_tables import RegistrationForm
from dingkao.assessments.service.enrolment import MOST_AT_ONCE, close_enrolment, open_enrolment
from dingkao.assessments.service.submission import submit, withdraw
from dingkao.audit.tables import AuditEntry, StateTransition
from dingkao.cycles.tables import Cycle
from dingkao.cycles.vocabulary import CycleState
from dingkao.environment import Environment
from dingkao.plugin.errors import ValidationFailed
from dingkao.plugin.vocabulary import AssessmentState
from dingkao.testing.progress import complete_registration, current_record, submit_registration
from dingkao.testing.refusals import refused_access, refused_fields
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample

NOT_OPENED = AssessmentState.NOT_OPENED


async def test_one_or_many_are_opened_at_once(environment: Environment, province: SampleProvince) -> None:
    doctors = [await province.add_doctor(f"医师{number}", state=NOT_OPENED) for number in range(3)]
    ids = [doctor.assessment_id for doctor in doctors]
    assert await open_enrolment(environment, province.institution, ids) == sorted(ids)
    for doctor in doctors:
        assert (await current_record(doctor)).state is AssessmentState.OPENED
    entries = await AuditEntry.select(AuditEntry.action, AuditEntry.role, AuditEntry.organisation)
    assert entries == [
        {"action": "OPEN_ENROLMENT", "role": "INSTITUTION_OFFICER", "organisation": province.institution_id}
    ]
    moves = await StateTransition.select(StateTransition.source, StateTransition.event, StateTransition.target)
    assert [tuple(move.values()) for move in moves] == [("NOT_OPENED", "OPEN_ENROLMENT", "OPENED")] * 3


async def test_opening_makes_one_form_and_keeps_it(environment: Environment, province: SampleProvince) -> None:
    doctor = await province.add_doctor(state=NOT_OPENED)
    await RegistrationForm.delete().where(RegistrationForm.assessment == doctor.assessment_id)
    for _ in range(2):
        await open_enrolment(environment, province.institution, [doctor.assessment_id])
        assert await RegistrationForm.count().where(RegistrationForm.assessment == doctor.assessment_id) == 1
        await close_enrolment(environment, province.institution, [doctor.assessment_id])
        assert (await current_record(doctor)).state is NOT_OPENED


async def test_one_that_cannot_be_opened_stops_all_and_each_is_named(
    environment: Environment, province: SampleProvince
) -> None:
    other = await build_sample(environment, code_suffix="2", region_code="980000")
    good = await province.add_doctor(state=NOT_OPENED)
    opened = await province.add_doctor(state=AssessmentState.OPENED)
    elsewhere = await other.add_doctor(state=NOT_OPENED)
    ids = [good.assessment_id, opened.assessment_id, elsewhere.assessment_id, 2**62]
    assert await refused_fields(open_enrolment(environment, province.institution, ids)) == [
        ("assessmentIds.1", "NOT_IN_THIS_STATE"),
        ("assessmentIds.2", "NOT_FOUND"),
        ("assessmentIds.3", "NOT_FOUND"),
    ]
    for doctor, state in ((good, NOT_OPENED), (opened, AssessmentState.OPENED), (elsewhere, NOT_OPENED)):
        assert (await current_record(doctor)).state is state
    assert await StateTransition.count() == 0
    assert await AuditEntry.count() == 0


@pytest.mark.parametrize("state", [CycleState.PREPARED, CycleState.CLOSED])
async def test_the_cycle_must_run(environment: Environment, province: SampleProvince, state: CycleState) -> None:
    doctor = await province.add_doctor(state=NOT_OPENED)
    await Cycle.update({Cycle.state: state.value}).where(Cycle.id == province.cycle_id)
    refused = await refused_fields(open_enrolment(environment, province.institution, [doctor.assessment_id]))
    assert refused == [("assessmentIds.0", "CYCLE_NOT_RUNNING")]


@pytest.mark.parametrize("number", [0, MOST_AT_ONCE + 1])
async def test_how_many_at_once(environment: Environment, province: SampleProvince, number: int) -> None:
    use_case = open_enrolment(environment, province.institution, list(range(1, number + 1)))
    assert await refused_fields(use_case) == [("assessmentIds", "NUMBER_OF_DOCTORS")]


async def test_the_same_doctor_twice_is_opened_once(environment: Environment, province: SampleProvince) -> None:
    doctor = await province.add_doctor(state=NOT_OPENED)
    ids = [doctor.assessment_id, doctor.assessment_id]
    assert await open_enrolment(environment, province.institution, ids) == [doctor.assessment_id]
    assert await StateTransition.count() == 1


async def test_who_may(environment: Environment, province: SampleProvince, doctor: SampleDoctor) -> None:
    ids = [doctor.assessment_id]
    for change in (open_enrolment, close_enrolment):
        assert await refused_access(change(environment, None, ids)) == "UNAUTHENTICATED"
        first_login = replace(province.institution, first_login=True)
        assert await refused_access(change(environment, first_login, ids)) == "FIRST_LOGIN_REQUIRED"
        for caller in (doctor.caller, province.body, province.authority):
            assert await refused_access(change(environment, caller, ids)) == "FORBIDDEN"
    assert (await current_record(doctor)).state is AssessmentState.OPENED


async def test_closed_only_while_nothing_is_submitted(
    environment: Environment, province: SampleProvince, doctor: SampleDoctor
) -> None:
    await submit_registration(environment, doctor)
    refused = await refused_fields(close_enrolment(environment, province.institution, [doctor.assessment_id]))
    assert refused == [("assessmentIds.0", "NOT_IN_THIS_STATE")]
    await withdraw(environment, doctor.caller, doctor.assessment_id)
    await close_enrolment(environment, province.institution, [doctor.assessment_id])
    assert (await current_record(doctor)).state is NOT_OPENED


async def test_two_officers_opening_at_once_do_not_both_win(environment: Environment, province: SampleProvince) -> None:
    doctors = [await province.add_doctor(f"医师{number}", state=NOT_OPENED) for number in range(4)]
    ids = [doctor.assessment_id for doctor in doctors]
    outcomes = await asyncio.gather(
        open_enrolment(environment, province.institution, ids),
        open_enrolment(environment, province.institution, list(reversed(ids))),
        open_enrolment(environment, province.institution, ids[1:3]),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, ValidationFailed) for outcome in outcomes) >= 1
    assert all(isinstance(outcome, list | ValidationFailed) for outcome in outcomes), outcomes
    # However they came, no assessment was opened twice.
    moves = await StateTransition.select(StateTransition.object_id)
    assert len({move["object_id"] for move in moves}) == len(moves)


async def test_closing_and_submitting_at_once(
    environment: Environment, province: SampleProvince, doctor: SampleDoctor
) -> None:
    revision = await complete_registration(environment, doctor)
    closed, submitted = await asyncio.gather(
        close_enrolment(environment, province.institution, [doctor.assessment_id]),
        submit(environment, doctor.caller, doctor.assessment_id, revision),
        return_exceptions=True,
    )
    assert isinstance(closed, Exception) != isinstance(submitted, Exception), (closed, submitted)
    expected = NOT_OPENED if submitted is not None else AssessmentState.SUBMITTED
    assert (await current_record(doctor)).state is expected
