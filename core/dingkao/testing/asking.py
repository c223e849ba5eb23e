"""Operations made from a schema itself: every root field with arguments that fit, whatever is added later."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_required_argument,
    print_schema,
)

from dingkao.registry import Registry
from dingkao.schema import assemble

SCALARS = {
    "Int": 1,
    "Boolean": True,
    "Date": "2026-01-05",
    "DateTime": "2026-01-05T00:00:00+00:00",
    "Float": 1.0,
}
# What stands in for a text of that name; any other gets 示范.
TEXTS = {"textVersion": "2026-1", "procedure": "GENERAL", "csv": "Question,A,B,C,D,Answer\n题,一,二,三,四,A"}
# How far a deep selection goes: an object, what it holds, and what that holds; less far where that is too much.
DEPTH = 3
# Fields of one operation: well below what the server takes (dingkao.web.limits), whose lists count manifold.
FIELDS_MAXIMUM = 150


def schema_of(registry: Registry) -> GraphQLSchema:
    """The schema that an application with these contributions serves. Raises PluginRefused."""
    return build_schema(print_schema(assemble(registry)._schema))


def root_fields(of: GraphQLSchema) -> Iterator[tuple[str, str, GraphQLField]]:
    """(`query` or `mutation`, name, field) of everything that can be asked."""
    for kind, root in (("query", of.query_type), ("mutation", of.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            yield kind, name, field


def id_arguments(field: GraphQLField) -> set[str]:
    """The names of the ids that a root field takes, those inside of its inputs included."""
    return {name for key, argument in field.args.items() for name in _ids(key, argument.type, ())}


def _ids(name: str, kind: GraphQLInputType, inside: tuple[str, ...]) -> set[str]:
    named = get_named_type(kind)
    if not isinstance(named, GraphQLInputObjectType):
        return {name} if named.name == "ID" else set()
    if named.name in inside:
        return set()
    inside = (*inside, named.name)
    return {found for key, value in named.fields.items() for found in _ids(key, value.type, inside)}


def operation(
    kind: str, name: str, field: GraphQLField, texts: Mapping[str, str], *, deep: bool = False
) -> tuple[str, dict[str, Any]]:
    """A document that asks for the field, and its variables; `texts` gives ids and texts by the argument's name. With
    `deep` everything is selected that can be, without arguments, up to three objects far."""
    required = {key: value for key, value in field.args.items() if isinstance(value.type, GraphQLNonNull)}
    variables = {key: _value(value.type, key, texts) for key, value in required.items() if key != "first"}
    declared = ", ".join(f"${key}: {required[key].type}" for key in variables)
    given = ", ".join(f"{key}: ${key}" for key in variables)
    head = f"{kind} ({declared})" if declared else kind
    selected = limited_selection(field, FIELDS_MAXIMUM) if deep else selection(field)
    return f"{head} {{ {name}{f'({given})' if given else ''} {selected} }}", variables


def selection(field: GraphQLField) -> str:
    """What to select: ids of a page's entries, the codes of problems, or the type alone."""
    named = get_named_type(field.type)
    if not hasattr(named, "fields") and not hasattr(named, "types"):
        return ""
    if named.name.endswith("Connection"):
        assert isinstance(named, GraphQLObjectType)
        edge = get_named_type(named.fields["edges"].type)
        assert isinstance(edge, GraphQLObjectType)
        node = get_named_type(edge.fields["node"].type)
        assert isinstance(node, GraphQLObjectType)
        return "{ edges { node { __typename " + ("id" if "id" in node.fields else "") + " } } }"
    members = {member.name for member in getattr(named, "types", ())}
    problems = "... on ValidationProblem { fields { path code } }" if "ValidationProblem" in members else ""
    return "{ __typename " + problems + " }"


def limited_selection(field: GraphQLField, most: int) -> str:
    """The deepest selection of at most `most` fields; the shallowest where each has more."""
    for depth in range(DEPTH, 1, -1):
        found = deep_selection(field, depth)
        if _count(found) <= most:
            return found
    return deep_selection(field, 1)


def _count(text: str) -> int:
    return len(re.findall(r"[A-Za-z_]\w*", text))


def deep_selection(field: GraphQLField, depth: int = DEPTH) -> str:
    """Everything below the field that takes no required argument, `depth` objects far; a page counts as none."""
    named = get_named_type(field.type)
    if isinstance(named, GraphQLUnionType):
        # The object, and of problems what every one has: two members may have fields of one name and two types.
        shown = [member for member in named.types if not any(of.name == "Problem" for of in member.interfaces)]
        parts = [f"... on {shown[0].name} {{ __typename {_fields(shown[0], depth)} }}"] if shown else []
        if len(shown) < len(named.types):
            parts.append("... on Problem { code message }")
        if "ValidationProblem" in {member.name for member in named.types}:
            parts.append("... on ValidationProblem { fields { path code } }")
        return "{ __typename " + " ".join(parts) + " }"
    if isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        return "{ __typename " + _fields(named, depth) + " }"
    return ""


def _fields(of: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
    chosen = []
    for name, field in of.fields.items():
        if any(is_required_argument(argument) for argument in field.args.values()):
            continue
        named = get_named_type(field.type)
        is_page = named.name.endswith(("Connection", "Edge"))
        is_object = isinstance(named, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)
        if is_object and depth <= 1 and not is_page:
            continue
        below = deep_selection(field, depth if is_page else depth - 1)
        chosen.append(f"{name} {below}")
    return " ".join(chosen)


def strings_in(value: Any) -> set[str]:
    """Every text in an answer, ids among them."""
    if isinstance(value, dict):
        return {text for part in value.values() for text in strings_in(part)}
    if isinstance(value, list):
        return {text for part in value for text in strings_in(part)}
    return {value} if isinstance(value, str) else set()


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
