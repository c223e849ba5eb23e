"""Words of proposals."""

from enum import StrEnum


class ProposalKind(StrEnum):
    """待复核事项: the acts that need two people"""

    ANNUL_RESULT = "ANNUL_RESULT"
    VOID_QUESTION = "VOID_QUESTION"
    SET_PASS_MARK = "SET_PASS_MARK"  # noqa: S105


class ProposalState(StrEnum):
    """复核状态"""

    OPEN = "OPEN"
    CONFIRMED = "CONFIRMED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"


class ProposalView(StrEnum):
    """Which proposals of the officer's regions a list shows."""

    TO_DECIDE = "TO_DECIDE"
    OWN = "OWN"
    ALL = "ALL"
