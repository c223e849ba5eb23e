"""Reading and writing questions as rows: of a CSV file, or of a sheet. Pure: text in, questions and refusals out."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from dingkao.papers.picture_marks import split_marks, with_marks
from dingkao.papers.pictures import SHARED_STEM, STEM, Image, Load, PictureIntake, TakenPicture, nothing, pictures_at
from dingkao.papers.questions import (
    KEYS,
    LEAST_OPTIONS,
    MOST_OPTIONS,
    Checked,
    NewQuestion,
    RawQuestion,
    RefusedQuestion,
    check_question,
    normalised,
    question_digest,
)
from dingkao.plugin.errors import FieldProblem, ValidationFailed
from dingkao.plugin.text import Text

__all__ = [
    "DETAILS",
    "NewQuestion",
    "QuestionColumns",
    "RefusedQuestion",
    "normalised",
    "question_digest",
    "read_questions",
    "write_questions",
]

# What a file may tell of a question beside its text: the field, and its column where no other was named.
DETAILS = {
    "type": "Type",
    "code": "Code",
    "category": "Category",
    "specialty": "Specialty",
    "topic": "Topic",
    "difficulty": "Difficulty",
    "source": "Source",
    "group": "Group",
    "shared": "Shared",
}


@dataclass(frozen=True, slots=True)
class QuestionColumns:
    """The names of a file's columns: the stem, the options in their order, and the right options' letters (A for the
    first option column). `details` names columns of other fields (see DETAILS); those that are not named are read
    under their own names where the file has them. All other columns are ignored."""

    stem: str = "Question"
    options: tuple[str, ...] = ("A", "B", "C", "D")
    answer: str = "Answer"
    details: dict[str, str] = field(default_factory=dict)


class CellPictures(Protocol):
    """Where the pictures of a table's cells are; lines are those of the file, columns count from 0."""

    def split(self, line: int, column: int, text: str) -> tuple[str, list[Image]]:
        """A cell's own text, and its pictures."""
        ...

    def left(self, line: int) -> bool:
        """Whether the line has pictures that nobody has asked for: they stand beside the columns of texts."""
        ...


class MarkedCells:
    """Pictures that the cells' texts name by marks."""

    def split(self, line: int, column: int, text: str) -> tuple[str, list[Image]]:
        """See `split_marks`."""
        return split_marks(text)

    def left(self, line: int) -> bool:
        """Marks in other columns are text."""
        return False


def read_questions(
    text: str, columns: QuestionColumns, intake: PictureIntake | None = None, load: Load = nothing
) -> Iterator[Checked]:
    """Each record of a CSV file with a line of names, as a question or as all the reasons against it. Lines without
    anything in them are passed over, as is a byte order mark. Pictures are named by marks (see `picture_marks`); `load`
    gives those beside the file.

    Raises ValidationFailed where a named column is missing or there twice, where the options' columns are fewer than
    two or more than eight, or where the file is no CSV.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    line = 1
    try:
        rows = _Rows(next(reader, []), columns, MarkedCells(), intake or PictureIntake(), load)
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield rows.read(cells, line)
            line = reader.line_num + 1
    except csv.Error as error:
        problem = Text(f"第{line}行不是有效的CSV。", f"Line {line} is no CSV: {error}.")
        raise ValidationFailed([FieldProblem("csv", "BAD_CSV", problem)]) from None


def read_rows(
    names: Sequence[str],
    rows: Iterable[tuple[int, list[str]]],
    columns: QuestionColumns,
    cells: CellPictures,
    intake: PictureIntake,
) -> Iterator[Checked]:
    """The same of rows that were read elsewhere, each with its number, with the pictures of their `cells`. Raises
    ValidationFailed as above."""
    reading = _Rows(names, columns, cells, intake, nothing)
    for line, texts in rows:
        if any(text.strip() for text in texts):
            yield reading.read(texts, line)


def write_questions(questions: Iterable[NewQuestion]) -> str:
    """A CSV file of questions, as `read_questions` reads it; pictures by marks."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for row in question_rows(_marked(question) for question in questions):
        writer.writerow(row)
    return stream.getvalue()


def _marked(question: NewQuestion) -> NewQuestion:
    """The question with marks in its texts, which are then no more what was checked."""
    shown = question.pictures
    return replace(
        question,
        stem=with_marks(question.stem, pictures_at(shown, STEM)),
        shared=with_marks(question.shared, pictures_at(shown, SHARED_STEM)),
        options=tuple((key, with_marks(text, pictures_at(shown, key))) for key, text in question.options),
    )


def column_of(place: str) -> int:
    """The column of `question_rows` that a picture's place stands in, from 0."""
    fixed = {STEM: 0, SHARED_STEM: len(KEYS) + 2 + list(DETAILS).index("shared")}
    return fixed[place] if place in fixed else 1 + KEYS.index(place)


def question_rows(questions: Iterable[NewQuestion]) -> Iterator[list[str]]:
    """The rows of a table of questions, its names first."""
    letters = KEYS
    yield ["Question", *letters, "Answer", *DETAILS.values()]
    for question in questions:
        texts = dict(question.options)
        details = [str(getattr(question, name) or "") for name in DETAILS]
        yield [question.stem, *(texts.get(letter, "") for letter in letters), question.answer, *details]


class _Rows:
    """Where the columns of one table are."""

    def __init__(
        self, names: Sequence[str], columns: QuestionColumns, cells: CellPictures, intake: PictureIntake, load: Load
    ) -> None:
        self._cells, self._intake, self._load = cells, intake, load
        options = columns.options
        if options == QuestionColumns().options:
            # A file that goes on to E, F, … has so many options.
            options += tuple(letter for letter in "EFGH" if letter in names)
        details = {name: columns.details.get(name, own) for name, own in DETAILS.items()}
        details = {name: column for name, column in details.items() if column in names or name in columns.details}
        _check_columns(names, columns, options, details)
        self._width = len(names)
        self._stem, self._answer = names.index(columns.stem), names.index(columns.answer)
        self._options = [names.index(name) for name in options]
        self._details = {name: names.index(column) for name, column in details.items()}
        self._named = {"stem": columns.stem, "answer": columns.answer, **details}
        self._named |= dict(zip(KEYS, options, strict=False))
        # The columns whose texts have pictures.
        self._shown = {STEM: self._stem, **dict(zip(KEYS, self._options, strict=False))}
        if "shared" in self._details:
            self._shown[SHARED_STEM] = self._details["shared"]

    def read(self, cells: list[str], line: int) -> Checked:
        if len(cells) != self._width:
            # A comma in a text without quotes moves all after it into the wrong column: nothing else can be said.
            text = Text(
                f"该行有{len(cells)}列，应为{self._width}列。", f"{len(cells)} cells in place of {self._width}."
            )
            return [RefusedQuestion(line, "", "NUMBER_OF_CELLS", text)]
        pictures: list[TakenPicture] = []
        for place, column in self._shown.items():
            own, images = self._cells.split(line, column, cells[column])
            if images or own is not cells[column]:
                cells[column] = own
                pictures += self._intake.of(images, place, self._load)
        if self._cells.left(line):
            return [picture_beside(line)]
        return check_question(
            RawQuestion(
                line,
                cells[self._stem],
                [cells[place] for place in self._options],
                cells[self._answer],
                columns=self._named,
                pictures=pictures,
                **{name: cells[place] for name, place in self._details.items()},
            )
        )


def picture_beside(line: int) -> RefusedQuestion:
    """The refusal of a picture that belongs to no text."""
    text = Text(
        "该行有图片不在题干、选项或共用题干列中：请将图片左上角移到相应单元格内。",
        "A picture stands in no column of stem, options or case: move its upper left corner into the cell.",
    )
    return RefusedQuestion(line, "", "PICTURE_PLACE", text)


def _check_columns(
    names: Sequence[str], columns: QuestionColumns, options: tuple[str, ...], details: dict[str, str]
) -> None:
    problems = []

    def refuse(code: str, zh: str, en: str) -> None:
        problems.append(FieldProblem("columns", code, Text(zh, en)))

    wanted = (columns.stem, *options, columns.answer, *details.values())
    if not LEAST_OPTIONS <= len(options) <= MOST_OPTIONS:
        refuse(
            "NUMBER_OF_OPTION_COLUMNS",
            f"选项列须为{LEAST_OPTIONS}至{MOST_OPTIONS}列。",
            f"Name {LEAST_OPTIONS} to {MOST_OPTIONS} columns of options.",
        )
    for name in sorted(set(columns.details) - set(DETAILS)):
        refuse("FIELD_UNKNOWN", f"没有“{name}”这一项。", f"There is no field {name}; there are {', '.join(DETAILS)}.")
    if len(set(wanted)) != len(wanted):
        refuse("COLUMN_NAMED_TWICE", "同一列不能有两种用途。", "One column is named for two uses.")
    for name in dict.fromkeys(wanted):
        if name not in names:
            refuse("COLUMN_MISSING", f"文件没有“{name}”列。", f"The file has no column {name}; it has {list(names)}.")
        elif names.count(name) > 1:
            refuse("COLUMN_TWICE", f"文件有两个“{name}”列。", f"The file has two columns {name}.")
    if problems:
        raise ValidationFailed(problems)
