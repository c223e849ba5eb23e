"""A made-up province for tests: one region, a hospital, an assessment body, an authority, a running cycle."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from dingkao.access.rules import is_regional
from dingkao.accounts.tables import Account, RoleAssignment
from dingkao.assessments.form_tables import RegistrationForm
from dingkao.assessments.tables import Assessment
from dingkao.cycles.pinning import PolicyScope, PolicySet, current_policies, pin, policy_at
from dingkao.cycles.tables import BodyAppointment, Cycle
from dingkao.cycles.vocabulary import CycleState
from dingkao.db.database import transaction
from dingkao.db.tables import Record
from dingkao.doctors.made_up import made_up_document_number, made_up_practice_number, made_up_qualification_number
from dingkao.doctors.tables import Doctor, PracticeRegistration
from dingkao.environment import Environment
from dingkao.institutions.service import subtree
from dingkao.institutions.tables import Organisation, Region
from dingkao.institutions.vocabulary import RegionLevel
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.policy import Policy
from dingkao.plugin.text import Language
from dingkao.plugin.vocabulary import (
    AssessmentKind,
    AssessmentState,
    DocumentType,
    PracticeCategory,
    PracticeLevel,
    Role,
    Sex,
)

REGION_CODE = "990000"
# Callers of the sample have shown who they are, wherever the test's clock goes.
FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_serial = count(1)


def caller_for(account_id: int, name: str, grants: tuple[RoleGrant, ...], doctor_id: int | None = None) -> Caller:
    """A logged-in caller as the web layer would make it."""
    return Caller(
        account_id=account_id,
        session_id=1,
        name=name,
        doctor_id=doctor_id,
        grants=grants,
        first_login=False,
        language=Language.CHINESE,
        request_id="test",
        address="127.0.0.1",
        confirmed_until=FOR_EVER,
    )


@dataclass(frozen=True)
class SampleDoctor:
    """A doctor of the sample with an assessment in its running cycle."""

    doctor_id: int
    assessment_id: int
    registration_id: int
    account_id: int
    document_number: str
    caller: Caller

    def in_office(self, *officers: Caller) -> Caller:
        """The doctor's own account, holding the roles of these officers beside his own."""
        grants = tuple(grant for officer in officers for grant in officer.grants)
        return replace(self.caller, grants=(*self.caller.grants, *grants))


@dataclass(frozen=True)
class SampleProvince:
    """Keys of the sample's rows, and a caller for each role."""

    environment: Environment
    region_id: int
    institution_id: int
    body_id: int
    authority_id: int
    cycle_id: int
    institution: Caller
    body: Caller
    authority: Caller
    second_authority: Caller

    async def add_doctor(
        self,
        name: str = "张三",
        *,
        practising_since: date | None = date(2005, 1, 1),
        state: AssessmentState = AssessmentState.OPENED,
        procedure: str | None = None,
        phone: str | None = "13800000000",
        institution_id: int | None = None,
        password_hash: str | None = None,
    ) -> SampleDoctor:
        """A doctor with an account, an open registration, and an assessment in `state` (any but CONCLUDED)."""
        serial = next(_serial)
        now = self.environment.clock.now()
        number = made_up_document_number(serial, date(1980, 1, 1), Sex.MALE)
        institution = institution_id or self.institution_id
        async with transaction():
            doctor_id = await _key(
                Doctor(
                    name=name,
                    document_type=DocumentType.RESIDENT_IDENTITY_CARD.value,
                    document_number=number,
                    sex=Sex.MALE.value,
                    birth_date=date(1980, 1, 1),
                    qualification_number=made_up_qualification_number(number, 2004),
                    phone=phone,
                    created_at=now,
                )
            )
            registration_id = await _key(
                PracticeRegistration(
                    doctor=doctor_id,
                    institution=institution,
                    practice_number=made_up_practice_number(serial),
                    category=PracticeCategory.CLINICAL.value,
                    scope="内科专业",
                    level=PracticeLevel.LICENSED.value,
                    practising_since=practising_since,
                    valid_from=practising_since or date(2020, 1, 1),
                )
            )
            account_id = await _key(
                Account(
                    login_name=number,
                    name=name,
                    doctor=doctor_id,
                    password_hash=password_hash,
                    created_at=now,
                    phone=phone if password_hash else None,
                )
            )
            assessment_id = await _key(
                Assessment(
                    doctor=doctor_id,
                    cycle=self.cycle_id,
                    kind=AssessmentKind.REGULAR.value,
                    state=state.value,
                    registration=registration_id,
                    institution=institution,
                    body=await _body_of(self.cycle_id, institution),
                    region=await _region_of(institution),
                    policy=await policy_at(self.cycle_id, institution),
                    procedure=procedure,
                    procedure_title=procedure or "",
                    changed_at=now,
                )
            )
            await _key(RegistrationForm(assessment=assessment_id))
        caller = caller_for(account_id, name, (RoleGrant(Role.DOCTOR, None),), doctor_id)
        return SampleDoctor(doctor_id, assessment_id, registration_id, account_id, number, caller)

    async def add_organisation(
        self,
        name: str,
        region_code: str,
        *,
        institution: bool = False,
        body: bool = False,
        authority: bool = False,
    ) -> int:
        """An organisation in the region `region_code` (GB/T 2260), which is made where it is not there yet; its key."""
        async with transaction():
            return await _key(
                Organisation(
                    code=f"S{next(_serial):05d}",
                    name=name,
                    region=await _region(_codes_down_to(region_code)),
                    is_institution=institution,
                    is_body=body,
                    is_authority=authority,
                )
            )

    async def add_officer(self, role: Role, organisation_id: int | None, name: str = "经办人") -> Caller:
        """An account with `role` (any but DOCTOR) at an organisation, as a login would find it. Administrators may have
        none."""
        now = self.environment.clock.now()
        async with transaction():
            account = await _key(Account(login_name=f"officer{next(_serial)}", name=name, created_at=now))
            await _key(
                RoleAssignment(
                    account=account, role=role.value, organisation=organisation_id, valid_from=date(2024, 1, 1)
                )
            )
        reach = await subtree(await _region_of(organisation_id)) if organisation_id and is_regional(role) else ()
        return caller_for(account, name, (RoleGrant(role, organisation_id, reach),))

    async def appoint(self, institution_id: int, body_id: int) -> None:
        """Let the body assess the institution's doctors in the cycle."""
        async with transaction():
            await _key(BodyAppointment(cycle=self.cycle_id, institution=institution_id, body=body_id))

    async def pin(self, policy: Policy) -> None:
        """Let `policy` count for every doctor of the cycle, those who are in it and those who come."""
        async with transaction():
            await pin_policy(self.cycle_id, self.region_id, policy)


async def pin_policy(cycle_id: int, region_id: int, policy: Policy) -> None:
    """Let a running cycle of the region pin `policy` in place of what it has pinned, for all of its assessments."""
    policies = PolicySet({PolicyScope(region_id, ""): policy})
    (key,) = (await pin(cycle_id, policies)).values()
    await Cycle.update({Cycle.policy_version: policy.version, Cycle.policy_digest: policy.digest}).where(
        Cycle.id == cycle_id
    )
    await Assessment.update({Assessment.policy: key}).where(Assessment.cycle == cycle_id)


async def _key(row: Record) -> int:
    table: Any = type(row)
    inserted = await table.insert(row).returning(table.id)
    return int(inserted[0]["id"])


async def _body_of(cycle_id: int, institution_id: int) -> int | None:
    row = (
        await BodyAppointment.select(BodyAppointment.body)
        .where((BodyAppointment.cycle == cycle_id) & (BodyAppointment.institution == institution_id))
        .first()
    )
    return int(row["body"]) if row else None


async def _region_of(organisation_id: int) -> int:
    row = await Organisation.select(Organisation.region).where(Organisation.id == organisation_id).first()
    assert row is not None
    return int(row["region"])


def _codes_down_to(code: str) -> tuple[str, ...]:
    """The codes of the province, the prefecture and the county that a GB/T 2260 code stands for."""
    return tuple(dict.fromkeys((f"{code[:2]}0000", f"{code[:4]}00", code)))


def _level(code: str) -> RegionLevel:
    if code.endswith("0000"):
        return RegionLevel.PROVINCE
    return RegionLevel.PREFECTURE if code.endswith("00") else RegionLevel.COUNTY


async def _region(chain: tuple[str, ...]) -> int:
    """The key of the last region of `chain`; those that are missing are inserted."""
    parent, path = None, "/"
    for code in chain:
        level = _level(code)
        row = await Region.select(Region.id).where(Region.code == code).first()
        if row is None:
            name = "定考示范" + {"PROVINCE": "省", "PREFECTURE": "市", "COUNTY": "区"}[level]
            key = await _key(Region(code=code, name=name, level=level.value, parent=parent, path=""))
            await Region.update({Region.path: f"{path}{key}/"}).where(Region.id == key)
        else:
            key = int(row["id"])
        parent, path = key, f"{path}{key}/"
    assert parent is not None
    return parent


async def build_sample(
    environment: Environment, *, code_suffix: str = "", region_code: str = REGION_CODE
) -> SampleProvince:
    """Insert the sample province; `code_suffix` makes a second one beside the first. Where `region_code` is a
    prefecture's or a county's, all lies there, and the regions above it are made where they are not there yet."""
    now = environment.clock.now()
    chain = _codes_down_to(region_code)
    async with transaction():
        region_id = await _region(chain)
        institution_id = await _key(
            Organisation(code=f"H001{code_suffix}", name="示范省人民医院", region=region_id, is_institution=True)
        )
        body_id = await _key(
            Organisation(code=f"B001{code_suffix}", name="示范省医师协会", region=region_id, is_body=True)
        )
        authority_id = await _key(
            Organisation(code=f"A001{code_suffix}", name="示范省卫生健康委员会", region=region_id, is_authority=True)
        )
        policies = await current_policies(environment, region_id)
        cycle_id = await _key(
            Cycle(
                region=region_id,
                name="2024-2026年度",
                state=CycleState.RUNNING.value,
                starts_on=date(2024, 1, 1),
                ends_on=date(2026, 12, 31),
                enrolment_from=now - timedelta(days=30),
                enrolment_until=now + timedelta(days=30),
                tests_from=now - timedelta(days=10),
                tests_until=now + timedelta(days=60),
                policy_version=policies.version,
                policy_digest=policies.digest,
                opened_at=datetime(2024, 1, 1, tzinfo=UTC),
            )
        )
        await pin(cycle_id, policies)
        await _key(BodyAppointment(cycle=cycle_id, institution=institution_id, body=body_id))
        callers = {}
        for key, role, organisation, regions in (
            ("institution", Role.INSTITUTION_OFFICER, institution_id, ()),
            ("body", Role.BODY_REVIEWER, body_id, ()),
            ("authority", Role.AUTHORITY_OFFICER, authority_id, (region_id,)),
            ("second-authority", Role.AUTHORITY_OFFICER, authority_id, (region_id,)),
        ):
            account = await _key(Account(login_name=f"{key}{code_suffix}", name=key, created_at=now))
            # In a small province the officers of the authority keep its question bank as well.
            held = (role, Role.BANK_AUTHOR, Role.BANK_APPROVER) if role is Role.AUTHORITY_OFFICER else (role,)
            for each in held:
                await _key(
                    RoleAssignment(
                        account=account, role=each.value, organisation=organisation, valid_from=date(2024, 1, 1)
                    )
                )
            callers[key] = caller_for(account, key, tuple(RoleGrant(each, organisation, regions) for each in held))
    return SampleProvince(
        environment, region_id, institution_id, body_id, authority_id, cycle_id,
        callers["institution"], callers["body"], callers["authority"], callers["second-authority"],
    )  # fmt: skip
