"""Moving results and their documents along their machines, always under the lock of the assessment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from piccolo.columns import Column

from dingkao.access.rules import OWN_ASSESSMENT, grant_on, in_own_cause, require_role
from dingkao.assessments.access import lock_assessment
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import StateTransition
from dingkao.audit.work import UnitOfWork
from dingkao.db.database import is_postgresql
from dingkao.db.statement import Statement
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import FieldProblem, Forbidden, NotFound, StateConflict, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role
from dingkao.results.records import DocumentRecord, ResultRecord, read_documents, read_results
from dingkao.results.rules import CERTIFICATE_MACHINE, NOTICE_MACHINE, RESULT_MACHINE, DocumentEvent, ResultEvent
from dingkao.results.tables import Result, ResultDocument
from dingkao.results.vocabulary import DocumentKind, DocumentState, ResultState

# The most that one request may file or notify.
BATCH_MAXIMUM = 500

_lock_rows = Statement(
    lambda p: Assessment.select(Assessment.id).where(Assessment.id.is_in(p.ids)).order_by(Assessment.id).lock_rows()
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """An assessment with its result, and the grant in whose name the caller acts on it."""

    record: AssessmentRecord
    result: ResultRecord
    grant: RoleGrant


def not_concluded(record: AssessmentRecord) -> StateConflict:
    """The refusal of whatever needs a result where there is none yet."""
    return StateConflict(
        "NOT_CONCLUDED", Text("考核尚未得出结果。", "The assessment has no result yet."), record.state.value
    )


async def lock_result(work: UnitOfWork, assessment_id: int, *roles: Role) -> Chosen:
    """Lock the assessment and read its result, for a caller who acts in one of `roles`.

    Raises NotFound out of scope, Forbidden in another role, StateConflict where there is no result yet.
    """
    record = await lock_assessment(work, assessment_id)
    work.acting = require_role(work.caller, record, *roles)
    result = (await read_results([assessment_id])).get(assessment_id)
    if result is None:
        raise not_concluded(record)
    return Chosen(record, result, work.acting)


async def lock_assessments(assessment_ids: Sequence[int]) -> None:
    """Lock these assessments, in the order of their keys so that two batches never wait for each other.

    On SQLite the transaction itself is the lock: it began with BEGIN IMMEDIATE.
    """
    if is_postgresql():
        await _lock_rows.run(ids=list(assessment_ids))


def checked_ids(assessment_ids: Sequence[int], most: int = BATCH_MAXIMUM) -> list[int]:
    """The ids of a batch, each once, in order. Raises ValidationFailed for none and for more than `most`."""
    ids = list(dict.fromkeys(assessment_ids))
    if not ids:
        text = Text("请至少选择一名医师。", "Choose at least one doctor.")
        raise ValidationFailed([FieldProblem("assessmentIds", "REQUIRED", text)])
    if len(ids) > most:
        text = Text(f"一次最多办理{most}名医师。", f"At most {most} doctors at once.")
        raise ValidationFailed([FieldProblem("assessmentIds", "TOO_MANY", text)])
    return ids


async def choose(caller: Caller, ids: Sequence[int], event: ResultEvent, role: Role) -> list[Chosen]:
    """The results of the assessments `ids`, all of which `event` fits: two queries.

    Raises NotFound where one is out of scope, Forbidden where the caller sees one in another role than `role`, and
    ValidationFailed with every one that the event does not fit, and the caller's own, at `assessmentIds.N`.
    """
    records = await read_records(list(ids))
    results = await read_results(ids)
    chosen: list[Chosen] = []
    problems: list[FieldProblem] = []
    for index, key in enumerate(ids):
        record = records.get(key)
        if record is None:
            raise NotFound
        grant = _grant(caller, record, role)
        if in_own_cause(caller, grant, record.doctor_id):
            problems.append(FieldProblem(f"assessmentIds.{index}", OWN_ASSESSMENT.code, OWN_ASSESSMENT.text))
            continue
        result = results.get(key)
        try:
            if result is None:
                raise not_concluded(record)
            RESULT_MACHINE.require(result.state, event)
            chosen.append(Chosen(record, result, grant))
        except StateConflict as conflict:
            problems.append(FieldProblem(f"assessmentIds.{index}", conflict.code, conflict.text))
    if problems:
        raise ValidationFailed(problems)
    return chosen


def _grant(caller: Caller, record: AssessmentRecord, role: Role) -> RoleGrant:
    if grant_on(caller, record) is None:
        raise NotFound
    grant = grant_on(caller, record, role)
    if grant is None:
        raise Forbidden
    return grant


async def move_results(
    work: UnitOfWork,
    chosen: Sequence[Chosen],
    event: ResultEvent,
    *,
    reason: str = "",
    also: Mapping[Column | str, Any] | None = None,
) -> ResultState:
    """Move the locked results by `event`, all from one state, and write every transition down: two queries.

    Raises StateConflict where the event does not fit, or where one has left its state meanwhile.
    """
    source = chosen[0].result.state
    transition = RESULT_MACHINE.require(source, event)
    ids = [item.result.id for item in chosen]
    changes: dict[Column | str, Any] = {Result.state: transition.target.value, **(also or {})}
    moved = (
        await Result.update(changes).where(Result.id.is_in(ids) & (Result.state == source.value)).returning(Result.id)
    )
    if len(moved) != len(ids):
        raise StateConflict(
            "CHANGED_MEANWHILE",
            Text("数据已被他人更新，请刷新后重试。", "Somebody else was faster; look again."),
            source.value,
        )
    await StateTransition.insert(
        *(
            StateTransition(
                at=work.now,
                machine=RESULT_MACHINE.name,
                object_id=item.result.id,
                assessment=item.record.id,
                source=source.value,
                event=event.value,
                target=transition.target.value,
                account=work.caller.account_id or None,
                role=item.grant.role.value,
                organisation=item.grant.organisation_id,
                reason=reason,
                policy_version=item.record.policy_version,
            )
            for item in chosen
        )
    )
    return transition.target


async def move_document(
    work: UnitOfWork,
    record: AssessmentRecord,
    document: DocumentRecord,
    event: DocumentEvent,
    also: Mapping[Column | str, Any] | None = None,
) -> DocumentState:
    """Move a document of the locked assessment by `event`. Raises StateConflict where the event does not fit."""
    machine = CERTIFICATE_MACHINE if document.kind is DocumentKind.CERTIFICATE else NOTICE_MACHINE
    transition = machine.require(document.state, event)
    changes: dict[Column | str, Any] = {ResultDocument.state: transition.target.value, **(also or {})}
    await ResultDocument.update(changes).where(ResultDocument.id == document.id)
    await work.record_transition(
        machine=machine.name,
        object_id=document.id,
        assessment_id=record.id,
        source=document.state.value,
        event=event.value,
        target=transition.target.value,
        policy_version=record.policy_version,
    )
    return transition.target


async def revoke_documents(work: UnitOfWork, chosen: Chosen) -> None:
    """Revoke what was printed of a result that has fallen: its notice and its certificate."""
    documents = (await read_documents([chosen.result.id]))[chosen.result.id]
    for document in documents.values():
        if document.state is not DocumentState.REVOKED:
            await move_document(work, chosen.record, document, DocumentEvent.REVOKE)
