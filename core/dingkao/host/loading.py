"""From plugin objects to the registry: each is checked, its hooks are called, and what they return is put together.

Whatever is wrong, with whichever plugin, is gathered and refuses the start in one message.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dingkao.db.guarding import core_tables
from dingkao.host.claims import Claims, Contributed, merge
from dingkao.host.finding import GROUP, FoundPlugin, check_name, check_required, find_plugins
from dingkao.host.hooks import HOOKS, CheckedPlugin, check_plugin
from dingkao.host.imports import foreign_imports_of
from dingkao.host.refusal import PluginRefused, Problems
from dingkao.host.results import names_in
from dingkao.host.settings import declared, prefix_of, read
from dingkao.migrations import CORE_TABLES
from dingkao.plugin import PLUGIN_API
from dingkao.plugin.settings import PluginSettings
from dingkao.registry import Contribution, LoadedPlugin, Registry
from dingkao.settings import BadSettings

__all__ = ["GROUP", "FoundPlugin", "PluginRefused", "Problems", "build_registry", "check_required", "find_plugins"]

_PREFIX = re.compile(r"[A-Z][A-Za-z0-9]*")


def build_registry(found: Sequence[FoundPlugin], problems: Problems | None = None, *, trace: bool = False) -> Registry:
    """Check the plugins, call their hooks in the order of their names, and put the contributions together.

    What is wrong goes into `problems`; without them it raises PluginRefused. Raises BadSettings where nothing but
    values of plugins' settings is wrong. With `trace` each hook call is logged with its results.
    """
    gathered = Problems() if problems is None else problems
    claims = Claims(gathered)
    unique = {plugin.name: plugin for plugin in sorted(found, key=lambda plugin: plugin.name)}
    prefixes: dict[str, str] = {}
    contributed: dict[str, Contributed] = {}
    values: dict[str, PluginSettings] = {}
    unusable: list[str] = []
    core_names = {table._meta.tablename for table in CORE_TABLES} | core_tables()
    for name, plugin in unique.items():
        check_name(name, core_names, gathered)
        if name in gathered.broken:
            continue
        for sentence in foreign_imports_of(plugin.module):
            gathered.add(f"plugin {name}: {sentence}", broken=name)
        if not check_plugin(plugin, gathered):
            continue
        prefixes[name] = _prefix(plugin, prefixes, gathered)
        parts, bad_values = _contributions(plugin, gathered, claims, values, trace)
        unusable += bad_values
        contributed[name] = Contributed(name, plugin.version, parts)
    registry = merge(contributed, claims, tuple(unique))
    if not len(gathered) and unusable:
        raise BadSettings("; ".join(unusable))
    for sentence in unusable:
        gathered.add(sentence)
    if problems is None:
        gathered.refuse()
    plugins = [
        LoadedPlugin(
            name,
            unique[name].distribution,
            unique[name].version,
            tuple(contribution.hook for contribution in listed),
            PLUGIN_API,
            listed,
            tuple(layer for layer in registry.layers if layer.plugin == name),
            prefixes[name],
        )
        for name, listed in ((name, _listed(name, parts.parts)) for name, parts in contributed.items())
    ]
    return registry.with_plugins(plugins, values)


def _contributions(
    plugin: FoundPlugin, problems: Problems, claims: Claims, values: dict[str, PluginSettings], trace: bool
) -> tuple[Mapping[str, Any], Sequence[str]]:
    """What each hook returned, without those that returned nothing, and a line for each setting without a usable
    value; the values go into `values`."""
    checked = CheckedPlugin(plugin, problems, trace)
    parts: dict[str, Any] = {}
    kind = checked.call("settings")
    unusable: Sequence[str] = ()
    if kind is not None:
        parts["settings"] = kind
        for setting in declared(plugin.name, kind):
            claims.claim("setting", setting.variable, plugin.name)
        own, unusable = read(plugin.name, kind)
        if own is not None:
            values[plugin.name] = own
    for hook in HOOKS:
        if hook == "settings":
            continue
        if hook == "ports":
            # Without the settings that it declares, a port cannot be made.
            answer = None if unusable else checked.call("ports", settings=values.get(plugin.name))
        else:
            answer = checked.call(hook)
        if answer is not None:
            parts[hook] = answer
    return parts, unusable


def _prefix(plugin: FoundPlugin, taken: Mapping[str, str], problems: Problems) -> str:
    """What the plugin's GraphQL types begin with: its `graphql_prefix`, or its name in camel case."""
    prefix = getattr(plugin.plugin, "graphql_prefix", None) or "".join(
        word.capitalize() for word in plugin.name.split("_")
    )
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        problems.add(f"plugin {plugin.name}: graphql_prefix {prefix!r} is no word in camel case, as NightShift")
        return plugin.name
    for other, its in taken.items():
        if its == prefix:
            problems.add(
                f"GraphQL prefix {prefix} is claimed by {other} and by plugin {plugin.name}; block one of them, or ask "
                "its author for another graphql_prefix"
            )
    return prefix


def _listed(name: str, parts: Mapping[str, Any]) -> tuple[Contribution, ...]:
    def names(hook: str, result: Any) -> tuple[str, ...]:
        prefix = prefix_of(name) if hook == "settings" else ""
        return tuple(f"{prefix}{item}" for item in names_in(hook, result))

    return tuple(Contribution(hook, names(hook, parts[hook])) for hook in HOOKS if hook in parts)
