"""Cycles and the bodies appointed for them."""

from piccolo.columns import Date, Text, Timestamptz, Varchar
from piccolo.constraints import Check

from dingkao.cycles.vocabulary import CycleState
from dingkao.db.routing import ROUTER
from dingkao.db.tables import Record, code_column, one_of, reference, unique
from dingkao.institutions.tables import Organisation, Region


class Cycle(Record, db=ROUTER, tablename="cycle"):
    """考核周期 of a jurisdiction: its calendar and, from its opening on, its pinned policy."""

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
    policy_json = Text(default="")
    opened_at = Timestamptz(null=True, default=None)

    state_known = one_of("state", CycleState)
    starts_before_it_ends = Check('"starts_on" < "ends_on"')
    once = unique("region", "name")


class BodyAppointment(Record, db=ROUTER, tablename="body_appointment"):
    """Which body assesses the doctors of an institution in a cycle (2007 measure, Art. 7 and 8)."""

    cycle = reference(Cycle)
    institution = reference(Organisation)
    body = reference(Organisation)

    once = unique("cycle", "institution")
