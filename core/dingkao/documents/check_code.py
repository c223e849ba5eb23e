"""The numbers of documents, and the secret code in the address of a document's public check page.

A document's number is for people: printed, read aloud, typed in. No official rule for it is public, so this one is
our own (a region may print its own numbers instead)::

    ZS-510100-2026-000123-B
    │  │      │    │      └ check character, ISO/IEC 7064 MOD 37,36 over all that stands before it
    │  │      │    └ sequence of the issuer's documents of this kind in this cycle, from 1, six digits
    │  │      └ year in which the cycle ends
    │  └ division code of the issuer's region (GB/T 2260, six digits)
    └ kind: TZ a notice (通知书), ZS a certificate (证书)

The check character finds every single wrong character and nearly every pair that was swapped.

Numbers can be guessed one from the next, so a number alone opens nothing: the check page's address holds a check code
of 128 random bits, which only a document's QR code and its holder know.
"""

import re
import secrets
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_CHECK_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CHECK_CODE_BYTES: Final = 16
_CHECK_CODE: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_NUMBER: Final = re.compile(r"(TZ|ZS)([0-9]{6})([0-9]{4})([0-9]{6})([0-9A-Z])")
_LARGEST_SEQUENCE: Final = 999_999


class DocumentKind(StrEnum):
    """The kinds of numbered documents, with the letters that begin their numbers."""

    NOTICE = "TZ"
    CERTIFICATE = "ZS"


class InvalidDocumentNumber(ValueError):
    """A text is not the number of a document: wrong form, or mistyped (the check character does not fit)."""

    code = "INVALID_DOCUMENT_NUMBER"

    def __init__(self) -> None:
        super().__init__("文书编号不正确，请核对后重新输入。")


@dataclass(frozen=True, slots=True)
class DocumentNumber:
    """The parts of a document's number; ``str()`` gives it as printed."""

    kind: DocumentKind
    region_code: str
    cycle_year: int
    sequence: int

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9]{6}", self.region_code):
            raise ValueError("a region code has six digits (GB/T 2260)")
        if not 1000 <= self.cycle_year <= 9999:
            raise ValueError("a cycle's year has four digits")
        if not 1 <= self.sequence <= _LARGEST_SEQUENCE:
            raise ValueError(f"a document's sequence is 1 to {_LARGEST_SEQUENCE}")

    def __str__(self) -> str:
        parts = (self.kind.value, self.region_code, f"{self.cycle_year}", f"{self.sequence:06}")
        return "-".join((*parts, check_character("".join(parts))))


def format_notice_number(region_code: str, cycle_year: int, sequence: int) -> str:
    """The number of a notice. Raises ``ValueError`` for parts out of range."""
    return str(DocumentNumber(DocumentKind.NOTICE, region_code, cycle_year, sequence))


def format_certificate_number(region_code: str, cycle_year: int, sequence: int) -> str:
    """The number of a certificate. Raises ``ValueError`` for parts out of range."""
    return str(DocumentNumber(DocumentKind.CERTIFICATE, region_code, cycle_year, sequence))


def parse_document_number(text: str) -> DocumentNumber:
    """Read a number as people type it: small letters, full-width characters, spaces and any dashes are all fine.

    Raises :class:`InvalidDocumentNumber`.
    """
    plain = unicodedata.normalize("NFKC", text).upper()
    plain = "".join(c for c in plain if not c.isspace() and unicodedata.category(c) != "Pd")
    match = _NUMBER.fullmatch(plain)
    if match is None or check_character(plain[:-1]) != plain[-1]:
        raise InvalidDocumentNumber
    kind, region_code, year, sequence, _ = match.groups()
    try:
        return DocumentNumber(DocumentKind(kind), region_code, int(year), int(sequence))
    except ValueError as error:
        raise InvalidDocumentNumber from error


def check_character(text: str) -> str:
    """The check character of ``text`` (digits and capital letters) by ISO/IEC 7064 MOD 37,36."""
    product = 36
    for character in text:
        total = (product + _CHECK_ALPHABET.index(character)) % 36 or 36
        product = total * 2 % 37
    return _CHECK_ALPHABET[(37 - product) % 36]


def new_check_code() -> str:
    """A new check code: 128 bits from the operating system's generator, 22 characters that may stand in an address."""
    return secrets.token_urlsafe(_CHECK_CODE_BYTES)


def is_check_code(text: str) -> bool:
    """Whether ``text`` has the form of a check code; one that has not needs no look into the database."""
    return _CHECK_CODE.fullmatch(text) is not None
