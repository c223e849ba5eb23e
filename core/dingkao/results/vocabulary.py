"""Words of results and their documents."""

from enum import StrEnum


class ResultState(StrEnum):
    """考核结果状态"""

    CONCLUDED = "CONCLUDED"
    FILED = "FILED"
    NOTIFIED = "NOTIFIED"
    REEXAMINATION_REQUESTED = "REEXAMINATION_REQUESTED"
    UPHELD = "UPHELD"
    CHANGED = "CHANGED"
    FINAL = "FINAL"
    ANNULLED = "ANNULLED"


class ConclusionGround(StrEnum):
    """What a conclusion rests on. 结论依据"""

    ALL_PAPERS_PASSED = "ALL_PAPERS_PASSED"
    PAPER_FAILED = "PAPER_FAILED"
    PAPER_MISSED = "PAPER_MISSED"
    RATING_FAILED = "RATING_FAILED"


class DocumentKind(StrEnum):
    """文书种类"""

    NOTICE = "NOTICE"
    CERTIFICATE = "CERTIFICATE"


class DocumentState(StrEnum):
    """文书状态; only a certificate is sealed."""

    ISSUED = "ISSUED"
    UNSEALED = "UNSEALED"
    SEALED = "SEALED"
    REVOKED = "REVOKED"
