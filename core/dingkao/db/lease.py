"""A lock that outlives a statement and not its holder: which of many workers does a job that one should do.

A row says who holds it until when. A worker that is killed holds it no longer than that; two databases know it alike.
"""

from datetime import datetime, timedelta

from piccolo.columns import Timestamptz, Varchar
from piccolo.querystring import QueryString

from dingkao.db.routing import ROUTER
from dingkao.db.statement import Parameters, Statement
from dingkao.db.tables import Record, code_column


class Lease(Record, db=ROUTER, tablename="lease"):
    """租约: a job, who does it, and until when nobody else may."""

    name = code_column(40, unique=True)
    holder = Varchar(60, default=None)
    held_until = Timestamptz(default=None)


def _take_query(parameters: Parameters) -> QueryString:
    return QueryString(
        "INSERT INTO lease (name, holder, held_until) VALUES ({}, {}, {}) "
        "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until "
        "WHERE lease.holder = excluded.holder OR lease.held_until < {} RETURNING id",
        parameters.name,
        parameters.holder,
        parameters.held_until,
        parameters.now,
    )


_take = Statement(_take_query)


async def take_lease(name: str, holder: str, now: datetime, seconds: float) -> bool:
    """Whether `holder` may do the job `name` from now on for so many seconds: nobody held it, or he did, or whoever did
    has kept silent for too long. Takes it again, and so prolongs it, at each call."""
    until = now + timedelta(seconds=seconds)
    return bool(await _take.run(name=name, holder=holder, held_until=until, now=now))
