"""Which layers reach an assessment: pinned for every place of a cycle at its opening, and for whoever comes later."""

import json

import pytest
from policy_places import CITY, COUNTY, OTHER_CITY, PROVINCE, Places, layer, with_layers

from dingkao.assessments.access import pinned_policy
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.cycles import service
from dingkao.cycles.pinning import pinned_scopes, pinned_texts
from dingkao.cycles.tables import Cycle
from dingkao.db.counting import count_queries
from dingkao.doctors.service import transfer_doctor
from dingkao.institutions.rules import OrganisationKind
from dingkao.institutions.service import create_organisation, create_region
from dingkao.institutions.vocabulary import RegionLevel
from dingkao.plugin.errors import StateConflict
from dingkao.plugin.national import DocumentsPolicy
from dingkao.plugin.policy import PolicyError
from dingkao.policies import PolicyBook
from dingkao.policy.effective import refuse_clashing_layers

LAYERS = (
    layer(PROVINCE, documents__objection_days=40),
    layer(COUNTY, documents__objection_days=50),
    layer(COUNTY, "HY", documents__objection_days=60),
    layer("110000", documents__objection_days=99),
    layer(OTHER_CITY, "HY", documents__objection_days=98),  # HY does not lie there
    layer(CITY, "NOWHERE", documents__objection_days=97),
)
DAYS = {"HP": 40, "HC": 40, "HO": 40, "HX": 50, "HY": 60}


async def days_of(places: Places, cycle_id: int) -> dict[int, int]:
    return {
        doctor: (await pinned_policy(places.environment, record)).section(DocumentsPolicy).objection_days
        for doctor, record in (await places.records(cycle_id)).items()
    }


async def test_each_institutions_doctors_are_under_the_nearest_layer(places: Places) -> None:
    doctors = {hospital: await places.add_doctor(hospital) for hospital in DAYS}
    cycle_id = await places.open(*LAYERS)
    assert await days_of(places, cycle_id) == {doctors[hospital]: days for hospital, days in DAYS.items()}
    scopes = (await pinned_scopes([cycle_id]))[cycle_id]
    assert [(scope.region_code, scope.organisation_code) for scope in scopes] == [
        (PROVINCE, None),
        (COUNTY, None),
        (COUNTY, "HY"),
    ]


async def test_whoever_comes_later_is_under_what_was_pinned(places: Places) -> None:
    cycle_id = await places.open(*LAYERS)
    # The server that enters them has none of these layers any more.
    doctors = {hospital: await places.add_doctor(hospital) for hospital in DAYS}
    assert await days_of(places, cycle_id) == {doctors[hospital]: days for hospital, days in DAYS.items()}
    # A region and a hospital that are newer than the cycle are under those above them.
    new = await create_region(
        places.environment,
        SYSTEM_CALLER,
        code="980102",
        name="新区",
        level=RegionLevel.COUNTY,
        parent_id=places.regions[COUNTY[:4] + "00"],
    )
    places.hospitals["HN"] = await create_organisation(
        places.environment,
        SYSTEM_CALLER,
        code="HN",
        name="HN",
        region_id=new,
        kinds=frozenset({OrganisationKind.INSTITUTION}),
    )
    newcomer = await places.add_doctor("HN")
    assert (await days_of(places, cycle_id))[newcomer] == 40


async def test_a_transfer_brings_the_doctor_under_the_new_institutions_rules(places: Places) -> None:
    doctor = await places.add_doctor("HO")
    cycle_id = await places.open(*LAYERS)
    assert await days_of(places, cycle_id) == {doctor: 40}
    await transfer_doctor(places.environment, SYSTEM_CALLER, doctor, places.hospitals["HY"], "登记机构有误")
    assert await days_of(places, cycle_id) == {doctor: 60}


async def test_a_countys_own_cycle_stands_on_the_layers_above_it(places: Places) -> None:
    doctors = {hospital: await places.add_doctor(hospital) for hospital in ("HX", "HY")}
    cycle_id = await places.open(*LAYERS, region=COUNTY)
    assert await days_of(places, cycle_id) == {doctors["HX"]: 50, doctors["HY"]: 60}


async def test_opening_takes_as_many_queries_for_many_places(places: Places) -> None:
    for hospital in DAYS:
        await places.add_doctor(hospital)
    counts = []
    for region, layers in ((OTHER_CITY, ()), (CITY, LAYERS)):
        cycle_id = await places.prepare(region)
        server = with_layers(places.environment, *LAYERS[:1], *layers[1:])
        with count_queries() as queries:
            await service.open_cycle(server, SYSTEM_CALLER, cycle_id)
        counts.append(len(queries))
    # One more where organisations are named: they are looked up together.
    assert counts[1] - counts[0] <= 2


async def test_the_digest_covers_every_place(places: Places) -> None:
    digests = []
    for place, days in ((PROVINCE, 40), (COUNTY, 50), (COUNTY, 51)):
        cycle_id = await places.prepare(OTHER_CITY if place == PROVINCE else CITY, name=f"{place}{days}")
        server = with_layers(places.environment, layer(PROVINCE), layer(COUNTY, documents__objection_days=days))
        try:
            await service.open_cycle(server, SYSTEM_CALLER, cycle_id)
        except StateConflict:
            await Cycle.update({Cycle.state: "CLOSED"}).where(Cycle.state == "RUNNING")
            await service.open_cycle(server, SYSTEM_CALLER, cycle_id)
        row = await Cycle.select(Cycle.policy_digest, Cycle.policy_version).where(Cycle.id == cycle_id).first()
        assert row is not None
        digests.append(row["policy_digest"])
    assert len(set(digests)) == 3


async def test_layers_that_do_not_go_together_open_no_cycle_and_start_no_server(places: Places) -> None:
    """Each is good for itself; only the tree tells that one stands below the other."""
    clash = (layer(PROVINCE, documents__objection_days=60), layer(COUNTY, documents__objection_days=45))
    server = with_layers(places.environment, *clash)
    server.policies.check()
    cycle_id = await places.prepare()
    with pytest.raises(StateConflict) as refused:
        await service.open_cycle(server, SYSTEM_CALLER, cycle_id)
    assert refused.value.code == "POLICY_REFUSED"
    assert f"layer test/{COUNTY} ({COUNTY}): documents.objection_days = 45" in refused.value.text.zh
    with pytest.raises(PolicyError, match=r"documents.objection_days = 45 .* test/980000 has 60"):
        await refuse_clashing_layers(server.policies)
    own = with_layers(
        places.environment, layer(PROVINCE, documents__objection_days=60), layer(PROVINCE, "HX"), LAYERS[2]
    )
    await refuse_clashing_layers(own.policies)
    low = layer(COUNTY, "HX", documents__objection_days=45)
    with pytest.raises(PolicyError, match="organisation HX"):
        await refuse_clashing_layers(with_layers(places.environment, clash[0], low).policies)


async def test_what_was_pinned_is_readable_without_any_plugin(places: Places) -> None:
    await places.add_doctor("HX")
    cycle_id = await places.open(*LAYERS)
    (record,) = (await places.records(cycle_id)).values()
    bare = PolicyBook([DocumentsPolicy], ())
    text = (await pinned_texts([record.policy_id]))[record.policy_id]
    policy = bare.pinned(text.digest, text.content, text.version, text.origins)
    assert policy.section(DocumentsPolicy).objection_days == 50
    assert policy.origins["documents.objection_days"].reason == f"{COUNTY}通知"
    assert json.loads(text.content)["simple_procedure"]["years_with_good_record"] == 5
