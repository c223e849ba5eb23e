"""How often codes are sent, and what activation codes look like: pure."""

from datetime import UTC, datetime, timedelta

import pytest

from dingkao.accounts.code_rules import (
    ACTIVATION_ALPHABET,
    ACTIVATION_LENGTH,
    SendingLimits,
    new_activation_code,
    new_sms_code,
    plain_activation_code,
    wait_before_sending,
)

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
LIMITS = SendingLimits(timedelta(seconds=60), an_hour=5, a_day=10)


def ago(**values: float) -> datetime:
    return NOW - timedelta(**values)


@pytest.mark.parametrize(
    ("sent", "wait"),
    [
        ([], timedelta()),
        ([ago(seconds=60)], timedelta()),
        ([ago(seconds=59)], timedelta(seconds=1)),
        ([ago(minutes=number) for number in (2, 10, 20, 30)], timedelta()),
        ([ago(minutes=number) for number in (2, 10, 20, 30, 45)], timedelta(minutes=15)),
        ([ago(minutes=number) for number in (2, 10, 20, 30, 60)], timedelta()),
        ([ago(hours=number) for number in range(2, 11)], timedelta()),
        ([ago(hours=number) for number in range(2, 12)], timedelta(hours=13)),
    ],
)
def test_one_a_minute_five_an_hour_ten_a_day(sent: list[datetime], wait: timedelta) -> None:
    assert wait_before_sending(sent, LIMITS, NOW) == wait


def test_the_day_counts_from_the_first_of_its_ten() -> None:
    sent = [ago(hours=number) for number in range(2, 12)]
    assert wait_before_sending(sent, LIMITS, NOW + timedelta(hours=13)) == timedelta()


def test_a_sent_code_is_six_digits() -> None:
    codes = {new_sms_code() for _ in range(200)}
    assert all(len(code) == 6 and code.isdigit() for code in codes)
    assert len(codes) > 190


def test_an_activation_code_is_copied_without_mistakes() -> None:
    codes = {new_activation_code() for _ in range(200)}
    assert len(codes) == 200
    for code in codes:
        plain = plain_activation_code(code)
        assert plain is not None
        assert len(plain) == ACTIVATION_LENGTH
        assert plain_activation_code(f" {code.lower().replace('-', ' ')} ") == plain
    assert not set("0O1IL2Z5S8B") & set(ACTIVATION_ALPHABET)
    # 55 bits; ten signs are the least (security.md 3.2).
    assert len(ACTIVATION_ALPHABET) ** ACTIVATION_LENGTH > 2**55


@pytest.mark.parametrize(
    "given", ["", "666666", "ACDE-FGHJ-KMN", "ACDE-FGHJ-KMN0", "ACDEFGHJKMNPQ", "密码密码密码密码密码密码"]
)
def test_what_is_no_activation_code_is_none(given: str) -> None:
    assert plain_activation_code(given) is None
