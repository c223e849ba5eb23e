"""The files that the tour's people upload: made-up pictures of nobody."""

from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw

_PAPER = (250, 250, 248)


def _bytes(image: Image.Image, kind: str) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, quality=92)
    return stream.getvalue()


def _portrait(width: int, height: int) -> Image.Image:
    """A drawn head and shoulders before white."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    coat = Image.effect_noise((width, height), 24).convert("RGB")
    shoulders = Image.new("L", (width, height), 0)
    ImageDraw.Draw(shoulders).ellipse((-width // 10, height * 2 // 3, width * 11 // 10, height * 3 // 2), fill=255)
    image.paste(coat, mask=shoulders)
    draw.ellipse((width // 4, height // 7, width * 3 // 4, height * 5 // 7), fill=(226, 190, 165))
    draw.pieslice((width // 4, height // 9, width * 3 // 4, height // 2), 180, 360, fill=(35, 30, 28))
    return image


@cache
def photo() -> bytes:
    """A 1-inch photo as jpg (295 × 413 pixels)."""
    return _bytes(_portrait(295, 413), "JPEG")


@cache
def photo_as_png() -> bytes:
    """The same picture as png: no jpg, whatever its name says."""
    return _bytes(_portrait(295, 413), "PNG")


@cache
def square_photo() -> bytes:
    """A jpg that has not the proportions of a 1-inch photo."""
    return _bytes(_portrait(413, 413), "JPEG")


@cache
def face() -> bytes:
    """What a camera takes before the first test."""
    return _bytes(_portrait(480, 640), "JPEG")


@cache
def proof() -> bytes:
    """A scanned sheet as png."""
    image = Image.new("RGB", (840, 1188), _PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 40, 800, 1148), outline=(150, 20, 20), width=6)
    for line in range(20):
        draw.line((110, 220 + line * 40, 730, 220 + line * 40), fill=(90, 90, 90), width=2)
    return _bytes(image, "PNG")
