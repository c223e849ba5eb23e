"""Signatures over what leaves the server: heads of the chain and exports. Ed25519 (RFC 8032), over canonical JSON.

An HMAC can be checked by its maker alone; this by anybody who was given the public key. Whoever holds the keys could
sign another chain: what counts is that a checkpoint lies elsewhere, and older than the change.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from dingkao.audit.keys import AuditKey, all_keys, current_key
from dingkao.environment import Environment
from dingkao.settings import BadSettings


class BadSignature(ValueError):
    """A signed file is not what was signed, or was signed by somebody else; the message says which."""


def signing_key(environment: Environment) -> Ed25519PrivateKey:
    """The key of DINGKAO_AUDIT_SIGNING_KEY (a PEM file), else one computed from the audit's key. Raises BadSettings."""
    path = environment.settings.audit_signing_key
    if path is not None:
        return _read_key(path)
    return _derived(current_key(environment))


def own_public_keys(environment: Environment) -> tuple[str, ...]:
    """The public keys that this server signs with, and has signed with under earlier keys of the ring."""
    derived = [public_text(_derived(key)) for key in all_keys(environment)]
    return (public_text(signing_key(environment)), *derived)


def _derived(key: AuditKey) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hmac.digest(key.secret, b"Ed25519 signing key", sha256))


def _read_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadSettings(f"DINGKAO_AUDIT_SIGNING_KEY: {path} is no private key in PEM ({error})") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadSettings(
            f"DINGKAO_AUDIT_SIGNING_KEY: {path} is no Ed25519 key; make one: openssl genpkey -algorithm ed25519"
        )
    return key


def public_text(key: Ed25519PrivateKey) -> str:
    """The public key as an auditor is given it: 32 bytes in base64."""
    return _encode(key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))


def sign(key: Ed25519PrivateKey, content: Mapping[str, Any]) -> dict[str, Any]:
    """`content` with `publicKey` and `signature`."""
    signed = {**content, "publicKey": public_text(key)}
    return {**signed, "signature": _encode(key.sign(_canonical(signed)))}


def check_signed(content: Mapping[str, Any], *trusted: str) -> None:
    """Check that `content` was signed by a key whose public half is one of `trusted`. Raises BadSignature."""
    named = str(content.get("publicKey"))
    if named not in trusted:
        raise BadSignature("it was signed with another key: name the public key you were given with --public-key")
    unsigned = {name: value for name, value in content.items() if name != "signature"}
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(named, validate=True))
        public.verify(base64.b64decode(str(content.get("signature")), validate=True), _canonical(unsigned))
    except (InvalidSignature, binascii.Error, ValueError):
        raise BadSignature("its signature does not fit: it was changed after it was signed") from None


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
