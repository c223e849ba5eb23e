"""Flags on an attempt: what an invigilator should know; none of them stops it."""

from datetime import datetime

from piccolo.querystring import QueryString

from dingkao.db.statement import Statement
from dingkao.plugin.ports import PortBroken, PortFailed, PortTimedOut
from dingkao.proctoring.vocabulary import ProctorFailure, ProctorFlagKind

_raise = Statement(
    lambda p: QueryString(
        "INSERT INTO proctor_flag (attempt, kind, failure, times, first_at, last_at) VALUES ({}, {}, {}, 1, {}, {}) "
        "ON CONFLICT (attempt, kind) DO UPDATE SET times = proctor_flag.times + 1, "
        "failure = excluded.failure, last_at = excluded.last_at",
        p.attempt,
        p.kind,
        p.failure,
        p.at,
        p.again_at,
    )
)


async def raise_flag(attempt_id: int, kind: ProctorFlagKind, failure: ProctorFailure | None, at: datetime) -> None:
    """Flag an attempt, or count it once more. Part of a use case, which audits it."""
    await _raise.run(
        attempt=attempt_id, kind=kind.value, failure=failure.value if failure else None, at=at, again_at=at
    )


def failure_of(error: Exception) -> ProctorFailure:
    """What kind of failure a port's exception is."""
    if isinstance(error, PortTimedOut):
        return ProctorFailure.TIMED_OUT
    if isinstance(error, PortBroken) or not isinstance(error, PortFailed):
        return ProctorFailure.BROKEN
    return ProctorFailure.UNAVAILABLE
