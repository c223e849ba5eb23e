"""Without the plugins that it sets keys of: the server starts, and what needs none of them counts."""

import pytest

from dingkao.testing.plugins import FoundPlugin, plugin_under_test
from dingkao.testing.web import Client
from dingkao_chengdu_hightech.plugin import plugin
from dingkao_chengdu_hightech.policy import REGION_CODE


@pytest.fixture(scope="session")
def plugins() -> list[FoundPlugin]:
    return [plugin_under_test("chengdu_hightech", plugin)]


async def test_it_starts_alone(authority_client: Client) -> None:
    assert [loaded["name"] for loaded in await authority_client.operation("Plugins")] == ["chengdu_hightech"]
    policy = await authority_client.operation("EffectivePolicy", regionCode=REGION_CODE)
    assert {entry["key"] for entry in policy if entry["source"].startswith("chengdu_hightech/")} == {
        "documents.notice_notes",
        "documents.notice_printable",
    }
