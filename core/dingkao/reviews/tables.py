"""Decisions of the two reviewing levels."""

from piccolo.columns import Integer, Text, Timestamptz

from dingkao.accounts.tables import Account
from dingkao.assessments.tables import Assessment
from dingkao.db.routing import ROUTER
from dingkao.db.tables import Record, code_column, one_of, reference
from dingkao.institutions.tables import Organisation
from dingkao.plugin.vocabulary import ReviewLevel
from dingkao.reviews.vocabulary import Decision


class Review(Record, db=ROUTER, tablename="review"):
    """审核 / 机构复核: one level's decision on one submission."""

    assessment = reference(Assessment, index=False)
    submission_number = Integer(default=None)
    level = code_column(20)
    decision = code_column(30)
    reason = Text(default="")
    reviewer = reference(Account)
    organisation = reference(Organisation)
    decided_at = Timestamptz(default=None)

    level_known = one_of("level", ReviewLevel)
    decision_known = one_of("decision", Decision)

    _indexes = ('CREATE INDEX "review_latest" ON "review" ("assessment", "id")',)
