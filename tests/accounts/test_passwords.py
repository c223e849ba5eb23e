"""Argon2id and the decoy."""

from dingkao.accounts.passwords import DECOY, hash_password, is_current, verify_password


async def test_a_password_fits_its_hash_and_no_other() -> None:
    made = await hash_password("correct horse")
    assert await verify_password(made, "correct horse")
    assert not await verify_password(made, "Correct horse")
    assert not await verify_password("not a hash", "correct horse")


async def test_without_an_account_the_decoy_costs_the_same_and_never_fits() -> None:
    assert is_current(DECOY)
    assert is_current(await hash_password("x"))
    assert not await verify_password(None, "")
