"""Entering doctors, moving them between institutions, recording behaviour: acts of an authority."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from piccolo.querystring import QueryString

from dingkao.access.rules import authority_grant, refuse_own
from dingkao.accounts.tables import Account
from dingkao.assessments.tables import Assessment
from dingkao.audit.work import UnitOfWork, begin
from dingkao.cycles.pinning import policy_at
from dingkao.cycles.service import ensure_assessment
from dingkao.cycles.tables import BodyAppointment
from dingkao.db.database import is_postgresql
from dingkao.db.statement import Statement
from dingkao.doctors import rules
from dingkao.doctors.records import DoctorRecord, read_doctors
from dingkao.doctors.rules import BEHAVIOUR_POLARITY, BehaviourKind, NewDoctor
from dingkao.doctors.tables import BehaviourRecord, Doctor, PracticeRegistration
from dingkao.environment import Environment
from dingkao.institutions.rules import OrganisationKind
from dingkao.institutions.service import OrganisationRecord, read_organisations
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, Forbidden, NotFound, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import AssessmentState

_lock = Statement(lambda p: Doctor.select(Doctor.id).where(Doctor.id == p.id).lock_rows())
_lock_assessments = Statement(
    lambda p: QueryString(
        "SELECT a.id AS id FROM assessment AS a JOIN cycle AS c ON c.id = a.cycle "
        "WHERE a.doctor = {} AND c.state = 'RUNNING' ORDER BY a.id FOR UPDATE OF a",
        p.doctor,
    )
)
# Whether the cycle covers the new institution's region is a question of the tree.
_unfinished = Statement(
    lambda p: QueryString(
        "SELECT a.id AS id, a.state AS state, c.id AS cycle, pinned.version AS policy_version, "
        "CASE WHEN place.path LIKE top.path || '%' THEN 1 ELSE 0 END AS covered "
        "FROM assessment AS a JOIN cycle AS c ON c.id = a.cycle JOIN region AS top ON top.id = c.region "
        "JOIN pinned_policy AS pinned ON pinned.id = a.policy JOIN region AS place ON place.id = {} "
        "WHERE a.doctor = {} AND c.state = 'RUNNING' AND a.state <> 'CONCLUDED' ORDER BY a.id",
        p.region,
        p.doctor,
    )
)
_body = Statement(
    lambda p: BodyAppointment.select(BodyAppointment.body).where(
        (BodyAppointment.cycle == p.cycle) & (BodyAppointment.institution == p.institution)
    )
)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer that was made: the new registration, and the assessments that went along."""

    registration_id: int
    assessment_ids: tuple[int, ...]


async def register_doctor(
    environment: Environment, caller: Caller | None, institution_id: int, doctor: NewDoctor
) -> int:
    """Enter a doctor with an open registration at the institution, an account and, in a running cycle, an assessment;
    returns the doctor's id.

    The account's login name is the document number, and it answers to the policy's initial password (manual 2.2.2). By
    the system or an authority officer who governs the institution's region (registration is the authority's: Physicians
    Law, Art. 13). Raises ValidationFailed, NotFound, Forbidden.
    """
    async with begin(environment, caller) as work:
        institution = await _governed_institution(work, institution_id)
        checked, problems = rules.check_new_doctor(doctor, work.today)
        problems += _institution_problems(institution)
        if problems:
            raise ValidationFailed(problems)
        doctor_id = await _insert(work, checked)
        await PracticeRegistration.insert(registration_row(checked, doctor_id, institution_id, work.today))
        await ensure_assessment(work, doctor_id)
        await work.record("REGISTER_DOCTOR", "Doctor", doctor_id, {"institution": institution_id})
    return doctor_id


async def _insert(work: UnitOfWork, doctor: NewDoctor) -> int:
    """The person and the account. The database decides which of two with one number is first."""
    inserted = await Doctor.insert(doctor_row(doctor, work)).on_conflict(action="DO NOTHING").returning(Doctor.id)
    if not inserted:
        raise ValidationFailed([rules.document_taken()])
    doctor_id = int(inserted[0]["id"])
    account = account_row(doctor, doctor_id, work)
    # The same number on another kind of document, or a member of staff who has it for a login name.
    if not await Account.insert(account).on_conflict(action="DO NOTHING").returning(Account.id):
        raise ValidationFailed([rules.document_taken()])
    return doctor_id


def doctor_row(doctor: NewDoctor, work: UnitOfWork) -> Doctor:
    """The row of a checked doctor."""
    return Doctor(
        name=doctor.name,
        document_type=doctor.document_type.value,
        document_number=doctor.document_number,
        sex=doctor.sex.value if doctor.sex else None,
        birth_date=doctor.birth_date,
        qualification_number=doctor.qualification_number,
        phone=doctor.phone,
        created_at=work.now,
    )


def account_row(doctor: NewDoctor, doctor_id: int, work: UnitOfWork) -> Account:
    """The row of a doctor's account, still on its initial password."""
    return Account(login_name=doctor.document_number, name=doctor.name, doctor=doctor_id, created_at=work.now)


def registration_row(doctor: NewDoctor, doctor_id: int, institution_id: int, today: date) -> PracticeRegistration:
    """The row of a checked doctor's open registration, from `today` on."""
    return PracticeRegistration(
        doctor=doctor_id,
        institution=institution_id,
        practice_number=doctor.practice_number,
        category=doctor.category.value,
        scope=doctor.scope,
        level=doctor.level.value,
        practising_since=doctor.practising_since,
        valid_from=today,
    )


async def transfer_doctor(
    environment: Environment, caller: Caller | None, doctor_id: int, institution_id: int, reason: str
) -> Transfer:
    """Move a doctor whose institution is wrong or has changed (manual 2.2.2: ask the superior authority).

    Ends the open registration and begins one at the new institution. Unfinished assessments of running cycles go along
    with their form, to the body appointed for the new institution; one under review or being tested must be finished
    first; concluded ones stay where they were. By the system or an authority officer who governs both institutions'
    regions. Raises StateConflict, ValidationFailed, NotFound (also for what another authority governs), Forbidden.
    """
    async with begin(environment, caller) as work:
        doctor = await _lock_doctor(work, doctor_id)
        target = await _governed_institution(work, institution_id)
        work.acting = authority_grant(work.caller, doctor.region_id, target.region_id)
        problems = rules.reason_problems(reason) + _institution_problems(target)
        if target.id == doctor.institution_id:
            text = Text("医师已在该机构执业。", "The doctor is registered at this institution already.")
            problems.append(FieldProblem("institutionId", "ALREADY_THERE", text))
        if problems:
            raise ValidationFailed(problems)
        assessments = await _transferable(doctor_id, target)
        registration_id = await _register_anew(doctor, target, work)
        for row in assessments:
            await _carry(work, row["id"], row["cycle"], registration_id, target)
        await ensure_assessment(work, doctor_id)
        source = (await read_organisations([doctor.institution_id]))[doctor.institution_id]
        carried = tuple(int(row["id"]) for row in assessments)
        for row in assessments or [{"id": 0, "policy_version": ""}]:
            await work.record_transition(
                machine="registration",
                object_id=registration_id,
                assessment_id=row["id"],
                source=source.code,
                event="TRANSFER",
                target=target.code,
                reason=" ".join(reason.split()),
                policy_version=row["policy_version"],
            )
        detail = {"from": source.id, "to": target.id, "assessments": list(carried)}
        await work.record("TRANSFER_DOCTOR", "Doctor", doctor_id, detail)
    return Transfer(registration_id, carried)


async def record_behaviour(
    environment: Environment,
    caller: Caller | None,
    doctor_id: int,
    *,
    kind: BehaviourKind,
    occurred_on: date,
    description: str = "",
    recorded_by: int | None = None,
) -> int:
    """Enter a good or bad behaviour record of a doctor; returns its id (2007 measure, Art. 17 to 19).

    `kind` says whether it is good or bad. `recorded_by` is the authority in whose name the system acts; an officer acts
    for his own. By an authority officer who governs the doctor's institution. Raises ValidationFailed, NotFound,
    Forbidden.
    """
    async with begin(environment, caller) as work:
        doctor = await _lock_doctor(work, doctor_id)
        work.acting = authority_grant(work.caller, doctor.region_id)
        organisation = work.acting.organisation_id or recorded_by
        if organisation is None:
            raise Forbidden
        description = description.strip()
        problems = rules.behaviour_problems(occurred_on, description, work.today)
        if problems:
            raise ValidationFailed(problems)
        row = BehaviourRecord(
            doctor=doctor_id,
            polarity=BEHAVIOUR_POLARITY[kind].value,
            kind=kind.value,
            occurred_on=occurred_on,
            description=description,
            recorded_by=organisation,
            recorded_at=work.now,
        )
        inserted = await BehaviourRecord.insert(row).returning(BehaviourRecord.id)
        record_id = int(inserted[0]["id"])
        detail = {"doctor": doctor_id, "kind": kind.value, "polarity": BEHAVIOUR_POLARITY[kind].value}
        await work.record("RECORD_BEHAVIOUR", "BehaviourRecord", record_id, detail)
    return record_id


async def _lock_doctor(work: UnitOfWork, doctor_id: int) -> DoctorRecord:
    """The doctor, locked against other transfers, governed by the caller and another than he. Raises NotFound,
    Forbidden."""
    if is_postgresql():
        await _lock.run(id=doctor_id)
    doctor = (await read_doctors([doctor_id])).get(doctor_id)
    authority_grant(work.caller, *([doctor.region_id] if doctor else []))
    if doctor is None:
        raise NotFound
    refuse_own(work.caller, doctor_id)
    await work.find("Doctor", doctor_id)
    return doctor


async def _governed_institution(work: UnitOfWork, institution_id: int) -> OrganisationRecord:
    institution = (await read_organisations([institution_id])).get(institution_id)
    work.acting = authority_grant(work.caller, *([institution.region_id] if institution else []))
    if institution is None:
        raise NotFound
    return institution


def _institution_problems(organisation: OrganisationRecord) -> list[FieldProblem]:
    if OrganisationKind.INSTITUTION in organisation.kinds:
        return []
    text = Text("该机构不是医疗卫生机构。", "This organisation is no medical institution.")
    return [FieldProblem("institutionId", "NO_INSTITUTION", text)]


async def _transferable(doctor_id: int, target: OrganisationRecord) -> list[Any]:
    """The assessments that go along, locked. Raises StateConflict where one may not."""
    if is_postgresql():
        await _lock_assessments.run(doctor=doctor_id)
    rows = await _unfinished.run(region=target.region_id, doctor=doctor_id)
    for row in rows:
        rules.require_transferable(AssessmentState(row["state"]), bool(row["covered"]))
    return rows


async def _register_anew(doctor: DoctorRecord, target: OrganisationRecord, work: UnitOfWork) -> int:
    await PracticeRegistration.update({PracticeRegistration.valid_to: work.today}).where(
        PracticeRegistration.id == doctor.registration_id
    )
    row = PracticeRegistration(
        doctor=doctor.id,
        institution=target.id,
        practice_number=doctor.practice_number,
        category=doctor.category.value,
        scope=doctor.scope,
        level=doctor.level.value,
        practising_since=doctor.practising_since,
        valid_from=work.today,
    )
    inserted = await PracticeRegistration.insert(row).returning(PracticeRegistration.id)
    return int(inserted[0]["id"])


async def _carry(
    work: UnitOfWork, assessment_id: int, cycle_id: int, registration_id: int, target: OrganisationRecord
) -> None:
    appointed = await _body.first(cycle=cycle_id, institution=target.id)
    await Assessment.update(
        {
            Assessment.registration: registration_id,
            Assessment.institution: target.id,
            Assessment.region: target.region_id,
            Assessment.body: appointed["body"] if appointed else None,
            Assessment.policy: await policy_at(cycle_id, target.id),
            Assessment.changed_at: work.now,
        }
    ).where(Assessment.id == assessment_id)
