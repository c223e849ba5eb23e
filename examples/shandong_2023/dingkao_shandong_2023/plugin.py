"""The plugin object that the entry point `shandong_2023` names."""

from collections.abc import Sequence

from dingkao.plugin import hookimpl
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.policy import PolicyLayer, PolicySection
from dingkao.plugin.requirements import Requirement
from dingkao.plugin.tables import MigrationSet, Record
from dingkao_shandong_2023.graphql import CONTRIBUTION
from dingkao_shandong_2023.policy import LAYERS, SpotCheckPolicy
from dingkao_shandong_2023.requirement import SpotCheckRequirement
from dingkao_shandong_2023.tables import TABLES


class Shandong2023Plugin:
    """Contributes the region's layers, and spot checks: a review step with tables, fields and operations of its own."""

    plugin_api = 1

    @hookimpl
    def policy_sections(self) -> Sequence[type[PolicySection]]:
        return [SpotCheckPolicy]

    @hookimpl
    def policy_layers(self) -> Sequence[PolicyLayer]:
        return LAYERS

    @hookimpl
    def requirements(self) -> Sequence[Requirement]:
        return [SpotCheckRequirement()]

    @hookimpl
    def graphql(self) -> GraphQLContribution:
        return CONTRIBUTION

    @hookimpl
    def tables(self) -> Sequence[type[Record]]:
        return TABLES

    @hookimpl
    def migrations(self) -> MigrationSet:
        return MigrationSet(owner="shandong_2023", package="dingkao_shandong_2023.migrations")


plugin = Shandong2023Plugin()
