"""Regions and organisations: looking them up, and entering them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from piccolo.querystring import QueryString

from dingkao.access.rules import Kind, authority_grant, reach_of
from dingkao.audit.work import begin, logged_in
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.institutions.rules import (
    OrganisationKind,
    code_taken,
    organisation_problems,
    region_problems,
)
from dingkao.institutions.tables import Organisation, Region
from dingkao.institutions.vocabulary import RegionLevel
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import NotFound, ValidationFailed
from dingkao.plugin.vocabulary import Role

_REGION_COLUMNS = (Region.id, Region.code, Region.name, Region.level, Region.parent, Region.path)
_ORGANISATION_COLUMNS = (
    Organisation.id,
    Organisation.code,
    Organisation.name,
    Organisation.region,
    Organisation.is_institution,
    Organisation.is_body,
    Organisation.is_authority,
)
_LIKE_SIGNS = str.maketrans("", "", "%_\\")
_KIND_COLUMNS = {
    OrganisationKind.INSTITUTION: Organisation.is_institution,
    OrganisationKind.BODY: Organisation.is_body,
    OrganisationKind.AUTHORITY: Organisation.is_authority,
}

# A path holds the ids from the root down, so that being above and below are both a comparison of prefixes.
_chain = Statement(
    lambda p: QueryString(
        "SELECT above.code AS code FROM region AS here JOIN region AS above ON here.path LIKE above.path || '%' "
        "WHERE here.id = {} ORDER BY LENGTH(above.path)",
        p.region,
    )
)
_subtree = Statement(
    lambda p: QueryString(
        "SELECT below.id AS id FROM region AS here JOIN region AS below ON below.path LIKE here.path || '%' "
        "WHERE here.id = {} ORDER BY below.path",
        p.region,
    )
)
_chains = Statement(
    lambda p: QueryString(
        "SELECT here.id AS region, above.code AS code FROM region AS here "  # noqa: S608 - words of our own
        "JOIN region AS above ON here.path LIKE above.path || '%' "
        f"WHERE here.id IN ({', '.join('{}' for _ in p.regions)}) "
        "ORDER BY here.id, LENGTH(above.path)",
        *p.regions,
    )
)
_below = Statement(
    lambda p: QueryString(
        "SELECT below.id AS id, below.code AS code, below.name AS name, below.level AS level, below.parent AS parent, "
        "below.path AS path FROM region AS here JOIN region AS below ON below.path LIKE here.path || '%' "
        "WHERE here.id = {} ORDER BY LENGTH(below.path), below.path",
        p.region,
    )
)
_regions = Statement(lambda p: Region.select(*_REGION_COLUMNS).where(Region.id.is_in(p.ids)))
_region_by_code = Statement(lambda p: Region.select(*_REGION_COLUMNS).where(Region.code == p.code))
_regions_by_codes = Statement(
    lambda p: Region.select(*_REGION_COLUMNS).where(Region.code.is_in(p.codes)).order_by(Region.id)
)
_organisations = Statement(lambda p: Organisation.select(*_ORGANISATION_COLUMNS).where(Organisation.id.is_in(p.ids)))
_organisation_by_code = Statement(
    lambda p: Organisation.select(*_ORGANISATION_COLUMNS).where(Organisation.code == p.code)
)
_organisations_by_codes = Statement(
    lambda p: (
        Organisation.select(*_ORGANISATION_COLUMNS)
        .where(Organisation.code.is_in(p.codes) & (Organisation.region.path.like(p.pattern)))
        .order_by(Organisation.id)
    )
)


def _list(p: Any) -> Any:
    query = Organisation.select(*_ORGANISATION_COLUMNS).where(Organisation.id > p.after)
    if p.scoped:
        query = query.where(Organisation.region.is_in(p.regions))
    if p.kind is not None:
        query = query.where(_KIND_COLUMNS[p.kind] == True)  # noqa: E712 - a condition of the query
    if p.searching:
        query = query.where((Organisation.code == p.code) | (Organisation.name.like(p.pattern)))
    return query.order_by(Organisation.id).limit(p.limit)


_listed = Statement(_list, constants=("scoped", "kind", "searching", "limit"))


@dataclass(frozen=True, slots=True)
class RegionRecord:
    """A region as it is read; `path` holds the ids from the root down, as `/1/4/`."""

    id: int
    code: str
    name: str
    level: RegionLevel
    parent_id: int | None
    path: str


@dataclass(frozen=True, slots=True)
class OrganisationRecord:
    """An organisation as it is read."""

    id: int
    code: str
    name: str
    region_id: int
    kinds: frozenset[OrganisationKind]


async def region_chain(region_id: int) -> tuple[str, ...]:
    """The codes from the province down to the region: the order in which policy layers stack. Empty for no region."""
    return tuple([row["code"] for row in await _chain.run(region=region_id)])


async def subtree(region_id: int) -> tuple[int, ...]:
    """The ids of the region and of every one below it: an authority's reach. Empty for no region."""
    return tuple([row["id"] for row in await _subtree.run(region=region_id)])


async def region_chains(region_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """As `region_chain`, for many regions at once, by id."""
    found: dict[int, list[str]] = {}
    for row in await _chains.run(regions=list(region_ids)):
        found.setdefault(row["region"], []).append(row["code"])
    return {key: tuple(codes) for key, codes in found.items()}


async def regions_below(region_id: int) -> list["RegionRecord"]:
    """The region and every one below it, from the top down."""
    return [_region(row) for row in await _below.run(region=region_id)]


async def read_regions(ids: Sequence[int]) -> dict[int, RegionRecord]:
    """The regions of `ids` that exist, by id."""
    return {row["id"]: _region(row) for row in await _regions.run(ids=list(ids))}


async def region_by_code(code: str) -> RegionRecord | None:
    """The region with `code`, or None."""
    row = await _region_by_code.first(code=code)
    return None if row is None else _region(row)


async def read_organisations(ids: Sequence[int]) -> dict[int, OrganisationRecord]:
    """The organisations of `ids` that exist, by id."""
    return {row["id"]: _organisation(row) for row in await _organisations.run(ids=list(ids))}


async def organisation_by_code(code: str) -> OrganisationRecord | None:
    """The organisation with `code`, or None."""
    row = await _organisation_by_code.first(code=code)
    return None if row is None else _organisation(row)


async def regions_by_codes(codes: Sequence[str]) -> list[RegionRecord]:
    """The regions with one of `codes`, first entered first."""
    return [_region(row) for row in await _regions_by_codes.run(codes=list(codes))]


async def organisations_by_codes(codes: Sequence[str], region_id: int | None = None) -> list[OrganisationRecord]:
    """The organisations with one of `codes` that lie in the region or below it (None: anywhere), first entered
    first."""
    if not codes:
        return []
    region = None if region_id is None else (await read_regions([region_id])).get(region_id)
    if region_id is not None and region is None:
        return []
    rows = await _organisations_by_codes.run(codes=list(codes), pattern=f"{region.path if region else '/'}%")
    return [_organisation(row) for row in rows]


async def list_organisations(
    caller: Caller | None, *, kind: OrganisationKind | None, search: str | None, after: int, limit: int
) -> list[OrganisationRecord]:
    """At most `limit` organisations with a key above `after`, in the regions that the caller governs, by key.

    `search` is part of the name or the whole code. Raises NotLoggedIn, Forbidden for who is no authority.
    """
    asking = logged_in(caller)
    reach = reach_of(asking, Kind.ORGANISATION)
    rows = await _listed.run(
        scoped=not reach.everywhere,
        kind=kind,
        searching=bool(search),
        limit=limit,
        after=after,
        regions=None if reach.everywhere else list(reach.keys),
        code=(search or "").strip(),
        pattern=contains_pattern(search or ""),
    )
    return [_organisation(row) for row in rows]


def contains_pattern(text: str) -> str:
    """A LIKE pattern for what contains `text`. The signs that LIKE reads are left out: the two databases escape them
    in different ways, and no name holds one."""
    return f"%{text.strip().translate(_LIKE_SIGNS)}%"


async def create_region(
    environment: Environment,
    caller: Caller | None,
    *,
    code: str,
    name: str,
    level: RegionLevel,
    parent_id: int | None = None,
    valid_from: date | None = None,
) -> int:
    """Enter a region below `parent_id` (None: a province, which only the system enters); returns its id.

    By the system or an authority officer who governs the parent. Raises ValidationFailed, NotFound, Forbidden.
    """
    async with begin(environment, caller) as work:
        work.acting = authority_grant(work.caller, *([] if parent_id is None else [parent_id]))
        parent = (await read_regions([parent_id])).get(parent_id) if parent_id is not None else None
        if parent_id is not None and parent is None:
            raise NotFound
        if parent is None:
            work.caller.require(Role.SYSTEM)
        problems = region_problems(code, name, level, parent.level if parent else None)
        if problems:
            raise ValidationFailed(problems)
        row = Region(code=code, name=name.strip(), level=level.value, parent=parent_id, path="", valid_from=valid_from)
        # The database decides which of two with one code is first.
        inserted = await Region.insert(row).on_conflict(action="DO NOTHING").returning(Region.id)
        if not inserted:
            raise ValidationFailed([code_taken()])
        region_id = int(inserted[0]["id"])
        path = f"{parent.path if parent else '/'}{region_id}/"
        await Region.update({Region.path: path}).where(Region.id == region_id)
        await work.record("CREATE_REGION", "Region", region_id, {"code": code, "level": level.value})
    return region_id


async def create_organisation(
    environment: Environment,
    caller: Caller | None,
    *,
    code: str,
    name: str,
    region_id: int,
    kinds: frozenset[OrganisationKind],
) -> int:
    """Enter an organisation of one or several kinds; returns its id.

    By the system or an authority officer who governs its region. Raises ValidationFailed, NotFound, Forbidden.
    """
    async with begin(environment, caller) as work:
        work.acting = authority_grant(work.caller, region_id)
        problems = organisation_problems(code, name, kinds)
        if problems:
            raise ValidationFailed(problems)
        if region_id not in await read_regions([region_id]):
            raise NotFound
        row = Organisation(
            code=code,
            name=name.strip(),
            region=region_id,
            is_institution=OrganisationKind.INSTITUTION in kinds,
            is_body=OrganisationKind.BODY in kinds,
            is_authority=OrganisationKind.AUTHORITY in kinds,
        )
        inserted = await Organisation.insert(row).on_conflict(action="DO NOTHING").returning(Organisation.id)
        if not inserted:
            raise ValidationFailed([code_taken()])
        organisation_id = int(inserted[0]["id"])
        detail = {"code": code, "kinds": sorted(kind.value for kind in kinds)}
        await work.record("CREATE_ORGANISATION", "Organisation", organisation_id, detail)
    return organisation_id


def _region(row: Mapping[str, Any]) -> RegionRecord:
    return RegionRecord(row["id"], row["code"], row["name"], RegionLevel(row["level"]), row["parent"], row["path"])


def _organisation(row: Mapping[str, Any]) -> OrganisationRecord:
    flags = {
        OrganisationKind.INSTITUTION: row["is_institution"],
        OrganisationKind.BODY: row["is_body"],
        OrganisationKind.AUTHORITY: row["is_authority"],
    }
    kinds = frozenset(kind for kind, held in flags.items() if held)
    return OrganisationRecord(row["id"], row["code"], row["name"], row["region"], kinds)
