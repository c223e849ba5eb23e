"""What is written by hand does not rot: operations are valid, links lead somewhere, lists are complete."""

import re
import tomllib
from pathlib import Path

import pytest
from building.blocks import pages
from graphql import GraphQLSchema, parse, validate
from packaging.requirements import Requirement

from dingkao.application import load_registry
from dingkao.schema import assemble
from dingkao.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
PAGES = pages(ROOT)
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _written(page: Path) -> str:
    """A page without its code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return assemble(load_registry(Settings()))._schema


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_graphql_text_is_valid_against_the_served_schema(page: Path, schema: GraphQLSchema) -> None:
    for found in _FENCE.finditer(page.read_text(encoding="utf-8")):
        if found["language"] == "graphql":
            assert validate(schema, parse(found["text"])) == []


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _written(page), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", re.sub(r"`|\[|\]\([^)]*\)", "", heading)) for heading in headings]
    return {heading.strip().lower().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    for found in _LINK.finditer(_written(page)):
        target, _, anchor = found["target"].partition("#")
        if "://" in target:
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.is_relative_to(ROOT)
        assert path.exists(), found["target"]
        if anchor:
            assert anchor in _anchors(path), found["target"]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"`((?:core|plugins|tests|docs|clients|bench)/[\w./-]+)`", _written(page))
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_setting_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(rf"{PREFIX}([A-Z_]+[A-Z])", page.read_text(encoding="utf-8")))
    unknown = {name for name in named if name.lower() not in Settings.model_fields}
    if page.is_relative_to(ROOT / "docs" / "plugins"):
        # Settings of the plugins that serve as examples.
        unknown -= {name for name in unknown if re.match(r"NAME$|(NIGHT|SICHUAN)_", name)}
    assert unknown == set()


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        for found in _LINK.finditer(_written(page)):
            target = found["target"].partition("#")[0]
            if target and "://" not in target:
                waiting.append((page.parent / target).resolve())
    assert {_name(page) for page in PAGES} - {_name(page) for page in reached} == set()


def _project() -> dict[str, list[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {"dependencies": project["dependencies"], **project["optional-dependencies"]}


def test_every_dependency_stands_in_contributing_with_its_reason() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    told = {
        cell.lower()
        for row in re.findall(r"^\| (`.+?`) \|", text, re.MULTILINE)
        for cell in re.findall(r"`([^`]+)`", row)
    }
    needed = {Requirement(line).name.lower() for lines in _project().values() for line in lines}
    assert needed - told == set()


def test_addresses_are_of_this_machine_or_of_nobody() -> None:
    for page in PAGES:
        hosts = set(re.findall(r"https?://([^/\s`'\"):;,]+)", page.read_text(encoding="utf-8")))
        # Names under `example` are kept for examples (RFC 2606): nobody's.
        assert {host for host in hosts if not host.endswith(".example")} <= {"127.0.0.1"}, _name(page)


def test_every_top_level_code_that_is_told_is_one_of_the_code() -> None:
    text = (ROOT / "docs" / "clients" / "errors.md").read_text(encoding="utf-8")
    table = text[text.index("| code | means | do |") :].split("\n\n", 1)[0]
    told = set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE))
    source = "".join(
        (ROOT / "core" / "dingkao" / path).read_text(encoding="utf-8")
        for path in (
            "web/graphql_http.py",
            "web/execution.py",
            "web/limits.py",
            "web/middleware.py",
            "plugin/errors.py",
        )
    )
    assert len(told) >= 10
    assert {code for code in told if f'"{code}"' not in source} == set()
