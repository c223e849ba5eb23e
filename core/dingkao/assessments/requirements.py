"""Asking the plugins' requirements before a step of the core."""

from collections.abc import Sequence
from dataclasses import dataclass

from dingkao.assessments.access import gather_facts_of, pinned_policy
from dingkao.assessments.records import AssessmentRecord
from dingkao.environment import Environment
from dingkao.plugin.errors import NotEligible
from dingkao.plugin.requirements import Requirement, Step
from dingkao.plugin.services import AssessmentReading
from dingkao.plugin.text import Reason

# How many assessments a requirement is asked about at once (dingkao.plugin.requirements).
BATCH = 500


@dataclass(frozen=True, slots=True)
class Unmet:
    """A requirement that holds an assessment back, with its reasons."""

    requirement: Requirement
    reasons: tuple[Reason, ...]


async def unmet_requirements(
    environment: Environment, records: Sequence[AssessmentRecord], step: Step
) -> dict[int, list[Unmet]]:
    """What holds these assessments back from `step`, in the order of the plugins' names; those that nothing does are
    left out. No query where no plugin has a requirement."""
    found: dict[int, list[Unmet]] = {}
    requirements = environment.registry.requirements
    if not requirements:
        return found
    for start in range(0, len(records), BATCH):
        batch = records[start : start + BATCH]
        facts = await gather_facts_of(batch, environment.clock.now())
        readings = [AssessmentReading(facts[record.id], await pinned_policy(environment, record)) for record in batch]
        for requirement in requirements:
            answers = await requirement.unmet(step, readings)
            for record in batch:
                reasons = tuple(answers.get(record.id, ()))
                if reasons:
                    found.setdefault(record.id, []).append(Unmet(requirement, reasons))
    return found


async def require_met(environment: Environment, record: AssessmentRecord, step: Step) -> None:
    """Raises NotEligible with every reason against `step`."""
    unmet = (await unmet_requirements(environment, [record], step)).get(record.id)
    if unmet:
        raise NotEligible([reason for item in unmet for reason in item.reasons])
