"""Reading questions from CSV as item writers have it."""

import csv
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dingkao.papers.question_file import (
    NewQuestion,
    QuestionColumns,
    RefusedQuestion,
    normalised,
    question_digest,
    read_questions,
)
from dingkao.plugin.errors import ValidationFailed

HEADER = ["", "Question", "A", "B", "C", "D", "Answer"]
# Question banks of others, to try the importer on: never part of the project, a variable names their folder.
_FOLDER = os.environ.get("DINGKAO_TEST_BANKS")
OTHER_BANKS = sorted(Path(_FOLDER).glob("*.csv")) if _FOLDER else []
NO_BANKS = "DINGKAO_TEST_BANKS names no folder with question banks of others"


def written(*rows: list[str], header: list[str] | None = None) -> str:
    stream = io.StringIO()
    csv.writer(stream).writerows([header or HEADER, *rows])
    return stream.getvalue()


def read(text: str, columns: QuestionColumns | None = None) -> list[NewQuestion | list[RefusedQuestion]]:
    return list(read_questions(text, columns or QuestionColumns()))


def codes(text: str) -> list[list[str]]:
    return [[entry.code for entry in found] for found in read(text) if isinstance(found, list)]


def test_a_question_is_read_as_it_stands() -> None:
    (question,) = read("\ufeff" + written(["0", " 题干，\n两行 ", "甲", "乙", "丙", "丁", " ｃ "]))
    assert isinstance(question, NewQuestion)
    assert (question.line, question.stem, question.answer) == (2, "题干，\n两行", "C")
    assert question.options == (("A", "甲"), ("B", "乙"), ("C", "丙"), ("D", "丁"))


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    text = written(
        ["0", "一行", "甲", "乙", "丙", "丁", "A"],
        ["1", "三\n行\n长", "甲", "乙", "丙", "丁", "A"],
        ["", "", "", "", "", "", ""],
        ["2", "坏", "甲", "乙", "丙", "丁", "E"],
    )
    lines = [found.line if isinstance(found, NewQuestion) else found[0].line for found in read(text)]
    assert lines == [2, 3, 7]


def test_columns_go_by_their_names() -> None:
    text = "答案,选项二,备注,选项一,题干\nB,错,无,对,新题\n"
    (question,) = read(text, QuestionColumns("题干", ("选项一", "选项二"), "答案"))
    assert isinstance(question, NewQuestion)
    assert (question.options, question.answer) == ((("A", "对"), ("B", "错")), "B")


def test_a_question_may_have_fewer_options_than_columns() -> None:
    (question,) = read(written(["0", "题", "对", "错", "", "", "B"]))
    assert isinstance(question, NewQuestion)
    assert question.options == (("A", "对"), ("B", "错"))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["0", "", "甲", "乙", "丙", "丁", "A"], ["STEM_EMPTY"]),
        (["0", "题", "甲", "", "", "", "A"], ["NUMBER_OF_OPTIONS"]),
        (["0", "题", "甲", "乙", "丙", "丁", "E"], ["ANSWER_NO_OPTION"]),
        (["0", "题", "甲", "乙", "丙", "", "D"], ["ANSWER_NO_OPTION"]),
        (["0", "题", "甲", "乙", "丙", "丁", ""], ["ANSWER_NO_OPTION"]),
        (["0", "题", "甲", "乙", "丙", "丁", "AE"], ["ANSWER_NO_OPTION"]),
        (["0", "题", "甲", "乙", "丙", "丁", "AA"], ["ANSWER_NO_OPTION"]),
        (["0", "题", "甲", "甲", "丙", "丁", "A"], ["OPTIONS_ALIKE"]),
        (["0", "题", "维生素 Ｂ", "维生素B", "丙", "丁", "A"], ["OPTIONS_ALIKE"]),
        (["0", "", "甲", "甲", "丙", "丁", "E"], ["STEM_EMPTY", "OPTIONS_ALIKE", "ANSWER_NO_OPTION"]),
        (["0", "题" * 4001, "甲", "乙", "丙", "丁", "A"], ["TEXT_NOT_POSSIBLE"]),
        (["0", "题", "甲\x00", "乙", "丙", "丁", "A"], ["TEXT_NOT_POSSIBLE"]),
        (["0", "题\ud800", "甲", "乙", "丙", "丁", "A"], ["TEXT_NOT_POSSIBLE"]),
        (["0", "男性", "45 岁", "甲", "乙", "丙", "丁", "A"], ["NUMBER_OF_CELLS"]),
        (["0", "题", "甲", "乙"], ["NUMBER_OF_CELLS"]),
    ],
)
def test_every_reason_against_a_line_is_told(cells: list[str], expected: list[str]) -> None:
    (found,) = read(written(cells))
    assert isinstance(found, list)
    assert [entry.code for entry in found] == expected
    assert all(entry.text.zh.endswith("。") and entry.line == 2 for entry in found)


@pytest.mark.parametrize(
    ("first", "second"),
    [("AaBb", "AABB"), ("10⁵", "105"), ("H₂O", "H2O"), ("10⁵", "10⁶"), ("m²", "m₂")],
)
def test_what_medicine_tells_apart_is_not_alike(first: str, second: str) -> None:
    assert codes(written(["0", "题", first, second, "丙", "丁", "A"])) == []


@given(st.text(max_size=40))
def test_white_space_says_nothing(text: str) -> None:
    once = normalised(text)
    assert not any(letter.isspace() for letter in once)
    assert normalised(f" {text}\n") == once


def test_one_question_is_one_whatever_order_and_width() -> None:
    first = question_digest("维生素 B12？", (("A", "甲"), ("B", "乙")))
    assert first == question_digest("维生素Ｂ12?", (("A", "乙"), ("B", "甲 ")))
    assert first != question_digest("维生素 B12？", (("A", "甲"), ("B", "丙")))
    assert first != question_digest("维生素 B12？甲", (("A", ""), ("B", "乙")))


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("", QuestionColumns(), ["COLUMN_MISSING"] * 6),
        ("Question,A,B,C,Answer\n", QuestionColumns(), ["COLUMN_MISSING"]),
        ("Question,A,B,C,D,A,Answer\n", QuestionColumns(), ["COLUMN_TWICE"]),
        (written(), QuestionColumns(options=("A",)), ["NUMBER_OF_OPTION_COLUMNS"]),
        (written(), QuestionColumns(options=("A", "B", "B")), ["COLUMN_NAMED_TWICE"]),
        (written(), QuestionColumns(stem="A"), ["COLUMN_NAMED_TWICE"]),
        (",".join("QABCDEFGHI"), QuestionColumns("Q", tuple("ABCDEFGHI"), "Q"),
         ["NUMBER_OF_OPTION_COLUMNS", "COLUMN_NAMED_TWICE"]),
        (written() + '0,"题"干,甲,乙,丙,丁,A\n', QuestionColumns(), ["BAD_CSV"]),
        (written() + '0,"题' + "\n" * 200_000, QuestionColumns(), ["BAD_CSV"]),
    ],
)  # fmt: skip
def test_a_file_of_another_form_is_refused(text: str, columns: QuestionColumns, expected: list[str]) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        read(text, columns)
    assert [problem.code for problem in refusal.value.problems] == expected


@given(st.lists(st.lists(st.text(max_size=12), min_size=7, max_size=7), max_size=6))
def test_no_text_breaks_the_reader(rows: list[list[str]]) -> None:
    rows = [[cell.replace("\x00", "") for cell in row] for row in rows]
    for found in read(written(*rows)):
        assert isinstance(found, NewQuestion) or found


@pytest.mark.skipif(not OTHER_BANKS, reason=NO_BANKS)
@pytest.mark.parametrize("path", OTHER_BANKS, ids=lambda path: path.stem)
def test_banks_of_others_are_read_as_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = read(text)
    rows = list(csv.reader(io.StringIO(text)))[1:]
    assert [question.stem for question in found if isinstance(question, NewQuestion)] == [
        row[1].strip() for row in rows
    ]
    assert len({question.digest for question in found if isinstance(question, NewQuestion)}) == len(rows)
