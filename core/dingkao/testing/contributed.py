"""What a plugin adds to the schema, seen from outside: the schema with it, less the schema without it."""

from collections.abc import Iterator
from dataclasses import dataclass

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
)

ROOTS = ("Query", "Mutation")


@dataclass(frozen=True)
class AddedField:
    """A field that is there with the plugin and not without it; `parent` is a type that is there in any case."""

    parent: str
    name: str
    field: GraphQLField

    @property
    def place(self) -> str:
        """`Assessment.exemptions`"""
        return f"{self.parent}.{self.name}"

    @property
    def kind(self) -> str:
        """`query` or `mutation`, for a root field."""
        return self.parent.lower()


def added_fields(with_it: GraphQLSchema, without: GraphQLSchema) -> list[AddedField]:
    """The fields that the plugin adds to the core's types, the roots among them."""
    found = []
    for type_name, there in without.type_map.items():
        now = with_it.type_map[type_name]
        if not isinstance(there, GraphQLObjectType) or not isinstance(now, GraphQLObjectType):
            continue
        new = [name for name in now.fields if name not in there.fields]
        found += [AddedField(type_name, name, now.fields[name]) for name in new]
    return found


def described_places(with_it: GraphQLSchema, without: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    """Every place that the plugin adds, with its description: types, fields, arguments, input fields, values."""
    for added in added_fields(with_it, without):
        yield from _field(added.place, added.field)
    for name, kind in with_it.type_map.items():
        if name in without.type_map:
            continue
        yield name, kind.description
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field_name, field in kind.fields.items():
                yield from _field(f"{name}.{field_name}", field)
        elif isinstance(kind, GraphQLInputObjectType):
            for input_name, input_field in kind.fields.items():
                yield f"{name}.{input_name}", input_field.description
        elif isinstance(kind, GraphQLEnumType):
            for value_name, value in kind.values.items():
                yield f"{name}.{value_name}", value.description


def _field(place: str, field: GraphQLField) -> Iterator[tuple[str, str | None]]:
    yield place, field.description
    for name, argument in field.args.items():
        yield f"{place}({name})", argument.description
