"""What the API and the rules read of faces and proctoring: each a query for many."""

from dataclasses import dataclass, replace
from datetime import datetime

from dingkao.db.statement import Statement
from dingkao.plugin.vocabulary import ProctorFinding
from dingkao.proctoring.rules import FaceStatus
from dingkao.proctoring.tables import (
    FaceCapture,
    FaceConsent,
    InPersonCheck,
    ProctorFlag,
    ProctorSession,
    ProctorVerdict,
)
from dingkao.proctoring.vocabulary import CaptureOutcome, ConsentEnd, ProctorFailure, ProctorFlagKind

_consents = Statement(
    lambda p: (
        FaceConsent.select(
            FaceConsent.id, FaceConsent.assessment, FaceConsent.text_version, FaceConsent.given_at,
            FaceConsent.ended_at, FaceConsent.ended_because,
        )
        .where(FaceConsent.assessment.is_in(p.assessments))
        .order_by(FaceConsent.id)
    )
)  # fmt: skip
_captures = Statement(
    lambda p: (
        FaceCapture.select(FaceCapture.consent, FaceCapture.outcome, FaceCapture.captured_at)
        .where(FaceCapture.assessment.is_in(p.assessments))
        .order_by(FaceCapture.id)
    )
)
_checks = Statement(
    lambda p: (
        InPersonCheck.select(InPersonCheck.assessment, InPersonCheck.at)
        .where(InPersonCheck.assessment.is_in(p.assessments))
        .order_by(InPersonCheck.id)
    )
)
_flags = Statement(
    lambda p: (
        ProctorFlag.select(
            ProctorFlag.attempt, ProctorFlag.kind, ProctorFlag.failure, ProctorFlag.times, ProctorFlag.first_at,
            ProctorFlag.last_at,
        )
        .where(ProctorFlag.attempt.is_in(p.attempts))
        .order_by(ProctorFlag.id)
    )
)  # fmt: skip
_sessions = Statement(
    lambda p: ProctorSession.select(
        ProctorSession.attempt, ProctorSession.name, ProctorSession.join_url, ProctorSession.registered_at,
        ProctorSession.closed_at,
    ).where(ProctorSession.attempt.is_in(p.attempts))
)  # fmt: skip
_verdicts = Statement(
    lambda p: (
        ProctorVerdict.select(
            ProctorVerdict.session.attempt.as_alias("attempt"), ProctorVerdict.finding, ProctorVerdict.remark,
            ProctorVerdict.found_at, ProctorVerdict.received_at,
        )
        .where(ProctorVerdict.session.attempt.is_in(p.attempts))
        .order_by(ProctorVerdict.id)
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FlagRecord:
    """What an invigilator should know of an attempt."""

    kind: ProctorFlagKind
    failure: ProctorFailure | None
    times: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """An attempt that is watched: the service's name for it, where the client joins, since when it is known there."""

    name: str
    join_url: str
    registered_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """What a service found, when it says it did, and when it said so."""

    finding: ProctorFinding
    remark: str
    found_at: datetime
    received_at: datetime


async def read_face_status(assessment_ids: list[int]) -> list[FaceStatus]:
    """For a request's loader and the rules: two queries where nobody consented, three otherwise... however many."""
    status = {key: FaceStatus() for key in assessment_ids}
    for row in await _consents.run(assessments=assessment_ids):
        in_force = row["ended_at"] is None
        status[row["assessment"]] = FaceStatus(
            consent=row["id"] if in_force else None,
            text_version=row["text_version"] if in_force else None,
            given_at=row["given_at"] if in_force else None,
            ended_at=row["ended_at"],
            ended_because=ConsentEnd(row["ended_because"]) if row["ended_because"] else None,
        )
    agreed = {found.consent: key for key, found in status.items() if found.consent is not None}
    if agreed:
        for row in await _captures.run(assessments=sorted(agreed.values())):
            key = agreed.get(row["consent"])
            # One that was accepted stays so; otherwise the newest says how it stands.
            if key is not None and status[key].outcome is not CaptureOutcome.ACCEPTED:
                outcome = CaptureOutcome(row["outcome"])
                status[key] = replace(
                    status[key],
                    outcome=outcome,
                    captured_at=None if outcome is CaptureOutcome.REFUSED else row["captured_at"],
                )
    left = [key for key, found in status.items() if found.outcome is not CaptureOutcome.ACCEPTED]
    if left:
        for row in await _checks.run(assessments=left):
            status[row["assessment"]] = replace(status[row["assessment"]], identified_at=row["at"])
    return [status[key] for key in assessment_ids]


async def read_flags(attempt_ids: list[int]) -> list[list[FlagRecord]]:
    """The flags of each attempt; one query."""
    groups: dict[int, list[FlagRecord]] = {key: [] for key in attempt_ids}
    for row in await _flags.run(attempts=attempt_ids):
        failure = ProctorFailure(row["failure"]) if row["failure"] else None
        groups[row["attempt"]].append(
            FlagRecord(ProctorFlagKind(row["kind"]), failure, row["times"], row["first_at"], row["last_at"])
        )
    return [groups[key] for key in attempt_ids]


async def read_sessions(attempt_ids: list[int]) -> list[SessionRecord | None]:
    """The session of each attempt, where it is watched; one query."""
    found = {
        row["attempt"]: SessionRecord(row["name"], row["join_url"], row["registered_at"], row["closed_at"])
        for row in await _sessions.run(attempts=attempt_ids)
    }
    return [found.get(key) for key in attempt_ids]


async def read_verdicts(attempt_ids: list[int]) -> list[list[VerdictRecord]]:
    """The verdicts on each attempt, as they came; one query."""
    groups: dict[int, list[VerdictRecord]] = {key: [] for key in attempt_ids}
    for row in await _verdicts.run(attempts=attempt_ids):
        groups[row["attempt"]].append(
            VerdictRecord(ProctorFinding(row["finding"]), row["remark"], row["found_at"], row["received_at"])
        )
    return [groups[key] for key in attempt_ids]
