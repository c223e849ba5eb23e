"""Accounts of staff and their roles in the schema, and what the system administrator looks at."""

import platform
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import Annotated, TypeAlias

import strawberry

from dingkao.access.rules import Kind, require_sight
from dingkao.accounts.rules import waits
from dingkao.accounts.throttling import failure_limits
from dingkao.audit.work import logged_in
from dingkao.clock import china_date
from dingkao.context import CoreInfo
from dingkao.doctors.numbers import mask_document_number
from dingkao.graphql_pages import after_key, keyset_page
from dingkao.institutions.graphql import Organisation, load_organisation
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.enums import RoleEnum, described_enum
from dingkao.plugin.graphql import Connection, Node, NotEligibleProblem, StateProblem, ValidationProblem, page_size
from dingkao.plugin.ids import decode_id, encode_id
from dingkao.plugin.vocabulary import Role
from dingkao.staff import service
from dingkao.staff.records import StaffRecord
from dingkao.staff.rules import HeldRole, is_stale
from dingkao.staff.service import AccountChange

described_enum(
    AccountChange,
    "What is done to an account. 账户变更",
    {
        AccountChange.DISABLE: "Keep it out; its sessions end. 停用",
        AccountChange.ENABLE: "Let it in again. 启用",
        AccountChange.UNLOCK: "Let it try again after wrong passwords. 解除锁定",
    },
)
AccountChangeEnum: TypeAlias = AccountChange


@strawberry.type(description="A role that an account holds for a time. 任职角色")
class HeldStaffRole:
    id: strawberry.ID = strawberry.field(description="For `endRole`. 标识")
    role: RoleEnum = strawberry.field(description="The role. 角色")
    valid_from: date = strawberry.field(description="First day. 开始日期")
    valid_to: date | None = strawberry.field(description="Last day; null: until it is ended. 结束日期")
    current: bool = strawberry.field(description="Whether it is held today. 当前是否有效")
    held: strawberry.Private[HeldRole]

    @strawberry.field(description="Where it is held; null: for the whole country. 所在机构")
    async def organisation(self, info: CoreInfo) -> Organisation | None:
        if self.held.organisation_id is None:
            return None
        return await load_organisation(info, self.held.organisation_id)


@strawberry.type(description="An account of staff, as who keeps accounts sees it. 工作人员账户")
class StaffAccount(Node):
    login_name: str = strawberry.field(description="Login name; a doctor's is masked. 登录名")
    name: str = strawberry.field(description="Name. 姓名")
    disabled: bool = strawberry.field(description="Whether it is kept out. 是否停用")
    locked: bool = strawberry.field(description="Whether it takes no login now, after wrong passwords. 是否锁定")
    locked_until: datetime | None = strawberry.field(
        description="Until when it waits after wrong passwords; null: it does not, or, where `locked`, until it is "
        "unlocked. 锁定至"
    )
    initial_secret_until: datetime | None = strawberry.field(
        description="Until when its initial secret opens the first login; null: that is done. 初始密码有效期至"
    )
    created_at: datetime = strawberry.field(description="When it was made. 创建时间")
    last_login_at: datetime | None = strawberry.field(description="The last login; null: none. 最近登录时间")
    stale: bool = strawberry.field(description="Whether nobody has logged in for so long as is set. 是否长期未用")
    roles: list[HeldStaffRole] = strawberry.field(description="Every role, also those that are over. 角色")


def _show(info: CoreInfo, record: StaffRecord) -> StaffAccount:
    environment = info.context.environment
    now = environment.clock.now()
    today = china_date(now)
    until = record.failures.locked_until
    locked = waits(record.failures, failure_limits(environment.settings), now)
    return StaffAccount(
        id=strawberry.ID(encode_id("StaffAccount", record.id)),
        login_name=record.login_name if record.doctor_id is None else mask_document_number(record.login_name),
        name=record.name,
        disabled=record.disabled,
        locked=locked,
        locked_until=until if until is not None and until > now else None,
        initial_secret_until=record.initial_until,
        created_at=record.created_at,
        last_login_at=record.last_login_at,
        stale=is_stale(record.last_login_at, record.created_at, now, environment.settings.stale_account_days),
        roles=[
            HeldStaffRole(
                id=strawberry.ID(encode_id("RoleAssignment", held.id)),
                role=held.role,
                valid_from=held.valid_from,
                valid_to=held.valid_to,
                current=held.overlaps(today, today),
                held=held,
            )
            for held in record.roles
        ],
    )


async def load_staff_account(info: CoreInfo, account_id: int) -> StaffAccount:
    """An account in the asking account's scope. Raises NotLoggedIn, NotFound."""
    return _show(info, await service.read_staff(info.context.caller, account_id))


@strawberry.type(description="An account with a secret that is shown this once. 账户及一次性初始密码")
class InitialSecretIssued:
    secret: str = strawberry.field(description="Hand it over; it is not shown again. 初始密码（仅显示一次）")
    valid_until: datetime = strawberry.field(description="Until when it opens the first login. 有效期至")
    account: StaffAccount = strawberry.field(description="The account. 账户")


@strawberry.type(description="The system, without any personal data. 系统信息")
class SystemInformation:
    version: str = strawberry.field(description="Version of the server. 版本")
    python: str = strawberry.field(description="Version of Python. Python 版本")
    database: str = strawberry.field(description="Which database. 数据库")
    server_time: datetime = strawberry.field(description="The server's clock. 服务器时间")
    plugins: int = strawberry.field(description="Plugins in force; `plugins` tells which. 已启用插件数")


@strawberry.input(description="A new account of staff. 新建账户")
class CreateStaffAccountInput:
    login_name: str = strawberry.field(description="4 to 60 small letters, digits, dots, hyphens. 登录名")
    name: str = strawberry.field(description="Name. 姓名")
    role: RoleEnum = strawberry.field(description="Its first role. 角色")
    organisation_id: strawberry.ID | None = strawberry.field(
        default=None, description="Where; administrators may hold theirs for the whole country. 所在机构标识"
    )
    valid_from: date | None = strawberry.field(default=None, description="First day; null: today. 开始日期")
    valid_to: date | None = strawberry.field(default=None, description="Last day. 结束日期")


@strawberry.input(description="A role for an account. 授予角色")
class AssignRoleInput:
    login_name: str = strawberry.field(description="Whose; a doctor's is the document number. 登录名")
    role: RoleEnum = strawberry.field(description="The role. 角色")
    organisation_id: strawberry.ID | None = strawberry.field(default=None, description="Where. 所在机构标识")
    valid_from: date | None = strawberry.field(default=None, description="First day; null: today. 开始日期")
    valid_to: date | None = strawberry.field(default=None, description="Last day. 结束日期")


@strawberry.input(description="A role that ends. 终止角色")
class EndRoleInput:
    role_id: strawberry.ID = strawberry.field(description="`StaffAccount.roles.id`. 角色标识")
    last_day: date | None = strawberry.field(default=None, description="Last day; null: it ends at once. 最后日期")


@strawberry.input(description="An account, and what is done to it. 账户变更")
class ChangeAccountInput:
    change: AccountChangeEnum = strawberry.field(description="What. 变更")
    reason: str = strawberry.field(description="Why. 事由")
    account_id: strawberry.ID | None = strawberry.field(
        default=None, description="The account; or give `loginName`. 账户标识"
    )
    login_name: str | None = strawberry.field(
        default=None, description="Its login name, a doctor's document number; or give `accountId`. 登录名或证件号码"
    )


@strawberry.input(description="An account that begins anew. 重新发放初始密码")
class RenewInitialSecretInput:
    account_id: strawberry.ID = strawberry.field(description="The account. 账户标识")


CreateStaffAccountResult = Annotated[
    InitialSecretIssued | ValidationProblem,
    strawberry.union("CreateStaffAccountResult", description="Outcome of `createStaffAccount`. 新建账户结果"),
]
RenewInitialSecretResult = Annotated[
    InitialSecretIssued | StateProblem | NotEligibleProblem,
    strawberry.union("RenewInitialSecretResult", description="Outcome of `renewInitialSecret`. 发放结果"),
]
ChangeStaffAccountResult = Annotated[
    StaffAccount | ValidationProblem | StateProblem | NotEligibleProblem,
    strawberry.union("ChangeStaffAccountResult", description="Outcome of a change of account or role. 变更结果"),
]


def _organisation_key(identity: strawberry.ID | None) -> int | None:
    return None if identity is None else decode_id("Organisation", identity)


@strawberry.type
class StaffQuery:
    @strawberry.field(
        description="Accounts with a role at an organisation whose accounts the asking one keeps. 工作人员账户列表"
    )
    async def staff_accounts(
        self,
        info: CoreInfo,
        search: Annotated[
            str | None, strawberry.argument(description="Part of the name, or the login name. 姓名或登录名")
        ] = None,
        role: Annotated[RoleEnum | None, strawberry.argument(description="Only with this role. 角色")] = None,
        stale: Annotated[bool, strawberry.argument(description="Only those long without a login. 长期未用")] = False,
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[StaffAccount]:
        size = page_size(first)
        rows = await service.list_staff(
            info.context.environment,
            info.context.caller,
            search=search,
            role=role,
            stale=stale,
            after=after_key("StaffAccount", after),
            limit=size + 1,
        )
        return keyset_page("StaffAccount", [(row.id, _show(info, row)) for row in rows], size)

    @strawberry.field(description="The system, for its administrator. 系统信息")
    def system_information(self, info: CoreInfo) -> SystemInformation:
        from importlib.metadata import version

        require_sight(logged_in(info.context.caller), Kind.SYSTEM_INFORMATION, Role.SYSTEM_ADMINISTRATOR, Role.SYSTEM)
        environment = info.context.environment
        return SystemInformation(
            version=version("dingkao"),
            python=platform.python_version(),
            database="SQLite" if environment.database.is_sqlite else "PostgreSQL",
            server_time=environment.clock.now(),
            plugins=len(environment.registry.plugins),
        )


@strawberry.type
class StaffMutation:
    @strawberry.mutation(description="Make an account of staff with its first role. 新建工作人员账户")
    async def create_staff_account(
        self, info: CoreInfo, input: Annotated[CreateStaffAccountInput, strawberry.argument(description="Who. 账户")]
    ) -> CreateStaffAccountResult:
        issued = await service.create_staff_account(
            info.context.environment,
            info.context.caller,
            login_name=input.login_name,
            name=input.name,
            role=input.role,
            organisation_id=_organisation_key(input.organisation_id),
            valid_from=input.valid_from,
            valid_to=input.valid_to,
        )
        return await _issued(info, issued)

    @strawberry.mutation(description="A new initial secret in place of the password. 重新发放初始密码")
    async def renew_initial_secret(
        self, info: CoreInfo, input: Annotated[RenewInitialSecretInput, strawberry.argument(description="Whose. 账户")]
    ) -> RenewInitialSecretResult:
        account_id = decode_id("StaffAccount", input.account_id)
        environment, caller = info.context.environment, info.context.caller
        return await _issued(info, await service.renew_initial_secret(environment, caller, account_id))

    @strawberry.mutation(description="Disable, enable or unlock an account. 停用、启用账户，解除锁定")
    async def change_account(
        self, info: CoreInfo, input: Annotated[ChangeAccountInput, strawberry.argument(description="What. 变更")]
    ) -> ChangeStaffAccountResult:
        account_id = None if input.account_id is None else decode_id("StaffAccount", input.account_id)
        environment, caller = info.context.environment, info.context.caller
        record = await service.change_account(
            environment, caller, account_id, input.change, input.reason, login_name=input.login_name
        )
        return _show(info, record)

    @strawberry.mutation(description="Give an account a role. 授予角色")
    async def assign_role(
        self, info: CoreInfo, input: Annotated[AssignRoleInput, strawberry.argument(description="Which. 角色")]
    ) -> ChangeStaffAccountResult:
        account_id = await service.assign_role(
            info.context.environment,
            info.context.caller,
            login_name=input.login_name,
            role=input.role,
            organisation_id=_organisation_key(input.organisation_id),
            valid_from=input.valid_from,
            valid_to=input.valid_to,
        )
        return await load_staff_account(info, account_id)

    @strawberry.mutation(description="Let a role end. 终止角色")
    async def end_role(
        self, info: CoreInfo, input: Annotated[EndRoleInput, strawberry.argument(description="Which. 角色")]
    ) -> ChangeStaffAccountResult:
        role_id = decode_id("RoleAssignment", input.role_id)
        environment, caller = info.context.environment, info.context.caller
        return await load_staff_account(info, await service.end_role(environment, caller, role_id, input.last_day))


async def _issued(info: CoreInfo, issued: service.InitialSecret) -> InitialSecretIssued:
    return InitialSecretIssued(
        secret=issued.secret, valid_until=issued.until, account=await load_staff_account(info, issued.account_id)
    )


NODES: Mapping[str, Callable[[CoreInfo, int], Awaitable[object]]] = {"StaffAccount": load_staff_account}
CONTRIBUTION = GraphQLContribution(query=StaffQuery, mutation=StaffMutation)
