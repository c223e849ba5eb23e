"""Requests for exemption and their proofs."""

from piccolo.columns import BigInt, Integer, Text, Timestamptz, Varchar
from piccolo.constraints import Check

from dingkao.plugin.subject_access import INTERNAL, OF_STAFF, HeldOfDoctor
from dingkao.plugin.tables import ROUTER, Record, code_column, one_of, reference, unique
from dingkao.plugin.vocabulary import PaperSubject
from dingkao_exemptions.rules import ExemptionDecision, ExemptionState


class ExemptionRequest(Record, db=ROUTER, tablename="exemptions_request"):
    """免考申请 for one paper. `conditions` is JSON: [{"code", "title"}], readable when the catalogue has changed.

    `procedure` and `institution` are those under which it was made: under others it has lapsed. `institution` and
    `body` are those that decide, kept here so that a queue is one index. Keys of the core's objects are plain numbers.
    """

    _audited_as = "Exemption"

    assessment = BigInt(default=None)
    procedure = code_column(40)
    procedure_title = Varchar(60, default="")
    subject = code_column(20)
    conditions = Text()
    state = code_column(30)
    institution = BigInt(default=None)
    body = BigInt(null=True, default=None)
    requested_by = BigInt(default=None)
    requested_at = Timestamptz(default=None)
    institution_decision = code_column(20, null=True)
    institution_account = BigInt(null=True, default=None)
    institution_reason = Text(default="")
    institution_decided_at = Timestamptz(null=True, default=None)
    body_decision = code_column(20, null=True)
    body_account = BigInt(null=True, default=None)
    body_reason = Text(default="")
    body_decided_at = Timestamptz(null=True, default=None)

    _subject_access = HeldOfDoctor(
        "assessment",
        shown=(
            "assessment", "procedure", "procedure_title", "subject", "conditions", "state", "requested_at",
            "institution_decision", "institution_reason", "institution_decided_at", "body_decision", "body_reason",
            "body_decided_at",
        ),
        left_out={
            "institution": INTERNAL,
            "body": INTERNAL,
            "requested_by": INTERNAL,
            "institution_account": OF_STAFF,
            "body_account": OF_STAFF,
        },
    )  # fmt: skip

    subject_known = one_of("subject", PaperSubject)
    state_known = one_of("state", ExemptionState)
    institution_decision_known = one_of("institution_decision", ExemptionDecision)
    body_decision_known = one_of("body_decision", ExemptionDecision)
    requested_means_undecided = Check('("state" = \'REQUESTED\') = ("institution_decision" IS NULL)')
    body_after_institution = Check(
        '"body_decision" IS NULL OR ("institution_decision" IS NOT NULL AND "institution_decision" = \'APPROVE\')'
    )
    approved_means_body_decision = Check(
        '("state" = \'BODY_APPROVED\') = ("body_decision" IS NOT NULL AND "body_decision" = \'APPROVE\')'
    )
    institution_decision_is_signed = Check(
        '("institution_decision" IS NULL) = ("institution_account" IS NULL OR "institution_decided_at" IS NULL)'
    )
    body_decision_is_signed = Check('("body_decision" IS NULL) = ("body_account" IS NULL OR "body_decided_at" IS NULL)')

    _indexes = (
        'CREATE INDEX "exemptions_request_assessment" ON "exemptions_request" ("assessment", "id")',
        'CREATE UNIQUE INDEX "exemptions_request_one_open" ON "exemptions_request" '
        '("assessment", "procedure", "institution", "subject") '
        "WHERE \"state\" IN ('REQUESTED', 'INSTITUTION_APPROVED')",
        'CREATE INDEX "exemptions_request_institution_queue" ON "exemptions_request" ("institution", "state", "id")',
        'CREATE INDEX "exemptions_request_body_queue" ON "exemptions_request" ("body", "state", "id")',
    )


class ExemptionProof(Record, db=ROUTER, tablename="exemptions_proof"):
    """免考证明材料: a file beside a request, in the order in which the doctor gave them (`position` from 1). `kind` is
    the code of its kind, where the doctor named one, and `kind_title` what it was called then."""

    request = reference(ExemptionRequest, index=False)
    position = Integer(default=None)
    file = BigInt(default=None)
    kind = code_column(40, null=True)
    kind_title = Varchar(120, default="")

    _subject_access = HeldOfDoctor("request.assessment", shown=("request", "position", "file", "kind", "kind_title"))

    once = unique("request", "file")
    placed_once = unique("request", "position")


# In the order of their references.
TABLES: tuple[type[Record], ...] = (ExemptionRequest, ExemptionProof)
