"""What a new password must be: pure rules, tried without a database."""

import pytest

from dingkao.accounts.password_rules import (
    LEAST_GUESSES,
    PasswordOwner,
    character_classes,
    guesses,
    password_problems,
)
from dingkao.plugin.national import AccountsPolicy, PasswordProfile

OWNER = PasswordOwner("99000019840130209X", "王䶮", ("13900001234",))
LENGTH = AccountsPolicy(initial_password="666666")
SHORT = AccountsPolicy(password_minimum_length_alone=8)
MLPS = AccountsPolicy(password_profile=PasswordProfile.MLPS, password_minimum_length_alone=8)


def codes(password: str, policy: AccountsPolicy = LENGTH, *, second_factor: bool = False) -> list[str]:
    return [problem.code for problem in password_problems(password, policy, OWNER, second_factor=second_factor)]


def test_fifteen_alone_and_eight_with_a_second_factor() -> None:
    assert codes("绿皮火车开往春") == ["PASSWORD_TOO_SHORT"]
    assert codes("kT8!vQz2mLp4xR") == ["PASSWORD_TOO_SHORT"]
    assert codes("kT8!vQz2mLp4xR7") == []
    assert codes("kT8!vQz2", second_factor=True) == []
    assert codes("kT8!vQz", second_factor=True) == ["PASSWORD_TOO_SHORT"]


def test_sixty_four_and_more_are_taken_and_there_is_an_end() -> None:
    assert codes("Zwei Störche über dem Ostsee, " * 2 + "fort!") == []
    assert codes("".join(chr(0x4E00 + place * 379 % 20000) for place in range(128))) == []
    assert codes("".join(chr(0x4E00 + place * 379 % 20000) for place in range(129))) == ["PASSWORD_TOO_LONG"]


def test_no_composition_is_asked_for_by_length() -> None:
    assert codes("correct horse battery") == []
    assert codes("麦田里的三只白鹭飞过东湖的水面") == []


@pytest.mark.parametrize(
    "password",
    [
        "a123456789", "woaini1314", "woaini1314520", "5201314woaini", "Woaini1314!", "qq123456789", "1qaz2wsx3edc",
        "zxcvbnm123", "asdfghjkl1", "Aa123456", "Aa123456789012345", "P@ssw0rd2026", "qwertyuiopasdfgh", "Dingkao-2026",
        "yisheng123456", "zhongguo2026", "12345678910", "abcd1234abcd1234", "20260101", "woaiwojia123", "iloveyou1314",
    ],
)  # fmt: skip
def test_common_passwords_are_refused_chinese_habits_too(password: str) -> None:
    assert codes(password, SHORT) in (["PASSWORD_COMMON"], ["PASSWORD_TOO_SIMPLE"])


def test_the_three_thousand_commonest_are_refused() -> None:
    """ASVS 6.2.4: of the list, those that are long enough to be asked for at all."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    listed = [word for word in FREQUENCY_LISTS["passwords"] if len(word) >= 8][:3000]
    assert len(listed) == 3000
    # Every tenth: the estimate takes two milliseconds.
    for word in listed[::10]:
        assert guesses(word, []) < LEAST_GUESSES, word


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("x99000019840130209x!", "PASSWORD_HAS_NUMBER"),
        ("19840130209x", "PASSWORD_HAS_NUMBER"),
        ("王䶮在春天里读书写字", "PASSWORD_HAS_NAME"),
        ("call 13900001234 now", "PASSWORD_HAS_PHONE"),
        ("call １３９00001234 now", "PASSWORD_HAS_PHONE"),
        ("19840130woaini", "PASSWORD_COMMON"),
        ("dingkao00001234", "PASSWORD_COMMON"),
    ],
)
def test_what_is_known_of_the_owner_is_no_secret(password: str, code: str) -> None:
    assert codes(password, SHORT) == [code]


def test_nothing_of_one_owner_stays_for_the_next() -> None:
    from zxcvbn.matching import RANKED_DICTIONARIES

    assert guesses("xq99zeppelinov", ["xq99zeppelinov"]) < 100
    assert "user_inputs" not in RANKED_DICTIONARIES
    assert guesses("xq99zeppelinov", []) > LEAST_GUESSES


def test_the_protection_scheme_asks_for_three_kinds_of_signs() -> None:
    assert (MLPS.character_classes, MLPS.maximum_days, MLPS.history) == (3, 90, 5)
    assert (LENGTH.character_classes, LENGTH.maximum_days, LENGTH.history) == (1, 0, 0)
    assert codes("correct horse battery", MLPS) == ["PASSWORD_TOO_PLAIN"]
    assert codes("Correct horse battery", MLPS) == []
    assert MLPS.model_copy(update={"password_maximum_days": 0}).maximum_days == 0
    assert character_classes("aA1!麦") == 4
    assert character_classes("麦田") == 1


def test_the_initial_password_cannot_be_kept() -> None:
    assert "PASSWORD_IS_INITIAL" in codes("666666")


def test_every_problem_is_said_at_once() -> None:
    assert codes("") == ["PASSWORD_TOO_SHORT"]
