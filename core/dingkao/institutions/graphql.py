"""Regions and organisations in the schema."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Optional, TypeAlias

import strawberry

from dingkao.audit.work import logged_in
from dingkao.context import CoreInfo
from dingkao.graphql_pages import after_key, keyset_page
from dingkao.institutions import service
from dingkao.institutions.rules import OrganisationKind
from dingkao.institutions.service import OrganisationRecord, RegionRecord
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.enums import RegionLevelEnum, described_enum
from dingkao.plugin.errors import NotFound
from dingkao.plugin.graphql import Connection, Node, page_size
from dingkao.plugin.ids import encode_id

described_enum(
    OrganisationKind,
    "What an organisation is; one may be several. 机构类别",
    {
        OrganisationKind.INSTITUTION: "Medical or health institution. 医疗卫生机构",
        OrganisationKind.BODY: "Assessment body. 考核机构",
        OrganisationKind.AUTHORITY: "Health authority. 卫生健康行政部门",
    },
)
OrganisationKindEnum: TypeAlias = OrganisationKind


async def load_regions(keys: list[int]) -> list[RegionRecord | None]:
    """For a request's loader: the regions of `keys`, in their order."""
    found = await service.read_regions(keys)
    return [found.get(key) for key in keys]


async def load_organisations(keys: list[int]) -> list[OrganisationRecord | None]:
    """For a request's loader: the organisations of `keys`, in their order."""
    found = await service.read_organisations(keys)
    return [found.get(key) for key in keys]


@strawberry.type(description="Administrative region; they form a tree. 行政区划")
class Region(Node):
    code: str = strawberry.field(description="Code, GB/T 2260's where there is one. 行政区划代码")
    name: str = strawberry.field(description="Name. 名称")
    level: RegionLevelEnum = strawberry.field(description="Level. 层级")
    parent_id: strawberry.Private[int | None]

    @strawberry.field(description="The region it belongs to; none for a province. 上级行政区划")
    async def parent(self, info: CoreInfo) -> Optional["Region"]:
        return None if self.parent_id is None else await load_region(info, self.parent_id)

    @classmethod
    def from_record(cls, record: RegionRecord) -> "Region":
        """The type from what the service read."""
        return cls(
            id=strawberry.ID(encode_id("Region", record.id)),
            code=record.code,
            name=record.name,
            level=record.level,
            parent_id=record.parent_id,
        )


async def load_region(info: CoreInfo, region_id: int) -> Region:
    """The region, through the request's loader: names and codes are public. Raises NotFound, NotLoggedIn."""
    logged_in(info.context.caller)
    record = await info.context.loader(load_regions).load(region_id)
    if record is None:
        raise NotFound
    return Region.from_record(record)


@strawberry.type(description="Organisation: institution, assessment body, authority, or several of them. 机构")
class Organisation(Node):
    name: str = strawberry.field(description="Name. 机构名称")
    key: strawberry.Private[int]
    record: strawberry.Private[OrganisationRecord | None] = None

    @strawberry.field(description="Code. 机构代码")
    async def code(self, info: CoreInfo) -> str:
        return (await self._full(info)).code

    @strawberry.field(description="What it is. 机构类别")
    async def kinds(self, info: CoreInfo) -> list[OrganisationKindEnum]:
        held = (await self._full(info)).kinds
        return [kind for kind in OrganisationKind if kind in held]

    @strawberry.field(description="The region it stands in. 所在行政区划")
    async def region(self, info: CoreInfo) -> Region:
        return await load_region(info, (await self._full(info)).region_id)

    async def _full(self, info: CoreInfo) -> OrganisationRecord:
        if self.record is None:
            self.record = await info.context.loader(load_organisations).load(self.key)
        if self.record is None:
            raise NotFound
        return self.record

    @classmethod
    def brief(cls, key: int, name: str) -> "Organisation":
        """From what a joined row tells; the rest is read where a client asks for it."""
        return cls(id=strawberry.ID(encode_id("Organisation", key)), name=name, key=key)

    @classmethod
    def from_record(cls, record: OrganisationRecord) -> "Organisation":
        """From what the service read; no more queries but for the region."""
        return cls(
            id=strawberry.ID(encode_id("Organisation", record.id)), name=record.name, key=record.id, record=record
        )


async def load_organisation(info: CoreInfo, organisation_id: int) -> Organisation:
    """The organisation, through the request's loader: names and codes are public. Raises NotFound, NotLoggedIn."""
    logged_in(info.context.caller)
    record = await info.context.loader(load_organisations).load(organisation_id)
    if record is None:
        raise NotFound
    return Organisation.from_record(record)


@strawberry.type
class InstitutionsQuery:
    @strawberry.field(
        description="Organisations in the regions that the asking authority governs, oldest entry first. 辖区内机构"
    )
    async def organisations(
        self,
        info: CoreInfo,
        kind: Annotated[
            OrganisationKindEnum | None, strawberry.argument(description="Only those of this kind. 机构类别")
        ] = None,
        search: Annotated[
            str | None, strawberry.argument(description="Part of the name, or the whole code. 名称或代码")
        ] = None,
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[Organisation]:
        size = page_size(first)
        rows = await service.list_organisations(
            info.context.caller, kind=kind, search=search, after=after_key("Organisation", after), limit=size + 1
        )
        return keyset_page("Organisation", [(row.id, Organisation.from_record(row)) for row in rows], size)


NODES: Mapping[str, Callable[[CoreInfo, int], Awaitable[object]]] = {
    "Organisation": load_organisation,
    "Region": load_region,
}

CONTRIBUTION = GraphQLContribution(query=InstitutionsQuery)
