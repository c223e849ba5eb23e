"""Files of questions in the formats that other systems write: a reader and a writer each. Pure: bytes in and out."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from dingkao.papers.formats import aiken, gift, moodle, qti, qti_writing, sheet
from dingkao.papers.formats.bundle import bundled, open_bundle
from dingkao.papers.formats.common import decoded
from dingkao.papers.formats.zip_file import is_zip, names_in
from dingkao.papers.pictures import PictureIntake, nothing
from dingkao.papers.question_file import QuestionColumns, read_questions, write_questions
from dingkao.papers.questions import Checked, NewQuestion, RefusedQuestion

__all__ = ["QuestionColumns", "QuestionFormat", "detect", "estimate", "is_zip", "read_file", "write_file"]


class QuestionFormat(StrEnum):
    """How a file holds questions. QTI_2 is written as 2.1 and read as 2.0 to 2.2; QTI_3 is 3.0."""

    CSV = "csv"
    XLSX = "xlsx"
    GIFT = "gift"
    AIKEN = "aiken"
    MOODLE = "moodle"
    QTI_2 = "qti2"
    QTI_3 = "qti3"


def detect(name: str, data: bytes) -> QuestionFormat:
    """The format of a file, by its content, and by its name where content tells nothing. CSV where nothing does. A zip
    that is no workbook and no package of QTI is of the format of the one file of questions in it. Raises
    ValidationFailed for a zip that holds none."""
    if is_zip(data):
        names = names_in(data)
        if "xl/workbook.xml" in names:
            return QuestionFormat.XLSX
        if "imsmanifest.xml" in names:
            return QuestionFormat.QTI_2
        bundle = open_bundle(data)
        return detect(bundle.name, bundle.data)
    start = data[:4000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        return QuestionFormat.MOODLE if b"<quiz" in start else QuestionFormat.QTI_2
    ending = name.lower().rsplit(".", 1)[-1]
    if ending == "gift":
        return QuestionFormat.GIFT
    if ending == "aiken":
        return QuestionFormat.AIKEN
    if ending == "txt":
        return QuestionFormat.AIKEN if b"\nANSWER:" in data else QuestionFormat.GIFT
    return QuestionFormat.CSV


def read_file(
    kind: QuestionFormat, data: bytes, columns: QuestionColumns | None = None, intake: PictureIntake | None = None
) -> Iterator[Checked]:
    """Every question of a file, or all the reasons against it, by the line or the number of the item.

    Texts are UTF-8 or GB 18030; `columns` are of CSV and XLSX; CSV and GIFT come alone, or in a zip with their
    pictures, which go through `intake`. Nothing outside of the file is read. Raises ValidationFailed for a file that is
    not of this format, that is too large, or that has a document type (entities).
    """
    intake = intake or PictureIntake()
    load = nothing
    if kind in (QuestionFormat.CSV, QuestionFormat.GIFT) and is_zip(data):
        bundle = open_bundle(data)
        data, load = bundle.data, bundle.load
    match kind:
        case QuestionFormat.CSV:
            return read_questions(decoded(data), columns or QuestionColumns(), intake, load)
        case QuestionFormat.XLSX:
            return sheet.read(data, columns or QuestionColumns(), intake)
        case QuestionFormat.GIFT:
            return gift.read(decoded(data), intake, load)
        case QuestionFormat.AIKEN:
            return aiken.read(decoded(data))
        case QuestionFormat.MOODLE:
            return moodle.read(data, intake)
        case QuestionFormat.QTI_2 | QuestionFormat.QTI_3:
            return qti.read(data, intake)


def estimate(kind: QuestionFormat, data: bytes) -> int:
    """About how many questions a file has, for a progress bar; 1 at least."""
    signs = {
        QuestionFormat.CSV: b"\n",
        QuestionFormat.GIFT: b"}",
        QuestionFormat.AIKEN: b"ANSWER:",
        QuestionFormat.MOODLE: b"</question>",
    }
    if kind in (QuestionFormat.CSV, QuestionFormat.GIFT) and is_zip(data):
        data = open_bundle(data).data
    if kind in signs:
        return data.count(signs[kind]) + 1
    return len(names_in(data)) if kind is not QuestionFormat.XLSX and is_zip(data) else len(data) // 50 + 1


def write_file(kind: QuestionFormat, questions: Iterable[NewQuestion]) -> tuple[bytes, list[RefusedQuestion]]:
    """A file of the questions, the questions of a group beside each other; and those that the format cannot hold.

    What is written is read again as it was, pictures included: CSV and GIFT with pictures are a zip. Aiken holds one
    line for each text, single choices, and nothing beside text and answer.
    """
    questions = list(questions)
    match kind:
        case QuestionFormat.CSV:
            return bundled("questions.csv", write_questions(questions).encode(), questions), []
        case QuestionFormat.XLSX:
            return sheet.write(questions), []
        case QuestionFormat.GIFT:
            return bundled("questions.gift", gift.write(questions).encode(), questions), []
        case QuestionFormat.AIKEN:
            text, refused = aiken.write(questions)
            return text.encode(), refused
        case QuestionFormat.MOODLE:
            return moodle.write(questions), []
        case QuestionFormat.QTI_2:
            return qti_writing.write(questions, qti_writing.VERSION_2), []
        case QuestionFormat.QTI_3:
            return qti_writing.write(questions, qti_writing.VERSION_3), []
