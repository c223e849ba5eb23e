"""What can go wrong when a document is printed: each error has a stable code and a Chinese sentence for staff."""

from collections.abc import Mapping


class DocumentError(Exception):
    """A document cannot be made. ``code`` is stable for programs; ``str()`` is a Chinese sentence for people."""

    code = "DOCUMENT_ERROR"


class MissingGlyph(DocumentError):
    """The font has no glyph for a character, so the document is refused: it would show a blank or a box.

    ``missing`` holds, for each field of the content (``doctor_name``, ``papers[0].name``…), the characters that cannot
    be printed, each once, in order. ``field`` and ``characters`` are those of the first such field.
    """

    code = "MISSING_GLYPH"

    def __init__(self, missing: Mapping[str, str]) -> None:
        self.missing = dict(missing)
        self.field, self.characters = next(iter(self.missing.items()))
        listed = "；".join(f"{field}：{describe_characters(text)}" for field, text in self.missing.items())
        super().__init__(f"字体中没有下列字符，无法打印（{listed}）。请更换或补充字体后重试。")


class BlankField(DocumentError):
    """A field that must be printed is empty or holds spaces only."""

    code = "BLANK_FIELD"

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(f"文书内容缺少必填项（{field}），无法打印。")


class PhotoUnusable(DocumentError):
    """The photo's bytes are not a readable JPEG."""

    code = "PHOTO_UNUSABLE"

    def __init__(self) -> None:
        super().__init__("照片不是可读取的 JPEG 图像，无法打印。")


class FontUnusable(DocumentError):
    """The font that was configured cannot print Chinese documents; ``reason`` says why."""

    code = "FONT_UNUSABLE"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"打印字体不可用：{reason}")


class TypesettingFailed(DocumentError):
    """The typesetter refused the page or warned about it; ``reason`` holds its own words, without the data."""

    code = "TYPESETTING_FAILED"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"文书排版失败：{reason}")


class SealUnusable(DocumentError):
    """The seal's key, passphrase or certificate cannot be used to seal at the time asked; ``reason`` says why."""

    code = "SEAL_UNUSABLE"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"电子公章不可用：{reason}")


def describe_characters(characters: str) -> str:
    """Each character with its code point, as staff need it to look for a font: ``䶮(U+4DAE)``."""
    return "、".join(f"{c if c.isprintable() else ''}(U+{ord(c):04X})" for c in characters)
