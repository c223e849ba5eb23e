"""Pictures during an attempt (监考抓拍): handed to the proctoring service, kept where the bundled recorder serves."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from dingkao.access.rules import require_role
from dingkao.assessments.access import pinned_policy, read_assessment
from dingkao.assessments.records import AssessmentRecord
from dingkao.audit.work import SYSTEM_CALLER, begin, logged_in
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers.running import find_attempt
from dingkao.papers.timing import timing_of
from dingkao.papers.vocabulary import AttemptPhase, AttemptState
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import StateConflict, TooManyRequests
from dingkao.plugin.national import PapersPolicy
from dingkao.plugin.ports import PortFailed, PortSlot
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role
from dingkao.proctoring.capturing import (
    REFERENCE_LENGTH,
    Capture,
    CheckedImage,
    capture_face,
    check_image,
    keep_image,
)
from dingkao.proctoring.flags import failure_of, raise_flag
from dingkao.proctoring.records import read_face_status
from dingkao.proctoring.tables import FaceImage, ProctorFrame, ProctorSession
from dingkao.proctoring.vocabulary import ProctorFlagKind

_session = Statement(
    lambda p: ProctorSession.select(ProctorSession.id, ProctorSession.name, ProctorSession.registered_at).where(
        ProctorSession.attempt == p.attempt
    )
)
_last = Statement(
    lambda p: (
        ProctorFrame.select(ProctorFrame.taken_at)
        .where(ProctorFrame.session == p.session)
        .order_by(ProctorFrame.id, ascending=False)
        .limit(1)
    )
)


class FrameOutcome(StrEnum):
    """What became of a picture: kept or handed on; nobody watches this attempt; the service does not know of it yet;
    the service failed (the attempt is flagged). None of them is the client's to mend."""

    TAKEN = "TAKEN"
    NOT_WATCHED = "NOT_WATCHED"
    NOT_READY = "NOT_READY"
    SERVICE_FAILED = "SERVICE_FAILED"


@dataclass(frozen=True, slots=True)
class Frame:
    """What became of a picture, and the seconds until the next one is expected; null: none is."""

    outcome: FrameOutcome
    next_seconds: int | None


async def take_frame(environment: Environment, caller: Caller | None, attempt_id: int, data: bytes) -> Frame:
    """A picture that the doctor's client took during the attempt.

    Raises NotLoggedIn, NotFound, Forbidden, StateConflict (ATTEMPT_CLOSED), TooManyRequests (more than twice as often
    as policy asks), ValidationFailed (the file's problems). A failing service or store is no refusal: nothing that the
    doctor does depends on it.
    """
    asking = logged_in(caller)
    record = await _own_running(environment, asking, attempt_id)
    now = environment.clock.now()
    session = await _session.first(attempt=attempt_id)
    status = (await read_face_status([record.id]))[0]
    if session is None or status.consent is None:
        return Frame(FrameOutcome.NOT_WATCHED, None)
    seconds = (await pinned_policy(environment, record)).section(PapersPolicy).frame_seconds
    last = await _last.first(session=session["id"])
    if last is not None and now - last["taken_at"] < timedelta(seconds=seconds / 2):
        raise TooManyRequests(seconds)
    if session["registered_at"] is None:
        return Frame(FrameOutcome.NOT_READY, seconds)
    image = await check_image(data)
    try:
        await _hand_on(environment, asking, session["id"], session["name"], attempt_id, image)
    except PortFailed as error:
        async with begin(environment, SYSTEM_CALLER) as work:
            await raise_flag(attempt_id, ProctorFlagKind.FRAME_FAILED, failure_of(error), work.now)
            detail = {"step": "FRAME", "failure": failure_of(error).value}
            await work.record("PROCTOR_FAILED", "Attempt", attempt_id, detail)
        return Frame(FrameOutcome.SERVICE_FAILED, seconds)
    return Frame(FrameOutcome.TAKEN, seconds)


async def capture_during_attempt(
    environment: Environment, caller: Caller | None, attempt_id: int, data: bytes
) -> Capture:
    """`capture_face` while a paper of the assessment is being sat: another picture, where the first was not good or
    the consent was given anew. Raises as it does, and StateConflict (ATTEMPT_CLOSED)."""
    assessment = (await _own_running(environment, logged_in(caller), attempt_id)).id
    return await capture_face(environment, caller, assessment, data)


async def _own_running(environment: Environment, caller: Caller, attempt_id: int) -> AssessmentRecord:
    """Whose attempt it is, while pictures belong to it. Raises NotFound, Forbidden, StateConflict (ATTEMPT_CLOSED)."""
    attempt = await find_attempt(attempt_id)
    record = await read_assessment(caller, attempt["assessment"])
    require_role(caller, record, Role.DOCTOR)
    running = attempt["state"] == AttemptState.IN_PROGRESS.value
    if not running or timing_of(attempt).phase(environment.clock.now()) is AttemptPhase.OVER:
        closed = Text("答卷已结束。", "The attempt has ended.")
        raise StateConflict("ATTEMPT_CLOSED", closed, attempt["state"])
    return record


async def _hand_on(
    environment: Environment, caller: Caller, session_id: int, name: str, attempt_id: int, image: CheckedImage
) -> None:
    """To the service, and to the store where the service is the bundled recorder. Raises PortFailed."""
    now = environment.clock.now()
    image_id = None
    if PortSlot.PROCTOR not in environment.registry.ports:
        async with begin(environment, caller) as work:
            image_id, image_name = await keep_image(work, image)
            await work.record("STORE_FACE_IMAGE", "FaceImage", image_id, {"digest": image.digest})
        await environment.faces.put(image_name, image.data)
    answered = await environment.proctor.frame(name, image.data, now)
    async with begin(environment, caller) as work:
        kept = image_id is None or not await _deleted(image_id)
        await ProctorFrame.insert(
            ProctorFrame(
                session=session_id,
                image=image_id if kept else None,
                digest=image.digest,
                service_reference=answered[:REFERENCE_LENGTH],
                taken_at=now,
            )
        )
        await work.record("TAKE_FRAME", "Attempt", attempt_id, {"digest": image.digest})


async def _deleted(image_id: int) -> bool:
    return bool(await FaceImage.exists().where((FaceImage.id == image_id) & FaceImage.deleted_at.is_not_null()))
