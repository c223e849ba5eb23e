"""Opaque ids of the API: a type's name and a key, in a form that invites nobody to count."""

import base64
import binascii
import re

from dingkao.plugin.errors import NotFound

# A type's name as GraphQL has it; the audit keeps what was named.
_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,59}")


def encode_id(type_name: str, key: int) -> str:
    """The opaque id of the object of `type_name` with `key`."""
    return base64.urlsafe_b64encode(f"{type_name}:{key}".encode()).decode().rstrip("=")


def split_id(opaque: str) -> tuple[str, int]:
    """The type's name and key in `opaque`. Raises NotFound where it is not one of ours."""
    try:
        text = base64.urlsafe_b64decode(opaque + "=" * (-len(opaque) % 4)).decode()
        type_name, _, key = text.partition(":")
        number = int(key)
    except (binascii.Error, ValueError, UnicodeDecodeError):
        raise NotFound from None
    if _NAME.fullmatch(type_name) is None or not 0 < number < 2**63 or encode_id(type_name, number) != opaque:
        raise NotFound
    return type_name, number


def decode_id(type_name: str, opaque: str) -> int:
    """The key in `opaque`, which must name an object of `type_name`. Raises NotFound."""
    found, key = split_id(opaque)
    if found != type_name:
        raise NotFound
    return key
