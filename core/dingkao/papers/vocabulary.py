"""The states of an attempt and of a question, and where a question has its pictures."""

from enum import StrEnum


class AttemptState(StrEnum):
    """答卷状态"""

    IN_PROGRESS = "IN_PROGRESS"
    SUBMITTED = "SUBMITTED"
    MARKED = "MARKED"
    ABANDONED = "ABANDONED"
    VOIDED = "VOIDED"


class InterventionKind(StrEnum):
    """监考处置"""

    EXTRA_TIME = "EXTRA_TIME"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    REOPEN = "REOPEN"


class SittingStatus(StrEnum):
    """监考状态: what an invigilator sees of a doctor who sits a paper; computed at the moment of looking"""

    NOT_STARTED = "NOT_STARTED"
    ACTIVE = "ACTIVE"
    IDLE = "IDLE"
    LOST_CONTACT = "LOST_CONTACT"
    PAUSED = "PAUSED"
    OVERDUE = "OVERDUE"
    ENDED = "ENDED"
    ABSENT = "ABSENT"


class MarkChangeOutcome(StrEnum):
    """成绩更正情况"""

    UNCHANGED = "UNCHANGED"
    RAISED = "RAISED"
    NOW_PASSED = "NOW_PASSED"
    RESULT_FILED = "RESULT_FILED"
    LATER_ATTEMPT = "LATER_ATTEMPT"


class VoidingConsequence(StrEnum):
    """答卷作废后的处理: another attempt is given, or the paper counts as failed"""

    NEW_ATTEMPT = "NEW_ATTEMPT"
    PAPER_FAILED = "PAPER_FAILED"


class AttemptPhase(StrEnum):
    """答卷阶段: what the clock leaves of a running attempt; computed, never stored"""

    ANSWERING = "ANSWERING"
    LATE = "LATE"
    PAUSED = "PAUSED"
    SUBMIT_ONLY = "SUBMIT_ONLY"
    OVER = "OVER"


class PicturePlace(StrEnum):
    """图片位置: where a picture of a question stands"""

    STEM = "STEM"
    SHARED_STEM = "SHARED_STEM"
    OPTION = "OPTION"


class QuestionState(StrEnum):
    """试题状态: of one version of a question"""

    DRAFT = "DRAFT"
    APPROVED = "APPROVED"
    RETIRED = "RETIRED"
