"""The fonts that documents are printed with, and the check that they hold every character before a page is set.

The bundled fonts are Noto Serif SC and Noto Sans SC (SIL Open Font Licence 1.1), from the package
``pylopdf-fonts-zh-cn``. They hold every ideograph of GB 2312, of Unicode's Unified Repertoire and of its Extension A,
and some two hundred of Extensions B to G that names use. An authority whose doctors' names need more sets its own
font. Fonts of the host are never used: the same content gives the same page on each machine.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pylopdf_fonts_zh_cn
import typst
from fontTools.ttLib import TTFont, TTLibError

from dingkao.documents.errors import FontUnusable, MissingGlyph, describe_characters

# Categories of Unicode that have no visible form of their own: a control or bidirectional override could reorder or
# hide what is printed, a private-use character looks different in each font, a surrogate is half a character.
# (Unassigned ones are left to the font: it may know a newer Unicode than Python.)
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})

# How families of printed-book style call themselves: Song, Ming and imitation-Song faces, and any "Serif".
_SERIF_NAME = re.compile("serif|song|ming|宋|明體", re.IGNORECASE)


@dataclass(frozen=True)
class DocumentFonts:
    """A loaded set of fonts. Make it with :func:`load_fonts`; it may be shared between threads.

    ``serif`` and ``sans`` are lists of family names in order of preference; both name every family, so that a
    character that is in one font only is still printed. ``coverage`` holds the code points that can be printed.
    """

    serif: tuple[str, ...]
    sans: tuple[str, ...]
    coverage: frozenset[int] = field(repr=False)
    typst_fonts: typst.Fonts = field(repr=False, compare=False)

    def missing_from(self, text: str) -> str:
        """The characters of ``text`` that cannot be printed, each once, in order; empty when all can."""
        return "".join(
            dict.fromkeys(
                c for c in text if ord(c) not in self.coverage or unicodedata.category(c) in _INVISIBLE_CATEGORIES
            )
        )

    def require_glyphs(self, texts: Mapping[str, str]) -> None:
        """Raise :class:`MissingGlyph` naming every field of ``texts`` that holds a character without a glyph."""
        missing = {name: lacking for name, text in texts.items() if (lacking := self.missing_from(text))}
        if missing:
            raise MissingGlyph(missing)


@lru_cache(maxsize=4)
def load_fonts(font_path: Path | None = None) -> DocumentFonts:
    """Load the bundled fonts, or those of ``font_path`` (an OTF, TTF or TTC file, or a folder of them).

    The result is kept: reading the character maps takes a tenth of a second or two.
    Raises :class:`FontUnusable` when no font can be read there, or when the fonts lack ASCII or GB 2312 (a fallback
    font without digits would otherwise lose them in silence).
    """
    if font_path is None:
        bundled = (pylopdf_fonts_zh_cn.serif_path(), pylopdf_fonts_zh_cn.sans_path())
        return _load(bundled[0].parent, lambda path: path in bundled)
    if font_path.is_file():
        return _load(font_path.parent, lambda path: path == font_path)
    if font_path.is_dir():
        return _load(font_path, lambda path: True)
    raise FontUnusable(f"找不到字体文件或目录 {font_path.name}")


def _load(folder: Path, wanted: Callable[[Path], bool]) -> DocumentFonts:
    typst_fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)])
    faces: dict[str, typst.FontInfo] = {}
    for face in typst_fonts.fonts():
        # Of one family the typesetter takes the upright face nearest to the regular weight; only that one counts.
        if face.path is not None and wanted(Path(face.path)):
            faces[face.family] = min(faces.get(face.family, face), face, key=_distance_from_regular)
    if not faces:
        raise FontUnusable(f"{folder.name} 中没有可读取的字体")
    coverage = frozenset[int]().union(*(_code_points(face) for face in faces.values()))
    lacking = [c for c in _common_characters() if ord(c) not in coverage]
    if lacking:
        raise FontUnusable(f"缺少 {len(lacking)} 个常用字符，例如 {describe_characters(''.join(lacking[:3]))}")
    serif = [family for family in faces if _SERIF_NAME.search(family)]
    sans = [family for family in faces if family not in serif]
    return DocumentFonts(
        serif=tuple(serif + sans), sans=tuple(sans + serif), coverage=coverage, typst_fonts=typst_fonts
    )


def _distance_from_regular(face: "typst.FontInfo") -> tuple[bool, int]:
    return face.style != "normal", abs(face.weight - 400)


def _code_points(face: "typst.FontInfo") -> set[int]:
    try:
        with TTFont(face.path, fontNumber=face.index, lazy=True) as font:
            return set(font.getBestCmap() or ())
    except (TTLibError, OSError) as error:
        raise FontUnusable(f"字体 {face.family} 无法读取") from error


def _common_characters() -> Iterator[str]:
    """Printable ASCII and the 6763 Chinese characters of GB 2312 (its rows 16 to 87)."""
    yield from map(chr, range(0x20, 0x7F))
    for row in range(0xB0, 0xF8):
        # Row 55 ends five cells early; "ignore" drops the cells without a character.
        yield from bytes(b for cell in range(0xA1, 0xFF) for b in (row, cell)).decode("gb2312", errors="ignore")
