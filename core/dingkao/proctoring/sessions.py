"""The attempts that a proctoring service watches: noted with the attempt, told to the service afterwards by a worker.

Nobody who starts, saves or submits waits for the service: what it is to be told follows from the attempt's state, and
the worker tells it, again and again until it is heard. What fails is a flag on the attempt.
"""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from piccolo.querystring import QueryString

from dingkao.audit.work import SYSTEM_CALLER, UnitOfWork, begin
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.ports import PortFailed, ProctoredAttempt, ProctorRegistration
from dingkao.proctoring import rules
from dingkao.proctoring.flags import failure_of, raise_flag
from dingkao.proctoring.retiring import tell_retirements
from dingkao.proctoring.subjects import subject_of
from dingkao.proctoring.tables import ProctorSession
from dingkao.proctoring.vocabulary import IdentityState, ProctorFailure, ProctorFlagKind, ProctorStep

# Sessions that are asked for at once.
BATCH: Final = 50
# What a service calls its own: so much of it is kept.
REFERENCE_LENGTH: Final = 120

_FLAGS: Final = {
    ProctorStep.REGISTER: ProctorFlagKind.REGISTER_FAILED,
    ProctorStep.START: ProctorFlagKind.START_FAILED,
    ProctorStep.STOP: ProctorFlagKind.STOP_FAILED,
}
_due = Statement(
    lambda p: QueryString(
        "SELECT session.id AS id, session.name AS name, session.subject AS subject, session.tries AS tries, "  # noqa: S608
        "session.registered_at AS registered_at, session.started_at AS started_at, session.stopped_at AS stopped_at, "
        "attempt.id AS attempt, attempt.state AS state, attempt.started_at AS begun_at, attempt.deadline AS deadline, "
        "paper.subject AS paper FROM proctor_session AS session JOIN attempt ON attempt.id = session.attempt "
        "JOIN assessment_paper AS paper ON paper.id = attempt.paper "
        f"WHERE session.closed_at IS NULL AND session.due_at <= {{}} ORDER BY session.due_at, session.id LIMIT {BATCH}",
        p.now,
    )
)
# A running attempt is looked at again no sooner than it ends: submitting makes no call, the worker sees it.
_wake = Statement(
    lambda p: QueryString(
        "UPDATE proctor_session SET due_at = {} WHERE closed_at IS NULL AND tries = 0 AND due_at > {} AND EXISTS "  # noqa: S608
        "(SELECT 1 FROM attempt WHERE attempt.id = proctor_session.attempt "
        f"AND attempt.state <> '{AttemptState.IN_PROGRESS.value}') RETURNING id",
        p.now,
        p.at,
    )
)


async def watch_attempt(
    work: UnitOfWork, doctor_id: int, attempt_id: int, state: IdentityState, *, proctored: bool
) -> None:
    """Note with an attempt that begins how it is known who sits, and that it is to be watched. Part of starting it.

    Who was identified in person has not consented to pictures: nobody watches his attempt but people.
    """
    if state is IdentityState.UNVERIFIED:
        await raise_flag(attempt_id, ProctorFlagKind.FACE_UNVERIFIED, None, work.now)
    if proctored and state in (IdentityState.CAPTURED, IdentityState.UNVERIFIED):
        await ProctorSession.insert(
            ProctorSession(
                attempt=attempt_id,
                name=secrets.token_hex(16),
                subject=await subject_of(work.environment, doctor_id),
                due_at=work.now,
            )
        )


async def watch_again(attempt_id: int, now: datetime) -> None:
    """An attempt that had ended goes on: the service is told to start once more. Part of a use case."""
    await ProctorSession.update(
        {ProctorSession.closed_at: None, ProctorSession.tries: 0, ProctorSession.due_at: now}
    ).where(ProctorSession.attempt == attempt_id)


async def tell_proctor(environment: Environment) -> int:
    """The worker's turn: tell the service what it has not heard yet, and both services whom they have to forget;
    returns how many steps it took.

    One worker at a time (a lease). Where none of a batch succeeds the service is down: the turn ends, and the next one
    asks again those that are due by then.
    """
    told = 0
    while True:
        now = environment.clock.now()
        await _wake.run(now=now, at=now)
        rows = await _due.run(now=now)
        done = sum(await asyncio.gather(*(_step(environment, row) for row in rows)))
        told += done
        if len(rows) < BATCH or done == 0:
            break
    return told + await tell_retirements(environment)


async def _step(environment: Environment, row: Mapping[str, Any]) -> bool:
    """The next step of one session; whether it was taken."""
    step = rules.next_step(
        running=row["state"] == AttemptState.IN_PROGRESS.value,
        registered=row["registered_at"] is not None,
        started=row["started_at"] is not None,
        stopped=row["stopped_at"] is not None,
        tries=row["tries"],
    )
    if step is None:
        later = max(row["deadline"], environment.clock.now() + rules.pause_after(1))
        await ProctorSession.update({ProctorSession.due_at: later}).where(ProctorSession.id == row["id"])
        return False
    try:
        registration = await _ask(environment, row, step)
    except PortFailed as error:
        await _note_failure(environment, row, step, failure_of(error))
        return False
    await _note_success(environment, row, step, registration)
    return True


async def _ask(environment: Environment, row: Mapping[str, Any], step: ProctorStep) -> ProctorRegistration | None:
    proctor, name = environment.proctor, row["name"]
    match step:
        case ProctorStep.REGISTER:
            attempt = ProctoredAttempt(name, row["subject"], row["paper"], row["begun_at"], row["deadline"])
            return await proctor.register(attempt)
        case ProctorStep.START:
            await proctor.start(name)
        case ProctorStep.STOP:
            await proctor.stop(name)
        case ProctorStep.CLOSE:
            pass
    return None


async def _note_success(
    environment: Environment, row: Mapping[str, Any], step: ProctorStep, registration: ProctorRegistration | None
) -> None:
    async with begin(environment, SYSTEM_CALLER) as work:
        changes: dict[Any, Any] = {ProctorSession.tries: 0, ProctorSession.due_at: work.now}
        match step:
            case ProctorStep.REGISTER:
                assert registration is not None  # noqa: S101 - registering answers with one
                changes |= {
                    ProctorSession.registered_at: work.now,
                    ProctorSession.join_url: registration.join_url,
                    ProctorSession.service_reference: registration.reference[:REFERENCE_LENGTH],
                }
            case ProctorStep.START:
                # Nothing more before it ends: the deadline, or when it is seen to have been submitted.
                changes |= {
                    ProctorSession.started_at: work.now,
                    ProctorSession.stopped_at: None,
                    ProctorSession.due_at: max(row["deadline"], work.now),
                }
            case ProctorStep.STOP:
                changes |= {ProctorSession.stopped_at: work.now, ProctorSession.closed_at: work.now}
            case ProctorStep.CLOSE:
                changes |= {ProctorSession.closed_at: work.now}
        await ProctorSession.update(changes).where(ProctorSession.id == row["id"])
        await work.record(f"PROCTOR_{step.value}", "Attempt", row["attempt"])


async def _note_failure(
    environment: Environment, row: Mapping[str, Any], step: ProctorStep, failure: ProctorFailure
) -> None:
    tries = rules.tries_after(step, row["tries"])
    async with begin(environment, SYSTEM_CALLER) as work:
        await ProctorSession.update(
            {ProctorSession.tries: tries, ProctorSession.due_at: work.now + rules.pause_after(tries)}
        ).where(ProctorSession.id == row["id"])
        await raise_flag(row["attempt"], _FLAGS[step], failure, work.now)
        await work.record(
            "PROCTOR_FAILED", "Attempt", row["attempt"], {"step": step.value, "failure": failure.value, "tries": tries}
        )
