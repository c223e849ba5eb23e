"""What the region's layers set, where it counts, and the notice of the result that doctors may print."""

import json
from datetime import date
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from pypdf import PdfReader
from region import ClientOf, Way, on

from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleProvince, build_sample
from dingkao.testing.web import Client
from dingkao_chengdu_hightech.policy import LAYERS, REGION_CODE, VERSION

OURS = "chengdu_hightech/"


async def effective(client: Client, region_code: str) -> dict[str, Any]:
    """The effective policy of a region, by key."""
    return {entry["key"]: entry for entry in await client.operation("EffectivePolicy", regionCode=region_code)}


async def test_every_key_that_is_set_counts_in_the_region(authority_client: Client) -> None:
    policy = await effective(authority_client, REGION_CODE)
    set_here = {key: (layer, value) for layer in LAYERS for key, value in layer.values.items()}
    assert {key for key, entry in policy.items() if OURS in entry["source"]} == set(set_here)
    for key, (layer, value) in set_here.items():
        # As JSON has it: a tuple is a list there.
        assert json.loads(policy[key]["value"]) == json.loads(json.dumps(value))
        assert layer.source in policy[key]["source"]
        assert policy[key]["reason"] == layer.reason


async def test_nothing_counts_outside_the_region(authority_client: Client) -> None:
    for above in ("510000", "510100"):
        policy = await effective(authority_client, above)
        assert not [key for key, entry in policy.items() if OURS in entry["source"]]


def test_every_layer_says_where_it_comes_from() -> None:
    assert {layer.version for layer in LAYERS} == {VERSION}
    assert {layer.region for layer in LAYERS} == {REGION_CODE}
    assert len({layer.source for layer in LAYERS}) == len(LAYERS)
    assert all(layer.source.startswith(OURS) and layer.reason for layer in LAYERS)


async def failed_and_filed(province: SampleProvince, client_of: ClientOf) -> Way:
    """A doctor with a result: the shortest way to one is a failed rating."""
    way = Way(province, await province.add_doctor(), client_of)
    await way.submit()
    await way.review(ethics="UNQUALIFIED")
    await way.announce()
    return way


async def test_a_doctor_of_the_region_prints_his_notice(province: SampleProvince, client_of: ClientOf) -> None:
    way = await failed_and_filed(province, client_of)
    notice = await way.as_doctor("IssueNotice", input={"assessmentId": way.assessment})
    assert (notice["__typename"], notice["kind"]) == ("Document", "NOTICE")
    client = await client_of(None)
    page = await client.http.get(urlsplit(notice["downloadUrl"]).path + "?" + urlsplit(notice["downloadUrl"]).query)
    text = "".join("".join(sheet.extract_text().split()) for sheet in PdfReader(BytesIO(page.content)).pages)
    assert "医师定期考核结果通知书" in text
    # The region's sentence, after those that the law asks for.
    assert text.index("提出复核申请") < text.index("本通知书由医师本人自行打印，可扫描二维码查验真伪。")


async def test_elsewhere_a_doctor_does_not(province: SampleProvince, client_of: ClientOf) -> None:
    elsewhere = await build_sample(province.environment, code_suffix="-2", region_code="510104")
    way = await failed_and_filed(elsewhere, client_of)
    refused = await way.as_doctor("IssueNotice", input={"assessmentId": way.assessment})
    assert refused["__typename"] == "NotEligibleProblem", refused


@pytest.mark.parametrize("day", [date(2025, 2, 9), date(2025, 2, 10), date(2025, 2, 21), date(2025, 2, 22)])
async def test_the_action_is_offered_on_the_windows_days(
    province: SampleProvince, client_of: ClientOf, clock: SettableClock, day: date
) -> None:
    way = Way(province, await province.add_doctor(), client_of)
    await way.submit()
    await way.review()
    on(clock, day)
    home = await way.as_doctor("Home")
    (action,) = [action for action in home["assessment"]["actions"] if action["code"] == "REQUEST_EXEMPTION"]
    assert action["allowed"] == (date(2025, 2, 10) <= day <= date(2025, 2, 21))
