"""The core's own policy sections. Defaults are the national rule; what only a region decides is off by default."""

from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dingkao.plugin.policy import PolicySection
from dingkao.plugin.vocabulary import RATED_DIMENSIONS, Dimension, PaperSubject


class AccountsPolicy(PolicySection):
    """账户"""

    name: ClassVar[str] = "accounts"

    initial_password: str | None = Field(
        default=None,
        description="初始密码: the password an account answers to until its owner has set one (manual 2.2.2). "
        "None: there is no common one.",
    )
    password_minimum_length: int = Field(default=8, ge=8, le=64, description="密码最短长度")


class FormPolicy(PolicySection):
    """报名信息表"""

    name: ClassVar[str] = "form"

    required_fields: tuple[str, ...] = Field(
        default=("contactPhone", "ethnicity", "highestEducation", "department", "professionalTitle"),
        description="必填项: fields of the registration form that must be filled before submission",
    )
    photo_required: bool = Field(default=True, description="是否必须上传照片 (manual 2.2.3 (1))")
    photo_width: int = Field(default=295, ge=100, description="1 寸照片宽（像素, 300 dpi）")
    photo_height: int = Field(default=413, ge=140, description="1 寸照片高（像素, 300 dpi）")
    photo_maximum_bytes: int = Field(default=2_000_000, ge=20_000, description="照片最大字节数")
    education_required: bool = Field(default=True, description="至少填写一条教育经历; 可直接填最高学历")


class EvaluationItem(BaseModel):
    """One line of the self-evaluation form: asked in words, answered by a score from 0 to `maximum`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    dimension: Dimension
    title: str
    maximum: int = Field(ge=1, le=100)


def _default_items() -> tuple[EvaluationItem, ...]:
    performance, ethics = RATED_DIMENSIONS
    return (
        EvaluationItem(code="WORKLOAD", dimension=performance, title="完成执业任务的数量", maximum=40),
        EvaluationItem(code="QUALITY", dimension=performance, title="医疗质量与安全", maximum=40),
        EvaluationItem(code="PUBLIC_DUTIES", dimension=performance, title="完成政府指令性任务情况", maximum=20),
        EvaluationItem(code="LAWFULNESS", dimension=ethics, title="依法执业、遵守规章制度", maximum=40),
        EvaluationItem(code="PATIENT_CARE", dimension=ethics, title="尊重患者、服务态度", maximum=30),
        EvaluationItem(code="INTEGRITY", dimension=ethics, title="廉洁行医、团结协作", maximum=30),
    )


class EvaluationPolicy(PolicySection):
    """工作成绩、职业道德评定表"""

    name: ClassVar[str] = "evaluation"

    items: tuple[EvaluationItem, ...] = Field(default_factory=_default_items, description="自评项目")
    summary_maximum: int = Field(default=1000, ge=0, le=5000, description="每项自评说明最多字数")

    @model_validator(mode="after")
    def _both_dimensions(self) -> "EvaluationPolicy":
        # The law's floor: work performance and professional ethics are both rated (Physicians Law, Art. 42).
        missing = [
            dimension.value for dimension in RATED_DIMENSIONS if dimension not in {i.dimension for i in self.items}
        ]
        if missing:
            raise ValueError(f"no item for {', '.join(missing)}: both dimensions must be rated")
        if len({item.code for item in self.items}) != len(self.items):
            raise ValueError("two items with one code")
        return self


class ReviewPolicy(PolicySection):
    """审核与复核"""

    name: ClassVar[str] = "reviews"

    separate_people: bool = Field(
        default=True, description="机构审核与考核机构复核不得为同一人: the same person may not decide at both levels"
    )


class PassMark(StrEnum):
    """合格线划定时间: before the sitting, by the policy; or after it, by the authority that has seen the marks."""

    BEFORE_SITTING = "BEFORE_SITTING"
    AFTER_SITTING = "AFTER_SITTING"


class PaperRule(BaseModel):
    """How one subject is examined: number of questions, minutes, and the percentage that passes.

    `pass_mark` AFTER_SITTING: marked papers wait until the authority has fixed the percentage for the whole cycle, and
    `pass_percent` says nothing. Each such paper is sat once: nobody can fail before the mark is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    questions: int = Field(ge=1, le=500)
    minutes: int = Field(ge=1, le=600)
    pass_percent: int = Field(ge=1, le=100)
    pass_mark: PassMark = PassMark.BEFORE_SITTING


class PapersPolicy(PolicySection):
    """测评试卷"""

    name: ClassVar[str] = "papers"

    rules: dict[PaperSubject, PaperRule] = Field(
        default_factory=lambda: {
            subject: PaperRule(questions=100, minutes=60, pass_percent=60) for subject in PaperSubject
        },
        description="各科目题数、时长（分钟）、合格线（百分比）及其划定时间: "
        "BEFORE_SITTING 测评前, AFTER_SITTING 测评后由主管部门划定",
    )
    grace_seconds: int = Field(
        default=60,
        ge=0,
        le=600,
        description="网络宽限: seconds after the deadline in which a late answer is still taken",
    )
    face_capture: bool = Field(default=True, description="首次测评前是否采集人脸 (manual 2.2.5)")
    face_consent_version: str = Field(default="2026-1", description="人脸信息采集授权书版本")
    face_consent_text: str = Field(
        default=(
            "为核验测评者身份，本次测评将采集您的人脸图像，仅用于本次考核的监考与身份核验。"
            "您可以不同意；不同意将影响考核监考以及测评进度。"
        ),
        description="人脸信息采集授权书全文",
    )

    @model_validator(mode="after")
    def _every_subject(self) -> "PapersPolicy":
        missing = [subject.value for subject in PaperSubject if subject not in self.rules]
        if missing:
            raise ValueError(f"no rule for {', '.join(missing)}: a layer gives the rules of every subject")
        return self


class DocumentsPolicy(PolicySection):
    """考核结果通知书与合格证书"""

    name: ClassVar[str] = "documents"

    notice_printable: bool = Field(default=False, description="医师可否自行打印考核结果通知书 (manual 2.2.6)")
    certificate_issued: bool = Field(default=True, description="合格者是否发给合格证书")
    objection_days: int = Field(default=30, ge=30, description="异议期（日）: 2007 measure, Art. 24")


CORE_SECTIONS: tuple[type[PolicySection], ...] = (
    AccountsPolicy,
    FormPolicy,
    EvaluationPolicy,
    ReviewPolicy,
    PapersPolicy,
    DocumentsPolicy,
)
