"""The core's migrations: SQL files for both databases, and the list of tables they create."""

from dingkao.accounts.credential_tables import ActivationCode, EarlierPassword, WeChatBinding
from dingkao.accounts.tables import (
    Account,
    PhoneCode,
    RecoveryCode,
    RoleAssignment,
    SecondFactor,
    Session,
    SessionToken,
    Throttle,
)
from dingkao.assessments.form_tables import (
    Education,
    InstitutionFiling,
    PracticeHistory,
    ProcedureProof,
    RegistrationForm,
)
from dingkao.assessments.tables import Assessment, Rating, Submission
from dingkao.audit.tables import AuditEntry, AuditHead, AuditRetention, StateTransition
from dingkao.cycles.tables import BodyAppointment, Cycle, CyclePolicy, PinnedPolicy
from dingkao.db.lease import Lease
from dingkao.db.migrations import MigrationSet
from dingkao.db.tables import Record
from dingkao.doctors.tables import BehaviourRecord, Doctor, PracticeRegistration
from dingkao.institutions.tables import Organisation, Region
from dingkao.messaging.tables import OutboxMessage
from dingkao.papers.tables import (
    Answer,
    AnswerSave,
    AssessmentPaper,
    Attempt,
    Intervention,
    MarkChange,
    PassMark,
    PictureWrite,
    Question,
    QuestionBank,
    QuestionImport,
    SittingExtraTime,
    StoredPicture,
    VoidedQuestion,
    Voiding,
)
from dingkao.proctoring.tables import (
    FaceCapture,
    FaceConsent,
    FaceDisclosure,
    FaceImage,
    InPersonCheck,
    ProctorFlag,
    ProctorFrame,
    ProctorSession,
    ProctorVerdict,
    Retirement,
    SubjectSecret,
)
from dingkao.proposals.tables import Proposal
from dingkao.results.tables import DocumentSequence, Result, ResultDocument
from dingkao.retention.tables import LegalHold
from dingkao.reviews.tables import Review
from dingkao.storage.tables import StoredFile

# In the order of their references.
CORE_TABLES: tuple[type[Record], ...] = (
    Region,
    Organisation,
    Doctor,
    PracticeRegistration,
    BehaviourRecord,
    PinnedPolicy,
    Cycle,
    CyclePolicy,
    BodyAppointment,
    Account,
    RoleAssignment,
    Session,
    SessionToken,
    SecondFactor,
    RecoveryCode,
    Throttle,
    PhoneCode,
    EarlierPassword,
    ActivationCode,
    WeChatBinding,
    Assessment,
    StoredFile,
    RegistrationForm,
    InstitutionFiling,
    Education,
    PracticeHistory,
    Rating,
    Submission,
    ProcedureProof,
    Review,
    QuestionImport,
    StoredPicture,
    PictureWrite,
    Question,
    QuestionBank,
    AssessmentPaper,
    Attempt,
    PassMark,
    Answer,
    AnswerSave,
    SittingExtraTime,
    Intervention,
    Voiding,
    VoidedQuestion,
    MarkChange,
    Proposal,
    FaceConsent,
    FaceImage,
    FaceCapture,
    FaceDisclosure,
    InPersonCheck,
    ProctorSession,
    ProctorFrame,
    ProctorFlag,
    ProctorVerdict,
    Retirement,
    SubjectSecret,
    Result,
    ResultDocument,
    DocumentSequence,
    OutboxMessage,
    AuditHead,
    AuditRetention,
    AuditEntry,
    StateTransition,
    LegalHold,
    Lease,
)

CORE_MIGRATIONS = MigrationSet(owner="core", package="dingkao.migrations")
