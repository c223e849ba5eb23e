"""Failed logins: an account waits, an address is limited, a hospital is not locked out; the codes of RFC 6238."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher

from dingkao.accounts.logging_in import log_in
from dingkao.accounts.passwords import hash_password
from dingkao.accounts.rules import FailureLimits, Failures, failures_of_window, one_more, waits
from dingkao.accounts.sessions import Origin
from dingkao.accounts.tables import Account, Throttle
from dingkao.accounts.throttling import clear_failures, forget_throttles
from dingkao.accounts.totp import code_of, matching_step, step_of
from dingkao.addresses import address_group
from dingkao.environment import Environment
from dingkao.plugin.errors import TooManyRequests, ValidationFailed
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import build_sample

OWN = "correct horse battery"
HOSPITAL = "198.51.100.9"
LIMITS = FailureLimits(5, timedelta(minutes=15), timedelta(hours=12), 100)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


async def outcome(environment: Environment, name: str, password: str, address: str = HOSPITAL) -> str:
    try:
        await log_in(environment, name, password, origin=Origin(address, "", "r"))
    except ValidationFailed as failed:
        return failed.problems[0].code
    except TooManyRequests as many:
        return "RATE_LIMITED" if 0 < many.retry_after_seconds <= 301 else str(many.retry_after_seconds)
    return "IN"


def test_waits_double_up_to_their_longest_and_a_hundred_end_it() -> None:
    failures, now, found = Failures(0, None, None), NOW, []
    while failures.count < 100:
        failures = one_more(failures, LIMITS, now)
        if failures.locked_until is not None:
            found.append(int((failures.locked_until - now).total_seconds() // 60))
            assert waits(failures, LIMITS, now)
            now = failures.locked_until
    assert found[:6] == [1, 2, 4, 8, 15, 15]
    assert set(found[5:]) == {15}
    assert waits(failures, LIMITS, now + timedelta(days=365))
    assert one_more(Failures(7, NOW, None), LIMITS, NOW + timedelta(hours=12)).count == 1
    assert one_more(Failures(7, NOW, None), LIMITS, NOW + timedelta(hours=11)).count == 8


def test_a_window_slides() -> None:
    assert failures_of_window(10, 20, 0, 0.0) == 30
    assert failures_of_window(10, 20, 0, 0.5) == 20
    assert failures_of_window(10, 20, 1, 0.5) == 5
    assert failures_of_window(10, 20, 2, 0.0) == 0


def test_addresses_are_counted_by_subscriber() -> None:
    assert address_group("2001:db8::1") == address_group("2001:db8::ffff") == "2001:db8::/64"
    assert address_group("::ffff:192.0.2.1") == "192.0.2.1"
    assert address_group("not an address") == "not an address"


async def test_one_wrong_account_never_locks_a_hospital_out(environment: Environment, clock: SettableClock) -> None:
    province = await build_sample(environment)
    hashed = await hash_password(OWN)
    wrong, right = [await province.add_doctor(name, password_hash=hashed) for name in ("甲一", "乙二")]
    for _ in range(60):
        assert await outcome(environment, wrong.document_number, "x") == "WRONG_CREDENTIALS"
        assert await outcome(environment, "NOBODY", "x") == "WRONG_CREDENTIALS"
    assert await outcome(environment, right.document_number, OWN) == "IN"
    # The account itself waits, with the same words, and is free again when it is unlocked.
    assert await outcome(environment, wrong.document_number, OWN) == "WRONG_CREDENTIALS"
    await clear_failures(wrong.account_id)
    assert await outcome(environment, wrong.document_number, OWN) == "IN"
    clock.advance(timedelta(hours=13))
    await forget_throttles(environment)
    assert await Throttle.count() == 0


async def test_an_address_over_its_limit_lets_known_accounts_in(environment: Environment, clock: SettableClock) -> None:
    province = await build_sample(environment)
    hashed = await hash_password(OWN)
    known, unknown = [await province.add_doctor(name, password_hash=hashed) for name in ("甲一", "乙二")]
    assert await outcome(environment, known.document_number, OWN) == "IN"
    for place in range(30):
        assert await outcome(environment, f"NOBODY{place}", "x") == "WRONG_CREDENTIALS"
    assert await outcome(environment, unknown.document_number, OWN) == "RATE_LIMITED"
    assert await outcome(environment, unknown.document_number, "x") == "RATE_LIMITED"
    assert await outcome(environment, known.document_number, "x") == "RATE_LIMITED"
    assert await outcome(environment, known.document_number, OWN) == "IN"
    assert await outcome(environment, unknown.document_number, OWN, "203.0.113.1") == "IN"
    listed = replace(environment, settings=environment.settings.model_copy(
        update={"hospital_addresses": ("198.51.100.0/24",)}
    ))  # fmt: skip
    fresh = await province.add_doctor("丙三", password_hash=hashed)
    assert await outcome(listed, fresh.document_number, OWN) == "IN"
    # Ten times the limit, and no password is looked at any more.
    await Throttle.update({Throttle.refusals: 300}).where(Throttle.subject == f"address:{HOSPITAL}")
    assert await outcome(environment, known.document_number, OWN) == "RATE_LIMITED"
    clock.advance(timedelta(minutes=10))
    assert await outcome(environment, unknown.document_number, OWN) == "IN"


async def test_a_hash_of_older_parameters_is_made_anew(environment: Environment) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=32, parallelism=1).hash(OWN)
    doctor = await (await build_sample(environment)).add_doctor(password_hash=old)
    assert await outcome(environment, doctor.document_number, OWN) == "IN"
    row = await Account.select(Account.password_hash).where(Account.id == doctor.account_id).first()
    assert row is not None
    assert row["password_hash"] != old
    assert await outcome(environment, doctor.document_number, OWN) == "IN"


@pytest.mark.parametrize(
    ("seconds", "code"),
    # RFC 6238, appendix B, SHA-1, cut to six digits.
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    secret, now = b"12345678901234567890", datetime.fromtimestamp(seconds, UTC)
    assert code_of(secret, step_of(now)) == code
    assert matching_step(secret, code, now, 0) == step_of(now)
    assert matching_step(secret, code, now + timedelta(seconds=30), 0) == step_of(now)
    assert matching_step(secret, code, now + timedelta(seconds=90), 0) is None
    assert matching_step(secret, code, now, step_of(now)) is None
