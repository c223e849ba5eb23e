"""Extra time for a whole sitting (全场延长时间): one subject, sat by the doctors of one assessment body in a cycle.
Whoever grants it has none by it, where he sits himself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from piccolo.querystring import QueryString

from dingkao.access.rules import Kind, Place, grant_on, is_own, require_sight
from dingkao.assessments.access import lock_records
from dingkao.assessments.records import AssessmentRecord
from dingkao.assessments.tables import Assessment
from dingkao.audit.work import UnitOfWork, begin
from dingkao.cycles.service import read_cycles
from dingkao.db.gates import Gate, close_gate
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.institutions.tables import Organisation
from dingkao.papers.invigilating import check_minutes, checked_reason, extend
from dingkao.papers.running import find_attempt, find_paper
from dingkao.papers.tables import Intervention, SittingExtraTime
from dingkao.papers.vocabulary import InterventionKind
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import NotFound, StateConflict
from dingkao.plugin.vocabulary import PaperSubject

_BATCH = 200

_body = Statement(
    lambda p: Organisation.select(Organisation.id, Organisation.region).where(
        (Organisation.id == p.body) & (Organisation.is_body == p.yes)
    )
)
# Whose clock is changed: attempts that run, and those that the clock has ended since an instant.
_attempts = Statement(
    lambda p: QueryString(
        "SELECT attempt.id AS id, assessment.id AS assessment FROM attempt "  # noqa: S608 - a number of our own
        "JOIN assessment_paper AS paper ON paper.id = attempt.paper "
        "JOIN assessment ON assessment.id = paper.assessment "
        "WHERE assessment.cycle = {} AND assessment.body = {} AND paper.subject = {} AND assessment.id > {} "
        "AND attempt.number = paper.attempts_used "
        "AND (attempt.state = 'IN_PROGRESS' OR (attempt.timed_out AND attempt.state <> 'VOIDED' "
        "AND attempt.deadline >= {})) "
        f"ORDER BY assessment.id LIMIT {_BATCH}",
        p.cycle,
        p.body,
        p.subject,
        p.after,
        p.ended_since,
    )
)
_for_paper = Statement(
    lambda p: Intervention.select(Intervention.minutes).where(
        (Intervention.paper == p.paper) & (Intervention.kind == p.kind) & Intervention.attempt.is_null()
    )
)
# The officer's account is a doctor's where he has one beside his office.
_GRANTED_BY: Any = SittingExtraTime.account
_for_sitting = Statement(
    lambda p: SittingExtraTime.select(SittingExtraTime.minutes).where(
        (SittingExtraTime.cycle == p.cycle)
        & (SittingExtraTime.body == p.body)
        & (SittingExtraTime.subject == p.subject)
        & (SittingExtraTime.begun_until >= p.now)
        & (_GRANTED_BY.doctor.is_null() | (_GRANTED_BY.doctor != p.doctor))
    )
)
_own = Statement(
    lambda p: Assessment.select(Assessment.id).where(
        (Assessment.doctor == p.doctor) & (Assessment.cycle == p.cycle) & (Assessment.body == p.body)
    )
)


@dataclass(frozen=True, slots=True)
class SittingExtended:
    """How many attempts were changed, and whether the officer's own paper was left out of it."""

    attempts: int
    own_left_out: bool


async def extra_minutes(record: AssessmentRecord, paper: Mapping[str, Any], now: datetime) -> int:
    """The minutes that an attempt of the paper has more when it begins `now`: granted to the doctor, and to the
    sitting. Two queries."""
    own = await _for_paper.run(paper=paper["id"], kind=InterventionKind.EXTRA_TIME.value)
    sitting = []
    if record.body_id is not None:
        sitting = await _for_sitting.run(
            cycle=record.cycle_id, body=record.body_id, subject=paper["subject"], now=now, doctor=record.doctor_id
        )
    return sum(row["minutes"] for row in (*own, *sitting))


async def sitting_grant(caller: Caller, cycle_id: int, body_id: int) -> RoleGrant:
    """The grant by which the caller invigilates a body's sitting: the body's own reviewer or invigilator, or an officer
    of the authority that the body lies under. Raises Forbidden, NotFound."""
    body = await _body.first(body=body_id, yes=True)
    cycle = (await read_cycles([cycle_id])).get(cycle_id)
    require_sight(caller, Kind.SITTING)
    if cycle is None or body is None:
        raise NotFound
    grant = grant_on(caller, Place(body_id=body_id, region_id=body["region"]), kind=Kind.SITTING)
    if grant is None:
        raise NotFound
    return grant


async def grant_sitting_extra_time(
    environment: Environment,
    caller: Caller | None,
    *,
    cycle_id: int,
    body_id: int,
    subject: PaperSubject,
    minutes: int,
    reason: str,
    begun_until: datetime | None = None,
    ended_since: datetime | None = None,
) -> SittingExtended:
    """Extra time for everybody who sits: each attempt that runs ends so many minutes later. Attempts that begin until
    `begun_until` have the minutes too; those that the clock has ended since `ended_since`, and that are not passed, go
    on from now for so many minutes. All or none of them; the caller's own, where he is a doctor too, is left out.

    One that cannot be reopened (its result is filed, a later paper was begun) stays as it is. Raises NotLoggedIn,
    NotFound, Forbidden, ValidationFailed (minutes, reason).
    """
    async with begin(environment, caller) as work:
        work.acting = await sitting_grant(work.caller, cycle_id, body_id)
        check_minutes(minutes)
        text = checked_reason(reason)
        # Who begins at this moment either is there already and has the minutes, or waits and finds them granted.
        await close_gate(Gate.STARTING, body_id)
        inserted = await SittingExtraTime.insert(
            SittingExtraTime(
                cycle=cycle_id,
                body=body_id,
                subject=subject.value,
                minutes=minutes,
                reason=text,
                begun_until=begun_until,
                account=work.caller.account_id,
                granted_at=work.now,
            )
        ).returning(SittingExtraTime.id)
        sitting = int(inserted[0]["id"])
        which = {
            "cycle": cycle_id,
            "body": body_id,
            "subject": subject.value,
            # In the future: none has ended since then.
            "ended_since": ended_since or datetime.max.replace(tzinfo=work.now.tzinfo, microsecond=0),
        }
        changed, after = 0, 0
        while rows := await _attempts.run(after=after, **which):
            records = await lock_records([row["assessment"] for row in rows])
            for row in rows:
                if is_own(work.caller, records[row["assessment"]].doctor_id):
                    continue
                changed += await _extend_one(work, records[row["assessment"]], row["id"], minutes, text, sitting)
            after = rows[-1]["assessment"]
        await SittingExtraTime.update({SittingExtraTime.attempts: changed}).where(SittingExtraTime.id == sitting)
        detail = {"body": body_id, "subject": subject.value, "minutes": minutes, "attempts": changed}
        doctor = work.caller.doctor_id
        own = doctor is not None and await _own.first(doctor=doctor, cycle=cycle_id, body=body_id) is not None
        await work.record("GRANT_SITTING_EXTRA_TIME", "Cycle", cycle_id, detail | ({"ownLeftOut": True} if own else {}))
        return SittingExtended(changed, own)


async def _extend_one(
    work: UnitOfWork, record: AssessmentRecord, attempt_id: int, minutes: int, reason: str, sitting: int
) -> bool:
    attempt = await find_attempt(attempt_id)
    try:
        return await extend(work, record, attempt, await find_paper(attempt["paper"]), minutes, reason, sitting)
    except StateConflict:
        return False
