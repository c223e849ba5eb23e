"""The wheel of this checkout, built once for the tests of all examples."""

from pathlib import Path

import pytest
from installing import ROOT, build_wheel


@pytest.fixture(scope="session")
def dingkao_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheels"))
