"""The text form of a key ring: what stands in `DINGKAO_KEYS` and in the file `DINGKAO_KEYS_FILE`."""

import base64
import binascii
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from dingkao.crypto.purposes import Purpose

KEY_BYTES = 32

_SEPARATORS = re.compile(r"[\s,;]+")
_COMMENT = re.compile(r"#.*")


class BadKeys(ValueError):
    """A text is no key ring; the message says which key is wrong and what to write, and never repeats it."""


@dataclass(frozen=True, slots=True, repr=False)
class MasterKey:
    """256 random bits, and what they may be used for (None: everything).

    `id` is computed from the key: two keys never share one, and a mistyped key is an unknown one.
    """

    secret: bytes
    purposes: frozenset[Purpose] | None = None

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that name the key in ciphertexts and lists, and tell nothing of it."""
        return sha256(b"dingkao key id\0" + self.secret).hexdigest()[:8]

    def serves(self, purpose: Purpose) -> bool:
        return self.purposes is None or purpose in self.purposes

    def __repr__(self) -> str:
        return f"MasterKey({self.id})"


def new_key() -> MasterKey:
    """A key from the system's source of randomness."""
    return MasterKey(secrets.token_bytes(KEY_BYTES))


def write_key(key: MasterKey) -> str:
    """The key as a word of a ring: 43 characters, and `:audit+faces` where it serves some purposes alone."""
    word = base64.urlsafe_b64encode(key.secret).decode().rstrip("=")
    return word if key.purposes is None else f"{word}:{'+'.join(sorted(key.purposes))}"


def read_keys(text: str) -> tuple[MasterKey, ...]:
    """The keys of a ring in their order, oldest first; words between white space, commas or semicolons, `#` begins a
    comment. Raises BadKeys."""
    words = [word for word in _SEPARATORS.split(_COMMENT.sub(" ", text)) if word]
    keys = tuple(_read_key(word, number) for number, word in enumerate(words, 1))
    if len({key.id for key in keys}) != len(keys):
        raise BadKeys("one key stands there twice: leave one of them")
    return keys


def _read_key(word: str, number: int) -> MasterKey:
    encoded, colon, purposes = word.partition(":")
    try:
        secret = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise BadKeys(
            f"key {number} is not {KEY_BYTES} bytes in base64 (43 characters): make one by `dingkao keys new --print`"
        )
    return MasterKey(secret, _read_purposes(purposes.split("+"), number) if colon else None)


def _read_purposes(words: Iterable[str], number: int) -> frozenset[Purpose]:
    try:
        return frozenset(Purpose(word) for word in words)
    except ValueError:
        known = ", ".join(Purpose)
        raise BadKeys(f"key {number} names a purpose that there is not; the purposes are {known}") from None
