"""What a region may change of the simple procedure. Defaults are the national rule."""

from datetime import date
from enum import StrEnum
from typing import ClassVar

from pydantic import model_validator

from dingkao.plugin.policy import PolicySection, Stricter, may_tighten, policy_key


class CountedTo(StrEnum):
    """To which day years of practice are counted; regions differ."""

    CYCLE_END = "CYCLE_END"
    CYCLE_START = "CYCLE_START"
    TODAY = "TODAY"
    DATE = "DATE"


class SimpleProcedurePolicy(PolicySection):
    """简易程序 (2007 measure, 考核程序; Physicians Law, Art. 42)"""

    name: ClassVar[str] = "simple_procedure"

    years_with_good_record: int = policy_key(
        default=5,
        ge=1,
        le=50,
        description="有良好行为记录者须满的执业年限（年）: full years of practice, with a good record",
        source="2007 measure, 考核程序",
        lower=may_tighten(Stricter.HIGHER),
    )
    years_without_bad_record: int = policy_key(
        default=12,
        ge=1,
        le=50,
        description="无不良行为记录者须满的执业年限（年）: full years of practice, with no bad record",
        source="2007 measure, 考核程序",
        lower=may_tighten(Stricter.HIGHER),
    )
    require_no_bad_record_always: bool = policy_key(
        default=True,
        description="有良好行为记录者是否也须无不良行为记录: the measure of 2007 asks it of the longer way only, "
        "the Physicians Law of whoever is assessed in a simplified way",
        source="Physicians Law, Art. 42",
    )
    years_counted_to: CountedTo = policy_key(
        default=CountedTo.CYCLE_END,
        description="执业年限计算截止日: from the issue of the first practice certificate to the cycle's end "
        "(CYCLE_END), its start (CYCLE_START), the day of asking (TODAY) or the day in years_counted_on (DATE)",
        source="regions' notices differ; the measure names no day",
    )
    years_counted_on: date | None = policy_key(
        default=None,
        description="执业年限计算截止的日期: the day itself, where years_counted_to is DATE; it is counted",
        source="regions' notices differ; the measure names no day",
    )
    minimum_proofs: int = policy_key(
        default=1,
        ge=0,
        le=20,
        description="证明材料最少份数: proofs that the doctor adds at least",
        source="manual 2.2.3 (4)",
    )
    statement_maximum: int = policy_key(
        default=2000,
        ge=100,
        le=20000,
        description="个人述职最多字数: characters of the personal statement",
        source="manual 2.2.3 (4)",
    )
    humanities_paper: bool = policy_key(
        default=False,
        description="是否须完成医学人文测评: the national text has no test in this procedure, some regions have",
        source="2007 measure, 考核程序; manual 2.2.5 has one",
    )
    attempts: int | None = policy_key(
        default=None,
        ge=1,
        le=100,
        description="医学人文测评答题次数; null 为不限次数，合格为止: how often the paper may be sat",
        source="manual 2.2.5",
    )

    @model_validator(mode="after")
    def _a_date_where_one_is_meant(self) -> "SimpleProcedurePolicy":
        if (self.years_counted_to is CountedTo.DATE) != (self.years_counted_on is not None):
            raise ValueError("years_counted_on goes with years_counted_to DATE, and only with it")
        return self

    @model_validator(mode="after")
    def _longer_way_is_longer(self) -> "SimpleProcedurePolicy":
        if self.years_without_bad_record < self.years_with_good_record:
            raise ValueError("years_without_bad_record must not be below years_with_good_record")
        return self
