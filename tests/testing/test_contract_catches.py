"""The contract suite fails where a plugin breaks what it has to keep: a plugin that breaks nearly all of it."""

import textwrap

import pytest

pytest_plugins = ["pytester"]

INI = """
[pytest]
addopts = -p dingkao.testing.fixtures
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
"""
CAREFUL = """
from collections.abc import Sequence
from typing import Annotated

import strawberry
from piccolo.columns import BigInt, Varchar

from dingkao.plugin import hookimpl
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.errors import NotFound
from dingkao.plugin.graphql import Info
from dingkao.plugin.ids import decode_id, encode_id
from dingkao.plugin.subject_access import HeldOfDoctor
from dingkao.plugin.tables import ROUTER, MigrationSet, Record


class Note(Record, db=ROUTER, tablename="careless_note"):
    assessment = BigInt(default=None)
    text = Varchar(80)

    _subject_access = HeldOfDoctor("assessment", shown=("assessment", "text"))


async def notes_of(keys: list[int]) -> list[list[str]]:
    rows = await Note.select().where(Note.assessment.is_in(keys)).order_by(Note.id)
    return [[row["text"] for row in rows if row["assessment"] == key] for key in keys]


@strawberry.type
class AssessmentNotes:
    @strawberry.field(description="Notes. 备注")
    async def careless_notes(self, info: Info) -> list[str]:
        return await info.context.loader(notes_of).load(info.context.services.assessment_key(self))


@strawberry.type
class NoteQuery:
    @strawberry.field(description="Notes of an assessment. 备注")
    async def careless_notes_of(
        self, info: Info, assessment_id: Annotated[strawberry.ID, strawberry.argument(description="Which. 考核")]
    ) -> list[str]:
        key = decode_id("Assessment", assessment_id)
        await info.context.services.facts(info.context.caller, key)
        return (await notes_of([key]))[0]


@strawberry.type
class NoteMutation:
    @strawberry.mutation(description="Drop the notes of an assessment. 删除备注")
    async def careless_forget(
        self, info: Info, assessment_id: Annotated[strawberry.ID, strawberry.argument(description="Which. 考核")]
    ) -> bool:
        key = decode_id("Assessment", assessment_id)
        await info.context.services.facts(info.context.caller, key)
        await Note.delete().where(Note.assessment == key)
        return True


class Plugin:
    plugin_api = 1

    @hookimpl
    def graphql(self) -> GraphQLContribution:
        return GraphQLContribution(query=NoteQuery, mutation=NoteMutation, fields={"Assessment": AssessmentNotes})

    @hookimpl
    def tables(self) -> Sequence[type[Record]]:
        return [Note]

    @hookimpl
    def migrations(self) -> MigrationSet:
        return MigrationSet(owner="careless", package="careless_migrations")


plugin = Plugin()
"""
CONTRACT = """
from careless import Note, plugin
from dingkao.testing.contract import PluginContract


class TestContract(PluginContract):
    name = "careless"
    plugin = plugin

    async def populate(self, scene, doctor):
        await Note.insert(Note(assessment=doctor.assessment_id, text=f"只关于第{doctor.doctor_id}号医师的备注"))
        return {}
"""
FIRST = 'CREATE TABLE "careless_note" ({key}, "assessment" BIGINT NOT NULL)'
SECOND = 'ALTER TABLE "careless_note" ADD COLUMN "text" VARCHAR(80) NOT NULL DEFAULT \'\''


@pytest.fixture
def author(pytester: pytest.Pytester) -> pytest.Pytester:
    """A plugin with a table, two migrations, a root query, a mutation and a field, and its tests."""
    pytester.makeini(INI)
    pytester.makepyfile(careless=CAREFUL, test_careless=CONTRACT)
    package = pytester.mkpydir("careless_migrations")
    for kind, key in (("sqlite", "id INTEGER PRIMARY KEY"), ("postgresql", "id BIGSERIAL PRIMARY KEY")):
        (package / f"0001_initial.{kind}.sql").write_text(FIRST.format(key=key) + ";\n")
        (package / f"0002_text.{kind}.sql").write_text(SECOND + ";\n")
    pytester.syspathinsert()
    return pytester


def change(author: pytest.Pytester, *replacements: tuple[str, str]) -> None:
    text = textwrap.dedent(CAREFUL)
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    author.makepyfile(careless=text)


def failed(author: pytest.Pytester, *options: str) -> dict[str, str]:
    """The names of the tests that fail, with the line that says why."""
    outcomes = author.runpytest_subprocess("-q", "-rf", "-p", "no:cacheprovider", *options).outlines
    lines = [line for line in outcomes if line.startswith("FAILED ")]
    return {line.split("::")[2].split("[")[0].split(" ")[0]: line for line in lines}


def test_a_plugin_that_keeps_it_passes(author: pytest.Pytester) -> None:
    author.runpytest_subprocess("-q", "--dingkao-database=both").assert_outcomes(passed=26)


def test_reading_past_the_scope_is_found(author: pytest.Pytester) -> None:
    change(
        author,
        # The check of the scope forgotten, in the query and in the mutation.
        ("        await info.context.services.facts(info.context.caller, key)\n", ""),
        # Every note, for whoever asks.
        ("return [[row[\"text\"] for row in rows if row[\"assessment\"] == key] for key in keys]",
         "return [[row[\"text\"] for row in await Note.select()] for key in keys]"),
    )  # fmt: skip
    assert {
        "test_nobody_is_told_anything",
        "test_before_the_first_login_is_done_there_is_nothing",
        "test_root_fields_show_nothing_of_anothers",
        "test_fields_on_core_types_show_nothing_of_anothers",
        "test_its_queries_do_not_grow_with_rows",
    } == set(failed(author))


def test_a_query_for_each_row_is_found(author: pytest.Pytester) -> None:
    change(author, (
        "return await info.context.loader(notes_of).load(info.context.services.assessment_key(self))",
        "return (await notes_of([info.context.services.assessment_key(self)]))[0]",
    ))  # fmt: skip
    assert set(failed(author)) == {"test_its_queries_do_not_grow_with_rows"}


def test_what_is_not_described_or_not_migrated_is_found(author: pytest.Pytester) -> None:
    declared = '    _subject_access = HeldOfDoctor("assessment", shown=("assessment", "text"))\n'
    change(author, ('description="Notes. 备注"', 'description="Notes."'), (declared, ""),
           ("text = Varchar(80)", "text = Varchar(80)\n    more = Varchar(80, null=True)"))  # fmt: skip
    found = failed(author, "-k", "described or as_its_migrations or say_what_is_a_doctors")
    assert {
        "test_everything_it_adds_is_described",
        "test_its_tables_are_as_its_migrations_make_them",
        "test_its_tables_say_what_is_a_doctors",
    } <= set(found)


def test_a_populate_that_writes_nothing_is_found(author: pytest.Pytester) -> None:
    author.makepyfile(
        test_careless=CONTRACT.replace("        await Note.insert", "        return {}\n        await Note.insert")
    )
    assert "test_populate_fills_every_table" in failed(author, "-k", "populate")
