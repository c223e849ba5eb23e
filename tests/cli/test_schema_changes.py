"""What breaks a client is found, placed, and wanted in the changelog."""

from pathlib import Path

import pytest
from command_line import Run
from graphql import build_schema

from dingkao.cli.schema_changes import Change, breaking_changes, dangerous_changes, told_in

ROOT = Path(__file__).parents[2]
OLD = """
directive @old(arg: Int) repeatable on FIELD | QUERY
interface Node { id: ID }
enum Level { ONE TWO }
union Found = Doctor | Body
type Doctor implements Node { id: ID name(short: Boolean, wide: Int): String age: Int }
type Body { id: ID }
type Gone { id: ID }
input Filter { name: String limit: Int = 1 }
scalar Odd
type Query { found(filter: Filter): Found gone: Gone odd: Odd level: Level node: Node first(count: Int = 10): Int }
"""
NEW = """
directive @old on FIELD
interface Node { id: ID }
interface Named { name: String }
enum Level { ONE THREE }
union Found = Doctor | Cycle
type Doctor implements Named { id: ID name(short: Int!): String age: String }
type Body { id: ID }
type Cycle { id: ID }
input Filter { name: String limit: Int = 2 code: String! note: String }
input Odd { x: Int }
type Query { found(filter: Filter, odd: Odd, need: Int!): Found level: Level node: Node first(count: Int = 5): Int }
"""


def places(changes: list[Change]) -> set[tuple[str, str]]:
    return {(change.kind, change.place) for change in changes}


def test_every_kind_of_break_has_its_place() -> None:
    assert places(breaking_changes(build_schema(OLD), build_schema(NEW))) == {
        ("ARG_CHANGED_KIND", "Doctor.name"),
        ("ARG_REMOVED", "Doctor.name"),
        ("DIRECTIVE_ARG_REMOVED", "@old"),
        ("DIRECTIVE_LOCATION_REMOVED", "@old"),
        ("DIRECTIVE_REPEATABLE_REMOVED", "@old"),
        ("FIELD_CHANGED_KIND", "Doctor.age"),
        ("FIELD_REMOVED", "Query.gone"),
        ("FIELD_REMOVED", "Query.odd"),
        ("IMPLEMENTED_INTERFACE_REMOVED", "Doctor"),
        ("REQUIRED_ARG_ADDED", "Query.found"),
        ("REQUIRED_INPUT_FIELD_ADDED", "Filter.code"),
        ("TYPE_CHANGED_KIND", "Odd"),
        ("TYPE_REMOVED", "Gone"),
        ("TYPE_REMOVED_FROM_UNION", "Found"),
        ("VALUE_REMOVED_FROM_ENUM", "Level.TWO"),
    }


def test_every_kind_of_danger_has_its_place() -> None:
    assert places(dangerous_changes(build_schema(OLD), build_schema(NEW))) == {
        ("ARG_DEFAULT_VALUE_CHANGE", "Query.first"),
        ("IMPLEMENTED_INTERFACE_ADDED", "Doctor"),
        ("INPUT_FIELD_DEFAULT_VALUE_CHANGE", "Filter.limit"),
        ("OPTIONAL_ARG_ADDED", "Query.found"),
        ("OPTIONAL_INPUT_FIELD_ADDED", "Filter.note"),
        ("TYPE_ADDED_TO_UNION", "Found"),
        ("VALUE_ADDED_TO_ENUM", "Level.THREE"),
    }


def test_nothing_has_changed_against_itself() -> None:
    same = build_schema(OLD)
    assert breaking_changes(same, same) == dangerous_changes(same, same) == []


def test_only_the_newest_section_of_the_changelog_tells() -> None:
    changes = [Change("FIELD_REMOVED", place, "") for place in ("Doctor.name", "Doctor.age", "Doctor.id")]
    text = "# Changelog\n\n## 2.0\n\n- `Doctor.name` is gone, Doctor.age too\n\n## 1.0\n\n- `Doctor.id` went\n"
    assert told_in(text, changes) == changes[:1]
    assert told_in("", changes) == []


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The served schema with a field more, which is therefore gone, and one less."""
    text = (ROOT / "schema.graphql").read_text(encoding="utf-8")
    assert "type Query {" in text
    path = tmp_path / "older.graphql"
    path.write_text(text.replace("type Query {", "type Query {\n  goneSince: Int\n"), encoding="utf-8")
    return path


def test_a_break_fails_unless_it_is_told(run: Run, older: Path, tmp_path: Path) -> None:
    failed = run("schema", "--against", older)
    assert failed.code == 1
    assert "breaking   FIELD_REMOVED  " in failed.out
    assert "1 breaking, 0 dangerous change(s)" in failed.out
    assert "clients of" in failed.complaint
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n## Unreleased\n\n- nothing\n", encoding="utf-8")
    untold = run("schema", "--against", older, "--changelog", changelog)
    assert untold.code == 1
    assert "name each in the newest section of" in untold.complaint
    assert "`Query.goneSince`" in untold.complaint
    changelog.write_text("# Changelog\n\n## Unreleased\n\n- `Query.goneSince` is gone.\n", encoding="utf-8")
    told = run("schema", "--against", older, "--changelog", changelog)
    assert (told.code, told.err) == (0, "")
    assert "(in the changelog)" in told.out


def test_the_released_schema_is_kept_to(run: Run) -> None:
    kept = run("schema", "--against", ROOT / "released" / "schema.graphql", "--changelog", ROOT / "CHANGELOG.md")
    assert kept.code == 0, kept.out + kept.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--against", "none.graphql"), "none.graphql: No such file or directory"),
        (("--against", "bad.graphql"), "bad.graphql is not a schema in GraphQL's definition language: Syntax Error"),
        (("--changelog", "bad.graphql"), "--changelog goes with --against"),
        (("--check", "a", "--against", "b"), "exclude each other"),
    ],
)
def test_what_cannot_be_compared(run: Run, tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    (tmp_path / "bad.graphql").write_text("type Query { this is not it")
    refused = run("schema", *arguments)
    assert refused.code in (1, 2)
    assert complaint in refused.complaint
