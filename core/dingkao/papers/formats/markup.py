"""Text and pictures out of HTML and XHTML as item writers use it: line breaks stay, numbers set higher or lower stay,
tags go."""

import re
from html.parser import HTMLParser
from typing import Any

from dingkao.papers.formats.common import local
from dingkao.papers.pictures import Image
from dingkao.papers.questions import RefusedQuestion
from dingkao.plugin.text import Text

# What ends a line; and what is a line's end, each of which counts.
_BLOCK, _BREAK = "\x00", "\x01"
_BLOCKS = frozenset({"p", "div", "li", "tr", "ul", "ol", "table", "h1", "h2", "h3", "h4"})
_HIGHER = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_LOWER = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")
_ENDS = re.compile("[ \t]*[\x00\x01][\x00\x01 \t]*")
_FOLDED = re.compile(r"[ \t]*\n\s*")


class MediaFound(ValueError):
    """The text has what is neither text nor picture: without it the question would say something else."""

    @staticmethod
    def refusal(number: int, name: str = "") -> RefusedQuestion:
        """Why the item of that number (and file) is not taken."""
        text = Text(
            "试题含有音视频、公式或矢量图（SVG），不能导入：请改为文字或JPG、PNG图片。",
            "The question has sound, film, a formula or a drawing (SVG): make text or a JPG or PNG picture of it.",
        )
        return RefusedQuestion(number, name, "MEDIA_NOT_TAKEN", text)


_MEDIA = frozenset({"svg", "audio", "video", "embed", "iframe", "math", "canvas"})


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.script: list[str] = []
        self.images: list[Image] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        _refuse_media(tag)
        if tag == "object":
            raise MediaFound(tag)
        if tag == "img":
            told = dict(attrs)
            self.images.append(Image(told.get("src") or "", told.get("alt") or ""))
        self.parts.append(_BREAK if tag == "br" else _BLOCK if tag in _BLOCKS else "")
        if tag in ("sub", "sup"):
            self.script.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.parts.append(_BLOCK)
        if tag in ("sub", "sup") and self.script:
            self.script.pop()

    def handle_data(self, data: str) -> None:
        self.parts.append(_scripted(_FOLDED.sub(" ", data), self.script[-1] if self.script else ""))


def text_of_html(html: str) -> tuple[str, list[Image]]:
    """The text of a piece of HTML, and its pictures. Raises MediaFound."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return _joined(reader.parts), reader.images


def text_of_element(element: Any, skipped: frozenset[str] = frozenset()) -> tuple[str, list[Image]]:
    """The text inside of an XHTML element and its pictures, without the elements named `skipped`. Raises MediaFound."""
    parts: list[str] = []
    images: list[Image] = []
    _walk(element, parts, images, "", skipped)
    return _joined(parts), images


def _walk(element: Any, parts: list[str], images: list[Image], script: str, skipped: frozenset[str]) -> None:
    if element.text:
        parts.append(_scripted(_FOLDED.sub(" ", element.text), script))
    for child in element:
        tag = local(child.tag).lower()
        if tag and tag.removeprefix("qti-").replace("-", "") not in skipped:
            _refuse_media(tag)
            if tag == "img":
                images.append(Image(child.get("src", ""), child.get("alt", "")))
            elif tag == "object":
                images.append(_object(child))
            else:
                ends = _BLOCK if tag in _BLOCKS else ""
                parts.append(_BREAK if tag == "br" else ends)
                _walk(child, parts, images, tag if tag in ("sub", "sup") else script, skipped)
                parts.append(ends)
        if child.tail:
            parts.append(_scripted(_FOLDED.sub(" ", child.tail), script))


def _object(element: Any) -> Image:
    """A picture as QTI has it beside `img`; what stands inside of the element is its alternative text."""
    kind = element.get("type", "")
    if kind and not kind.startswith("image/"):
        raise MediaFound("object")
    return Image(element.get("data", ""), "".join(element.itertext()))


def _scripted(text: str, script: str) -> str:
    return text.translate(_HIGHER if script == "sup" else _LOWER) if script else text


def _refuse_media(tag: str) -> None:
    if tag in _MEDIA:
        raise MediaFound(tag)


def _joined(parts: list[str]) -> str:
    return _ENDS.sub(lambda ends: "\n" * (ends.group().count(_BREAK) or 1), "".join(parts)).strip()
