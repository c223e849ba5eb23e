"""Refusals that depend on what is installed: real wheels, and the real command."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from installed import MINIMAL, Distribution, Outcome, Place

from dingkao.plugin import PLUGIN_API

Install = Callable[..., Place]

# Leaves a trace of having been imported.
MARKING = "from pathlib import Path\nPath('imported-{0}').touch()\n" + MINIMAL


@pytest.fixture
def install(tmp_path: Path) -> Install:
    def install(*distributions: Distribution) -> Place:
        return Place(tmp_path, distributions)

    return install


def problems(outcome: Outcome) -> list[str]:
    """Each thing that the command says is wrong with plugins; there is no traceback."""
    assert outcome.code == 1, outcome
    assert outcome.out == ""
    first, *rest = outcome.err.splitlines()
    if not rest:
        return [first.removeprefix("dingkao: ")]
    assert first == f"dingkao: {len(rest)} problems with plugins:"
    assert all(line.startswith("  - ") for line in rest), outcome.err
    return [line.removeprefix("  - ") for line in rest]


def test_a_plugin_that_pip_installed_is_listed_with_its_origin_and_without_a_path(tmp_path: Path) -> None:
    place = Place(tmp_path, [Distribution("dingkao-shift", "shift", version="2.5")], by_pip=True)
    outcome = place.run("plugins", "--json")
    assert outcome.err == ""
    (listed,) = (plugin for plugin in json.loads(outcome.out) if plugin["name"] == "shift")
    assert listed == {
        "name": "shift", "version": "2.5", "api": PLUGIN_API, "distribution": "dingkao-shift", "contributions": [],
        "overrides": [],
    }  # fmt: skip
    assert str(tmp_path) not in outcome.out


def test_a_required_plugin_of_another_version_and_one_that_is_missing(install: Install) -> None:
    place = install(Distribution("dingkao-shift", "shift", version="2.5"))
    assert place.run("plugins", PLUGINS_REQUIRED="shift>=2,<3;exemptions").code == 0
    assert problems(place.run("plugins", PLUGINS_REQUIRED="shift>=3;day")) == [
        "required plugin shift is version 2.5 of dingkao-shift, but >=3 is required; install a fitting version",
        "required plugin day is not installed or is blocked; install it",
    ]
    blocked = place.run("plugins", PLUGINS_REQUIRED="shift", PLUGINS_BLOCKED="shift")
    assert problems(blocked) == ["required plugin shift is not installed or is blocked; install it"]


def test_two_distributions_with_one_name_and_neither_is_imported(install: Install, tmp_path: Path) -> None:
    place = install(
        Distribution("dingkao-shift", "shift", MARKING.format("one")),
        Distribution("dingkao-other-shift", "shift", MARKING.format("two")),
    )
    assert problems(place.run("plugins", PLUGINS_REQUIRED="shift")) == [
        "two distributions name a plugin shift: dingkao-other-shift (dingkao_other_shift:plugin) and dingkao-shift "
        "(dingkao_shift:plugin); uninstall one of them"
    ]
    assert list(tmp_path.glob("imported-*")) == []


def test_everything_that_is_wrong_is_said_at_once(install: Install) -> None:
    hooks = "from dingkao.plugin import hookimpl\n\n\nclass Plugin:\n    plugin_api = {0}\n{1}\n\nplugin = Plugin{2}\n"
    place = install(
        Distribution("dingkao-a", "aaa", "import no_such_module\n"),
        Distribution("dingkao-b", "bbb", "plugni = 1\n"),
        Distribution("dingkao-c", "ccc", hooks.format(1, "    @hookimpl\n    def procedurs(self): return []", "()")),
        Distribution("dingkao-d", "ddd", hooks.format(2, "", "()")),
        Distribution("dingkao-e", "eee", hooks.format(1, "", "")),
        Distribution("dingkao-f", "fff", hooks.format(1, "    @hookimpl\n    async def actions(self): ...", "()")),
        Distribution("dingkao-g", "ggg", "import sys\nsys.exit(3)\n"),
        Distribution("dingkao-h", "hhh", "from dingkao.db.tables import Record\n" + MINIMAL),
        Distribution("dingkao-i", "iii", hooks.format(1, "    @hookimpl\n    def tables(self): return {}", "()")),
    )
    advice = "mend or uninstall it, or block it with DINGKAO_PLUGINS_BLOCKED"
    required = "aaa>=1;zzz"
    expected = [
        "plugin aaa (dingkao_a:plugin of dingkao-a 1.0) cannot be imported: ModuleNotFoundError: No module named "
        f"'no_such_module'; {advice}",
        "plugin bbb (dingkao_b:plugin of dingkao-b 1.0) cannot be imported: AttributeError: module 'dingkao_b' has no "
        f"attribute 'plugin'; {advice}",
        f"plugin ggg (dingkao_g:plugin of dingkao-g 1.0) cannot be imported: SystemExit: 3; {advice}",
        "required plugin zzz is not installed or is blocked; install it",
        "plugin ccc: there is no hook procedurs; did you mean procedures?",
        "plugin ddd is made for plugin API 2, this host has 1; install a version of dingkao-d made for this one",
        "plugin eee is a class; its entry point must name an instance of it: write `plugin = Plugin()` and name "
        "`plugin`",
        "plugin fff: hook actions is async def; hooks are declarations, use def",
        "plugin hhh: dingkao_h/__init__.py line 1 imports dingkao.db.tables; import dingkao.plugin and dingkao.testing "
        "alone",
        "plugin iii: hook tables returned a dict, where a list of Record classes is due",
    ]
    assert problems(place.run("plugins", PLUGINS_REQUIRED=required)) == expected
    # The server and every other command say the same.
    assert problems(place.run("serve", "--port", "1", PLUGINS_REQUIRED=required)) == expected
    everything = ",".join(letter * 3 for letter in "abcdefghi")
    assert place.run("plugins", PLUGINS_BLOCKED=everything).code == 0


def test_a_blocked_plugin_is_not_imported(install: Install, tmp_path: Path) -> None:
    place = install(Distribution("dingkao-shift", "shift", MARKING.format("shift")))
    outcome = place.run("plugins", PLUGINS_BLOCKED="shift")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[-1] == "blocked by DINGKAO_PLUGINS_BLOCKED: shift"
    assert list(tmp_path.glob("imported-*")) == []
    place.run("plugins")
    assert [path.name for path in tmp_path.glob("imported-*")] == ["imported-shift"]


CONTRIBUTING = """
import strawberry
from dingkao.plugin import hookimpl
from dingkao.plugin.contributions import ActionRule, GraphQLContribution
from dingkao.plugin.policy import PolicyLayer
from dingkao.plugin.text import Text

@strawberry.type
class Fields:
    @strawberry.field(description="Number. 编号")
    def {0}_number(self) -> int:
        return 1

class Plugin:
    plugin_api = 1
    @hookimpl
    def actions(self):
        return [ActionRule("{1}", Text("事项", "Action"), lambda facts, policy: [])]
    @hookimpl
    def policy_layers(self):
        return [PolicyLayer("110000", "{0}", "1", "通知", {{"documents.objection_days": {2}}})]
    @hookimpl
    def graphql(self):
        return GraphQLContribution(fields={{"Assessment": Fields}})

plugin = Plugin()
"""


def test_the_order_of_installation_and_of_the_path_changes_nothing(tmp_path: Path) -> None:
    day = Distribution("dingkao-day", "day", CONTRIBUTING.format("day", "DAY", 40))
    night = Distribution(
        "dingkao-a-night", "night", CONTRIBUTING.format("night", "NIGHT", 40).replace("110000", "120000")
    )
    orders: Sequence[Sequence[Sequence[Distribution]]] = [[[day], [night]], [[night], [day]], [[night, day]]]
    places = [Place(tmp_path / str(number), *groups) for number, groups in enumerate(orders)]
    listings = [place.run("plugins", "--json").out for place in places]
    assert [plugin["name"] for plugin in json.loads(listings[0])] == [
        "day", "exemptions", "general_procedure", "local_policy", "night", "simple_procedure",
    ]  # fmt: skip
    assert listings[0] == listings[1] == listings[2]
    schemas = [place.run("schema").out for place in places[:2]]
    assert "dayNumber" in schemas[0]
    assert schemas[0] == schemas[1]


def test_two_installed_plugins_that_claim_one_thing_are_both_named(install: Install) -> None:
    place = install(
        Distribution("dingkao-day", "day", CONTRIBUTING.format("same", "SAME", 40)),
        Distribution("dingkao-night", "night", CONTRIBUTING.format("same", "SAME", 20)),
    )
    assert problems(place.run("plugins")) == [
        "action SAME is claimed by day and by plugin night; block one of them",
        "policy key in region 110000: documents.objection_days is claimed by day and by plugin night; block one of "
        "them",
        "field Assessment.sameNumber is claimed by day and by night; block one of them",
    ]


SETTINGS = """
from pydantic import Field, SecretStr
from dingkao.plugin import hookimpl
from dingkao.plugin.settings import PluginSettings

class ShiftSettings(PluginSettings):
    gateway_url: str = Field(description="Where the gateway answers")
    token: SecretStr = Field(default=SecretStr("a-hidden-token"), description="What it wants to see")
    tries: int = Field(default=2, ge=1, le=5, description="How often a message is sent")

class Plugin:
    plugin_api = 1
    @hookimpl
    def settings(self):
        return ShiftSettings

plugin = Plugin()
"""


def test_settings_of_a_plugin(install: Install, tmp_path: Path) -> None:
    place = install(Distribution("dingkao-shift", "shift", SETTINGS))
    unset = place.run("plugins")
    assert unset.code == 2
    assert unset.err == "dingkao: DINGKAO_SHIFT_GATEWAY_URL: Field required (see `dingkao settings`)\n"
    wrong = place.run("migrate", SHIFT_GATEWAY_URL="http://x", SHIFT_TRIES="many", SHIFT_TOKEN="the-real-token")
    assert wrong.code == 2
    assert wrong.err.startswith("dingkao: DINGKAO_SHIFT_TRIES: Input should be a valid integer")
    assert "many" not in wrong.err
    (tmp_path / ".env").write_text("DINGKAO_SHIFT_GATEWAY_URL=http://x\n")
    listed = place.run("settings", SHIFT_TOKEN="the-real-token")
    assert (listed.code, listed.err) == (0, "")
    rows = {line.split()[0]: line for line in listed.out.splitlines() if "DINGKAO_SHIFT" in line}
    assert "must be set" in rows["DINGKAO_SHIFT_GATEWAY_URL"]
    assert ".env" in rows["DINGKAO_SHIFT_GATEWAY_URL"]
    assert "(hidden)" in rows["DINGKAO_SHIFT_TOKEN"]
    assert "environment" in rows["DINGKAO_SHIFT_TOKEN"]
    assert "How often a message is sent" in rows["DINGKAO_SHIFT_TRIES"]
    assert "the-real-token" not in listed.out
    (listing,) = (plugin for plugin in json.loads(place.run("plugins", "--json").out) if plugin["name"] == "shift")
    assert listing["contributions"] == [
        {"hook": "settings", "names": [f"DINGKAO_SHIFT_{name}" for name in ("GATEWAY_URL", "TOKEN", "TRIES")]}
    ]


def test_settings_are_listed_although_one_of_a_plugin_is_wrong(install: Install) -> None:
    place = install(Distribution("dingkao-shift", "shift", SETTINGS))
    outcome = place.run("settings", SHIFT_TRIES="9", SHIFT_GATEWAY_URL="x", NO_SUCH_THING="1")
    assert outcome.code == 2
    assert "DINGKAO_SHIFT_TRIES" in outcome.out
    assert outcome.err.splitlines() == [
        "dingkao: there is no setting DINGKAO_NO_SUCH_THING; it changes nothing",
        "dingkao: DINGKAO_SHIFT_TRIES: Input should be less than or equal to 5 (see `dingkao settings`)",
    ]


def test_each_hook_call_is_traced_with_its_results(install: Install) -> None:
    place = install(Distribution("dingkao-day", "day", CONTRIBUTING.format("day", "DAY", 40)))
    quiet = place.run("schema", LOG_FORMAT="json")
    traced = place.run("schema", LOG_FORMAT="json", TRACE_HOOKS="1")
    assert quiet.err == ""
    assert traced.out == quiet.out
    calls = {
        (line["plugin"], line["hook"]): line
        for line in map(json.loads, traced.err.splitlines())
        if line["event"] == "hook called"
    }
    assert calls["day", "actions"]["results"] == ["DAY"]
    assert calls["day", "policy_layers"]["results"] == ["110000: documents.objection_days"]
    assert calls["day", "graphql"]["results"] == ["Assessment.dayNumber"]
    assert calls["simple_procedure", "procedures"]["results"] == ["SIMPLE"]
    assert all(line["milliseconds"] >= 0 for line in calls.values())
