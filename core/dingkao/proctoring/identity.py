"""Whether it is known who sits: asked before a paper begins, and an invigilator's word for it."""

from dingkao.access.rules import INVIGILATORS, OF_A_SITTING, Kind, require_role
from dingkao.assessments.access import lock_assessment, pinned_policy
from dingkao.assessments.records import AssessmentRecord
from dingkao.audit.work import begin
from dingkao.environment import Environment
from dingkao.papers.invigilating import checked_reason
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import StateConflict
from dingkao.plugin.national import PapersPolicy
from dingkao.plugin.text import Text
from dingkao.proctoring import rules
from dingkao.proctoring.consent import needs_consent, require_testable
from dingkao.proctoring.records import read_face_status
from dingkao.proctoring.tables import InPersonCheck
from dingkao.proctoring.vocabulary import IdentityState


async def check_identity(record: AssessmentRecord, policy: PapersPolicy) -> IdentityState:
    """How it is known who sits, before a paper begins. Raises NotEligible, StateConflict: see `require_identity`."""
    if not needs_consent(policy):
        return IdentityState.NOT_REQUIRED
    status = (await read_face_status([record.id]))[0]
    state = rules.identity_state(status, required=True, text_version=policy.face_consent_version)
    if state is IdentityState.CAPTURE_MISSING and not policy.face_capture:
        # Pictures during the attempt alone: consent is all that comes before it.
        return IdentityState.CAPTURED
    rules.require_identity(state, in_person=policy.in_person_check)
    return state


async def identify_in_person(environment: Environment, caller: Caller | None, assessment_id: int, reason: str) -> None:
    """The invigilator's way: record that a doctor was identified in person by the document, in place of face capture.

    For the doctor who does not consent, and for the one whose camera or whose face service fails. Holds for the
    assessment's papers. Raises ValidationFailed (reason), StateConflict (TESTS_NOT_OPEN, IN_PERSON_NOT_OFFERED,
    FACE_NOT_REQUIRED), NotLoggedIn, NotFound, Forbidden.
    """
    async with begin(environment, caller) as work:
        record = await lock_assessment(work, assessment_id, OF_A_SITTING)
        work.acting = require_role(work.caller, record, *INVIGILATORS, kind=Kind.SITTING)
        text = checked_reason(reason)
        require_testable(record)
        policy = (await pinned_policy(environment, record)).section(PapersPolicy)
        if not needs_consent(policy):
            needless = Text(
                "本次测评不采集人脸，无需现场核验。", "No face is captured here; nobody need be identified."
            )
            raise StateConflict("FACE_NOT_REQUIRED", needless, record.state.value)
        if not policy.in_person_check:
            offered = Text(
                "本地区政策未开放现场核验身份。", "The region's policy does not have identification in person."
            )
            raise StateConflict("IN_PERSON_NOT_OFFERED", offered, record.state.value)
        await InPersonCheck.insert(
            InPersonCheck(
                assessment=record.id,
                reason=text,
                account=work.caller.account_id,
                organisation=work.acting.organisation_id,
                at=work.now,
            )
        )
        await work.record("IDENTIFY_IN_PERSON", "Assessment", record.id)
