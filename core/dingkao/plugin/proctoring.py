"""The form of a proctoring service's callback: its JSON, and its signature.

A callback is `POST /proctoring/verdicts` with the headers `X-Dingkao-Timestamp` (seconds since 1970, UTC) and
`X-Dingkao-Signature` (`v1=` and the hexadecimal HMAC-SHA256 of the timestamp, a full stop and the body, under the
secret that operator and service share: `DINGKAO_PROCTOR_SECRETS`). The core checks both before a port sees the body.
"""

import hmac
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from dingkao.plugin.ports import PortFailed, ProctorVerdict
from dingkao.plugin.vocabulary import ProctorFinding

TIMESTAMP_HEADER: Final = "X-Dingkao-Timestamp"
SIGNATURE_HEADER: Final = "X-Dingkao-Signature"
EVENT_LENGTH: Final = 80
REMARK_LENGTH: Final = 500
_SCHEME: Final = "v1="


class VerdictUnreadable(PortFailed):
    """The body of a callback is no verdict; the message says which part is wrong."""


def sign_callback(secret: str, timestamp: int, body: bytes) -> str:
    """The signature of a callback, as the header holds it."""
    return _SCHEME + hmac.digest(secret.encode(), b"%d." % timestamp + body, sha256).hex()


def signature_holds(secrets: Iterable[str], timestamp: int, body: bytes, signature: str) -> bool:
    """Whether `signature` was made under one of `secrets`; the time it takes tells nothing of them."""
    given = signature.encode()
    # All of them, whichever holds: the time tells nothing.
    return any([hmac.compare_digest(sign_callback(secret, timestamp, body).encode(), given) for secret in secrets])  # noqa: C419


def verdict_from_json(body: bytes) -> ProctorVerdict:
    """The verdict of `{"session", "event", "finding", "at", "remark"}`: `finding` is PASSED, SUSPICIOUS, VIOLATION or
    NOT_REVIEWED, `at` an instant (ISO 8601 with an offset), `remark` may be left out. Raises VerdictUnreadable."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise VerdictUnreadable("the body is no JSON") from None
    if not isinstance(found, dict):
        raise VerdictUnreadable("the body is no JSON object")
    session, event = _text(found, "session", 64), _text(found, "event", EVENT_LENGTH)
    remark = _text(found, "remark", REMARK_LENGTH, required=False)
    try:
        finding = ProctorFinding(_text(found, "finding", 20))
    except ValueError:
        raise VerdictUnreadable(f"finding is none of {', '.join(ProctorFinding)}") from None
    try:
        at = datetime.fromisoformat(_text(found, "at", 40))
    except ValueError:
        raise VerdictUnreadable("at is no instant such as 2026-06-01T10:00:00+08:00") from None
    if at.tzinfo is None:
        raise VerdictUnreadable("at has no offset from UTC")
    try:
        instant = at.astimezone(UTC)
    except OverflowError:
        raise VerdictUnreadable("at lies outside of the calendar") from None
    return ProctorVerdict(session, event, finding, instant, remark)


def _text(found: dict[str, Any], name: str, most: int, *, required: bool = True) -> str:
    value = found.get(name, None if required else "")
    if not isinstance(value, str) or len(value) > most or (required and not value.strip()):
        raise VerdictUnreadable(f"{name} is no text of {1 if required else 0} to {most} characters")
    # JSON can say what no database keeps: a NUL, and half of a pair of surrogates.
    if any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in value):
        raise VerdictUnreadable(f"{name} has characters that cannot be stored")
    return value.strip()
