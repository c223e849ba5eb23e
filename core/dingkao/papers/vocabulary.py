"""The states of an attempt."""

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
