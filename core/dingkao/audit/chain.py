"""The chain of audit entries: what is signed of each, and how one continues the other. Pure.

`digest = HMAC-SHA256(key, previous ‖ canonical JSON of the content)` (security.md 3.5). The JSON is an array of the
columns in the order of `CONTENT`, with instants in UTC to the microsecond: the same on both databases. Whoever has the
key can write another chain; signed heads that are kept elsewhere show it (`dingkao.audit.checkpoints`).
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

# What an entry says, in the order in which it is signed. `id` is the number in the chain.
CONTENT = (
    "id", "at", "account", "session", "role", "organisation", "address", "request_id", "action", "object_type",
    "object_id", "result", "before", "after", "detail", "key",
)  # fmt: skip
# Before the first entry: nothing.
NOTHING = ""


def canonical(values: Sequence[Any]) -> str:
    """`values` as JSON without white space; instants in UTC, days as ISO 8601, bytes as hexadecimal digits, the truth
    values of both databases as 0 and 1."""
    return json.dumps([_plain(value) for value in values], ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if value is None or type(value) is str or type(value) is int:
        return value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, int | float | str):
        return value
    raise TypeError(f"a {type(value).__name__} cannot be signed")


def entry_digest(secret: bytes, entry: Mapping[str, Any], previous: str) -> str:
    """The digest of an entry with the columns of `CONTENT` that follows the one with the digest `previous`."""
    text = previous + canonical([entry[name] for name in CONTENT])
    return hmac.digest(secret, text.encode(), sha256).hex()


def row_digest(secret: bytes, object_type: str, values: Sequence[Any]) -> str:
    """The keyed digest of an object's row: tells whether two states are the same, and nothing of what is in them."""
    return hmac.digest(secret, f"{object_type}\0{canonical(values)}".encode(), sha256).hex()


def text_digest(secret: bytes, kind: str, text: str) -> str:
    """The keyed digest of a text that must not stand in an entry, as the name that somebody tried to log in with."""
    return hmac.digest(secret, f"{kind}\0{text}".encode(), sha256).hex()[:32]


def history_digest(secret: bytes, saves: Sequence[Sequence[Any]]) -> str:
    """The keyed digest of an attempt's saves, in the order of their numbers."""
    digest = hmac.new(secret, b"answer_save", sha256)
    for save in saves:
        digest.update(canonical(save).encode())
        digest.update(b"\n")
    return digest.hexdigest()
