"""What hooks return is looked at: another shape than the hook's refuses the start and says what is due."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import strawberry
from pydantic import Field

from dingkao.host.loading import FoundPlugin, PluginRefused, build_registry
from dingkao.host.services import CoreServices
from dingkao.plugin import hookimpl
from dingkao.plugin.contributions import ActionRule, ExemptionCondition, GraphQLContribution
from dingkao.plugin.policy import PolicyLayer, PolicySection
from dingkao.plugin.ports import PortSlot, SmsMessage
from dingkao.plugin.settings import PluginSettings
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import PaperSubject
from dingkao.settings import BadSettings

TITLE = Text("事项", "Matter")


def plugin(name: str = "night", **results: Any) -> FoundPlugin:
    def answer(value: Any) -> Any:
        return hookimpl(lambda self: value)

    members = {"plugin_api": 1, **{hook: answer(value) for hook, value in results.items()}}
    return FoundPlugin(name, f"dingkao-{name}", "1.0", type("Plugin", (), members)())


def problems(*plugins: FoundPlugin) -> list[str]:
    with pytest.raises(PluginRefused) as caught:
        build_registry(plugins)
    return list(caught.value.problems)


class NoProcedure:
    code = "NIGHT"


class Gateway:
    async def send(self, message: SmsMessage) -> str:
        return "sent"


class SynchronousGateway:
    def send(self, message: SmsMessage) -> str:
        return "sent"


class Waiting:
    code = "NIGHT"
    title = TITLE
    description = TITLE

    def ineligibility(self, facts: object, policy: object) -> Sequence[object]:
        return []

    def requirements(self, policy: object) -> object:
        return None

    async def papers(self, facts: object, policy: object) -> Sequence[object]:
        return []


class Undescribed(PluginSettings):
    address: str = ""


class Aliased(PluginSettings):
    address: str = Field(default="", description="Address", validation_alias="SECRET_KEY")


class Defaultless(PolicySection):
    name = "night"

    count: int = Field(description="个数")


async def asynchronous() -> list[object]:
    return []


@pytest.mark.parametrize(
    ("hook", "result", "said"),
    [
        ("procedures", {"NIGHT": 1}, "returned a dict, where a list of Procedure is due"),
        ("procedures", "NIGHT", "returned a str, where a list of Procedure is due"),
        ("procedures", (number for number in ()), "returned a generator, where a list of Procedure is due"),
        ("procedures", NoProcedure(), "returned a NoProcedure, where a list of Procedure is due"),
        ("procedures", [NoProcedure()], "returned at place 0 an object of NoProcedure, which is no Procedure"),
        ("procedures", [Waiting], "returned at place 0 the class Waiting, where an instance of Procedure is due"),
        ("procedures", [Waiting()], "returned at place 0 procedure NIGHT whose papers is no plain method"),
        ("actions", [ActionRule("night", TITLE, lambda f, p: [])], "returned at place 0 the code 'night'; a code"),
        ("actions", [ActionRule("NIGHT", "夜", lambda f, p: [])], "returned at place 0 NIGHT with a title that"),  # type: ignore[arg-type]
        ("actions", [ActionRule("NIGHT", TITLE, None)], "returned at place 0 action NIGHT whose `against` is no plain"),  # type: ignore[arg-type]
        ("exemption_conditions", [ExemptionCondition("NIGHT", TITLE, TITLE, {"GENERAL": "HUMANITY"})],  # type: ignore[dict-item]
         "returned at place 0 condition NIGHT whose `waives` is no mapping"),
        ("exemption_conditions", [TITLE], "returned at place 0 an object of Text, which is no ExemptionCondition"),
        ("policy_sections", [Defaultless], "returned at place 0 the section night whose key count has no default"),
        ("policy_sections", [object()], "returned at place 0 an object of object, where a subclass"),
        ("policy_layers", [{"region": "110000"}], "returned at place 0 an object of dict, which is no PolicyLayer"),
        ("policy_layers", [PolicyLayer("110000", "n", "1", "r", [])],  # type: ignore[arg-type]
         "returned at place 0 layer n whose `values` is no mapping"),
        ("policy_layers", [PolicyLayer("110000", "n", "1", "r", {}, needs="exemptions")],  # type: ignore[arg-type]
         "returned at place 0 layer n whose `needs` is a text; write a tuple of section names"),
        ("requirements", [TITLE], "returned at place 0 an object of Text, which is no Requirement"),
        ("tables", [object], "returned at place 0 the class object, where a subclass of Record is due"),
        ("migrations", "night.migrations", "returned an object of str, which is no MigrationSet"),
        ("graphql", {"query": 1}, "returned an object of dict, which is no GraphQLContribution"),
        ("graphql", GraphQLContribution(query=NoProcedure), "returned for Query the class NoProcedure"),
        ("graphql", GraphQLContribution(fields=[]), "returned `fields` that are no mapping"),  # type: ignore[arg-type]
        ("graphql", GraphQLContribution(fields={"Subscription": Undescribed}),
         "returned fields for Subscription, which is the core's alone"),
        ("settings", Undescribed(), "returned an object of Undescribed, where a subclass of PluginSettings is due"),
        ("settings", Undescribed, "returned the setting address without a description"),
        ("settings", Aliased, "returned the setting address with an alias"),
        ("ports", [Gateway()], "returned a list, where a mapping of PortSlot to objects is due"),
        ("ports", {"sms": Gateway()}, "returned an object for the port 'sms'; there are sms_sender, face_verifier"),
        ("ports", {PortSlot.SMS_SENDER: Gateway}, "returned for the port sms_sender the class Gateway"),
        ("ports", {PortSlot.FACE_VERIFIER: Gateway()}, "returned for the port face_verifier an object of"),
        ("ports", {PortSlot.SMS_SENDER: SynchronousGateway()}, "returned for the port sms_sender an object whose"),
    ],
)  # fmt: skip
def test_another_shape(hook: str, result: Any, said: str) -> None:
    (found,) = problems(plugin(**{hook: result}))
    assert found.startswith(f"plugin night: hook {hook} {said}")


def test_a_coroutine_handed_over_is_closed_and_refused() -> None:
    (found,) = problems(plugin(actions=asynchronous()))
    assert found == (
        "plugin night: hook actions returned an awaitable; hooks are declarations, return the result itself"
    )


def test_none_is_nothing() -> None:
    every = ("procedures", "policy_layers", "graphql", "tables", "migrations", "settings", "ports")
    registry = build_registry([plugin(**dict.fromkeys(every))])
    assert [one.contributions for one in registry.plugins] == [()]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"documents.objection_days": 10},
            "documents.objection_days = 10: Input should be greater than or equal to 30",
        ),
        ({"documents.objection_days": "many"}, 'documents.objection_days = "many": Input should be a valid integer'),
        ({"documents.objection_dais": 45}, "sets documents.objection_dais, which no section has; correct the key"),
        ({"papers.rules": {"HUMANITIES": {"questions": 0, "minutes": 60, "pass_percent": 60}}}, "papers.rules"),
    ],
)
def test_a_policy_below_the_floor_or_of_a_wrong_type(values: Mapping[str, Any], said: str) -> None:
    (found,) = problems(plugin(policy_layers=[PolicyLayer("110000", "night", "1", "通知", values)]))
    assert found.startswith("policy refused: plugin night, layer night (110000)")
    assert said in found


def test_every_plugins_bad_layer_is_named() -> None:
    day, night = (
        plugin(name, policy_layers=[PolicyLayer(region, name, "1", "通知", {"documents.objection_days": 1})])
        for name, region in (("day", "110000"), ("night", "120000"))
    )
    found = problems(day, night)
    assert [sentence.split(" (")[0] for sentence in found] == [
        "policy refused: plugin day, layer day",
        "policy refused: plugin night, layer night",
    ]


class NightSettings(PluginSettings):
    url: str = Field(default="http://127.0.0.1", description="Address")


class ShiftUrl(PluginSettings):
    shift_url: str = Field(default="", description="Address")


class SessionHours(PluginSettings):
    hours: int = Field(default=1, description="Hours")


class NightPlugin:
    plugin_api = 1

    def __init__(self) -> None:
        self.handed: list[PluginSettings | None] = []

    @hookimpl
    def settings(self) -> type[PluginSettings]:
        return NightSettings

    @hookimpl
    def ports(self, settings: PluginSettings | None) -> Mapping[PortSlot, object]:
        self.handed.append(settings)
        return {PortSlot.SMS_SENDER: Gateway()}


def test_settings_are_handed_to_the_plugins_ports_and_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINGKAO_NIGHT_URL", "http://gateway")
    night = NightPlugin()
    registry = build_registry([FoundPlugin("night", "dingkao-night", "1.0", night), plugin("day", settings=ShiftUrl)])
    (handed,) = night.handed
    assert isinstance(handed, NightSettings)
    assert handed.url == "http://gateway"
    assert registry.settings["night"] is handed

    class Environment:
        pass

    environment = Environment()
    environment.registry = registry  # type: ignore[attr-defined]
    services = CoreServices(environment)  # type: ignore[arg-type]
    assert services.settings(NightSettings).url == "http://gateway"
    with pytest.raises(KeyError, match="no plugin declares the settings SessionHours"):
        services.settings(SessionHours)


def test_a_setting_has_one_owner() -> None:
    assert problems(plugin("night", settings=ShiftUrl), plugin("night_shift", settings=NightSettings)) == [
        "setting DINGKAO_NIGHT_SHIFT_URL is claimed by night and by plugin night_shift; block one of them"
    ]
    (found,) = problems(plugin("log", settings=type("L", (PluginSettings,), {
        "__annotations__": {"level": str}, "level": Field(default="", description="Level"), "__module__": __name__,
    })))  # fmt: skip
    assert found == "setting DINGKAO_LOG_LEVEL is claimed by the core and by plugin log; rename it in the plugin"


def test_a_bad_value_alone_is_the_operators_and_beside_others_it_is_said_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINGKAO_DAY_HOURS", "many")
    bad = plugin("day", settings=SessionHours)
    with pytest.raises(BadSettings, match=r"^DINGKAO_DAY_HOURS: Input should be a valid integer"):
        build_registry([bad])
    assert [sentence.split(":")[0] for sentence in problems(bad, plugin(tables={}))] == [
        "plugin night",
        "DINGKAO_DAY_HOURS",
    ]


@strawberry.type
class Empty:
    @strawberry.field(description="Nothing. 无")
    def nothing(self) -> str:
        return PaperSubject.HUMANITIES.value


def test_two_plugins_with_one_graphql_prefix() -> None:
    day, night = (plugin(name, graphql=None) for name in ("day", "night"))
    for found in (day, night):
        found.plugin.graphql_prefix = "Shift"  # type: ignore[attr-defined]
    (sentence,) = problems(day, night)
    assert sentence.startswith("GraphQL prefix Shift is claimed by day and by plugin night; block one of them")
