"""Consent to face capture, and the capture itself, before the first test (manual 2.2.5)."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from dingkao.assessments.access import lock_assessment, pinned_policy, read_assessment
from dingkao.assessments.records import AssessmentRecord
from dingkao.assessments.scope import require_role
from dingkao.audit.work import begin, logged_in
from dingkao.crypto.purposes import Purpose
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers import rules
from dingkao.papers.tables import FaceCapture, FaceConsent
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, NotEligible, NotFound, StateConflict, ValidationFailed
from dingkao.plugin.national import PapersPolicy
from dingkao.plugin.ports import FaceVerdict, PortBroken, PortFailed, PortTimedOut
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import FilePurpose, Role
from dingkao.storage.lookup import files_of_assessment

REFERENCE_LENGTH = 120

_consents = Statement(
    lambda p: FaceConsent.select(FaceConsent.assessment, FaceConsent.text_version, FaceConsent.given_at).where(
        FaceConsent.assessment.is_in(p.assessments)
    )
)
_captures = Statement(
    lambda p: (
        FaceCapture.select(FaceCapture.assessment, FaceCapture.captured_at)
        .where(FaceCapture.assessment.is_in(p.assessments) & (FaceCapture.accepted == p.accepted))
        .order_by(FaceCapture.id)
    )
)


@dataclass(frozen=True, slots=True)
class FaceStatus:
    """When consent was given (and to which text), and when a capture was accepted last."""

    text_version: str | None
    given_at: datetime | None
    captured_at: datetime | None


async def read_face_status(assessment_ids: list[int]) -> list[FaceStatus]:
    """For a request's loader: two queries, however many assessments."""
    consents = {row["assessment"]: row for row in await _consents.run(assessments=assessment_ids)}
    captures = {
        row["assessment"]: row["captured_at"] for row in await _captures.run(assessments=assessment_ids, accepted=True)
    }
    return [
        FaceStatus(
            consents[key]["text_version"] if key in consents else None,
            consents[key]["given_at"] if key in consents else None,
            captures.get(key),
        )
        for key in assessment_ids
    ]


async def check_proctoring(record: AssessmentRecord, policy: PapersPolicy) -> None:
    """Raises NotEligible where the policy wants consent and a capture before a test and one is missing."""
    if not policy.face_capture:
        return
    status = (await read_face_status([record.id]))[0]
    reasons = []
    if status.given_at is None:
        text = Text("初次进入测评须进行人脸信息采集授权。", "Consent to face capture comes before the first test.")
        reasons.append(Reason("FACE_CONSENT_MISSING", text))
    if status.captured_at is None:
        text = Text("请先完成人脸采集。", "A face capture comes before the first test.")
        reasons.append(Reason("FACE_CAPTURE_MISSING", text))
    if reasons:
        raise NotEligible(reasons)


async def give_face_consent(
    environment: Environment, caller: Caller | None, assessment_id: int, text_version: str
) -> None:
    """Record consent to the text of `text_version`: version, digest and time. Giving it again changes nothing.

    Raises ValidationFailed (CONSENT_TEXT_OUTDATED) for another version than the policy's, StateConflict, Forbidden.
    """
    async with begin(environment, caller) as work:
        record = await lock_assessment(work, assessment_id)
        work.acting = require_role(work.caller, record, Role.DOCTOR)
        _require_testable(record)
        policy = (await pinned_policy(environment, record)).section(PapersPolicy)
        if text_version != policy.face_consent_version:
            text = Text("授权书版本已更新，请重新阅读。", "The consent text has changed; read it again.")
            raise ValidationFailed([FieldProblem("textVersion", "CONSENT_TEXT_OUTDATED", text)])
        if not await FaceConsent.exists().where(FaceConsent.assessment == record.id):
            await FaceConsent.insert(
                FaceConsent(
                    assessment=record.id,
                    doctor=record.doctor_id,
                    account=work.caller.account_id,
                    text_version=text_version,
                    text_digest=hashlib.sha256(policy.face_consent_text.encode()).hexdigest(),
                    given_at=work.now,
                )
            )
        await work.record("GIVE_FACE_CONSENT", "Assessment", record.id, {"textVersion": text_version})


async def require_face_consent(caller: Caller | None, assessment_id: int) -> AssessmentRecord:
    """The doctor's own assessment with consent given: asked before a capture is kept, so that no face is stored that
    nobody agreed to have taken. Raises NotLoggedIn, NotFound, Forbidden, NotEligible."""
    record = await read_assessment(logged_in(caller), assessment_id)
    require_role(logged_in(caller), record, Role.DOCTOR)
    if (await read_face_status([record.id]))[0].given_at is None:
        text = Text("请先阅读并同意人脸信息采集授权书。", "Consent to face capture first.")
        raise NotEligible([Reason("FACE_CONSENT_MISSING", text)])
    return record


async def record_face_capture(
    environment: Environment, caller: Caller | None, assessment_id: int, file_id: int
) -> bool:
    """Let the FaceVerifier look at an upload and record its verdict; returns whether it was accepted.

    The service is asked outside the transaction. One that fails or keeps silent is recorded as not accepted, with the
    reason in the capture's reference; nothing is lost and the doctor may try again. Raises NotLoggedIn, NotFound,
    Forbidden, NotEligible without consent, StateConflict where no test is open.
    """
    record = await require_face_consent(caller, assessment_id)
    file = (await files_of_assessment(record.id, FilePurpose.FACE_CAPTURE)).get(file_id)
    if file is None:
        raise NotFound
    verdict = await _verify(environment, record.doctor_id, file.name)
    async with begin(environment, caller) as work:
        record = await lock_assessment(work, assessment_id)
        work.acting = require_role(work.caller, record, Role.DOCTOR)
        _require_testable(record)
        await FaceCapture.insert(
            FaceCapture(
                assessment=record.id,
                file=file_id,
                accepted=verdict.accepted,
                verifier_reference=verdict.reference[:REFERENCE_LENGTH],
                captured_at=work.now,
            )
        )
        await work.record("RECORD_FACE_CAPTURE", "Assessment", record.id, {"accepted": verdict.accepted})
    return verdict.accepted


def _require_testable(record: AssessmentRecord) -> None:
    if record.state not in rules.TESTABLE:
        text = Text(
            "考核机构复核通过后、考核结束前方可办理。",
            "This is asked for between the body's approval and the result.",
        )
        raise StateConflict("TESTS_NOT_OPEN", text, record.state.value)


async def _verify(environment: Environment, doctor_id: int, file_name: str) -> FaceVerdict:
    try:
        image = await environment.files.get(file_name)
        return await environment.face.verify(_subject(environment, doctor_id), image)
    except PortTimedOut:
        failure = "TIMED_OUT"
    except PortBroken:
        failure = "BROKEN"
    except (PortFailed, KeyError):
        # The service, or the store that keeps the capture.
        failure = "UNAVAILABLE"
    return FaceVerdict(accepted=False, reference=f"failed:{failure}")


def _subject(environment: Environment, doctor_id: int) -> str:
    """The name under which the service knows a doctor: the same each time, and without the key it says nothing."""
    return environment.keys.mac(Purpose.IDENTITIES, f"face:{doctor_id}".encode()).hex()[:32]
