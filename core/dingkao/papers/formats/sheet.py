"""XLSX: the first sheet of a workbook, its first row the names of the columns, with the pictures over its cells."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from dingkao.papers.formats.common import bad_file
from dingkao.papers.formats.sheet_pictures import SheetPictures, with_words, write_pictures
from dingkao.papers.formats.zip_file import is_zip, open_zip, read_member
from dingkao.papers.pictures import PictureIntake
from dingkao.papers.question_file import QuestionColumns, column_of, picture_beside, question_rows, read_rows
from dingkao.papers.questions import Checked, NewQuestion


def read(data: bytes, columns: QuestionColumns, intake: PictureIntake | None = None) -> Iterator[Checked]:
    """Each row as a question, as in a CSV file; lines are the sheet's rows. Formulas count as what they last showed.
    A picture belongs to the cell of its upper left corner. Raises ValidationFailed."""
    if not is_zip(data):
        bad_file("NO_WORKBOOK", "文件不是XLSX工作簿。", "The file is no XLSX workbook.")
    opened = open_zip(data)
    _refuse_entities(opened)
    pictures = SheetPictures(opened)
    rows = _rows(data)
    _, names = next(rows, (1, []))
    while names and not names[-1]:
        names.pop()
    sized = ((line, _sized(cells, len(names))) for line, cells in rows)
    yield from read_rows(names, sized, columns, pictures, intake or PictureIntake())
    yield from ([picture_beside(line)] for line in pictures.unread())


def write(questions: Iterable[NewQuestion]) -> bytes:
    """A workbook with one sheet. A text is a text, also where it begins like a formula."""
    # Imported here: its import takes as long as a tenth of a command's start, and few commands write a workbook.
    from openpyxl import Workbook

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("试题")
    questions = list(questions)
    pictures = [
        (line, column_of(picture.place), picture)
        for line, question in enumerate(questions, 2)
        for picture in question.pictures
    ]
    if pictures:
        write_pictures(sheet, pictures)
    for row in question_rows(questions):
        sheet.append([_text_cell(sheet, text) for text in row])
    stream = io.BytesIO()
    workbook.save(stream)
    return with_words(stream.getvalue(), [entry[2] for entry in pictures]) if pictures else stream.getvalue()


def _text_cell(sheet: Any, text: str) -> Any:
    if not text.startswith("="):
        return text or None
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, value=text)
    cell.data_type = "s"
    return cell


def _refuse_entities(opened: zipfile.ZipFile) -> None:
    for name in opened.namelist():
        if name.endswith((".xml", ".rels")):
            with opened.open(name) as stream:
                start = stream.read(65536)
            if b"<!DOCTYPE" in start or b"<!ENTITY" in start:
                bad_file("XML_FORBIDDEN", "XML文件不得含有文档类型或实体声明。", "XML with entities is refused.")
    read_member(opened, "xl/workbook.xml")


def _rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0)
        rows = sheet.to_python(skip_empty_area=False)
    except (CalamineError, IndexError):
        bad_file("BAD_WORKBOOK", "工作簿已损坏。", "The workbook is damaged.")
    for line, row in enumerate(rows, 1):
        yield line, [_text(value) for value in row]


def _sized(cells: list[str], width: int) -> list[str]:
    """A row as wide as the names: what stands beyond is nobody's column, what is missing is empty."""
    return (cells + [""] * width)[:width]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
