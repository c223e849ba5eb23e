"""Consent to face capture (manual 2.2.5): given, declined, withdrawn at any time (PIPL, Art. 15 and 29)."""

import hashlib

from dingkao.access.rules import require_role
from dingkao.assessments.access import lock_assessment, pinned_policy
from dingkao.assessments.records import AssessmentRecord
from dingkao.audit.work import UnitOfWork, begin
from dingkao.environment import Environment
from dingkao.papers import rules as paper_rules
from dingkao.papers.running import running_attempts
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, StateConflict, ValidationFailed
from dingkao.plugin.national import PapersPolicy
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role
from dingkao.proctoring.deletion import delete_faces_of
from dingkao.proctoring.flags import raise_flag
from dingkao.proctoring.records import read_face_status
from dingkao.proctoring.retiring import ask_to_retire
from dingkao.proctoring.rules import consent_holds
from dingkao.proctoring.tables import FaceConsent
from dingkao.proctoring.vocabulary import ConsentChannel, ConsentEnd, ProctorFlagKind


def require_testable(record: AssessmentRecord) -> None:
    """Raises StateConflict (TESTS_NOT_OPEN) where the assessment has no tests to come."""
    if record.state not in paper_rules.TESTABLE:
        text = Text(
            "考核机构复核通过后、考核结束前方可办理。",
            "This is asked for between the body's approval and the result.",
        )
        raise StateConflict("TESTS_NOT_OPEN", text, record.state.value)


def needs_consent(policy: PapersPolicy) -> bool:
    """Whether faces are taken at all under the policy."""
    return policy.face_capture or policy.proctoring


async def give_face_consent(
    environment: Environment,
    caller: Caller | None,
    assessment_id: int,
    text_version: str,
    channel: ConsentChannel = ConsentChannel.WEB,
) -> None:
    """Record consent to the text of `text_version`: version, digest, channel and time. Giving it again changes nothing;
    to a newer text it takes the older one's place.

    Raises ValidationFailed (CONSENT_TEXT_OUTDATED) for another version than the policy's, StateConflict
    (TESTS_NOT_OPEN), NotLoggedIn, NotFound, Forbidden.
    """
    async with begin(environment, caller) as work:
        record = await lock_assessment(work, assessment_id)
        work.acting = require_role(work.caller, record, Role.DOCTOR)
        require_testable(record)
        policy = (await pinned_policy(environment, record)).section(PapersPolicy)
        if text_version != policy.face_consent_version:
            text = Text("授权书版本已更新，请重新阅读。", "The consent text has changed; read it again.")
            raise ValidationFailed([FieldProblem("textVersion", "CONSENT_TEXT_OUTDATED", text)])
        status = (await read_face_status([record.id]))[0]
        if not consent_holds(status, text_version):
            if status.consent is not None:
                await _end(work, status.consent, ConsentEnd.NEW_TEXT)
            await FaceConsent.insert(
                FaceConsent(
                    assessment=record.id,
                    doctor=record.doctor_id,
                    account=work.caller.account_id,
                    text_version=text_version,
                    text_digest=hashlib.sha256(policy.face_consent_text.encode()).hexdigest(),
                    channel=channel.value,
                    given_at=work.now,
                )
            )
        await work.record(
            "GIVE_FACE_CONSENT", "Assessment", record.id, {"textVersion": text_version, "channel": channel.value}
        )


async def withdraw_face_consent(
    environment: Environment,
    caller: Caller | None,
    assessment_id: int,
    channel: ConsentChannel = ConsentChannel.WEB,
) -> None:
    """Withdraw the consent, or decline before having given it; at any time, also long after the test.

    The images of this assessment are deleted now, and the face service and the proctoring service are
    told to delete what they have. A running
    attempt goes on, without any more pictures and with a flag for the invigilator; for the next one the doctor is
    identified in person, where policy has that. Declining needs tests that are still to come. Doing it again changes
    nothing. Raises StateConflict (TESTS_NOT_OPEN), NotLoggedIn, NotFound, Forbidden.
    """
    async with begin(environment, caller) as work:
        record = await lock_assessment(work, assessment_id)
        work.acting = require_role(work.caller, record, Role.DOCTOR)
        status = (await read_face_status([record.id]))[0]
        if status.consent is not None:
            await _end(work, status.consent, ConsentEnd.WITHDRAWN)
            await ask_to_retire(work, record.doctor_id)
            for attempt in await running_attempts(record.id):
                await raise_flag(attempt["id"], ProctorFlagKind.CONSENT_WITHDRAWN, None, work.now)
            await work.record("WITHDRAW_FACE_CONSENT", "Assessment", record.id, {"channel": channel.value})
        elif status.ended_because in (ConsentEnd.DECLINED, ConsentEnd.WITHDRAWN):
            await work.record("WITHDRAW_FACE_CONSENT_REPEATED", "Assessment", record.id)
        else:
            await _decline(work, record, channel)
    # After the decision stands; what cannot be deleted now, the sweeper deletes.
    await delete_faces_of(environment, assessment_id)


async def _decline(work: UnitOfWork, record: AssessmentRecord, channel: ConsentChannel) -> None:
    require_testable(record)
    policy = (await pinned_policy(work.environment, record)).section(PapersPolicy)
    await FaceConsent.insert(
        FaceConsent(
            assessment=record.id,
            doctor=record.doctor_id,
            account=work.caller.account_id,
            text_version=policy.face_consent_version,
            text_digest=hashlib.sha256(policy.face_consent_text.encode()).hexdigest(),
            channel=channel.value,
            ended_at=work.now,
            ended_because=ConsentEnd.DECLINED.value,
        )
    )
    await work.record("DECLINE_FACE_CONSENT", "Assessment", record.id, {"channel": channel.value})


async def _end(work: UnitOfWork, consent_id: int, because: ConsentEnd) -> None:
    await FaceConsent.update({FaceConsent.ended_at: work.now, FaceConsent.ended_because: because.value}).where(
        FaceConsent.id == consent_id
    )
