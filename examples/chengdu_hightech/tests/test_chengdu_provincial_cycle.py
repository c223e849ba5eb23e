"""A cycle is mostly the province's: within one, the zone's doctors have the zone's rules and the others have not."""

from dataclasses import replace
from datetime import date

from region import ClientOf, Way, on

from dingkao.plugin.vocabulary import Role
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleProvince, build_sample
from dingkao_chengdu_hightech.policy import REGION_CODE

TITLE = "NEXT_TITLE_EXAM"


async def test_the_place_of_the_institution_decides(
    province: SampleProvince, client_of: ClientOf, clock: SettableClock
) -> None:
    # The fixture's sample lies in the zone: so the zone is in the region tree when the province opens its cycle.
    province = await build_sample(province.environment, code_suffix="-province", region_code="510000")
    hospital = await province.add_organisation("高新区医院", REGION_CODE, institution=True)
    await province.appoint(hospital, province.body_id)
    officer = await province.add_officer(Role.INSTITUTION_OFFICER, hospital)
    zone = Way(replace(province, institution=officer), await province.add_doctor(institution_id=hospital), client_of)
    elsewhere = Way(province, await province.add_doctor(), client_of)
    for way in (zone, elsewhere):
        await way.submit()
        await way.review()
    assert (await zone.ask(TITLE, None))["code"] == "EXEMPTION_WINDOW_NOT_OPEN"
    assert (await elsewhere.ask(TITLE, None))["state"] == "REQUESTED"
    on(clock, date(2025, 2, 10))
    assert "ASSISTANT_TO_LICENSED" in await zone.options()
    assert "ASSISTANT_TO_LICENSED" not in await elsewhere.options()
    asked = await zone.ask(TITLE, "TITLE_CERTIFICATE", "PRACTICE_CERTIFICATE")
    # One body assesses both: it decides on the zone's request by the zone's rules.
    assert (await zone.decide(asked["id"], "INSTITUTION"))["state"] == "INSTITUTION_APPROVED"
    assert (await zone.decide(asked["id"], "BODY"))["state"] == "BODY_APPROVED"
    assert (await zone.papers())["PROFESSIONAL"] == "EXEMPT"
