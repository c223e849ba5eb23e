"""Whether the papers of each procedure can be reached: it is asked about made-up doctors under every policy."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import chain, product

from dingkao.papers.rules import wrong_with_plans
from dingkao.plugin.contributions import Procedure, ProcedureRequirements
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.national import PapersPolicy
from dingkao.plugin.policy import Policy
from dingkao.plugin.text import Reason
from dingkao.plugin.vocabulary import AssessmentKind, AssessmentState, PracticeCategory, PracticeLevel

_BEGAN = (None, date(1990, 2, 28), date(2025, 6, 1))


def made_up_facts(procedure: str) -> Iterator[AssessmentFacts]:
    """Doctors of every category and level, before and after long practice; an assessment of every kind."""
    regular = product(PracticeCategory, PracticeLevel, [AssessmentKind.REGULAR], _BEGAN)
    others = product([PracticeCategory.CLINICAL], [PracticeLevel.LICENSED], AssessmentKind, _BEGAN[1:])
    for category, level, kind, since in chain(regular, others):
        yield AssessmentFacts(
            assessment_id=1,
            doctor_id=1,
            institution_id=1,
            body_id=1,
            kind=kind,
            state=AssessmentState.OPENED,
            procedure=procedure,
            category=category,
            scope="",
            level=level,
            practising_since=since,
            behaviour=(),
            cycle_starts_on=date(2026, 1, 1),
            cycle_ends_on=date(2026, 12, 31),
            today=date(2026, 6, 1),
        )


def wrong_with_procedure(procedure: Procedure, policies: Mapping[str, Policy]) -> Sequence[str]:
    """Every reason why papers of `procedure` can never be reached, or why it cannot be asked at all; `policies` by the
    words for the place where each is in force."""
    wrong: dict[str, None] = {}
    for place, policy in policies.items():
        for facts in made_up_facts(procedure.code):
            for sentence in _ask(procedure, facts, policy):
                wrong[f"procedure {procedure.code} {sentence} (under {place})"] = None
            if wrong:
                return list(wrong)
    return list(wrong)


def _ask(procedure: Procedure, facts: AssessmentFacts, policy: Policy) -> Iterator[str]:
    try:
        reasons = procedure.ineligibility(facts, policy)
        requirements = procedure.requirements(policy)
        plans = procedure.papers(facts, policy)
    except Exception as error:
        yield f"fails for a made-up doctor: {type(error).__name__}: {error}"
        return
    if not isinstance(reasons, Sequence) or not all(isinstance(reason, Reason) for reason in reasons):
        yield "gives as ineligibility what is no list of Reason"
    if not isinstance(requirements, ProcedureRequirements):
        yield f"gives as requirements a {type(requirements).__name__}, where ProcedureRequirements is due"
    elif requirements.minimum_proofs < 0:
        yield f"asks for {requirements.minimum_proofs} proofs; ask for 0 or more"
    wrong = wrong_with_plans(plans)
    if wrong is not None:
        yield wrong
        return
    rules = policy.section(PapersPolicy).rules
    for plan in plans:
        if plan.subject not in rules:
            yield f"plans the paper {plan.subject.value}, for which papers.rules has no rule: it can never be drawn"
