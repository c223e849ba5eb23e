"""Decoding an image whose size is known and allowed, and encoding it again with nothing but its pixels.

Every stored image has gone through here: what was hidden behind, in or beside the picture is gone. Decoding takes
about 20 ms and 3 bytes a pixel for each million pixels, so callers do it off the event loop, few at a time.
"""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO

from PIL import Image, ImageCms, JpegImagePlugin, PngImagePlugin

from dingkao.storage.containers import ImageFile, Malformed

_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUALITIES = (92, 85, 75)
_SMALLER = 0.85


def decode_jpeg(file: ImageFile) -> Image.Image:
    """Decode a JPEG read by ``containers.read_jpeg``: upright, in mode L (greyscale) or RGB (sRGB), without metadata.

    CMYK and pictures with a colour profile (such as Display P3 of telephones) are converted to sRGB. Raises
    ``Malformed`` where the picture is damaged or cut off.
    """
    image = _load(JpegImagePlugin.JpegImageFile, file)
    image = _to_srgb(image)
    if file.orientation in _TO_UPRIGHT:
        image = image.transpose(_TO_UPRIGHT[file.orientation])
    return image


def decode_png(file: ImageFile) -> Image.Image:
    """Decode a PNG read by ``containers.read_png`` to mode L or RGB; what is transparent becomes white paper.

    Raises ``Malformed`` where the picture is damaged or cut off.
    """
    image = _load(PngImagePlugin.PngImageFile, file)
    if image.mode.startswith("I"):  # 16 bits a pixel: the upper eight are the picture
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        pixels = image.convert("RGBA")
        image = Image.new("RGB", pixels.size, "white")
        image.paste(pixels, mask=pixels.getchannel("A"))
    image = image.convert("L" if image.mode in ("1", "L") else "RGB")
    image.info = {}
    return image


def encode_jpeg(image: Image.Image, most_bytes: int) -> tuple[bytes, Image.Image]:
    """Encode an image of mode L or RGB in the best quality that stays within ``most_bytes``.

    Gives the bytes and the image they hold, which is a smaller one where no quality was low enough.
    """
    while True:
        for quality in _QUALITIES:
            # Not optimised: that needs the whole file in one buffer, which Pillow makes too small for grainy pictures.
            data = _save(image, "JPEG", quality=quality, subsampling=0)
            if len(data) <= most_bytes or min(image.size) == 1:
                return data, image
        image = shrink(image, max(1, int(max(image.size) * _SMALLER)))


def encode_png(image: Image.Image) -> bytes:
    """Encode an image as PNG."""
    return _save(image, "PNG")


def shrink(image: Image.Image, longest_side: int) -> Image.Image:
    """Give the image with its longer side at most ``longest_side`` pixels, in the same proportions."""
    factor = longest_side / max(image.size)
    if factor >= 1:
        return image
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _load(decoder: type[JpegImagePlugin.JpegImageFile | PngImagePlugin.PngImageFile], file: ImageFile) -> Image.Image:
    """Decode with exactly one format's decoder: nothing is guessed from the content."""
    try:
        image = decoder(BytesIO(file.data))
        if image.size != (file.width, file.height):
            raise Malformed("the decoder sees another size")
        image.load()
    except Exception as error:  # what the bytes of a stranger can make a decoder raise is not a known list
        raise Malformed(str(error)) from error
    return image


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    image.info = {}
    if profile and image.mode != "L":
        # A broken profile, or one for other colours than the picture has, is as good as none.
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            in_srgb = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if in_srgb is not None:
                in_srgb.info = {}
                return in_srgb
    return image.convert("L" if image.mode == "L" else "RGB")


def _save(image: Image.Image, kind: str, **options: object) -> bytes:
    output = BytesIO()
    image.save(output, kind, **options)
    return output.getvalue()
