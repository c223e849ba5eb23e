"""Without the bundled plugins: the server starts, the spot checks are there, and what needs none of them counts."""

import pytest
from shandong_region import QUEUE

from dingkao.testing.plugins import FoundPlugin, plugin_under_test
from dingkao.testing.web import Client
from dingkao_shandong_2023.plugin import plugin
from dingkao_shandong_2023.policy import REGION_CODE


@pytest.fixture(scope="session")
def plugins() -> list[FoundPlugin]:
    return [plugin_under_test("shandong_2023", plugin)]


async def test_it_starts_alone(authority_client: Client, body_client: Client) -> None:
    assert [loaded["name"] for loaded in await authority_client.operation("Plugins")] == ["shandong_2023"]
    assert (await body_client.value(QUEUE))["edges"] == []
    policy = await authority_client.operation("EffectivePolicy", regionCode=REGION_CODE)
    assert {entry["key"] for entry in policy if entry["source"].startswith("shandong_2023/")} == {
        "papers.rules",
        "reviews.body_of_level",
        "shandong_2023.spot_check_percent",
        "documents.seal_authority",
    }
