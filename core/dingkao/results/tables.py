"""Results, and the documents made of them."""

from piccolo.columns import Integer, Text, Timestamptz, Varchar

from dingkao.assessments.tables import Assessment
from dingkao.db.routing import ROUTER
from dingkao.db.tables import Record, code_column, one_of, reference, unique
from dingkao.institutions.tables import Organisation
from dingkao.plugin.vocabulary import Verdict
from dingkao.results.vocabulary import ConclusionGround, DocumentKind, DocumentState, ResultState


class Result(Record, db=ROUTER, tablename="result"):
    """考核结果: 合格 or 不合格 (2007 measure, Art. 22), and how far its announcement has come."""

    assessment = reference(Assessment, unique=True, index=False)
    verdict = code_column(20)
    ground = code_column(30)
    state = code_column(30)
    concluded_at = Timestamptz(default=None)
    filed_at = Timestamptz(null=True, default=None)
    notified_at = Timestamptz(null=True, default=None)

    verdict_known = one_of("verdict", Verdict)
    ground_known = one_of("ground", ConclusionGround)
    state_known = one_of("state", ResultState)

    # For the sweeper, which looks for notified results whose days for objections are over.
    _indexes = ('CREATE INDEX "result_notified" ON "result" ("state", "notified_at")',)


class ResultDocument(Record, db=ROUTER, tablename="result_document"):
    """考核结果通知书 or 合格证书: its number, its public check code, and the digest of the PDF as it was last made."""

    _audited_as = "Document"

    result = reference(Result, index=False)
    kind = code_column(20)
    number = code_column(40, unique=True)
    check_code = code_column(40, unique=True)
    state = code_column(20)
    content = Text()
    file_name = code_column(80)
    digest = code_column(64)
    issued_at = Timestamptz(default=None)
    sealed_at = Timestamptz(null=True, default=None)
    sealed_by = reference(Organisation, null=True)
    seal_subject = Varchar(200, default="")

    kind_known = one_of("kind", DocumentKind)
    state_known = one_of("state", DocumentState)
    once = unique("result", "kind")


class DocumentSequence(Record, db=ROUTER, tablename="document_sequence"):
    """The last number given out for a series (region, year and kind); locked while one is taken."""

    series = code_column(60, unique=True)
    last = Integer(default=0)
