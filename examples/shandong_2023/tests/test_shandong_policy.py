"""What counts in the province and nowhere else: years to a date, bodies by level, the province's seal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import pytest
from shandong_region import ClientOf, Region, key

from dingkao.plugin import hookimpl
from dingkao.plugin.ports import PortSlot, SealedDocument
from dingkao.plugin.vocabulary import Role
from dingkao.testing.plugins import FoundPlugin, bundled_plugins, plugin_under_test
from dingkao.testing.sample import SampleProvince, build_sample
from dingkao_shandong_2023.plugin import plugin
from dingkao_shandong_2023.policy import REGION_CODE

COUNTY = "370102"
SET_HERE = {
    "papers.rules",
    "simple_procedure.years_counted_to",
    "simple_procedure.years_counted_on",
    "reviews.body_of_level",
    "shandong_2023.spot_check_percent",
    "documents.seal_authority",
}


class SealForTests:
    """Stands in the seal's slot: hands the page back as it is, with a subject."""

    plugin_api = 1

    @hookimpl
    def ports(self) -> Mapping[PortSlot, object]:
        return {PortSlot.SEAL_PROVIDER: self}

    async def seal(self, pdf: bytes, *, authority_name: str, reason: str, at: datetime) -> SealedDocument:
        return SealedDocument(pdf, f"CN={authority_name}", "test")


@pytest.fixture(scope="session")
def plugins() -> list[FoundPlugin]:
    own = plugin_under_test("shandong_2023", plugin)
    return [*bundled_plugins(), own, plugin_under_test("seal_for_tests", SealForTests())]


@pytest.fixture
def region(province: SampleProvince, client_of: ClientOf) -> Region:
    return Region(province, client_of)


async def test_the_layers_count_in_the_province_alone(region: Region) -> None:
    await region.province.add_organisation("历下区医院", COUNTY, institution=True)
    await build_sample(region.province.environment, code_suffix="-2", region_code="990000")
    for code, expected in ((REGION_CODE, SET_HERE), (COUNTY, SET_HERE), ("990000", set())):
        shown = await region.operation(region.province.authority, "EffectivePolicy", regionCode=code)
        assert {entry["key"] for entry in shown if entry["source"].startswith("shandong_2023/")} == expected
        assert all(entry["reason"].startswith("山东省2023年") for entry in shown if entry["key"] in expected)


@pytest.mark.parametrize(
    ("since", "eligible", "sentence"),
    [(date(2011, 12, 31), True, ""), (date(2012, 1, 1), False, "至2023-12-31执业11年")],
)
async def test_years_are_counted_to_the_end_of_2023(region: Region, since: date, eligible: bool, sentence: str) -> None:
    doctor = await region.province.add_doctor("王一", practising_since=since, password_hash="unused")
    shown = await region.operation(doctor.caller, "ProcedureOffers", id=key(doctor))
    offer = next(offer for offer in shown["procedures"] if offer["code"] == "SIMPLE")
    assert offer["eligible"] is eligible
    assert sentence in "".join(reason["message"] for reason in offer["reasons"])


BODIES = """
query { assessments(states: [NOT_OPENED], first: 100) { edges { node { institution { name } body { name } } } } }
"""


async def test_a_provincial_hospital_goes_straight_to_the_province(region: Region) -> None:
    province = region.province
    county_body = await province.add_organisation("历下区医师考核办", COUNTY, body=True)
    hospitals: Sequence[tuple[str, str, str]] = (
        ("历下区人民医院", COUNTY, "历下区医师考核办"),
        ("槐荫区人民医院", "370104", "示范省医师协会"),
        ("示范省立医院", REGION_CODE, "示范省医师协会"),
    )
    for name, code, _ in hospitals:
        hospital = await province.add_organisation(name, code, institution=True)
        await province.add_doctor(f"{name}医师", institution_id=hospital)
    assert county_body
    calendar = {
        "regionCode": REGION_CODE,
        "name": "2027—2029年度",
        "startsOn": "2027-01-01",
        "endsOn": "2029-12-31",
        "enrolmentFrom": "2029-06-16T00:00:00+08:00",
        "enrolmentUntil": "2029-07-15T00:00:00+08:00",
        "testsFrom": "2029-07-20T00:00:00+08:00",
        "testsUntil": "2029-09-15T00:00:00+08:00",
    }
    created = await region.operation(province.authority, "CreateCycle", input=calendar)
    opened = await region.operation(province.authority, "OpenCycle", input={"cycleId": created["cycle"]["id"]})
    assert opened["assessments"] == 3
    shown = await region.run(province.authority, BODIES)
    found = {edge["node"]["institution"]["name"]: edge["node"]["body"]["name"] for edge in shown["edges"]}
    assert found == {name: body for name, _, body in hospitals}


async def test_the_province_seals_what_a_county_has_assessed(region: Region) -> None:
    province = region.province
    hospital = await province.add_organisation("历下区人民医院", COUNTY, institution=True)
    body = await province.add_organisation("历下区医师考核办", COUNTY, body=True)
    authority = await province.add_organisation("历下区卫生健康局", COUNTY, authority=True)
    await province.appoint(hospital, body)
    county = replace(
        region,
        province=replace(
            province,
            institution_id=hospital,
            body_id=body,
            institution=await province.add_officer(Role.INSTITUTION_OFFICER, hospital),
            body=await province.add_officer(Role.BODY_REVIEWER, body),
        ),
    )
    doctor = await county.submitted("王一", institution_id=hospital)
    await county.draw()
    await county.answer(doctor, confirmed=True)
    assert (await county.approve(doctor))["state"] == "CONCLUDED"
    identity = {"assessmentId": key(doctor)}
    await county.operation(county.province.body, "FileResults", input={"assessmentIds": [key(doctor)]})
    issued = await county.operation(county.province.body, "IssueCertificate", input=identity)
    # Numbered by the county, sealed by the province.
    assert COUNTY in issued["number"], issued
    officer = await province.add_officer(Role.AUTHORITY_OFFICER, authority)
    mutation = "mutation M($input: SealCertificateInput!) { sealCertificate(input: $input) { __typename } }"
    assert await (await region.client_of(officer)).refusal(mutation, input=identity) == "FORBIDDEN"
    sealed = await region.operation(province.authority, "SealCertificate", input=identity)
    assert (sealed["state"], sealed["inForce"], sealed["sealedBy"]) == ("SEALED", True, "示范省卫生健康委员会")
