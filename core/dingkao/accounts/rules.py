"""Locks and codes: pure decisions."""

from datetime import datetime, timedelta

from dingkao.plugin.errors import FieldProblem
from dingkao.plugin.text import Text

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
