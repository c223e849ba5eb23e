"""The fixtures that plugin authors use: pytest runs files as an author writes them, in a process of its own."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

INI = """
[pytest]
addopts = -p dingkao.testing.fixtures
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
ROLES = """
NAMES = "query { viewer { name } }"


async def test_each_role_is_itself(
    anonymous_client, doctor_client, institution_client, body_client, authority_client, doctor
):
    assert await anonymous_client.refusal(NAMES) == "UNAUTHENTICATED"
    assert (await doctor_client.value(NAMES))["name"] == doctor.caller.name
    for client, name in ((institution_client, "institution"), (body_client, "body"), (authority_client, "authority")):
        assert (await client.value(NAMES))["name"] == name


async def test_the_clock_is_the_tests(environment, clock):
    from datetime import UTC, datetime

    clock.set(datetime(2027, 1, 1, tzinfo=UTC))
    assert environment.clock.now().year == 2027
"""
CHOICE = """
import pytest
from dingkao.testing.plugins import bundled_plugins


@pytest.fixture(scope="session")
def plugins():
    return [plugin for plugin in bundled_plugins() if plugin.name == "simple_procedure"]


@pytest.fixture(scope="session")
def region_code():
    return "510191"


async def test_plugins_are_chosen(environment, doctor_client):
    assert [plugin.name for plugin in environment.registry.plugins] == ["simple_procedure"]
    procedures = await doctor_client.value("query { viewer { assessment { procedures { code } } } }")
    assert procedures == {"assessment": {"procedures": [{"code": "SIMPLE"}]}}


async def test_the_region_lies_in_its_tree(province):
    from dingkao.institutions.tables import Region

    rows = await Region.select(Region.code, Region.level).order_by(Region.id)
    assert [(row["code"], row["level"]) for row in rows] == [
        ("510000", "PROVINCE"), ("510100", "PREFECTURE"), ("510191", "COUNTY")
    ]
"""


@pytest.fixture
def author(pytester: pytest.Pytester) -> pytest.Pytester:
    """The folder of an author."""
    pytester.makeini(INI)
    pytester.makepyfile(test_roles=ROLES, test_choice=CHOICE)
    return pytester


def test_on_sqlite_by_default(author: pytest.Pytester) -> None:
    author.runpytest_subprocess("-q", "-W", "error").assert_outcomes(passed=4)


def test_on_both_databases_by_option(author: pytest.Pytester) -> None:
    result = author.runpytest_subprocess("-v", "--dingkao-database=both")
    result.assert_outcomes(passed=8)
    result.stdout.fnmatch_lines_random(["*::test_each_role_is_itself?postgresql? PASSED*", "*?sqlite? PASSED*"])


def test_the_kit_imports_without_pytest_but_for_its_fixtures() -> None:
    folder = Path(__file__).parents[2] / "core" / "dingkao" / "testing"
    importing = {path.stem for path in folder.glob("*.py") if "import pytest" in path.read_text(encoding="utf-8")}
    assert importing <= {"fixtures", "refusals", "contract"}
