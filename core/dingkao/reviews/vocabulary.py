"""What a level may decide."""

from enum import StrEnum


class Decision(StrEnum):
    """审核结论"""

    APPROVED = "APPROVED"
    RETURNED_TO_DOCTOR = "RETURNED_TO_DOCTOR"
    RETURNED_TO_INSTITUTION = "RETURNED_TO_INSTITUTION"
    FAILURE_CONFIRMED = "FAILURE_CONFIRMED"
