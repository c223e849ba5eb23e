"""Which fields of the finished schema are plugins', and what their resolvers see of a request."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from graphql import GraphQLField, GraphQLObjectType, GraphQLResolveInfo
from strawberry.types.base import StrawberryObjectDefinition

from dingkao.context import CoreContext, CoreInfo

_MARK: Final = "dingkao-plugin"
_BACK_REFERENCE: Final = "strawberry-definition"


def info_for_plugins(info: GraphQLResolveInfo[Any]) -> GraphQLResolveInfo[Any]:
    """The same info with the context that plugins see."""
    context = info.context
    return info._replace(context=context.for_plugins()) if isinstance(context, CoreContext) else info


def plugin_info(info: CoreInfo) -> Any:
    """A resolver's info as plugins see it."""
    return replace(info, _raw_info=info_for_plugins(info._raw_info))


def is_of_plugin(field: GraphQLField) -> bool:
    """Whether a plugin brought the field."""
    return _MARK in field.extensions


def hand_plugins_their_context(
    types: Collection[object], added: Collection[tuple[str, str]], core_types: Collection[str]
) -> None:
    """Mark every field that plugins bring, those that they add to types (`added`: type and field) and those of types
    that are not the core's, and let its resolver see what plugins see."""
    for kind in types:
        if not isinstance(kind, GraphQLObjectType):
            continue
        definition = kind.extensions.get(_BACK_REFERENCE)
        if not isinstance(definition, StrawberryObjectDefinition):
            continue
        for name, field in kind.fields.items():
            if (kind.name, name) in added or kind.name not in core_types:
                _mark(field)


def _mark(field: GraphQLField) -> None:
    field.extensions[_MARK] = True
    resolve = field.resolve
    if resolve is None:
        return

    def resolve_for_plugin(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        return resolve(source, info_for_plugins(info), **arguments)

    field.resolve = resolve_for_plugin
