"""The states of an attempt and of a question."""

from enum import StrEnum


class AttemptState(StrEnum):
    """答卷状态"""

    IN_PROGRESS = "IN_PROGRESS"
    SUBMITTED = "SUBMITTED"
    MARKED = "MARKED"
    ABANDONED = "ABANDONED"
    VOIDED = "VOIDED"


class AttemptPhase(StrEnum):
    """答卷阶段: what the clock leaves of a running attempt; computed, never stored"""

    ANSWERING = "ANSWERING"
    LATE = "LATE"
    PAUSED = "PAUSED"
    SUBMIT_ONLY = "SUBMIT_ONLY"
    OVER = "OVER"


class QuestionState(StrEnum):
    """试题状态: of one version of a question"""

    DRAFT = "DRAFT"
    APPROVED = "APPROVED"
    RETIRED = "RETIRED"
