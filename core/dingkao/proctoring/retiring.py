"""Having a proctoring service delete what it holds of a person: asked for here, done by the worker (`calling`)."""

from typing import Any

from dingkao.audit.work import UnitOfWork
from dingkao.db.statement import Statement
from dingkao.proctoring.tables import ProctorRetirement, ProctorSession

# Three steps of foreign keys: further than Piccolo's types follow.
_DOCTOR: Any = ProctorSession.attempt.paper
_of_doctor = Statement(
    lambda p: ProctorSession.select(ProctorSession.id, ProctorSession.subject).where(
        (_DOCTOR.assessment.doctor == p.doctor) & ProctorSession.retired_at.is_null()
    )
)
_waiting = Statement(
    lambda p: ProctorRetirement.select(ProctorRetirement.subject).where(
        ProctorRetirement.subject.is_in(p.subjects) & ProctorRetirement.done_at.is_null()
    )
)


async def ask_to_retire(work: UnitOfWork, doctor_id: int) -> int:
    """Ask the service to delete what it has of a doctor, under every name that it knows him by; how many names are
    asked for. Part of a use case, which audits it."""
    sessions = await _of_doctor.run(doctor=doctor_id)
    subjects = sorted({row["subject"] for row in sessions})
    if not subjects:
        return 0
    waiting = {row["subject"] for row in await _waiting.run(subjects=subjects)}
    for subject in subjects:
        if subject not in waiting:
            await ProctorRetirement.insert(ProctorRetirement(subject=subject, asked_at=work.now, due_at=work.now))
    await ProctorSession.update({ProctorSession.retired_at: work.now}).where(
        ProctorSession.id.is_in([row["id"] for row in sessions])
    )
    return len(subjects)
