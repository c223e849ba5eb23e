"""What a plugin may ask for before the core takes a step: it gives reasons against it, and the core waits."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol, runtime_checkable

from dingkao.plugin.services import AssessmentReading
from dingkao.plugin.text import Reason, Text


class Step(StrEnum):
    """Steps of the core that wait for requirements: 考核机构复核通过, 得出考核结果."""

    BODY_APPROVAL = "BODY_APPROVAL"
    CONCLUSION = "CONCLUSION"


@runtime_checkable
class Requirement(Protocol):
    """前置条件: something that must be done on an assessment before a step, as a region's further check.

    A plugin adds requirements; only the core moves a state. While one is unmet, the body's approval is refused with its
    reasons, and a conclusion waits: every paper keeps its state, and nothing is lost. Once what was open has been
    answered, the plugin lets the core look again (`Work.reconsider`). A requirement can hold back, never decide.
    """

    @property
    def code(self) -> str:
        """Stable code, upper case, once among all plugins."""
        ...

    @property
    def title(self) -> Text:
        """What people call it."""
        ...

    async def unmet(self, step: Step, assessments: Sequence[AssessmentReading]) -> Mapping[int, Sequence[Reason]]:
        """The reasons against `step`, by assessment; one that is left out (or has no reason) may take it.

        Asked inside the use case's transaction with the assessments locked, for one or for up to 500 at once: one query
        of the plugin's own tables for all of them, nothing that reaches outside, nothing written. Asked for readings
        too, so that clients can show what is open. Time limit 10 s: then the act is refused (REQUIREMENT_NOT_ANSWERED)
        and may be tried again. An exception undoes the use case: nothing is approved or concluded on a doubt. Marking a
        paper is tried again by the sweeper.
        """
        ...
