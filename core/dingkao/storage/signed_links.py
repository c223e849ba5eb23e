"""Links to bytes that a browser or a mini-program can open without a session: signed, short-lived, for one account.

An `<img>`, a browser's download and a mini-program's image send no Authorization header; what opens instead is the
address. It names the account that it was made for, the second at which it ends, and carries an HMAC-SHA256 over both
and over what it gives, by the ring's keys for downloads. A link made before the key was replaced still opens while the
old key is in the ring. Who makes a link has looked at the rights; who opens one looks again whether the account may
still come in and the object is still there.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from dingkao.crypto.purposes import Purpose
from dingkao.crypto.ring import KeyRing
from dingkao.plugin.errors import NotFound
from dingkao.plugin.ids import decode_id, encode_id

if TYPE_CHECKING:
    from dingkao.environment import Environment

ACCOUNT, EXPIRES, SIGNATURE = "account", "expires", "signature"
"""The parameters that a link's query holds."""

# Seconds since 1970 have ten digits until the year 2286; a number of any length would be work for nothing.
_MOST_DIGITS: Final = 12


class LinkRefused(Exception):
    """A link that does not open. `expired`: it was good once, and its time is over; else it was never one of ours."""

    def __init__(self, *, expired: bool) -> None:
        super().__init__("the link has expired" if expired else "the link is not one of this server")
        self.expired = expired


def link_to(environment: "Environment", account_id: int, kind: str, object_id: int, path: str) -> str:
    """`path` with the signature that opens it for `DINGKAO_LINK_SECONDS` from now, whoever sends it.

    `kind` and `object_id` are what it gives, as an opaque id of the API names it ("File", 17). The caller has looked
    whether the account may have it.
    """
    until = environment.clock.now() + timedelta(seconds=environment.settings.link_seconds)
    return sign_link(environment.keys, path, kind, object_id, account_id, until)


def sign_link(keys: KeyRing, path: str, kind: str, object_id: int, account_id: int, until: datetime) -> str:
    """`path` with a query that opens it until `until`: for `account_id`, and for the object alone. Raises NoKeys."""
    expires = int(until.timestamp())
    signature = keys.mac(Purpose.DOWNLOADS, _signed(kind, object_id, account_id, expires)).hex()
    query = {ACCOUNT: encode_id("Account", account_id), EXPIRES: expires, SIGNATURE: signature}
    return f"{path}?{urlencode(query)}"


def is_link(query: Mapping[str, str]) -> bool:
    """Whether a request's query is meant as a signed link, right or wrong."""
    return SIGNATURE in query


def open_link(keys: KeyRing, kind: str, object_id: int, query: Mapping[str, str], now: datetime) -> int:
    """The account that the link in `query` was made for, where it opens the object at `now`. Raises LinkRefused."""
    account_id, expires, digest = _read(query)
    if not keys.mac_holds(Purpose.DOWNLOADS, _signed(kind, object_id, account_id, expires), digest):
        raise LinkRefused(expired=False)
    if now.timestamp() > expires:
        raise LinkRefused(expired=True)
    return account_id


def _read(query: Mapping[str, str]) -> tuple[int, int, bytes]:
    expires = query.get(EXPIRES, "")
    if not (expires.isascii() and expires.isdigit() and len(expires) <= _MOST_DIGITS):
        raise LinkRefused(expired=False)
    try:
        return decode_id("Account", query.get(ACCOUNT, "")), int(expires), bytes.fromhex(query.get(SIGNATURE, ""))
    except (NotFound, ValueError):
        raise LinkRefused(expired=False) from None


def _signed(kind: str, object_id: int, account_id: int, expires: int) -> bytes:
    # No kind holds a colon, and the rest are numbers: no two links are signed over the same bytes.
    return f"link:{kind}:{object_id}:{account_id}:{expires}".encode()
