"""The keys of the chain. Each entry names the one that signed it, so that a key can be replaced."""

from dataclasses import dataclass

from dingkao.crypto import ring
from dingkao.crypto.purposes import Purpose
from dingkao.environment import Environment


class UnknownKey(LookupError):
    """An entry was signed with a key that this server does not have; the message names it."""


@dataclass(frozen=True, slots=True, repr=False)
class AuditKey:
    """A key and its name."""

    id: str
    secret: bytes


def current_key(environment: Environment) -> AuditKey:
    """The key that signs new entries."""
    key_id = environment.keys.newest(Purpose.AUDIT)
    return AuditKey(key_id, environment.keys.secret(Purpose.AUDIT, key_id))


def all_keys(environment: Environment) -> tuple[AuditKey, ...]:
    """The keys that have signed entries, as far as the ring has them, the oldest first."""
    ids = environment.keys.ids_for(Purpose.AUDIT)
    return tuple(AuditKey(key_id, environment.keys.secret(Purpose.AUDIT, key_id)) for key_id in ids)


def key_named(environment: Environment, key_id: str) -> AuditKey:
    """The key that signed an entry. Raises UnknownKey."""
    try:
        return AuditKey(key_id, environment.keys.secret(Purpose.AUDIT, key_id))
    except ring.UnknownKey:
        raise UnknownKey(f"the audit key {key_id!r} is not among this server's keys; add it to them") from None
