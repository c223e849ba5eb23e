"""Words of credentials."""

from enum import StrEnum


class CodePurpose(StrEnum):
    """What a code sent to a phone opens, and nothing else. 验证码用途"""

    FIRST_LOGIN = "FIRST_LOGIN"
    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105 - a word, no password
    PHONE_CHANGE = "PHONE_CHANGE"
