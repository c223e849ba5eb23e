"""What must hold of a finished schema: one field a name, plugins' types under their prefix; and who is to blame."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import strawberry
from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_introspection_type,
    is_specified_scalar_type,
)
from strawberry.exceptions import DuplicatedTypeName
from strawberry.exceptions.scalar_already_registered import ScalarAlreadyRegisteredError
from strawberry.schema.types.scalar import DEFAULT_SCALAR_REGISTRY
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField
from strawberry.types.scalar import ScalarDefinition

from dingkao.host.refusal import Problems
from dingkao.host.results import graphql_name
from dingkao.plugin.contributions import GraphQLContribution

CORE: Final = "the core"
# Where every operation begins. Plugins add to the first two alone.
ROOTS: Final = ("Query", "Mutation", "Subscription")
# Where Strawberry leaves its own field or type on graphql-core's.
BACK_REFERENCE: Final = "strawberry-definition"

Listed = Sequence[tuple[str, GraphQLContribution]]
FieldOwners = dict[tuple[str, str], tuple[str, StrawberryField]]
Build = Callable[[Listed], strawberry.Schema]


def blame(listed: Listed, build: Build, problems: Problems) -> None:
    """Find out whose contributions keep the schema from being built: each with the core alone, then together."""
    core = [(owner, contribution) for owner, contribution in listed if owner == CORE]
    owners = dict.fromkeys(build(core)._schema.type_map, CORE)
    accepted = core
    for owner in dict.fromkeys(owner for owner, _ in listed if owner != CORE):
        own = [(name, contribution) for name, contribution in listed if name == owner]
        try:
            alone = build([*core, *own])
            build([*accepted, *own])
        except Exception as error:
            problems.add(_explained(error, owner, owners))
            continue
        accepted = [*accepted, *own]
        for name in alone._schema.type_map:
            owners.setdefault(name, owner)


def _explained(error: Exception, owner: str, owners: Mapping[str, str]) -> str:
    if isinstance(error, DuplicatedTypeName):
        name = next((word for word in str(error).split() if word in owners), "")
        if name:
            return _claimed("type", name, owners[name], owner)
    if isinstance(error, ScalarAlreadyRegisteredError) and error.scalar_definition.name in owners:
        name = error.scalar_definition.name
        return _claimed("type", name, owners[name], owner)
    first = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{owner}: its GraphQL types cannot be built: {type(error).__name__}: {first}; mend or block the plugin"


def _claimed(kind: str, name: str, other: str, owner: str) -> str:
    advice = "rename it in the plugin" if other == CORE else "block one of them"
    return f"{kind} {name} is claimed by {other} and by {owner}; {advice}"


def check_names(schema: strawberry.Schema, owners: FieldOwners, problems: Problems) -> None:
    """No type has two fields, no field two arguments, of one name after camel-casing: the later one would win. Fields
    that were added to a type by `owners` are looked at where they are claimed."""
    for kind in schema._schema.type_map.values():
        definition = kind.extensions.get(BACK_REFERENCE)
        if not isinstance(definition, StrawberryObjectDefinition):
            continue
        fields = schema.get_fields(definition)
        names = Counter(graphql_name(field) for field in fields)
        for name in (name for name, count in names.items() if count > 1 and (kind.name, name) not in owners):
            places = sorted({f"{field.origin.__module__}.{field.origin.__qualname__}" for field in fields
                             if field.origin is not None and graphql_name(field) == name})  # fmt: skip
            problems.add(
                f"type {kind.name} has two fields {name} ({' and '.join(places)}): one hides the other; rename one"
            )
        for field in fields:
            arguments = Counter(schema.config.name_converter.from_argument(argument) for argument in field.arguments)
            for name in (name for name, count in arguments.items() if count > 1):
                problems.add(f"field {kind.name}.{graphql_name(field)} has two arguments {name}; rename one")


def check_prefixes(
    schema: strawberry.Schema, listed: Listed, owners: FieldOwners, prefixes: Mapping[str, str], problems: Problems
) -> None:
    """Each type that a plugin brings begins with the plugin's prefix, and no type of the core does.

    Types only: they share one namespace, in which two authors who do not know each other meet, and their names stand in
    clients' fragments. A field stands on its type, where a second claim is refused with both owners named.
    """
    types = schema._schema.type_map
    added = {(target, name) for (target, name), (owner, _) in owners.items() if owner in prefixes}
    core = set(reached(types, ROOTS, added))
    for owner, contribution in listed:
        prefix = prefixes.get(owner)
        if prefix is None:
            continue
        starts = [
            get_named_type(its_type).name
            for (target, name), (its, _) in owners.items()
            if its == owner and isinstance(kind := types.get(target), GraphQLObjectType) and name in kind.fields
            for its_type in (kind.fields[name].type, *(argument.type for argument in kind.fields[name].args.values()))
        ]
        definitions = (getattr(kind, "__strawberry_definition__", None) for kind in contribution.types)
        starts += [definition.name for definition in definitions if definition is not None]
        own = [name for name in reached(types, starts, set(), core) if not is_shared(types[name])]
        for name in own:
            if not name.startswith(prefix):
                problems.add(
                    f"plugin {owner}: type {name} must be named {prefix}…, so that no other plugin's is like it; "
                    "rename it, or declare another graphql_prefix"
                )
        taken = sorted(name for name in core if name.startswith(prefix))
        if own and taken:
            problems.add(
                f"plugin {owner}: types of the core begin with its prefix {prefix} ({taken[0]}); declare another "
                "graphql_prefix"
            )


def reached(
    types: Mapping[str, GraphQLNamedType],
    starts: Iterable[str],
    without: set[tuple[str, str]],
    beyond: set[str] | None = None,
) -> Iterator[str]:
    """Names of types that can be reached from `starts`, by no field of `without`, not going into `beyond`."""
    seen = set(beyond or ())
    waiting = [name for name in starts if name not in seen]
    while waiting:
        name = waiting.pop()
        kind = types.get(name)
        if name in seen or kind is None or is_introspection_type(kind):
            continue
        seen.add(name)
        yield name
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            waiting += [interface.name for interface in kind.interfaces]
            for field_name, field in kind.fields.items():
                if (name, field_name) not in without:
                    waiting.append(get_named_type(field.type).name)
                    waiting += [get_named_type(argument.type).name for argument in field.args.values()]
        elif isinstance(kind, GraphQLInputObjectType):
            waiting += [get_named_type(field.type).name for field in kind.fields.values()]
        elif isinstance(kind, GraphQLUnionType):
            waiting += [member.name for member in kind.types]


def is_shared(kind: GraphQLNamedType) -> bool:
    """Whether a type that the core does not use so far is none the less no plugin's: a class of the core, a list that a
    generic one makes, or a scalar that comes with GraphQL or Strawberry."""
    if is_specified_scalar_type(kind):
        return True
    definition: Any = kind.extensions.get(BACK_REFERENCE)
    if isinstance(definition, ScalarDefinition):
        return any(definition.name == known.name for known in DEFAULT_SCALAR_REGISTRY.values())
    if isinstance(definition, StrawberryObjectDefinition):
        made_from = definition.concrete_of or definition
        return bool(made_from.origin.__module__.startswith("dingkao."))
    if isinstance(definition, StrawberryEnumDefinition):
        return bool(definition.wrapped_cls.__module__.startswith("dingkao."))
    return False
