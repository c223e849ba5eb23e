"""What the plugins contributed, checked and in a fixed order. Filled by the host, read by services."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dingkao.db.migrations import MigrationSet
from dingkao.db.tables import Record
from dingkao.plugin.contributions import ActionRule, ExemptionCondition, GraphQLContribution, Procedure
from dingkao.plugin.policy import PolicyLayer, PolicySection
from dingkao.plugin.ports import PortSlot
from dingkao.plugin.requirements import Requirement


@dataclass(frozen=True)
class LoadedPlugin:
    """A plugin that is in force: its entry point's name, and the distribution it came from."""

    name: str
    distribution: str
    version: str
    contributes: tuple[str, ...]


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
