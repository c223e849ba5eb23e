"""The example of docs/plugins is loaded, and does what its page says."""

import ast
import re
from typing import Any

import pytest
from building.example import FOLDER, QUERY, example_plugin
from building.recorder import bundled_plugins, demo_server

from dingkao.demo import people as demo
from dingkao.host.loading import FoundPlugin, PluginRefused, build_registry

PAGE = FOLDER.parent / "example.md"


async def test_it_is_in_force_beside_the_bundled_plugins() -> None:
    async with demo_server(example_plugin()) as server:
        authority = server.person()
        await authority.log_in(demo.AUTHORITY_OFFICER, demo.PASSWORD)
        plugins = await authority.do("Plugins")
        policy = {entry["key"]: entry for entry in await authority.do("EffectivePolicy", regionCode="990101")}
        doctor = server.person()
        await doctor.log_in(demo.DOCTORS[0].document_number, demo.PASSWORD)
        viewer = await doctor.post(QUERY, name="field")
    assert "provincial_notice" in {plugin["name"] for plugin in plugins}
    assert policy["documents.objection_days"]["value"] == "45"
    assert policy["documents.objection_days"]["source"] == "provincial_notice"
    assert policy["documents.notice_printable"]["source"] == "local_policy/documents"
    assert viewer["assessment"]["consultationOffice"] == "省政务服务中心12号窗口"


async def test_without_it_the_field_is_not_in_the_schema() -> None:
    async with demo_server() as server:
        doctor = server.person()
        await doctor.log_in(demo.DOCTORS[0].document_number, demo.PASSWORD)
        with pytest.raises(ValueError, match="consultationOffice"):
            await doctor.post(QUERY, name="field")


def test_a_second_plugin_with_its_layer_is_refused() -> None:
    found = example_plugin()
    twin = FoundPlugin("another_notice", "another", "1.0", type(found.plugin)())
    with pytest.raises(PluginRefused, match="provincial_notice"):
        build_registry([*bundled_plugins(), found, twin])


def test_it_imports_nothing_of_dingkao_but_the_contract() -> None:
    source = (FOLDER / "dingkao_provincial_notice" / "plugin.py").read_text(encoding="utf-8")
    imported = [node.module or "" for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    assert "dingkao.plugin" in imported
    assert [name for name in imported if name.startswith("dingkao") and not name.startswith("dingkao.plugin")] == []


def _on_its_page(name: str) -> Any:
    example_plugin()
    shown: list[str] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(compile(next(text for text in shown if f"class {name}" in text), str(PAGE), "exec"), namespace)  # noqa: S102
    return namespace[name]


# The tests that the page shows, run as its reader would run them.
TestContract = _on_its_page("TestContract")
