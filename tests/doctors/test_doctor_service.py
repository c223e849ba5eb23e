"""Entering doctors, transferring them, recording behaviour."""

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import date

import pytest

from dingkao.accounts.tables import Account
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import AuditEntry, StateTransition
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.cycles.service import appoint_body
from dingkao.doctors import service
from dingkao.doctors.made_up import (
    made_up_document_number,
    made_up_phone,
    made_up_practice_number,
    made_up_qualification_number,
)
from dingkao.doctors.records import list_doctors, read_behaviour, read_doctor, read_doctors
from dingkao.doctors.rules import BehaviourKind, NewDoctor
from dingkao.doctors.tables import Doctor, PracticeRegistration
from dingkao.environment import Environment
from dingkao.institutions.rules import OrganisationKind
from dingkao.institutions.service import create_organisation, create_region
from dingkao.institutions.vocabulary import RegionLevel
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import Forbidden, NotFound, NotLoggedIn, StateConflict, ValidationFailed
from dingkao.plugin.vocabulary import (
    AssessmentState,
    BehaviourPolarity,
    DocumentType,
    PracticeCategory,
    PracticeLevel,
    Role,
    Sex,
)
from dingkao.testing.sample import SampleProvince, build_sample, caller_for


def new_doctor(serial: int = 90_001) -> NewDoctor:
    number = made_up_document_number(serial, date(1985, 6, 7), Sex.FEMALE)
    return NewDoctor(
        name="王䶮",
        document_type=DocumentType.RESIDENT_IDENTITY_CARD,
        document_number=number,
        qualification_number=made_up_qualification_number(number, 2010),
        practice_number=made_up_practice_number(serial),
        category=PracticeCategory.CLINICAL,
        scope="儿科专业",
        level=PracticeLevel.LICENSED,
        practising_since=date(2011, 7, 1),
        phone=made_up_phone(serial),
    )


@dataclass(frozen=True)
class Place:
    """The sample province with a second hospital that has a body of its own."""

    sample: SampleProvince
    clinic: int
    clinic_body: int


@pytest.fixture
async def place(environment: Environment) -> Place:
    sample = await build_sample(environment)
    made = []
    for code, kind in (("H2", OrganisationKind.INSTITUTION), ("B2", OrganisationKind.BODY)):
        made.append(
            await create_organisation(
                environment,
                sample.authority,
                code=code,
                name=code,
                region_id=sample.region_id,
                kinds=frozenset({kind}),
            )
        )
    await appoint_body(environment, sample.authority, cycle_id=sample.cycle_id, institution_id=made[0], body_id=made[1])
    return Place(sample, *made)


async def _outside(environment: Environment) -> tuple[int, int]:
    """A region of its own and a hospital in it."""
    region = await create_region(environment, SYSTEM_CALLER, code="980000", name="外省", level=RegionLevel.PROVINCE)
    hospital = await create_organisation(
        environment,
        SYSTEM_CALLER,
        code="H980",
        name="外省医院",
        region_id=region,
        kinds=frozenset({OrganisationKind.INSTITUTION}),
    )
    return region, hospital


async def _read(assessment_id: int) -> AssessmentRecord:
    return (await read_records([assessment_id]))[assessment_id]


async def test_registered_doctor_has_an_account_and_stands_in_the_running_cycle(
    environment: Environment, place: Place
) -> None:
    wanted = new_doctor()
    doctor_id = await service.register_doctor(environment, place.sample.authority, place.clinic, wanted)
    record = (await read_doctors([doctor_id]))[doctor_id]
    assert (record.name, record.sex, record.institution_id) == ("王䶮", Sex.FEMALE, place.clinic)
    assert record.practising_since == date(2011, 7, 1)
    account = await Account.select().where(Account.doctor == doctor_id).first()
    assert account is not None
    assert (account["login_name"], account["password_hash"], account["phone"]) == (wanted.document_number, None, None)
    assessment = await Assessment.select().where(Assessment.doctor == doctor_id).first()
    assert assessment is not None
    assert (assessment["state"], assessment["cycle"]) == ("NOT_OPENED", place.sample.cycle_id)
    assert (assessment["institution"], assessment["body"]) == (place.clinic, place.clinic_body)
    entry = await AuditEntry.select().where(AuditEntry.action == "REGISTER_DOCTOR").first()
    assert entry is not None
    assert wanted.document_number not in entry["detail"]
    assert entry["organisation"] == place.sample.authority_id


async def test_numbers_are_stored_in_one_form(environment: Environment, place: Place) -> None:
    wanted = new_doctor()
    typed = replace(
        wanted, document_number=f" {wanted.document_number.lower()} ", phone=f"+86 {wanted.phone}", name=" 王䶮 "
    )
    doctor_id = await service.register_doctor(environment, place.sample.authority, place.clinic, typed)
    row = await Doctor.select().where(Doctor.id == doctor_id).first()
    assert row is not None
    assert (row["document_number"], row["phone"]) == (wanted.document_number, wanted.phone)
    assert (row["name"], row["birth_date"]) == ("王䶮", date(1985, 6, 7))


async def test_everything_wrong_is_told_at_once(environment: Environment, place: Place) -> None:
    bad = replace(
        new_doctor(),
        name="",
        document_number="123",
        qualification_number="1",
        practice_number="2",
        scope="科" * 61,
        phone="1",
        practising_since=date(2030, 1, 1),
    )
    with pytest.raises(ValidationFailed) as refused:
        await service.register_doctor(environment, place.sample.authority, place.clinic_body, bad)
    assert {(problem.path, problem.code) for problem in refused.value.problems} == {
        ("name", "REQUIRED"),
        ("documentNumber", "DOCUMENT_NUMBER_FORMAT"),
        ("qualificationNumber", "QUALIFICATION_NUMBER_FORMAT"),
        ("practiceNumber", "PRACTICE_NUMBER_FORMAT"),
        ("scope", "TOO_LONG"),
        ("phone", "PHONE_FORMAT"),
        ("practisingSince", "DATE_NOT_PLAUSIBLE"),
        ("institutionId", "NO_INSTITUTION"),
    }
    assert await Doctor.count() == 0


async def test_what_the_card_tells_must_agree(environment: Environment, place: Place) -> None:
    bad = replace(new_doctor(), sex=Sex.MALE, birth_date=date(1985, 6, 8))
    with pytest.raises(ValidationFailed) as refused:
        await service.register_doctor(environment, place.sample.authority, place.clinic, bad)
    assert [problem.code for problem in refused.value.problems] == ["SEX_DIFFERS", "BIRTH_DATE_DIFFERS"]


async def test_other_documents_need_sex_and_birth_date(environment: Environment, place: Place) -> None:
    passport = replace(new_doctor(), document_type=DocumentType.PASSPORT, document_number="e1234567")
    with pytest.raises(ValidationFailed) as refused:
        await service.register_doctor(environment, place.sample.authority, place.clinic, passport)
    assert [problem.code for problem in refused.value.problems] == ["SEX_REQUIRED", "BIRTH_DATE_REQUIRED"]
    whole = replace(passport, sex=Sex.MALE, birth_date=date(1985, 1, 1))
    doctor_id = await service.register_doctor(environment, place.sample.authority, place.clinic, whole)
    assert (await read_doctors([doctor_id]))[doctor_id].document_number == "E1234567"


async def test_of_two_registrations_at_once_one_wins(environment: Environment, place: Place) -> None:
    answers = await asyncio.gather(
        *[service.register_doctor(environment, place.sample.authority, place.clinic, new_doctor()) for _ in range(2)],
        return_exceptions=True,
    )
    refusals = [answer for answer in answers if isinstance(answer, ValidationFailed)]
    assert [refusal.problems[0].code for refusal in refusals] == ["DOCUMENT_NUMBER_TAKEN"]
    assert (await Doctor.count(), await Account.count().where(Account.doctor.is_not_null())) == (1, 1)


@pytest.mark.parametrize("state", [AssessmentState.NOT_OPENED, AssessmentState.OPENED, AssessmentState.RETURNED])
async def test_transfer_carries_the_unfinished_assessment(
    environment: Environment, place: Place, state: AssessmentState
) -> None:
    doctor = await place.sample.add_doctor(state=state)
    transfer = await service.transfer_doctor(
        environment, place.sample.authority, doctor.doctor_id, place.clinic, "登记机构有误"
    )
    assert transfer.assessment_ids == (doctor.assessment_id,)
    record = await _read(doctor.assessment_id)
    assert (record.state, record.institution_id, record.body_id) == (state, place.clinic, place.clinic_body)
    assert record.registration_id == transfer.registration_id != doctor.registration_id
    rows = await PracticeRegistration.select().where(PracticeRegistration.doctor == doctor.doctor_id)
    old, new = sorted(rows, key=lambda row: row["id"])
    assert (old["valid_to"], new["valid_from"], new["valid_to"]) == (date(2026, 6, 1), date(2026, 6, 1), None)
    assert [old[key] for key in ("practice_number", "level", "practising_since")] == [
        new[key] for key in ("practice_number", "level", "practising_since")
    ]
    move = await StateTransition.select().where(StateTransition.event == "TRANSFER").first()
    assert move is not None
    assert (move["source"], move["target"], move["reason"]) == ("H001", "H2", "登记机构有误")
    assert (move["assessment"], move["role"]) == (doctor.assessment_id, "AUTHORITY_OFFICER")
    entry = await AuditEntry.select().where(AuditEntry.action == "TRANSFER_DOCTOR").first()
    assert entry is not None
    assert json.loads(entry["detail"]) == {
        "from": place.sample.institution_id,
        "to": place.clinic,
        "assessments": [doctor.assessment_id],
    }


@pytest.mark.parametrize(
    "state",
    [
        AssessmentState.SUBMITTED,
        AssessmentState.INSTITUTION_APPROVED,
        AssessmentState.BODY_APPROVED,
        AssessmentState.TESTING,
    ],
)
async def test_what_others_have_begun_is_finished_first(
    environment: Environment, place: Place, state: AssessmentState
) -> None:
    doctor = await place.sample.add_doctor(state=state)
    with pytest.raises(StateConflict) as refused:
        await service.transfer_doctor(
            environment, place.sample.authority, doctor.doctor_id, place.clinic, "登记机构有误"
        )
    assert (refused.value.code, refused.value.state) == ("FINISH_ASSESSMENT_FIRST", state.value)
    assert await PracticeRegistration.count() == 1


async def test_concluded_assessment_stays_where_it_was(environment: Environment, place: Place) -> None:
    doctor = await place.sample.add_doctor()
    await Assessment.update({Assessment.state: "CONCLUDED", Assessment.conclusion: "QUALIFIED"}).where(
        Assessment.id == doctor.assessment_id
    )
    transfer = await service.transfer_doctor(
        environment, place.sample.authority, doctor.doctor_id, place.clinic, "调动"
    )
    assert transfer.assessment_ids == ()
    record = await _read(doctor.assessment_id)
    assert (record.institution_id, record.registration_id) == (place.sample.institution_id, doctor.registration_id)
    assert await Assessment.count() == 1


async def test_body_is_none_where_none_is_appointed(environment: Environment, place: Place) -> None:
    doctor = await place.sample.add_doctor()
    other = await create_organisation(
        environment,
        place.sample.authority,
        code="H3",
        name="新开医院",
        region_id=place.sample.region_id,
        kinds=frozenset({OrganisationKind.INSTITUTION}),
    )
    await service.transfer_doctor(environment, place.sample.authority, doctor.doctor_id, other, "调动")
    assert (await _read(doctor.assessment_id)).body_id is None


async def test_transfer_out_of_the_cycles_region_waits(environment: Environment, place: Place) -> None:
    _, hospital = await _outside(environment)
    doctor = await place.sample.add_doctor()
    with pytest.raises(StateConflict) as refused:
        await service.transfer_doctor(environment, SYSTEM_CALLER, doctor.doctor_id, hospital, "调动")
    assert refused.value.code == "OUTSIDE_THE_CYCLE"


async def test_transfer_is_the_authoritys_of_both_places(environment: Environment, place: Place) -> None:
    region, hospital = await _outside(environment)
    doctor = await place.sample.add_doctor()
    elsewhere = caller_for(0, "x", (RoleGrant(Role.AUTHORITY_OFFICER, None, (region,)),))

    async def attempt(caller: Caller | None, target: int) -> None:
        await service.transfer_doctor(environment, caller, doctor.doctor_id, target, "调动")

    for caller, target, refusal in (
        (elsewhere, place.clinic, NotFound),
        (elsewhere, hospital, NotFound),
        (place.sample.authority, hospital, NotFound),
        (place.sample.authority, 10**6, NotFound),
        (place.sample.institution, place.clinic, Forbidden),
        (doctor.caller, place.clinic, Forbidden),
        (None, place.clinic, NotLoggedIn),
    ):
        with pytest.raises(refusal):
            await attempt(caller, target)
    assert await PracticeRegistration.count() == 1


async def test_transfer_needs_another_institution_and_a_reason(environment: Environment, place: Place) -> None:
    doctor = await place.sample.add_doctor()
    with pytest.raises(ValidationFailed) as refused:
        await service.transfer_doctor(
            environment, place.sample.authority, doctor.doctor_id, place.sample.institution_id, " "
        )
    assert [problem.code for problem in refused.value.problems] == ["REQUIRED", "ALREADY_THERE"]


async def test_of_two_transfers_at_once_both_leave_one_open_registration(
    environment: Environment, place: Place
) -> None:
    doctor = await place.sample.add_doctor()
    answers = await asyncio.gather(
        *[
            service.transfer_doctor(environment, place.sample.authority, doctor.doctor_id, place.clinic, "调动")
            for _ in range(2)
        ],
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Transfer", "ValidationFailed"]
    assert await PracticeRegistration.count().where(PracticeRegistration.valid_to.is_null()) == 1


async def test_behaviour_is_good_or_bad_by_its_kind(environment: Environment, place: Place) -> None:
    doctor = await place.sample.add_doctor()
    for kind in (BehaviourKind.AWARD, BehaviourKind.MEDICAL_ACCIDENT):
        await service.record_behaviour(
            environment, place.sample.authority, doctor.doctor_id, kind=kind, occurred_on=date(2025, 1, 1)
        )
    entries = (await read_behaviour([doctor.doctor_id]))[doctor.doctor_id]
    assert [(entry.kind, entry.polarity) for entry in entries] == [
        ("AWARD", BehaviourPolarity.GOOD),
        ("MEDICAL_ACCIDENT", BehaviourPolarity.BAD),
    ]


async def test_behaviour_is_the_authoritys_and_past(environment: Environment, place: Place) -> None:
    doctor = await place.sample.add_doctor()
    with pytest.raises(Forbidden):
        await service.record_behaviour(
            environment, place.sample.body, doctor.doctor_id, kind=BehaviourKind.AWARD, occurred_on=date(2025, 1, 1)
        )
    with pytest.raises(ValidationFailed) as refused:
        await service.record_behaviour(
            environment,
            place.sample.authority,
            doctor.doctor_id,
            kind=BehaviourKind.AWARD,
            occurred_on=date(2026, 6, 2),
            description="字" * 1001,
        )
    assert [problem.code for problem in refused.value.problems] == ["DATE_NOT_PLAUSIBLE", "TOO_LONG"]


async def test_who_sees_which_doctors(environment: Environment, place: Place) -> None:
    here = await place.sample.add_doctor("张三丰")
    there = await place.sample.add_doctor("李四光", institution_id=place.clinic)
    region, _ = await _outside(environment)
    elsewhere = caller_for(0, "x", (RoleGrant(Role.AUTHORITY_OFFICER, None, (region,)),))

    async def listed(caller: Caller, search: str | None = None, after: int = 0, limit: int = 10) -> list[int]:
        return [row.id for row in await list_doctors(caller, search=search, after=after, limit=limit)]

    assert await listed(place.sample.institution) == [here.doctor_id]
    assert await listed(place.sample.authority) == [here.doctor_id, there.doctor_id]
    assert await listed(place.sample.authority, after=here.doctor_id) == [there.doctor_id]
    assert await listed(place.sample.authority, limit=1) == [here.doctor_id]
    assert await listed(place.sample.authority, search="四光") == [there.doctor_id]
    assert await listed(place.sample.authority, search=there.document_number.lower()) == [there.doctor_id]
    assert await listed(place.sample.authority, search="%") == [here.doctor_id, there.doctor_id]
    assert await listed(place.sample.institution, search="四光") == []
    assert await listed(elsewhere) == []
    with pytest.raises(Forbidden):
        await listed(here.caller)

    for caller in (here.caller, place.sample.institution, place.sample.body, place.sample.authority):
        assert (await read_doctor(caller, here.doctor_id)).name == "张三丰"
    for caller in (here.caller, place.sample.institution, elsewhere):
        with pytest.raises(NotFound):
            await read_doctor(caller, there.doctor_id)
