"""Who may begin a test as far as his face goes, what a proctoring service is asked next, when a face is deleted."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dingkao.plugin.errors import NotEligible, StateConflict
from dingkao.plugin.text import Reason, Text
from dingkao.proctoring.vocabulary import CaptureOutcome, ConsentEnd, IdentityState, ProctorStep

# Seconds before a service that failed is asked again: doubled each time, up to an hour.
FIRST_PAUSE_SECONDS: Final = 5
LONGEST_PAUSE_SECONDS: Final = 3600
# After so many failures nobody waits for the end of an attempt to be noted; deleting is asked for without end.
MOST_TRIES: Final = 10


@dataclass(frozen=True, slots=True)
class FaceStatus:
    """What is known of one assessment: the consent in force (`consent` its key, and to which text), how the last one
    ended, the newest capture under it that is of use, and when an invigilator identified the doctor in person."""

    consent: int | None = None
    text_version: str | None = None
    given_at: datetime | None = None
    ended_at: datetime | None = None
    ended_because: ConsentEnd | None = None
    outcome: CaptureOutcome | None = None
    captured_at: datetime | None = None
    identified_at: datetime | None = None


def consent_holds(status: FaceStatus, text_version: str) -> bool:
    """Whether the doctor agreed, and to the text of now."""
    return status.given_at is not None and status.text_version == text_version


def identity_state(status: FaceStatus, *, required: bool, text_version: str) -> IdentityState:
    """How far it is known who sits. An invigilator's word stands beside any face."""
    if not required:
        return IdentityState.NOT_REQUIRED
    if status.identified_at is not None:
        return IdentityState.IDENTIFIED
    if not consent_holds(status, text_version):
        refused = status.given_at is None and status.ended_because in (ConsentEnd.DECLINED, ConsentEnd.WITHDRAWN)
        return IdentityState.DECLINED if refused else IdentityState.CONSENT_MISSING
    if status.outcome is CaptureOutcome.ACCEPTED:
        return IdentityState.CAPTURED
    return IdentityState.UNVERIFIED if status.outcome is CaptureOutcome.UNVERIFIED else IdentityState.CAPTURE_MISSING


def require_identity(state: IdentityState, *, in_person: bool) -> None:
    """Check that a paper may be begun. Raises NotEligible (FACE_CONSENT_MISSING, FACE_CAPTURE_MISSING) where the doctor
    has something left to do, StateConflict (FACE_CONSENT_DECLINED) where he will not: it says whom to ask.

    A face must not be the only way (face recognition measures 2025, Art. 10): `in_person` says that policy has the
    invigilator's.
    """
    if state is IdentityState.DECLINED:
        if not in_person:
            text = Text(
                "您未同意或已撤回人脸信息采集授权，本地区不提供现场核验。"
                "请联系考核机构或主管卫生健康行政部门，或重新授权。",
                "You have not consented to face capture and this region offers no other way. Ask the assessment body "
                "or the health authority, or consent after all.",
            )
        else:
            text = Text(
                "您未同意或已撤回人脸信息采集授权。请联系考核机构的监考人员现场核验身份后再参加测评，或重新授权。",
                "You have not consented to face capture. Ask an invigilator of the assessment body to identify you in "
                "person, or consent after all.",
            )
        raise StateConflict("FACE_CONSENT_DECLINED", text, state.value)
    reasons = []
    if state is IdentityState.CONSENT_MISSING:
        text = Text("初次进入测评须进行人脸信息采集授权。", "Consent to face capture comes before the first test.")
        if in_person:
            text = Text(
                f"{text.zh}不同意的，请联系考核机构的监考人员现场核验身份。",
                f"{text.en} Who does not consent asks an invigilator of the assessment body to identify him in person.",
            )
        reasons.append(Reason("FACE_CONSENT_MISSING", text))
    if state in (IdentityState.CONSENT_MISSING, IdentityState.CAPTURE_MISSING):
        reasons.append(
            Reason("FACE_CAPTURE_MISSING", Text("请先完成人脸采集。", "A face capture comes before the first test."))
        )
    if reasons:
        raise NotEligible(reasons)


def next_step(*, running: bool, registered: bool, started: bool, stopped: bool, tries: int) -> ProctorStep | None:
    """What a proctoring service is asked next for a session; None: nothing before the attempt ends.

    What was never registered need not be stopped, and after `MOST_TRIES` an ended attempt is let go.
    """
    if running:
        if not registered:
            return ProctorStep.REGISTER
        return None if started and not stopped else ProctorStep.START
    if not registered or stopped or tries >= MOST_TRIES:
        return ProctorStep.CLOSE
    return ProctorStep.STOP


def tries_after(step: ProctorStep, tries: int) -> int:
    """The failures that count after one more. While an attempt runs they go no further than half of `MOST_TRIES`: the
    service is asked at least every 80 s, since it may be back, and its end is still told."""
    return tries + 1 if step is ProctorStep.STOP else min(tries + 1, MOST_TRIES // 2)


def pause_after(tries: int) -> timedelta:
    """How long to wait after the failure number `tries` (from 1)."""
    return timedelta(seconds=min(FIRST_PAUSE_SECONDS * 2 ** min(tries - 1, 20), LONGEST_PAUSE_SECONDS))


def callback_in_time(timestamp: int, now: datetime, seconds: int) -> bool:
    """Whether a callback signed at `timestamp` (seconds since 1970) is not older, nor further ahead, than `seconds`."""
    return abs(now.timestamp() - timestamp) <= seconds
