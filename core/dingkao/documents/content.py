"""What notices and certificates are made of: typed, frozen, and without any access to the database."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class Conclusion(StrEnum):
    """The two results that the law knows (《医师定期考核管理办法》: 考核结果分为合格和不合格)."""

    PASS = "合格"  # noqa: S105 - a result, not a password
    FAIL = "不合格"


class DimensionOutcome(StrEnum):
    """How one of the three dimensions (业务水平, 工作成绩, 职业道德) ended."""

    PASS = "合格"  # noqa: S105 - a result, not a password
    FAIL = "不合格"
    # A doctor whom the ratings have failed sits no test.
    NOT_ASSESSED = "未测评"


class PaperOutcome(StrEnum):
    """How one paper ended."""

    PASSED = "合格"
    FAILED = "不合格"
    EXEMPT = "免考"
    ABSENT = "缺考"
    VOIDED = "成绩无效"
    NOT_TAKEN = "未测评"


# Outcomes that count against the doctor; they are set off on the page.
ADVERSE_OUTCOMES: frozenset[StrEnum] = frozenset(
    {DimensionOutcome.FAIL, PaperOutcome.FAILED, PaperOutcome.ABSENT, PaperOutcome.VOIDED}
)


@dataclass(frozen=True, slots=True)
class DimensionResult:
    """One dimension by its name in the cycle's policy, and how it ended."""

    name: str
    outcome: DimensionOutcome


@dataclass(frozen=True, slots=True)
class PaperResult:
    """One paper: its name, how it ended, the mark (``None`` where none was given) and the day it was sat."""

    name: str
    outcome: PaperOutcome
    score: Decimal | None = None
    taken_on: date | None = None


@dataclass(frozen=True, slots=True)
class AssessedDoctor:
    """The doctor as the documents name them, from the snapshot taken at submission.

    ``document_number`` is printed as given: the caller decides whether it is masked. ``photo`` is a JPEG of one-inch
    proportions (25 × 35 mm); without one the page shows the frame to paste one into.
    """

    name: str
    document_number: str
    practice_certificate_number: str
    institution: str
    category: str
    level: str
    photo: bytes | None


@dataclass(frozen=True, slots=True)
class CyclePeriod:
    """The assessment cycle (考核周期): its name and its first and last day."""

    name: str
    starts_on: date
    ends_on: date
