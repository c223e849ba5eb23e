"""Acts that wait for a second person, and those that two people have decided."""

from piccolo.columns import Text, Timestamptz, Varchar
from piccolo.constraints import Check

from dingkao.accounts.tables import Account
from dingkao.assessments.tables import Assessment
from dingkao.db.routing import ROUTER
from dingkao.db.tables import Record, code_column, one_of, reference
from dingkao.institutions.tables import Organisation, Region
from dingkao.proposals.vocabulary import ProposalKind, ProposalState


class Proposal(Record, db=ROUTER, tablename="proposal"):
    """待复核事项: proposed by one officer and decided by another. `about` names the object: one act waits for it once;
    `assessment` is set where it is one doctor's. `given` is JSON, the act's exact input; `effect` is JSON, what it did
    when it was tried at the proposal, and what it did indeed once it is confirmed; `digest` is over all of that.
    `ended_at`: when it was decided or withdrawn. One that nobody decides in time counts as expired; its row says so
    when another takes its place."""

    _audited_as = "Proposal"

    kind = code_column(20)
    about = Varchar(80, default=None)
    region = reference(Region)
    assessment = reference(Assessment, null=True)
    given = Text()
    reason = Text()
    effect = Text()
    digest = code_column(64)
    state = code_column(20, default=ProposalState.OPEN.value)
    proposed_by = reference(Account)
    organisation = reference(Organisation, null=True, index=False)
    proposed_at = Timestamptz(default=None)
    decided_by = reference(Account, null=True, index=False)
    ended_at = Timestamptz(null=True, default=None)
    note = Text(default="")

    kind_known = one_of("kind", ProposalKind)
    state_known = one_of("state", ProposalState)
    two_people = Check('"decided_by" IS NULL OR "decided_by" <> "proposed_by"')
    decided_by_somebody = Check("(\"state\" IN ('CONFIRMED', 'REFUSED')) = (\"decided_by\" IS NOT NULL)")

    _indexes = ('CREATE UNIQUE INDEX "proposal_open_once" ON "proposal" ("kind", "about") WHERE "state" = \'OPEN\'',)
