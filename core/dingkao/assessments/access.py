"""Reaching an assessment: within the caller's scope, for reading or locked for writing; its policy and its facts."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from piccolo.columns import Column
from piccolo.querystring import QueryString

from dingkao.access.rules import OWN_ASSESSMENT, Kind, acting_grant, grant_on
from dingkao.assessments.records import AssessmentRecord, own_columns, read_records
from dingkao.assessments.rules import MACHINE, Event
from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import StateTransition
from dingkao.audit.work import UnitOfWork
from dingkao.clock import china_date
from dingkao.cycles.tables import PinnedPolicy
from dingkao.db.database import is_postgresql
from dingkao.db.gates import Gate, GateClosed, going_through
from dingkao.db.statement import Statement
from dingkao.doctors.tables import BehaviourRecord
from dingkao.environment import Environment
from dingkao.papers.tables import AssessmentPaper
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import Forbidden, NotFound
from dingkao.plugin.facts import AssessmentFacts, BehaviourFact, PaperFact
from dingkao.plugin.policy import Policy
from dingkao.plugin.vocabulary import (
    AssessmentKind,
    AssessmentState,
    BehaviourPolarity,
    PaperState,
    PaperSubject,
    PracticeCategory,
    PracticeLevel,
)

_lock_row = Statement(lambda p: Assessment.select(Assessment.id).where(Assessment.id == p.id).lock_rows())
# The column whose value tells which gate: cycles have one for marking, assessment bodies one for starting.
_GATE_KEYS = {Gate.MARKING: "cycle", Gate.STARTING: "COALESCE(body, 0)"}
_lock_row_behind = Statement(
    lambda p: QueryString(
        f"SELECT id FROM assessment WHERE id = {{}} AND {going_through(p.gate, _GATE_KEYS[p.gate])} FOR UPDATE",  # noqa: S608
        p.id,
    ),
    constants=("gate",),
)
_lock_rows = Statement(
    lambda p: Assessment.select(Assessment.id).where(Assessment.id.is_in(p.ids)).order_by(Assessment.id).lock_rows()
)
_policy_text = Statement(lambda p: PinnedPolicy.select(PinnedPolicy.content).where(PinnedPolicy.digest == p.digest))
_behaviour = Statement(
    lambda p: (
        BehaviourRecord.select(
            BehaviourRecord.doctor, BehaviourRecord.polarity, BehaviourRecord.kind, BehaviourRecord.occurred_on
        )
        .where(BehaviourRecord.doctor.is_in(p.doctors))
        .order_by(BehaviourRecord.id)
    )
)
_papers = Statement(
    lambda p: (
        AssessmentPaper.select(
            AssessmentPaper.assessment,
            AssessmentPaper.subject,
            AssessmentPaper.state,
            AssessmentPaper.attempts_used,
            AssessmentPaper.waiver_code,
            AssessmentPaper.sit_until,
        )
        .where(AssessmentPaper.assessment.is_in(p.assessments))
        .order_by(AssessmentPaper.position)
    )
)


async def read_assessment(
    caller: Caller, assessment_id: int, kinds: Sequence[Kind] = (Kind.ASSESSMENT,)
) -> AssessmentRecord:
    """An assessment that the caller sees as one of `kinds`. Raises NotFound, also where it exists for others."""
    record = (await read_records([assessment_id])).get(assessment_id)
    if record is None or all(grant_on(caller, record, kind=kind) is None for kind in kinds):
        raise NotFound
    return record


def _acting_as(caller: Caller, record: AssessmentRecord, kinds: Sequence[Kind]) -> RoleGrant:
    found = (acting_grant(caller, record, kind=kind) for kind in kinds)
    grant = next((grant for grant in found if grant is not None), None)
    if grant is None:
        raise Forbidden(OWN_ASSESSMENT.text)
    return grant


async def lock_assessment(
    work: UnitOfWork, assessment_id: int, kinds: Sequence[Kind] = (Kind.ASSESSMENT,), *, gate: Gate | None = None
) -> AssessmentRecord:
    """The assessment, locked until the transaction ends, so that of two requests at once the second sees what the
    first has done; before that gone through `gate`. Sets `work.acting`. Raises NotFound, GateClosed, and Forbidden
    where all that the caller could act by is an office in his own cause.

    On SQLite the transaction itself is the lock: it began with BEGIN IMMEDIATE.
    """
    through = True
    if is_postgresql() and gate is not None:
        through = await _lock_row_behind.first(id=assessment_id, gate=gate) is not None
    elif is_postgresql():
        await _lock_row.run(id=assessment_id)
    record = await read_assessment(work.caller, assessment_id, kinds)
    if not through:
        raise GateClosed
    work.acting = _acting_as(work.caller, record, kinds)
    work.found("Assessment", record.id, own_columns(record))
    return record


async def lock_records(assessment_ids: Sequence[int]) -> dict[int, AssessmentRecord]:
    """Assessments locked in the order of their keys, so that two batches never wait for each other in a ring; by id,
    those that exist. Applies no scope."""
    if is_postgresql():
        await _lock_rows.run(ids=list(assessment_ids))
    return await read_records(list(assessment_ids))


async def pinned_policy(environment: Environment, record: AssessmentRecord) -> Policy:
    """The policy that the assessment is under: pinned by its cycle for its institution."""
    return await policy_with_digest(environment, record.policy_digest, record.policy_version)


async def policy_with_digest(environment: Environment, digest: str, version: str) -> Policy:
    """The policy that was pinned under `digest`; its text is read once. Raises PolicyError where a newer section
    refuses what was pinned, LookupError where nothing was."""
    found = environment.policies.known(digest)
    if found is None:
        row = await _policy_text.first(digest=digest)
        if row is None:
            raise LookupError(f"no policy was pinned under {digest}")
        found = environment.policies.pinned(digest, row["content"], version)
    return found


async def gather_facts(record: AssessmentRecord, now: datetime) -> AssessmentFacts:
    """What rules may know of the assessment at `now`: two more queries."""
    return (await gather_facts_of([record], now))[record.id]


class FactsSource(Protocol):
    """What the facts of an assessment are made of beside its papers and behaviour; an AssessmentRecord is one."""

    @property
    def id(self) -> int: ...
    @property
    def doctor_id(self) -> int: ...
    @property
    def cycle_id(self) -> int: ...
    @property
    def kind(self) -> AssessmentKind: ...
    @property
    def state(self) -> AssessmentState: ...
    @property
    def institution_id(self) -> int: ...
    @property
    def body_id(self) -> int | None: ...
    @property
    def procedure(self) -> str | None: ...
    @property
    def submissions(self) -> int: ...
    @property
    def category(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def level(self) -> str: ...
    @property
    def practising_since(self) -> date | None: ...
    @property
    def cycle_starts_on(self) -> date: ...
    @property
    def cycle_ends_on(self) -> date: ...


async def gather_facts_of(records: Sequence[FactsSource], now: datetime) -> dict[int, AssessmentFacts]:
    """The facts of many assessments by id: two queries, however many there are."""
    behaviour = await _behaviour.run(doctors=list({record.doctor_id for record in records}))
    papers = await _papers.run(assessments=[record.id for record in records])
    behaviour_of: dict[int, list[Any]] = {}
    for row in behaviour:
        behaviour_of.setdefault(row["doctor"], []).append(row)
    papers_of: dict[int, list[Any]] = {}
    for row in papers:
        papers_of.setdefault(row["assessment"], []).append(row)
    return {
        record.id: AssessmentFacts(
            assessment_id=record.id,
            doctor_id=record.doctor_id,
            institution_id=record.institution_id,
            body_id=record.body_id,
            kind=record.kind,
            state=record.state,
            procedure=record.procedure,
            category=PracticeCategory(record.category),
            scope=record.scope,
            level=PracticeLevel(record.level),
            practising_since=record.practising_since,
            behaviour=tuple(
                BehaviourFact(BehaviourPolarity(row["polarity"]), row["kind"], row["occurred_on"])
                for row in behaviour_of.get(record.doctor_id, ())
                if record.cycle_starts_on <= row["occurred_on"] <= record.cycle_ends_on
            ),
            cycle_starts_on=record.cycle_starts_on,
            cycle_ends_on=record.cycle_ends_on,
            today=china_date(now),
            papers=tuple(
                PaperFact(
                    PaperSubject(row["subject"]),
                    PaperState(row["state"]),
                    row["attempts_used"],
                    row["waiver_code"],
                    row["sit_until"],
                )
                for row in papers_of.get(record.id, ())
            ),
            cycle_id=record.cycle_id,
            submission_number=record.submissions,
        )
        for record in records
    }


async def move(
    work: UnitOfWork,
    record: AssessmentRecord,
    event: Event,
    reason: str = "",
    also: Mapping[Column | str, Any] | None = None,
) -> AssessmentState:
    """Move the locked assessment by `event` and write the transition down; returns the new state. `also` are columns
    of the assessment that change in the same statement.

    Raises StateConflict where the event does not fit. Only the core calls this (design: States).
    """
    transition = MACHINE.require(record.state, event)
    changes: dict[Column | str, Any] = {
        Assessment.state: transition.target.value,
        Assessment.changed_at: work.now,
        **(also or {}),
    }
    await Assessment.update(changes).where(Assessment.id == record.id)
    await work.record_transition(
        machine=MACHINE.name,
        object_id=record.id,
        assessment_id=record.id,
        source=record.state.value,
        event=event.value,
        target=transition.target.value,
        reason=reason,
        policy_version=record.policy_version,
    )
    return transition.target


async def move_all(work: UnitOfWork, records: Sequence[AssessmentRecord], event: Event) -> None:
    """Move locked assessments by `event`, one or more and all from one state, and write every transition down: two
    statements, however many there are. Raises StateConflict where the event does not fit."""
    source = records[0].state
    transition = MACHINE.require(source, event)
    if any(record.state is not source for record in records):
        raise ValueError("assessments in different states are not moved together")
    changes: dict[Column | str, Any] = {Assessment.state: transition.target.value, Assessment.changed_at: work.now}
    await Assessment.update(changes).where(Assessment.id.is_in([record.id for record in records]))
    await StateTransition.insert(
        *[
            StateTransition(
                at=work.now,
                machine=MACHINE.name,
                object_id=record.id,
                assessment=record.id,
                source=source.value,
                event=event.value,
                target=transition.target.value,
                account=work.caller.account_id or None,
                role=work.acting.role.value,
                organisation=work.acting.organisation_id,
                policy_version=record.policy_version,
            )
            for record in records
        ]
    )
