"""What a region may change of exemptions. Defaults are the manual's rule (2.2.4)."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from dingkao.plugin.policy import PolicySection
from dingkao.plugin.vocabulary import PaperSubject


class RequestTiming(StrEnum):
    """From when on an exemption may be asked for; regions differ."""

    AFTER_SUBMISSION = "AFTER_SUBMISSION"
    AFTER_APPROVAL = "AFTER_APPROVAL"


class ExemptionsPolicy(PolicySection):
    """免考"""

    name: ClassVar[str] = "exemptions"

    enabled: bool = Field(default=True, description="是否受理免考申请")
    when: RequestTiming = Field(
        default=RequestTiming.AFTER_SUBMISSION,
        description="受理时间: once the doctor has submitted (AFTER_SUBMISSION, manual 2.2.4 医师报名完成后), "
        "or once the assessment body has approved (AFTER_APPROVAL)",
    )
    waivable: dict[str, PaperSubject] = Field(
        default_factory=lambda: {"SIMPLE": PaperSubject.HUMANITIES, "GENERAL": PaperSubject.PROFESSIONAL},
        description="各考核程序可免试卷: the one paper that each procedure lets be waived (manual 2.2.4, note)",
    )
    withheld: tuple[str, ...] = Field(
        default=("HUMANITIES_EDUCATION",),
        description="停用的免考条件: codes of the catalogue that are not offered here; what is "
        "no national condition is withheld by default",
    )
    minimum_proofs: int = Field(default=1, ge=1, le=10, description="证明材料最少份数")
    maximum_proofs: int = Field(default=10, ge=1, le=50, description="证明材料最多份数")
