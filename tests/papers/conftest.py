"""The fixture of the tests of papers."""

import pytest

from dingkao.environment import Environment

from .sittings import Sittings, build_sittings


@pytest.fixture
async def sittings(environment: Environment) -> Sittings:
    return await build_sittings(environment)
