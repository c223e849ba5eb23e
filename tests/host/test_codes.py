"""A code in a policy that nobody brings changes nothing and tells nobody: it refuses the start instead."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from dingkao.host.loading import FoundPlugin, PluginRefused, build_registry, find_plugins
from dingkao.plugin import hookimpl
from dingkao.plugin.contributions import ExemptionCondition, ProofKind
from dingkao.plugin.policy import Codes, PolicyError, PolicyLayer, PolicySection, check_sections, policy_key
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import PaperSubject

WORDS = {"chinese": "本地不予免考。", "english": "Not granted here."}


class Region:
    """A region's plugin with one layer, and conditions of its own."""

    plugin_api = 1

    def __init__(self, values: dict[str, Any], conditions: Sequence[ExemptionCondition] = ()) -> None:
        self._values, self._conditions = values, conditions

    @hookimpl
    def policy_layers(self) -> Sequence[PolicyLayer]:
        return [PolicyLayer("970000", "region/notice", "1", "通知", self._values)]

    @hookimpl
    def exemption_conditions(self) -> Sequence[ExemptionCondition]:
        return self._conditions


def condition(code: str, *kinds: ProofKind) -> ExemptionCondition:
    title = Text("援外", "Aid abroad")
    return ExemptionCondition(code, title, title, {"GENERAL": PaperSubject.PROFESSIONAL}, kinds=kinds)


def build(*regions: Region, without: Sequence[str] = ()) -> None:
    own = [FoundPlugin(f"region{number}", "a-region", "1.0", region) for number, region in enumerate(regions)]
    build_registry([*find_plugins(without), *own])


def refusal(*regions: Region, without: Sequence[str] = ()) -> str:
    with pytest.raises(PluginRefused) as caught:
        build(*regions, without=without)
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("excluded", {"ASSITANT_TO_LICENSED": WORDS}, "exemption condition ASSITANT_TO_LICENSED"),
        ("withheld", ("NEXT_TITLE",), "exemption condition NEXT_TITLE"),
        ("regional_conditions", ("NOBODYS",), "exemption condition NOBODYS"),
        ("proof_wording", {"PRACTICE_LICENCE": WORDS}, "kind of proof PRACTICE_LICENCE"),
        ("waivable", {"GENERAL": "PROFESSIONAL", "GENERL": "PROFESSIONAL"}, "procedure GENERL"),
    ],
)
def test_a_code_that_nobody_brings_is_refused_by_name(key: str, value: Any, words: str) -> None:
    message = refusal(Region({f"exemptions.{key}": value}))
    assert "plugin region0, layer region/notice (970000)" in message
    assert f"exemptions.{key} names the {words}, which no plugin brings (there are: " in message
    assert "correct it, or install the plugin that brings it" in message


def test_what_is_there_and_what_is_wrong() -> None:
    message = refusal(Region({"exemptions.withheld": ("NOBODYS", "NEXT_TITLE_EXAM", "NOR_THIS")}))
    assert "RESIDENCY_TRAINING, NEXT_TITLE_EXAM" in message
    assert message.count("which no plugin brings") == 2


def test_the_code_of_another_plugin_is_one() -> None:
    bringing = Region({"documents.objection_days": 60}, [condition("AID_ABROAD")])
    build(Region({"exemptions.withheld": ("AID_ABROAD",)}), bringing)


def test_the_code_of_a_blocked_plugin_is_none() -> None:
    layer = Region({"exemptions.waivable": {"GENERAL": "PROFESSIONAL"}})
    build(layer)
    assert "the procedure GENERAL, which no plugin brings" in refusal(layer, without=["general_procedure"])


def test_two_names_for_one_kind_of_proof_are_refused() -> None:
    kind = ProofKind("PRACTICE_CERTIFICATE", Text("执业证复印件", "Copy of the practice certificate"))
    message = refusal(Region({}, [condition("AID_ABROAD", kind)]))
    assert "kind of proof PRACTICE_CERTIFICATE is 医师执业证书（全部信息页） to plugin exemptions" in message
    assert "执业证复印件 to plugin region0; give one of them another code" in message


@pytest.mark.parametrize(
    ("code", "title"), [("lower", "证书"), ("", "证书"), ("A" * 41, "证书"), ("A", "证" * 121), ("A", "")]
)
def test_a_kind_of_proof_fits_where_it_is_kept(code: str, title: str) -> None:
    with pytest.raises(ValueError, match="kind of proof"):
        ProofKind(code, Text(title, "Certificate"))


def test_codes_stand_in_lists_and_mappings() -> None:
    class Wrong(PolicySection):
        name: ClassVar[str] = "wrong"

        code: str = policy_key(default="GENERAL", description="代码", source="a test", codes=Codes.PROCEDURE)

    with pytest.raises(PolicyError, match="key code holds codes, so it is a tuple or a dict"):
        check_sections([Wrong])
