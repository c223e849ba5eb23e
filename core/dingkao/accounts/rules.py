"""Passwords, locks and codes: pure decisions."""

from datetime import datetime, timedelta

from dingkao.plugin.errors import FieldProblem
from dingkao.plugin.text import Text

PASSWORD_MAXIMUM = 128

# After this many failures in a row an account waits (security.md 3.2: 5 → 1 min, then doubling, at most 15 min).
FREE_FAILURES = 5
LONGEST_LOCK = timedelta(minutes=15)

CODE_LIFETIME = timedelta(minutes=5)
CODE_TRIES = 5
CODE_INTERVAL = timedelta(seconds=60)
CODES_AN_HOUR = 5

WRONG_CREDENTIALS = FieldProblem(
    "input", "WRONG_CREDENTIALS", Text("证件号码或密码不正确。", "The document number or the password is wrong.")
)


def lock_after(failures: int, now: datetime) -> datetime | None:
    """Until when an account waits after `failures` in a row; None: no wait yet."""
    if failures < FREE_FAILURES:
        return None
    return now + min(timedelta(minutes=2 ** (failures - FREE_FAILURES)), LONGEST_LOCK)


def password_problems(
    password: str, *, minimum: int, initial: str | None, login_name: str, name: str
) -> list[FieldProblem]:
    """Everything wrong with a new password (ASVS 6.2: length and context, no rules of composition)."""
    problems = []

    def wrong(code: str, zh: str, en: str) -> None:
        problems.append(FieldProblem("newPassword", code, Text(zh, en)))

    if len(password) < minimum:
        wrong("PASSWORD_TOO_SHORT", f"密码至少{minimum}位。", f"A password has at least {minimum} characters.")
    if len(password) > PASSWORD_MAXIMUM:
        wrong("PASSWORD_TOO_LONG", f"密码最多{PASSWORD_MAXIMUM}位。", f"At most {PASSWORD_MAXIMUM} characters.")
    if initial is not None and password == initial:
        wrong("PASSWORD_IS_INITIAL", "新密码不得与初始密码相同。", "The initial password cannot be kept.")
    if len(set(password)) < 4 and password:
        wrong("PASSWORD_TOO_SIMPLE", "密码过于简单。", "The password is too simple.")
    folded = password.casefold()
    if login_name and (login_name.casefold() in folded or (len(password) >= 6 and folded in login_name.casefold())):
        wrong("PASSWORD_HAS_NUMBER", "密码不得包含证件号码。", "The password must not contain the document number.")
    if name and name.casefold() in folded:
        wrong("PASSWORD_HAS_NAME", "密码不得包含姓名。", "The password must not contain the name.")
    return problems
