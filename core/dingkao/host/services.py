"""The facade through which plugins reach the core: nothing here decides; it names, checks and hands on."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar, cast

from dingkao.access.rules import OWN_ASSESSMENT, acting_grant, grant_on, require_role
from dingkao.assessments.access import gather_facts_of, lock_assessment, lock_records, pinned_policy
from dingkao.assessments.graphql import Assessment, load_assessment
from dingkao.assessments.graphql.assessment import load_facts
from dingkao.assessments.graphql.form_types import UploadedFile, show_file
from dingkao.assessments.lists import find_in_role
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.audit.work import UnitOfWork, begin, logged_in
from dingkao.context import CoreInfo, core_info
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers.planning import open_papers, waive_paper
from dingkao.papers.rules import TESTABLE
from dingkao.plugin.caller import Caller
from dingkao.plugin.contributions import ExemptionCondition, Procedure
from dingkao.plugin.errors import FieldProblem, Forbidden, NotFound, ValidationFailed
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.ids import decode_id
from dingkao.plugin.policy import Policy
from dingkao.plugin.services import AssessmentReading, Work
from dingkao.plugin.settings import PluginSettings
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import AssessmentState, FilePurpose, PaperSubject, ReviewLevel, Role
from dingkao.reviews.tables import Review
from dingkao.storage.lookup import FileRecord, files_by_ids, files_of_assessment

Settings = TypeVar("Settings", bound=PluginSettings)

_deciders = Statement(
    lambda p: Review.select(Review.reviewer).where((Review.assessment == p.assessment) & (Review.level == p.level))
)
# The most assessments that one unit of work locks at once.
MOST_LOCKED = 500
_UNKNOWN_FILE = Text("未找到该上传文件，请重新上传。", "There is no such upload for this; upload it again.")
_REPEATED_FILE = Text("同一文件重复提交。", "The same file was given twice.")


class CoreWork:
    """`Work` over the core's unit of work. An assessment's record is remembered from its lock on."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._records: dict[int, AssessmentRecord] = {}

    @property
    def now(self) -> datetime:
        """The moment of the use case, UTC."""
        return self._unit.now

    @property
    def caller(self) -> Caller:
        """Who acts."""
        return self._unit.caller

    def _locked(self, assessment_id: int) -> AssessmentRecord:
        record = self._records.get(assessment_id)
        if record is None:
            raise RuntimeError(f"assessment {assessment_id} is not locked: call lock_assessment first")
        return record

    async def lock_assessment(self, assessment_id: int) -> AssessmentFacts:
        """Lock it and gather its facts. Raises NotFound."""
        record = await lock_assessment(self._unit, assessment_id)
        self._records[assessment_id] = record
        return (await gather_facts_of([record], self._unit.now))[record.id]

    async def lock_assessments(self, assessment_ids: Sequence[int]) -> Sequence[AssessmentFacts]:
        """Lock them in the order of their keys. Raises NotFound, Forbidden, ValueError for more than a batch."""
        ids = sorted(set(assessment_ids))
        if len(ids) > MOST_LOCKED:
            raise ValueError(f"{len(ids)} assessments at once; the most is {MOST_LOCKED}")
        records = await lock_records(ids)
        reached = [records[key] for key in ids if key in records and grant_on(self.caller, records[key]) is not None]
        if len(reached) != len(ids):
            raise NotFound
        if any(acting_grant(self.caller, record) is None for record in reached):
            raise Forbidden(OWN_ASSESSMENT.text)
        self._records.update({record.id: record for record in reached})
        facts = await gather_facts_of(reached, self._unit.now)
        return [facts[key] for key in ids]

    async def policy(self, assessment_id: int) -> Policy:
        """The policy that the locked assessment's cycle pinned."""
        return await pinned_policy(self._unit.environment, self._locked(assessment_id))

    def role_on(self, facts: AssessmentFacts, *roles: Role) -> Role:
        """Act in the first of `roles` (of any, where none is named) that reaches it. Raises Forbidden."""
        self._unit.acting = require_role(self._unit.caller, self._locked(facts.assessment_id), *roles)
        return self._unit.acting.role

    async def deciders(self, assessment_id: int, level: ReviewLevel) -> Sequence[int]:
        """Accounts with a review of the assessment at `level`, each once, first decision first."""
        rows = await _deciders.run(assessment=self._locked(assessment_id).id, level=level.value)
        return list(dict.fromkeys(int(row["reviewer"]) for row in rows))

    async def waive_paper(self, assessment_id: int, subject: PaperSubject, code: str, title: str) -> None:
        """Waive a paper through the core's own machine. Raises StateConflict."""
        await waive_paper(self._unit, self._locked(assessment_id), subject, code, title)

    async def reconsider(self, assessment_id: int) -> None:
        """Open the next paper or conclude, where the assessment is that far and nothing holds it back."""
        record = (await read_records([self._locked(assessment_id).id]))[assessment_id]
        if record.state in TESTABLE:
            await open_papers(self._unit, record)

    async def use_files(
        self, assessment_id: int, file_ids: Sequence[str], purpose: FilePurpose, path: str
    ) -> list[int]:
        """Keys of the uploads named. Raises ValidationFailed with every one that is unknown or named twice."""
        uploads = await files_of_assessment(self._locked(assessment_id).id, purpose)
        problems: list[FieldProblem] = []
        keys: list[int] = []
        for place, opaque in enumerate(file_ids):
            key = _file_key(opaque)
            if key not in uploads:
                problems.append(FieldProblem(f"{path}.{place}", "FILE_NOT_FOUND", _UNKNOWN_FILE))
            elif key in keys:
                problems.append(FieldProblem(f"{path}.{place}", "REPEATED", _REPEATED_FILE))
            else:
                keys.append(key)
        if problems:
            raise ValidationFailed(problems)
        return keys

    async def record_transition(
        self, machine: str, object_id: int, facts: AssessmentFacts, source: str, event: str, target: str, reason: str
    ) -> None:
        """Write a transition of the plugin's machine beside the core's own, under the pinned policy's version."""
        record = self._locked(facts.assessment_id)
        await self._unit.record_transition(
            machine=machine,
            object_id=object_id,
            assessment_id=record.id,
            source=source,
            event=event,
            target=target,
            reason=reason,
            policy_version=record.policy_version,
        )

    async def record(self, action: str, object_type: str, object_id: int, detail: Mapping[str, Any]) -> None:
        """Write the audit entry."""
        await self._unit.record(action, object_type, object_id, detail)


def _file_key(opaque: str) -> int:
    try:
        return decode_id("File", opaque)
    except NotFound:
        return 0


class CoreServices:
    """`PluginServices` of one running application."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        # Whoever is asked for where no request says who asks: the core's own code and its tests.
        self._bound = False
        self._caller: Caller | None = None

    def for_caller(self, caller: Caller | None) -> "CoreServices":
        """The same services for this account alone: RuntimeError tells of a plugin that asks for another."""
        services = CoreServices(self._environment)
        services._bound, services._caller = True, caller
        return services

    def _asking(self, caller: Caller | None) -> Caller | None:
        if self._bound and caller is not None and caller != self._caller:
            raise RuntimeError("a plugin asked for another account than the one that asks: pass info.context.caller")
        return caller

    @property
    def procedures(self) -> Mapping[str, Procedure]:
        """Every procedure that is loaded, by code."""
        return self._environment.registry.procedures

    @property
    def exemption_conditions(self) -> Mapping[str, ExemptionCondition]:
        """Every condition of every catalogue, by code."""
        return self._environment.registry.exemption_conditions

    def settings(self, kind: type[Settings]) -> Settings:
        """The values of a plugin's own settings. Raises KeyError where no plugin declares them."""
        for values in self._environment.registry.settings.values():
            if isinstance(values, kind):
                return values
        raise KeyError(f"no plugin declares the settings {kind.__name__} in its hook settings")

    def logged_in(self, caller: Caller | None) -> Caller:
        """The caller of a query. Raises NotLoggedIn, FirstLoginOpen."""
        return logged_in(self._asking(caller))

    @asynccontextmanager
    async def work(self, caller: Caller | None) -> AsyncIterator[Work]:
        """A unit of work. Raises NotLoggedIn, FirstLoginOpen; undone where the block raises or records nothing."""
        async with begin(self._environment, self._asking(caller)) as unit:
            yield CoreWork(unit)

    async def readings(
        self, caller: Caller | None, assessment_ids: Sequence[int]
    ) -> Sequence[AssessmentReading | None]:
        """Facts and policy of each assessment in scope: three queries, and one for each policy never read before."""
        asking = logged_in(self._asking(caller))
        found = await read_records(list(dict.fromkeys(assessment_ids)))
        reached = {key: record for key, record in found.items() if grant_on(asking, record) is not None}
        facts = await gather_facts_of(list(reached.values()), self._environment.clock.now())
        readings = {
            key: AssessmentReading(facts[key], await pinned_policy(self._environment, record))
            for key, record in reached.items()
        }
        return [readings.get(key) for key in assessment_ids]

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
        """Keys in the caller's scope: one query. Raises NotLoggedIn, FirstLoginOpen, Forbidden."""
        return await find_in_role(
            logged_in(self._asking(caller)),
            role,
            states,
            institution_id=institution_id,
            procedure=procedure,
            after=after,
            limit=limit,
        )

    async def _reading(self, caller: Caller | None, assessment_id: int) -> AssessmentReading:
        reading = (await self.readings(caller, [assessment_id]))[0]
        if reading is None:
            raise NotFound
        return reading

    async def facts(self, caller: Caller | None, assessment_id: int) -> AssessmentFacts:
        """Facts of an assessment in scope. Raises NotFound."""
        return (await self._reading(caller, assessment_id)).facts

    async def policy(self, caller: Caller | None, assessment_id: int) -> Policy:
        """Pinned policy of an assessment in scope. Raises NotFound."""
        return (await self._reading(caller, assessment_id)).policy

    def assessment_key(self, assessment: object) -> int:
        """The key behind the API's Assessment."""
        return cast("Assessment", assessment).record.id

    async def load_assessment(self, info: CoreInfo, assessment_id: int) -> Assessment:
        """The API's Assessment in scope, through the request's loader. Raises NotFound."""
        return await load_assessment(core_info(info), assessment_id)

    async def reading(self, info: CoreInfo, assessment_id: int) -> AssessmentReading:
        """Facts and policy through the loaders that the core's own fields use. Raises NotFound."""
        own = core_info(info)
        record = (await load_assessment(own, assessment_id)).record
        return AssessmentReading(await load_facts(own, record), await pinned_policy(self._environment, record))

    async def load_files(self, info: CoreInfo, keys: Sequence[int]) -> Sequence[UploadedFile]:
        """The API's UploadedFile of each key that there is, through the request's loader."""
        files = await info.context.loader(_load_files).load_many(list(keys))
        return [show_file(file) for file in files if file is not None]


async def _load_files(keys: list[int]) -> Sequence[FileRecord | None]:
    found = await files_by_ids(keys)
    return [found.get(key) for key in keys]
