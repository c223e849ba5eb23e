"""What holds back the body's approval and the conclusion: asked by the core, answered from the plugin's own tables."""

from collections.abc import Mapping, Sequence

from dingkao.plugin.requirements import Step
from dingkao.plugin.services import AssessmentReading
from dingkao.plugin.text import Reason, Text
from dingkao_shandong_2023.policy import SpotCheckPolicy
from dingkao_shandong_2023.rules import against
from dingkao_shandong_2023.store import read_checks_of


class SpotCheckRequirement:
    """An open spot check is answered before its assessment is approved or concluded."""

    code = "SPOT_CHECK"
    title = Text("抽查核查", "Spot check")

    async def unmet(self, step: Step, assessments: Sequence[AssessmentReading]) -> Mapping[int, Sequence[Reason]]:
        """One query for all of them; assessments that reading leaves out are held back by nothing."""
        checks = await read_checks_of([reading.facts.assessment_id for reading in assessments])
        found: dict[int, Sequence[Reason]] = {}
        for reading, of_assessment in zip(assessments, checks, strict=True):
            facts = reading.facts
            present = [check for check in of_assessment if check.submission_number == facts.submission_number]
            state = present[-1].state if present else None
            reasons = against(step, facts, reading.policy.section(SpotCheckPolicy), state)
            if reasons:
                found[facts.assessment_id] = reasons
        return found
