"""Well-formed numbers of nobody, for the demo province, the tests and the bench.

A made-up number must pass every check and still hit no living person. All therefore stand in a region that cannot be:
their address part is 990000 to 990999. GB/T 2260 has no province 99. The number of a foreigner's permanent residence
card also has 18 characters and starts with 9, then the province: there is no province 90 either.
"""

from __future__ import annotations

from datetime import date
from random import Random

from dingkao.doctors.numbers import check_character
from dingkao.plugin.vocabulary import Sex

MADE_UP_PROVINCE = "99"

_REGIONS = 1000
_ORDERS = 499
DIFFERENT_NUMBERS = _REGIONS * _ORDERS
"""How many different document numbers there are for one birth date and sex."""


def _as_index(seed: int | Random, size: int) -> int:
    return seed.randrange(size) if isinstance(seed, Random) else seed % size


def made_up_document_number(seed: int | Random, birth_date: date, sex: Sex) -> str:
    """Make a valid document number (公民身份号码, 18 characters) that belongs to nobody.

    A ``seed`` that is a whole number always gives the same number, and any two seeds less than ``DIFFERENT_NUMBERS``
    apart give different ones, so a roster can be numbered through without keeping what was given out.
    """
    index = _as_index(seed, DIFFERENT_NUMBERS)
    region, place = divmod(index, _ORDERS)
    order = 2 * place + (1 if sex is Sex.MALE else 2)
    seventeen = f"{MADE_UP_PROVINCE}0{region:03d}{birth_date.isoformat().replace('-', '')}{order:03d}"
    return seventeen + check_character(seventeen)


def made_up_passport_number(seed: int | Random) -> str:
    """Make a passport number of the newest form (E, a letter, seven digits) with the letter O, which the series leaves
    out as it does I."""
    return f"EO{_as_index(seed, 10**7):07d}"


def made_up_qualification_number(document_number: str, year: int, category_code: str = "10") -> str:
    """Make a qualification number (医师资格证书编码) around a document number: year, province 99, level 1, category."""
    return f"{year:04d}{MADE_UP_PROVINCE}1{category_code:0>2}{document_number}"


def made_up_practice_number(seed: int | Random, category_code: str = "10") -> str:
    """Make a practice number (医师执业证书编码): level 1, category, province 99, then ten digits by ``seed``."""
    return f"1{category_code:0>2}{MADE_UP_PROVINCE}{_as_index(seed, 10**10):010d}"


def made_up_phone(seed: int | Random) -> str:
    """Make a well-formed mobile phone number out of 154, a range no operator gives to the public.

    Nothing guarantees that it stays so: a message must never be sent to one.
    """
    return f"154{_as_index(seed, 10**8):08d}"
