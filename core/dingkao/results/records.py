"""Results and their documents as they are read, many at once. No function here applies a scope: callers come with
assessments that they have reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from piccolo.querystring import QueryString

from dingkao.assessments.tables import Rating
from dingkao.audit.tables import StateTransition
from dingkao.db.statement import Statement
from dingkao.plugin.vocabulary import Dimension, RatedBy, Verdict
from dingkao.results.rules import RESULT_MACHINE, ResultEvent
from dingkao.results.tables import Result, ResultDocument
from dingkao.results.vocabulary import ConclusionGround, DocumentKind, DocumentState, ResultState


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """A result; instants are UTC."""

    id: int
    assessment_id: int
    verdict: Verdict
    ground: ConclusionGround
    state: ResultState
    concluded_at: datetime
    filed_at: datetime | None
    notified_at: datetime | None


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A notice or certificate. `content` is JSON of what was printed; `digest` is the SHA-256 of the PDF as it was last
    given out."""

    id: int
    result_id: int
    assessment_id: int
    kind: DocumentKind
    number: str
    check_code: str
    state: DocumentState
    content: str
    file_name: str
    digest: str
    issued_at: datetime
    sealed_at: datetime | None
    sealed_by: str | None
    seal_subject: str


@dataclass(frozen=True, slots=True)
class ReexaminationRecord:
    """An objection and, once there is one, the body's answer."""

    requested_at: datetime
    reason: str
    decision: ResultState | None = None
    decided_at: datetime | None = None
    answer: str = ""


_RESULT_COLUMNS = (
    Result.id,
    Result.assessment,
    Result.verdict,
    Result.ground,
    Result.state,
    Result.concluded_at,
    Result.filed_at,
    Result.notified_at,
)
_results = Statement(lambda p: Result.select(*_RESULT_COLUMNS).where(Result.assessment.is_in(p.assessments)))
_results_by_id = Statement(lambda p: Result.select(*_RESULT_COLUMNS).where(Result.id.is_in(p.ids)))


def _document_columns() -> list[Any]:
    # Copies, because Piccolo marks the alias on the column.
    document = ResultDocument
    columns = {
        "id": document.id,
        "result_id": document.result,
        "assessment_id": document.result.assessment,
        "kind": document.kind,
        "number": document.number,
        "check_code": document.check_code,
        "state": document.state,
        "content": document.content,
        "file_name": document.file_name,
        "digest": document.digest,
        "issued_at": document.issued_at,
        "sealed_at": document.sealed_at,
        "sealed_by": document.sealed_by.name,
        "seal_subject": document.seal_subject,
    }
    return [column.copy().as_alias(name) for name, column in columns.items()]


_documents = Statement(
    lambda p: (
        ResultDocument.select(*_document_columns())
        .where(ResultDocument.result.is_in(p.results))
        .order_by(ResultDocument.id)
    )
)
_documents_by_id = Statement(
    lambda p: ResultDocument.select(*_document_columns()).where(ResultDocument.id.is_in(p.ids))
)
_document_by_code = Statement(
    lambda p: ResultDocument.select(*_document_columns()).where(ResultDocument.check_code == p.code)
)
_ratings = Statement(
    lambda p: (
        Rating.select(Rating.assessment, Rating.dimension, Rating.verdict)
        .where(Rating.assessment.is_in(p.assessments) & (Rating.rated_by == p.rated_by))
        .where(Rating.verdict.is_not_null())
    )
)
_reexaminations = Statement(
    lambda p: (
        StateTransition.select(
            StateTransition.object_id,
            StateTransition.event,
            StateTransition.target,
            StateTransition.at,
            StateTransition.reason,
        )
        .where((StateTransition.machine == p.machine) & StateTransition.object_id.is_in(p.results))
        .where(StateTransition.event.is_in(p.events))
        .order_by(StateTransition.id)
    )
)
_last_transition = Statement(
    lambda p: QueryString(
        "SELECT at FROM state_transition WHERE machine = {} AND object_id = {} AND target = {} "
        "ORDER BY id DESC LIMIT 1",
        p.machine,
        p.object_id,
        p.target,
    )
)


def _result(row: Mapping[str, Any]) -> ResultRecord:
    return ResultRecord(
        id=row["id"],
        assessment_id=row["assessment"],
        verdict=Verdict(row["verdict"]),
        ground=ConclusionGround(row["ground"]),
        state=ResultState(row["state"]),
        concluded_at=row["concluded_at"],
        filed_at=row["filed_at"],
        notified_at=row["notified_at"],
    )


def _document(row: Mapping[str, Any]) -> DocumentRecord:
    values = dict(row)
    values["kind"] = DocumentKind(values["kind"])
    values["state"] = DocumentState(values["state"])
    return DocumentRecord(**values)


async def read_results(assessment_ids: Sequence[int]) -> dict[int, ResultRecord]:
    """The results of these assessments, by assessment; those not concluded are left out."""
    rows = await _results.run(assessments=list(assessment_ids))
    return {row["assessment"]: _result(row) for row in rows}


async def read_results_by_id(ids: Sequence[int]) -> dict[int, ResultRecord]:
    """Results by their own keys."""
    return {row["id"]: _result(row) for row in await _results_by_id.run(ids=list(ids))}


async def read_documents(result_ids: Sequence[int]) -> dict[int, dict[DocumentKind, DocumentRecord]]:
    """The documents of these results, by result and kind."""
    found: dict[int, dict[DocumentKind, DocumentRecord]] = {result_id: {} for result_id in result_ids}
    for row in await _documents.run(results=list(result_ids)):
        document = _document(row)
        found[document.result_id][document.kind] = document
    return found


async def read_documents_by_id(ids: Sequence[int]) -> dict[int, DocumentRecord]:
    """Documents by their own keys."""
    return {row["id"]: _document(row) for row in await _documents_by_id.run(ids=list(ids))}


async def read_document_by_code(check_code: str) -> DocumentRecord | None:
    """The document with this check code, or None."""
    row = await _document_by_code.first(code=check_code)
    return None if row is None else _document(row)


async def read_ratings(assessment_ids: Sequence[int]) -> dict[int, dict[Dimension, Verdict]]:
    """The institutions' ratings of these assessments, by assessment and dimension."""
    found: dict[int, dict[Dimension, Verdict]] = {assessment_id: {} for assessment_id in assessment_ids}
    for row in await _ratings.run(assessments=list(assessment_ids), rated_by=RatedBy.INSTITUTION.value):
        found[row["assessment"]][Dimension(row["dimension"])] = Verdict(row["verdict"])
    return found


async def read_reexaminations(result_ids: Sequence[int]) -> dict[int, ReexaminationRecord]:
    """The objections to these results and their answers, by result; a result without one is left out."""
    events = [ResultEvent.REQUEST_REEXAMINATION.value, ResultEvent.UPHOLD.value, ResultEvent.CHANGE.value]
    found: dict[int, ReexaminationRecord] = {}
    for row in await _reexaminations.run(machine=RESULT_MACHINE.name, results=list(result_ids), events=events):
        key = row["object_id"]
        if row["event"] == ResultEvent.REQUEST_REEXAMINATION.value:
            found[key] = ReexaminationRecord(row["at"], row["reason"])
        elif key in found:
            asked = found[key]
            found[key] = ReexaminationRecord(
                asked.requested_at, asked.reason, ResultState(row["target"]), row["at"], row["reason"]
            )
    return found


async def read_revoked_at(document: DocumentRecord) -> datetime | None:
    """When the document was revoked last, or None."""
    row = await _last_transition.first(
        machine=document.kind.value.lower(), object_id=document.id, target=DocumentState.REVOKED.value
    )
    return None if row is None else row["at"]
