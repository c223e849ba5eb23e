"""Consent to face capture, the captures, the images apart from them, and what a proctoring service was told and
said."""

from piccolo.columns import Integer, Text, Timestamptz, Varchar
from piccolo.constraints import Check

from dingkao.accounts.tables import Account
from dingkao.assessments.tables import Assessment
from dingkao.crypto.purposes import Purpose
from dingkao.db.routing import ROUTER
from dingkao.db.sealed import Sealed
from dingkao.db.tables import Record, code_column, one_of, reference, unique
from dingkao.doctors.tables import Doctor
from dingkao.institutions.tables import Organisation
from dingkao.papers.tables import Attempt
from dingkao.plugin.vocabulary import ProctorFinding
from dingkao.proctoring.vocabulary import (
    CaptureOutcome,
    ConsentChannel,
    ConsentEnd,
    DeletionGround,
    ProctorFailure,
    ProctorFlagKind,
    RetiringService,
)


class FaceConsent(Record, db=ROUTER, tablename="face_consent"):
    """人脸信息采集授权: which text was agreed to, when and where; or that it was declined (`given_at` null). One that
    is over stays as it was and says why it ended; at most one of an assessment is in force."""

    assessment = reference(Assessment)
    doctor = reference(Doctor)
    account = reference(Account, index=False)
    text_version = code_column(40)
    text_digest = code_column(64)
    channel = code_column(20)
    given_at = Timestamptz(null=True, default=None)
    ended_at = Timestamptz(null=True, default=None)
    ended_because = code_column(20, null=True)

    channel_known = one_of("channel", ConsentChannel)
    end_known = one_of("ended_because", ConsentEnd)
    end_has_reason = Check('("ended_at" IS NULL) = ("ended_because" IS NULL)')
    declined_or_given = Check('("given_at" IS NULL) = ("ended_because" IS NOT NULL AND "ended_because" = \'DECLINED\')')

    _indexes = (
        'CREATE UNIQUE INDEX "face_consent_in_force" ON "face_consent" ("assessment") WHERE "ended_at" IS NULL',
    )


class FaceImage(Record, db=ROUTER, tablename="face_image"):
    """人脸图像: the random name under which an encrypted image lies in the store of faces. Whose it is, this table does
    not say (GB/T 35273-2020, 6.3); `face_capture` and `proctor_frame` do. After the image is deleted the row is the
    proof of it: what (name, SHA-256, size), when, why, and by whom (null: the sweeper). `sealed_by` names the key that
    the file is encrypted with."""

    name = code_column(40, unique=True)
    digest = code_column(64)
    size = Integer(default=0)
    sealed_by = code_column(8)
    stored_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)
    deleted_because = code_column(20, null=True)

    ground_known = one_of("deleted_because", DeletionGround)
    deletion_has_ground = Check('("deleted_at" IS NULL) = ("deleted_because" IS NULL)')

    _indexes = ('CREATE INDEX "face_image_kept" ON "face_image" ("id") WHERE "deleted_at" IS NULL',)


class FaceCapture(Record, db=ROUTER, tablename="face_capture"):
    """人脸采集: one capture under a consent, and the verdict of the face service; `score` in percent where it gave
    one."""

    assessment = reference(Assessment)
    consent = reference(FaceConsent)
    image = reference(FaceImage, unique=True, index=False)
    outcome = code_column(20)
    score = Integer(null=True, default=None)
    verifier_reference = Varchar(120, default="")
    captured_at = Timestamptz(default=None)

    outcome_known = one_of("outcome", CaptureOutcome)


class FaceDisclosure(Record, db=ROUTER, tablename="face_disclosure"):
    """人脸信息提供记录: that the face service was shown a doctor's face for an assessment, written before it is; when
    it was asked to delete what it has of the person."""

    assessment = reference(Assessment, unique=True, index=False)
    told_at = Timestamptz(default=None)
    retired_at = Timestamptz(null=True, default=None)

    _indexes = ('CREATE INDEX "face_disclosure_kept" ON "face_disclosure" ("id") WHERE "retired_at" IS NULL',)


class InPersonCheck(Record, db=ROUTER, tablename="in_person_check"):
    """现场核验身份: an invigilator identified the doctor in person, in place of face capture."""

    assessment = reference(Assessment)
    reason = Text(default="")
    account = reference(Account, index=False)
    organisation = reference(Organisation, null=True, index=False)
    at = Timestamptz(default=None)


class ProctorSession(Record, db=ROUTER, tablename="proctor_session"):
    """监考会话: an attempt that a proctoring service watches, and how far the service has been told. `name` is what the
    service knows of it. A worker asks for the next step at `due_at`; `closed_at` says that nothing is left to ask,
    `retired_at` that the service was asked to delete what it has of the person."""

    attempt = reference(Attempt, unique=True, index=False)
    name = code_column(40, unique=True)
    subject = code_column(40)
    join_url = Varchar(500, default="")
    service_reference = Varchar(120, default="")
    registered_at = Timestamptz(null=True, default=None)
    started_at = Timestamptz(null=True, default=None)
    stopped_at = Timestamptz(null=True, default=None)
    closed_at = Timestamptz(null=True, default=None)
    retired_at = Timestamptz(null=True, default=None)
    tries = Integer(default=0)
    due_at = Timestamptz(default=None)

    _indexes = (
        'CREATE INDEX "proctor_session_due" ON "proctor_session" ("due_at") WHERE "closed_at" IS NULL',
        'CREATE INDEX "proctor_session_kept" ON "proctor_session" ("id") WHERE "retired_at" IS NULL',
    )


class ProctorFrame(Record, db=ROUTER, tablename="proctor_frame"):
    """监考抓拍: a picture taken during an attempt; `image` where this server keeps it, null where the service does."""

    session = reference(ProctorSession)
    image = reference(FaceImage, null=True)
    digest = code_column(64)
    service_reference = Varchar(120, default="")
    taken_at = Timestamptz(default=None)


class ProctorFlag(Record, db=ROUTER, tablename="proctor_flag"):
    """监考标记: what an invigilator should know of an attempt, once for each kind, with how often it happened."""

    attempt = reference(Attempt, index=False)
    kind = code_column(30)
    failure = code_column(20, null=True)
    times = Integer(default=1)
    first_at = Timestamptz(default=None)
    last_at = Timestamptz(default=None)

    kind_known = one_of("kind", ProctorFlagKind)
    failure_known = one_of("failure", ProctorFailure)
    once = unique("attempt", "kind")


class ProctorVerdict(Record, db=ROUTER, tablename="proctor_verdict"):
    """监考结论: what the service called back with; every one is kept, the newest counts for people. `digest` is the
    SHA-256 of the signed body."""

    session = reference(ProctorSession, index=False)
    event = Varchar(80, default=None)
    finding = code_column(20)
    remark = Text(default="")
    found_at = Timestamptz(default=None)
    received_at = Timestamptz(default=None)
    digest = code_column(64)

    finding_known = one_of("finding", ProctorFinding)
    once = unique("session", "event")


class SubjectSecret(Record, db=ROUTER, tablename="subject_secret"):
    """对外代号密钥: 256 random bits, encrypted, from which the names are computed under which services know people. One
    row, made once: a name stays the same when the server's key is replaced."""

    purpose = code_column(20, unique=True)
    secret = Sealed(purpose=Purpose.IDENTITIES)


class Retirement(Record, db=ROUTER, tablename="retirement"):
    """个人数据删除通知: a person whose data the face service or the proctoring service has to delete; it is asked again
    until it says so."""

    service = code_column(20)
    subject = code_column(40)
    asked_at = Timestamptz(default=None)
    tries = Integer(default=0)
    due_at = Timestamptz(default=None)
    done_at = Timestamptz(null=True, default=None)

    service_known = one_of("service", RetiringService)
    _indexes = (
        'CREATE INDEX "retirement_due" ON "retirement" ("due_at") WHERE "done_at" IS NULL',
        'CREATE UNIQUE INDEX "retirement_once" ON "retirement" ("service", "subject") WHERE "done_at" IS NULL',
    )
