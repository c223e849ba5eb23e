"""Codes of an authenticator: TOTP (RFC 6238) with HMAC-SHA-1, six digits, thirty seconds.

The values that every authenticator app speaks; several ignore any other in the address they are given.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

STEP_SECONDS = 30
DIGITS = 6
# A code counts one step before and after its own: clocks differ (RFC 6238, 5.2).
DRIFT = 1
# 160 bits, the length of the hash (RFC 4226, 4: R6).
SECRET_BYTES = 20


def new_secret() -> bytes:
    """A secret for a new authenticator."""
    return secrets.token_bytes(SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """The secret as people type it and apps read it: base32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def secret_of(text: str) -> bytes:
    """The secret in such a text. Raises ValueError where it is none."""
    return base64.b32decode(text + "=" * (-len(text) % 8))


def provisioning_uri(secret: bytes, *, issuer: str, account: str) -> str:
    """The `otpauth://` address that a QR code holds for the app."""
    label = quote(f"{issuer}:{account}", safe="")
    values = {"secret": secret_text(secret), "issuer": issuer, "digits": DIGITS, "period": STEP_SECONDS}
    return f"otpauth://totp/{label}?{urlencode(values, quote_via=quote)}"


def step_of(now: datetime) -> int:
    """The number of the thirty seconds in which `now` lies."""
    return int(now.timestamp()) // STEP_SECONDS


def code_of(secret: bytes, step: int) -> str:
    """The code of one time step (RFC 4226, 5.3)."""
    digest = hmac.new(secret, step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def matching_step(secret: bytes, code: str, now: datetime, last_step: int) -> int | None:
    """The time step whose code `code` is, or None. Steps up to `last_step` are used up: a code opens once (RFC 6238,
    5.2; ASVS 5.0, 6.5.1)."""
    present = step_of(now)
    found: int | None = None
    for step in range(present - DRIFT, present + DRIFT + 1):
        if hmac.compare_digest(code_of(secret, step).encode(), code.encode()) and step > last_step:
            found = step
    return found
