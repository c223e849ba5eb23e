"""Which body assesses whom by the levels of the policy: the rule, and a cycle that opens with it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import AuditEntry
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.cycles.rules import Calendar, Place, body_for
from dingkao.cycles.service import appoint_body, create_cycle, open_cycle
from dingkao.cycles.tables import BodyAppointment
from dingkao.environment import Environment
from dingkao.institutions.rules import OrganisationKind
from dingkao.institutions.service import create_organisation, create_region
from dingkao.plugin.policy import PolicyError, PolicyLayer, stack
from dingkao.plugin.vocabulary import RegionLevel
from dingkao.policies import PolicyBook

CALENDAR = Calendar(
    starts_on=date(2024, 1, 1),
    ends_on=date(2026, 12, 31),
    enrolment_from=datetime(2026, 3, 1, tzinfo=UTC),
    enrolment_until=datetime(2026, 7, 1, tzinfo=UTC),
    tests_from=datetime(2026, 5, 1, tzinfo=UTC),
    tests_until=datetime(2026, 9, 1, tzinfo=UTC),
)
PROVINCE, PREFECTURE, COUNTY = RegionLevel.PROVINCE, RegionLevel.PREFECTURE, RegionLevel.COUNTY
OWN_LEVEL = {level: level for level in RegionLevel}
TO_THE_PROVINCE = dict.fromkeys(RegionLevel, PROVINCE)


@pytest.mark.parametrize(
    ("upwards", "routes", "expected"),
    [
        # A county's hospital: its county's body; where there is none, the nearest above.
        ([(COUNTY, [1]), (PREFECTURE, [2]), (PROVINCE, [3])], OWN_LEVEL, 1),
        ([(COUNTY, []), (PREFECTURE, [2]), (PROVINCE, [3])], OWN_LEVEL, 2),
        # A province's hospital goes straight to the province.
        ([(PROVINCE, [3])], OWN_LEVEL, 3),
        # A route past the nearer bodies.
        ([(COUNTY, [1]), (PREFECTURE, [2]), (PROVINCE, [3])], {COUNTY: PREFECTURE}, 2),
        ([(COUNTY, [1]), (PREFECTURE, [2]), (PROVINCE, [3])], TO_THE_PROVINCE, 3),
        # A county that stands directly below its province.
        ([(COUNTY, [1]), (PROVINCE, [3])], {COUNTY: PREFECTURE}, 3),
        # No route, no body, two bodies: a matter for people.
        ([(COUNTY, [1]), (PROVINCE, [3])], {PROVINCE: PROVINCE}, None),
        ([(COUNTY, []), (PROVINCE, [])], OWN_LEVEL, None),
        ([(COUNTY, [1, 2]), (PROVINCE, [3])], OWN_LEVEL, None),
        ([], OWN_LEVEL, None),
    ],
)
def test_the_body_of_an_institution(
    upwards: list[tuple[RegionLevel, list[int]]], routes: Mapping[RegionLevel, RegionLevel], expected: int | None
) -> None:
    assert body_for([Place(level, tuple(bodies)) for level, bodies in upwards], routes) == expected


def test_a_body_below_the_institution_is_refused(environment: Environment) -> None:
    layer = PolicyLayer("990000", "test", "1", "a test", {"reviews.body_of_level": {"PROVINCE": "COUNTY"}})
    with pytest.raises(PolicyError, match="a body of level COUNTY lies below institutions of level PROVINCE"):
        stack(environment.registry.sections, [layer])


async def test_a_cycle_that_opens_appoints_by_level(environment: Environment) -> None:
    routes = {level.value: level.value for level in RegionLevel}
    layer = PolicyLayer("990000", "test", "1", "a test", {"reviews.body_of_level": routes})
    routed = replace(environment, policies=PolicyBook(environment.registry.sections, [layer]))
    regions: dict[str, int] = {}
    for code, level, parent in (
        ("990000", PROVINCE, None),
        ("990100", PREFECTURE, "990000"),
        ("990101", COUNTY, "990100"),
    ):
        above = regions[parent] if parent else None
        regions[code] = await create_region(routed, SYSTEM_CALLER, code=code, name=code, level=level, parent_id=above)

    async def enter(code: str, region: str, kind: OrganisationKind) -> int:
        return await create_organisation(
            routed, SYSTEM_CALLER, code=code, name=code, region_id=regions[region], kinds=frozenset({kind})
        )

    bodies = {region: await enter(f"B-{region}", region, OrganisationKind.BODY) for region in ("990000", "990101")}
    hospitals = {region: await enter(f"H-{region}", region, OrganisationKind.INSTITUTION) for region in regions}
    by_hand = await enter("H-hand", "990101", OrganisationKind.INSTITUTION)
    cycle = await create_cycle(
        routed, SYSTEM_CALLER, region_id=regions["990000"], name="2024-2026年度", calendar=CALENDAR
    )
    await appoint_body(routed, SYSTEM_CALLER, cycle_id=cycle, institution_id=by_hand, body_id=bodies["990000"])
    await open_cycle(routed, SYSTEM_CALLER, cycle)
    rows = await BodyAppointment.select(BodyAppointment.institution, BodyAppointment.body)
    assert {row["institution"]: row["body"] for row in rows} == {
        hospitals["990000"]: bodies["990000"],
        hospitals["990100"]: bodies["990000"],
        hospitals["990101"]: bodies["990101"],
        by_hand: bodies["990000"],
    }
    (entry,) = await AuditEntry.select(AuditEntry.detail).where(AuditEntry.action == "OPEN_CYCLE")
    assert json.loads(entry["detail"])["bodiesAppointed"] == 3
    assert await Assessment.count() == 0


async def test_without_a_route_nobody_is_appointed(environment: Environment) -> None:
    region = await create_region(environment, SYSTEM_CALLER, code="990000", name="省", level=PROVINCE)
    for code, kind in (("H1", OrganisationKind.INSTITUTION), ("B1", OrganisationKind.BODY)):
        await create_organisation(
            environment, SYSTEM_CALLER, code=code, name=code, region_id=region, kinds=frozenset({kind})
        )
    cycle = await create_cycle(environment, SYSTEM_CALLER, region_id=region, name="周期", calendar=CALENDAR)
    await open_cycle(environment, SYSTEM_CALLER, cycle)
    assert await BodyAppointment.count() == 0
