"""The fixtures of the tests of proctoring: doctors before their papers, with face capture."""

import pytest
from tests.papers.sittings import Sittings, build_sittings

from dingkao.environment import Environment

VERSION, WORDING = "2026-9", "授权书全文"


@pytest.fixture
async def watched(environment: Environment) -> Sittings:
    sittings = await build_sittings(environment)
    await sittings.pin(face_capture=True, face_consent_version=VERSION, face_consent_text=WORDING)
    return sittings
