"""Finding plugins, checking them, and collecting what they contribute. Whatever is wrong refuses the start by name."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy
from packaging.requirements import InvalidRequirement, Requirement

from dingkao.plugin import PLUGIN_API
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.hookspecs import PROJECT, Hooks
from dingkao.plugin.national import CORE_SECTIONS
from dingkao.plugin.policy import PolicyLayer, PolicySection
from dingkao.plugin.ports import PortSlot
from dingkao.registry import LoadedPlugin, Registry

GROUP = "dingkao"


class PluginRefused(RuntimeError):
    """The start is refused because of a plugin; the message names it and says what to do."""


@dataclass(frozen=True)
class FoundPlugin:
    """A plugin object with the name and distribution it was found under."""

    name: str
    distribution: str
    version: str
    plugin: object


def find_plugins(blocked: Sequence[str] = ()) -> list[FoundPlugin]:
    """Import every plugin of the entry-point group that is not blocked, sorted by name.

    A blocked plugin's code is never imported. Raises PluginRefused for two with one name, and for imports that fail,
    all of them named in one message.
    """
    points = sorted((p for p in entry_points(group=GROUP) if p.name not in blocked), key=lambda p: (p.name, p.value))
    _refuse_twins(points)
    found, failures = [], []
    for point in points:
        try:
            plugin = point.load()
        except Exception as error:
            failures.append(f"plugin {point.name} ({point.value}) cannot be imported: {type(error).__name__}: {error}")
            continue
        found.append(FoundPlugin(point.name, *_origin(point), plugin))
    if failures:
        advice = "mend or uninstall it, or block it with DINGKAO_PLUGINS_BLOCKED"
        raise PluginRefused("; ".join([*failures, advice]))
    return found


def _origin(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("", "")


def _refuse_twins(points: Sequence[EntryPoint]) -> None:
    # An editable install may list one entry point twice; only a different target is a conflict.
    targets: dict[str, EntryPoint] = {}
    for point in points:
        other = targets.setdefault(point.name, point)
        if other.value != point.value:
            raise PluginRefused(
                f"two distributions name a plugin {point.name}: {_origin(other)[0]} ({other.value}) and "
                f"{_origin(point)[0]} ({point.value}); uninstall one of them"
            )


def check_required(found: Sequence[FoundPlugin], required: Iterable[str]) -> None:
    """Check `required` (requirements as `name>=1.0`) against what was found. Raises PluginRefused."""
    by_name = {plugin.name: plugin for plugin in found}
    for text in required:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise PluginRefused(f"DINGKAO_PLUGINS_REQUIRED: {text!r} is not name[>=version]: {error}") from None
        plugin = by_name.get(requirement.name)
        if plugin is None:
            raise PluginRefused(f"required plugin {requirement.name} is not installed or is blocked; install it")
        if not requirement.specifier.contains(plugin.version, prereleases=True):
            raise PluginRefused(
                f"required plugin {plugin.name} is version {plugin.version} of {plugin.distribution}, "
                f"but {requirement.specifier} is required; install a fitting version"
            )


def build_registry(found: Sequence[FoundPlugin]) -> Registry:
    """Register the plugins and collect their contributions in the order of their names. Raises PluginRefused."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    contributed: dict[str, dict[str, Any]] = {}
    unique = {plugin.name: plugin for plugin in sorted(found, key=lambda plugin: plugin.name)}
    for name, plugin in unique.items():
        _check_shape(plugin)
        try:
            manager.register(plugin.plugin, name)
            manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginRefused(f"plugin {name} does not fit the hooks: {error}") from error
        contributed[name] = _call_hooks(manager, name)
    return _merge(unique, contributed)


def _check_shape(plugin: FoundPlugin) -> None:
    if inspect.isclass(plugin.plugin):
        raise PluginRefused(f"plugin {plugin.name} is a class; its entry point must name an instance of it")
    version = getattr(plugin.plugin, "plugin_api", None)
    if version != PLUGIN_API:
        raise PluginRefused(
            f"plugin {plugin.name} is made for plugin API {version}, this host has {PLUGIN_API}; "
            "install a version of it made for this one"
        )
    for name in dir(plugin.plugin):
        attribute: Any = getattr(plugin.plugin, name, None)
        if not hasattr(attribute, f"{PROJECT}_impl"):
            continue
        if inspect.iscoroutinefunction(attribute):
            raise PluginRefused(f"plugin {plugin.name}: hook {name} is async def; hooks are declarations, use def")
        defaults = [p.name for p in inspect.signature(attribute).parameters.values() if p.default is not p.empty]
        if defaults:
            raise PluginRefused(f"plugin {plugin.name}: hook {name} gives {defaults[0]} a default, never filled in")


def _call_hooks(manager: pluggy.PluginManager, name: str) -> dict[str, Any]:
    others = [plugin for plugin in manager.get_plugins() if manager.get_name(plugin) != name]
    results: dict[str, Any] = {}
    for hook in ("procedures", "policy_sections", "policy_layers", "exemption_conditions", "actions",
                 "requirements", "graphql", "tables", "migrations", "ports"):  # fmt: skip
        caller = manager.subset_hook_caller(hook, remove_plugins=others)
        try:
            answers = [answer for answer in caller() if answer is not None]
        except Exception as error:
            raise PluginRefused(f"plugin {name}: hook {hook} failed: {type(error).__name__}: {error}") from error
        if answers:
            results[hook] = answers[0]
    return results


def _merge(plugins: Mapping[str, FoundPlugin], contributed: Mapping[str, Mapping[str, Any]]) -> Registry:
    sections = list(CORE_SECTIONS)
    owners: dict[tuple[str, str], str] = {("policy section", section.name): "the core" for section in sections}

    def claim(kind: str, key: str, owner: str) -> None:
        other = owners.get((kind, key))
        if other == owner:
            raise PluginRefused(
                f"{kind} {key} is claimed twice by plugin {owner}; install a version that names it once"
            )
        if other is not None:
            raise PluginRefused(f"{kind} {key} is claimed by {other} and by plugin {owner}; block one of them")
        owners[(kind, key)] = owner

    procedures, conditions, ports = {}, {}, {}
    actions, requirements, layers, graphql, tables, migrations = [], [], [], [], [], []
    for name, parts in contributed.items():
        for procedure in parts.get("procedures", ()):
            claim("procedure", procedure.code, name)
            procedures[procedure.code] = procedure
        for condition in parts.get("exemption_conditions", ()):
            claim("exemption condition", condition.code, name)
            conditions[condition.code] = condition
        for action in parts.get("actions", ()):
            claim("action", action.code, name)
            actions.append(action)
        for requirement in parts.get("requirements", ()):
            claim("requirement", requirement.code, name)
            requirements.append(requirement)
        for section in parts.get("policy_sections", ()):
            claim("policy section", section.name, name)
            sections.append(section)
        for layer in parts.get("policy_layers", ()):
            place = layer.region if layer.organisation is None else f"{layer.region}, {layer.organisation}"
            for key in layer.values:
                claim("policy key in region", f"{place}: {key}", name)
            layers.append(replace(layer, plugin=name, plugin_version=plugins[name].version))
        for slot, port in parts.get("ports", {}).items():
            claim("port", PortSlot(slot).value, name)
            ports[PortSlot(slot)] = port
        for table in parts.get("tables", ()):
            table_name = table._meta.tablename
            if not table_name.startswith(f"{name}_"):
                raise PluginRefused(f"plugin {name}: table {table_name} must be named {name}_…")
            claim("table", table_name, name)
            tables.append(table)
        if "migrations" in parts:
            if parts["migrations"].owner != name:
                raise PluginRefused(f"plugin {name}: its migrations are owned by {parts['migrations'].owner}")
            migrations.append(parts["migrations"])
        if "graphql" in parts:
            contribution: GraphQLContribution = parts["graphql"]
            graphql.append((name, contribution))
    return Registry(
        plugins=[
            LoadedPlugin(name, plugin.distribution, plugin.version, tuple(contributed[name]))
            for name, plugin in plugins.items()
        ],
        procedures=procedures,
        exemption_conditions=conditions,
        actions=actions,
        requirements=requirements,
        sections=sections,
        layers=[layer for layer in layers if _is_complete(layer, sections)],
        graphql=graphql,
        tables=tables,
        migrations=migrations,
        ports=ports,
    )


def _is_complete(layer: PolicyLayer, sections: Iterable[type[PolicySection]]) -> bool:
    return {section.name for section in sections}.issuperset(layer.needs)
