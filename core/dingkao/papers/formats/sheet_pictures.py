"""Pictures of a workbook's first sheet: those laid over it, by the cell of their upper left corner, and those that WPS
puts into a cell (`DISPIMG`). ECMA-376 part 1, 20.5 (drawings of spreadsheets)."""

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from dingkao.papers.formats.common import bad_file, local, xml_root
from dingkao.papers.formats.zip_file import read_member
from dingkao.papers.pictures import Image, QuestionPicture

_IN_CELL = re.compile(r'=?(?:_xlfn\.)?DISPIMG\("([^"]+)"', re.IGNORECASE)
_ANCHORS = frozenset({"twoCellAnchor", "oneCellAnchor", "absoluteAnchor"})
# How large a picture is shown over its cell, in pixels of the screen; it is kept as it is.
_SHOWN_HEIGHT, _SHOWN_WIDTH = 110, 240
_ROW_POINTS = 90


class SheetPictures:
    """The pictures of a workbook's first sheet, as `question_file.CellPictures`. Each is read when its cell is."""

    def __init__(self, opened: zipfile.ZipFile) -> None:
        """Raises ValidationFailed for a workbook with pictures that nothing else than Excel can find."""
        self._opened = opened
        self._anchored: dict[int, dict[int, list[tuple[str, str]]]] = {}
        names = set(opened.namelist())
        if any(name.startswith("xl/richData/richValueRel") for name in names):
            bad_file(
                "PICTURES_IN_CELLS",
                "工作簿中的图片“放置在单元格中”：请选中图片，改为“放置在单元格上方（浮动）”后重新保存。",
                "Pictures are placed in cells: in Excel choose Place over Cells for them, and save again.",
            )
        for drawing in self._drawings(names):
            self._read_drawing(drawing)
        self._in_cells = self._read_in_cells() if "xl/cellimages.xml" in names else {}

    def split(self, line: int, column: int, text: str) -> tuple[str, list[Image]]:
        """A cell's own text, and its pictures."""
        found = self._anchored.get(line, {}).pop(column, [])
        in_cell = _IN_CELL.match(text)
        if in_cell:
            text = ""
            found = [self._in_cells.get(in_cell.group(1), (in_cell.group(1), "")), *found]
        return text, [self._image(source, words) for source, words in found]

    def left(self, line: int) -> bool:
        """Whether the line has pictures that nobody has asked for."""
        return bool(self._anchored.pop(line, {}))

    def unread(self) -> Iterator[int]:
        """The lines with pictures that were read as no question."""
        yield from sorted(self._anchored)

    def _image(self, source: str, words: str) -> Image:
        data = read_member(self._opened, source) if ":" not in source else None
        return Image(posixpath.basename(source) if data is not None else source, words, data)

    def _drawings(self, names: set[str]) -> list[str]:
        """The drawings of the first sheet."""
        book = xml_root(read_member(self._opened, "xl/workbook.xml") or b"<workbook/>")
        first = next((element for element in book.iter() if local(element.tag) == "sheet"), None)
        if first is None:
            return []
        sheet = self._related("xl/workbook.xml").get(_of_relation(first, "id"), ("", ""))[1]
        if not sheet or _relations(sheet) not in names:
            return []
        return [target for kind, target in self._related(sheet).values() if kind == "drawing" and target in names]

    def _related(self, part: str) -> dict[str, tuple[str, str]]:
        """(kind, target) of each relation of a part, by its id; addresses as they are."""
        data = read_member(self._opened, _relations(part))
        found = {}
        for relation in xml_root(data) if data is not None else ():
            target = relation.get("Target", "")
            if relation.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", posixpath.dirname(part), target)).lstrip("/")
            elif ":" not in target:
                target = f"file:{target}"
            found[relation.get("Id", "")] = relation.get("Type", "").rsplit("/", 1)[-1], target
        return found

    def _read_drawing(self, drawing: str) -> None:
        related = self._related(drawing)
        for anchor in xml_root(read_member(self._opened, drawing) or b"<wsDr/>"):
            if local(anchor.tag) not in _ANCHORS:
                continue
            corner = next((child for child in anchor if local(child.tag) == "from"), None)
            line, column = _number(corner, "row") + 1, _number(corner, "col")
            for picture in anchor.iter():
                if local(picture.tag) == "pic":
                    self._anchored.setdefault(line, {}).setdefault(column, []).append(_named(picture, related)[1])

    def _read_in_cells(self) -> dict[str, tuple[str, str]]:
        related = self._related("xl/cellimages.xml")
        root = xml_root(read_member(self._opened, "xl/cellimages.xml") or b"<cellImages/>")
        return dict(_named(picture, related) for picture in root.iter() if local(picture.tag) == "pic")


def write_pictures(sheet: Any, pictures: Sequence[tuple[int, int, QuestionPicture]]) -> None:
    """Lay pictures over the cells (line, column from 0) of a sheet that is being written."""
    from openpyxl.drawing.image import Image as SheetImage
    from openpyxl.drawing.spreadsheet_drawing import AnchorMarker, OneCellAnchor
    from openpyxl.drawing.xdr import XDRPositiveSize2D
    from openpyxl.utils.units import pixels_to_EMU

    before: dict[tuple[int, int], int] = {}
    for line, column, picture in pictures:
        image = SheetImage(io.BytesIO(picture.file.data))
        factor = min(1.0, _SHOWN_HEIGHT / image.height, _SHOWN_WIDTH / image.width)
        size = XDRPositiveSize2D(pixels_to_EMU(image.width * factor), pixels_to_EMU(image.height * factor))
        # Of several in one cell each is to be seen, and none leaves the cell by its corner.
        place = before[line, column] = before.get((line, column), -1) + 1
        corner = AnchorMarker(column, pixels_to_EMU(5 * place + 1), line - 1, pixels_to_EMU(5 * place + 1))
        image.anchor = OneCellAnchor(_from=corner, ext=size)
        sheet.add_image(image)
        sheet.row_dimensions[line].height = _ROW_POINTS


def with_words(workbook: bytes, pictures: Sequence[QuestionPicture]) -> bytes:
    """The workbook with the alternative texts of its pictures, in the order in which they were laid."""
    words = iter([picture.alternative_text for picture in pictures])
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as before, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as after:
        for member in before.infolist():
            data = before.read(member)
            if member.filename == "xl/drawings/drawing1.xml":
                text = re.sub('descr="Picture"', lambda _: f"descr={quoteattr(next(words))}", data.decode())
                data = text.encode()
            after.writestr(member.filename, data)
    return stream.getvalue()


def _named(picture: Any, related: dict[str, tuple[str, str]]) -> tuple[str, tuple[str, str]]:
    """The name of a picture; and where it is, with its alternative text."""
    name = next((element for element in picture.iter() if local(element.tag) == "cNvPr"), None)
    blip = next((element for element in picture.iter() if local(element.tag) == "blip"), None)
    told = "" if blip is None else _of_relation(blip, "embed") or _of_relation(blip, "link")
    words = "" if name is None else name.get("descr", "")
    return "" if name is None else name.get("name", ""), (related.get(told, ("", ""))[1], words)


def _of_relation(element: Any, name: str) -> str:
    """An attribute that names a relation (`r:id`)."""
    return next((value for key, value in element.attrib.items() if key.endswith(f"relationships}}{name}")), "")


def _relations(part: str) -> str:
    folder, name = posixpath.split(part)
    return f"{folder}/_rels/{name}.rels"


def _number(corner: Any, name: str) -> int:
    found = None if corner is None else next((child for child in corner if local(child.tag) == name), None)
    told = "" if found is None else (found.text or "").strip()
    return int(told) if told.isascii() and told.isdigit() and len(told) < 9 else 0
