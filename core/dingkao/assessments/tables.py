"""The aggregate: an assessment, its ratings, and what was submitted."""

from piccolo.columns import Integer, Text, Timestamptz, Varchar
from piccolo.constraints import Check

from dingkao.cycles.tables import Cycle, PinnedPolicy
from dingkao.db.routing import ROUTER
from dingkao.db.sealed import SealedText
from dingkao.db.tables import Record, code_column, one_of, reference, unique
from dingkao.doctors.tables import Doctor, PracticeRegistration
from dingkao.institutions.tables import Organisation, Region
from dingkao.plugin.vocabulary import AssessmentKind, AssessmentState, Dimension, RatedBy, Verdict


class Assessment(Record, db=ROUTER, tablename="assessment"):
    """考核: one doctor in one cycle. `revision` grows with every change of the form: it is how two devices notice each
    other. `region` is the institution's, kept here so that an authority's queue is one index. `policy` holds the rules
    it is under: those that its cycle pinned for its institution."""

    _audited_as = "Assessment"

    doctor = reference(Doctor)
    cycle = reference(Cycle)
    kind = code_column(30)
    state = code_column(30)
    registration = reference(PracticeRegistration)
    institution = reference(Organisation, index=False)
    body = reference(Organisation, null=True, index=False)
    region = reference(Region, index=False)
    policy = reference(PinnedPolicy)
    revision = Integer(default=0)
    procedure = code_column(40, null=True)
    procedure_title = Varchar(60, default="")
    statement = Text(default="")
    submissions = Integer(default=0)
    return_reason = Text(default="")
    conclusion = code_column(20, null=True)
    changed_at = Timestamptz(default=None)

    kind_known = one_of("kind", AssessmentKind)
    state_known = one_of("state", AssessmentState)
    conclusion_known = one_of("conclusion", Verdict)
    concluded_means_conclusion = Check('("state" = \'CONCLUDED\') = ("conclusion" IS NOT NULL)')
    once = unique("doctor", "cycle", "kind")

    _indexes = (
        'CREATE INDEX "assessment_institution_queue" ON "assessment" ("institution", "state", "id")',
        'CREATE INDEX "assessment_body_queue" ON "assessment" ("body", "state", "id")',
        'CREATE INDEX "assessment_region_queue" ON "assessment" ("region", "state", "id")',
    )


class Rating(Record, db=ROUTER, tablename="rating"):
    """评定 of one dimension by the doctor (自评) or the institution. `items` is JSON: [{"code", "score"}]."""

    assessment = reference(Assessment, index=False)
    dimension = code_column(30)
    rated_by = code_column(20)
    verdict = code_column(20, null=True)
    items = Text(default="[]")
    summary = Text(default="")
    rated_at = Timestamptz(default=None)

    dimension_known = one_of("dimension", Dimension)
    rated_by_known = one_of("rated_by", RatedBy)
    verdict_known = one_of("verdict", Verdict)
    once = unique("assessment", "dimension", "rated_by")


class Submission(Record, db=ROUTER, tablename="submission"):
    """What the reviewers judge: the whole form as it was when it was submitted, as JSON, with the SHA-256 of it as it
    is shown: a digest of the numbers themselves would tell them to whoever tries them all."""

    assessment = reference(Assessment, index=False)
    number = Integer(default=None)
    content = SealedText()
    digest = code_column(64)
    submitted_at = Timestamptz(default=None)

    once = unique("assessment", "number")
