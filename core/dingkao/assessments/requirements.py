"""Asking the plugins' requirements before a step of the core."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dingkao.assessments.access import gather_facts_of, pinned_policy
from dingkao.assessments.records import AssessmentRecord
from dingkao.environment import Environment
from dingkao.logs import get_logger
from dingkao.plugin.errors import NotEligible, StateConflict
from dingkao.plugin.requirements import Requirement, Step
from dingkao.plugin.services import AssessmentReading
from dingkao.plugin.text import Reason, Text

_log = get_logger("dingkao.requirements")

# How many assessments a requirement is asked about at once, and how long it may take (dingkao.plugin.requirements).
BATCH = 500
TIME_LIMIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Unmet:
    """A requirement that holds an assessment back, with its reasons."""

    requirement: Requirement
    reasons: tuple[Reason, ...]


class RequirementNotAnswered(StateConflict):
    """A requirement took longer than its time; `unmet` is how a client sees it."""

    def __init__(self, requirement: Requirement, state: str) -> None:
        text = Text(
            f"“{requirement.title.zh}”暂时无法核对，请稍后再试。",
            f"“{requirement.title.en}” cannot be looked up now; try again in a while.",
        )
        super().__init__("REQUIREMENT_NOT_ANSWERED", text, state)
        self.unmet = Unmet(requirement, (Reason(self.code, text),))


async def unmet_requirements(
    environment: Environment, records: Sequence[AssessmentRecord], step: Step
) -> dict[int, list[Unmet]]:
    """What holds these assessments back from `step`, in the order of the plugins' names; those that nothing does are
    left out. No query where no plugin has a requirement. Raises RequirementNotAnswered where one takes longer than the
    time limit, and what a requirement raises: nothing is done on a doubt."""
    found: dict[int, list[Unmet]] = {}
    requirements = environment.registry.requirements
    if not requirements:
        return found
    for start in range(0, len(records), BATCH):
        batch = records[start : start + BATCH]
        facts = await gather_facts_of(batch, environment.clock.now())
        readings = [AssessmentReading(facts[record.id], await pinned_policy(environment, record)) for record in batch]
        for requirement in requirements:
            answers = await _ask(requirement, step, readings)
            for record in batch:
                reasons = tuple(answers.get(record.id, ()))
                if reasons:
                    found.setdefault(record.id, []).append(Unmet(requirement, reasons))
    return found


async def _ask(
    requirement: Requirement, step: Step, readings: Sequence[AssessmentReading]
) -> Mapping[int, Sequence[Reason]]:
    try:
        async with asyncio.timeout(TIME_LIMIT_SECONDS):
            return await requirement.unmet(step, readings)
    except TimeoutError as error:
        _log.error("a requirement was not answered in time", requirement=requirement.code, step=step.value)
        raise RequirementNotAnswered(requirement, readings[0].facts.state.value) from error


async def require_met(environment: Environment, record: AssessmentRecord, step: Step) -> None:
    """Raises NotEligible with every reason against `step`, StateConflict where they cannot be found out."""
    unmet = (await unmet_requirements(environment, [record], step)).get(record.id)
    if unmet:
        raise NotEligible([reason for item in unmet for reason in item.reasons])
