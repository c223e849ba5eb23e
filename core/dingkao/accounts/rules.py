"""Locks and codes: pure decisions."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role

WRONG_CODE = FieldProblem(
    "code", "WRONG_SECOND_FACTOR", Text("动态口令不正确或已使用。", "The code is wrong, or was used already.")
)
CODE_NEEDED = FieldProblem(
    "code", "SECOND_FACTOR_NEEDED", Text("请输入动态口令。", "Give the code of your authenticator too.")
)
WRONG_CREDENTIALS = FieldProblem(
    "input", "WRONG_CREDENTIALS", Text("证件号码或密码不正确。", "The document number or the password is wrong.")
)


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed logins in a row of an account, or of a name that no account has."""

    count: int
    last_at: datetime | None
    locked_until: datetime | None


@dataclass(frozen=True, slots=True)
class FailureLimits:
    """`free` failures, then waits that double up to `longest_wait`; after `forgotten_after` without one all is
    forgotten, unless there were `hard_stop` (security.md 3.2; NIST SP 800-63B-4: at most 100 in a row)."""

    free: int
    longest_wait: timedelta
    forgotten_after: timedelta
    hard_stop: int


def is_staff(doctor_id: int | None, *, holds_roles: bool) -> bool:
    """Whether an account is staff's: it is no doctor's, or holds a role today beside its owner's own.

    What this decides: how long a session may lie idle, how many there are, and that WeChat does not open it. A doctor
    who is also an officer is staff: what his session opens decides, not whose it is.
    """
    return doctor_id is None or holds_roles


def is_staff_caller(caller: Caller) -> bool:
    """`is_staff` of who is logged in."""
    return is_staff(caller.doctor_id, holds_roles=any(grant.role is not Role.DOCTOR for grant in caller.grants))


def waits(failures: Failures, limits: FailureLimits, now: datetime) -> bool:
    """Whether no login is taken at the moment, right or wrong."""
    if failures.count >= limits.hard_stop:
        return True
    return failures.locked_until is not None and failures.locked_until > now


def one_more(failures: Failures, limits: FailureLimits, now: datetime) -> Failures:
    """After another failure. Not to be asked while the account waits: nothing is counted then, or an attacker could
    keep its owner out for ever."""
    forgotten = failures.last_at is not None and failures.last_at + limits.forgotten_after <= now
    count = 1 if forgotten else failures.count + 1
    wait: datetime | None = None
    if count >= limits.free:
        # The exponent is bounded before it is used: 2 to the hundredth minutes is no timedelta.
        minutes = 2 ** min(count - limits.free, 20)
        wait = now + min(timedelta(minutes=minutes), limits.longest_wait)
    return Failures(count, now, wait)


def failures_of_window(failures: int, failures_before: int, windows_ago: int, elapsed: float) -> float:
    """Failures in the last window's length, from the counts of two windows.

    `windows_ago`: how many windows the newer count lies back (0: the present one); `elapsed`: the part of the present
    window that is over, 0 to 1. The older window is taken as even, which is exact enough for a limit.
    """
    if windows_ago == 0:
        return failures + failures_before * (1 - elapsed)
    return failures * (1 - elapsed) if windows_ago == 1 else 0.0
