"""Numbers of documents: one series for each kind, region and year, each number given out once."""

from piccolo.querystring import QueryString

from dingkao.db.statement import Statement
from dingkao.documents.check_code import format_certificate_number, format_notice_number
from dingkao.results.vocabulary import DocumentKind

# One statement, so that the row's own lock (or SQLite's single writer) orders those who come at once.
_take = Statement(
    lambda p: QueryString(
        "INSERT INTO document_sequence (series, last) VALUES ({}, 1) "
        "ON CONFLICT (series) DO UPDATE SET last = document_sequence.last + 1 RETURNING last AS last",
        p.series,
    )
)


async def take_number(kind: DocumentKind, region_code: str, year: int) -> str:
    """The next number of the series, as printed. It is used up even where the document is not made in the end: numbers
    are unique, not without gaps."""
    row = await _take.first(series=f"{kind.value}-{region_code}-{year}")
    assert row is not None  # noqa: S101 - the statement always returns its row
    take = format_notice_number if kind is DocumentKind.NOTICE else format_certificate_number
    return take(region_code, year, row["last"])
