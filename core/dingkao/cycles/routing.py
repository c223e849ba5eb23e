"""Which body assesses whom, by the levels that the policy names: province-level hospitals straight to the province."""

from collections.abc import Mapping

from piccolo.querystring import QueryString

from dingkao.cycles.rules import Place, body_for
from dingkao.cycles.tables import BodyAppointment
from dingkao.db.bulk import insert_many
from dingkao.db.statement import Statement
from dingkao.plugin.vocabulary import RegionLevel

# An institution of the cycle's region without a body, with the way up to the province: nearest region first.
_unappointed = Statement(
    lambda p: QueryString(
        "SELECT institution.id AS id, above.id AS region, above.level AS level FROM region AS top "
        "JOIN region AS here ON here.path LIKE top.path || '%' "
        "JOIN organisation AS institution ON institution.region = here.id AND institution.is_institution = TRUE "
        "JOIN region AS above ON here.path LIKE above.path || '%' "
        "WHERE top.id = {} AND NOT EXISTS (SELECT 1 FROM body_appointment AS appointment "
        "WHERE appointment.cycle = {} AND appointment.institution = institution.id) "
        "ORDER BY institution.id, LENGTH(above.path) DESC",
        p.region,
        p.cycle,
    )
)
_bodies = Statement(
    lambda p: QueryString("SELECT id, region FROM organisation WHERE is_body = TRUE AND id > {} ORDER BY id", p.after)
)


async def appoint_by_level(cycle_id: int, region_id: int, routes: Mapping[RegionLevel, RegionLevel]) -> int:
    """Appoint bodies by `routes` (institution's level, body's level) to the institutions of the cycle's region that
    have none; how many were appointed. Part of opening a cycle. An institution that no route reaches stays without."""
    if not routes:
        return 0
    bodies: dict[int, list[int]] = {}
    for row in await _bodies.run(after=0):
        bodies.setdefault(row["region"], []).append(row["id"])
    ways: dict[int, list[Place]] = {}
    for row in await _unappointed.run(region=region_id, cycle=cycle_id):
        place = Place(RegionLevel(row["level"]), tuple(bodies.get(row["region"], ())))
        ways.setdefault(row["id"], []).append(place)
    appointed = [
        (cycle_id, institution, body)
        for institution, way in ways.items()
        if (body := body_for(way, routes)) is not None
    ]
    await insert_many((BodyAppointment.cycle, BodyAppointment.institution, BodyAppointment.body), appointed)
    return len(appointed)
