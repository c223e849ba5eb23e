"""Argon2id off the event loop: one check costs about 129 ms of a core (reference/speed.md)."""

import base64
import os

import anyio
import anyio.to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from dingkao.accounts.password_rules import PasswordOwner, password_problems
from dingkao.admission import outside
from dingkao.plugin.errors import FieldProblem
from dingkao.plugin.national import AccountsPolicy
from dingkao.settings import Settings

_hasher = PasswordHasher()
_PARAMETERS = ("password_memory_mebibytes", "password_passes", "password_lanes")
# As many at once as there are cores; more would only make each slower and take 64 MiB apiece.
_slots = anyio.CapacityLimiter(os.cpu_count() or 1)
# The hash of 256 random bits that nobody kept: an unknown account costs the same time as a known one. A test holds its
# parameters equal to the hasher's.
DECOY = "$argon2id$v=19$m=65536,t=3,p=4$NzVKCKFjMWXdIw1qgFIlZg$8JYRqBAer7w9RCBmZ3m4xVgmlurceqehOdPqv3wpY7I"


def configure_passwords(settings: Settings) -> None:
    """Have the whole process hash with the parameters of `settings`, where they are not the defaults; stored hashes of
    others are made anew at their next login."""
    global _hasher, DECOY  # noqa: PLW0603 - as logging, the process's and not an application's
    if all(getattr(settings, name) == Settings.model_fields[name].default for name in _PARAMETERS):
        return
    _hasher = PasswordHasher(
        time_cost=settings.password_passes,
        memory_cost=settings.password_memory_mebibytes * 1024,
        parallelism=settings.password_lanes,
    )
    # Made of nothing that anybody has hashed, so nothing fits it; what it costs is in its parameters.
    salt, digest = (base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
    parameters = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    DECOY = f"$argon2id$v=19${parameters}${salt}${digest}"


async def hash_password(password: str) -> str:
    """The Argon2id hash of `password`; by default RFC 9106's second choice, t=3, 64 MiB, 4 lanes."""
    async with outside():
        return await anyio.to_thread.run_sync(_hasher.hash, password, limiter=_slots)


def needs_rehash(password_hash: str) -> bool:
    """Whether a stored hash has other parameters than a new one would have."""
    try:
        return _hasher.check_needs_rehash(password_hash)
    except InvalidHashError:
        return False


async def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether `password` fits; with no hash, False after the same time."""

    def verify() -> bool:
        try:
            return _hasher.verify(password_hash or DECOY, password) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False

    async with outside():
        return await anyio.to_thread.run_sync(verify, limiter=_slots)


async def check_new_password(
    password: str, policy: AccountsPolicy, owner: PasswordOwner, *, second_factor: bool = False
) -> list[FieldProblem]:
    """Everything wrong with a new password but its repeating an earlier one; empty: it will do."""

    def check() -> list[FieldProblem]:
        return password_problems(password, policy, owner, second_factor=second_factor)

    async with outside():
        return await anyio.to_thread.run_sync(check, limiter=_slots)
