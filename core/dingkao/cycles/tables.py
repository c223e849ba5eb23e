"""Cycles and the bodies appointed for them."""

from piccolo.columns import Date, Text, Timestamptz, Varchar
from piccolo.constraints import Check

from dingkao.cycles.vocabulary import CycleState
from dingkao.db.routing import ROUTER
from dingkao.db.tables import Record, code_column, one_of, reference, unique
from dingkao.institutions.tables import Organisation, Region


class PinnedPolicy(Record, db=ROUTER, tablename="pinned_policy"):
    """政策存档: the whole text of a policy that a cycle pinned, kept for good under its digest. `content` is JSON of
    all sections, `origins` JSON of where each value came from that is not national."""

    digest = Varchar(64)
    version = Varchar(200)
    content = Text()
    origins = Text(default="{}")

    once = unique("digest", "version")


class Cycle(Record, db=ROUTER, tablename="cycle"):
    """考核周期 of a jurisdiction: its calendar and, from its opening on, version and digest of what it pinned: the
    version is that of its own region's policy, the digest covers the policies of every place in it."""

    _audited_as = "Cycle"

    region = reference(Region)
    name = Varchar(80)
    state = code_column(20)
    starts_on = Date(default=None)
    ends_on = Date(default=None)
    enrolment_from = Timestamptz(default=None)
    enrolment_until = Timestamptz(default=None)
    tests_from = Timestamptz(default=None)
    tests_until = Timestamptz(default=None)
    policy_version = Varchar(200, default="")
    policy_digest = Varchar(64, default="")
    opened_at = Timestamptz(null=True, default=None)

    state_known = one_of("state", CycleState)
    starts_before_it_ends = Check('"starts_on" < "ends_on"')
    once = unique("region", "name")


class CyclePolicy(Record, db=ROUTER, tablename="cycle_policy"):
    """Which policy counts where in a cycle. A row for the cycle's own region, and one for each region and organisation
    below it that has a layer of its own; for an institution its own row counts, else that of the nearest region."""

    cycle = reference(Cycle)
    region = reference(Region)
    organisation = reference(Organisation, null=True)
    policy = reference(PinnedPolicy)

    _indexes = (
        'CREATE UNIQUE INDEX "cycle_policy_once" ON "cycle_policy" ("cycle", "region", COALESCE("organisation", 0))',
    )


class BodyAppointment(Record, db=ROUTER, tablename="body_appointment"):
    """Which body assesses the doctors of an institution in a cycle (2007 measure, Art. 7 and 8)."""

    cycle = reference(Cycle)
    institution = reference(Organisation)
    body = reference(Organisation)

    once = unique("cycle", "institution")
