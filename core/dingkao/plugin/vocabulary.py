"""The words of the field as enumerations, shared by core and plugins (design: Words)."""

from enum import StrEnum


class Sex(StrEnum):
    """性别"""

    MALE = "MALE"
    FEMALE = "FEMALE"


class DocumentType(StrEnum):
    """身份证件种类"""

    RESIDENT_IDENTITY_CARD = "RESIDENT_IDENTITY_CARD"
    TRAVEL_PERMIT = "TRAVEL_PERMIT"
    PASSPORT = "PASSPORT"
    MILITARY_IDENTITY_CARD = "MILITARY_IDENTITY_CARD"


class PracticeCategory(StrEnum):
    """执业类别 (2007 measure, Art. 5)"""

    CLINICAL = "CLINICAL"
    TRADITIONAL_CHINESE_MEDICINE = "TRADITIONAL_CHINESE_MEDICINE"
    DENTAL = "DENTAL"
    PUBLIC_HEALTH = "PUBLIC_HEALTH"


class PracticeLevel(StrEnum):
    """医师级别 (Physicians Law, Art. 2)"""

    LICENSED = "LICENSED"
    ASSISTANT = "ASSISTANT"
    RURAL_ASSISTANT = "RURAL_ASSISTANT"


class Role(StrEnum):
    """角色"""

    DOCTOR = "DOCTOR"
    INSTITUTION_OFFICER = "INSTITUTION_OFFICER"
    BODY_REVIEWER = "BODY_REVIEWER"
    AUTHORITY_OFFICER = "AUTHORITY_OFFICER"
    INVIGILATOR = "INVIGILATOR"
    BANK_AUTHOR = "BANK_AUTHOR"
    BANK_APPROVER = "BANK_APPROVER"
    SYSTEM_ADMINISTRATOR = "SYSTEM_ADMINISTRATOR"
    SECURITY_ADMINISTRATOR = "SECURITY_ADMINISTRATOR"
    AUDIT_ADMINISTRATOR = "AUDIT_ADMINISTRATOR"
    SYSTEM = "SYSTEM"


class RegionLevel(StrEnum):
    """行政层级"""

    PROVINCE = "PROVINCE"
    PREFECTURE = "PREFECTURE"
    COUNTY = "COUNTY"


class ReviewLevel(StrEnum):
    """审核层级: 医疗卫生机构审核, 考核机构复核"""

    INSTITUTION = "INSTITUTION"
    BODY = "BODY"


class Dimension(StrEnum):
    """考核内容: the three dimensions of the law (Physicians Law, Art. 42)"""

    WORK_PERFORMANCE = "WORK_PERFORMANCE"
    PROFESSIONAL_ETHICS = "PROFESSIONAL_ETHICS"
    PROFESSIONAL_COMPETENCE = "PROFESSIONAL_COMPETENCE"


# The two dimensions that are rated; the third is tested.
RATED_DIMENSIONS = (Dimension.WORK_PERFORMANCE, Dimension.PROFESSIONAL_ETHICS)


class RatedBy(StrEnum):
    """评定层次: 自评, 机构评定"""

    DOCTOR = "DOCTOR"
    INSTITUTION = "INSTITUTION"


class Verdict(StrEnum):
    """评定结论 and 考核结果: two values only (2007 measure, Art. 22)"""

    QUALIFIED = "QUALIFIED"
    UNQUALIFIED = "UNQUALIFIED"


class BehaviourPolarity(StrEnum):
    """行为记录: 良好, 不良"""

    GOOD = "GOOD"
    BAD = "BAD"


class AssessmentKind(StrEnum):
    """考核类型"""

    REGULAR = "REGULAR"
    EARLY = "EARLY"
    REASSESSMENT = "REASSESSMENT"
    MAKEUP = "MAKEUP"
    RETURN_TO_PRACTICE = "RETURN_TO_PRACTICE"


class AssessmentState(StrEnum):
    """考核进度"""

    NOT_OPENED = "NOT_OPENED"
    OPENED = "OPENED"
    SUBMITTED = "SUBMITTED"
    INSTITUTION_APPROVED = "INSTITUTION_APPROVED"
    BODY_APPROVED = "BODY_APPROVED"
    TESTING = "TESTING"
    CONCLUDED = "CONCLUDED"
    RETURNED = "RETURNED"
    DEFERRED = "DEFERRED"


class PaperSubject(StrEnum):
    """试卷科目: 医学人文, 业务水平"""

    HUMANITIES = "HUMANITIES"
    PROFESSIONAL = "PROFESSIONAL"


class QuestionType(StrEnum):
    """题型: A1 and A2 (one best answer, A2 with a short case), A3 and A4 (several questions on one case), B1 (several
    questions sharing one set of options), X (several right), true or false"""

    A1 = "A1"
    A2 = "A2"
    A3 = "A3"
    A4 = "A4"
    B1 = "B1"
    X = "X"
    TRUE_FALSE = "TRUE_FALSE"


class QuestionCategory(StrEnum):
    """试题类别: the categories of practice, and the medical humanities"""

    CLINICAL = "CLINICAL"
    TRADITIONAL_CHINESE_MEDICINE = "TRADITIONAL_CHINESE_MEDICINE"
    DENTAL = "DENTAL"
    PUBLIC_HEALTH = "PUBLIC_HEALTH"
    MEDICAL_HUMANITIES = "MEDICAL_HUMANITIES"


class Difficulty(StrEnum):
    """难度"""

    EASY = "EASY"
    MEDIUM = "MEDIUM"
    HARD = "HARD"


class PaperState(StrEnum):
    """试卷状态"""

    LOCKED = "LOCKED"
    AVAILABLE = "AVAILABLE"
    IN_PROGRESS = "IN_PROGRESS"
    SUBMITTED = "SUBMITTED"
    PASSED = "PASSED"
    FAILED = "FAILED"
    PENDING_CUTOFF = "PENDING_CUTOFF"
    EXEMPT = "EXEMPT"
    ABSENT = "ABSENT"
    VOIDED = "VOIDED"


class FilePurpose(StrEnum):
    """上传文件用途: 照片, 程序证明材料, 免考证明材料, 人脸采集"""

    PHOTO = "PHOTO"
    PROCEDURE_PROOF = "PROCEDURE_PROOF"
    EXEMPTION_PROOF = "EXEMPTION_PROOF"
    FACE_CAPTURE = "FACE_CAPTURE"


class ProctorFinding(StrEnum):
    """监考结论: what a proctoring service found; it moves nothing, a person decides"""

    PASSED = "PASSED"
    SUSPICIOUS = "SUSPICIOUS"
    VIOLATION = "VIOLATION"
    NOT_REVIEWED = "NOT_REVIEWED"
