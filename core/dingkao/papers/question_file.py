"""Reading questions from CSV. Pure: text in, questions and refusals out."""

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dingkao.plugin.errors import FieldProblem, ValidationFailed
from dingkao.plugin.text import Text

LEAST_OPTIONS = 2
MOST_OPTIONS = 8
TEXT_MAXIMUM = 4000
KEYS = "ABCDEFGH"

# NFKC makes 10⁵ and 105 one text; as options of one question they are two.
_RAISED_OR_LOWERED = re.compile("[²³¹⁰-ⁿ₀-ₜ]")
# What no database and no reader can do with; tabs and line breaks are text.
_IMPOSSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class QuestionColumns:
    """The names of a file's columns: the stem, the options in their order, and the right option's letter (A for the
    first option column). Columns that are not named are ignored."""

    stem: str = "Question"
    options: tuple[str, ...] = ("A", "B", "C", "D")
    answer: str = "Answer"


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question as it was read. `line` is the file's line it begins on; `answer` the letter of the right option;
    `digest` is over its normalised text."""

    line: int
    stem: str
    options: tuple[tuple[str, str], ...]
    answer: str
    digest: str


@dataclass(frozen=True, slots=True)
class RefusedQuestion:
    """Why a line was refused: the line in the file, the column (empty: the whole line), a code and a sentence."""

    line: int
    column: str
    code: str
    text: Text


def normalised(text: str) -> str:
    """Text for comparison: full and half width alike, no white space. Case, and digits set higher or lower, count:
    AaBb and AABB, 10⁵ and 105 are different answers."""
    if not text.isascii():
        marked = _RAISED_OR_LOWERED.sub(lambda sign: f"{'_' if sign.group() >= '₀' else '^'}{sign.group()}", text)
        text = unicodedata.normalize("NFKC", marked)
    return "".join(text.split())


def question_digest(stem: str, options: tuple[tuple[str, str], ...]) -> str:
    """SHA-256 over the normalised stem and options, whatever the options' order: what makes two questions one. The
    answer is left out, so that one question cannot come in twice with two answers."""
    parts = [normalised(stem), *sorted(normalised(text) for _, text in options)]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def read_questions(text: str, columns: QuestionColumns) -> Iterator[NewQuestion | list[RefusedQuestion]]:
    """Each record of a CSV file with a line of names, as a question or as all the reasons against it. Lines without
    anything in them are passed over, as is a byte order mark.

    Raises ValidationFailed where a named column is missing or there twice, where the options' columns are fewer than
    two or more than eight, or where the file is no CSV.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    line = 1
    try:
        names = next(reader, [])
        _check_columns(names, columns)
        places = [names.index(name) for name in (columns.stem, columns.answer, *columns.options)]
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _read_record(cells, len(names), places, columns, line)
            line = reader.line_num + 1
    except csv.Error as error:
        problem = Text(f"第{line}行不是有效的CSV。", f"Line {line} is no CSV: {error}.")
        raise ValidationFailed([FieldProblem("csv", "BAD_CSV", problem)]) from None


def _check_columns(names: Sequence[str], columns: QuestionColumns) -> None:
    problems = []

    def refuse(code: str, zh: str, en: str) -> None:
        problems.append(FieldProblem("columns", code, Text(zh, en)))

    wanted = (columns.stem, *columns.options, columns.answer)
    if not LEAST_OPTIONS <= len(columns.options) <= MOST_OPTIONS:
        refuse(
            "NUMBER_OF_OPTION_COLUMNS",
            f"选项列须为{LEAST_OPTIONS}至{MOST_OPTIONS}列。",
            f"Name {LEAST_OPTIONS} to {MOST_OPTIONS} columns of options.",
        )
    if len(set(wanted)) != len(wanted):
        refuse("COLUMN_NAMED_TWICE", "同一列不能有两种用途。", "One column is named for two uses.")
    for name in dict.fromkeys(wanted):
        if name not in names:
            refuse("COLUMN_MISSING", f"文件没有“{name}”列。", f"The file has no column {name}; it has {list(names)}.")
        elif names.count(name) > 1:
            refuse("COLUMN_TWICE", f"文件有两个“{name}”列。", f"The file has two columns {name}.")
    if problems:
        raise ValidationFailed(problems)


def _read_record(
    cells: list[str], width: int, places: list[int], columns: QuestionColumns, line: int
) -> NewQuestion | list[RefusedQuestion]:
    refused: list[RefusedQuestion] = []

    def refuse(column: str, code: str, zh: str, en: str) -> None:
        refused.append(RefusedQuestion(line, column, code, Text(zh, en)))

    if len(cells) != width:
        # A comma in a text without quotes moves everything after it into the wrong column: nothing else can be said.
        refuse(
            "", "NUMBER_OF_CELLS", f"该行有{len(cells)}列，应为{width}列。", f"{len(cells)} cells in place of {width}."
        )
        return refused
    stem, answer, *texts = (cells[place].strip() for place in places)
    answer = unicodedata.normalize("NFKC", answer).upper()
    options = tuple((key, text) for key, text in zip(KEYS, texts, strict=False) if text)
    if not stem:
        refuse(columns.stem, "STEM_EMPTY", "题干为空。", "The stem is empty.")
    if any(len(text) > TEXT_MAXIMUM or _IMPOSSIBLE.search(text) for text in (stem, *texts)):
        refuse(
            "",
            "TEXT_NOT_POSSIBLE",
            f"文字超过{TEXT_MAXIMUM}字或含有非法字符。",
            f"A text is longer than {TEXT_MAXIMUM} or holds characters that are none.",
        )
        return refused
    if not LEAST_OPTIONS <= len(options) <= MOST_OPTIONS:
        refuse(
            "",
            "NUMBER_OF_OPTIONS",
            f"选项须为{LEAST_OPTIONS}至{MOST_OPTIONS}个。",
            f"A question has {LEAST_OPTIONS} to {MOST_OPTIONS} options.",
        )
    if len({normalised(text) for _, text in options}) != len(options):
        refuse("", "OPTIONS_ALIKE", "有相同的选项。", "Two options are alike.")
    if answer not in {key for key, _ in options}:
        refuse(columns.answer, "ANSWER_NO_OPTION", "答案不是任何一个选项。", "The answer is none of the options.")
    return refused or NewQuestion(line, stem, options, answer, question_digest(stem, options))
