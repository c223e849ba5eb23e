"""A province for tests of what doctors and their institutions do."""

import pytest

from dingkao.environment import Environment
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample


@pytest.fixture
async def province(environment: Environment) -> SampleProvince:
    return await build_sample(environment)


@pytest.fixture
async def doctor(province: SampleProvince) -> SampleDoctor:
    """A doctor whose enrolment is open and whose form is empty."""
    return await province.add_doctor()
