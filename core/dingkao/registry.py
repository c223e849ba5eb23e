"""What the plugins contributed, checked and in a fixed order. Filled by the host, read by services."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dingkao.db.migrations import MigrationSet
from dingkao.db.tables import Record
from dingkao.plugin.contributions import ActionRule, ExemptionCondition, GraphQLContribution, Procedure
from dingkao.plugin.policy import PolicyLayer, PolicySection
from dingkao.plugin.ports import PortSlot
from dingkao.plugin.requirements import Requirement
from dingkao.plugin.settings import PluginSettings


@dataclass(frozen=True)
class Contribution:
    """What a plugin contributes by one hook: codes, names of tables and settings, `Type.field`."""

    hook: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class LoadedPlugin:
    """A plugin that is in force: its entry point's name, the plugin API it is made for, the distribution it came from,
    what it contributes, and the layers by which it overrides the policy. `prefix` is what its GraphQL types begin
    with."""

    name: str
    distribution: str
    version: str
    contributes: tuple[str, ...]
    api: int = 1
    contributions: tuple[Contribution, ...] = ()
    layers: tuple[PolicyLayer, ...] = ()
    prefix: str = ""


@dataclass(frozen=True)
class Registry:
    """Contributions by code, in the order of the plugins' names."""

    plugins: Sequence[LoadedPlugin] = ()
    procedures: Mapping[str, Procedure] = field(default_factory=dict)
    exemption_conditions: Mapping[str, ExemptionCondition] = field(default_factory=dict)
    actions: Sequence[ActionRule] = ()
    requirements: Sequence[Requirement] = ()
    sections: Sequence[type[PolicySection]] = ()
    layers: Sequence[PolicyLayer] = ()
    graphql: Sequence[tuple[str, GraphQLContribution]] = ()
    tables: Sequence[type[Record]] = ()
    migrations: Sequence[MigrationSet] = ()
    ports: Mapping[PortSlot, object] = field(default_factory=dict)
    port_owners: Mapping[PortSlot, str] = field(default_factory=dict)
    settings: Mapping[str, PluginSettings] = field(default_factory=dict)

    @property
    def prefixes(self) -> Mapping[str, str]:
        """What the GraphQL types of each plugin begin with."""
        return {plugin.name: plugin.prefix for plugin in self.plugins}

    def with_plugins(self, plugins: Sequence[LoadedPlugin], settings: Mapping[str, PluginSettings]) -> "Registry":
        """The same contributions with the list of who made them, and the values of their settings."""
        return replace(self, plugins=plugins, settings=settings)
