"""What a region may change of exemptions. Defaults are the manual's rule (2.2.4)."""

from datetime import date
from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dingkao.plugin.policy import PolicySection
from dingkao.plugin.vocabulary import PaperSubject


class RequestTiming(StrEnum):
    """From when on an exemption may be asked for; regions differ."""

    AFTER_SUBMISSION = "AFTER_SUBMISSION"
    AFTER_APPROVAL = "AFTER_APPROVAL"


class RequestWindow(BaseModel):
    """受理期限: the days in which an exemption may be asked for, both inclusive, in China's civil time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    opens_on: date
    closes_on: date

    @model_validator(mode="after")
    def _in_order(self) -> "RequestWindow":
        if self.closes_on < self.opens_on:
            raise ValueError(f"the window closes on {self.closes_on}, before it opens on {self.opens_on}")
        return self


class Wording(BaseModel):
    """What a doctor reads in this region, in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chinese: str = Field(min_length=1, max_length=200)
    english: str = Field(min_length=1, max_length=300)


class ExemptionsPolicy(PolicySection):
    """免考"""

    name: ClassVar[str] = "exemptions"

    enabled: bool = Field(default=True, description="是否受理免考申请")
    when: RequestTiming = Field(
        default=RequestTiming.AFTER_SUBMISSION,
        description="受理时间: once the doctor has submitted (AFTER_SUBMISSION, manual 2.2.4 医师报名完成后), "
        "or once the assessment body has approved (AFTER_APPROVAL): the decision on the exemption is then a second "
        "round of the two levels",
    )
    window: RequestWindow | None = Field(
        default=None,
        description="受理期限: the days in which one may ask, `opens_on` to `closes_on`, both inclusive; none: as long "
        "as the state allows. What was asked in time may be decided later",
    )
    waivable: dict[str, PaperSubject] = Field(
        default_factory=lambda: {"SIMPLE": PaperSubject.HUMANITIES, "GENERAL": PaperSubject.PROFESSIONAL},
        description="各考核程序可免试卷: the one paper that each procedure lets be waived (manual 2.2.4, note)",
    )
    regional_conditions: tuple[str, ...] = Field(
        default=(),
        description="地方增设的免考条件: codes of the catalogue's regional conditions that are offered here",
    )
    withheld: tuple[str, ...] = Field(
        default=(), description="停用的免考条件: codes of the catalogue that are not offered here, and not shown"
    )
    excluded: dict[str, Wording] = Field(
        default_factory=dict,
        description="不予免考的情形: codes of the catalogue that are shown here and cannot be ticked, each with the "
        "sentence that says why",
    )
    minimum_proofs: int = Field(default=1, ge=1, le=10, description="证明材料最少份数")
    maximum_proofs: int = Field(default=10, ge=1, le=50, description="证明材料最多份数")
    every_proof_kind: bool = Field(
        default=False,
        description="是否须上传每一种证明材料: each proof names its kind, and one is given of every kind that the "
        "ticked conditions take",
    )
    proof_wording: dict[str, Wording] = Field(
        default_factory=dict,
        description="证明材料的本地名称: by the code of a kind of proof, what it is called here",
    )
