"""Whose the bank is (题库的归属): each region has its own beside the nation's, which has no region (None).

Authors and approvers write in the banks of their organisation's region and of those below it, as the scope rule has it,
and read those above it as well: they must know what is asked already. Who holds the role at no organisation writes in
the nation's.
"""

from collections.abc import Iterable

from piccolo.querystring import QueryString

from dingkao.access.rules import Kind, Place, grant_on, reach_in, require_sight
from dingkao.db.statement import Statement
from dingkao.institutions.service import read_organisations, region_by_code
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import Forbidden, NotFound
from dingkao.plugin.vocabulary import Role

# Who reads the bank, each with its own reach.
READERS = (Role.BANK_AUTHOR, Role.BANK_APPROVER, Role.SYSTEM)

_with_those_above = Statement(
    lambda p: QueryString(
        "SELECT DISTINCT above.id AS id FROM region AS here JOIN region AS above ON here.path LIKE above.path || '%' "  # noqa: S608
        f"WHERE here.id IN ({', '.join(['{}'] * len(p.regions))})",
        *p.regions,
    )
)


async def chosen_bank(caller: Caller, region_code: str | None, *roles: Role) -> tuple[RoleGrant, int | None]:
    """The grant with one of `roles` in which the caller works on a bank, and the bank's region (None: the nation's):
    that with the code, or else that of the grant's organisation. Raises Forbidden, NotFound."""
    grant = require_sight(caller, Kind.BANK, *roles)
    if region_code is not None:
        region = await region_by_code(region_code)
        found = None if region is None else grant_on(caller, Place(region_id=region.id), *roles, kind=Kind.BANK)
        if region is None or found is None:
            raise NotFound
        return found, region.id
    if grant.organisation_id is None:
        return grant, None
    return grant, (await read_organisations([grant.organisation_id]))[grant.organisation_id].region_id


async def readable_banks(caller: Caller) -> list[int] | None:
    """The regions whose banks the caller reads, beside the nation's, which all read; None: every one. At most one
    query. Raises Forbidden for who reads no bank."""
    require_sight(caller, Kind.BANK)
    regions: set[int] = set()
    for role in READERS:
        if not caller.has(role):
            continue
        reach = reach_in(caller, role, Kind.BANK)
        if reach.everywhere:
            return None
        regions.update(reach.keys)
    rows = await _with_those_above.run(regions=sorted(regions))
    return sorted(row["id"] for row in rows)


async def require_banks(caller: Caller, regions: Iterable[int | None], *roles: Role) -> RoleGrant:
    """The grant with one of `roles` by which the caller writes in the banks of all these regions. Raises Forbidden
    where he only reads one of them, or has no such role; NotFound where he does not even read it."""
    grant = require_sight(caller, Kind.BANK, *roles)
    for region in set(regions):
        found = grant_on(caller, Place(region_id=region), *roles, kind=Kind.BANK)
        if found is None:
            readable = await readable_banks(caller)
            raise Forbidden if region is None or readable is None or region in readable else NotFound
        grant = found
    return grant
