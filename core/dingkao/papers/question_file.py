"""Reading questions from CSV. Pure: text in, questions and refusals out."""

import csv
import hashlib
import io
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from dingkao.plugin.errors import FieldProblem, ValidationFailed
from dingkao.plugin.text import Text

LEAST_OPTIONS = 2
MOST_OPTIONS = 8
TEXT_MAXIMUM = 4000
KEYS = "ABCDEFGH"


@dataclass(frozen=True, slots=True)
class QuestionColumns:
    """The names of a file's columns: the stem, the options in their order, and the right option's letter."""

    stem: str = "Question"
    options: tuple[str, ...] = ("A", "B", "C", "D")
    answer: str = "Answer"


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question as it was read. `answer` is the letter of the right option; `digest` is over its normalised text."""

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
    """Text for comparison: NFKC, no white space, no case."""
    return "".join(unicodedata.normalize("NFKC", text).split()).casefold()


def question_digest(stem: str, options: tuple[tuple[str, str], ...]) -> str:
    """SHA-256 over the normalised stem and options, whatever the options' order: what makes two questions one."""
    parts = [normalised(stem), *sorted(normalised(text) for _, text in options)]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def read_questions(text: str, columns: QuestionColumns) -> Iterator[NewQuestion | list[RefusedQuestion]]:
    """Each line of a CSV file with a line of names, as a question or as all the reasons against it.

    Raises ValidationFailed where a named column is missing or the file is no CSV.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = list(reader.fieldnames or ())
        missing = [name for name in (columns.stem, *columns.options, columns.answer) if name not in names]
        if missing:
            raise ValidationFailed(
                [
                    FieldProblem(
                        "columns",
                        "COLUMN_MISSING",
                        Text(f"文件没有“{name}”列。", f"The file has no column {name}; it has {', '.join(names)}."),
                    )
                    for name in missing
                ]
            )
        for row in reader:
            yield _read_row(row, columns, reader.line_num)
    except csv.Error as error:
        problem = Text(f"第{reader.line_num}行不是有效的CSV。", f"Line {reader.line_num} is no CSV: {error}.")
        raise ValidationFailed([FieldProblem("csv", "BAD_CSV", problem)]) from None


def _read_row(row: dict[str, str | None], columns: QuestionColumns, line: int) -> NewQuestion | list[RefusedQuestion]:
    refused: list[RefusedQuestion] = []

    def refuse(column: str, code: str, zh: str, en: str) -> None:
        refused.append(RefusedQuestion(line, column, code, Text(zh, en)))

    stem = (row[columns.stem] or "").strip()
    options = tuple(
        (key, text) for key, column in zip(KEYS, columns.options, strict=False) if (text := (row[column] or "").strip())
    )
    answer = (row[columns.answer] or "").strip().upper()
    if not stem:
        refuse(columns.stem, "STEM_EMPTY", "题干为空。", "The stem is empty.")
    if any("\x00" in text or len(text) > TEXT_MAXIMUM for text in (stem, *(text for _, text in options))):
        refuse("", "TEXT_NOT_POSSIBLE", f"文字超过{TEXT_MAXIMUM}字或含有非法字符。", "A text is too long or has a NUL.")
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
