"""Who did what, and every move of a state."""

from piccolo.columns import BigInt, Text, Timestamptz, Varchar

from dingkao.db.routing import ROUTER
from dingkao.db.tables import Record, code_column


class AuditEntry(Record, db=ROUTER, tablename="audit_entry"):
    """审计: one entry for each use case that changed something, in the same transaction. `detail` is JSON without
    personal data. Keys are plain numbers, not references: an entry outlives what it speaks of."""

    at = Timestamptz(default=None)
    account = BigInt(null=True, default=None)
    session = BigInt(null=True, default=None)
    role = code_column(30)
    organisation = BigInt(null=True, default=None)
    address = Varchar(60, default="")
    request_id = code_column(40)
    action = code_column(60)
    object_type = code_column(60)
    object_id = BigInt(null=True, default=None)
    detail = Text(default="{}")

    _indexes = ('CREATE INDEX "audit_entry_object" ON "audit_entry" ("object_type", "object_id", "id")',)


class StateTransition(Record, db=ROUTER, tablename="state_transition"):
    """状态变更: which machine moved what from where to where, by whom, why, under which policy (design: States)."""

    at = Timestamptz(default=None)
    machine = code_column(40)
    object_id = BigInt(default=None)
    assessment = BigInt(default=None)
    source = code_column(40)
    event = code_column(40)
    target = code_column(40)
    account = BigInt(null=True, default=None)
    role = code_column(30)
    organisation = BigInt(null=True, default=None)
    reason = Text(default="")
    policy_version = Varchar(200, default="")

    _indexes = (
        'CREATE INDEX "state_transition_object" ON "state_transition" ("machine", "object_id", "id")',
        'CREATE INDEX "state_transition_assessment" ON "state_transition" ("assessment", "id")',
    )
