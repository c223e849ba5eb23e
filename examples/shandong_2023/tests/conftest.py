"""The application of these tests has the bundled plugins and this one, in a sample that lies in the province."""

import pytest

from dingkao.testing.plugins import FoundPlugin, bundled_plugins, plugin_under_test
from dingkao_shandong_2023.plugin import plugin
from dingkao_shandong_2023.policy import REGION_CODE


@pytest.fixture(scope="session")
def plugins() -> list[FoundPlugin]:
    return [*bundled_plugins(), plugin_under_test("shandong_2023", plugin)]


@pytest.fixture(scope="session")
def region_code() -> str:
    return REGION_CODE
