"""The vocabulary's enumerations, registered once for the schema, with the Chinese term beside every value.

Strawberry writes its definition into the enumeration's own class. A type may therefore name either the alias of this
module (`PaperStateEnum`) or, in a plugin, the class of `dingkao.plugin.vocabulary` itself: both are one class.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias, TypeVar, cast

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from dingkao.plugin.vocabulary import (
    AssessmentKind,
    AssessmentState,
    BehaviourPolarity,
    Difficulty,
    Dimension,
    DocumentType,
    FilePurpose,
    PaperState,
    PaperSubject,
    PracticeCategory,
    PracticeLevel,
    ProctorFinding,
    QuestionCategory,
    QuestionType,
    RatedBy,
    RegionLevel,
    ReviewLevel,
    Role,
    Sex,
    Verdict,
)

Enumeration = TypeVar("Enumeration", bound=StrEnum)


def described_enum(
    enumeration: type[Enumeration], description: str, values: Mapping[Enumeration, str]
) -> type[Enumeration]:
    """Register `enumeration` for the schema under its own name, each value with its description from `values`.

    Returns the same class. Raises ValueError where `values` leaves one of the members out or the class is registered
    already: two descriptions of one type would depend on the order of imports.
    """
    if "__strawberry_definition__" in vars(enumeration):
        raise ValueError(f"{enumeration.__name__} is registered already")
    missing = [member.name for member in enumeration if not values.get(member)]
    if missing:
        raise ValueError(f"{enumeration.__name__}: no description for {', '.join(missing)}")
    # Strawberry reads a value's description from its definition only, and a StrEnum's members must be plain text.
    registered = strawberry.enum(enumeration, description=description)
    definition = cast("StrawberryEnumDefinition", vars(registered)["__strawberry_definition__"])
    for value in definition.values:
        value.description = values[enumeration[value.name]]
    return enumeration


described_enum(
    RegionLevel,
    "Level of a region. 行政层级",
    {
        RegionLevel.PROVINCE: "Province. 省级",
        RegionLevel.PREFECTURE: "Prefecture. 地市级",
        RegionLevel.COUNTY: "County. 县级",
    },
)
RegionLevelEnum: TypeAlias = RegionLevel

described_enum(Sex, "Sex. 性别", {Sex.MALE: "Male. 男", Sex.FEMALE: "Female. 女"})
described_enum(
    DocumentType,
    "Kind of identity document. 身份证件种类",
    {
        DocumentType.RESIDENT_IDENTITY_CARD: "Resident identity card. 居民身份证",
        DocumentType.TRAVEL_PERMIT: "Travel permit of Hong Kong, Macao or Taiwan residents. 港澳台居民来往内地通行证",
        DocumentType.PASSPORT: "Passport. 护照",
        DocumentType.MILITARY_IDENTITY_CARD: "Military identity card. 军人身份证件",
    },
)
described_enum(
    PracticeCategory,
    "Category of practice (2007 measure, Art. 5). 执业类别",
    {
        PracticeCategory.CLINICAL: "Clinical medicine. 临床",
        PracticeCategory.TRADITIONAL_CHINESE_MEDICINE: "Chinese medicine, with ethnic and integrated medicine. 中医",
        PracticeCategory.DENTAL: "Stomatology. 口腔",
        PracticeCategory.PUBLIC_HEALTH: "Public health. 公共卫生",
    },
)
described_enum(
    PracticeLevel,
    "Level of a doctor (Physicians Law, Art. 2). 医师级别",
    {
        PracticeLevel.LICENSED: "Licensed doctor. 执业医师",
        PracticeLevel.ASSISTANT: "Licensed assistant doctor. 执业助理医师",
        PracticeLevel.RURAL_ASSISTANT: "Rural general assistant doctor. 乡村全科执业助理医师",
    },
)
described_enum(
    Role,
    "In which capacity an account acts. 角色",
    {
        Role.DOCTOR: "The doctor himself or herself. 医师",
        Role.INSTITUTION_OFFICER: "Assessment officer of an institution. 医疗卫生机构定考负责人",
        Role.BODY_REVIEWER: "Reviewer of an assessment body. 考核机构复核人员",
        Role.AUTHORITY_OFFICER: "Officer of a health authority. 卫生健康行政部门工作人员",
        Role.INVIGILATOR: "Invigilates the tests of an assessment body's doctors. 监考人员",
        Role.BANK_AUTHOR: "Writes and imports questions. 题库编写人员",
        Role.BANK_APPROVER: "Approves questions that another has written. 题库审定人员",
        Role.SYSTEM_ADMINISTRATOR: "Keeps the system running; sees no personal data. 系统管理员",
        Role.SECURITY_ADMINISTRATOR: "Keeps the accounts of staff and their roles. 安全管理员",
        Role.AUDIT_ADMINISTRATOR: "Reads the audit, and nothing else. 审计管理员",
        Role.SYSTEM: "The system itself, by rule or at a deadline. 系统",
    },
)
described_enum(
    ReviewLevel,
    "Which of the two levels reviews. 审核层级",
    {
        ReviewLevel.INSTITUTION: "The doctor's institution. 医疗卫生机构审核",
        ReviewLevel.BODY: "The assessment body. 考核机构复核",
    },
)
described_enum(
    Dimension,
    "What is assessed (Physicians Law, Art. 42). 考核内容",
    {
        Dimension.WORK_PERFORMANCE: "Work performance, rated. 工作成绩",
        Dimension.PROFESSIONAL_ETHICS: "Professional ethics, rated. 职业道德",
        Dimension.PROFESSIONAL_COMPETENCE: "Professional competence, tested. 业务水平",
    },
)
described_enum(
    RatedBy,
    "Who rates a dimension. 评定层次",
    {
        RatedBy.DOCTOR: "The doctor, of himself or herself. 自评",
        RatedBy.INSTITUTION: "The doctor's institution. 机构评定",
    },
)
described_enum(
    Verdict,
    "Rating of a dimension, and result of an assessment: two values only (2007 measure, Art. 22). 评定结论、考核结果",
    {Verdict.QUALIFIED: "Qualified. 合格", Verdict.UNQUALIFIED: "Unqualified. 不合格"},
)
described_enum(
    BehaviourPolarity,
    "Whether a behaviour record speaks for or against the doctor. 行为记录性质",
    {BehaviourPolarity.GOOD: "Good. 良好行为", BehaviourPolarity.BAD: "Bad. 不良行为"},
)
described_enum(
    AssessmentKind,
    "Why a doctor is assessed. 考核类型",
    {
        AssessmentKind.REGULAR: "The regular assessment of the cycle. 定期考核",
        AssessmentKind.EARLY: "Before its time. 提前考核",
        AssessmentKind.REASSESSMENT: "Again, after a failed one and suspension. 再次考核",
        AssessmentKind.MAKEUP: "For one that was missed. 补考",
        AssessmentKind.RETURN_TO_PRACTICE: "Before practising again. 重新执业考核",
    },
)
described_enum(
    AssessmentState,
    "How far an assessment has come. 考核进度",
    {
        AssessmentState.NOT_OPENED: "The institution has not opened enrolment. 未开通报名",
        AssessmentState.OPENED: "Enrolment is open; the doctor fills in the form. 已开通报名",
        AssessmentState.SUBMITTED: "Submitted; the institution reviews. 待机构审核",
        AssessmentState.INSTITUTION_APPROVED: "Approved by the institution; the body reviews. 待考核机构复核",
        AssessmentState.BODY_APPROVED: "Approved by the body; the tests may begin. 复核通过，待测评",
        AssessmentState.TESTING: "The first test has begun. 测评中",
        AssessmentState.CONCLUDED: "There is a result. 考核结束",
        AssessmentState.RETURNED: "Returned to the doctor with a reason. 已退回",
        AssessmentState.DEFERRED: "Put off to a later time. 延期考核",
    },
)
described_enum(
    PaperSubject,
    "Subject of a paper. 试卷科目",
    {
        PaperSubject.HUMANITIES: "Law, ethics and humanities of medicine. 医学人文",
        PaperSubject.PROFESSIONAL: "Professional knowledge. 业务水平",
    },
)
described_enum(
    PaperState,
    "State of a paper. 试卷状态",
    {
        PaperState.LOCKED: "Opens after the paper before it. 未开放",
        PaperState.AVAILABLE: "May be begun. 可作答",
        PaperState.IN_PROGRESS: "An attempt is running. 作答中",
        PaperState.SUBMITTED: "Handed in, not marked yet. 已交卷",
        PaperState.PASSED: "Passed. 通过",
        PaperState.FAILED: "Failed. 未通过",
        PaperState.PENDING_CUTOFF: "Marked; the pass mark is fixed later. 待划定合格线",
        PaperState.EXEMPT: "Waived; counts as passed. 免考",
        PaperState.ABSENT: "Not sat in its time. 缺考",
        PaperState.VOIDED: "Annulled. 作废",
    },
)
described_enum(
    FilePurpose,
    "What an uploaded file is for. 上传文件用途",
    {
        FilePurpose.PHOTO: "The doctor's photo. 照片",
        FilePurpose.PROCEDURE_PROOF: "Proof for the chosen procedure. 考核程序证明材料",
        FilePurpose.EXEMPTION_PROOF: "Proof for an exemption. 免考证明材料",
        FilePurpose.FACE_CAPTURE: "Face capture before a test. 人脸采集图像",
    },
)
described_enum(
    QuestionType,
    "Type of a question. 题型",
    {
        QuestionType.A1: "One best answer. 单句型最佳选择题",
        QuestionType.A2: "One best answer on a short case. 病例摘要型最佳选择题",
        QuestionType.A3: "Several questions on one case. 病例组型最佳选择题",
        QuestionType.A4: "Several questions on a case that unfolds. 病例串型最佳选择题",
        QuestionType.B1: "Questions sharing one set of options. 标准配伍题",
        QuestionType.X: "Several right answers; all of them and no other count. 多项选择题",
        QuestionType.TRUE_FALSE: "True or false. 判断题",
    },
)
described_enum(
    QuestionCategory,
    "Category of a question. 试题类别",
    {
        QuestionCategory.CLINICAL: "Clinical medicine. 临床",
        QuestionCategory.TRADITIONAL_CHINESE_MEDICINE: "Traditional Chinese medicine. 中医",
        QuestionCategory.DENTAL: "Dentistry. 口腔",
        QuestionCategory.PUBLIC_HEALTH: "Public health. 公共卫生",
        QuestionCategory.MEDICAL_HUMANITIES: "Medical humanities. 人文医学",
    },
)
described_enum(
    Difficulty,
    "Difficulty of a question. 难度",
    {Difficulty.EASY: "Easy. 易", Difficulty.MEDIUM: "Medium. 中", Difficulty.HARD: "Hard. 难"},
)
described_enum(
    ProctorFinding,
    "What a proctoring service found in an attempt; it moves nothing, a person decides. 监考结论",
    {
        ProctorFinding.PASSED: "Nothing unusual. 正常",
        ProctorFinding.SUSPICIOUS: "To be looked at by a person. 可疑",
        ProctorFinding.VIOLATION: "A breach of the rules, as the service says. 违规",
        ProctorFinding.NOT_REVIEWED: "The service has not looked. 未审",
    },
)

SexEnum: TypeAlias = Sex
DocumentTypeEnum: TypeAlias = DocumentType
PracticeCategoryEnum: TypeAlias = PracticeCategory
PracticeLevelEnum: TypeAlias = PracticeLevel
RoleEnum: TypeAlias = Role
ReviewLevelEnum: TypeAlias = ReviewLevel
DimensionEnum: TypeAlias = Dimension
RatedByEnum: TypeAlias = RatedBy
VerdictEnum: TypeAlias = Verdict
BehaviourPolarityEnum: TypeAlias = BehaviourPolarity
AssessmentKindEnum: TypeAlias = AssessmentKind
AssessmentStateEnum: TypeAlias = AssessmentState
PaperSubjectEnum: TypeAlias = PaperSubject
PaperStateEnum: TypeAlias = PaperState
FilePurposeEnum: TypeAlias = FilePurpose
QuestionTypeEnum: TypeAlias = QuestionType
QuestionCategoryEnum: TypeAlias = QuestionCategory
DifficultyEnum: TypeAlias = Difficulty
ProctorFindingEnum: TypeAlias = ProctorFinding
