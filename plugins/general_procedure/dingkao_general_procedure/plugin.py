"""The plugin object that the entry point `general_procedure` names."""

from collections.abc import Sequence

from dingkao.plugin import hookimpl
from dingkao.plugin.contributions import Procedure
from dingkao.plugin.policy import PolicySection
from dingkao_general_procedure.policy import GeneralProcedurePolicy
from dingkao_general_procedure.rules import GeneralProcedure


class GeneralProcedurePlugin:
    """Contributes the procedure GENERAL and its policy section."""

    plugin_api = 1

    @hookimpl
    def procedures(self) -> Sequence[Procedure]:
        return [GeneralProcedure()]

    @hookimpl
    def policy_sections(self) -> Sequence[type[PolicySection]]:
        return [GeneralProcedurePolicy]


plugin = GeneralProcedurePlugin()
