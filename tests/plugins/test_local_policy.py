"""The region of the manual: which keys it sets, that the law's floor holds, and what it says to doctors."""

from collections.abc import Callable

from dingkao.application import load_registry
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.national import AccountsPolicy, DocumentsPolicy, PapersPolicy
from dingkao.plugin.policy import Policy
from dingkao.plugin.vocabulary import AssessmentState, PaperSubject
from dingkao.policies import PolicyBook
from dingkao.settings import Settings
from dingkao_exemptions.policy import ExemptionsPolicy
from dingkao_local_policy.policy import LAYERS, REGION_CODE
from dingkao_local_policy.rules import guidance_for
from dingkao_simple_procedure.policy import SimpleProcedurePolicy


def policies(*blocked: str) -> PolicyBook:
    registry = load_registry(Settings(plugins_blocked=blocked))
    book = PolicyBook(registry.sections, registry.layers)
    book.check()
    return book


def regional(*blocked: str) -> Policy:
    return policies(*blocked).for_place((REGION_CODE,))


def sentences(facts: AssessmentFacts, policy: Policy) -> str:
    return "\n".join(text.zh for text in guidance_for(facts, policy))


def test_the_regions_rules_are_the_manuals() -> None:
    policy = regional()
    assert policy.section(AccountsPolicy).initial_password == "666666"
    assert policy.section(SimpleProcedurePolicy).humanities_paper
    assert policy.section(SimpleProcedurePolicy).attempts is None
    assert policy.section(DocumentsPolicy).notice_printable
    assert policy.section(ExemptionsPolicy).regional_conditions == ("HUMANITIES_EDUCATION",)
    for subject in PaperSubject:
        rule = policy.section(PapersPolicy).rules[subject]
        assert (rule.questions, rule.minutes, rule.pass_percent) == (20, 30, 60)


def test_every_value_says_where_it_came_from() -> None:
    origins = {path: origin for path, _, origin in regional().items()}
    for layer in LAYERS:
        assert layer.reason
        for path in layer.values:
            assert origins[path].source == layer.source
            assert origins[path].reason == layer.reason
    assert origins["reviews.separate_people"].source == "national"


def test_elsewhere_the_national_rule_holds() -> None:
    policy = policies().for_place(("980000",))
    assert policy.section(AccountsPolicy).initial_password is None
    assert not policy.section(SimpleProcedurePolicy).humanities_paper
    assert not policy.section(DocumentsPolicy).notice_printable


def test_a_layer_is_left_out_where_the_plugin_it_speaks_of_is_blocked() -> None:
    paths = {path for path, _, _ in regional("exemptions", "simple_procedure").items()}
    assert not any(path.startswith(("exemptions.", "simple_procedure.")) for path in paths)
    assert regional("exemptions").section(SimpleProcedurePolicy).humanities_paper


def test_guidance_fits_stage_and_procedure(make_facts: Callable[..., AssessmentFacts]) -> None:
    policy = regional()
    opened = sentences(make_facts(), policy)
    assert "如发现所在机构不对需调整，请联系上级卫生行政机构处理。" in opened
    assert "教育经历信息可直接填最高学历。" in opened
    assert "多次答题" not in opened
    assert "述职" not in opened
    assert "2000字" in sentences(make_facts(procedure="SIMPLE"), policy)
    simple = sentences(make_facts(procedure="SIMPLE", state=AssessmentState.TESTING), policy)
    general = sentences(make_facts(procedure="GENERAL", state=AssessmentState.TESTING), policy)
    assert "简易程序试卷为多次答题试卷" in simple
    assert "只有1次答题机会" not in simple
    assert "一般程序试卷只有1次答题机会" in general
    assert "多次答题" not in general
    assert "公章" in sentences(make_facts(state=AssessmentState.CONCLUDED), policy)


def test_no_guidance_outside_the_region(make_facts: Callable[..., AssessmentFacts]) -> None:
    assert sentences(make_facts(), policies().for_place(())) == ""
