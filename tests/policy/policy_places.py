"""A province with prefectures, a county and four hospitals, and layers of our own laid on it."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.assessments.tables import Assessment
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.cycles import service
from dingkao.cycles.rules import Calendar
from dingkao.doctors.made_up import made_up_document_number, made_up_practice_number, made_up_qualification_number
from dingkao.doctors.rules import NewDoctor
from dingkao.doctors.service import register_doctor
from dingkao.environment import Environment
from dingkao.institutions.rules import OrganisationKind
from dingkao.institutions.service import create_organisation, create_region, subtree
from dingkao.institutions.vocabulary import RegionLevel
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.policy import PolicyLayer
from dingkao.plugin.vocabulary import DocumentType, PracticeCategory, PracticeLevel, Role, Sex
from dingkao.policies import PolicyBook
from dingkao.testing.sample import caller_for

CALENDAR = Calendar(
    starts_on=date(2024, 1, 1),
    ends_on=date(2026, 12, 31),
    enrolment_from=datetime(2026, 3, 1, tzinfo=UTC),
    enrolment_until=datetime(2026, 7, 1, tzinfo=UTC),
    tests_from=datetime(2026, 5, 1, tzinfo=UTC),
    tests_until=datetime(2026, 9, 1, tzinfo=UTC),
)
# Not 990000: the bundled local_policy has layers there.
PROVINCE, CITY, OTHER_CITY, COUNTY = "980000", "980100", "980200", "980101"
_TREE = (
    (PROVINCE, RegionLevel.PROVINCE, None),
    (CITY, RegionLevel.PREFECTURE, PROVINCE),
    (OTHER_CITY, RegionLevel.PREFECTURE, PROVINCE),
    (COUNTY, RegionLevel.COUNTY, CITY),
)
_HOSPITALS = {"HP": PROVINCE, "HC": CITY, "HO": OTHER_CITY, "HX": COUNTY, "HY": COUNTY}


def layer(region: str, organisation: str | None = None, source: str = "", **values: Any) -> PolicyLayer:
    """A layer whose keys are written with two underscores for the point."""
    keys = {key.replace("__", "."): value for key, value in values.items()}
    name = source or f"test/{organisation or region}"
    return PolicyLayer(region, name, "1", f"{organisation or region}通知", keys, organisation=organisation)


def with_layers(environment: Environment, *layers: PolicyLayer) -> Environment:
    """The same server after other plugins were installed: those layers beside the bundled ones."""
    registry = replace(environment.registry, layers=[*environment.registry.layers, *layers])
    return replace(environment, registry=registry, policies=PolicyBook(registry.sections, registry.layers))


@dataclass
class Places:
    """Keys of regions and hospitals by code; an officer of the province."""

    environment: Environment
    regions: dict[str, int]
    hospitals: dict[str, int]
    authority: Caller
    doctors: int = 0

    async def add_doctor(self, hospital: str, practising_since: date = date(2000, 7, 1)) -> int:
        """A doctor with an open registration there, and an assessment where a cycle runs."""
        self.doctors += 1
        number = made_up_document_number(7000 + self.doctors, date(1980, 1, 1), Sex.MALE)
        return await register_doctor(
            self.environment,
            SYSTEM_CALLER,
            self.hospitals[hospital],
            NewDoctor(
                name="张三",
                document_type=DocumentType.RESIDENT_IDENTITY_CARD,
                document_number=number,
                sex=Sex.MALE,
                birth_date=date(1980, 1, 1),
                qualification_number=made_up_qualification_number(number, 2004),
                practice_number=made_up_practice_number(7000 + self.doctors),
                category=PracticeCategory.CLINICAL,
                scope="内科专业",
                level=PracticeLevel.LICENSED,
                practising_since=practising_since,
                phone=None,
            ),
        )

    async def prepare(self, region: str = PROVINCE, name: str = "周期") -> int:
        return await service.create_cycle(
            self.environment, SYSTEM_CALLER, region_id=self.regions[region], name=name, calendar=CALENDAR
        )

    async def open(self, *layers: PolicyLayer, region: str = PROVINCE) -> int:
        """A cycle, opened on a server where these layers are installed."""
        cycle_id = await self.prepare(region)
        await service.open_cycle(with_layers(self.environment, *layers), SYSTEM_CALLER, cycle_id)
        return cycle_id

    async def records(self, cycle_id: int) -> dict[int, AssessmentRecord]:
        """The cycle's assessments by their doctor."""
        ids = [row["id"] for row in await Assessment.select(Assessment.id).where(Assessment.cycle == cycle_id)]
        return {record.doctor_id: record for record in (await read_records(ids)).values()}


async def build_places(environment: Environment) -> Places:
    regions: dict[str, int] = {}
    for code, level, parent in _TREE:
        regions[code] = await create_region(
            environment,
            SYSTEM_CALLER,
            code=code,
            name=code,
            level=level,
            parent_id=regions[parent] if parent else None,
        )
    hospitals = {
        code: await create_organisation(
            environment,
            SYSTEM_CALLER,
            code=code,
            name=code,
            region_id=regions[region],
            kinds=frozenset({OrganisationKind.INSTITUTION}),
        )
        for code, region in _HOSPITALS.items()
    }
    office = await create_organisation(
        environment,
        SYSTEM_CALLER,
        code="AUTHORITY",
        name="省卫生健康委员会",
        region_id=regions[PROVINCE],
        kinds=frozenset({OrganisationKind.AUTHORITY}),
    )
    reach = await subtree(regions[PROVINCE])
    authority = caller_for(0, "officer", (RoleGrant(Role.AUTHORITY_OFFICER, office, reach),))
    return Places(environment, regions, hospitals, authority)
