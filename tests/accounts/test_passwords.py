"""Argon2id and the decoy."""

import pytest
from argon2 import PasswordHasher

from dingkao.accounts import passwords
from dingkao.accounts.passwords import DECOY, hash_password, verify_password
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.web import running_app


async def test_a_password_fits_its_hash_and_no_other() -> None:
    made = await hash_password("correct horse")
    assert await verify_password(made, "correct horse")
    assert not await verify_password(made, "Correct horse")
    assert not await verify_password("not a hash", "correct horse")


async def test_without_an_account_the_decoy_costs_the_same_and_never_fits() -> None:
    # The library's defaults are what the server hashes with: t=3, 64 MiB, 4 lanes (RFC 9106, second choice).
    real = PasswordHasher()
    assert not real.check_needs_rehash(DECOY)
    assert real.hash("x").startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not await verify_password(None, "")


async def test_the_parameters_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    before = passwords._hasher, passwords.DECOY
    for name, value in zip(("_hasher", "DECOY"), before, strict=True):
        monkeypatch.setattr(passwords, name, value)
    earlier = await hash_password("correct horse")
    passwords.configure_passwords(Settings(sweep_seconds=300))
    assert (passwords._hasher, passwords.DECOY) == before
    passwords.configure_passwords(Settings(password_memory_mebibytes=12, password_passes=2, password_lanes=1))
    made = await hash_password("correct horse")
    assert made.startswith("$argon2id$v=19$m=12288,t=2,p=1$")
    assert passwords.needs_rehash(earlier)
    assert not passwords.needs_rehash(made)
    assert await verify_password(earlier, "correct horse")
    # Who is unknown costs the same as ever.
    assert not passwords.needs_rehash(passwords.DECOY)
    assert not await verify_password(None, "")


async def test_an_application_takes_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, clock: SettableClock
) -> None:
    monkeypatch.setattr(passwords, "_hasher", passwords._hasher)
    monkeypatch.setattr(passwords, "DECOY", passwords.DECOY)
    changed = settings.model_copy(update={"password_memory_mebibytes": 12})
    async with running_app(changed, clock):
        assert (await hash_password("x")).startswith("$argon2id$v=19$m=12288,t=3,p=4$")
