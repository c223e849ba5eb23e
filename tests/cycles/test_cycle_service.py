"""Cycles: their calendar, their opening with everybody's assessment, bodies, closing."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import AuditEntry, StateTransition
from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.cycles import service
from dingkao.cycles.pinning import pinned_scopes, pinned_texts
from dingkao.cycles.rules import Calendar
from dingkao.cycles.tables import Cycle
from dingkao.cycles.vocabulary import CycleState
from dingkao.db.counting import count_queries
from dingkao.db.database import transaction
from dingkao.doctors.tables import Doctor, PracticeRegistration
from dingkao.environment import Environment
from dingkao.institutions.rules import OrganisationKind
from dingkao.institutions.service import create_organisation, create_region, subtree
from dingkao.institutions.vocabulary import RegionLevel
from dingkao.plugin.caller import RoleGrant
from dingkao.plugin.errors import Forbidden, NotFound, StateConflict, ValidationFailed
from dingkao.plugin.vocabulary import AssessmentState, Role
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import build_sample, caller_for

CALENDAR = Calendar(
    starts_on=date(2024, 1, 1),
    ends_on=date(2026, 12, 31),
    enrolment_from=datetime(2026, 3, 1, tzinfo=UTC),
    enrolment_until=datetime(2026, 7, 1, tzinfo=UTC),
    tests_from=datetime(2026, 5, 1, tzinfo=UTC),
    tests_until=datetime(2026, 9, 1, tzinfo=UTC),
)


class Province:
    """A province with two prefectures; a hospital with doctors in each, and one body."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.regions: dict[str, int] = {}
        self.hospitals: dict[str, int] = {}
        self.body = 0

    async def build(self, doctors: int) -> "Province":
        for code, level in (
            ("990000", RegionLevel.PROVINCE),
            ("990100", RegionLevel.PREFECTURE),
            ("990200", RegionLevel.PREFECTURE),
        ):
            self.regions[code] = await create_region(
                self.environment,
                SYSTEM_CALLER,
                code=code,
                name=code,
                level=level,
                parent_id=None if level is RegionLevel.PROVINCE else self.regions["990000"],
            )
        for code in ("990100", "990200"):
            self.hospitals[code] = await self._organisation(f"H{code}", code, OrganisationKind.INSTITUTION)
            await self.add_doctors(code, doctors)
        self.body = await self._organisation("B1", "990000", OrganisationKind.BODY)
        return self

    async def _organisation(self, code: str, region: str, kind: OrganisationKind) -> int:
        return await create_organisation(
            self.environment,
            SYSTEM_CALLER,
            code=code,
            name=code,
            region_id=self.regions[region],
            kinds=frozenset({kind}),
        )

    async def add_doctors(self, region: str, number: int, *, ended: bool = False) -> list[int]:
        """Doctors with one registration each, at the hospital of `region`."""
        start = await Doctor.count()
        async with transaction():
            doctors = await Doctor.insert(
                *[
                    Doctor(
                        name=f"医{index}",
                        document_type="PASSPORT",
                        document_number=f"P{index:08d}",
                        sex="MALE",
                        birth_date=date(1980, 1, 1),
                        qualification_number="1",
                        created_at=self.environment.clock.now(),
                    )
                    for index in range(start, start + number)
                ]
            ).returning(Doctor.id)
            await PracticeRegistration.insert(
                *[
                    PracticeRegistration(
                        doctor=doctor["id"],
                        institution=self.hospitals[region],
                        practice_number="110000000000000",
                        category="CLINICAL",
                        scope="内科专业",
                        level="LICENSED",
                        valid_from=date(2020, 1, 1),
                        valid_to=date(2025, 1, 1) if ended else None,
                    )
                    for doctor in doctors
                ]
            )
        return [doctor["id"] for doctor in doctors]

    async def cycle(self, region: str = "990000", name: str = "2024-2026年度", calendar: Calendar = CALENDAR) -> int:
        return await service.create_cycle(
            self.environment, SYSTEM_CALLER, region_id=self.regions[region], name=name, calendar=calendar
        )

    async def officer(self, region: str) -> service.Caller:
        reach = await subtree(self.regions[region])
        return caller_for(0, "officer", (RoleGrant(Role.AUTHORITY_OFFICER, None, reach),))


@pytest.fixture
async def province(environment: Environment) -> Province:
    return await Province(environment).build(doctors=3)


async def test_calendar_is_checked_all_at_once(province: Province) -> None:
    bad = replace(
        CALENDAR,
        ends_on=date(2023, 1, 1),
        enrolment_from=datetime(2023, 12, 31, 15, 59, tzinfo=UTC),
        enrolment_until=datetime(2023, 1, 1, tzinfo=UTC),
        tests_from=datetime(2023, 1, 1, tzinfo=UTC),
    )
    with pytest.raises(ValidationFailed) as refused:
        await province.cycle(name=" ", calendar=bad)
    assert [(problem.path, problem.code) for problem in refused.value.problems] == [
        ("name", "NAME_REQUIRED"),
        ("endsOn", "ENDS_BEFORE_START"),
        ("enrolmentUntil", "ENDS_BEFORE_START"),
        ("enrolmentFrom", "BEFORE_THE_CYCLE"),
        ("testsFrom", "BEFORE_ENROLMENT"),
    ]


async def test_day_of_enrolment_is_counted_in_china(province: Province) -> None:
    """16:00 UTC is midnight there: the first moment of the cycle's first day."""
    first = replace(CALENDAR, enrolment_from=datetime(2023, 12, 31, 16, 0, tzinfo=UTC))
    assert await province.cycle(calendar=first)


async def test_moments_need_an_offset(province: Province) -> None:
    naive = replace(CALENDAR, tests_until=datetime(2026, 9, 1))  # noqa: DTZ001 - what a client may send
    with pytest.raises(ValidationFailed) as refused:
        await province.cycle(calendar=naive)
    assert [(problem.path, problem.code) for problem in refused.value.problems] == [("testsUntil", "OFFSET_REQUIRED")]


async def test_name_is_given_once_in_a_region(province: Province) -> None:
    await province.cycle()
    with pytest.raises(ValidationFailed) as refused:
        await province.cycle()
    assert [problem.code for problem in refused.value.problems] == ["NAME_TAKEN"]
    assert await province.cycle("990100")


async def test_opening_enters_everybody_in_the_region_and_pins_the_policy(province: Province) -> None:
    ended = await province.add_doctors("990100", 1, ended=True)
    cycle_id = await province.cycle("990100")
    await service.appoint_body(
        province.environment,
        SYSTEM_CALLER,
        cycle_id=cycle_id,
        institution_id=province.hospitals["990100"],
        body_id=province.body,
    )
    assert await service.open_cycle(province.environment, SYSTEM_CALLER, cycle_id) == 3
    rows = await Assessment.select(
        Assessment.doctor,
        Assessment.state,
        Assessment.kind,
        Assessment.institution,
        Assessment.body,
        Assessment.region,
        Assessment.policy,
        Assessment.changed_at,
        Assessment.registration.doctor.as_alias("registered"),
        Assessment.registration.institution.as_alias("place"),
    )
    assert len(rows) == 3
    for row in rows:
        assert (row["state"], row["kind"]) == ("NOT_OPENED", "REGULAR")
        assert row["institution"] == row["place"] == province.hospitals["990100"]
        assert row["registered"] == row["doctor"] not in ended
        assert (row["body"], row["region"]) == (province.body, province.regions["990100"])
        assert row["changed_at"] == province.environment.clock.now()
    policy = province.environment.policies.for_place(("990000", "990100"))
    cycle = await Cycle.select().where(Cycle.id == cycle_id).first()
    assert cycle is not None
    assert (cycle["state"], cycle["policy_version"], cycle["policy_digest"]) == (
        "RUNNING",
        policy.version,
        policy.digest,
    )
    (scope,) = (await pinned_scopes([cycle_id]))[cycle_id]
    text = (await pinned_texts([scope.policy_id]))[scope.policy_id]
    assert json.loads(text.content) == json.loads(policy.to_json())
    assert {row["policy"] for row in rows} == {scope.policy_id}
    entry = await AuditEntry.select().where(AuditEntry.action == "OPEN_CYCLE").first()
    assert entry is not None
    assert json.loads(entry["detail"]) == {"assessments": 3, "bodiesAppointed": 0, "policy": policy.digest}
    moves = await StateTransition.select(StateTransition.source, StateTransition.target, StateTransition.role)
    assert [dict(move) for move in moves] == [{"source": "PREPARED", "target": "RUNNING", "role": "SYSTEM"}]


async def test_opening_takes_as_many_queries_for_many_doctors(province: Province) -> None:
    counts = []
    for region, more in (("990100", 0), ("990200", 60)):
        await province.add_doctors(region, more) if more else None
        cycle_id = await province.cycle(region)
        with count_queries() as queries:
            entered = await service.open_cycle(province.environment, SYSTEM_CALLER, cycle_id)
        counts.append((entered, len(queries)))
    assert [entered for entered, _ in counts] == [3, 63]
    assert counts[0][1] == counts[1][1]


async def test_a_cycle_opens_once(province: Province) -> None:
    cycle_id = await province.cycle()
    answers = await asyncio.gather(
        *[service.open_cycle(province.environment, SYSTEM_CALLER, cycle_id) for _ in range(2)], return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["StateConflict", "int"]
    assert await Assessment.count() == 6


async def test_doctors_are_in_one_running_cycle_at_a_time(province: Province) -> None:
    whole, part = await province.cycle(), await province.cycle("990100")
    answers = await asyncio.gather(
        service.open_cycle(province.environment, SYSTEM_CALLER, whole),
        service.open_cycle(province.environment, SYSTEM_CALLER, part),
        return_exceptions=True,
    )
    refusals = [answer for answer in answers if isinstance(answer, StateConflict)]
    assert [refusal.code for refusal in refusals] == ["CYCLE_OVERLAPS"]
    assert await Cycle.count().where(Cycle.state == CycleState.RUNNING.value) == 1


async def test_cycles_beside_each_other_or_after_each_other_run_together(province: Province) -> None:
    begin_on, end_at = datetime(2027, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
    later = Calendar(date(2027, 1, 1), date(2029, 12, 31), begin_on, end_at, begin_on, end_at)
    for cycle_id in (
        await province.cycle("990100"),
        await province.cycle("990200"),
        await province.cycle("990100", "2027-2029年度", later),
    ):
        assert await service.open_cycle(province.environment, SYSTEM_CALLER, cycle_id) == 3


async def test_new_body_takes_over_what_the_old_one_has_not_begun(environment: Environment) -> None:
    sample = await build_sample(environment)
    taken = [await sample.add_doctor(state=state) for state in (AssessmentState.OPENED, AssessmentState.SUBMITTED)]
    kept = await sample.add_doctor(state=AssessmentState.INSTITUTION_APPROVED)
    body = await create_organisation(
        environment,
        SYSTEM_CALLER,
        code="B002",
        name="另一考核机构",
        region_id=sample.region_id,
        kinds=frozenset({OrganisationKind.BODY}),
    )
    moved = await service.appoint_body(
        environment, sample.authority, cycle_id=sample.cycle_id, institution_id=sample.institution_id, body_id=body
    )
    assert moved == 2
    bodies = {row["id"]: row["body"] for row in await Assessment.select(Assessment.id, Assessment.body)}
    assert [bodies[doctor.assessment_id] for doctor in (*taken, kept)] == [body, body, sample.body_id]


async def test_appointment_needs_an_institution_and_a_body(environment: Environment) -> None:
    sample = await build_sample(environment)
    with pytest.raises(ValidationFailed) as refused:
        await service.appoint_body(
            environment,
            sample.authority,
            cycle_id=sample.cycle_id,
            institution_id=sample.body_id,
            body_id=sample.institution_id,
        )
    assert [problem.code for problem in refused.value.problems] == ["NO_INSTITUTION", "NO_BODY"]


async def test_cycle_closes_after_its_tests_and_never_again(environment: Environment, clock: SettableClock) -> None:
    sample = await build_sample(environment)
    await sample.add_doctor()
    with pytest.raises(StateConflict) as early:
        await service.close_cycle(environment, sample.authority, sample.cycle_id)
    assert early.value.code == "TESTS_NOT_OVER"
    clock.advance(timedelta(days=60))
    await service.close_cycle(environment, sample.authority, sample.cycle_id)
    with pytest.raises(StateConflict) as again:
        await service.close_cycle(environment, sample.authority, sample.cycle_id)
    assert (again.value.code, again.value.state) == ("NOT_IN_THIS_STATE", "CLOSED")
    with pytest.raises(StateConflict) as late:
        await service.appoint_body(
            environment,
            sample.authority,
            cycle_id=sample.cycle_id,
            institution_id=sample.institution_id,
            body_id=sample.body_id,
        )
    assert late.value.code == "CYCLE_CLOSED"
    assert await Assessment.count().where(Assessment.state == "OPENED") == 1


async def test_other_authorities_and_roles_may_not(province: Province) -> None:
    cycle_id = await province.cycle("990100")
    neighbour = await province.officer("990200")
    with pytest.raises(NotFound):
        await service.open_cycle(province.environment, neighbour, cycle_id)
    with pytest.raises(NotFound):
        await service.open_cycle(province.environment, neighbour, 10**6)
    with pytest.raises(NotFound):
        await service.create_cycle(
            province.environment, neighbour, region_id=province.regions["990100"], name="新", calendar=CALENDAR
        )
    institution = caller_for(0, "i", (RoleGrant(Role.INSTITUTION_OFFICER, province.hospitals["990100"]),))
    for key in (cycle_id, 10**6):
        with pytest.raises(Forbidden):
            await service.open_cycle(province.environment, institution, key)
    assert await service.open_cycle(province.environment, await province.officer("990000"), cycle_id) == 3


async def test_doctor_registered_in_a_running_cycle_is_entered_once(province: Province) -> None:
    cycle_id = await province.cycle("990100")
    await service.open_cycle(province.environment, SYSTEM_CALLER, cycle_id)
    inside, outside = await province.add_doctors("990100", 1), await province.add_doctors("990200", 1)
    for _ in range(2):
        async with begin(province.environment, SYSTEM_CALLER) as work:
            await service.ensure_assessment(work, inside[0])
            await service.ensure_assessment(work, outside[0])
            await work.record("TEST", "Doctor", inside[0])
    assert await Assessment.count().where(Assessment.doctor == inside[0]) == 1
    assert await Assessment.count().where(Assessment.doctor == outside[0]) == 0


async def test_staff_see_cycles_that_reach_their_region(province: Province) -> None:
    whole, near, far = await province.cycle(), await province.cycle("990100"), await province.cycle("990200")
    officer = caller_for(0, "i", (RoleGrant(Role.INSTITUTION_OFFICER, province.hospitals["990100"]),))
    assert [row.id for row in await service.list_cycles(officer, after=0, limit=10)] == [whole, near]
    assert [row.id for row in await service.list_cycles(officer, after=whole, limit=10)] == [near]
    body = caller_for(0, "b", (RoleGrant(Role.BODY_REVIEWER, province.body),))
    assert [row.id for row in await service.list_cycles(body, after=0, limit=2)] == [whole, near]
    assert [row.id for row in await service.list_cycles(body, after=near, limit=2)] == [far]
    with pytest.raises(Forbidden):
        await service.list_cycles(caller_for(0, "d", (RoleGrant(Role.DOCTOR, None),), 1), after=0, limit=2)
