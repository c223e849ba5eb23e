"""A zip with one file of questions (CSV or GIFT) and the pictures that its marks name."""

import io
import posixpath
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field

from dingkao.papers.formats.common import bad_file
from dingkao.papers.formats.zip_file import open_zip, read_member
from dingkao.papers.questions import NewQuestion

_TABLES = ("csv", "gift", "txt")
_UTF_8 = 0x800


@dataclass(frozen=True, slots=True)
class Bundle:
    """A file of questions, by its name, with what lies beside it."""

    name: str
    data: bytes
    _opened: zipfile.ZipFile = field(repr=False)
    _members: dict[str, str] = field(repr=False)

    def load(self, source: str) -> bytes | None:
        """The bytes of the picture that a mark names: a path from the table's folder, or from that of the zip; None
        where there is none."""
        told = source.replace("\\", "/")
        for folder in (posixpath.dirname(self.name), ""):
            member = self._members.get(posixpath.normpath(posixpath.join("/", folder, told)).lstrip("/"))
            if member is not None:
                return read_member(self._opened, member)
        return None


def open_bundle(data: bytes) -> Bundle:
    """The zip's one file of questions and its pictures. Raises ValidationFailed (NO_TABLE, and as `open_zip`)."""
    opened = open_zip(data)
    members = {_shown(member): member.filename for member in opened.infolist() if not member.is_dir()}
    # What a Mac adds beside each file.
    own = [name for name in members if not any(part[:1] == "." or part == "__MACOSX" for part in name.split("/"))]
    tables = [name for name in own if name.lower().rsplit(".", 1)[-1] in _TABLES]
    if len(tables) != 1:
        bad_file(
            "NO_TABLE",
            "压缩包中须有且只有一个试题文件（.csv、.gift或.txt），以及其中所用的图片。",
            f"The zip holds one file of questions (.csv, .gift or .txt) beside the pictures; there are {len(tables)}.",
        )
    return Bundle(tables[0], read_member(opened, members[tables[0]]) or b"", opened, members)


def bundled(name: str, data: bytes, questions: Iterable[NewQuestion]) -> bytes:
    """The file of questions, in a zip with their pictures where they have any."""
    files = {picture.file.digest: picture.file for question in questions for picture in question.pictures}
    if not files:
        return data
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(name, data)
        for file in files.values():
            opened.writestr(f"pictures/{file.file_name}", file.data, zipfile.ZIP_STORED)
    return stream.getvalue()


def _shown(member: zipfile.ZipInfo) -> str:
    """The member's name as its maker saw it: Windows writes Chinese names in GB 18030 and does not say so."""
    name = member.filename
    if member.flag_bits & _UTF_8:
        return name
    try:
        raw = name.encode("cp437")
    except UnicodeError:
        return name
    for codec in ("utf-8", "gb18030"):
        try:
            told = raw.decode(codec)
        except UnicodeError:
            continue
        # Two bytes of GB 18030 may look like a letter of Latin or Greek; Chinese in UTF-8 takes three.
        if codec != "utf-8" or not any("\x80" <= letter < "\u0800" for letter in told):
            return told
    return name
