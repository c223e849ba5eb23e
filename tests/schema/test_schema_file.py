"""schema.graphql is what is served: complete, sorted, described in every place."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    introspection_types,
    is_specified_scalar_type,
)

from dingkao.application import load_registry
from dingkao.cli.schema import served_schema
from dingkao.schema import assemble
from dingkao.settings import Settings

FILE = Path(__file__).parents[2] / "schema.graphql"
CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return assemble(load_registry(Settings()))._schema


def test_the_file_is_what_is_served() -> None:
    # Where this fails: `dingkao schema --output schema.graphql`, and look at the difference.
    assert FILE.read_text(encoding="utf-8") == served_schema()


def test_the_file_builds_a_schema_of_its_own() -> None:
    assert build_schema(FILE.read_text(encoding="utf-8")).query_type is not None


def places(schema: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    """Every place of the schema that is ours, with its description."""
    for name, kind in schema.type_map.items():
        if name in introspection_types or is_specified_scalar_type(kind):
            continue
        # Query and Mutation are named by the language itself.
        if kind not in (schema.query_type, schema.mutation_type):
            yield name, kind.description
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field_name, field in kind.fields.items():
                yield f"{name}.{field_name}", field.description
                for argument_name, argument in field.args.items():
                    yield f"{name}.{field_name}({argument_name})", argument.description
        elif isinstance(kind, GraphQLInputObjectType):
            for field_name, input_field in kind.fields.items():
                yield f"{name}.{field_name}", input_field.description
        elif isinstance(kind, GraphQLEnumType):
            for value_name, value in kind.values.items():
                yield f"{name}.{value_name}", value.description


def test_every_place_is_described_with_its_chinese_term(schema: GraphQLSchema) -> None:
    bare = [place for place, description in places(schema) if not description or not CHINESE.search(description)]
    assert bare == []


def test_every_description_is_in_english_too(schema: GraphQLSchema) -> None:
    for place, description in places(schema):
        assert description
        assert re.search("[A-Za-z]", description), place


def test_a_mutation_takes_one_input_and_gives_an_object_or_a_union(schema: GraphQLSchema) -> None:
    assert schema.mutation_type is not None
    for name, field in schema.mutation_type.fields.items():
        if name == "ping":
            # It does nothing, and says so.
            continue
        assert set(field.args) <= {"input"}, name
        for argument in field.args.values():
            assert isinstance(argument.type, GraphQLNonNull), name
            assert isinstance(get_named_type(argument.type), GraphQLInputObjectType), name
        assert isinstance(field.type, GraphQLNonNull), name
        assert isinstance(field.type.of_type, GraphQLObjectType | GraphQLUnionType), name


def test_a_union_of_a_mutation_is_one_success_and_typed_problems(schema: GraphQLSchema) -> None:
    assert schema.mutation_type is not None
    problem = schema.type_map["Problem"]
    assert isinstance(problem, GraphQLInterfaceType)
    unions = 0
    for name, field in schema.mutation_type.fields.items():
        union = get_named_type(field.type)
        if not isinstance(union, GraphQLUnionType):
            continue
        unions += 1
        problems = [member for member in union.types if problem in member.interfaces]
        assert len(union.types) - len(problems) == 1, name
        assert union.types[0] not in problems, f"{name}: the success stands first"
        assert problems, f"{name}: what may go wrong is data"
    assert unions > 20


def test_every_problem_has_code_and_message(schema: GraphQLSchema) -> None:
    problems = [name for name in schema.type_map if name.endswith("Problem") and name != "Problem"]
    assert {"ValidationProblem", "StateProblem", "NotEligibleProblem", "ConflictProblem"} <= set(problems)
    for name in problems:
        kind = schema.type_map[name]
        assert isinstance(kind, GraphQLObjectType)
        assert {"code", "message"} <= set(kind.fields), name


def test_lists_are_pages_with_first_and_after(schema: GraphQLSchema) -> None:
    for kind in schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType):
            continue
        for name, field in kind.fields.items():
            if get_named_type(field.type).name.endswith("Connection"):
                assert {"first", "after"} <= set(field.args), f"{kind.name}.{name}"


def test_ids_are_ids_and_never_numbers(schema: GraphQLSchema) -> None:
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLObjectType | GraphQLInputObjectType | GraphQLInterfaceType):
            for field_name, field in kind.fields.items():
                named = get_named_type(field.type).name
                if field_name == "id" or field_name.endswith(("Id", "Ids")):
                    expected = "String" if field_name == "requestId" else "ID"
                    assert named == expected, f"{name}.{field_name}"


def test_no_place_could_show_a_right_answer(schema: GraphQLSchema) -> None:
    # What a client may read of a question is its number, text and options; of an answer only its own.
    shown = {
        name: set(kind.fields)
        for name, kind in schema.type_map.items()
        if isinstance(kind, GraphQLObjectType) and ("Question" in name or "Answer" in name or name == "Attempt")
    }
    assert shown["AttemptQuestion"] == {
        "position", "type", "group", "sharedStem", "stem", "options", "pictures", "answer",
    }  # fmt: skip
    assert shown["QuestionOption"] == {"key", "text"}
    assert shown["SavedAnswer"] == {"position", "choice", "sequence", "savedAt"}
    suspicious = re.compile("right|correct|solution|answerKey", re.IGNORECASE)
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLObjectType) and name not in introspection_types:
            for field_name in kind.fields:
                assert not suspicious.search(field_name), f"{name}.{field_name}"
