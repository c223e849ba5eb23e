"""Digests of codes and of others' names for people: what must be recognised and never read.

They stand in sealed columns: short codes are soon guessed from a plain digest, and one under a key (HMAC) could not be
made anew when the key is replaced. An encrypted digest is as safe as the second and is sealed anew like any value.
"""

import hmac
from hashlib import sha256


def code_digest(kind: str, *parts: object) -> str:
    """The hexadecimal SHA-256 of `parts`, the code among them; `kind` keeps those of one use from another's."""
    return sha256(_message(kind, parts)).hexdigest()


def code_fits(digest: str, kind: str, *parts: object) -> bool:
    """Whether `digest` is that of `parts`, compared in constant time."""
    return hmac.compare_digest(digest, code_digest(kind, *parts))


def _message(kind: str, parts: tuple[object, ...]) -> bytes:
    # Lengths, so that no two lists of parts run together into one text.
    texts = [str(part) for part in parts]
    return "\n".join([kind, *(f"{len(text)}:{text}" for text in texts)]).encode()
