"""Legal holds."""

from piccolo.columns import Text, Timestamptz

from dingkao.accounts.tables import Account
from dingkao.db.routing import ROUTER
from dingkao.db.tables import Record, reference


class LegalHold(Record, db=ROUTER, tablename="legal_hold"):
    """保全: what belongs to the account, or to its doctor, is not deleted while it is in force, whatever its time says:
    a court, an inquiry or a complaint needs it."""

    account = reference(Account, index=False)
    reason = Text(default="")
    placed_at = Timestamptz(default=None)
    lifted_at = Timestamptz(null=True, default=None)

    _indexes = ('CREATE UNIQUE INDEX "legal_hold_in_force" ON "legal_hold" ("account") WHERE "lifted_at" IS NULL',)
