"""A procedure whose papers can never be reached, or that cannot be asked, refuses the start."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import Field

from dingkao.host.loading import FoundPlugin, PluginRefused, build_registry, find_plugins
from dingkao.plugin import hookimpl
from dingkao.plugin.contributions import PaperPlan, Procedure, ProcedureRequirements
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.policy import Policy, PolicyLayer, PolicySection
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import PaperSubject, PracticeCategory


class NightPolicy(PolicySection):
    """夜间"""

    name = "night"

    attempts: int | None = Field(default=1, description="次数: attempts")


Plans = Callable[[AssessmentFacts, Policy], Any]


@dataclass
class Night:
    plans: Plans
    code: str = "NIGHT"
    title: Text = field(default_factory=lambda: Text("夜间程序", "Night procedure"))
    description: Text = field(default_factory=lambda: Text("说明", "Description"))
    requires: Any = field(default_factory=ProcedureRequirements)

    def ineligibility(self, facts: AssessmentFacts, policy: Policy) -> Sequence[Reason]:
        return []

    def requirements(self, policy: Policy) -> ProcedureRequirements:
        return self.requires  # type: ignore[no-any-return]

    def papers(self, facts: AssessmentFacts, policy: Policy) -> Sequence[PaperPlan]:
        return self.plans(facts, policy)  # type: ignore[no-any-return]


def found(procedure: Procedure, *layers: PolicyLayer) -> FoundPlugin:
    class Plugin:
        plugin_api = 1

        @hookimpl
        def procedures(self) -> Sequence[Procedure]:
            return [procedure]

        @hookimpl
        def policy_sections(self) -> Sequence[type[PolicySection]]:
            return [NightPolicy]

        @hookimpl
        def policy_layers(self) -> Sequence[PolicyLayer]:
            return layers

    return FoundPlugin("night", "dingkao-night", "1.0", Plugin())


def refusal(plugin: FoundPlugin) -> str:
    with pytest.raises(PluginRefused) as caught:
        build_registry([plugin])
    (problem,) = caught.value.problems
    return problem


def plan(subject: Any = PaperSubject.HUMANITIES, attempts: Any = 1) -> PaperPlan:
    return PaperPlan(subject, attempts)


@pytest.mark.parametrize(
    ("plans", "said"),
    [
        ([plan(), plan(attempts=None)], "plans the paper HUMANITIES twice: the second can never be reached"),
        ([plan(attempts=0)], "plans the paper HUMANITIES with 0 attempts: it can never be sat"),
        ([plan(attempts=-1)], "plans the paper HUMANITIES with -1 attempts: it can never be sat"),
        ([plan(attempts="1")], "plans the paper HUMANITIES with 1 attempts: it can never be sat"),
        ([plan("HUMANITY")], "gives as paper 1 what is no PaperPlan of a PaperSubject"),
        ([plan(), "PROFESSIONAL"], "gives as paper 2 what is no PaperPlan of a PaperSubject"),
        ({"HUMANITIES": 1}, "gives as papers a dict, where a list of PaperPlan is due"),
        (None, "gives as papers a NoneType, where a list of PaperPlan is due"),
    ],
)
def test_papers_that_can_never_be_reached(plans: Any, said: str) -> None:
    assert refusal(found(Night(lambda facts, policy: plans))).startswith(f"plugin night: procedure NIGHT {said}")


def test_one_category_of_doctors_is_enough() -> None:
    def plans(facts: AssessmentFacts, policy: Policy) -> Sequence[PaperPlan]:
        return [plan(attempts=0 if facts.category is PracticeCategory.DENTAL else 1)]

    assert "with 0 attempts" in refusal(found(Night(plans)))


def test_the_policy_of_one_region_is_enough() -> None:
    def plans(facts: AssessmentFacts, policy: Policy) -> Sequence[PaperPlan]:
        return [plan(attempts=policy.section(NightPolicy).attempts)]

    layer = PolicyLayer("110000", "night", "1", "通知", {"night.attempts": 0})
    assert build_registry([found(Night(plans))]).procedures
    assert "with 0 attempts: it can never be sat" in refusal(found(Night(plans), layer))
    assert "(under the policy of 110000); mend or block the plugin" in refusal(found(Night(plans), layer))


def test_a_procedure_that_cannot_be_asked() -> None:
    def broken(facts: AssessmentFacts, policy: Policy) -> Sequence[PaperPlan]:
        raise LookupError("nothing")

    assert "fails for a made-up doctor: LookupError: nothing (under the national policy)" in refusal(
        found(Night(broken))
    )
    negative = Night(lambda facts, policy: [], requires=ProcedureRequirements(minimum_proofs=-1))
    assert "asks for -1 proofs; ask for 0 or more" in refusal(found(negative))
    shapeless = Night(lambda facts, policy: [], requires=3)
    assert "gives as requirements a int, where ProcedureRequirements is due" in refusal(found(shapeless))


def test_the_bundled_procedures_can_be_sat_everywhere() -> None:
    assert set(build_registry(find_plugins()).procedures) >= {"SIMPLE", "GENERAL"}
