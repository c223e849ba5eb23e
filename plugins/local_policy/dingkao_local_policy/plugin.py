"""The plugin object that the entry point `local_policy` names."""

from collections.abc import Sequence

from dingkao.plugin import hookimpl
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.policy import PolicyLayer, PolicySection
from dingkao_local_policy.graphql import CONTRIBUTION
from dingkao_local_policy.policy import LAYERS, LocalPolicySection


class LocalPolicyPlugin:
    """Contributes the region's layers, and its guidance to doctors."""

    plugin_api = 1

    @hookimpl
    def policy_sections(self) -> Sequence[type[PolicySection]]:
        return [LocalPolicySection]

    @hookimpl
    def policy_layers(self) -> Sequence[PolicyLayer]:
        return LAYERS

    @hookimpl
    def graphql(self) -> GraphQLContribution:
        return CONTRIBUTION


plugin = LocalPolicyPlugin()
