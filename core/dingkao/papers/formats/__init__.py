"""Files of questions in the formats that other systems write: a reader and a writer each. Pure: bytes in and out."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from dingkao.papers.formats import aiken, gift, moodle, qti, sheet
from dingkao.papers.formats.common import decoded
from dingkao.papers.formats.zip_file import is_zip, names_in
from dingkao.papers.question_file import QuestionColumns, read_questions, write_questions
from dingkao.papers.questions import Checked, NewQuestion, RefusedQuestion

__all__ = ["Format", "QuestionColumns", "detect", "estimate", "read_file", "write_file"]


class Format(StrEnum):
    """How a file holds questions. QTI_2 is written as 2.1 and read as 2.0 to 2.2; QTI_3 is 3.0."""

    CSV = "csv"
    XLSX = "xlsx"
    GIFT = "gift"
    AIKEN = "aiken"
    MOODLE = "moodle"
    QTI_2 = "qti2"
    QTI_3 = "qti3"


def detect(name: str, data: bytes) -> Format:
    """The format of a file, by its content, and by its name where content tells nothing. CSV where nothing does."""
    if is_zip(data):
        names = names_in(data)
        return Format.XLSX if "xl/workbook.xml" in names else Format.QTI_2
    start = data[:4000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        return Format.MOODLE if b"<quiz" in start else Format.QTI_2
    ending = name.lower().rsplit(".", 1)[-1]
    if ending == "gift":
        return Format.GIFT
    if ending == "aiken":
        return Format.AIKEN
    if ending == "txt":
        return Format.AIKEN if b"\nANSWER:" in data else Format.GIFT
    return Format.CSV


def read_file(kind: Format, data: bytes, columns: QuestionColumns | None = None) -> Iterator[Checked]:
    """Every question of a file, or all the reasons against it, by the line or the number of the item.

    Texts are UTF-8 or GB 18030; `columns` are of CSV and XLSX. Nothing outside of the file is read. Raises
    ValidationFailed for a file that is not of this format, that is too large, or that has a document type (entities).
    """
    match kind:
        case Format.CSV:
            return read_questions(decoded(data), columns or QuestionColumns())
        case Format.XLSX:
            return sheet.read(data, columns or QuestionColumns())
        case Format.GIFT:
            return gift.read(decoded(data))
        case Format.AIKEN:
            return aiken.read(decoded(data))
        case Format.MOODLE:
            return moodle.read(data)
        case Format.QTI_2 | Format.QTI_3:
            return qti.read(data)


def estimate(kind: Format, data: bytes) -> int:
    """About how many questions a file has, for a progress bar; 1 at least."""
    signs = {Format.CSV: b"\n", Format.GIFT: b"}", Format.AIKEN: b"ANSWER:", Format.MOODLE: b"</question>"}
    if kind in signs:
        return data.count(signs[kind]) + 1
    return len(names_in(data)) if kind is not Format.XLSX and is_zip(data) else len(data) // 50 + 1


def write_file(kind: Format, questions: Iterable[NewQuestion]) -> tuple[bytes, list[RefusedQuestion]]:
    """A file of the questions, the questions of a group beside each other; and those that the format cannot hold.

    What is written is read again as it was. Aiken holds one line for each text, single choices, and nothing beside
    text and answer.
    """
    match kind:
        case Format.CSV:
            return write_questions(questions).encode(), []
        case Format.XLSX:
            return sheet.write(questions), []
        case Format.GIFT:
            return gift.write(questions).encode(), []
        case Format.AIKEN:
            text, refused = aiken.write(questions)
            return text.encode(), refused
        case Format.MOODLE:
            return moodle.write(questions), []
        case Format.QTI_2:
            return qti.write(questions, qti.VERSION_2), []
        case Format.QTI_3:
            return qti.write(questions, qti.VERSION_3), []
