r"""How a text names its pictures: `![心电图](pictures/ecg.png)`, as Markdown does, with what it shows in words.

In CSV and GIFT the text of a stem, a case or an option may hold such marks; the file named lies in the same zip. A mark
says which text the picture belongs to: it is shown below that text. `!\[` stands for `![` where no picture is meant.
Pure.
"""

import re
from collections.abc import Iterable

from dingkao.papers.pictures import Image, QuestionPicture

# A name may hold brackets in pairs: 图 (1).png.
_MARK = re.compile(r"(?:\n[ \t]*)?!\[((?:\\.|[^\]\\\n])*)\]\(((?:[^()\n]|\([^()\n]*\))+)\)")
_MEANT = re.compile(r"!(\\*)\[")
_ESCAPED = re.compile(r"!\\(\\*)\[")


def split_marks(text: str) -> tuple[str, list[Image]]:
    """The text without its marks, and the pictures that they name."""
    if "![" not in text and "!\\" not in text:
        return text, []
    images = [Image(source.strip(), re.sub(r"\\(.)", r"\1", words)) for words, source in _MARK.findall(text)]
    return _ESCAPED.sub(r"!\1[", _MARK.sub("", text)), images


def with_marks(text: str, pictures: Iterable[QuestionPicture]) -> str:
    """The text with a mark for each picture below it, as `split_marks` reads it."""
    lines = [_MEANT.sub(r"!\\\1[", text)] if text else []
    for picture in pictures:
        words = re.sub(r"([\\\]])", r"\\\1", picture.alternative_text)
        lines.append(f"![{words}](pictures/{picture.file.file_name})")
    return "\n".join(lines)
