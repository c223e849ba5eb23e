"""The states of an attempt."""

from enum import StrEnum


class AttemptState(StrEnum):
    """答卷状态"""

    IN_PROGRESS = "IN_PROGRESS"
    MARKED = "MARKED"
