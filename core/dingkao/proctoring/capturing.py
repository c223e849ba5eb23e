"""A face capture before the first test (manual 2.2.5): checked, encrypted, verified, each step leaving nothing behind
that nobody knows of."""

import asyncio
import hashlib
from dataclasses import dataclass

from piccolo.querystring import QueryString

from dingkao.access.rules import require_role
from dingkao.assessments.access import lock_assessment, pinned_policy, read_assessment
from dingkao.assessments.records import AssessmentRecord
from dingkao.audit.work import SYSTEM_CALLER, UnitOfWork, begin, logged_in
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, NotEligible, ValidationFailed
from dingkao.plugin.national import PapersPolicy
from dingkao.plugin.ports import FaceVerdict, PortFailed
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import Role
from dingkao.proctoring.consent import require_testable
from dingkao.proctoring.flags import failure_of
from dingkao.proctoring.records import read_face_status
from dingkao.proctoring.retiring import ask_to_retire
from dingkao.proctoring.rules import FaceStatus, consent_holds
from dingkao.proctoring.subjects import subject_of
from dingkao.proctoring.tables import FaceCapture, FaceImage
from dingkao.proctoring.vocabulary import CaptureOutcome
from dingkao.storage.proof import check_proof
from dingkao.storage.refusals import FileProblem, FileRefused

REFERENCE_LENGTH = 120
# More tries than a camera in bad light needs.
MOST_CAPTURES = 30


# Before the service is shown anything: whatever happens then, it is known whom it has to forget.
_disclose = Statement(
    lambda p: QueryString(
        "INSERT INTO face_disclosure (assessment, told_at) VALUES ({}, {}) ON CONFLICT (assessment) "
        "DO UPDATE SET told_at = excluded.told_at, retired_at = NULL RETURNING id",
        p.assessment,
        p.now,
    )
)


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture that was kept: its key, its size in bytes, its media type, and what the service said of it."""

    id: int
    outcome: CaptureOutcome
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """An image as it is kept: encoded anew, without metadata; `digest` is its SHA-256."""

    data: bytes
    media_type: str
    digest: str


async def check_image(data: bytes) -> CheckedImage:
    """Check that an upload is a picture, by its content. Raises ValidationFailed with every problem."""
    try:
        checked = await asyncio.to_thread(check_proof, data)
        if not checked.media_type.startswith("image/"):
            raise FileRefused([FileProblem("capture_not_image", "请上传人脸图像。", "Upload a picture of the face.")])
    except FileRefused as refused:
        raise ValidationFailed(
            [FieldProblem("file", problem.code.upper(), problem.text) for problem in refused.problems]
        ) from None
    return CheckedImage(checked.data, checked.media_type, hashlib.sha256(checked.data).hexdigest())


async def keep_image(work: UnitOfWork, image: CheckedImage) -> tuple[int, str]:
    """Write down that an image is about to be stored: (key, name). Where the storing is never finished, the sweeper
    finds it by this row. Part of a use case."""
    name = work.environment.faces.new_name()
    inserted = await FaceImage.insert(
        FaceImage(
            name=name,
            digest=image.digest,
            size=len(image.data),
            sealed_by=work.environment.faces.newest_key,
            stored_at=work.now,
        )
    ).returning(FaceImage.id)
    return int(inserted[0]["id"]), name


async def capture_face(environment: Environment, caller: Caller | None, assessment_id: int, data: bytes) -> Capture:
    """Keep a picture of the doctor's face, and have the FaceVerifier look at it.

    The service is asked outside of any transaction. One that fails or keeps silent makes the capture UNVERIFIED: the
    test may begin, and the attempt is flagged for the invigilator. Raises NotLoggedIn, NotFound, Forbidden, NotEligible
    (FACE_CONSENT_MISSING), StateConflict (TESTS_NOT_OPEN), ValidationFailed (the file's problems, TOO_MANY_CAPTURES),
    PortFailed where the store is out of reach.
    """
    # Before anything is looked at: no face is taken that nobody agreed to.
    await _require(environment, await _own(logged_in(caller), assessment_id))
    image = await check_image(data)
    async with begin(environment, caller) as work:
        record = await lock_assessment(work, assessment_id)
        work.acting = require_role(work.caller, record, Role.DOCTOR)
        await _require(environment, record)
        if await FaceCapture.count().where(FaceCapture.assessment == record.id) >= MOST_CAPTURES:
            text = Text(f"每次考核最多采集{MOST_CAPTURES}次。", f"At most {MOST_CAPTURES} captures for one assessment.")
            raise ValidationFailed([FieldProblem("file", "TOO_MANY_CAPTURES", text)])
        image_id, name = await keep_image(work, image)
        await _disclose.run(assessment=record.id, now=work.now)
        await work.record("STORE_FACE_IMAGE", "FaceImage", image_id, {"digest": image.digest})
    await environment.faces.put(name, image.data)
    verdict, outcome = await _verify(environment, record.doctor_id, image.data)
    try:
        async with begin(environment, caller) as work:
            record = await lock_assessment(work, assessment_id)
            work.acting = require_role(work.caller, record, Role.DOCTOR)
            status = await _require(environment, record)
            capture_id = await _insert(work, record, status, image_id, outcome, verdict)
            await work.record("RECORD_FACE_CAPTURE", "Assessment", record.id, {"outcome": outcome.value})
    except NotEligible:
        # Withdrawn meanwhile: the image belongs to nothing, and the sweeper deletes it.
        await _retire_again(environment, record)
        raise
    return Capture(capture_id, outcome, image.media_type, len(image.data))


async def _insert(
    work: UnitOfWork,
    record: AssessmentRecord,
    status: FaceStatus,
    image_id: int,
    outcome: CaptureOutcome,
    verdict: FaceVerdict,
) -> int:
    score = None if verdict.score is None else round(100 * min(max(verdict.score, 0.0), 1.0))
    inserted = await FaceCapture.insert(
        FaceCapture(
            assessment=record.id,
            consent=status.consent,
            image=image_id,
            outcome=outcome.value,
            score=score,
            verifier_reference=verdict.reference[:REFERENCE_LENGTH],
            captured_at=work.now,
        )
    ).returning(FaceCapture.id)
    return int(inserted[0]["id"])


async def _retire_again(environment: Environment, record: AssessmentRecord) -> None:
    """The service was shown the face after it had been asked to forget the person."""
    async with begin(environment, SYSTEM_CALLER) as work:
        await _disclose.run(assessment=record.id, now=work.now)
        await ask_to_retire(work, record.doctor_id)
        await work.record("RETIRE_PERSON", "Doctor", record.doctor_id)


async def _own(caller: Caller, assessment_id: int) -> AssessmentRecord:
    record = await read_assessment(caller, assessment_id)
    require_role(caller, record, Role.DOCTOR)
    return record


async def _require(environment: Environment, record: AssessmentRecord) -> FaceStatus:
    """Consent to the text of now, and tests to come."""
    policy = (await pinned_policy(environment, record)).section(PapersPolicy)
    status = (await read_face_status([record.id]))[0]
    if not consent_holds(status, policy.face_consent_version):
        text = Text("初次进入测评须进行人脸信息采集授权。", "Consent to face capture comes before the first test.")
        raise NotEligible([Reason("FACE_CONSENT_MISSING", text)])
    require_testable(record)
    return status


async def _verify(environment: Environment, doctor_id: int, image: bytes) -> tuple[FaceVerdict, CaptureOutcome]:
    try:
        verdict = await environment.face.verify(await subject_of(environment, doctor_id), image)
    except PortFailed as error:
        failed = FaceVerdict(accepted=False, reference=f"failed:{failure_of(error).value}")
        return failed, CaptureOutcome.UNVERIFIED
    return verdict, CaptureOutcome.ACCEPTED if verdict.accepted else CaptureOutcome.REFUSED
