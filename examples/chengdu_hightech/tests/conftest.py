"""The application of these tests has the bundled plugins and this one, in a sample that lies in the region."""

from datetime import UTC, datetime

import pytest

from dingkao.testing.clock import SettableClock
from dingkao.testing.plugins import FoundPlugin, bundled_plugins, plugin_under_test
from dingkao_chengdu_hightech.plugin import plugin
from dingkao_chengdu_hightech.policy import REGION_CODE


@pytest.fixture(scope="session")
def plugins() -> list[FoundPlugin]:
    return [*bundled_plugins(), plugin_under_test("chengdu_hightech", plugin)]


@pytest.fixture(scope="session")
def region_code() -> str:
    return REGION_CODE


@pytest.fixture
def clock() -> SettableClock:
    """A week before exemptions may be asked for: 2025-02-03, 10:00 in China."""
    return SettableClock(datetime(2025, 2, 3, 2, 0, tzinfo=UTC))
