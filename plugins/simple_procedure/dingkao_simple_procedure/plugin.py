"""The plugin object that the entry point `simple_procedure` names."""

from collections.abc import Sequence

from dingkao.plugin import hookimpl
from dingkao.plugin.contributions import Procedure
from dingkao.plugin.policy import PolicySection
from dingkao_simple_procedure.policy import SimpleProcedurePolicy
from dingkao_simple_procedure.rules import SimpleProcedure


class SimpleProcedurePlugin:
    """Contributes the procedure SIMPLE and its policy section."""

    plugin_api = 1

    @hookimpl
    def procedures(self) -> Sequence[Procedure]:
        return [SimpleProcedure()]

    @hookimpl
    def policy_sections(self) -> Sequence[type[PolicySection]]:
        return [SimpleProcedurePolicy]


plugin = SimpleProcedurePlugin()
