"""What is in force, as people see it: plugins with what they contribute and override, settings that they declare."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dingkao.host.finding import FoundPlugin
from dingkao.host.hooks import CheckedPlugin, check_plugin
from dingkao.host.refusal import Problems
from dingkao.host.settings import DeclaredSetting, declared
from dingkao.registry import Contribution, LoadedPlugin, Registry


@dataclass(frozen=True, slots=True)
class Override:
    """A policy key that a plugin's layer sets: for which region, or for which organisation in it (its code), to which
    value (as JSON text), and why."""

    region: str
    organisation: str | None
    key: str
    value: str
    source: str
    reason: str

    @property
    def place(self) -> str:
        """Region, and organisation where it is one's."""
        return self.region if self.organisation is None else f"{self.region}/{self.organisation}"


@dataclass(frozen=True, slots=True)
class ListedPlugin:
    """A plugin in force. `distribution` is the package's name, never a path."""

    name: str
    version: str
    api: int
    distribution: str
    contributions: tuple[Contribution, ...]
    overrides: tuple[Override, ...]


def list_plugins(registry: Registry) -> Sequence[ListedPlugin]:
    """Every plugin in force, in the order of their names."""
    return [
        ListedPlugin(
            plugin.name, plugin.version, plugin.api, plugin.distribution, plugin.contributions, _overrides(plugin)
        )
        for plugin in registry.plugins
    ]


def _overrides(plugin: LoadedPlugin) -> tuple[Override, ...]:
    return tuple(
        Override(layer.region, layer.organisation, key, _json(value), layer.source, layer.reason)
        for layer in plugin.layers
        for key, value in layer.values.items()
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def list_settings(found: Sequence[FoundPlugin]) -> Sequence[DeclaredSetting]:
    """What the plugins can be set to, whether or not the values can be used; without plugins that are refused."""
    listed: list[DeclaredSetting] = []
    for plugin in found:
        problems = Problems()
        kind = CheckedPlugin(plugin, problems).call("settings") if check_plugin(plugin, problems) else None
        if kind is not None:
            listed += declared(plugin.name, kind)
    return listed
