"""The files that the documentation's people upload: drawn, of nobody."""

from io import BytesIO

from PIL import Image, ImageDraw


def photo(width: int = 295, height: int = 413) -> bytes:
    """A 1-inch photo as jpg: a drawn head and shoulders before white."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for step in range(0, width * 2, 3):
        shade = 60 + step % 120
        draw.line((step - width // 2, height, step, height * 2 // 3), fill=(shade, shade + 20, shade + 40), width=2)
    draw.ellipse((width // 4, height // 7, width * 3 // 4, height * 5 // 7), fill=(226, 190, 165))
    draw.pieslice((width // 4, height // 9, width * 3 // 4, height // 2), 180, 360, fill=(35, 30, 28))
    return _encoded(image, "JPEG")


def proof() -> bytes:
    """A scanned sheet as png."""
    image = Image.new("RGB", (840, 1188), (250, 250, 248))
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 40, 800, 1148), outline=(150, 20, 20), width=6)
    for line in range(20):
        draw.line((110, 220 + line * 40, 730, 220 + line * 40), fill=(90, 90, 90), width=2)
    return _encoded(image, "PNG")


def _encoded(image: Image.Image, kind: str) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, quality=92)
    return stream.getvalue()
