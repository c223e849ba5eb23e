"""What the general procedure asks for. Pure."""

from collections.abc import Sequence

from dingkao.plugin.contributions import PaperPlan, ProcedureRequirements
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.policy import Policy
from dingkao.plugin.text import Reason, Text
from dingkao_general_procedure.policy import GeneralProcedurePolicy


class GeneralProcedure:
    """一般程序: open to every doctor; the humanities paper, then the professional one, once each (manual 2.2.5)."""

    code = "GENERAL"
    title = Text("一般程序", "General procedure")
    description = Text(
        "适用于所有医师：不需证明材料和个人述职，须按顺序完成医学人文测评和业务水平测评。",
        "For every doctor: no proof and no statement; the humanities test, then the professional test.",
    )

    def ineligibility(self, facts: AssessmentFacts, policy: Policy) -> Sequence[Reason]:
        """Nothing speaks against it for anybody."""
        return []

    def requirements(self, policy: Policy) -> ProcedureRequirements:
        """Nothing besides the form (manual 2.2.3 (4))."""
        return ProcedureRequirements()

    def papers(self, facts: AssessmentFacts, policy: Policy) -> Sequence[PaperPlan]:
        """The papers of the policy, in its order."""
        rule = policy.section(GeneralProcedurePolicy)
        return [PaperPlan(subject, rule.attempts(subject)) for subject in rule.papers]
