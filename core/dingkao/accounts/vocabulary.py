"""Words of accounts."""

from enum import StrEnum


class SessionEnd(StrEnum):
    """Why a session ended before its time. 会话结束原因"""

    LOGGED_OUT = "LOGGED_OUT"
    ENDED_ELSEWHERE = "ENDED_ELSEWHERE"
    TOO_MANY = "TOO_MANY"
    TOKEN_REUSED = "TOKEN_REUSED"  # noqa: S105 - a word, no token
    CREDENTIALS_CHANGED = "CREDENTIALS_CHANGED"
    DISABLED = "DISABLED"
