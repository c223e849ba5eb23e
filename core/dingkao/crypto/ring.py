"""The key ring: sealing (AES-256-GCM), blind indexes and signatures (HMAC-SHA256), a key for each purpose (HKDF).

Parameters: AES-256-GCM with nonces of 96 random bits (NIST SP 800-38D, 8.2.2: fewer than 2^32 messages for one key, a
thousand times what a province's register holds); HKDF-SHA256 (RFC 5869). Every ciphertext names its key.
"""

import base64
import hmac
import os
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dingkao.crypto.keys import KEY_BYTES, MasterKey, read_keys
from dingkao.crypto.purposes import Purpose

_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_ID_LENGTH: Final = 8
# Before the bytes of a sealed file: what it is and in which version of the form.
_MAGIC: Final = b"DKS1"


class CryptoError(Exception):
    """Something sealed cannot be opened, or there is no key. The message holds no data."""


class NoKeys(CryptoError):
    """The server has no key for a purpose."""


class UnknownKey(CryptoError):
    """What is to be opened was sealed with a key that is not in the ring, or may not be used for this."""


class SealBroken(CryptoError):
    """A ciphertext is damaged, or lies where it was not sealed for."""


class KeyRing:
    """Keys, oldest first; the last that serves a purpose seals and signs what is new, all open and check.

    `keys` come from `dingkao.crypto.keys`. A ring without keys can be made: it complains when it is used.
    """

    def __init__(self, keys: Sequence[MasterKey]) -> None:
        self._keys = {key.id: key for key in keys}
        self._secret = lru_cache(maxsize=None)(self._derive)
        self._cipher = lru_cache(maxsize=None)(lambda purpose, key_id: AESGCM(self._secret(purpose, key_id)))

    @classmethod
    def of(cls, text: str) -> "KeyRing":
        """The ring that `text` holds. Raises BadKeys."""
        return cls(read_keys(text))

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of all keys, oldest first."""
        return tuple(self._keys)

    def ids_for(self, purpose: Purpose) -> tuple[str, ...]:
        """The names of the keys that serve `purpose`, oldest first."""
        return tuple(key.id for key in self._keys.values() if key.serves(purpose))

    def serves(self, key_id: str, purpose: Purpose) -> bool:
        """Whether a key of the ring may be used for `purpose`."""
        return self._keys[key_id].serves(purpose)

    def purposes_of(self, key_id: str) -> tuple[Purpose, ...]:
        """What a key of the ring may be used for."""
        return tuple(purpose for purpose in Purpose if self._keys[key_id].serves(purpose))

    def newest(self, purpose: Purpose) -> str:
        """The name of the key that seals and signs for `purpose`. Raises NoKeys."""
        ids = self.ids_for(purpose)
        if not ids:
            raise NoKeys(
                f"there is no key for {purpose.value}: run `dingkao keys new`, or set DINGKAO_KEYS or DINGKAO_KEYS_FILE"
            )
        return ids[-1]

    def secret(self, purpose: Purpose, key_id: str | None = None) -> bytes:
        """256 bits of the purpose's own, derived from the newest key or from the one named. Raises NoKeys,
        UnknownKey."""
        return self._secret(purpose, self.newest(purpose) if key_id is None else key_id)

    def seal(self, purpose: Purpose, place: str, text: str) -> str:
        """`text` encrypted as text: the key's name, a dot, base64. `place` says where it is kept (table, column, row)
        and has to be given again to open it. Raises NoKeys."""
        key_id = self.newest(purpose)
        sealed = self._encrypt(purpose, key_id, place, text.encode())
        return f"{key_id}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"

    def open(self, purpose: Purpose, place: str, sealed: str) -> str:
        """What `seal` was given. Raises UnknownKey, SealBroken."""
        key_id, _, encoded = sealed.partition(".")
        try:
            data = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        except ValueError:
            raise SealBroken(f"what lies at {_named(place)} is no sealed text") from None
        return self._decrypt(purpose, key_id, place, data).decode()

    def seal_bytes(self, purpose: Purpose, place: str, data: bytes) -> bytes:
        """As `seal`, for a file; 40 bytes longer than `data`. Raises NoKeys."""
        key_id = self.newest(purpose)
        return _MAGIC + key_id.encode() + self._encrypt(purpose, key_id, place, data)

    def open_bytes(self, purpose: Purpose, place: str, sealed: bytes) -> bytes:
        """What `seal_bytes` was given. Raises UnknownKey, SealBroken."""
        key_id = key_id_of(sealed)
        return self._decrypt(purpose, key_id, place, sealed[len(_MAGIC) + _ID_LENGTH :])

    def blind(self, kind: str, value: str) -> str:
        """The index of a value by the newest key: the same for the same `kind` (table and column) and value, which the
        caller has brought into its one form. 52 characters that begin with the key's name. Raises NoKeys."""
        return self._blind(self.newest(Purpose.BLIND_INDEX), kind, value)

    def blinds(self, kind: str, value: str) -> list[str]:
        """The indexes of a value by every key, for looking it up: one but where a key is being replaced."""
        self.newest(Purpose.BLIND_INDEX)
        return [self._blind(key_id, kind, value) for key_id in self.ids_for(Purpose.BLIND_INDEX)]

    def mac(self, purpose: Purpose, message: bytes, key_id: str | None = None) -> bytes:
        """HMAC-SHA256 of `message` by the newest key or by the one named. Raises NoKeys, UnknownKey."""
        return hmac.digest(self.secret(purpose, key_id), message, sha256)

    def mac_holds(self, purpose: Purpose, message: bytes, digest: bytes) -> bool:
        """Whether `digest` is the one of `message` by any key of the ring that serves the purpose."""
        # All of them, whatever the first says: the time tells nothing.
        return sum(self._same(purpose, message, digest, key_id) for key_id in self.ids_for(purpose)) > 0

    def _same(self, purpose: Purpose, message: bytes, digest: bytes, key_id: str) -> bool:
        return hmac.compare_digest(self.mac(purpose, message, key_id), digest)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"

    def _derive(self, purpose: Purpose, key_id: str) -> bytes:
        key = self._keys.get(key_id)
        if key is None or not key.serves(purpose):
            raise UnknownKey(
                f"the key {key_id!r} is not in the ring for {purpose.value}: put it back into DINGKAO_KEYS or its file"
            )
        info = b"dingkao/1/" + purpose.value.encode()
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(key.secret)

    def _encrypt(self, purpose: Purpose, key_id: str, place: str, data: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + bytes(self._cipher(purpose, key_id).encrypt(nonce, data, place.encode()))

    def _decrypt(self, purpose: Purpose, key_id: str, place: str, sealed: bytes) -> bytes:
        cipher = self._cipher(purpose, key_id)
        if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
            raise SealBroken(f"what lies at {_named(place)} is cut off")
        try:
            return bytes(cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode()))
        except InvalidTag:
            raise SealBroken(f"what lies at {_named(place)} is damaged, or was not sealed for this place") from None

    def _blind(self, key_id: str, kind: str, value: str) -> str:
        digest = hmac.digest(self._secret(Purpose.BLIND_INDEX, key_id), f"{kind}\0{value}".encode(), sha256)
        return f"{key_id}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def key_id_of(sealed: str | bytes) -> str:
    """The name of the key of a sealed text, a blind index or a sealed file. Raises SealBroken where it is none."""
    if isinstance(sealed, bytes):
        name = sealed[len(_MAGIC) : len(_MAGIC) + _ID_LENGTH]
        if not sealed.startswith(_MAGIC) or len(name) != _ID_LENGTH or not name.isalnum():
            raise SealBroken("this is no sealed file")
        return name.decode("ascii")
    name_of_text, dot, _ = sealed.partition(".")
    if not dot or len(name_of_text) != _ID_LENGTH:
        raise SealBroken("this is no sealed text")
    return name_of_text


def _named(place: str) -> str:
    # Table and column; what comes behind may be a person's.
    return place.partition(":")[0]
