"""The plugin object that the entry point `chengdu_hightech` names."""

from collections.abc import Sequence

from dingkao.plugin import hookimpl
from dingkao.plugin.policy import PolicyLayer
from dingkao_chengdu_hightech.policy import LAYERS


class ChengduHightechPlugin:
    """Contributes the region's layers and nothing else: all that it changes can be said as data."""

    plugin_api = 1

    @hookimpl
    def policy_layers(self) -> Sequence[PolicyLayer]:
        return LAYERS


plugin = ChengduHightechPlugin()
