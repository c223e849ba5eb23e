"""Reading and writing requests."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dingkao.plugin.tables import Statement
from dingkao.plugin.vocabulary import PaperSubject
from dingkao_exemptions.rules import ExemptionDecision, ExemptionState, Standing
from dingkao_exemptions.tables import ExemptionProof, ExemptionRequest

_R = ExemptionRequest
_COLUMNS = (
    _R.id,
    _R.assessment,
    _R.procedure,
    _R.procedure_title,
    _R.institution,
    _R.subject,
    _R.conditions,
    _R.state,
    _R.requested_at,
    _R.institution_decision,
    _R.institution_account,
    _R.institution_reason,
    _R.institution_decided_at,
    _R.body_decision,
    _R.body_account,
    _R.body_reason,
    _R.body_decided_at,
)


@dataclass(frozen=True, slots=True)
class Tick:
    """A condition that the doctor ticked, with the title it had then."""

    code: str
    title: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """One level's decision; `account` is who made it."""

    decision: ExemptionDecision
    account: int
    reason: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class ProofRecord:
    """A proof: the key of its file, and the code and title of its kind, where the doctor named one."""

    file: int
    kind: str | None
    kind_title: str


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request as it is read. Instants are UTC."""

    id: int
    assessment_id: int
    procedure: str
    procedure_title: str
    institution_id: int
    subject: PaperSubject
    conditions: tuple[Tick, ...]
    state: ExemptionState
    requested_at: datetime
    institution: Opinion | None
    body: Opinion | None

    @property
    def standing(self) -> Standing:
        """What rules know of it."""
        return Standing(self.state, self.subject, self.procedure, self.institution_id)


_by_id = Statement(lambda p: _R.select(*_COLUMNS).where(_R.id == p.id))
_of_assessments = Statement(lambda p: _R.select(*_COLUMNS).where(_R.assessment.is_in(p.assessments)).order_by(_R.id))
_proofs = Statement(
    lambda p: (
        ExemptionProof.select(
            ExemptionProof.request, ExemptionProof.file, ExemptionProof.kind, ExemptionProof.kind_title
        )
        .where(ExemptionProof.request.is_in(p.requests))
        .order_by(ExemptionProof.request, ExemptionProof.position)
    )
)
_institution_queue = Statement(
    lambda p: (
        _R.select(*_COLUMNS)
        .where(_R.institution.is_in(p.organisations) & (_R.state == p.state) & (_R.id > p.after))
        .order_by(_R.id)
        .limit(p.limit)
    ),
    constants=("limit",),
)
_body_queue = Statement(
    lambda p: (
        _R.select(*_COLUMNS)
        .where(_R.body.is_in(p.organisations) & (_R.state == p.state) & (_R.id > p.after))
        .order_by(_R.id)
        .limit(p.limit)
    ),
    constants=("limit",),
)


def _opinion(row: Mapping[str, Any], level: str) -> Opinion | None:
    if row[f"{level}_decision"] is None:
        return None
    return Opinion(
        decision=ExemptionDecision(row[f"{level}_decision"]),
        account=row[f"{level}_account"],
        reason=row[f"{level}_reason"],
        decided_at=row[f"{level}_decided_at"],
    )


def _to_record(row: Mapping[str, Any]) -> RequestRecord:
    return RequestRecord(
        id=row["id"],
        assessment_id=row["assessment"],
        procedure=row["procedure"],
        procedure_title=row["procedure_title"],
        institution_id=row["institution"],
        subject=PaperSubject(row["subject"]),
        conditions=tuple(Tick(tick["code"], tick["title"]) for tick in json.loads(row["conditions"])),
        state=ExemptionState(row["state"]),
        requested_at=row["requested_at"],
        institution=_opinion(row, "institution"),
        body=_opinion(row, "body"),
    )


async def read_request(request_id: int) -> RequestRecord | None:
    """A request by its key. Applies no scope."""
    row = await _by_id.first(id=request_id)
    return _to_record(row) if row is not None else None


async def read_requests_of(assessment_ids: list[int]) -> Sequence[Sequence[RequestRecord]]:
    """For each assessment its requests, oldest first: one query. The caller has checked the scope."""
    found: dict[int, list[RequestRecord]] = {key: [] for key in assessment_ids}
    for row in await _of_assessments.run(assessments=list(found)):
        found[row["assessment"]].append(_to_record(row))
    return [found[key] for key in assessment_ids]


async def read_proofs_of(request_ids: list[int]) -> Sequence[Sequence[ProofRecord]]:
    """For each request its proofs, in the doctor's order: one query. The caller has checked the scope."""
    found: dict[int, list[ProofRecord]] = {key: [] for key in request_ids}
    for row in await _proofs.run(requests=list(found)):
        found[row["request"]].append(ProofRecord(row["file"], row["kind"], row["kind_title"]))
    return [found[key] for key in request_ids]


async def read_queue(
    organisations: Sequence[int], state: ExemptionState, after: int, limit: int
) -> Sequence[RequestRecord]:
    """The next requests in `state` that wait for one of these organisations, oldest first, at most `limit`."""
    statement = _institution_queue if state is ExemptionState.REQUESTED else _body_queue
    rows = await statement.run(organisations=list(organisations), state=state.value, after=after, limit=limit)
    return [_to_record(row) for row in rows]


async def insert_request(row: ExemptionRequest, proofs: Sequence[ProofRecord]) -> int:
    """Insert a request with its proofs; returns its key."""
    inserted = await ExemptionRequest.insert(row).returning(ExemptionRequest.id)
    request_id = int(inserted[0]["id"])
    await ExemptionProof.insert(
        *(
            ExemptionProof(
                request=request_id, position=position, file=proof.file, kind=proof.kind, kind_title=proof.kind_title
            )
            for position, proof in enumerate(proofs, start=1)
        )
    )
    return request_id


def ticks_json(ticks: Sequence[Tick]) -> str:
    """Ticks as the column `conditions` holds them."""
    return json.dumps([{"code": tick.code, "title": tick.title} for tick in ticks], ensure_ascii=False)
