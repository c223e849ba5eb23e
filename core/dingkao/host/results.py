"""What hooks return: of which shape it has to be, and under which names it is listed."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from strawberry.schema.config import StrawberryConfig
from strawberry.types import get_object_definition
from strawberry.types.field import StrawberryField

from dingkao.db.migrations import MigrationSet
from dingkao.db.tables import Record
from dingkao.plugin.contributions import ActionRule, ExemptionCondition, GraphQLContribution, Procedure
from dingkao.plugin.policy import PolicyLayer, PolicySection
from dingkao.plugin.ports import PORT_RULES, PortSlot
from dingkao.plugin.requirements import Requirement
from dingkao.plugin.settings import PluginSettings
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import PaperSubject

_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_NAMES = StrawberryConfig().name_converter

Check = Callable[[Any], str | None]


def graphql_name(field: StrawberryField) -> str:
    """The name under which the API shows a field: its alias, or its Python name in camel case."""
    return _NAMES.get_graphql_name(field)


def added_fields(contribution: GraphQLContribution) -> Iterator[tuple[str, StrawberryField]]:
    """Every field that a contribution adds, with the type it is added to."""
    sources = [("Query", contribution.query), ("Mutation", contribution.mutation), *contribution.fields.items()]
    for target, source in sources:
        if source is not None:
            yield from ((target, field) for field in get_object_definition(source, strict=True).fields)


def place_of(layer: PolicyLayer) -> str:
    """Where a layer is in force: its region, and the organisation where it is one's."""
    return layer.region if layer.organisation is None else f"{layer.region}, {layer.organisation}"


def what_is_wrong(hook: str, result: Any) -> str | None:
    """Why `result` is not what `hook` returns, as the end of a sentence; None where it is."""
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        return "returned an awaitable; hooks are declarations, return the result itself"
    if hook in _SINGLE:
        return _SINGLE[hook](result)
    if hook == "ports":
        return _wrong_ports(result)
    due, check = _EACH[hook]
    if isinstance(result, str) or not isinstance(result, Sequence):
        return f"returned a {type(result).__name__}, where a list of {due} is due"
    for place, item in enumerate(result):
        wrong = check(item)
        if wrong is not None:
            return f"returned at place {place} {wrong}"
    return None


def names_in(hook: str, result: Any) -> Sequence[str]:
    """What a checked result contributes, by the names that people know it by."""
    match hook:
        case "procedures" | "exemption_conditions" | "actions" | "requirements":
            return [item.code for item in result]
        case "policy_sections":
            return [section.name for section in result]
        case "policy_layers":
            return [f"{place_of(layer)}: {key}" for layer in result for key in layer.values]
        case "tables":
            return [table._meta.tablename for table in result]
        case "migrations":
            return [result.package]
        case "ports":
            return [PortSlot(slot).value for slot in result]
        case "settings":
            return [name.upper() for name in result.model_fields]
        case "graphql":
            return [f"{target}.{graphql_name(field)}" for target, field in added_fields(result)]
        case _:
            return []


def _instance(item: Any, due: type, name: str) -> str | None:
    if inspect.isclass(item):
        return f"the class {item.__name__}, where an instance of {name} is due"
    if not isinstance(item, due):
        return f"an object of {type(item).__name__}, which is no {name}"
    return None


def _wrong_code(item: Any) -> str | None:
    if not isinstance(item.code, str) or not _CODE.fullmatch(item.code):
        return f"the code {item.code!r}; a code is upper case with underscores, at most 40 characters"
    if not isinstance(item.title, Text):
        return f"{item.code} with a title that is no Text"
    return None


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _wrong_procedure(item: Any) -> str | None:
    if wrong := _instance(item, Procedure, "Procedure"):
        return wrong
    for method in ("ineligibility", "requirements", "papers"):
        if not callable(getattr(item, method)) or _is_async(getattr(item, method)):
            return f"procedure {item.code} whose {method} is no plain method; it decides at once, use def"
    if not isinstance(item.description, Text):
        return f"procedure {item.code} with a description that is no Text"
    return _wrong_code(item)


def _wrong_condition(item: Any) -> str | None:
    if wrong := _instance(item, ExemptionCondition, "ExemptionCondition"):
        return wrong
    if not isinstance(item.waives, Mapping) or not all(isinstance(s, PaperSubject) for s in item.waives.values()):
        return f"condition {item.code} whose `waives` is no mapping of a procedure's code to a PaperSubject"
    if not callable(item.against) or _is_async(item.against):
        return f"condition {item.code} whose `against` is no plain function"
    return _wrong_code(item)


def _wrong_action(item: Any) -> str | None:
    if wrong := _instance(item, ActionRule, "ActionRule"):
        return wrong
    if not callable(item.against) or _is_async(item.against):
        return f"action {item.code} whose `against` is no plain function"
    return _wrong_code(item)


def _wrong_requirement(item: Any) -> str | None:
    if wrong := _instance(item, Requirement, "Requirement"):
        return wrong
    if not inspect.iscoroutinefunction(item.unmet):
        return f"requirement {item.code} whose `unmet` is not async def"
    return _wrong_code(item)


def _wrong_section(item: Any) -> str | None:
    if not inspect.isclass(item) or not issubclass(item, PolicySection):
        return f"{_shown(item)}, where a subclass of PolicySection is due"
    if not isinstance(getattr(item, "name", None), str) or not item.name:
        return f"the section {item.__name__} without a name"
    lacking = [name for name, field in item.model_fields.items() if field.is_required()]
    if lacking:
        return f"the section {item.name} whose key {lacking[0]} has no default; the default is the national rule"
    return None


def _wrong_layer(item: Any) -> str | None:
    if wrong := _instance(item, PolicyLayer, "PolicyLayer"):
        return wrong
    if not isinstance(item.values, Mapping) or not all(isinstance(key, str) for key in item.values):
        return f"layer {item.source} whose `values` is no mapping of section.key to a value"
    if isinstance(item.needs, str):
        return f"layer {item.source} whose `needs` is a text; write a tuple of section names"
    return None


def _wrong_table(item: Any) -> str | None:
    if not inspect.isclass(item) or not issubclass(item, Record):
        return f"{_shown(item)}, where a subclass of Record is due"
    return None


def _wrong_migrations(item: Any) -> str | None:
    wrong = _instance(item, MigrationSet, "MigrationSet")
    return f"returned {wrong}" if wrong else None


def _wrong_settings(item: Any) -> str | None:
    if not inspect.isclass(item) or not issubclass(item, PluginSettings):
        return f"returned {_shown(item)}, where a subclass of PluginSettings is due"
    for name, field in item.model_fields.items():
        if not field.description:
            return f"returned the setting {name} without a description"
        if field.alias is not None or field.validation_alias is not None:
            return f"returned the setting {name} with an alias; its variable is named after the plugin and the field"
    return None


def _wrong_graphql(item: Any) -> str | None:
    if wrong := _instance(item, GraphQLContribution, "GraphQLContribution"):
        return f"returned {wrong}"
    if not isinstance(item.fields, Mapping):
        return "returned `fields` that are no mapping of a type's name to a class"
    if "Subscription" in item.fields:
        return (
            "returned fields for Subscription, which is the core's alone: each subscription holds a connection and is "
            "bounded as a whole; contribute a query, which clients ask again"
        )
    for target, source in [("Query", item.query), ("Mutation", item.mutation), *item.fields.items()]:
        if source is not None and get_object_definition(source) is None:
            return f"returned for {target} {_shown(source)}, where a class made with @strawberry.type is due"
    return None


def _wrong_ports(result: Any) -> str | None:
    if not isinstance(result, Mapping):
        return f"returned a {type(result).__name__}, where a mapping of PortSlot to objects is due"
    for slot, port in result.items():
        if slot not in set(PortSlot):
            return f"returned an object for the port {slot!r}; there are {', '.join(PortSlot)}"
        protocol = PORT_RULES[PortSlot(slot)].protocol
        wrong = _instance(port, protocol, protocol.__name__)
        if wrong is not None:
            return f"returned for the port {PortSlot(slot).value} {wrong}"
        for name, method in vars(protocol).items():
            if inspect.iscoroutinefunction(method) and not inspect.iscoroutinefunction(getattr(port, name)):
                return f"returned for the port {PortSlot(slot).value} an object whose {name} is not async def"
    return None


def _shown(item: Any) -> str:
    return f"the class {item.__name__}" if inspect.isclass(item) else f"an object of {type(item).__name__}"


_SINGLE: Final[Mapping[str, Check]] = {
    "graphql": _wrong_graphql,
    "migrations": _wrong_migrations,
    "settings": _wrong_settings,
}
_EACH: Final[Mapping[str, tuple[str, Check]]] = {
    "procedures": ("Procedure", _wrong_procedure),
    "policy_sections": ("PolicySection classes", _wrong_section),
    "policy_layers": ("PolicyLayer", _wrong_layer),
    "exemption_conditions": ("ExemptionCondition", _wrong_condition),
    "actions": ("ActionRule", _wrong_action),
    "requirements": ("Requirement", _wrong_requirement),
    "tables": ("Record classes", _wrong_table),
}
