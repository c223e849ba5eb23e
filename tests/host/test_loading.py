"""What refuses the start, by name and with what to do; and that the order of installation changes nothing."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dingkao.host.loading import FoundPlugin, PluginRefused, build_registry, check_required, find_plugins
from dingkao.plugin import hookimpl
from dingkao.plugin.contributions import ActionRule, ExemptionCondition, PaperPlan, ProcedureRequirements
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.policy import Policy, PolicyLayer, PolicySection
from dingkao.plugin.ports import PortSlot, SmsMessage
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import PaperSubject
from dingkao.registry import Registry

BUNDLED = ["exemptions", "general_procedure", "local_policy", "simple_procedure"]


@dataclass
class NightProcedure:
    """A procedure of some province's plugin."""

    code: str = "NIGHT"
    title: Text = field(default_factory=lambda: Text("夜间程序", "Night procedure"))
    description: Text = field(default_factory=lambda: Text("说明", "Description"))

    def ineligibility(self, facts: AssessmentFacts, policy: Policy) -> Sequence[Reason]:
        return []

    def requirements(self, policy: Policy) -> ProcedureRequirements:
        return ProcedureRequirements()

    def papers(self, facts: AssessmentFacts, policy: Policy) -> Sequence[PaperPlan]:
        return []


class Minimal:
    plugin_api = 1


def found(plugin: object, name: str = "night", version: str = "1.0") -> FoundPlugin:
    return FoundPlugin(name, f"dingkao-{name}", version, plugin)


def refusal(*plugins: FoundPlugin) -> str:
    with pytest.raises(PluginRefused) as caught:
        build_registry(plugins)
    return str(caught.value)


def contributing(**hooks: Any) -> object:
    """A plugin whose hooks return what is given."""

    def answer(value: Any) -> Any:
        return hookimpl(lambda self: value)

    return type("Contributing", (Minimal,), {name: answer(value) for name, value in hooks.items()})()


def test_the_bundled_plugins_are_found_and_fit() -> None:
    registry = build_registry(find_plugins())
    assert [plugin.name for plugin in registry.plugins] == BUNDLED
    assert {plugin.distribution for plugin in registry.plugins} == {"dingkao"}
    assert set(registry.procedures) == {"SIMPLE", "GENERAL"}
    assert {code for code, condition in registry.exemption_conditions.items() if not condition.regional} == {
        "RESIDENCY_TRAINING",
        "NEXT_TITLE_EXAM",
    }
    assert "HUMANITIES_EDUCATION" in registry.exemption_conditions
    assert [action.code for action in registry.actions] == ["REQUEST_EXEMPTION"]
    assert [table._meta.tablename for table in registry.tables] == ["exemptions_request", "exemptions_proof"]


def test_a_core_without_plugins_starts_too() -> None:
    registry = build_registry([])
    assert not registry.procedures
    assert not registry.graphql


def test_order_of_installation_changes_nothing() -> None:
    plugins = [
        *find_plugins(),
        found(contributing(procedures=[NightProcedure()], actions=[_action("A")]), "aardvark"),
        found(contributing(procedures=[NightProcedure("DAY")], actions=[_action("Z")]), "zebra"),
    ]

    def summary(registry: Registry) -> list[Any]:
        return [
            [plugin.name for plugin in registry.plugins],
            list(registry.procedures),
            list(registry.exemption_conditions),
            [action.code for action in registry.actions],
            [section.name for section in registry.sections],
            [layer.source for layer in registry.layers],
            [owner for owner, _ in registry.graphql],
        ]

    expected = summary(build_registry(plugins))
    assert expected[0] == ["aardvark", *BUNDLED, "zebra"]
    assert summary(build_registry(plugins[::-1])) == expected
    assert summary(build_registry(plugins[3:] + plugins[:3])) == expected


def _action(code: str) -> ActionRule:
    return ActionRule(code, Text("事项", "Action"), lambda facts, policy: [])


def _condition(code: str) -> ExemptionCondition:
    return ExemptionCondition(
        code, Text("条件", "Condition"), Text("证明", "Proof"), {"GENERAL": PaperSubject.HUMANITIES}
    )


def test_required_plugins() -> None:
    plugins = [found(Minimal(), version="1.2")]
    check_required(plugins, ["night", "night>=1.0,<2"])
    with pytest.raises(PluginRefused, match=r"required plugin day is not installed or is blocked; install it"):
        check_required(plugins, ["night", "day>=1"])
    with pytest.raises(PluginRefused, match=r"night is version 1\.2 of dingkao-night, but >=2\.0 is required"):
        check_required(plugins, ["night>=2.0"])
    with pytest.raises(PluginRefused, match=r"DINGKAO_PLUGINS_REQUIRED: 'night => 2' is not name\[>=version\]"):
        check_required(plugins, ["night => 2"])


def test_a_class_is_no_plugin() -> None:
    assert "plugin night is a class; its entry point must name an instance of it" in refusal(found(Minimal))


@pytest.mark.parametrize("version", [0, 2, None, "1"])
def test_another_plugin_api(version: object) -> None:
    plugin = type("Other", (), {"plugin_api": version})() if version is not None else object()
    message = refusal(found(plugin))
    assert f"plugin night is made for plugin API {version}, this host has 1" in message


def test_a_misspelt_hook() -> None:
    message = refusal(found(contributing(procedurs=[])))
    assert message == "plugin night: there is no hook procedurs; did you mean procedures?"


def test_a_method_that_was_not_marked() -> None:
    class Unmarked(Minimal):
        def procedures(self) -> Sequence[object]:
            return []

    assert refusal(found(Unmarked())) == (
        "plugin night: method procedures is named like a hook but not marked; write @hookimpl"
    )


@pytest.mark.parametrize("options", [{"wrapper": True}, {"hookwrapper": True}, {"optionalhook": True}])
def test_a_hook_with_options(options: dict[str, bool]) -> None:
    plugin = type("Wrapping", (Minimal,), {"procedures": hookimpl(**options)(lambda self: (yield))})()
    assert "hook procedures is a wrapper or optional; write @hookimpl without options" in refusal(found(plugin))


def test_a_hook_under_another_name() -> None:
    plugin = type("Renamed", (Minimal,), {"night": hookimpl(specname="procedures")(lambda self: [])})()
    assert "method night implements hook procedures under another name; name it procedures" in refusal(found(plugin))


def test_a_hook_with_an_unknown_argument() -> None:
    class Curious(Minimal):
        @hookimpl
        def procedures(self, assessment: object) -> Sequence[object]:
            return []

    message = refusal(found(Curious()))
    assert message == "plugin night: hook procedures has an unknown argument assessment; the hook's arguments: none"


def test_a_default_argument() -> None:
    class Hopeful(Minimal):
        @hookimpl
        def ports(self, settings: object = None) -> dict[PortSlot, object]:
            return {}

    assert "hook ports gives settings a default, never filled in; leave the default out" in refusal(found(Hopeful()))


def test_an_async_hook() -> None:
    class Waiting(Minimal):
        @hookimpl
        async def procedures(self) -> Sequence[object]:
            return []

    assert "plugin night: hook procedures is async def; hooks are declarations, use def" in refusal(found(Waiting()))


def test_a_hook_that_fails() -> None:
    class Broken(Minimal):
        @hookimpl
        def actions(self) -> Sequence[object]:
            raise LookupError("no such file")

    assert "plugin night: hook actions failed: LookupError: no such file" in refusal(found(Broken()))


class NightSection(PolicySection):
    name = "night"


class NightSectionAgain(PolicySection):
    name = "night"


class CoreSectionTaken(PolicySection):
    name = "reviews"


class Gateway:
    async def send(self, message: SmsMessage) -> str:
        return "sent"


LAYER = PolicyLayer("110000", "night", "1", "通知", {"reviews.separate_people": False})


@pytest.mark.parametrize(
    ("hook", "one", "other", "claimed"),
    [
        ("procedures", [NightProcedure()], [NightProcedure()], "procedure NIGHT"),
        ("exemption_conditions", [_condition("NIGHT")], [_condition("NIGHT")], "exemption condition NIGHT"),
        ("actions", [_action("NIGHT")], [_action("NIGHT")], "action NIGHT"),
        ("policy_sections", [NightSection], [NightSectionAgain], "policy section night"),
        ("policy_layers", [LAYER], [LAYER], "policy key in region 110000: reviews.separate_people"),
        ("ports", {PortSlot.SMS_SENDER: Gateway()}, {PortSlot.SMS_SENDER: Gateway()}, "port sms_sender"),
    ],
)
def test_two_plugins_that_claim_one_thing(hook: str, one: Any, other: Any, claimed: str) -> None:
    message = refusal(found(contributing(**{hook: one}), "day"), found(contributing(**{hook: other}), "night"))
    assert f"{claimed} is claimed by day and by plugin night; block one of them" in message


@pytest.mark.parametrize(
    ("hook", "value", "claimed"),
    [
        ("procedures", [NightProcedure(), NightProcedure()], "procedure NIGHT"),
        ("exemption_conditions", [_condition("NIGHT"), _condition("NIGHT")], "exemption condition NIGHT"),
        ("actions", [_action("NIGHT"), _action("NIGHT")], "action NIGHT"),
        ("policy_sections", [NightSection, NightSectionAgain], "policy section night"),
        ("policy_layers", [LAYER, LAYER], "policy key in region 110000: reviews.separate_people"),
    ],
)
def test_one_plugin_that_claims_one_thing_twice(hook: str, value: Any, claimed: str) -> None:
    message = refusal(found(contributing(**{hook: value})))
    assert f"{claimed} is claimed twice by plugin night" in message


def test_the_cores_section_cannot_be_taken() -> None:
    message = refusal(found(contributing(policy_sections=[CoreSectionTaken])))
    assert "policy section reviews is claimed by the core and by plugin night; rename it in the plugin" in message


def test_a_bundled_procedures_code_cannot_be_taken() -> None:
    message = refusal(*find_plugins(), found(contributing(procedures=[NightProcedure("GENERAL")])))
    assert "procedure GENERAL is claimed by general_procedure and by plugin night" in message


def test_a_layer_waits_for_the_section_it_needs() -> None:
    layer = PolicyLayer("110000", "night", "1", "通知", {"exemptions.enabled": False}, needs=("exemptions",))
    plugin = found(contributing(policy_layers=[layer]))
    assert list(build_registry([plugin]).layers) == []
    assert layer in build_registry([*find_plugins(), plugin]).layers


def install(
    folder: Path, distribution: str, points: Iterable[tuple[str, str]], modules: Iterable[tuple[str, str]] = ()
) -> None:
    """Lay out an installed distribution, as pip leaves it, on a folder of the import path."""
    information = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    listed = "".join(f"{name} = {value}\n" for name, value in points)
    (information / "entry_points.txt").write_text(f"[dingkao]\n{listed}")
    for name, source in modules:
        (folder / f"{name}.py").write_text(source)


WORKING = "class Plugin:\n    plugin_api = 1\nplugin = Plugin()\n"


def test_an_installed_plugin_is_found_with_its_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "dingkao-shift", [("shift", "shift_plugin_a:plugin")], [("shift_plugin_a", WORKING)])
    monkeypatch.syspath_prepend(tmp_path)
    plugins = {plugin.name: plugin for plugin in find_plugins()}
    assert sorted(plugins) == sorted([*BUNDLED, "shift"])
    assert (plugins["shift"].distribution, plugins["shift"].version) == ("dingkao-shift", "1.0")


def test_a_blocked_plugins_code_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [("shift_plugin_b", "raise RuntimeError('imported')\n")]
    install(tmp_path, "dingkao-shift", [("shift", "shift_plugin_b:plugin")], broken)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginRefused, match=r"plugin shift .* cannot be imported: RuntimeError: imported"):
        find_plugins()
    assert [plugin.name for plugin in find_plugins(["shift"])] == BUNDLED
    assert "shift_plugin_b" not in sys.modules


def test_every_broken_plugin_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [("one", "shift_plugin_c:plugin"), ("two", "shift_plugin_missing:plugin")]
    install(tmp_path, "dingkao-shift", points, [("shift_plugin_c", "plugni = 1\n")])
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginRefused) as caught:
        find_plugins()
    assert "plugin one " in str(caught.value)
    assert "plugin two " in str(caught.value)
    assert "DINGKAO_PLUGINS_BLOCKED" in str(caught.value)


def test_two_distributions_with_one_plugin_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "dingkao-shift", [("exemptions", "shift_plugin_d:plugin")], [("shift_plugin_d", WORKING)])
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginRefused, match=r"two distributions name a plugin exemptions: .*uninstall one of them"):
        find_plugins()
    assert "shift_plugin_d" not in sys.modules
