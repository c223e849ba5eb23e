"""The demo province (定考示范省): regions, organisations, a running cycle, staff, doctors and questions, once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files

from dingkao.accounts.passwords import hash_password
from dingkao.accounts.tables import Account, RoleAssignment
from dingkao.assessments.service.enrolment import open_enrolment
from dingkao.assessments.tables import Assessment
from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.clock import CHINA, china_date
from dingkao.cycles.rules import Calendar
from dingkao.cycles.service import appoint_body, create_cycle, open_cycle
from dingkao.db.database import fetch, is_postgresql, transaction
from dingkao.db.sealed import index_to_value
from dingkao.demo import people
from dingkao.demo.people import DOCTORS, INITIAL_PASSWORD, PASSWORD, STAFF
from dingkao.doctors.service import record_behaviour, register_doctor
from dingkao.doctors.tables import Doctor
from dingkao.environment import Environment
from dingkao.institutions.rules import OrganisationKind
from dingkao.institutions.service import create_organisation, create_region, region_by_code
from dingkao.institutions.vocabulary import RegionLevel
from dingkao.papers.bank import import_questions
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.vocabulary import PaperSubject, Role

PROVINCE = "990000"

# Code, name, level, code of the region above.
REGIONS = (
    (PROVINCE, "定考示范省", RegionLevel.PROVINCE, None),
    ("990100", "示范市", RegionLevel.PREFECTURE, PROVINCE),
    ("990101", "示范市东城区", RegionLevel.COUNTY, "990100"),
    ("990102", "示范市西城区", RegionLevel.COUNTY, "990100"),
)
ORGANISATIONS = (
    (people.AUTHORITY, "定考示范省卫生健康委员会", PROVINCE, OrganisationKind.AUTHORITY),
    (people.BODY, "示范市医师协会", "990100", OrganisationKind.BODY),
    (people.FIRST_HOSPITAL, "示范市第一人民医院", "990101", OrganisationKind.INSTITUTION),
    (people.SECOND_HOSPITAL, "示范市中西医结合医院", "990102", OrganisationKind.INSTITUTION),
    (people.CLINIC, "安和诊所", "990102", OrganisationKind.INSTITUTION),
)
_ROLES = {
    Role.DOCTOR: "医师 doctor",
    Role.INSTITUTION_OFFICER: "医疗卫生机构 institution",
    Role.BODY_REVIEWER: "考核机构 assessment body",
    Role.AUTHORITY_OFFICER: "卫生健康行政部门 authority",
    Role.INVIGILATOR: "监考 invigilator",
    Role.BANK_AUTHOR: "题库编写 bank author",
    Role.BANK_APPROVER: "题库审定 bank approver",
    Role.SYSTEM_ADMINISTRATOR: "系统管理 system administrator",
    Role.SECURITY_ADMINISTRATOR: "安全管理 security administrator",
    Role.AUDIT_ADMINISTRATOR: "审计管理 audit administrator",
}
# A demo that is kept stays usable: its windows are open for so long after it was made.
OPEN_DAYS = 730
# Any fixed number: whoever makes the demo takes this lock first, so that two starts at once make one province.
_ADVISORY_LOCK = 7_240_051_002


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account of the demo, as a newcomer is told it. The password is the one the demo gave; its owner may have set
    another since."""

    login_name: str
    password: str
    role: str
    person: str


DemoAccounts = tuple[DemoAccount, ...]


async def ensure_demo(environment: Environment) -> DemoAccounts:
    """Make the demo province where it is not there yet, all of it or nothing, and tell its accounts: first doctors that
    have set a password, then the others, then staff. A second run changes nothing."""
    async with transaction():
        if is_postgresql():
            await fetch("SELECT pg_advisory_xact_lock($1)", [_ADVISORY_LOCK])
        if await region_by_code(PROVINCE) is None:
            await _make(environment)
    return demo_accounts()


def demo_accounts() -> DemoAccounts:
    """The demo's accounts with their passwords."""
    names = {code: name for code, name, _, _ in ORGANISATIONS}
    doctors = [
        DemoAccount(
            login_name=doctor.document_number,
            password=PASSWORD if doctor.own_password else INITIAL_PASSWORD,
            role=_ROLES[Role.DOCTOR],
            person=f"{doctor.name}（{names[doctor.institution]}；{doctor.shows}）",
        )
        for doctor in sorted(DOCTORS, key=lambda doctor: not doctor.own_password)
    ]
    staff = [
        DemoAccount(
            member.login_name, PASSWORD, _ROLES[member.role], f"{member.person}（{names[member.organisation]}）"
        )
        for member in STAFF
    ]
    return (*doctors, *staff)


async def _make(environment: Environment) -> None:
    today = china_date(environment.clock.now())
    password_hash = await hash_password(PASSWORD)
    regions: dict[str, int] = {}
    for code, name, level, above in REGIONS:
        parent = regions[above] if above else None
        regions[code] = await create_region(
            environment, SYSTEM_CALLER, code=code, name=name, level=level, parent_id=parent
        )
    organisations: dict[str, int] = {}
    for code, name, region, kind in ORGANISATIONS:
        organisations[code] = await create_organisation(
            environment, SYSTEM_CALLER, code=code, name=name, region_id=regions[region], kinds=frozenset({kind})
        )
    officers = await _make_staff(environment, organisations, password_hash, today)
    cycle_id = await _make_cycle(environment, regions[PROVINCE], organisations, today)
    await _make_doctors(environment, organisations, password_hash, today)
    await open_cycle(environment, SYSTEM_CALLER, cycle_id)
    await _open_enrolment(environment, organisations, officers)
    await _import_questions(environment)


async def _make_staff(
    environment: Environment, organisations: Mapping[str, int], password_hash: str, today: date
) -> dict[str, int]:
    """The staff's accounts; returns the keys of the institutions' officers by the institution's code."""
    officers = {}
    async with begin(environment, SYSTEM_CALLER) as work:
        for member in STAFF:
            row = Account(
                login_name=member.login_name, name=member.person, password_hash=password_hash, created_at=work.now
            )
            account_id = (await Account.insert(row).returning(Account.id))[0]["id"]
            for role in (member.role, *member.also):
                await RoleAssignment.insert(
                    RoleAssignment(
                        account=account_id,
                        role=role.value,
                        organisation=organisations[member.organisation],
                        valid_from=today,
                    )
                )
            if member.role is Role.INSTITUTION_OFFICER:
                officers[member.organisation] = account_id
        await work.record("MAKE_DEMO_STAFF", "Account", None, {"accounts": len(STAFF)})
    return officers


async def _make_cycle(environment: Environment, province_id: int, organisations: Mapping[str, int], today: date) -> int:
    """A cycle of three years that ends with this one, enrolment and tests open now."""
    first_year = today.year - 2
    begins = datetime.combine(max(today - timedelta(days=30), date(today.year, 1, 1)), time(), CHINA).astimezone(UTC)
    until = datetime.combine(today + timedelta(days=OPEN_DAYS), time(), CHINA).astimezone(UTC)
    calendar = Calendar(
        starts_on=date(first_year, 1, 1),
        ends_on=date(today.year, 12, 31),
        enrolment_from=begins,
        enrolment_until=until,
        tests_from=begins,
        tests_until=until,
    )
    cycle_id = await create_cycle(
        environment,
        SYSTEM_CALLER,
        region_id=province_id,
        name=f"{first_year}—{today.year}年度",
        calendar=calendar,
    )
    for code in (people.FIRST_HOSPITAL, people.SECOND_HOSPITAL, people.CLINIC):
        await appoint_body(
            environment,
            SYSTEM_CALLER,
            cycle_id=cycle_id,
            institution_id=organisations[code],
            body_id=organisations[people.BODY],
        )
    return cycle_id


async def _make_doctors(
    environment: Environment, organisations: Mapping[str, int], password_hash: str, today: date
) -> None:
    for doctor in DOCTORS:
        entry = doctor.registered(today.year)
        doctor_id = await register_doctor(environment, SYSTEM_CALLER, organisations[doctor.institution], entry)
        if doctor.own_password:
            await Account.update({Account.password_hash: password_hash, Account.phone: entry.phone}).where(
                Account.doctor == doctor_id
            )
        if doctor.behaviour is not None:
            await record_behaviour(
                environment,
                SYSTEM_CALLER,
                doctor_id,
                kind=doctor.behaviour,
                occurred_on=today - timedelta(days=100),
                description="演示数据",
                recorded_by=organisations[people.AUTHORITY],
            )


async def _open_enrolment(
    environment: Environment, organisations: Mapping[str, int], officers: Mapping[str, int]
) -> None:
    for code, account_id in officers.items():
        numbers = [doctor.document_number for doctor in DOCTORS if doctor.opened and doctor.institution == code]
        indexes = list(index_to_value(Doctor.document_number, numbers))
        rows = await Assessment.select(Assessment.id).where(Assessment.doctor.document_index.is_in(indexes))
        officer: Caller = replace(
            SYSTEM_CALLER,
            account_id=account_id,
            grants=(RoleGrant(Role.INSTITUTION_OFFICER, organisations[code]),),
            request_id="demo",
        )
        await open_enrolment(environment, officer, [row["id"] for row in rows])


async def _import_questions(environment: Environment) -> None:
    # A bank that somebody filled before keeps what it has.
    for subject in PaperSubject:
        text = files("dingkao.demo").joinpath("questions", f"{subject.value.lower()}.csv").read_text(encoding="utf-8")
        await import_questions(
            environment, SYSTEM_CALLER, subject, text, source="dingkao demo", skip_bad=True, region_code=PROVINCE
        )
