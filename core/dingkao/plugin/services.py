"""What a plugin may ask of the core: facts within the asking account's scope, and a unit of work on them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

from dingkao.plugin.caller import Caller
from dingkao.plugin.contributions import ExemptionCondition, Procedure
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.policy import Policy
from dingkao.plugin.vocabulary import FilePurpose, PaperSubject, ReviewLevel, Role


class Work(Protocol):
    """One use case: a transaction, with the moment it happens at. Everything is undone where the block raises."""

    @property
    def now(self) -> datetime:
        """The server's time, UTC."""
        ...

    @property
    def caller(self) -> Caller:
        """Who acts."""
        ...

    async def lock_assessment(self, assessment_id: int) -> AssessmentFacts:
        """The assessment's facts, locked against other writers until the end. Raises NotFound out of scope."""
        ...

    async def policy(self, assessment_id: int) -> Policy:
        """The policy pinned by the assessment's cycle."""
        ...

    def role_on(self, facts: AssessmentFacts) -> Role:
        """The role in which the caller acts on this assessment. Raises Forbidden."""
        ...

    async def deciders(self, assessment_id: int, level: ReviewLevel) -> Sequence[int]:
        """Accounts that have decided on the assessment at `level`."""
        ...

    async def waive_paper(self, assessment_id: int, subject: PaperSubject, code: str, title: str) -> None:
        """Let the core move the paper to EXEMPT (and conclude, where no paper is left). Raises StateConflict."""
        ...

    async def use_files(
        self, assessment_id: int, file_ids: Sequence[str], purpose: FilePurpose, path: str
    ) -> list[int]:
        """Check that each opaque id is an upload for this assessment and purpose; returns their keys.
        Raises ValidationFailed at `path`."""
        ...

    async def record_transition(
        self, machine: str, object_id: int, facts: AssessmentFacts, source: str, event: str, target: str, reason: str
    ) -> None:
        """Write down a transition of the plugin's own machine: actor, role, organisation, time, reason, policy."""
        ...

    async def record(self, action: str, object_type: str, object_id: int, detail: Mapping[str, Any]) -> None:
        """Write the audit entry of this use case (no personal data in `detail`)."""
        ...


class PluginServices(Protocol):
    """The core's services, as a plugin's resolvers and services see them."""

    @property
    def procedures(self) -> Mapping[str, Procedure]:
        """Every procedure that is loaded, by code."""
        ...

    @property
    def exemption_conditions(self) -> Mapping[str, ExemptionCondition]:
        """Every condition of every catalogue, by code."""
        ...

    def work(self, caller: Caller | None) -> AbstractAsyncContextManager[Work]:
        """Begin a unit of work. Raises NotLoggedIn or FirstLoginOpen."""
        ...

    async def facts(self, caller: Caller | None, assessment_id: int) -> AssessmentFacts:
        """An assessment's facts for reading. Raises NotFound out of scope."""
        ...

    async def policy(self, caller: Caller | None, assessment_id: int) -> Policy:
        """The pinned policy of an assessment in scope. Raises NotFound."""
        ...
