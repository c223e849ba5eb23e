"""Digests of codes: what must be recognised and never read."""

from dingkao.crypto.purposes import Purpose
from dingkao.environment import Environment


def code_digest(environment: Environment, kind: str, *parts: object) -> str:
    """The hexadecimal MAC of `parts`, the code among them; `kind` keeps those of one use from another's."""
    return environment.keys.mac(Purpose.CODES, _message(kind, parts)).hex()


def code_fits(environment: Environment, digest: str, kind: str, *parts: object) -> bool:
    """Whether `digest` is that of `parts`, by any key of the ring, compared in constant time."""
    return environment.keys.mac_holds(Purpose.CODES, _message(kind, parts), bytes.fromhex(digest))


def _message(kind: str, parts: tuple[object, ...]) -> bytes:
    # Lengths, so that no two lists of parts run together into one text.
    texts = [str(part) for part in parts]
    return "\n".join([kind, *(f"{len(text)}:{text}" for text in texts)]).encode()
