"""The general procedure: everybody, two papers in order, once each."""

from collections.abc import Callable

import pytest

from dingkao.plugin.contributions import PaperPlan, Procedure, ProcedureRequirements
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.policy import Policy, PolicyError, PolicyLayer, stack
from dingkao.plugin.vocabulary import PaperSubject
from dingkao_general_procedure.policy import GeneralProcedurePolicy
from dingkao_general_procedure.rules import GeneralProcedure

PROCEDURE = GeneralProcedure()


def policy(**values: object) -> Policy:
    layer = PolicyLayer(
        "990000", "test", "1", "test", {f"general_procedure.{key}": value for key, value in values.items()}
    )
    return stack([GeneralProcedurePolicy], [layer])


def test_everybody_may_choose_it_and_adds_nothing(make_facts: Callable[..., AssessmentFacts]) -> None:
    assert isinstance(PROCEDURE, Procedure)
    assert (PROCEDURE.code, PROCEDURE.title.zh) == ("GENERAL", "一般程序")
    assert list(PROCEDURE.ineligibility(make_facts(bad=3, practising_since=None), policy())) == []
    assert PROCEDURE.requirements(policy()) == ProcedureRequirements(0, None)


def test_humanities_first_then_professional_once_each(make_facts: Callable[..., AssessmentFacts]) -> None:
    assert list(PROCEDURE.papers(make_facts(), policy())) == [
        PaperPlan(PaperSubject.HUMANITIES, 1),
        PaperPlan(PaperSubject.PROFESSIONAL, 1),
    ]
    changed = policy(humanities_attempts=3, professional_attempts=2)
    assert [paper.attempts for paper in PROCEDURE.papers(make_facts(), changed)] == [3, 2]


@pytest.mark.parametrize("papers", [["HUMANITIES"], ["PROFESSIONAL", "PROFESSIONAL"], []])
def test_professional_competence_is_always_tested(papers: list[str]) -> None:
    with pytest.raises(PolicyError, match="papers"):
        policy(papers=papers)
