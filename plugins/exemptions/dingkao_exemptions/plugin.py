"""The plugin object that the entry point `exemptions` names."""

from collections.abc import Sequence

from dingkao.plugin import hookimpl
from dingkao.plugin.contributions import ActionRule, ExemptionCondition, GraphQLContribution
from dingkao.plugin.policy import PolicySection
from dingkao.plugin.tables import MigrationSet, Record
from dingkao.plugin.text import Text
from dingkao_exemptions.catalogue import CONDITIONS
from dingkao_exemptions.graphql import CONTRIBUTION
from dingkao_exemptions.policy import ExemptionsPolicy
from dingkao_exemptions.rules import request_action_reasons
from dingkao_exemptions.tables import TABLES


class ExemptionsPlugin:
    """Contributes exemptions: catalogue, requests, decisions."""

    plugin_api = 1
    # Its types were named after what they are, not after the plugin.
    graphql_prefix = "Exemption"

    @hookimpl
    def policy_sections(self) -> Sequence[type[PolicySection]]:
        return [ExemptionsPolicy]

    @hookimpl
    def exemption_conditions(self) -> Sequence[ExemptionCondition]:
        return CONDITIONS

    @hookimpl
    def actions(self) -> Sequence[ActionRule]:
        return [ActionRule("REQUEST_EXEMPTION", Text("申请免考", "Ask for an exemption"), request_action_reasons)]

    @hookimpl
    def graphql(self) -> GraphQLContribution:
        return CONTRIBUTION

    @hookimpl
    def tables(self) -> Sequence[type[Record]]:
        return TABLES

    @hookimpl
    def migrations(self) -> MigrationSet:
        return MigrationSet(owner="exemptions", package="dingkao_exemptions.migrations")


plugin = ExemptionsPlugin()
