"""Building the schema: the core's subjects and the plugins add fields to types by one and the same way."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from importlib.metadata import version
from typing import Any

import strawberry
from graphql import GraphQLObjectType
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.types.base_scalars import DateDefinition, DateTimeDefinition
from strawberry.types import get_object_definition
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField
from strawberry.types.scalar import ScalarDefinition

from dingkao.host.plugin_fields import hand_plugins_their_context
from dingkao.host.refusal import Problems
from dingkao.host.results import added_fields, graphql_name
from dingkao.host.schema_checks import (
    BACK_REFERENCE,
    CORE,
    ROOTS,
    FieldOwners,
    blame,
    check_names,
    check_prefixes,
    is_shared,
    reached,
)
from dingkao.plugin.contributions import GraphQLContribution, LoadNode
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
        # How `node` loads an object, by the name in its id.
        self.nodes: Mapping[str, LoadNode] = {}
        super().__init__(**options)

    def get_fields(self, type_definition: StrawberryObjectDefinition) -> list[StrawberryField]:
        added = self._additions.get(type_definition.name, ())
        return [*type_definition.fields, *added]


def build_schema(
    contributions: Iterable[tuple[str, GraphQLContribution]],
    extra_types: Sequence[type[Any]] = (),
    handlers: Sequence[strawberry.ExceptionHandler[Any, Any]] = (),
    prefixes: Mapping[str, str] | None = None,
    subscription: type[Any] | None = None,
) -> AssembledSchema:
    """The schema of the core's subjects and the plugins, in the order given; owners by name. `prefixes` says what the
    types of each plugin begin with. `subscription` is the core's alone.

    Raises PluginRefused, with all of it, where a field or a type has two owners or two fields of a type one name, where
    a contributed field or type is not in the finished schema, or a type lacks its plugin's prefix.
    """
    listed = list(contributions)
    problems = Problems()
    owners, additions = _claim_fields(listed, problems)
    try:
        schema = _construct(listed, additions, extra_types, handlers, subscription)
    except Exception:
        blame(
            listed,
            lambda some: _construct(some, _claim_fields(some, Problems())[1], extra_types, handlers, subscription),
            problems,
        )
        problems.refuse()
        raise
    _check_presence(schema, listed, owners, problems)
    check_names(schema, owners, problems)
    check_prefixes(schema, listed, owners, prefixes or {}, problems)
    problems.refuse()
    added = {place for place, (owner, _) in owners.items() if owner != CORE}
    types = schema._schema.type_map
    core_types = set(reached(types, ROOTS, added))
    # A type that only plugins use may be the core's own class none the less.
    core_types |= {name for name, kind in types.items() if is_shared(kind)}
    hand_plugins_their_context(types.values(), added, core_types)
    return schema


def _construct(
    listed: Sequence[tuple[str, GraphQLContribution]],
    additions: Mapping[str, Sequence[StrawberryField]],
    extra_types: Sequence[type[Any]],
    handlers: Sequence[strawberry.ExceptionHandler[Any, Any]],
    subscription: type[Any] | None,
) -> AssembledSchema:
    return AssembledSchema(
        additions,
        query=Query,
        mutation=Mutation,
        subscription=subscription,
        types=[*extra_types, *(kind for _, contribution in listed for kind in contribution.types)],
        config=StrawberryConfig(auto_camel_case=True, scalar_map=_SCALARS),
        exception_handlers=(*PROBLEM_HANDLERS, *handlers),
    )


def _claim_fields(
    listed: Sequence[tuple[str, GraphQLContribution]], problems: Problems
) -> tuple[FieldOwners, Mapping[str, Sequence[StrawberryField]]]:
    """The owner and the field behind each `(type, name)`, and the fields to be added to each type. The names are those
    that clients see: after camel-casing, aliases counted."""
    owners: FieldOwners = {}
    additions: dict[str, list[StrawberryField]] = {}
    for owner, contribution in listed:
        for target, field in added_fields(contribution):
            name = graphql_name(field)
            other, _ = owners.get((target, name), ("", None))
            if not other:
                owners[(target, name)] = (owner, field)
                additions.setdefault(target, []).append(field)
            elif other == owner:
                problems.add(f"field {target}.{name} is claimed twice by {owner}; rename one of the two")
            else:
                problems.add(f"field {target}.{name} is claimed by {other} and by {owner}; block one of them")
    return owners, additions


def _check_presence(
    schema: AssembledSchema,
    listed: Sequence[tuple[str, GraphQLContribution]],
    owners: FieldOwners,
    problems: Problems,
) -> None:
    known = schema._schema.type_map
    for (target, name), (owner, field) in owners.items():
        found = known.get(target)
        if found is None:
            problems.add(f"{owner} adds {target}.{name}, but the schema has no such type; name a type it has")
        elif not isinstance(found, GraphQLObjectType):
            problems.add(
                f"{owner} adds {target}.{name}, but {target} is no object type; fields go to object types alone"
            )
        elif name in _own_names(schema, target):
            problems.add(f"{owner} adds {target}.{name}, which the core has already; rename it")
        elif found.fields[name].extensions.get(BACK_REFERENCE) is not field:
            problems.add(f"{owner} adds {target}.{name}, but another field stands there; mend or block the plugin")
    for owner, contribution in listed:
        for kind in contribution.types:
            definition = get_object_definition(kind)
            if definition is not None and schema.get_type_by_name(definition.name) is not definition:
                problems.add(f"{owner} contributes the type {definition.name}, which is not in the schema; rename it")


def _own_names(schema: AssembledSchema, target: str) -> set[str]:
    """The names of the fields that a type has without additions."""
    return {graphql_name(field) for field in getattr(schema.get_type_by_name(target), "fields", ())}
