"""Reading and writing spot checks. Nothing here looks at scope: services do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dingkao.plugin.tables import Statement
from dingkao_shandong_2023.rules import Shandong2023SpotCheckState as State
from dingkao_shandong_2023.tables import Draw, SpotCheck

_C = SpotCheck
_COLUMNS = (
    _C.id, _C.draw, _C.assessment, _C.submission_number, _C.state, _C.order_reason, _C.finding, _C.decided_at,
)  # fmt: skip
_by_id = Statement(lambda p: _C.select(*_COLUMNS).where(_C.id == p.id))
_of_assessments = Statement(lambda p: _C.select(*_COLUMNS).where(_C.assessment.is_in(p.assessments)).order_by(_C.id))
_queue = Statement(
    lambda p: (
        _C.select(*_COLUMNS)
        .where(_C.body.is_in(p.bodies) & (_C.state == p.state) & (_C.id > p.after))
        .order_by(_C.id)
        .limit(p.limit)
    ),
    constants=("limit",),
)
_draw = Statement(
    lambda p: Draw.select(Draw.id, Draw.pool, Draw.drawn, Draw.percent, Draw.seed, Draw.drawn_at).where(Draw.id == p.id)
)


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """A spot check as it is read."""

    id: int
    draw_id: int | None
    assessment_id: int
    submission_number: int
    state: State
    order_reason: str
    finding: str
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class DrawRecord:
    """A draw as it is read; `seed` repeats it."""

    id: int
    pool: int
    drawn: int
    percent: int
    seed: int
    drawn_at: datetime


def _check(row: Mapping[str, Any]) -> CheckRecord:
    return CheckRecord(
        row["id"],
        row["draw"],
        row["assessment"],
        row["submission_number"],
        State(row["state"]),
        row["order_reason"],
        row["finding"],
        row["decided_at"],
    )


async def read_check(check_id: int) -> CheckRecord | None:
    """A check by its key."""
    row = await _by_id.first(id=check_id)
    return _check(row) if row is not None else None


async def read_checks_of(assessment_ids: list[int]) -> Sequence[Sequence[CheckRecord]]:
    """For each assessment its checks, that of the latest submission last: one query."""
    found: dict[int, list[CheckRecord]] = {key: [] for key in assessment_ids}
    for row in await _of_assessments.run(assessments=list(found)):
        found[row["assessment"]].append(_check(row))
    return [sorted(found[key], key=lambda check: check.submission_number) for key in assessment_ids]


async def read_queue(bodies: Sequence[int], after: int, limit: int) -> list[CheckRecord]:
    """Open checks of these assessment bodies, oldest first."""
    rows = await _queue.run(bodies=list(bodies), state=State.OPEN.value, after=after, limit=limit)
    return [_check(row) for row in rows]


async def read_draw(draw_id: int) -> DrawRecord:
    """A draw that there is."""
    row = await _draw.first(id=draw_id)
    assert row is not None  # noqa: S101 - draws are never deleted
    return DrawRecord(**row)


async def insert_draw(draw: Draw, checks: Sequence[SpotCheck]) -> int:
    """Insert a draw with its checks; returns its key."""
    inserted = await Draw.insert(draw).returning(Draw.id)
    draw_id = int(inserted[0]["id"])
    for check in checks:
        check.draw = draw_id
    await SpotCheck.insert(*checks)
    return draw_id
