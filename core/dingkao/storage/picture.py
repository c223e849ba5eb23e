"""Pictures: what every uploaded image goes through, and the pictures of questions (试题图片). Pure on bytes.

The type is judged by the content, never by a name or by what the sender says. Sources: OWASP ASVS 5.0, V5.2; the
manual names no form of pictures in questions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dingkao.storage import refusals
from dingkao.storage.containers import JPEG_START, PNG_START, ImageFile, Malformed, read_jpeg, read_png
from dingkao.storage.images import decode_jpeg, decode_png, encode_jpeg, encode_png, shrink
from dingkao.storage.refusals import FileProblem, FileRefused

JPEG, PNG = "image/jpeg", "image/png"


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """How large an image may be. The defaults are those of a picture in a question, which telephones show."""

    most_bytes: int = 1024 * 1024
    """Of what is kept; a PNG that is larger is kept as a JPEG."""
    most_pixels: int = 25_000_000
    """Width × height; a larger image is refused from its header, before anything is decoded."""
    least_side: int = 8
    """Pixels of the shorter side: a formula of one line has some twenty."""
    longest_side: int = 2048
    """Pixels; a larger image is accepted and kept in this size."""


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """An image that may be kept: upright, greyscale or sRGB, encoded anew without any metadata. `width` and `height`
    are its pixels."""

    media_type: str
    data: bytes = field(repr=False)
    width: int
    height: int


def check_image(data: bytes, limits: ImageLimits) -> CheckedImage:
    """Check a JPEG or a PNG that begins as one, and give what is kept of it. Takes up to two seconds for the largest:
    call it off the event loop.

    Raises ``FileRefused``: ``file_unreadable``, ``image_too_many_pixels``, ``image_too_few_pixels``.
    """
    is_jpeg = data.startswith(JPEG_START)
    try:
        file = read_jpeg(data) if is_jpeg else read_png(data)
        problems = _size_problems(file, limits)
        if problems:
            raise FileRefused(problems)
        image = shrink(decode_jpeg(file) if is_jpeg else decode_png(file), limits.longest_side)
    except Malformed as error:
        raise FileRefused([refusals.unreadable_file()]) from error
    media_type = JPEG
    if not is_jpeg:
        kept = encode_png(image)
        media_type = PNG
    if is_jpeg or len(kept) > limits.most_bytes:
        kept, image = encode_jpeg(image, limits.most_bytes)
        media_type = JPEG
    return CheckedImage(media_type, kept, image.width, image.height)


def check_picture(data: bytes, limits: ImageLimits | None = None) -> CheckedImage:
    """Check a picture of a question: a JPEG or a PNG, by its content. As `check_image`, and raises ``FileRefused``
    with ``file_empty`` or ``picture_not_taken``."""
    if not data:
        raise FileRefused([refusals.empty_file()])
    if not data.startswith((JPEG_START, PNG_START)):
        raise FileRefused(
            [
                FileProblem(
                    "picture_not_taken",
                    "图片须为JPG或PNG格式（按文件内容判断，与文件名无关），SVG、GIF等请先转换。",
                    "A picture is a JPG or a PNG (judged by its content, not by its name); convert SVG, GIF, BMP.",
                )
            ]
        )
    return check_image(data, limits or ImageLimits())


def _size_problems(file: ImageFile, limits: ImageLimits) -> list[FileProblem]:
    width, height = file.upright_size
    problems = []
    if width * height > limits.most_pixels:
        problems.append(refusals.too_many_pixels(width, height, f"{limits.most_pixels:,}"))
    if min(width, height) < limits.least_side:
        problems.append(refusals.too_few_pixels(width, height, f"{limits.least_side}×{limits.least_side}"))
    return problems
