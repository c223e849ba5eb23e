"""The province of these tests."""

import pytest
from policy_places import Places, build_places

from dingkao.environment import Environment


@pytest.fixture
async def places(environment: Environment) -> Places:
    return await build_places(environment)
