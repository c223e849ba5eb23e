"""Operations made from the schema itself: every root field with arguments that fit their types."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
)

from dingkao.cli.schema import served_schema

SCALARS = {
    "Int": 1,
    "Boolean": True,
    "Date": "2026-01-05",
    "DateTime": "2026-01-05T00:00:00+00:00",
    "Float": 1.0,
}
# What stands in for a text of that name; any other gets 示范.
TEXTS = {"textVersion": "2026-1", "procedure": "GENERAL", "csv": "Question,A,B,C,D,Answer\n题,一,二,三,四,A"}


def schema() -> GraphQLSchema:
    """The served schema, from its own text."""
    return build_schema(served_schema())


def root_fields(of: GraphQLSchema) -> Iterator[tuple[str, str, GraphQLField]]:
    """(`query` or `mutation`, name, field) of everything that can be asked."""
    for kind, root in (("query", of.query_type), ("mutation", of.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            yield kind, name, field


def id_arguments(field: GraphQLField) -> set[str]:
    """The names of the ids that a root field takes, those of its input included."""
    found = set()
    for name, argument in field.args.items():
        named = get_named_type(argument.type)
        inner = named.fields.items() if isinstance(named, GraphQLInputObjectType) else [(name, argument)]
        found |= {inner_name for inner_name, value in inner if get_named_type(value.type).name == "ID"}
    return found


def operation(kind: str, name: str, field: GraphQLField, texts: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """A document that asks for the field, and its variables; `texts` gives ids and texts by the argument's name."""
    required = {key: value for key, value in field.args.items() if isinstance(value.type, GraphQLNonNull)}
    variables = {key: _value(value.type, key, texts) for key, value in required.items() if key != "first"}
    declared = ", ".join(f"${key}: {required[key].type}" for key in variables)
    given = ", ".join(f"{key}: ${key}" for key in variables)
    head = f"{kind} ({declared})" if declared else kind
    return f"{head} {{ {name}{f'({given})' if given else ''} {selection(field)} }}", variables


def selection(field: GraphQLField) -> str:
    """What to select: ids of a page's entries, the codes of problems, or the type alone."""
    named = get_named_type(field.type)
    if not hasattr(named, "fields") and not hasattr(named, "types"):
        return ""
    if named.name.endswith("Connection"):
        node = get_named_type(get_named_type(named.fields["edges"].type).fields["node"].type)
        assert isinstance(node, GraphQLObjectType)
        return "{ edges { node { __typename " + ("id" if "id" in node.fields else "") + " } } }"
    members = {member.name for member in getattr(named, "types", ())}
    problems = "... on ValidationProblem { fields { path code } }" if "ValidationProblem" in members else ""
    return "{ __typename " + problems + " }"


def _value(kind: GraphQLInputType, name: str, texts: Mapping[str, str]) -> Any:
    if isinstance(kind, GraphQLNonNull):
        return _value(kind.of_type, name, texts)
    if isinstance(kind, GraphQLList):
        return [_value(kind.of_type, name, texts)]
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        return {
            key: _value(value.type, key, texts)
            for key, value in kind.fields.items()
            if isinstance(value.type, GraphQLNonNull) or key in texts
        }
    if kind.name == "ID":
        return texts[name]
    return SCALARS.get(kind.name, texts.get(name, TEXTS.get(name, "示范")))
