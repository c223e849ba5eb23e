"""docs/security.md claims nothing that no test shows, and its numbers are those in force."""

import ast
import re
from pathlib import Path

from dingkao.settings import Settings
from dingkao.web import limits
from dingkao.web.connections import HEAD_MAXIMUM

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """The rows of the first table in `text`, without its head."""
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table[0].splitlines()[2:]]


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def claims() -> list[list[str]]:
    return rows(PAGE.split("<!-- claims -->", 1)[1].split("<!-- /claims -->", 1)[0])


def names_of_tests(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions) and node.name.startswith("test_")}


def test_every_claim_names_tests_that_exist() -> None:
    for claim in claims():
        assert len(claim) == 4, claim
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", claim[3])
        assert named, f"no test is named for: {claim[1]}"
        for file, function in named:
            path = ROOT / file
            assert path.is_file(), f"{file} is named, and is not there"
            if function:
                assert function in names_of_tests(path), f"{file} has no {function}"


def test_every_claim_is_against_an_actor_of_the_list() -> None:
    actors = {row[0] for row in rows(section("Actors"))}
    assert {claim[0] for claim in claims()} <= actors


def test_the_limits_are_those_in_force() -> None:
    told = {row[0].strip("`"): int(re.findall(r"\d+", row[1])[0]) for row in rows(section("Limits"))}
    settings = {name: field.default for name, field in Settings.model_fields.items()}
    assert told == {
        "headSeconds": settings["head_seconds"],
        "headBytes": HEAD_MAXIMUM,
        "bodySeconds": settings["body_seconds"],
        "bodyBytes": settings["body_bytes"],
        "operations": 1,
        "tokens": settings["query_tokens"],
        "nesting": limits.MOST_NESTING,
        "digits": limits.MOST_DIGITS,
        "depth": settings["query_depth"],
        "aliases": settings["query_aliases"],
        "rootFields": settings["query_root_fields"],
        "directives": settings["query_directives"],
        "fields": settings["query_fields"],
        "authentication": settings["query_authentications"],
        "cost": settings["query_cost"],
        "subscriptions": settings["live_subscriptions"],
    }
    # Every limit that the code names is told.
    assert set(limits._SENTENCES) <= told.keys()
