"""Having the face service and the proctoring service delete what they hold of a person: asked for here, done by the
worker, again and again until they say so."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from piccolo.querystring import QueryString

from dingkao.audit.work import SYSTEM_CALLER, UnitOfWork, begin
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.ports import PortFailed
from dingkao.proctoring import rules
from dingkao.proctoring.flags import failure_of
from dingkao.proctoring.subjects import subject_of
from dingkao.proctoring.tables import FaceDisclosure, ProctorSession, Retirement
from dingkao.proctoring.vocabulary import RetiringService

# Names that are asked for at once.
BATCH: Final = 50

# Three steps of foreign keys: further than Piccolo's types follow.
_DOCTOR: Any = ProctorSession.attempt.paper
_sessions_of = Statement(
    lambda p: ProctorSession.select(ProctorSession.id, ProctorSession.subject).where(
        (_DOCTOR.assessment.doctor == p.doctor) & ProctorSession.retired_at.is_null()
    )
)
_disclosed_of = Statement(
    lambda p: FaceDisclosure.select(FaceDisclosure.id).where(
        (FaceDisclosure.assessment.doctor == p.doctor) & FaceDisclosure.retired_at.is_null()
    )
)
_keep = Statement(
    lambda p: QueryString(
        "INSERT INTO retirement (service, subject, asked_at, due_at, tries) VALUES ({}, {}, {}, {}, 0) "
        "ON CONFLICT (service, subject) WHERE done_at IS NULL DO NOTHING RETURNING id",
        p.service,
        p.subject,
        p.now,
        p.at,
    )
)
_due = Statement(
    lambda p: (
        Retirement.select(Retirement.id, Retirement.subject, Retirement.tries)
        .where((Retirement.service == p.service) & Retirement.done_at.is_null() & (Retirement.due_at <= p.now))
        .order_by(Retirement.due_at)
        .limit(BATCH)
    )
)


async def ask_to_retire(work: UnitOfWork, doctor_id: int) -> int:
    """Ask the services to delete what they have of a doctor, under every name that they know him by; how many names are
    asked for. Part of a use case, which audits it."""
    sessions = await _sessions_of.run(doctor=doctor_id)
    subjects = {(RetiringService.PROCTOR, row["subject"]) for row in sessions}
    disclosed = await _disclosed_of.run(doctor=doctor_id)
    if disclosed:
        subjects.add((RetiringService.FACE_VERIFIER, await subject_of(work.environment, doctor_id)))
    for service, subject in sorted(subjects):
        await _keep.run(service=service.value, subject=subject, now=work.now, at=work.now)
    if sessions:
        await ProctorSession.update({ProctorSession.retired_at: work.now}).where(
            ProctorSession.id.is_in([row["id"] for row in sessions])
        )
    if disclosed:
        await FaceDisclosure.update({FaceDisclosure.retired_at: work.now}).where(
            FaceDisclosure.id.is_in([row["id"] for row in disclosed])
        )
    return len(subjects)


async def tell_retirements(environment: Environment) -> int:
    """The worker's turn: ask each service to delete what is due; how many names were done. A service that is down holds
    up its own alone."""
    return sum([await _tell(environment, service) for service in RetiringService])


async def _tell(environment: Environment, service: RetiringService) -> int:
    port = environment.face if service is RetiringService.FACE_VERIFIER else environment.proctor
    rows: Sequence[Mapping[str, Any]] = await _due.run(service=service.value, now=environment.clock.now())
    done = 0
    for row in rows:
        failure = None
        try:
            await port.retire(row["subject"])
        except PortFailed as error:
            failure = failure_of(error)
        async with begin(environment, SYSTEM_CALLER) as work:
            tries = row["tries"] + 1
            changes: dict[Any, Any] = {Retirement.tries: tries}
            if failure is None:
                changes[Retirement.done_at] = work.now
            else:
                changes[Retirement.due_at] = work.now + rules.pause_after(tries)
            await Retirement.update(changes).where(Retirement.id == row["id"])
            detail = {"failure": failure.value, "tries": tries} if failure else {}
            action = f"{service.value}_RETIRE_FAILED" if failure else f"{service.value}_RETIRE"
            await work.record(action, "Retirement", row["id"], detail)
        if failure is not None:
            break  # the service is down; the others are asked at the next turn
        done += 1
    return done
