"""Who did what, chained; and every move of a state."""

from typing import ClassVar

from piccolo.columns import BigInt, Integer, Text, Timestamptz, Varchar

from dingkao.audit.append_only import append_only
from dingkao.db.routing import ROUTER
from dingkao.db.tables import Record, code_column

# Days for which entries are kept at least: six months (Cybersecurity Law; security.md 3.4).
LEAST_DAYS = 183

# The row before the first: no entry, and what the first one continues.
FIRST_HEAD = 'INSERT INTO "audit_head" ("id", "number", "digest") VALUES (1, 0, \'\')'
_BREAKS_CHAIN = "audit_entry: an entry continues the chain at its head"
_HEAD_MOVES = "audit_head moves with the entries alone"
_TOO_YOUNG = f"audit_retention: entries are kept for at least {LEAST_DAYS} days"


class AuditHead(Record, db=ROUTER, tablename="audit_head"):
    """审计链头: the one row (`id` 1) that says how far the chain goes. Locked by who appends, moved by the trigger of
    `audit_entry`; it stays when the last entries are taken away, which is how that is noticed."""

    number = BigInt(default=0)
    digest = Varchar(64, default="")

    _further: ClassVar = {
        "sqlite": (
            FIRST_HEAD,
            'CREATE TRIGGER "audit_head_moves" BEFORE UPDATE ON "audit_head" WHEN NEW."number" <> OLD."number" + 1 '
            f'OR NEW."id" <> OLD."id" BEGIN SELECT RAISE(ABORT, \'{_HEAD_MOVES}\'); END',
            'CREATE TRIGGER "audit_head_stays" BEFORE DELETE ON "audit_head" '
            f"BEGIN SELECT RAISE(ABORT, '{_HEAD_MOVES}'); END",
        ),
        "postgres": (
            FIRST_HEAD,
            'CREATE FUNCTION "audit_head_refuse"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN '
            'IF TG_OP = \'UPDATE\' THEN IF NEW."number" = OLD."number" + 1 AND NEW."id" = OLD."id" THEN '
            f"RETURN NEW; END IF; END IF; RAISE EXCEPTION '{_HEAD_MOVES}'; END $$",
            'CREATE TRIGGER "audit_head_moves" BEFORE UPDATE OR DELETE ON "audit_head" '
            'FOR EACH ROW EXECUTE FUNCTION "audit_head_refuse"()',
            'CREATE TRIGGER "audit_head_no_truncate" BEFORE TRUNCATE ON "audit_head" '
            'FOR EACH STATEMENT EXECUTE FUNCTION "audit_head_refuse"()',
        ),
    }


class AuditRetention(Record, db=ROUTER, tablename="audit_retention"):
    """审计留存: up to which entry the chain was deleted after its time, and that entry's digest: what is left is
    verified from there. The entry PRUNE_AUDIT in the chain says the same, so that a row made by hand is noticed."""

    last_entry = BigInt(default=None)
    digest = Varchar(64, default=None)
    pruned_at = Timestamptz(default=None)
    entries = Integer(default=0)

    _own: ClassVar = append_only("audit_retention")
    _further: ClassVar = {
        "sqlite": (
            *_own["sqlite"],
            'CREATE TRIGGER "audit_retention_age" BEFORE INSERT ON "audit_retention" '  # noqa: S608 - our own words
            'WHEN NOT EXISTS (SELECT 1 FROM "audit_entry" WHERE "id" = NEW."last_entry" '
            f"AND julianday(\"at\") < julianday('now') - {LEAST_DAYS}) "
            f"BEGIN SELECT RAISE(ABORT, '{_TOO_YOUNG}'); END",
        ),
        "postgres": (
            *_own["postgres"],
            'CREATE FUNCTION "audit_retention_check"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN '  # noqa: S608 - our own words
            'IF NOT EXISTS (SELECT 1 FROM "audit_entry" WHERE "id" = NEW."last_entry" '
            f"AND \"at\" < now() - interval '{LEAST_DAYS} days') THEN RAISE EXCEPTION '{_TOO_YOUNG}'; END IF; "
            "RETURN NEW; END $$",
            'CREATE TRIGGER "audit_retention_age" BEFORE INSERT ON "audit_retention" '
            'FOR EACH ROW EXECUTE FUNCTION "audit_retention_check"()',
        ),
    }


class AuditEntry(Record, db=ROUTER, tablename="audit_entry"):
    """审计: one entry for each use case that changed something, in the same transaction, and for each refused right.

    `id` is its number in the chain, without gaps. `result` is OK or the refusal's code. `before` and `after` are keyed
    digests of the object's row (empty where there was none). `detail` is JSON without personal data. `digest` is an
    HMAC, with the key named by `key`, over `previous` (the digest of the entry before) and all other columns. Keys of
    objects are plain numbers, not references: an entry outlives what it speaks of."""

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
    result = code_column(60, default="OK")
    before = Varchar(64, default="")
    after = Varchar(64, default="")
    detail = Text(default="{}")
    key = Varchar(40, default="")
    previous = Varchar(64, default="")
    digest = Varchar(64, default="")

    _indexes = (
        'CREATE INDEX "audit_entry_object" ON "audit_entry" ("object_type", "object_id", "id")',
        'CREATE INDEX "audit_entry_account" ON "audit_entry" ("account", "id")',
        'CREATE INDEX "audit_entry_at" ON "audit_entry" ("at")',
    )
    _own: ClassVar = append_only("audit_entry", retired=True)
    _further: ClassVar = {
        "sqlite": (
            *_own["sqlite"],
            'CREATE TRIGGER "audit_entry_next" BEFORE INSERT ON "audit_entry" BEGIN '  # noqa: S608 - our own words
            f"SELECT RAISE(ABORT, '{_BREAKS_CHAIN}') WHERE NOT EXISTS (SELECT 1 FROM \"audit_head\" "
            'WHERE "id" = 1 AND "number" + 1 = NEW."id" AND "digest" = NEW."previous"); '
            'UPDATE "audit_head" SET "number" = NEW."id", "digest" = NEW."digest" WHERE "id" = 1; END',
        ),
        "postgres": (
            *_own["postgres"],
            'CREATE FUNCTION "audit_entry_continue"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN '  # noqa: S608 - our own words
            'UPDATE "audit_head" SET "number" = NEW."id", "digest" = NEW."digest" '
            'WHERE "id" = 1 AND "number" + 1 = NEW."id" AND "digest" = NEW."previous"; '
            f"IF NOT FOUND THEN RAISE EXCEPTION '{_BREAKS_CHAIN}'; END IF; RETURN NEW; END $$",
            'CREATE TRIGGER "audit_entry_next" BEFORE INSERT ON "audit_entry" '
            'FOR EACH ROW EXECUTE FUNCTION "audit_entry_continue"()',
        ),
    }


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
    _further: ClassVar = append_only("state_transition")
