"""How a personal statement is normalised and counted."""

from __future__ import annotations

import re
import time
import unicodedata

import grapheme
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dingkao.assessments.text import (
    MOST_CODE_POINTS,
    PLAIN_RANGES,
    CountedText,
    TextError,
    check_text,
    count_characters,
    normalise_text,
)

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(
            "医生 \u3000\r\n\t\u0301\u0308\u200d\u200b\u200c\ufe0f\U0001f1e8\U0001f1f3\U0001f468\u0915\u094d한"
        ),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("", 0),
        ("本人自2003年起从事内科工作。", 16),
        ("䶮", 1),
        ("\U0002cb4e\U00030000", 2),
        ("a b", 3),
        ("医 师", 3),
        ("医\u3000师", 3),
        ("医\n师\r\n定\r考", 4),
        ("第一段\n\n\n第二段", 6),
        ("医\t师", 3),
        ("医\u2028师\u2029定\x0b考\x85", 4),
        ("  \u3000两端空白不计\u3000 \n\n", 6),
        (FAMILY, 1),
        (FAMILY + FAMILY, 2),
        ("👩🏽\u200d⚕️", 1),
        ("🇨🇳", 1),
        ("🇨🇳🇨🇳", 2),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", 1),
        ("1️⃣", 1),
        ("e\u0301", 1),
        ("é", 1),
        ("x\u0301\u0323医", 2),
        ("医\u0301师", 2),
        ("葛\U000e0100城", 2),
        ("क्षि", 1),
        ("한", 1),
        ("《》—……", 5),
        ("ＡＢＣ１２３", 6),
        ("零\u200b宽\ufeff不\u2060计", 4),
    ],
)
def test_characters_are_counted_as_people_count_them(text: str, characters: int) -> None:
    assert count_characters(text) == characters


def test_composed_and_decomposed_are_one_text() -> None:
    assert normalise_text("Ame\u0301lie") == normalise_text("Am\u00e9lie") == "Am\u00e9lie"


def test_what_normalising_leaves_and_changes() -> None:
    assert normalise_text("\r\n一\r\n二\r三\t四\u00ad\u202e五 \u3000") == "一\n二\n三 四五"
    assert normalise_text("段首　　空格 \n 留在中间") == "段首　　空格 \n 留在中间"
    assert normalise_text(" \n\u3000\t ") == ""
    assert normalise_text(FAMILY) == FAMILY


def test_direction_overrides_cannot_reorder_what_a_reviewer_reads() -> None:
    assert normalise_text("合格\u202e格合不\u2066x\u2069") == "合格格合不x"


@pytest.mark.parametrize("sign", ["\x00", "\x07", "\x1b", "\x7f", "\x9b", "\ud83d", "\ufffe", "\ufdd0"])
def test_control_characters_are_refused(sign: str) -> None:
    with pytest.raises(TextError) as caught:
        normalise_text(f"本人{sign}述职")
    assert caught.value.code == "text_control_character"
    assert sign not in caught.value.zh + caught.value.en + str(caught.value)


@pytest.mark.parametrize(
    "text", ["\u200b", "\u200d\u200d", " \ufeff ", "\u3164", "\u2800 \u2800", "\ufe0f", "\u00ad\n\u2060"]
)
def test_a_text_of_nothing_visible_is_refused(text: str) -> None:
    with pytest.raises(TextError) as caught:
        normalise_text(text)
    assert caught.value.code == "text_invisible"


def test_the_limit_is_exact_and_tells_the_count() -> None:
    assert check_text("述" * 2000) == CountedText("述" * 2000, 2000)
    assert check_text("述\r\n" * 2000).characters == 2000
    assert check_text(FAMILY * 2000).characters == 2000
    assert check_text(" " * 500 + "述" * 2000 + "\n" * 500).characters == 2000
    with pytest.raises(TextError, match="text_too_long") as caught:
        check_text("述" * 2001)
    assert caught.value.zh == "内容共2001字，最多不超过2000字。"
    assert check_text("述职", limit=2).characters == 2
    with pytest.raises(TextError, match="text_too_long"):
        check_text("述职 ä", limit=3)


@pytest.mark.parametrize(
    "hostile",
    ["医" * 1_000_000, "x" + "\u0301\u0323" * 500_000, FAMILY * 150_000, " " * 1_000_000, "\u200b" * 1_000_000],
)
def test_a_megabyte_is_refused_before_it_is_read(hostile: str) -> None:
    before = time.perf_counter()
    with pytest.raises(TextError, match="text_far_too_long"):
        count_characters(hostile)
    assert time.perf_counter() - before < 0.05


def test_a_heap_of_marks_is_refused_before_it_is_sorted() -> None:
    before = time.perf_counter()
    with pytest.raises(TextError, match="text_too_many_marks"):
        count_characters("x" + "\u0301\u0323" * (MOST_CODE_POINTS // 2 - 1))
    assert time.perf_counter() - before < 0.05
    assert count_characters("x" + "\u0323" * 30) == 1
    with pytest.raises(TextError, match="text_too_many_marks"):
        count_characters("x" + "\u0323" * 31)


def test_plain_characters_never_join_one_another() -> None:
    plain = [sign for sign in map(chr, range(0x110000)) if re.fullmatch(f"[{PLAIN_RANGES}]", sign)]
    assert len(plain) > 90_000
    # Each beside itself and beside its neighbours in the list: any class of joining signs would show up here.
    assert grapheme.length("".join(plain)) == len(plain)
    assert grapheme.length("".join(sign + sign for sign in plain)) == 2 * len(plain)


@given(TEXTS)
@settings(max_examples=400)
def test_the_fast_count_is_the_librarys_count(text: str) -> None:
    try:
        normalised = normalise_text(text)
    except TextError:
        return
    assert count_characters(text) == sum(1 for cluster in grapheme.graphemes(normalised) if cluster != "\n")


@given(TEXTS)
@settings(max_examples=400)
def test_normalising_twice_changes_nothing(text: str) -> None:
    try:
        once = normalise_text(text)
    except TextError:
        return
    assert normalise_text(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once == once.strip()
    assert once.encode().decode() == once


@given(st.text(max_size=60))
def test_line_breaks_never_count(text: str) -> None:
    try:
        assert count_characters(text.replace("\n", "\r\n")) == count_characters(text)
    except TextError:
        with pytest.raises(TextError):
            count_characters(text)
