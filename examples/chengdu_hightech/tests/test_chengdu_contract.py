"""What every plugin keeps: the kit's contract, inherited."""

from dingkao.testing.contract import PluginContract
from dingkao_chengdu_hightech.plugin import plugin as region_plugin


class TestContract(PluginContract):
    name = "chengdu_hightech"
    plugin = region_plugin
