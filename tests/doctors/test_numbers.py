"""The numbers of a doctor: what is accepted, refused, upgraded and shown."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dingkao.doctors.made_up import (
    DIFFERENT_NUMBERS,
    made_up_document_number,
    made_up_phone,
    made_up_practice_number,
    made_up_qualification_number,
)
from dingkao.doctors.numbers import (
    NumberError,
    check_character,
    mask_document_number,
    mask_phone,
    mask_practice_number,
    mask_qualification_number,
    normalise_number,
    parse_document_number,
    parse_phone,
    parse_practice_number,
    parse_qualification_number,
)
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Sex

TODAY = date(2026, 7, 1)
STANDARD_SAMPLE = "11010519491231002X"  # the sample number printed in GB 11643-1999

births = st.dates(date(1930, 1, 1), TODAY)
made_up = st.builds(
    made_up_document_number, st.integers(0, DIFFERENT_NUMBERS - 1), births, st.sampled_from([Sex.MALE, Sex.FEMALE])
)


def refusal(text: str, today: date = TODAY) -> str:
    with pytest.raises(NumberError) as caught:
        parse_document_number(text, today)
    assert caught.value.zh.endswith("。")
    assert caught.value.en.endswith(".")
    assert caught.value.text == Text(caught.value.zh, caught.value.en)
    return caught.value.code


def test_the_sample_of_the_standard_is_read() -> None:
    parsed = parse_document_number(STANDARD_SAMPLE, TODAY)
    assert parsed.value == STANDARD_SAMPLE
    assert parsed.region_code == "110105"
    assert parsed.birth_date == date(1949, 12, 31)
    assert parsed.sex is Sex.FEMALE
    assert not parsed.upgraded


def test_the_other_sample_is_valid_but_born_too_long_ago() -> None:
    assert check_character("44052418800101001") == "4"
    assert refusal("440524188001010014") == "document_number_birth_date"
    assert parse_document_number("440524188001010014", date(1999, 7, 1)).sex is Sex.MALE


@pytest.mark.parametrize(
    "written",
    [
        "11010519491231002x",
        "  11010519491231002X\n",
        "110105 19491231 002X",
        "\u3000１１０１０５１９４９１２３１００２Ｘ",
        "\u202d11010519491231002x\u202c",
        "\ufeff11010519491231002X\u200b",
    ],
)
def test_the_ways_people_write_one_number(written: str) -> None:
    assert parse_document_number(written, TODAY).value == STANDARD_SAMPLE


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "X",
        "11010519491231002",
        "11010519491231002XX",
        "1101051949123100X2",
        "01010519491231002X",
        "110105-19491231-002X",
        "1101051949123100二X",
        "\u0661\u0661\u0660\u0661\u0660\u0665\u0661\u0669\u0664\u0669\u0661\u0662\u0663\u0661\u0660\u0660\u0662X",
        "1" * 1_000_000,
    ],
)
def test_what_is_no_number_is_refused_by_form(written: str) -> None:
    assert refusal(written) == "document_number_format"


@pytest.mark.parametrize("day", ["19490230", "19491301", "19490000", "20260702", "19051231"])
def test_a_birth_date_must_exist_and_be_plausible(day: str) -> None:
    seventeen = f"990000{day}001"
    assert refusal(seventeen + check_character(seventeen)) == "document_number_birth_date"


def test_born_today_is_the_last_plausible_day() -> None:
    number = made_up_document_number(0, TODAY, Sex.MALE)
    assert parse_document_number(number, TODAY).birth_date == TODAY
    assert refusal(number, TODAY - timedelta(days=1)) == "document_number_birth_date"


def test_an_error_never_repeats_the_number() -> None:
    with pytest.raises(NumberError) as caught:
        parse_document_number("110105194912310021", TODAY)
    assert caught.value.code == "document_number_check_character"
    assert "1949" not in f"{caught.value} {caught.value.zh} {caught.value.en}"


@given(made_up, st.integers(0, 17), st.sampled_from("0123456789X"))
def test_any_single_wrong_character_is_found(number: str, place: int, wrong: str) -> None:
    mistyped = number[:place] + wrong + number[place + 1 :]
    if mistyped == number:
        assert parse_document_number(mistyped, TODAY).value == number
    else:
        refusal(mistyped)


@given(made_up, st.integers(0, 16))
def test_any_two_neighbours_swapped_are_found(number: str, place: int) -> None:
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    if swapped != number:
        refusal(swapped)


@given(made_up, st.integers(0, 17))
def test_a_missing_character_is_found(number: str, place: int) -> None:
    refusal(number[:place] + number[place + 1 :])


@given(st.dates(date(1930, 1, 1), date(1999, 10, 1)), st.sampled_from(Sex), st.integers(0, DIFFERENT_NUMBERS - 1))
def test_the_old_form_is_upgraded_to_the_new(birth_date: date, sex: Sex, seed: int) -> None:
    number = made_up_document_number(seed, birth_date, sex)
    upgraded = parse_document_number(number[:6] + number[8:17], TODAY)
    assert upgraded.upgraded
    assert (upgraded.value, upgraded.birth_date, upgraded.sex) == (number, birth_date, sex)


@given(st.text(max_size=80), st.sampled_from([parse_qualification_number, parse_practice_number, parse_phone]))
def test_any_text_is_read_or_refused_and_nothing_else(text: str, parse: Callable[[str], object]) -> None:
    with suppress(NumberError):
        parse(text)
    with suppress(NumberError):
        parse_document_number(text, TODAY)


@given(st.text("0123456789xX０１９ｘＸ \u3000\u202d-", max_size=40))
def test_a_normalised_number_stays_as_it_is(text: str) -> None:
    assert normalise_number(normalise_number(text)) == normalise_number(text)


def test_the_qualification_number_is_taken_apart() -> None:
    parsed = parse_qualification_number(f"199811110{STANDARD_SAMPLE.lower()}", STANDARD_SAMPLE)
    assert parsed.value == f"199811110{STANDARD_SAMPLE}"
    assert (parsed.year, parsed.province_code, parsed.level_code, parsed.category_code) == (1998, "11", "1", "10")
    assert parsed.document_number == STANDARD_SAMPLE
    assert parsed.remarks == ()


def test_the_old_qualification_number_fits_the_upgraded_document_number() -> None:
    assert parse_qualification_number("199811110110105491231002", STANDARD_SAMPLE).remarks == ()
    assert parse_qualification_number(f"199811110{STANDARD_SAMPLE}", "110105491231002").remarks == ()


def test_another_document_in_the_qualification_number_is_a_remark_only() -> None:
    other = made_up_document_number(1, date(1980, 5, 17), Sex.FEMALE)
    parsed = parse_qualification_number(made_up_qualification_number(other, 2005), STANDARD_SAMPLE)
    assert [remark.code for remark in parsed.remarks] == ["qualification_number_other_document"]
    assert parse_qualification_number(parsed.value).remarks == ()


@pytest.mark.parametrize("length", [0, 9, 23, 25, 26, 28])
def test_a_qualification_number_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(NumberError, match="qualification_number_format"):
        parse_qualification_number("1" * length)


def test_only_the_long_qualification_number_may_end_in_x() -> None:
    assert parse_qualification_number("1" * 26 + "x").value.endswith("X")
    with pytest.raises(NumberError, match="qualification_number_format"):
        parse_qualification_number("1" * 23 + "X")


def test_practice_numbers_and_phones() -> None:
    assert parse_practice_number("１１０ 9900 0000 0001").value == "110990000000001"
    assert parse_phone("+86 138 0013 8000").value == "13800138000"
    for wrong in ("11099000000000", "1109900000000011", "11099000000000X", ""):
        with pytest.raises(NumberError, match="practice_number_format"):
            parse_practice_number(wrong)
    for wrong in ("12800138000", "1380013800", "138001380001", "010-66886688", "8613800138000", ""):
        with pytest.raises(NumberError, match="phone_format"):
            parse_phone(wrong)


def test_masks() -> None:
    assert mask_document_number(STANDARD_SAMPLE) == "110***********002X"
    assert mask_document_number("110105491231002") == "110*********002"
    assert mask_qualification_number(f"199811110{STANDARD_SAMPLE}") == "1998*******************002X"
    assert mask_qualification_number("199811110110105491231002") == "1998*****************002"
    assert mask_practice_number("110990000000001") == "110********0001"
    assert mask_phone("13800138000") == "138****8000"


@given(st.text(max_size=40))
def test_no_mask_shows_more_than_its_ends(text: str) -> None:
    for mask in (mask_document_number, mask_qualification_number, mask_practice_number, mask_phone):
        masked = mask(text)
        assert len(masked) == len(text)
        shown = sum(1 for before, after in zip(text, masked, strict=True) if after == before != "*")
        assert shown <= max(0, min(8, len(text) - 4))


@given(made_up)
def test_a_masked_document_number_hides_birth_date_and_sex(number: str) -> None:
    masked = mask_document_number(number)
    assert masked[3:14] == "*" * 11
    assert number[6:14] not in masked


@given(st.integers(0, 10**12), births, st.sampled_from(Sex))
def test_made_up_numbers_are_valid_and_say_what_was_asked(seed: int, birth_date: date, sex: Sex) -> None:
    number = made_up_document_number(seed, birth_date, sex)
    parsed = parse_document_number(number, TODAY)
    assert (parsed.birth_date, parsed.sex) == (birth_date, sex)
    assert parsed.region_code.startswith("990")
    assert number == made_up_document_number(seed, birth_date, sex)
    qualification = parse_qualification_number(made_up_qualification_number(number, 2011), number)
    assert qualification.remarks == ()
    assert parse_practice_number(made_up_practice_number(seed)).value[3:5] == "99"
    assert parse_phone(made_up_phone(seed)).value.startswith("154")


def test_different_seeds_give_different_numbers_of_nobody() -> None:
    birth_date = date(1975, 2, 28)
    for sex in Sex:
        assert len({made_up_document_number(seed, birth_date, sex) for seed in range(3000)}) == 3000
    first = made_up_document_number(0, birth_date, Sex.MALE)
    assert made_up_document_number(DIFFERENT_NUMBERS, birth_date, Sex.MALE) == first
    assert made_up_document_number(DIFFERENT_NUMBERS - 1, birth_date, Sex.MALE) != first


def test_a_random_source_may_be_the_seed() -> None:
    numbers = [made_up_document_number(Random(7), date(1990, 1, 1), Sex.MALE) for _ in range(2)]  # noqa: S311
    assert numbers[0] == numbers[1]
    source = Random(7)  # noqa: S311
    drawn = {made_up_document_number(source, date(1990, 1, 1), Sex.MALE) for _ in range(50)}
    assert len(drawn) > 45
