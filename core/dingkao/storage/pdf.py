"""Whether a PDF of a stranger may be kept and shown to others: it parses, it is not too much, and it only shows pages.

Pure on bytes. What a PDF can do beyond showing pages (ISO 32000-2: scripts 12.6.4.17, launching programs 12.6.4.6,
sending forms 12.7.6, attached files 7.11.4, sound, film and 3D 13) is refused, wherever in the document it stands. The
document itself is kept byte for byte, so that an electronic seal in it stays valid.
"""

from __future__ import annotations

from io import BytesIO

from pypdf import PdfReader, apply_configuration
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, PdfObject, StreamObject

PDF_START = b"%PDF-"

_END_WITHIN = 1024
_MOST_OBJECTS = 30_000  # pypdf reads some twenty thousand a second
_MOST_VALUES = 300_000
_MOST_STREAM_BYTES = 32 * 1024 * 1024
_MOST_CONTENT_BYTES = 64 * 1024 * 1024

_ACTIVE_KEYS = frozenset(
    ["/JavaScript", "/JS", "/AA", "/EmbeddedFiles", "/EF", "/XFA", "/Collection", "/RichMediaContent"]
)
_ACTIVE_ACTIONS = frozenset(
    [
        *("/JavaScript", "/Launch", "/SubmitForm", "/ImportData", "/GoToE", "/GoToR", "/GoTo3DView"),
        *("/Rendition", "/RichMediaExecute", "/Movie", "/Sound"),
    ]
)
_ACTIVE_ANNOTATIONS = frozenset(["/FileAttachment", "/RichMedia", "/Movie", "/Sound", "/Screen", "/3D"])
# An earlier revision or an object that nothing points to is not seen by walking, but another reader might come upon it.
_ACTIVE_NAMES = (b"/JavaScript", b"/EmbeddedFile", b"/Launch", b"/SubmitForm", b"/RichMedia")


class PdfRefused(ValueError):
    """The base of the four reasons to refuse a PDF."""


class PdfUnreadable(PdfRefused):
    """It is damaged, cut off, or costs more to read than any honest document."""


class PdfEncrypted(PdfRefused):
    """It is encrypted, with or without a password that must be typed in."""


class PdfActive(PdfRefused):
    """It can do more than show pages."""


class PdfTooManyPages(PdfRefused):
    """It has more pages than allowed."""

    def __init__(self, pages: int) -> None:
        super().__init__(f"{pages} pages")
        self.pages = pages


def count_pages(data: bytes, most_pages: int) -> int:
    """Give the number of pages of a PDF that may be kept.

    Raises ``PdfUnreadable``, ``PdfEncrypted``, ``PdfActive`` or ``PdfTooManyPages``.
    """
    if not data.startswith(PDF_START) or b"%%EOF" not in data[-_END_WITHIN:]:
        raise PdfUnreadable("it does not begin or end as a PDF")
    try:
        with apply_configuration(
            maximum_declared_stream_length=len(data),
            zlib_maximum_output_length=_MOST_STREAM_BYTES,
            lzw_maximum_output_length=_MOST_STREAM_BYTES,
            run_length_maximum_output_length=_MOST_STREAM_BYTES,
            array_based_stream_maximum_output_length=_MOST_CONTENT_BYTES,
            stream_decoding_work_maximum_length=_MOST_CONTENT_BYTES,
            page_tree_maximum_entries=10_000,
            jbig2dec_binary=None,
        ):
            return _count_pages(data, most_pages)
    except PdfRefused:
        raise
    except Exception as error:  # what the bytes of a stranger can make a parser raise is not a known list
        raise PdfUnreadable(type(error).__name__) from error


def _count_pages(data: bytes, most_pages: int) -> int:
    reader = PdfReader(BytesIO(data), strict=False, root_object_recovery_limit=1000)
    if reader.is_encrypted:
        raise PdfEncrypted("encrypted")
    _refuse_active(reader, data)
    pages = len(reader.pages)
    if pages == 0:
        raise PdfUnreadable("no page")
    if pages > most_pages:
        raise PdfTooManyPages(pages)
    _read_contents(reader)
    return pages


def _refuse_active(reader: PdfReader, data: bytes) -> None:
    """Walk over every value that can be reached from the trailer, each object once."""
    if any(name in data for name in _ACTIVE_NAMES):
        raise PdfActive("a name in the file")
    waiting: list[PdfObject | None] = [reader.trailer]
    seen: set[tuple[int, int]] = set()
    values = 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, IndirectObject):
            if (value.idnum, value.generation) in seen:
                continue
            seen.add((value.idnum, value.generation))
            value = value.get_object()
        if isinstance(value, DictionaryObject):
            _refuse_active_dictionary(value)
            waiting.extend(value.values())
            values += len(value)
        elif isinstance(value, ArrayObject):
            waiting.extend(value)
            values += len(value)
        if values > _MOST_VALUES or len(seen) > _MOST_OBJECTS:
            raise PdfUnreadable("too many objects")


def _refuse_active_dictionary(dictionary: DictionaryObject) -> None:
    if not _ACTIVE_KEYS.isdisjoint(dictionary):
        raise PdfActive("a key")
    if _entry(dictionary, "/S") in _ACTIVE_ACTIONS or _entry(dictionary, "/Subtype") in _ACTIVE_ANNOTATIONS:
        raise PdfActive("an action or annotation")
    opening = _entry(dictionary, "/OpenAction")
    # Opening at a page is harmless: as a destination (an array) or as an action GoTo.
    if isinstance(opening, DictionaryObject) and _entry(opening, "/S") != "/GoTo":
        raise PdfActive("an action at opening")


def _entry(dictionary: DictionaryObject, key: str) -> object:
    """Give the value of a key where it stands or where it is referred to; None where there is none."""
    value = dictionary.get(key)
    return value.get_object() if isinstance(value, IndirectObject) else value


def _read_contents(reader: PdfReader) -> None:
    """Decode what draws each page, so that a damaged page is found now and not by the reviewer."""
    decoded: set[tuple[int, int]] = set()
    total = 0
    for page in reader.pages:
        if page.mediabox.width <= 0 or page.mediabox.height <= 0:
            raise PdfUnreadable("a page without size")
        contents = _entry(page, "/Contents")
        for part in contents if isinstance(contents, ArrayObject) else [page.raw_get("/Contents")] if contents else []:
            if isinstance(part, IndirectObject):
                if (part.idnum, part.generation) in decoded:
                    continue
                decoded.add((part.idnum, part.generation))
            stream = part.get_object()
            if not isinstance(stream, StreamObject):
                raise PdfUnreadable("contents that are no stream")
            total += len(stream.get_data())
            if total > _MOST_CONTENT_BYTES:
                raise PdfUnreadable("contents too long")
