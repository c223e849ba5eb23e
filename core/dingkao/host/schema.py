"""Building the schema: the core's subjects and the plugins add fields to types by one and the same way."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from importlib.metadata import version
from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.types.base_scalars import DateDefinition, DateTimeDefinition
from strawberry.types import get_object_definition
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField
from strawberry.types.scalar import ScalarDefinition

from dingkao.host.loading import PluginRefused
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.graphql import PROBLEM_HANDLERS


@strawberry.type(description="What can be read. 查询")
class Query:
    @strawberry.field(description="Version of this server's software. 系统版本")
    def api_version(self) -> str:
        return version("dingkao")


@strawberry.type(description="What can be done. 办理")
class Mutation:
    # GraphQL wants a field on every object; this one is what a client may call to see that it reaches the server.
    @strawberry.mutation(description="Answers true; changes nothing. 连通检查")
    def ping(self) -> bool:
        return True


_SCALARS: dict[object, ScalarDefinition] = {
    date: replace(DateDefinition, description="A day in China's civil time, as 2026-06-01 (ISO 8601). 日期"),
    datetime: replace(
        DateTimeDefinition, description="An instant with its offset, as 2026-06-01T02:00:00+00:00 (ISO 8601). 时间"
    ),
}


class AssembledSchema(strawberry.Schema):
    """A schema whose types hold the fields that were added to them; no class is changed (two schemas never mix)."""

    def __init__(self, additions: Mapping[str, Sequence[StrawberryField]], **options: Any) -> None:
        self._additions = additions
        super().__init__(**options)

    def get_fields(self, type_definition: StrawberryObjectDefinition) -> list[StrawberryField]:
        added = self._additions.get(type_definition.name, ())
        return [*type_definition.fields, *added]


def build_schema(
    contributions: Iterable[tuple[str, GraphQLContribution]],
    extra_types: Sequence[type[Any]] = (),
    handlers: Sequence[strawberry.ExceptionHandler[Any, Any]] = (),
) -> AssembledSchema:
    """The schema of the core's subjects and the plugins, in the order given; owners by name.

    Raises PluginRefused where two owners claim one field of one type, or where a contributed field is not in the
    finished schema (its target does not exist).
    """
    additions: dict[str, list[StrawberryField]] = {}
    owners: dict[tuple[str, str], str] = {}
    types: list[type[Any]] = list(extra_types)
    for owner, contribution in contributions:
        types += contribution.types
        targets: dict[str, type[Any] | None] = {
            "Query": contribution.query,
            "Mutation": contribution.mutation,
            **contribution.fields,
        }
        for target, source in targets.items():
            for field in _fields(source):
                other = owners.setdefault((target, _graphql_name(field)), owner)
                if other != owner:
                    raise PluginRefused(
                        f"field {target}.{_graphql_name(field)} is claimed by {other} and by {owner}; block one of them"
                    )
                additions.setdefault(target, []).append(field)
    schema = AssembledSchema(
        additions,
        query=Query,
        mutation=Mutation,
        types=types,
        config=StrawberryConfig(auto_camel_case=True, scalar_map=_SCALARS),
        exception_handlers=(*PROBLEM_HANDLERS, *handlers),
    )
    _check_presence(schema, owners)
    return schema


def _fields(source: type[Any] | None) -> list[StrawberryField]:
    if source is None:
        return []
    definition = get_object_definition(source, strict=True)
    return list(definition.fields)


def _graphql_name(field: StrawberryField) -> str:
    return StrawberryConfig().name_converter.get_graphql_name(field)


def _check_presence(schema: AssembledSchema, owners: Mapping[tuple[str, str], str]) -> None:
    for (target, name), owner in owners.items():
        found = schema._schema.type_map.get(target)
        fields = getattr(found, "fields", {})
        if name not in fields:
            raise PluginRefused(f"{owner} adds {target}.{name}, but the schema has no such type; name a type it has")
        # A core field and an added one with one name: the type's own field list tells.
    for target in {target for target, _ in owners}:
        definition = schema.get_type_by_name(target)
        own = [_graphql_name(field) for field in getattr(definition, "fields", [])]
        for name in own:
            if (target, name) in owners:
                raise PluginRefused(f"{owners[(target, name)]} adds {target}.{name}, which the core has already")
