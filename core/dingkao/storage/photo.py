"""The doctor's photo (近期1寸免冠电子证件照): what is accepted, and what is kept of it.

Pure on bytes. Source: manual, registration form (报名信息): 1-inch, white background advised, jpg; it is printed on the
result notice (考核结果通知书). Nothing says pixels or bytes, so those are of the profile, and a region may change them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from PIL import Image

from dingkao.storage import refusals
from dingkao.storage.containers import JPEG_START, ImageFile, Malformed, read_jpeg
from dingkao.storage.images import decode_jpeg, encode_jpeg
from dingkao.storage.refusals import FileProblem, FileRefused


@dataclass(frozen=True, slots=True)
class PhotoProfile:
    """What a photo must be. The defaults are the 1-inch photo of 25 × 35 mm: 295 × 413 pixels at 300 dots an inch."""

    width_mm: int = 25
    height_mm: int = 35
    ratio_tolerance: float = 0.02
    """How far width/height may be off the proportions above, as a part of it (0.02 is 2 %)."""
    least_width: int = 196
    """Pixels; with the height, 200 dots an inch: below that a face on paper is blurred."""
    least_height: int = 274
    advised_width: int = 295
    """Pixels; a smaller photo is accepted with advice."""
    advised_height: int = 413
    most_width: int = 2500
    """Pixels; a larger photo is refused from its header, before anything is decoded."""
    most_height: int = 3500
    least_bytes: int = 4 * 1024
    most_bytes: int = 2 * 1024 * 1024
    """Of the upload and of what is kept."""


@dataclass(frozen=True, slots=True)
class CheckedPhoto:
    """A photo that may be kept: upright, sRGB or greyscale, encoded anew without any metadata.

    ``advice`` is what could be better and is never a reason to refuse (codes ``photo_low_resolution``,
    ``photo_background_not_white``, ``photo_greyscale``).
    """

    data: bytes = field(repr=False)
    width: int
    height: int
    advice: tuple[FileProblem, ...]
    media_type: str = "image/jpeg"


class PhotoRefused(FileRefused):
    """A photo that is not accepted, with all the reasons at once."""


def check_photo(data: bytes, profile: PhotoProfile | None = None) -> CheckedPhoto:
    """Check a photo by its content (never its name), and give what is kept of it.

    The EXIF orientation is applied before the proportions are judged. Takes up to a quarter of a second for the largest
    photo: call it off the event loop.

    Raises ``PhotoRefused`` with all that apply of the problems ``file_empty``, ``file_too_large``, ``file_too_small``,
    ``photo_not_jpeg``, ``file_unreadable``, ``image_too_many_pixels``, ``image_too_few_pixels``, ``photo_proportions``.
    """
    profile = profile or PhotoProfile()
    problems = _byte_problems(data, profile)
    file = _read(data, problems)
    image: Image.Image | None = None
    if file is not None:
        problems += _size_problems(*file.upright_size, profile)
        # What is too large is not decoded: its header is all that anyone looks at.
        if not {"file_too_large", "image_too_many_pixels"} & {problem.code for problem in problems}:
            image = _decode(file, problems)
    if problems or image is None:
        raise PhotoRefused(problems)
    advice = _advice(image, profile)
    kept, image = encode_jpeg(image, profile.most_bytes)
    return CheckedPhoto(kept, image.width, image.height, advice)


def _byte_problems(data: bytes, profile: PhotoProfile) -> list[FileProblem]:
    if not data:
        return [refusals.empty_file()]
    if len(data) > profile.most_bytes:
        return [refusals.too_many_bytes(len(data), profile.most_bytes)]
    if len(data) < profile.least_bytes:
        return [refusals.too_few_bytes(len(data), profile.least_bytes)]
    return []


def _read(data: bytes, problems: list[FileProblem]) -> ImageFile | None:
    if not data:
        return None
    if not data.startswith(JPEG_START):
        problems.append(
            FileProblem(
                "photo_not_jpeg",
                "照片须为jpg格式（按文件内容判断，与文件名无关）。",
                "The photo must be a jpg file (judged by its content, not by its name).",
            )
        )
        return None
    try:
        return read_jpeg(data)
    except Malformed:
        problems.append(refusals.unreadable_file())
        return None


def _decode(file: ImageFile, problems: list[FileProblem]) -> Image.Image | None:
    try:
        return decode_jpeg(file)
    except Malformed:
        problems.append(refusals.unreadable_file())
        return None


def _size_problems(width: int, height: int, profile: PhotoProfile) -> list[FileProblem]:
    problems = []
    if width > profile.most_width or height > profile.most_height:
        problems.append(refusals.too_many_pixels(width, height, f"{profile.most_width}×{profile.most_height}"))
    if width < profile.least_width or height < profile.least_height:
        problems.append(refusals.too_few_pixels(width, height, f"{profile.least_width}×{profile.least_height}"))
    if abs(width * profile.height_mm / (height * profile.width_mm) - 1) > profile.ratio_tolerance:
        shape = f"{profile.width_mm}×{profile.height_mm}"
        problems.append(
            FileProblem(
                "photo_proportions",
                f"照片为{width}×{height}像素，宽高比例不符：应为1寸照片（{shape}毫米）的比例，"
                f"允许误差{profile.ratio_tolerance * 100:g}%。",
                f"The photo has {width}×{height} pixels, which are not the proportions of {shape} mm "
                f"(tolerance {profile.ratio_tolerance * 100:g} %).",
            )
        )
    return problems


def _advice(image: Image.Image, profile: PhotoProfile) -> tuple[FileProblem, ...]:
    advice = []
    if image.width < profile.advised_width or image.height < profile.advised_height:
        advice.append(
            FileProblem(
                "photo_low_resolution",
                f"照片分辨率偏低，建议不小于{profile.advised_width}×{profile.advised_height}像素，以保证打印清晰。",
                f"The resolution is low: {profile.advised_width}×{profile.advised_height} pixels print well.",
            )
        )
    if image.mode == "L":
        advice.append(FileProblem("photo_greyscale", "照片为黑白，建议使用彩色照片。", "A photo in colour is advised."))
    if not has_white_background(image):
        advice.append(
            FileProblem("photo_background_not_white", "建议使用白色背景的照片。", "A white background is advised.")
        )
    return tuple(advice)


def has_white_background(image: Image.Image) -> bool:
    """Whether the upper border of a portrait is white, as far as a scan or a telephone gives white.

    Looked at: the topmost twentieth, and the outermost twentieth of each side down to half the height, where a head and
    shoulders do not reach. Four fifths of it must be light (215 to 255) and without a tint (channels within 25).
    """
    small = image.convert("RGB").resize((40, 56), Image.Resampling.BOX)
    border = small.crop((0, 0, 40, 3)).tobytes()
    border += small.crop((0, 3, 2, 28)).tobytes() + small.crop((38, 3, 40, 28)).tobytes()
    pixels = [border[place : place + 3] for place in range(0, len(border), 3)]
    white = sum(1 for pixel in pixels if min(pixel) >= 215 and max(pixel) - min(pixel) <= 25)
    return white >= 0.8 * len(pixels)
