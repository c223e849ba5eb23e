"""What a plugin may ask of the core: facts within the asking account's scope, and a unit of work on them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from dingkao.plugin.caller import Caller
from dingkao.plugin.contributions import ExemptionCondition, Procedure
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.policy import Policy
from dingkao.plugin.settings import PluginSettings
from dingkao.plugin.vocabulary import AssessmentState, FilePurpose, PaperSubject, ReviewLevel, Role

Settings = TypeVar("Settings", bound=PluginSettings)


@dataclass(frozen=True, slots=True)
class AssessmentReading:
    """An assessment as rules read it: its facts, and the policy that its cycle pinned."""

    facts: AssessmentFacts
    policy: Policy


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
        """The assessment's facts, locked against other writers until the end. Raises NotFound out of scope.

        Everything else on an assessment asks for this first; RuntimeError tells of a plugin that has not."""
        ...

    async def lock_assessments(self, assessment_ids: Sequence[int]) -> Sequence[AssessmentFacts]:
        """The facts of many (at most 500 at once), locked in the order of their keys, which is the order given back.
        Raises NotFound where one is out of scope."""
        ...

    async def policy(self, assessment_id: int) -> Policy:
        """The policy pinned by the assessment's cycle."""
        ...

    def role_on(self, facts: AssessmentFacts, *roles: Role) -> Role:
        """The role in which the caller acts on this locked assessment: the first of his that reaches it, or, where
        `roles` are named, the first of these. It is the one that the audit names. Nobody acts in office on an
        assessment of his own: there, only the role of the doctor is his. Raises Forbidden."""
        ...

    async def deciders(self, assessment_id: int, level: ReviewLevel) -> Sequence[int]:
        """Accounts that have decided on the assessment at `level`."""
        ...

    async def waive_paper(self, assessment_id: int, subject: PaperSubject, code: str, title: str) -> None:
        """Let the core move the paper to EXEMPT (and conclude, where no paper is left). Raises StateConflict where it
        has been begun."""
        ...

    async def reconsider(self, assessment_id: int) -> None:
        """Let the core look at the locked assessment again, once what a `Requirement` held back is answered: where its
        papers have said all and nothing else is open, the core concludes it. Otherwise nothing changes."""
        ...

    async def use_files(
        self, assessment_id: int, file_ids: Sequence[str], purpose: FilePurpose, path: str
    ) -> list[int]:
        """Check that each opaque id is an upload for this assessment and purpose; returns their keys, in order.
        Raises ValidationFailed with every bad one at `path.INDEX`."""
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

    def settings(self, kind: type[Settings]) -> Settings:
        """The values of the plugin's own settings, by the class that its hook `settings` returns. Raises KeyError where
        no loaded plugin declares them."""
        ...

    def logged_in(self, caller: Caller | None) -> Caller:
        """The caller, for a query. Raises NotLoggedIn or FirstLoginOpen."""
        ...

    def work(self, caller: Caller | None) -> AbstractAsyncContextManager[Work]:
        """Begin a unit of work. Raises NotLoggedIn or FirstLoginOpen."""
        ...

    async def readings(
        self, caller: Caller | None, assessment_ids: Sequence[int]
    ) -> Sequence[AssessmentReading | None]:
        """Assessments by key, in order, for reading: None for each that is not in the caller's scope. The number of
        queries does not grow with theirs. Raises NotLoggedIn or FirstLoginOpen."""
        ...

    async def find_assessments(
        self,
        caller: Caller | None,
        role: Role,
        states: Sequence[AssessmentState],
        *,
        institution_id: int | None = None,
        procedure: str | None = None,
        after: int = 0,
        limit: int = 500,
    ) -> Sequence[int]:
        """The keys, ascending and above `after`, of at most `limit` assessments in one of `states` that the caller
        reaches in `role`; of one institution or procedure where named. Raises NotLoggedIn, FirstLoginOpen, Forbidden
        for who does not hold the role."""
        ...

    async def facts(self, caller: Caller | None, assessment_id: int) -> AssessmentFacts:
        """An assessment's facts for reading. Raises NotFound out of scope."""
        ...

    async def policy(self, caller: Caller | None, assessment_id: int) -> Policy:
        """The pinned policy of an assessment in scope. Raises NotFound."""
        ...

    def assessment_key(self, assessment: object) -> int:
        """The key of the API's Assessment object: what `self` is in a field that a plugin adds to that type."""
        ...

    async def load_assessment(self, info: Any, assessment_id: int) -> Any:
        """The API's Assessment object, through the request's loader (`info` is the resolver's). Raises NotFound out of
        scope."""
        ...

    async def reading(self, info: Any, assessment_id: int) -> AssessmentReading:
        """One of `readings`, gathered with those that other resolvers of the request ask for. Raises NotFound."""
        ...

    async def load_files(self, info: Any, keys: Sequence[int]) -> Sequence[Any]:
        """The API's UploadedFile objects for the keys that `Work.use_files` gave, in order, through the request's
        loader; those that are gone are left out. The plugin has checked that what refers to them is in scope."""
        ...
