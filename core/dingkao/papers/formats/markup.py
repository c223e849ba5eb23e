"""Text out of HTML and XHTML as item writers use it: line breaks stay, numbers set higher or lower stay, tags go."""

import re
from html.parser import HTMLParser
from typing import Any

from dingkao.papers.formats.common import local

_BREAKS = frozenset({"p", "div", "br", "li", "tr", "ul", "ol", "table", "h1", "h2", "h3", "h4"})
_HIGHER = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_LOWER = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")
_FOLDED = re.compile(r"[ \t]*\n\s*")


class PictureFound(ValueError):
    """The text has a picture, sound or film: without it the question would say something else."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.script: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        _refuse_picture(tag)
        if tag in _BREAKS:
            self.parts.append("\x00")
        if tag in ("sub", "sup"):
            self.script.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _BREAKS and tag != "br":
            self.parts.append("\x00")
        if tag in ("sub", "sup") and self.script:
            self.script.pop()

    def handle_data(self, data: str) -> None:
        self.parts.append(_scripted(_FOLDED.sub(" ", data), self.script[-1] if self.script else ""))


def text_of_html(html: str) -> str:
    """The text of a piece of HTML. Raises PictureFound."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return _joined(reader.parts)


def text_of_element(element: Any, skipped: frozenset[str] = frozenset()) -> str:
    """The text inside of an XHTML element, without the elements named `skipped`. Raises PictureFound."""
    parts: list[str] = []
    _walk(element, parts, "", skipped)
    return _joined(parts)


def _walk(element: Any, parts: list[str], script: str, skipped: frozenset[str]) -> None:
    if element.text:
        parts.append(_scripted(_FOLDED.sub(" ", element.text), script))
    for child in element:
        tag = local(child.tag).lower()
        if tag and tag.removeprefix("qti-").replace("-", "") not in skipped:
            _refuse_picture(tag)
            if tag in _BREAKS:
                parts.append("\x00")
            _walk(child, parts, tag if tag in ("sub", "sup") else script, skipped)
            if tag in _BREAKS and tag != "br":
                parts.append("\x00")
        if child.tail:
            parts.append(_scripted(_FOLDED.sub(" ", child.tail), script))


def _scripted(text: str, script: str) -> str:
    return text.translate(_HIGHER if script == "sup" else _LOWER) if script else text


def _refuse_picture(tag: str) -> None:
    if tag in ("img", "object", "picture", "svg", "audio", "video", "embed", "iframe", "math"):
        raise PictureFound(tag)


def _joined(parts: list[str]) -> str:
    return re.sub(r" ?\x00[\x00 ]*", "\n", "".join(parts)).strip()
