"""Document numbers find mistyping; check codes cannot be guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dingkao.documents.check_code import (
    DocumentKind,
    DocumentNumber,
    InvalidDocumentNumber,
    check_character,
    format_certificate_number,
    format_notice_number,
    is_check_code,
    new_check_code,
    parse_document_number,
)

_NUMBERS = st.builds(
    DocumentNumber,
    kind=st.sampled_from(DocumentKind),
    region_code=st.integers(110000, 829999).map(str),
    cycle_year=st.integers(2000, 2099),
    sequence=st.integers(1, 999_999),
)


def test_the_check_character_is_that_of_the_standard() -> None:
    # The example of the Global Release Identifier (GRid), which uses the same scheme: A1-2425G-ABC1234002-M.
    assert check_character("A12425GABC1234002") == "M"


def test_numbers_are_printed_as_documented() -> None:
    assert format_notice_number("510100", 2026, 123) == "TZ-510100-2026-000123-1"
    assert format_certificate_number("510100", 2026, 123) == "ZS-510100-2026-000123-G"


@given(_NUMBERS)
def test_a_number_is_read_back_however_it_is_typed(number: DocumentNumber) -> None:
    printed = str(number)
    full_width = "".join(chr(ord(c) + 0xFEE0) for c in printed)
    for typed in (printed, printed.lower(), printed.replace("-", ""), printed.replace("-", " — "), full_width):
        assert parse_document_number(typed) == number


@given(_NUMBERS, st.data())
def test_one_wrong_character_is_always_found(number: DocumentNumber, data: st.DataObject) -> None:
    printed = str(number).replace("-", "")
    position = data.draw(st.integers(0, len(printed) - 1))
    wrong = data.draw(st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ").filter(lambda c: c != printed[position]))
    with pytest.raises(InvalidDocumentNumber):
        parse_document_number(printed[:position] + wrong + printed[position + 1 :])


@pytest.mark.parametrize(
    "text", ["", "TZ", "TZ-510100-2026-000123", "XX-510100-2026-000123-F", "TZ-51010é-2026-000123-F"]
)
def test_other_texts_are_no_numbers(text: str) -> None:
    with pytest.raises(InvalidDocumentNumber):
        parse_document_number(text)


def test_a_sequence_of_zero_is_no_number_even_with_its_check_character() -> None:
    plain = "TZ5101002026000000"
    with pytest.raises(InvalidDocumentNumber):
        parse_document_number(plain + check_character(plain))


@pytest.mark.parametrize(
    ("region_code", "cycle_year", "sequence"),
    [("5101", 2026, 1), ("51010X", 2026, 1), ("510100", 26, 1), ("510100", 2026, 0), ("510100", 2026, 1_000_000)],
)
def test_parts_out_of_range_are_refused(region_code: str, cycle_year: int, sequence: int) -> None:
    with pytest.raises(ValueError, match=r"region|year|sequence"):
        format_notice_number(region_code, cycle_year, sequence)


def test_check_codes_are_long_different_and_fit_into_an_address() -> None:
    codes = {new_check_code() for _ in range(1000)}
    assert len(codes) == 1000
    assert all(is_check_code(code) for code in codes)
    # 22 characters of 64 hold 132 bits.
    assert {len(code) for code in codes} == {22}


@pytest.mark.parametrize("text", ["", "a" * 21, "a" * 23, "a" * 21 + "/", "a" * 22 + "\n", "é" * 22])
def test_other_texts_are_no_check_codes(text: str) -> None:
    assert not is_check_code(text)
