"""The numbers that a doctor is known by: reading, checking, masking.

Pure: no clock (``today`` is handed in), no database. A number that is accepted is well formed; that it exists, and
whose it is, only the registry (电子化注册) knows.

Sources: 公民身份号码 GB 11643-1999 (18 characters, check character by ISO 7064 MOD 11-2) and its forerunner
GB 11643-1989 (15 digits); 医师资格证书编码 and 医师执业证书编码 as they are in use (no standard is published, so what
is not certain about their inner structure is never a reason to refuse).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Sex

OLDEST_AGE = 120
"""Years of age beyond which a birth date is taken for a typing error."""

_LONGEST_INPUT = 64
_WEIGHTS = tuple(2 ** (18 - place) % 11 for place in range(1, 18))
_CHECK_CHARACTERS = "10X98765432"

_DOCUMENT_18 = re.compile(r"[1-9][0-9]{16}[0-9X]")
_DOCUMENT_15 = re.compile(r"[1-9][0-9]{14}")
_QUALIFICATION = re.compile(r"[0-9]{24}|[0-9]{26}[0-9X]")
_PRACTICE = re.compile(r"[0-9]{15}")
_PHONE = re.compile(r"1[3-9][0-9]{9}")


@dataclass(frozen=True, slots=True)
class Remark:
    """A doubt about a number that is accepted all the same: a stable code, and a sentence in Chinese and English."""

    code: str
    zh: str
    en: str

    @property
    def text(self) -> Text:
        """The sentence in both languages."""
        return Text(self.zh, self.en)


class NumberError(ValueError):
    """A number that cannot be accepted.

    ``code`` is stable and for programs; ``zh`` and ``en`` are for people. None of them repeats the number, so that the
    error may be logged.
    """

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(f"{code}: {en}")
        self.code = code
        self.zh = zh
        self.en = en

    @property
    def text(self) -> Text:
        """The sentence in both languages."""
        return Text(self.zh, self.en)


@dataclass(frozen=True, slots=True)
class ParsedDocumentNumber:
    """A citizen identity number (公民身份号码), always in the form of 18 characters with an upper-case X."""

    value: str
    region_code: str
    birth_date: date
    sex: Sex
    upgraded: bool
    """Whether it was given in the old form of 15 digits."""


@dataclass(frozen=True, slots=True)
class ParsedQualificationNumber:
    """A physician qualification certificate number (医师资格证书编码), split as it is in use.

    ``document_number`` is the tail as printed on the certificate (15 or 18 characters); it makes the whole number
    personal data. ``remarks`` are warnings, never reasons to refuse.
    """

    value: str
    year: int
    province_code: str
    level_code: str
    category_code: str
    document_number: str
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class ParsedPracticeNumber:
    """A physician practice certificate number (医师执业证书编码): 15 digits.

    Its inner layout is told differently by every source, so it is not taken apart.
    """

    value: str


@dataclass(frozen=True, slots=True)
class ParsedPhone:
    """A mainland mobile phone number (手机号码): 11 digits, no country code."""

    value: str


def normalise_number(text: str) -> str:
    """Give ``text`` as a number is stored: half-width, upper case, without white space or invisible characters.

    Full-width digits (NFKC), a small x, the spaces of grouped digits and the direction marks that copied phone numbers
    carry are mended. Nothing else is: hyphens and letters stay, and are refused by the checks. Of an overlong text only
    the beginning is looked at, which is still too long for any number.
    """
    half_width = unicodedata.normalize("NFKC", text[:_LONGEST_INPUT])
    kept = (sign for sign in half_width if not sign.isspace() and unicodedata.category(sign) != "Cf")
    return "".join(kept).upper()


def check_character(first_seventeen: str) -> str:
    """Compute the 18th character of a document number from its first 17 digits (ISO 7064 MOD 11-2)."""
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, first_seventeen, strict=True))
    return _CHECK_CHARACTERS[total % 11]


def parse_document_number(text: str, today: date) -> ParsedDocumentNumber:
    """Read a citizen identity number (公民身份号码) in the form of 18 characters or the old one of 15 digits.

    The old form is upgraded: its year belongs to the 20th century (GB 11643-1989 has no other in use), and the check
    character is computed. The birth date must exist, must not lie after ``today`` and not more than ``OLDEST_AGE``
    years before it. The address part is only checked for form: it is the place of first registration and may be a
    division code (GB/T 2260) that has since been retired.

    Raises ``NumberError`` with code ``document_number_format``, ``document_number_birth_date`` or
    ``document_number_check_character``.
    """
    number = normalise_number(text)
    upgraded = _DOCUMENT_15.fullmatch(number) is not None
    if upgraded:
        number = _upgrade(number)
    elif not _DOCUMENT_18.fullmatch(number):
        raise NumberError(
            "document_number_format",
            "身份证号应为18位（末位可为X）或15位数字。",
            "An identity number has 18 characters (the last may be X) or 15 digits.",
        )
    birth_date = _birth_date(number[6:14], today)
    if number[17] != check_character(number[:17]):
        raise NumberError(
            "document_number_check_character",
            "身份证号的校验码不符，请核对是否有误。",
            "The check character of the identity number does not fit: please look for a typing error.",
        )
    sex = Sex.MALE if int(number[16]) % 2 else Sex.FEMALE
    return ParsedDocumentNumber(number, number[:6], birth_date, sex, upgraded)


def _upgrade(fifteen: str) -> str:
    seventeen = fifteen[:6] + "19" + fifteen[6:]
    return seventeen + check_character(seventeen)


def _birth_date(digits: str, today: date) -> date:
    try:
        birth_date = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        birth_date = None
    if birth_date is None or birth_date > today or today.year - birth_date.year > OLDEST_AGE:
        raise NumberError(
            "document_number_birth_date",
            "身份证号中的出生日期不存在或不合理。",
            "The birth date in the identity number does not exist or is not plausible.",
        )
    return birth_date


def parse_qualification_number(text: str, document_number: str | None = None) -> ParsedQualificationNumber:
    """Read a qualification certificate number (医师资格证书编码): 27 characters, or 24 digits on old certificates.

    It is the year (4), province (2), level (1) and category (2), then the document number in its form of 18 or 15.
    With the doctor's ``document_number`` (either form) the tail is compared. A difference is the remark
    ``qualification_number_other_document``, never an error: a document number may have changed since.

    Raises ``NumberError`` with code ``qualification_number_format``.
    """
    number = normalise_number(text)
    if not _QUALIFICATION.fullmatch(number):
        raise NumberError(
            "qualification_number_format",
            "医师资格证书编码应为27位（末位可为X）或24位数字。",
            "A qualification certificate number has 27 characters (the last may be X) or 24 digits.",
        )
    tail = number[9:]
    return ParsedQualificationNumber(
        value=number,
        year=int(number[:4]),
        province_code=number[4:6],
        level_code=number[6],
        category_code=number[7:9],
        document_number=tail,
        remarks=_compare_documents(tail, document_number),
    )


def _compare_documents(tail: str, document_number: str | None) -> tuple[Remark, ...]:
    if document_number is None or _in_full(tail) == _in_full(normalise_number(document_number)):
        return ()
    return (
        Remark(
            "qualification_number_other_document",
            "医师资格证书编码中的身份证号与本人身份证号不一致，请核对。",
            "The identity number within the qualification number differs from the doctor's own: please check.",
        ),
    )


def _in_full(number: str) -> str:
    return _upgrade(number) if _DOCUMENT_15.fullmatch(number) else number


def parse_practice_number(text: str) -> ParsedPracticeNumber:
    """Read a practice certificate number (医师执业证书编码): 15 digits, no check digit.

    Raises ``NumberError`` with code ``practice_number_format``.
    """
    number = normalise_number(text)
    if not _PRACTICE.fullmatch(number):
        raise NumberError(
            "practice_number_format",
            "医师执业证书编码应为15位数字。",
            "A practice certificate number has 15 digits.",
        )
    return ParsedPracticeNumber(number)


def parse_phone(text: str) -> ParsedPhone:
    """Read a mainland mobile phone number (手机号码): 1, then 3 to 9, then nine digits; a leading +86 is dropped.

    Raises ``NumberError`` with code ``phone_format``.
    """
    number = normalise_number(text).removeprefix("+86")
    if not _PHONE.fullmatch(number):
        raise NumberError(
            "phone_format",
            "请填写11位的中国内地手机号码。",
            "Please give a mobile phone number of mainland China with 11 digits.",
        )
    return ParsedPhone(number)


def _mask(text: str, head: int, tail: int) -> str:
    """Star all but the first ``head`` and last ``tail`` characters, or all where fewer than four would be hidden."""
    hidden = len(text) - head - tail
    if hidden < 4:
        return "*" * len(text)
    return text[:head] + "*" * hidden + text[len(text) - tail :]


def mask_document_number(number: str) -> str:
    """Mask a document number: the first 3 and last 4 of 18 stay (``110***********1234``), 3 and 3 of any other.

    The old form shows one character less, because its fourth from the end is still part of the birth date.
    """
    return _mask(number, 3, 4 if len(number) == 18 else 3)


def mask_qualification_number(number: str) -> str:
    """Mask a qualification number: the year stays, and as much of its tail as ``mask_document_number`` shows."""
    return _mask(number, 4, 4 if len(number) == 27 else 3)


def mask_practice_number(number: str) -> str:
    """Mask a practice certificate number: the first 3 and last 4 of its 15 digits stay."""
    return _mask(number, 3, 4)


def mask_phone(number: str) -> str:
    """Mask a mobile phone number: ``138****1234``."""
    return _mask(number, 3, 4)
