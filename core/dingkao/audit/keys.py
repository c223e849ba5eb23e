"""The keys of the chain. Each entry names the one that signed it, so that a key can be replaced."""

from dataclasses import dataclass

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
    return AuditKey("setting", environment.settings.secret_key.get_secret_value().encode())


def key_named(environment: Environment, key_id: str) -> AuditKey:
    """The key that signed an entry. Raises UnknownKey."""
    key = current_key(environment)
    if key.id != key_id:
        raise UnknownKey(f"the audit key {key_id!r} is not among this server's keys; add it to them")
    return key
