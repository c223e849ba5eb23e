"""Questions, the papers of an assessment, attempts and answers."""

from typing import ClassVar

from piccolo.columns import BigInt, Boolean, Integer, Text, Timestamptz, Varchar
from piccolo.constraints import Check

from dingkao.accounts.tables import Account
from dingkao.assessments.tables import Assessment
from dingkao.audit.append_only import append_only
from dingkao.cycles.tables import Cycle
from dingkao.db.routing import ROUTER
from dingkao.db.tables import Record, code_column, one_of, reference, unique
from dingkao.institutions.tables import Organisation, Region
from dingkao.papers.vocabulary import (
    AttemptState,
    InterventionKind,
    MarkChangeOutcome,
    QuestionState,
    VoidingConsequence,
)
from dingkao.plugin.national import Reveal, TimeUp
from dingkao.plugin.vocabulary import Difficulty, PaperState, PaperSubject, QuestionCategory, QuestionType


class QuestionImport(Record, db=ROUTER, tablename="question_import"):
    """题库导入批次: the questions of one file. Those of an officer wait for another officer's approval, which retires
    what was in use before where the import `replaces`. `author` null: by the machine's operator, approved at once.
    `region` null: into the nation's bank."""

    _audited_as = "QuestionImport"

    region = reference(Region, null=True, index=False)
    subject = code_column(20)
    source = Varchar(120, default="")
    replaces = Boolean(default=False)
    questions = Integer(default=0)
    author = reference(Account, null=True, index=False)
    imported_at = Timestamptz(default=None)
    approver = reference(Account, null=True, index=False)
    approved_at = Timestamptz(null=True, default=None)

    subject_known = one_of("subject", PaperSubject)
    two_people = Check('"approver" IS NULL OR "author" IS NULL OR "approver" <> "author"')


class StoredPicture(Record, db=ROUTER, tablename="question_picture"):
    """试题图片: a picture of questions, kept once, encoded anew. `name` is the unguessable name in the file store,
    `digest` the SHA-256 of its bytes, `size` their number. It never changes and never goes: versions and attempts name
    it."""

    digest = code_column(64, unique=True)
    media_type = code_column(30)
    size = Integer(default=None)
    width = Integer(default=None)
    height = Integer(default=None)
    name = code_column(80, unique=True)
    stored_at = Timestamptz(default=None)


class PictureWrite(Record, db=ROUTER, tablename="question_picture_write"):
    """试题图片写入: pictures that an import is putting into the file store before its transaction; gone when the import
    is through, so that what a killed server leaves behind is found. `names` is JSON: names in the store."""

    begun_at = Timestamptz(default=None)
    names = Text()


class Question(Record, db=ROUTER, tablename="question"):
    """试题: one version of a question, whole in its row, so that it never changes: a change is a new version under the
    same `code`. `options` is JSON: [{"key": "A", "text": …}]; `answer` the right keys in order; `shared` the text that
    the questions of one `question_group` share; `pictures` is JSON too: [{"place": "STEM", "text": alternative text,
    "picture": key, "digest", "type", "size", "width", "height"}], places as in `dingkao.papers.pictures`; `digest` is
    over the normalised text and the pictures. Only the state moves: draft, approved (drawn for papers), retired.
    `region` is the bank's; null: the nation's. Codes are the bank's own."""

    region = reference(Region, null=True, index=False)
    subject = code_column(20)
    code = Varchar(64, default=None)
    version = Integer(default=1)
    state = code_column(10)
    type = code_column(10)
    category = code_column(40, null=True)
    specialty = Varchar(60, default="")
    topic = Varchar(120, default="")
    difficulty = code_column(10, null=True)
    question_group = Varchar(64, default="")
    group_position = Integer(default=0)
    shared = Text(default="")
    stem = Text()
    options = Text()
    answer = code_column(10)
    pictures = Text(default="[]")
    source = Varchar(120, default="")
    digest = code_column(64)
    batch = reference(QuestionImport, null=True, index=False)
    author = reference(Account, null=True, index=False)
    created_at = Timestamptz(default=None)
    approver = reference(Account, null=True, index=False)
    approved_at = Timestamptz(null=True, default=None)

    subject_known = one_of("subject", PaperSubject)
    state_known = one_of("state", QuestionState)
    type_known = one_of("type", QuestionType)
    category_known = one_of("category", QuestionCategory)
    difficulty_known = one_of("difficulty", Difficulty)
    two_people = Check('"approver" IS NULL OR "author" IS NULL OR "approver" <> "author"')

    _indexes = (
        'CREATE UNIQUE INDEX "question_version_once" '
        'ON "question" (COALESCE("region", 0), "subject", "code", "version")',
        'CREATE INDEX "question_drawable" ON "question" ("subject", "state", "id")',
        'CREATE UNIQUE INDEX "question_approved_once" '
        'ON "question" (COALESCE("region", 0), "subject", "code") WHERE "state" = \'APPROVED\'',
        'CREATE UNIQUE INDEX "question_drafted_once" '
        'ON "question" (COALESCE("region", 0), "subject", "code") WHERE "state" = \'DRAFT\'',
        'CREATE UNIQUE INDEX "question_no_twin" '
        'ON "question" (COALESCE("region", 0), "subject", "digest") WHERE "state" = \'APPROVED\'',
        'CREATE INDEX "question_same_text" ON "question" ("subject", "digest")',
        'CREATE INDEX "question_of_batch" ON "question" ("batch")',
    )


class QuestionBank(Record, db=ROUTER, tablename="question_bank"):
    """题库: counts the changes of what a subject's papers are drawn from, so that servers may keep its index; one row
    for each region's bank, and one without a region for the nation's."""

    region = reference(Region, null=True, index=False)
    subject = code_column(20)
    revision = Integer(default=0)

    subject_known = one_of("subject", PaperSubject)

    _indexes = ('CREATE UNIQUE INDEX "question_bank_once" ON "question_bank" (COALESCE("region", 0), "subject")',)


class AssessmentPaper(Record, db=ROUTER, tablename="assessment_paper"):
    """试卷 of an assessment: planned at submission by the procedure, `position` from 1. `attempts_allowed` null: as
    many as it takes. The waiver's code and title are copied here, readable without the plugin that granted it."""

    _audited_as = "Paper"

    assessment = reference(Assessment, index=False)
    subject = code_column(20)
    position = Integer(default=None)
    state = code_column(20)
    attempts_allowed = Integer(null=True, default=None)
    attempts_used = Integer(default=0)
    waiver_code = code_column(60, null=True)
    waiver_title = Varchar(120, default="")
    changed_at = Timestamptz(default=None)
    # 补考: until when a paper that was missed may be begun; null: until the cycle's tests end.
    sit_until = Timestamptz(null=True, default=None)
    # 缺考: whether there was a good reason, and which; null: nobody has decided.
    absence_excused = Boolean(null=True, default=None)
    absence_reason = Text(default="")
    # 期满未合格: when its time ended although attempts were left; null: it did not, or a make-up was given.
    lapsed_at = Timestamptz(null=True, default=None)

    subject_known = one_of("subject", PaperSubject)
    state_known = one_of("state", PaperState)
    once = unique("assessment", "subject")
    placed_once = unique("assessment", "position")
    attempts_within = Check('"attempts_allowed" IS NULL OR "attempts_used" <= "attempts_allowed"')


class Attempt(Record, db=ROUTER, tablename="attempt"):
    """答卷. The paper is frozen into it at its start: `questions` (what the client may see) and `answer_key` (what it
    may not) are JSON in two columns, so that no reading of the first can give away the second. `pass_percent` is null
    where the authority fixes it after the sitting; `passed` then stays null too (until a voided question has it marked
    anew): the paper's state and `PassMark` tell, and a province's rows need not be written anew.

    The policy's limits are frozen with it: the grace for a late network, what is done when time is up, and the seconds
    in which an overdue paper may be submitted. `closes_at` is the instant from which nothing is left to the doctor, so
    that a sweeper reads due rows alone; null while paused. The writer is the one device that may save: its session, and
    a number that grows with each take-over; a session is no reference, for it may end before the attempt does."""

    _audited_as = "Attempt"
    # What every act on it reads anyway; its questions and key never change and are in the entry of its start.
    _digested = (
        "id", "paper", "state", "started_at", "deadline", "grace_seconds", "time_up", "submit_seconds", "closes_at",
        "paused_at", "writer_number", "writer_session", "timed_out",
    )  # fmt: skip

    paper = reference(AssessmentPaper, index=False)
    number = Integer(default=None)
    state = code_column(20)
    started_at = Timestamptz(default=None)
    deadline = Timestamptz(default=None)
    grace_seconds = Integer(default=60)
    time_up = code_column(20, default=TimeUp.SUBMIT.value)
    submit_seconds = Integer(default=0)
    closes_at = Timestamptz(null=True, default=None)
    reveal = code_column(20, default=Reveal.MARKS.value)
    paused_at = Timestamptz(null=True, default=None)
    writer_number = Integer(default=1)
    writer_session = BigInt(null=True, default=None)
    writer_since = Timestamptz(null=True, default=None)
    submitted_at = Timestamptz(null=True, default=None)
    timed_out = Boolean(default=False)
    pass_percent = Integer(null=True, default=None)
    score_percent = Integer(null=True, default=None)
    passed = Boolean(null=True, default=None)
    # Last: SQLite reads a row up to the last column that is asked for, and these two are most of it.
    questions = Text()
    answer_key = Text()

    state_known = one_of("state", AttemptState)
    time_up_known = one_of("time_up", TimeUp)
    reveal_known = one_of("reveal", Reveal)
    once = unique("paper", "number")
    # A mark is there or it is not: no state lies between. One that was voided keeps the mark it may have had.
    marked_means_score = Check('"state" = \'VOIDED\' OR ("state" = \'MARKED\') = ("score_percent" IS NOT NULL)')
    # `closes_at` is given by who inserts a running attempt; only a paused one has none.
    submitted_means_when = Check("\"state\" NOT IN ('SUBMITTED', 'MARKED') OR \"submitted_at\" IS NOT NULL")

    _indexes = (
        'CREATE UNIQUE INDEX "attempt_one_running" ON "attempt" ("paper") WHERE "state" = \'IN_PROGRESS\'',
        'CREATE INDEX "attempt_due" ON "attempt" ("closes_at") WHERE "state" = \'IN_PROGRESS\'',
        'CREATE INDEX "attempt_to_mark" ON "attempt" ("id") WHERE "state" = \'SUBMITTED\'',
    )


class PassMark(Record, db=ROUTER, tablename="pass_mark"):
    """合格线: what the authority fixed after the sitting for one subject of a cycle, once; and what came of it: papers
    that waited, that passed, that failed, and assessments that were concluded."""

    cycle = reference(Cycle, index=False)
    subject = code_column(20)
    pass_percent = Integer(default=None)
    reason = Text(default="")
    pending = Integer(default=0)
    passed = Integer(default=0)
    failed = Integer(default=0)
    concluded = Integer(default=0)
    account = reference(Account)
    organisation = reference(Organisation, null=True)
    set_at = Timestamptz(default=None)

    subject_known = one_of("subject", PaperSubject)
    once = unique("cycle", "subject")
    every_paper_is_decided = Check('"pending" = "passed" + "failed"')


class Answer(Record, db=ROUTER, tablename="answer"):
    """作答: the newest choice for one question of an attempt. The highest `sequence` of the client wins."""

    attempt = reference(Attempt, index=False)
    position = Integer(default=None)
    choice = code_column(10)
    sequence = Integer(default=None)
    saved_at = Timestamptz(default=None)
    late = Boolean(default=False)

    once = unique("attempt", "position")


class AnswerSave(Record, db=ROUTER, tablename="answer_save"):
    """作答记录: every save of an attempt, in order, only ever appended to; the audit entry of a save. `answers` is
    JSON: [[position, choice, sequence, whether it won]]. `revision` counts from 1 in each attempt."""

    attempt = reference(Attempt, index=False)
    revision = Integer(default=None)
    saved_at = Timestamptz(default=None)
    late = Boolean(default=False)
    writer_number = Integer(default=1)
    account = BigInt(default=None)
    session = BigInt(null=True, default=None)
    address = Varchar(60, default="")
    request_id = code_column(40)
    answers = Text()

    once = unique("attempt", "revision")

    _further: ClassVar = append_only("answer_save")


class SittingExtraTime(Record, db=ROUTER, tablename="sitting_extra_time"):
    """全场延长时间: for the attempts of one subject that one body's doctors sit in a cycle. Attempts that begin until
    `begun_until` have the minutes from their start; for those that ran, an `Intervention` each says what it changed."""

    cycle = reference(Cycle, index=False)
    body = reference(Organisation)
    subject = code_column(20)
    minutes = Integer(default=None)
    reason = Text(default="")
    begun_until = Timestamptz(null=True, default=None)
    attempts = Integer(default=0)
    account = reference(Account)
    granted_at = Timestamptz(default=None)

    subject_known = one_of("subject", PaperSubject)

    _indexes = ('CREATE INDEX "sitting_extra_time_sitting" ON "sitting_extra_time" ("cycle", "body", "subject")',)


class Intervention(Record, db=ROUTER, tablename="intervention"):
    """监考处置: what an invigilator did to an attempt, or, where there is none yet, for the next ones of a paper."""

    paper = reference(AssessmentPaper)
    attempt = reference(Attempt, null=True)
    sitting = reference(SittingExtraTime, null=True, index=False)
    kind = code_column(20)
    minutes = Integer(null=True, default=None)
    reason = Text(default="")
    deadline_before = Timestamptz(null=True, default=None)
    deadline_after = Timestamptz(null=True, default=None)
    account = reference(Account, index=False)
    organisation = reference(Organisation, null=True, index=False)
    at = Timestamptz(default=None)

    kind_known = one_of("kind", InterventionKind)


class Voiding(Record, db=ROUTER, tablename="voiding"):
    """答卷作废: asked for by one person and decided by another. `before` is the state and the mark of the attempt."""

    attempt = reference(Attempt, unique=True, index=False)
    consequence = code_column(20)
    reason = Text()
    asked_by = reference(Account, index=False)
    asked_at = Timestamptz(default=None)
    decided_by = reference(Account, null=True, index=False)
    decided_at = Timestamptz(null=True, default=None)
    confirmed = Boolean(null=True, default=None)
    before = Varchar(60, default="")

    consequence_known = one_of("consequence", VoidingConsequence)
    two_people = Check('"decided_by" IS NULL OR "decided_by" <> "asked_by"')


class VoidedQuestion(Record, db=ROUTER, tablename="voided_question"):
    """试题作废: a broken question that counts as right for everybody who was asked it in a cycle."""

    cycle = reference(Cycle, index=False)
    question = reference(Question)
    reason = Text()
    attempts = Integer(default=0)
    account = reference(Account)
    organisation = reference(Organisation, null=True)
    voided_at = Timestamptz(default=None)

    once = unique("cycle", "question")


class MarkChange(Record, db=ROUTER, tablename="mark_change"):
    """成绩更正: what voiding a question did to one attempt's mark, before and after; or why it stayed as it was."""

    voided_question = reference(VoidedQuestion, index=False)
    attempt = reference(Attempt)
    outcome = code_column(30)
    percent_before = Integer(default=None)
    percent_after = Integer(default=None)
    passed_before = Boolean(null=True, default=None)
    passed_after = Boolean(null=True, default=None)

    outcome_known = one_of("outcome", MarkChangeOutcome)
    once = unique("voided_question", "attempt")
