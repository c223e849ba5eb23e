"""The states of a cycle."""

from enum import StrEnum


class CycleState(StrEnum):
    """考核周期状态"""

    PREPARED = "PREPARED"
    RUNNING = "RUNNING"
    CLOSED = "CLOSED"
