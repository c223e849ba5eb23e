"""Looking at a face: by an invigilator who has to tell whether it is the doctor's, one picture at a time, each
audited."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from piccolo.querystring import QueryString

from dingkao.access.rules import INVIGILATORS, OF_A_SITTING, Kind, require_role
from dingkao.assessments.access import read_assessment
from dingkao.audit.work import begin, logged_in
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import NotFound
from dingkao.proctoring.tables import FaceCapture, ProctorFrame
from dingkao.proctoring.vocabulary import CaptureOutcome

_image = Statement(
    lambda p: QueryString(
        "SELECT image.name AS name, COALESCE(capture.assessment, paper.assessment) AS assessment "
        "FROM face_image AS image LEFT JOIN face_capture AS capture ON capture.image = image.id "
        "LEFT JOIN proctor_frame AS frame ON frame.image = image.id "
        "LEFT JOIN proctor_session AS session ON session.id = frame.session "
        "LEFT JOIN attempt ON attempt.id = session.attempt "
        "LEFT JOIN assessment_paper AS paper ON paper.id = attempt.paper "
        "WHERE image.id = {} AND image.deleted_at IS NULL",
        p.image,
    )
)
# A step of foreign keys further than Piccolo's types follow.
_SESSION: Any = ProctorFrame.session
_frames = Statement(
    lambda p: (
        ProctorFrame.select(_SESSION.attempt.as_alias("attempt"), ProctorFrame.image, ProctorFrame.taken_at)
        .where(_SESSION.attempt.is_in(p.attempts) & ProctorFrame.image.is_not_null())
        .where(ProctorFrame.image.deleted_at.is_null())
        .order_by(ProctorFrame.id)
    )
)
_captures = Statement(
    lambda p: (
        FaceCapture.select(
            FaceCapture.assessment, FaceCapture.image, FaceCapture.outcome, FaceCapture.score, FaceCapture.captured_at
        )
        .where(FaceCapture.assessment.is_in(p.assessments) & FaceCapture.image.deleted_at.is_null())
        .order_by(FaceCapture.id)
    )
)


@dataclass(frozen=True, slots=True)
class PictureRecord:
    """A picture that is still kept: the image's key, when it was taken, and what the face service said of a capture."""

    image: int
    taken_at: datetime
    outcome: CaptureOutcome | None = None
    score: int | None = None


async def read_frames(attempt_ids: list[int]) -> list[list[PictureRecord]]:
    """The pictures of each attempt that this server keeps, first to last; one query."""
    groups: dict[int, list[PictureRecord]] = {key: [] for key in attempt_ids}
    for row in await _frames.run(attempts=attempt_ids):
        groups[row["attempt"]].append(PictureRecord(row["image"], row["taken_at"]))
    return [groups[key] for key in attempt_ids]


async def read_captures(assessment_ids: list[int]) -> list[list[PictureRecord]]:
    """The captures of each assessment that are kept, first to last; one query."""
    groups: dict[int, list[PictureRecord]] = {key: [] for key in assessment_ids}
    for row in await _captures.run(assessments=assessment_ids):
        outcome = CaptureOutcome(row["outcome"])
        groups[row["assessment"]].append(PictureRecord(row["image"], row["captured_at"], outcome, row["score"]))
    return [groups[key] for key in assessment_ids]


async def look_at_face(environment: Environment, caller: Caller | None, image_id: int) -> bytes:
    """One picture, for the body's reviewers and the authority above it; the audit says who looked at which.

    Raises NotLoggedIn, NotFound (also once it is deleted), Forbidden (the doctor himself, the institution), PortFailed.
    """
    asking = logged_in(caller)
    found = await _image.first(image=image_id)
    if found is None or found["assessment"] is None:
        raise NotFound
    record = await read_assessment(asking, found["assessment"], OF_A_SITTING)
    grant = require_role(asking, record, *INVIGILATORS, kind=Kind.SITTING)
    async with begin(environment, asking) as work:
        work.acting = grant
        await work.record("LOOK_AT_FACE", "FaceImage", image_id, {"assessment": record.id})
    try:
        return await environment.faces.get(found["name"])
    except KeyError:
        # Deleted, or sealed anew meanwhile under another name.
        again = await _image.first(image=image_id)
        if again is None or again["name"] == found["name"]:
            raise NotFound from None
        return await environment.faces.get(again["name"])
