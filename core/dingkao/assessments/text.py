"""Texts that people type in, and how their length is counted.

The measure is the personal statement of the simple procedure (个人述职报告; manual 2.2.3 (4): typed into the page, at
most 2000 字). Pure: no clock, no database. A client that shows a counter implements these two rules:

Normalising, in this order:
  1. CRLF, CR, U+000B, U+000C, U+0085, U+2028 and U+2029 become LF; TAB becomes one space.
  2. Signs that nobody sees are dropped: U+00AD, U+061C, U+180E, U+200B, U+200E, U+200F, U+202A to U+202E, U+2060 to
     U+206F, U+FEFF, U+FFF9 to U+FFFB. (The joiners U+200C and U+200D stay: emoji and several scripts need them.)
  3. Unicode normalisation form NFC.
  4. White space at the beginning and the end is trimmed (the full-width space U+3000 included).

Counting: the number of extended grapheme clusters (Unicode Standard Annex 29) of the normalised text, without its LFs.
So a Chinese character, a Latin letter with its accents, a digit, a punctuation mark, an emoji (also one joined of
several, also a flag) and each space count 1; a line break counts 0. In JavaScript:
``[...new Intl.Segmenter("zh", {granularity: "grapheme"}).segment(text)].filter(s => s.segment !== "\\n").length``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import grapheme

from dingkao.plugin.text import Text

STATEMENT_LIMIT = 2000
"""Characters of a personal statement (manual 2.2.3 (4)), where the policy says nothing else."""

CODE_POINTS_PER_CHARACTER = 8
"""How many code points a character may take on average: the largest family emoji without skin tones takes 7."""

MOST_CODE_POINTS = STATEMENT_LIMIT * CODE_POINTS_PER_CHARACTER
"""A longer text is refused unread: everything below takes time, and normalising can take its square."""

MOST_MARKS_IN_A_ROW = 30
"""Combining marks on one character (the bound of the Stream-Safe Text Format, Unicode Standard Annex 15)."""

_LINE_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_UNSEEN = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
_FORBIDDEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")

# Code points that never join a neighbour of the same list: LF, ASCII, Latin-1, Greek and Cyrillic letters, general
# punctuation, CJK ideographs with their punctuation, full-width forms. The rest is left to the library, which is a
# hundred times slower, together with the neighbours that it might join. A test holds the list against the library.
PLAIN_RANGES = (
    "\n -~\u00a1-\u00a8\u00aa-\u00ac\u00af-\u02ff\u0391-\u03ff\u0400-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u203b"
    "\u3000-\u3029\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff9d"
    "\U00020000-\U0002fa1d\U00030000-\U000323af"
)
_NOT_PLAIN = re.compile("P?[^P]+(?:P[^P]+)*P?".replace("[^P]", f"[^{PLAIN_RANGES}]").replace("P", f"[{PLAIN_RANGES}]"))

# Signs that leave no ink: joiners, fillers, the blank Braille pattern, invisible operators, variation selectors, tags.
_INKLESS = re.compile(
    r"[\s\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c\u200d\u2800\u3164\ufe00-\ufe0f\uffa0"
    r"\U000e0000-\U000e0fff]*"
)


class TextError(ValueError):
    """A text that cannot be accepted: a stable ``code``, and a sentence in Chinese and English. It repeats no text."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(f"{code}: {en}")
        self.code = code
        self.zh = zh
        self.en = en

    @property
    def text(self) -> Text:
        """The sentence in both languages."""
        return Text(self.zh, self.en)


@dataclass(frozen=True, slots=True)
class CountedText:
    """A text as it is stored, and the number of its characters (字) by the rule of this module."""

    text: str
    characters: int


def normalise_text(text: str, most_code_points: int = MOST_CODE_POINTS) -> str:
    """Give ``text`` as it is stored and counted. White space alone gives the empty text; twice changes no more.

    Raises ``TextError`` with code ``text_far_too_long`` (more than ``most_code_points``, seen before anything is read),
    ``text_control_character`` (control characters, half surrogate pairs and code points that are no characters),
    ``text_too_many_marks`` (a heap of combining marks) or ``text_invisible`` (not empty, but nothing to be seen).
    """
    _refuse_overlong(text, most_code_points)
    mended = _UNSEEN.sub("", _LINE_BREAKS.sub("\n", text).replace("\t", " "))
    if _FORBIDDEN.search(mended):
        raise TextError(
            "text_control_character",
            "文字中含有不可用的控制字符，请删除后重新粘贴或直接输入。",
            "The text holds control characters: please remove them, or type the text in.",
        )
    _refuse_heaps_of_marks(mended)
    normalised = unicodedata.normalize("NFC", mended).strip()
    _refuse_heaps_of_marks(normalised)
    if _INKLESS.fullmatch(normalised) and text.strip():
        raise TextError(
            "text_invisible",
            "文字中没有可见的内容，请重新填写。",
            "There is nothing to be seen in the text: please type it again.",
        )
    return normalised


def count_characters(text: str, most_code_points: int = MOST_CODE_POINTS) -> int:
    """Count the characters (字) of ``text`` by the rule of this module; the text is normalised first.

    2000 Chinese characters take half a millisecond, the worst that passes (16,000 code points of emoji) a fifth of a
    second.

    Raises ``TextError`` as ``normalise_text`` does.
    """
    return _count_clusters(normalise_text(text, most_code_points))


def check_text(text: str, limit: int = STATEMENT_LIMIT) -> CountedText:
    """Normalise and count a text of at most ``limit`` characters (个人述职报告: 2000). The empty text is accepted.

    Raises ``TextError`` as ``normalise_text`` does, or with code ``text_too_long``.
    """
    normalised = normalise_text(text, limit * CODE_POINTS_PER_CHARACTER)
    characters = _count_clusters(normalised)
    if characters > limit:
        raise TextError(
            "text_too_long",
            f"内容共{characters}字，最多不超过{limit}字。",
            f"The text has {characters} characters; at most {limit} are allowed.",
        )
    return CountedText(normalised, characters)


def _refuse_overlong(text: str, most_code_points: int) -> None:
    if len(text) > most_code_points:
        raise TextError(
            "text_far_too_long",
            "内容远远超过允许的字数，请缩短后再提交。",
            "The text is far longer than allowed: please shorten it.",
        )


def _refuse_heaps_of_marks(text: str) -> None:
    if not _NOT_PLAIN.search(text):
        return
    marks = 0
    for sign in text:
        marks = marks + 1 if unicodedata.combining(sign) else 0
        if marks > MOST_MARKS_IN_A_ROW:
            raise TextError(
                "text_too_many_marks",
                "文字中含有异常堆叠的附加符号，请删除后重新填写。",
                "The text heaps up combining marks on one character: please remove them.",
            )


def _count_clusters(text: str) -> int:
    """Count the extended grapheme clusters of ``text`` without its LFs; only what is not plain goes to the library."""
    clusters = len(text) - text.count("\n")
    for match in _NOT_PLAIN.finditer(text):
        clusters += int(grapheme.length(match.group())) - len(match.group())
    return clusters
