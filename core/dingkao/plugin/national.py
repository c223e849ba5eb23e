"""The core's own policy sections. Defaults are the national rule; what only a region decides is off by default."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dingkao.plugin.blueprints import Blueprint
from dingkao.plugin.policy import MAY_NOT_TOUCH, PolicySection, Stricter, may_tighten, policy_key
from dingkao.plugin.vocabulary import RATED_DIMENSIONS, Dimension, PaperSubject, RegionLevel


class FirstCredential(StrEnum):
    """With what a doctor opens a new account."""

    INITIAL_PASSWORD = "INITIAL_PASSWORD"  # noqa: S105 - a word, no password
    ACTIVATION_CODE = "ACTIVATION_CODE"


class PasswordProfile(StrEnum):
    """Two schools that contradict each other (security.md 3.1): length and no rotation (ASVS 6.2.5, 6.2.10; NIST
    SP 800-63B), or composition, change and history (GB/T 22239-2019, 8.1.4.1 a)."""

    LENGTH = "LENGTH"
    MLPS = "MLPS"


class AccountsPolicy(PolicySection):
    """账户"""

    name: ClassVar[str] = "accounts"

    first_credential: FirstCredential = policy_key(
        default=FirstCredential.INITIAL_PASSWORD,
        description="首次登录凭证: with what a doctor opens a new account, the common initial password or a one-time "
        "activation code from the institution; under ACTIVATION_CODE the initial password opens nothing",
        source="manual 2.2.2: the initial password; OWASP ASVS 5.0, 6.4.1 asks for codes",
    )
    initial_password: str | None = policy_key(
        default=None,
        description="初始密码: the password an account answers to until its owner has set one. "
        "None: there is no common one.",
        source="manual 2.2.2",
    )
    activation_hours: int = policy_key(
        default=72,
        ge=1,
        le=336,
        description="激活码有效小时数: how long an activation code opens its account",
        source="OWASP ASVS 5.0, 6.4.1: short-lived, single use",
        lower=may_tighten(Stricter.LOWER),
    )
    password_profile: PasswordProfile = policy_key(
        default=PasswordProfile.LENGTH,
        description="密码规则: LENGTH asks for length and nothing else; MLPS for three of four kinds of signs, a "
        "change every 90 days, none of the last five. The three keys below say otherwise where they are set",
        source="OWASP ASVS 5.0, 6.2.5 and 6.2.10; GB/T 22239-2019, 8.1.4.1 a",
    )
    password_minimum_length: int = policy_key(
        default=8,
        ge=8,
        le=64,
        description="密码最短长度（另有第二因素）: characters that a new password has at least where the account has a "
        "second factor",
        source="NIST SP 800-63B-4; manual 2.2.2 names no length",
        lower=may_tighten(Stricter.HIGHER),
    )
    password_minimum_length_alone: int = policy_key(
        default=15,
        ge=8,
        le=64,
        description="密码最短长度（仅凭密码登录）: characters that a new password has at least where it is all that "
        "the account is entered with",
        source="NIST SP 800-63B-4; OWASP ASVS 5.0, 6.2.1 asks for 8 and advises 15",
    )
    password_character_classes: int | None = policy_key(
        default=None,
        ge=1,
        le=4,
        description="密码字符种类: how many of small letters, capital letters, digits and other signs a password "
        "holds; unset: by the profile, 1 or 3",
        source="GB/T 22239-2019, 8.1.4.1 a",
    )
    password_maximum_days: int | None = policy_key(
        default=None,
        ge=0,
        le=730,
        description="密码有效天数: after how many days a password opens nothing but its own change; 0: never; "
        "unset: by the profile, 0 or 90",
        source="GB/T 22239-2019, 8.1.4.1 a",
    )
    password_history: int | None = policy_key(
        default=None,
        ge=0,
        le=24,
        description="不得重复的历史密码数: how many of the last passwords may not be taken again; unset: by the "
        "profile, 0 or 5",
        source="GB/T 22239-2019, 8.1.4.1 a",
    )

    def minimum_length(self, *, second_factor: bool) -> int:
        """The characters that a new password has at least."""
        if second_factor:
            return self.password_minimum_length
        return max(self.password_minimum_length_alone, self.password_minimum_length)

    @property
    def character_classes(self) -> int:
        """How many kinds of signs a password holds at least."""
        return self._by_profile(self.password_character_classes, 1, 3)

    @property
    def maximum_days(self) -> int:
        """After how many days a password must be changed; 0: never."""
        return self._by_profile(self.password_maximum_days, 0, 90)

    @property
    def history(self) -> int:
        """How many of the last passwords may not be taken again."""
        return self._by_profile(self.password_history, 0, 5)

    def _by_profile(self, chosen: int | None, length: int, mlps: int) -> int:
        if chosen is not None:
            return chosen
        return mlps if self.password_profile is PasswordProfile.MLPS else length


class FormPolicy(PolicySection):
    """报名信息表"""

    name: ClassVar[str] = "form"

    required_fields: tuple[str, ...] = policy_key(
        default=("contactPhone", "ethnicity", "highestEducation", "department", "professionalTitle"),
        description="必填项: fields of the registration form that must be filled before submission",
        source="manual 2.2.3 (1)",
    )
    photo_required: bool = policy_key(
        default=True,
        description="是否必须上传照片: whether nothing is submitted without a photo",
        source="manual 2.2.3 (1)",
    )
    photo_width: int = policy_key(
        default=295,
        ge=100,
        description="1 寸照片宽（像素, 300 dpi）: width of the photo",
        source="manual 2.2.3 (1): one inch",
    )
    photo_height: int = policy_key(
        default=413,
        ge=140,
        description="1 寸照片高（像素, 300 dpi）: height of the photo",
        source="manual 2.2.3 (1): one inch",
    )
    photo_maximum_bytes: int = policy_key(
        default=2_000_000,
        ge=20_000,
        description="照片最大字节数: the largest photo, in bytes",
        source="this software's choice; the manual names none",
    )
    education_required: bool = policy_key(
        default=True,
        description="至少填写一条教育经历: whether one entry of education is due; 可直接填最高学历",
        source="manual 2.2.3 (2)",
    )


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

    items: tuple[EvaluationItem, ...] = policy_key(
        default_factory=_default_items,
        description="自评项目: the lines of the self-evaluation, each with its dimension and its most",
        source="2007 measure, 工作成绩 and 职业道德; the lines are a region's",
    )
    summary_maximum: int = policy_key(
        default=1000,
        ge=0,
        le=5000,
        description="每项自评说明最多字数: characters of what a doctor adds in words",
        source="this software's choice; the manual names none",
    )

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

    separate_people: bool = policy_key(
        default=True,
        description="机构审核与考核机构复核不得为同一人: the same person may not decide at both levels",
        source="2007 measure, Art. 7 and 8: institution and body are two",
    )
    body_of_level: dict[RegionLevel, RegionLevel] = policy_key(
        default_factory=dict,
        description="机构隶属层级对应的考核机构层级: by the level of the region an institution belongs to, the level "
        "of the body that assesses its doctors (the nearest one at that level, or above where there is none). A cycle "
        "that opens appoints it, by the rule of its own region, to whom no body was appointed by hand; without an "
        "entry nobody is",
        source="2007 measure, Art. 7 and 8: the authority entrusts bodies; by which way differs",
    )

    @model_validator(mode="after")
    def _never_below(self) -> "ReviewPolicy":
        levels = list(RegionLevel)
        for institution, body in self.body_of_level.items():
            if levels.index(body) > levels.index(institution):
                raise ValueError(f"a body of level {body.value} lies below institutions of level {institution.value}")
        return self


class PassMark(StrEnum):
    """合格线划定时间: before the sitting, by the policy; or after it, by the authority that has seen the marks."""

    BEFORE_SITTING = "BEFORE_SITTING"
    AFTER_SITTING = "AFTER_SITTING"


class TimeUp(StrEnum):
    """时间到后的处理: submit what is there; leave a while to submit it, without changing answers; or count the attempt
    as abandoned, without a mark."""

    SUBMIT = "SUBMIT"
    GRACE = "GRACE"
    ABANDON = "ABANDON"


class Absence(StrEnum):
    """缺考的处理: people decide whether there was a good reason; or it counts as failed at once."""

    AWAIT_DECISION = "AWAIT_DECISION"
    FAIL = "FAIL"


class Reveal(StrEnum):
    """医师可见的成绩: whether it passed and no more; the mark too; or, after the window, each question's key."""

    RESULT = "RESULT"
    MARKS = "MARKS"
    ANSWERS = "ANSWERS"


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

    rules: dict[PaperSubject, PaperRule] = policy_key(
        default_factory=lambda: {
            subject: PaperRule(questions=100, minutes=60, pass_percent=60) for subject in PaperSubject
        },
        description="各科目题数、时长（分钟）、合格线（百分比）及其划定时间: "
        "BEFORE_SITTING 测评前, AFTER_SITTING 测评后由主管部门划定",
        source="regions' practice (100 items in 60 minutes, 60 to pass); the manual names none",
    )
    blueprints: tuple[Blueprint, ...] = policy_key(
        default=(),
        description="命题蓝图: which paper a doctor gets, from category, scope and level: the first blueprint that is "
        "for the doctor; without one the questions are drawn from all that the doctor may be asked",
        source="this software's choice; regions draw by specialty",
    )
    upper_banks: bool = policy_key(
        default=True,
        description="组卷是否使用上级题库: whether papers are drawn from the banks of the regions above and the "
        "nation's as well; otherwise from the nearest alone: the region's own, or where it has none, that of the one "
        "above",
        source="this software's choice; provinces keep one bank, some prefectures their own",
    )
    grace_seconds: int = policy_key(
        default=60,
        ge=0,
        le=600,
        description="网络宽限: seconds after the deadline in which a late answer is still taken",
        source="this software's choice; the manual names none",
    )
    time_up: TimeUp = policy_key(
        default=TimeUp.SUBMIT,
        description="答题时间到后的处理: SUBMIT 自动交卷, GRACE 限时内仅可交卷、逾期视为弃考, ABANDON 未交卷视为弃考",
        source="this software's choice: nothing that was answered is lost; the manual names none",
    )
    submit_seconds: int = policy_key(
        default=600,
        ge=60,
        le=7200,
        description="交卷时限（秒）: seconds after the deadline in which a paper may still be submitted, with GRACE",
        source="this software's choice; the manual names none",
    )
    absence: Absence = policy_key(
        default=Absence.AWAIT_DECISION,
        description="缺考的处理: what becomes of who has not begun a paper when its time is over: AWAIT_DECISION "
        "由考核机构或主管部门认定有无正当理由（有则补考，无则不合格）, FAIL 直接判定不合格，可事后准予补考",
        source="2007 measure, Art. 27: 无正当理由不参加考核 fails; who finds what a good reason is, no text says",
    )
    reveal: Reveal = policy_key(
        default=Reveal.MARKS,
        description="医师可见的成绩: RESULT 仅是否合格, MARKS 含得分, ANSWERS 测评时间结束后含各题答案",
        source="this software's choice: banks are used again; the manual shows the result alone",
    )
    face_capture: bool = policy_key(
        default=True, description="首次测评前是否采集人脸: whether a face is captured first", source="manual 2.2.5"
    )
    in_person_check: bool = policy_key(
        default=True,
        description="不同意人脸采集的，可否由监考人员现场核验身份: whether an invigilator may identify in person who "
        "does not consent to face capture, or whose capture fails",
        source="face recognition measures 2025, Art. 10: a face must not be the only way; the manual names none",
    )
    proctoring: bool = policy_key(
        default=False,
        description="测评过程是否监考: whether the proctoring service watches attempts; without a plugin for one, this "
        "server keeps the pictures itself",
        source="manual 2.2.5 speaks of proctoring (考核监考); which way differs",
    )
    frame_seconds: int = policy_key(
        default=30,
        ge=10,
        le=600,
        description="监考抓拍间隔（秒）: seconds between two pictures during an attempt that is watched",
        source="this software's choice; the manual names none",
    )
    face_consent_version: str = policy_key(
        default="2026-1",
        description="人脸信息采集授权书版本: a new version asks everybody anew",
        source="manual 2.2.5",
    )
    face_consent_text: str = policy_key(
        default=(
            "为核验测评者身份，本次测评将采集您的人脸图像，仅用于本次考核的监考与身份核验。"
            "图像加密并与其他个人信息分开存储，考核结果异议期满后删除。"
            "您可以不同意，也可以随时撤回；不同意将影响考核监考以及测评进度，需由监考人员现场核验身份。"
        ),
        description="人脸信息采集授权书全文: what the doctor agrees to",
        source="manual 2.2.5",
    )

    @model_validator(mode="after")
    def _every_subject(self) -> "PapersPolicy":
        missing = [subject.value for subject in PaperSubject if subject not in self.rules]
        if missing:
            raise ValueError(f"no rule for {', '.join(missing)}: a layer gives the rules of every subject")
        return self

    @model_validator(mode="after")
    def _blueprints_fit(self) -> "PapersPolicy":
        codes = [blueprint.code for blueprint in self.blueprints]
        if len(set(codes)) != len(codes):
            raise ValueError("two blueprints with one code")
        for blueprint in self.blueprints:
            wanted = self.rules[blueprint.subject].questions
            if blueprint.questions != wanted:
                raise ValueError(
                    f"blueprint {blueprint.code} has {blueprint.questions} questions, "
                    f"the rule of {blueprint.subject.value} {wanted}"
                )
        return self

    def blueprint(self, subject: PaperSubject, category: str, scope: str, level: str) -> Blueprint | None:
        """The blueprint of the subject's paper for a doctor of this category, scope and level, where there is one."""
        return next((each for each in self.blueprints if each.is_for(subject, category, scope, level)), None)


class SuspensionMonths(BaseModel):
    """暂停执业期限: months, both inclusive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least: int = Field(default=3, ge=3, le=6)
    most: int = Field(default=6, ge=3, le=6)


class SealAuthority(StrEnum):
    """发证机关: the health authority nearest to the institution, or the nearest one of a prefecture or the province."""

    NEAREST = "NEAREST"
    PREFECTURE = "PREFECTURE"
    PROVINCE = "PROVINCE"


class DocumentsPolicy(PolicySection):
    """考核结果通知书与合格证书"""

    name: ClassVar[str] = "documents"

    notice_printable: bool = policy_key(
        default=False,
        description="医师可否自行打印考核结果通知书: whether doctors print their own notice",
        source="manual 2.2.6",
    )
    notice_notes: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = policy_key(
        default=(),
        max_length=5,
        description="考核结果通知书附注: sentences of the region, in Chinese, printed on the notice after those that "
        "the law asks for",
        source="manual 2.2.6 (根据当地要求); regions' notices",
    )
    certificate_issued: bool = policy_key(
        default=True,
        description="合格者是否发给合格证书: whether who passes gets a certificate",
        source="manual 2.2.6",
    )
    seal_authority: SealAuthority = policy_key(
        default=SealAuthority.NEAREST,
        description="发证机关（加盖公章）: which authority issues and seals the certificate: the nearest, or the "
        "nearest at the level of the prefecture or of the province",
        source="manual 2.2.6; which authority it is differs",
        # The three words sort from the lowest authority to the highest: a county does not undo its province's rule.
        lower=may_tighten(Stricter.HIGHER),
    )
    objection_days: int = policy_key(
        default=30,
        ge=30,
        description="异议期（日）: days from the notice in which the doctor may object; the law's floor",
        source="2007 measure, Art. 24",
        lower=may_tighten(Stricter.HIGHER),
    )
    suspension_months: SuspensionMonths = policy_key(
        default_factory=SuspensionMonths,
        description="不合格者暂停执业期限（月）: from and to how many months, as the notice says it; fixed by law",
        source="Physicians Law, Art. 42",
        lower=MAY_NOT_TOUCH,
    )


CORE_SECTIONS: tuple[type[PolicySection], ...] = (
    AccountsPolicy,
    FormPolicy,
    EvaluationPolicy,
    ReviewPolicy,
    PapersPolicy,
    DocumentsPolicy,
)
