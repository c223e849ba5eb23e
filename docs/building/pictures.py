"""The files that the documentation's people upload: drawn, of nobody."""

import zipfile
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


def bank_file() -> bytes:
    """A zip as an item writer packs it: a table, and the picture of an electrocardiogram that it names."""
    image = Image.new("RGB", (480, 160), "white")
    draw = ImageDraw.Draw(image)
    beat = ((0, 90), (25, 90), (30, 20), (35, 120), (40, 90))
    draw.line([(start + x, y) for start in range(0, 480, 60) for x, y in beat], fill=(150, 20, 20), width=2)
    stem = "下图心电图提示什么？![心电图：心率规整](pictures/ecg.png)"
    # With a code: one of its own would come from the picture's bytes, which depend on the library that encodes them.
    table = f"Question,A,B,C,D,Answer,Code\n{stem},窦性心律,心房颤动,心室颤动,心脏停搏,A,ECG-1\n"
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        opened.writestr("questions.csv", table)
        opened.writestr("pictures/ecg.png", _encoded(image, "PNG"))
    return stream.getvalue()


def _encoded(image: Image.Image, kind: str) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, quality=92)
    return stream.getvalue()
