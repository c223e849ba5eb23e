"""The audit in the schema: a list, for audit administrators alone. Nothing changes it."""

from datetime import datetime
from typing import Annotated

import strawberry

from dingkao.audit.lists import EntryFilter, EntryRecord, list_entries
from dingkao.context import CoreInfo
from dingkao.graphql_pages import after_key, keyset_page
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.errors import NotFound
from dingkao.plugin.graphql import Connection, page_size
from dingkao.plugin.ids import encode_id, split_id


@strawberry.type(description="One act or one refused right, in the chain of all. 审计记录")
class AuditEntry:
    number: int = strawberry.field(description="Its number in the chain, without gaps. 序号")
    at: datetime = strawberry.field(description="When the act began. 时间")
    account_id: strawberry.ID | None = strawberry.field(
        description="Who; none for the server itself and for nobody who is known. 账号"
    )
    session: int | None = strawberry.field(description="In which session. 会话")
    role: str = strawberry.field(
        description="In which role: a value of Role, SYSTEM for the server itself, NONE for nobody who is known. 角色"
    )
    organisation_id: strawberry.ID | None = strawberry.field(description="For which organisation. 所属机构")
    address: str = strawberry.field(description="From which network address. 网络地址")
    request_id: str = strawberry.field(description="The request, as in the server's log. 请求编号")
    action: str = strawberry.field(description="What. 操作")
    object_type: str = strawberry.field(description="To what kind of object. 对象类型")
    object_id: strawberry.ID | None = strawberry.field(description="To which; acts on many name them in `detail`. 对象")
    result: str = strawberry.field(description="OK, or the code of the refusal. 结果")
    before: str = strawberry.field(description="Keyed digest of the object before; empty: there was none. 操作前摘要")
    after: str = strawberry.field(description="Keyed digest of the object after. 操作后摘要")
    detail: str = strawberry.field(description="Codes, numbers and keys, as JSON text. 详情")
    digest: str = strawberry.field(description="The entry's own digest in the chain. 记录摘要")

    @classmethod
    def from_record(cls, record: EntryRecord) -> "AuditEntry":
        """The type from what the service read."""
        return cls(
            number=record.id,
            at=record.at,
            account_id=_id("Account", record.account),
            session=record.session,
            role=record.role,
            organisation_id=_id("Organisation", record.organisation),
            address=record.address,
            request_id=record.request_id,
            action=record.action,
            object_type=record.object_type,
            object_id=_id(record.object_type, record.object_id),
            result=record.result,
            before=record.before,
            after=record.after,
            detail=record.detail,
            digest=record.digest,
        )


def _id(type_name: str, key: int | None) -> strawberry.ID | None:
    return None if key is None else strawberry.ID(encode_id(type_name, key))


def _account_key(opaque: str) -> int:
    """The key of an account, by its id here or in the list of staff. Raises NotFound."""
    type_name, key = split_id(opaque)
    if type_name not in ("Account", "StaffAccount"):
        raise NotFound
    return key


@strawberry.type
class AuditQuery:
    @strawberry.field(description="The audit, the newest first; for audit administrators and nobody else. 审计记录列表")
    async def audit_entries(
        self,
        info: CoreInfo,
        account_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Of this account alone. 账号")
        ] = None,
        action: Annotated[str | None, strawberry.argument(description="Of this action alone. 操作")] = None,
        object_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="What happened to this object. 对象")
        ] = None,
        since: Annotated[datetime | None, strawberry.argument(description="From this instant on. 起始时间")] = None,
        until: Annotated[datetime | None, strawberry.argument(description="Before this instant. 截止时间")] = None,
        refused: Annotated[
            bool | None, strawberry.argument(description="True: refusals alone; false: acts alone. 是否被拒绝")
        ] = None,
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 50,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[AuditEntry]:
        size = page_size(first)
        object_type, key = (None, None) if object_id is None else split_id(object_id)
        wanted = EntryFilter(
            account=None if account_id is None else _account_key(account_id),
            action=action,
            object_type=object_type,
            object_id=key,
            since=since,
            until=until,
            refused=refused,
        )
        rows = await list_entries(info.context.caller, wanted, after=after_key("AuditEntry", after), limit=size + 1)
        return keyset_page("AuditEntry", [(row.id, AuditEntry.from_record(row)) for row in rows], size)


CONTRIBUTION = GraphQLContribution(query=AuditQuery)
