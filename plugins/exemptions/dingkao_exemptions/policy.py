"""What a region may change of exemptions. Defaults are the manual's rule (2.2.4)."""

from datetime import date
from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dingkao.plugin.policy import Codes, PolicySection, Stricter, may_tighten, policy_key
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

    enabled: bool = policy_key(
        default=True,
        description="是否受理免考申请: whether exemptions may be asked for",
        source="manual 2.2.4",
    )
    when: RequestTiming = policy_key(
        default=RequestTiming.AFTER_SUBMISSION,
        description="受理时间: once the doctor has submitted (AFTER_SUBMISSION, 医师报名完成后), "
        "or once the assessment body has approved (AFTER_APPROVAL): the decision on the exemption is then a second "
        "round of the two levels",
        source="manual 2.2.4; regions differ",
    )
    window: RequestWindow | None = policy_key(
        default=None,
        description="受理期限: the days in which one may ask, `opens_on` to `closes_on`, both inclusive; none: as long "
        "as the state allows. What was asked in time may be decided later",
        source="regions' notices; the manual names none",
    )
    waivable: dict[str, PaperSubject] = policy_key(
        default_factory=lambda: {"SIMPLE": PaperSubject.HUMANITIES, "GENERAL": PaperSubject.PROFESSIONAL},
        codes=Codes.PROCEDURE,
        description="各考核程序可免试卷: the one paper that each procedure lets be waived",
        source="manual 2.2.4, note",
    )
    regional_conditions: tuple[str, ...] = policy_key(
        default=(),
        codes=Codes.EXEMPTION_CONDITION,
        description="地方增设的免考条件: codes of the catalogue's regional conditions that are offered here",
        source="manual 2.2.4; regions' notices",
    )
    withheld: tuple[str, ...] = policy_key(
        default=(),
        codes=Codes.EXEMPTION_CONDITION,
        description="停用的免考条件: codes of the catalogue that are not offered here, and not shown",
        source="manual 2.2.4",
        lower=may_tighten(Stricter.MORE),
    )
    excluded: dict[str, Wording] = policy_key(
        default_factory=dict,
        codes=Codes.EXEMPTION_CONDITION,
        description="不予免考的情形: codes of the catalogue that are shown here and cannot be ticked, each with the "
        "sentence that says why",
        source="regions' notices; the manual names none",
        lower=may_tighten(Stricter.MORE),
    )
    minimum_proofs: int = policy_key(
        default=1,
        ge=1,
        le=10,
        description="证明材料最少份数: proofs that a request has at least",
        source="manual 2.2.4",
        lower=may_tighten(Stricter.HIGHER),
    )
    maximum_proofs: int = policy_key(
        default=10,
        ge=1,
        le=50,
        description="证明材料最多份数: proofs that a request has at most",
        source="this software's choice; the manual names none",
    )
    every_proof_kind: bool = policy_key(
        default=False,
        description="是否须上传每一种证明材料: each proof names its kind, and one is given of every kind that the "
        "ticked conditions take",
        source="regions' notices; the manual names none",
        lower=may_tighten(Stricter.TRUE),
    )
    proof_wording: dict[str, Wording] = policy_key(
        default_factory=dict,
        codes=Codes.PROOF_KIND,
        description="证明材料的本地名称: by the code of a kind of proof, what it is called here",
        source="regions' notices",
    )
