"""Argon2id and the decoy."""

from argon2 import PasswordHasher

from dingkao.accounts.passwords import DECOY, hash_password, verify_password


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
