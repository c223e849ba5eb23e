"""Codes: how they look, and how often they may be sent and tried. Pure."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dingkao.plugin.errors import FieldProblem
from dingkao.plugin.text import Text

# No 0 and O, 1, I and L, 2 and Z, 5 and S, 8 and B: a code is copied by hand from paper.
ACTIVATION_ALPHABET = "ACDEFGHJKMNPQRTUVWXY34679"
# 12 of 25 signs are 55 bits; ASVS 5.0, 6.5.4 asks for 20, security.md 3.2 for 10 signs.
ACTIVATION_LENGTH = 12

CODE_WRONG = FieldProblem("code", "CODE_WRONG", Text("验证码不正确。", "The code is wrong."))
CODE_MISSING = FieldProblem("code", "CODE_MISSING", Text("请先获取验证码。", "Ask for a code first."))
CODE_EXPIRED = FieldProblem(
    "code", "CODE_EXPIRED", Text("验证码已失效，请重新获取。", "The code is no longer valid; ask for a new one.")
)


@dataclass(frozen=True, slots=True)
class SendingLimits:
    """How often codes may go to one phone, or be asked for under one name."""

    interval: timedelta
    an_hour: int
    a_day: int


def wait_before_sending(sent: Sequence[datetime], limits: SendingLimits, now: datetime) -> timedelta:
    """How long until another code may be sent, where codes were sent at `sent` (newest first, of the last day); zero:
    now."""
    waits = [timedelta()]
    if sent:
        waits.append(sent[0] + limits.interval - now)
    last_hour = [at for at in sent if at > now - timedelta(hours=1)]
    if len(last_hour) >= limits.an_hour:
        waits.append(last_hour[limits.an_hour - 1] + timedelta(hours=1) - now)
    if len(sent) >= limits.a_day:
        waits.append(sent[limits.a_day - 1] + timedelta(days=1) - now)
    return max(waits)


def new_sms_code() -> str:
    """Six digits of the system's generator (ASVS 5.0, 6.5.4)."""
    return f"{secrets.randbelow(10**6):06d}"


def new_activation_code() -> str:
    """A code for paper: three groups of four signs that are not mistaken for each other."""
    signs = "".join(secrets.choice(ACTIVATION_ALPHABET) for _ in range(ACTIVATION_LENGTH))
    return "-".join(signs[place : place + 4] for place in range(0, ACTIVATION_LENGTH, 4))


def plain_activation_code(given: str) -> str | None:
    """What was typed as an activation code, without groups and in capitals; None where it cannot be one."""
    plain = "".join(given.split()).replace("-", "").upper()
    if len(plain) != ACTIVATION_LENGTH or not set(plain) <= set(ACTIVATION_ALPHABET):
        return None
    return plain
