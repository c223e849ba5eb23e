"""Words of consent, identity and proctoring."""

from enum import StrEnum


class ConsentChannel(StrEnum):
    """授权渠道: where a doctor read and agreed to the text"""

    WEB = "WEB"
    MINI_PROGRAM = "MINI_PROGRAM"


class ConsentEnd(StrEnum):
    """授权终止原因: declined without having been given, withdrawn, or another text took its place"""

    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"
    NEW_TEXT = "NEW_TEXT"


class CaptureOutcome(StrEnum):
    """人脸核验结果: by the face service; UNVERIFIED: it could not be asked, an invigilator looks"""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    UNVERIFIED = "UNVERIFIED"


class IdentityState(StrEnum):
    """身份核验状态: how far it is known who sits; computed, never stored"""

    NOT_REQUIRED = "NOT_REQUIRED"
    CONSENT_MISSING = "CONSENT_MISSING"
    DECLINED = "DECLINED"
    CAPTURE_MISSING = "CAPTURE_MISSING"
    CAPTURED = "CAPTURED"
    UNVERIFIED = "UNVERIFIED"
    IDENTIFIED = "IDENTIFIED"


class DeletionGround(StrEnum):
    """人脸图像删除原因"""

    TIME_OVER = "TIME_OVER"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    NOT_USED = "NOT_USED"


class RetiringService(StrEnum):
    """Who holds something of a person, and is asked to delete it."""

    FACE_VERIFIER = "FACE_VERIFIER"
    PROCTOR = "PROCTOR"


class ProctorFlagKind(StrEnum):
    """监考标记: what an invigilator should know of an attempt; none of them stops it"""

    REGISTER_FAILED = "REGISTER_FAILED"
    START_FAILED = "START_FAILED"
    FRAME_FAILED = "FRAME_FAILED"
    STOP_FAILED = "STOP_FAILED"
    FACE_UNVERIFIED = "FACE_UNVERIFIED"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"


class ProctorFailure(StrEnum):
    """监考服务故障"""

    UNAVAILABLE = "UNAVAILABLE"
    TIMED_OUT = "TIMED_OUT"
    BROKEN = "BROKEN"


class ProctorStep(StrEnum):
    """What a proctoring service is asked for next."""

    REGISTER = "REGISTER"
    START = "START"
    STOP = "STOP"
    CLOSE = "CLOSE"
