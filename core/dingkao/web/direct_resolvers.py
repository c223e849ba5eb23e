"""Resolvers of the assembled schema, called without Strawberry's detour where the detour decides nothing.

Strawberry puts five calls between graphql-core and an attribute, and ten between it and a resolver, to convert
arguments, run extensions and handle exceptions. A field of an object type that has none of these needs none of the
calls; a list of 50 rows has a thousand such fields.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final

import strawberry
from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, GraphQLUnionType, get_named_type
from strawberry.types.field import StrawberryField

from dingkao.host.plugin_fields import info_for_plugins, is_of_plugin

# Where Strawberry leaves its own field on graphql-core's.
_BACK_REFERENCE: Final = "strawberry-definition"
# Where the direct way stands on graphql-core's field.
_DIRECT: Final = "dingkao-direct"

Resolver = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class AttributeField:
    """A field that is read from the object."""

    name: str

    def resolver(self) -> Resolver:
        """For graphql-core."""
        name = self.name

        def read(source: Any, _info: Any) -> Any:
            return getattr(source, name)

        return read


@dataclass(frozen=True, slots=True)
class MethodField:
    """A field that a method of the object gives. `info`: the parameter that takes Strawberry's info, if any; a field of
    a plugin gets the context that plugins see."""

    function: FunctionType
    info: str | None
    definition: StrawberryField
    of_plugin: bool

    def resolver(self) -> Resolver:
        """For graphql-core."""
        function, name, definition, of_plugin = self.function, self.info, self.definition, self.of_plugin
        if name is None:

            def call(source: Any, _info: Any) -> Any:
                return function(source)

            return call

        def call_with_info(source: Any, info: Any) -> Any:
            if of_plugin:
                info = info_for_plugins(info)
            return function(source, **{name: strawberry.Info(_raw_info=info, _field=definition)})

        return call_with_info


DirectField = AttributeField | MethodField


def resolve_directly(schema: GraphQLSchema) -> None:
    """Give every field that Strawberry only hands on a resolver that goes straight to the attribute or the method.

    Left as they are: root fields, fields with arguments or extensions, and fields that return a union, whose members
    may stand for exceptions.
    """
    roots = {schema.query_type, schema.mutation_type, schema.subscription_type}
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType) and kind not in roots and not kind.name.startswith("__"):
            for field in kind.fields.values():
                direct = _direct(field)
                if direct is not None:
                    field.resolve = direct.resolver()
                    field.extensions[_DIRECT] = direct


def direct_field(field: GraphQLField) -> DirectField | None:
    """How `field` is resolved directly; None where Strawberry resolves it."""
    found: DirectField | None = field.extensions.get(_DIRECT)
    return found


def _direct(field: GraphQLField) -> DirectField | None:
    definition = field.extensions.get(_BACK_REFERENCE)
    if not isinstance(definition, StrawberryField) or definition.extensions or field.args:
        return None
    if isinstance(get_named_type(field.type), GraphQLUnionType):
        return None
    if definition.base_resolver is None:
        return AttributeField(definition.python_name)
    return _method(definition, is_of_plugin(field))


def _method(definition: StrawberryField, of_plugin: bool) -> MethodField | None:
    """The method itself, where it takes the object as `self` and at most Strawberry's info."""
    resolver = definition.base_resolver
    assert resolver is not None  # noqa: S101 - asked before
    function = resolver.wrapped_func
    takes_others = resolver.root_parameter or resolver.parent_parameter or not resolver.self_parameter
    if takes_others or not isinstance(function, FunctionType):
        return None
    info = resolver.info_parameter.name if resolver.info_parameter is not None else None
    return MethodField(function, info, definition, of_plugin)
