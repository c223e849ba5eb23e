"""What a JPEG or PNG file says of itself, read without decoding a pixel, and the same file without its metadata.

Pure on bytes. The decoder is given only what it needs to draw the picture: no EXIF, XMP, comments, text, thumbnails or
second images. So nothing hostile in those reaches it, and nothing private in them can be kept by mistake. Formats:
ITU-T T.81 annex B (JPEG), Exif 2.32 section 4.6 (orientation), ISO/IEC 15948 (PNG).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

JPEG_START = b"\xff\xd8\xff"
PNG_START = b"\x89PNG\r\n\x1a\n"

MOST_SCANS = 50
"""Passes over the picture in a progressive JPEG: cameras write about ten; each costs time and nearly no bytes."""

_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN = 0xDA
_STANDALONE = frozenset([0x01, *range(0xD0, 0xDA)])
_EXIF, _ICC, _COMMENT = 0xE1, 0xE2, 0xFE
_METADATA = (frozenset(range(0xE1, 0xF0)) - {_ICC, 0xEE}) | {_COMMENT}
_PICTURE_CHUNKS = frozenset([b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"])


class Malformed(ValueError):
    """The file is not what its first bytes promise, or it is cut off."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image file that has not been decoded: its size in pixels as stored, and its bytes without metadata.

    ``orientation`` is the EXIF value from 1 (upright) to 8; ``width`` and ``height`` are those before it is applied.
    """

    width: int
    height: int
    orientation: int
    data: bytes = field(repr=False)

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height in pixels as a person sees the picture."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def read_jpeg(data: bytes) -> ImageFile:
    """Read the header of a JPEG file and drop its metadata. Raises ``Malformed``."""
    if not data.startswith(JPEG_START):
        raise Malformed("no JPEG")
    kept = [b"\xff\xd8"]
    frame: tuple[int, int] | None = None
    orientation = 1
    place = 2
    while True:
        marker, start, end = _next_segment(data, place)
        if marker in _START_OF_FRAME:
            if frame is not None or end - start < 8:
                raise Malformed("frame header")
            height, width = struct.unpack_from(">HH", data, start + 3)
            frame = (width, height)
        elif marker == _EXIF:
            orientation = _exif_orientation(data[start + 2 : end]) or orientation
        if marker == _START_OF_SCAN:
            break
        if not _is_metadata(marker, data[start + 2 : end]):
            kept.append(data[start - 2 : end])
        place = end
    if frame is None or 0 in frame:
        raise Malformed("no frame before the first scan")
    if data.count(b"\xff\xda", start - 2) > MOST_SCANS:
        raise Malformed("too many scans")
    kept.append(data[start - 2 :])
    return ImageFile(*frame, orientation, b"".join(kept))


def _next_segment(data: bytes, place: int) -> tuple[int, int, int]:
    """Find the next marker at or after ``place``: its code, where its length field starts, and where it ends."""
    marker_at = data.find(b"\xff", place)
    while 0 <= marker_at < len(data) - 1 and data[marker_at + 1] == 0xFF:
        marker_at += 1
    start = marker_at + 2
    if marker_at < 0 or start + 2 > len(data):
        raise Malformed("cut off in the header")
    marker = data[marker_at + 1]
    length = int.from_bytes(data[start : start + 2])
    if marker == 0 or marker in _STANDALONE or length < 2 or start + length > len(data):
        raise Malformed("segment")
    return marker, start, start + length


def _is_metadata(marker: int, payload: bytes) -> bool:
    if marker == _ICC:
        return not payload.startswith(b"ICC_PROFILE\x00")
    return marker in _METADATA


def _exif_orientation(payload: bytes) -> int | None:
    """Take the orientation (tag 0x0112) from the first directory of an EXIF segment; None where there is none."""
    if not payload.startswith(b"Exif\x00\x00"):
        return None
    tiff = payload[6:]
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None:
        return None
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(entries):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, directory + 2 + 12 * entry)
            if tag == 0x0112:
                return value if kind == 3 and 1 <= value <= 8 else None
    except struct.error:
        pass
    return None


def read_png(data: bytes) -> ImageFile:
    """Read the header of a PNG file and drop all but the picture of it. Raises ``Malformed``."""
    if not data.startswith(PNG_START):
        raise Malformed("no PNG")
    kept = [PNG_START]
    place = len(PNG_START)
    kind = b""
    while kind != b"IEND":
        length = int.from_bytes(data[place : place + 4])
        kind = data[place + 4 : place + 8]
        end = place + 12 + length
        if end > len(data) or (len(kept) == 1 and kind != b"IHDR"):
            raise Malformed("chunk")
        if kind in _PICTURE_CHUNKS:
            kept.append(data[place:end])
        place = end
    if len(kept[1]) != 25:
        raise Malformed("image header")
    width, height = struct.unpack_from(">II", kept[1], 8)
    if 0 in (width, height):
        raise Malformed("no pixels")
    return ImageFile(width, height, 1, b"".join(kept))
