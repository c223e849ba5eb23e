"""Setting a page: a template of this package and a document's data go in, the bytes of a PDF come out.

Templates are Typst sources in ``templates/``. All data reach a template as one JSON text in ``sys.inputs``; nothing is
ever spliced into a source, so a name such as ``#panic("x")`` is printed as it stands. The templates may read no file
outside their folder and use no Typst package, so no page ever needs the network.

Typesetting is work for the processor (some milliseconds a page). Typst lets other Python threads run meanwhile, so
:func:`in_typesetting_thread` keeps it off the event loop, for at most as many pages at once as there are processors.
"""

import io
import json
import os
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import segno
import typst
from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from PIL import Image, UnidentifiedImageError

from dingkao.documents.errors import BlankField, PhotoUnusable, TypesettingFailed
from dingkao.documents.fonts import DocumentFonts

_TEMPLATES: Final = Path(__file__).parent / "templates"

# Of ISO 19005: archivable for as long as an authority keeps its records, tagged for screen readers. Typst refuses a
# page that does not conform.
_ARCHIVE_STANDARD: Final = "a-2a"

P = ParamSpec("P")
R = TypeVar("R")

# One limiter for each event loop: anyio's limiters belong to the loop that first uses them.
_limiter: RunVar[CapacityLimiter] = RunVar("dingkao_typesetting_limiter")


def typeset(
    template: str,
    data: Mapping[str, Any],
    fonts: DocumentFonts,
    created_on: date,
    *,
    archivable: bool = True,
) -> bytes:
    """Set ``templates/<template>.typ`` with ``data`` (what JSON can hold) and give the PDF.

    ``created_on`` becomes the PDF's creation time: with it the same data give the same bytes, on any day.
    Raises :class:`TypesettingFailed` when the template stops or warns (a missing font family is only a warning to
    Typst, and would leave the page without text).
    """
    given = {**data, "serif": fonts.serif, "sans": fonts.sans}
    try:
        pdf, warnings = typst.compile_with_warnings(
            str(_TEMPLATES / f"{template}.typ"),
            root=str(_TEMPLATES),
            font_paths=fonts.typst_fonts,
            ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(given, ensure_ascii=False)},
            format="pdf",
            pdf_standards=_ARCHIVE_STANDARD if archivable else [],
            timestamp=datetime(created_on.year, created_on.month, created_on.day, tzinfo=UTC),
        )
    except typst.TypstError as error:
        raise TypesettingFailed(error.message) from error
    if warnings:
        raise TypesettingFailed("；".join(warning.message for warning in warnings))
    return pdf


async def in_typesetting_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call ``function`` in a worker thread and give its result; wait while all processors are at work on pages.

    A call that has begun is not abandoned when the waiting task is cancelled.
    """
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(os.cpu_count() or 1)
        _limiter.set(limiter)
    return await to_thread.run_sync(partial(function, *args, **kwargs), limiter=limiter)


def printable_texts(content: object, prefix: str = "") -> dict[str, str]:
    """All texts of a content dataclass by the name of their field (``papers[0].name``), to be checked before printing.

    Enumerations, dates, numbers and bytes are left out: their form is the templates' own.
    Raises :class:`BlankField` for a text that is empty or blank; a field that may be absent is ``None`` instead.
    """
    texts = dict(_texts(content, prefix))
    for name, text in texts.items():
        if not text.strip():
            raise BlankField(name)
    return texts


def _texts(value: object, name: str) -> Iterator[tuple[str, str]]:
    # StrEnum members are strings too, but never typed in by anyone.
    if type(value) is str:
        yield name, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{name}[{index}]")
    elif is_dataclass(value):
        for each in fields(value):
            yield from _texts(getattr(value, each.name), f"{name}.{each.name}" if name else each.name)


def photo_as_svg(photo: bytes) -> str:
    """Wrap a JPEG into an SVG text, which JSON can carry; Typst embeds the JPEG's bytes unchanged.

    (A JSON list of byte values works too and takes six times as long.)
    Raises :class:`PhotoUnusable` when the bytes are not a JPEG that can be decoded.
    """
    try:
        with Image.open(io.BytesIO(photo), formats=("JPEG",)) as image:
            image.load()
            width, height = image.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise PhotoUnusable from error
    encoded = b64encode(photo).decode("ascii")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<image width="{width}" height="{height}" xlink:href="data:image/jpeg;base64,{encoded}"/></svg>'
    )


def qr_code_as_svg(url: str) -> str:
    """A QR code (ISO/IEC 18004, error correction M: a fold or a stain is forgiven) of ``url``, with its quiet zone."""
    buffer = io.BytesIO()
    segno.make_qr(url, error="m").save(buffer, kind="svg", xmldecl=False, border=4)
    return buffer.getvalue().decode("ascii")


def chinese_date(day: date) -> str:
    """A date as official documents write it (GB/T 9704): ``2026年12月1日``, without leading zeros."""
    return f"{day.year}年{day.month}月{day.day}日"
