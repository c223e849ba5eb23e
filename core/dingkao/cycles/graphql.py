"""Cycles in the schema, and what is in force: plugins, procedures."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import Annotated, TypeAlias

import strawberry

from dingkao.assessments.records import AssessmentRecord
from dingkao.audit.work import logged_in
from dingkao.context import CoreInfo
from dingkao.cycles import service
from dingkao.cycles.rules import Calendar
from dingkao.cycles.service import CycleRecord
from dingkao.cycles.vocabulary import CycleState
from dingkao.graphql_pages import after_key, keyset_page
from dingkao.institutions.graphql import Region, load_region
from dingkao.institutions.service import region_by_code
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.enums import described_enum
from dingkao.plugin.errors import NotFound
from dingkao.plugin.graphql import Connection, Node, StateProblem, ValidationProblem, page_size
from dingkao.plugin.ids import decode_id, encode_id

described_enum(
    CycleState,
    "State of a cycle. 考核周期状态",
    {
        CycleState.PREPARED: "Entered, not opened yet. 未启动",
        CycleState.RUNNING: "Doctors are assessed in it. 进行中",
        CycleState.CLOSED: "Over. 已结束",
    },
)
CycleStateEnum: TypeAlias = CycleState


async def load_cycles(keys: list[int]) -> list[CycleRecord | None]:
    """For a request's loader: the cycles of `keys`, in their order."""
    found = await service.read_cycles(keys)
    return [found.get(key) for key in keys]


@strawberry.type(description="Assessment cycle of a region, with its calendar and pinned policy. 考核周期")
class Cycle(Node):
    name: str = strawberry.field(description="Name. 周期名称")
    state: CycleStateEnum = strawberry.field(description="State. 状态")
    starts_on: date = strawberry.field(description="First day. 开始日期")
    ends_on: date = strawberry.field(description="Last day, inclusive. 结束日期")
    enrolment_from: datetime = strawberry.field(description="Enrolment begins. 报名开始时间")
    enrolment_until: datetime = strawberry.field(description="Enrolment ends. 报名截止时间")
    tests_from: datetime = strawberry.field(description="Tests begin. 测评开始时间")
    tests_until: datetime = strawberry.field(description="Tests end. 测评截止时间")
    policy_version: str = strawberry.field(
        description="Version of the policy it pinned when it was opened; empty before. 政策版本"
    )
    key: strawberry.Private[int]

    @strawberry.field(description="The region whose doctors it assesses. 所属行政区划")
    async def region(self, info: CoreInfo) -> Region:
        record = await info.context.loader(load_cycles).load(self.key)
        if record is None:
            raise NotFound
        return await load_region(info, record.region_id)

    @classmethod
    def from_record(cls, record: AssessmentRecord) -> "Cycle":
        """The cycle of an assessment, from the joined row: no query but for the region."""
        return cls(
            id=strawberry.ID(encode_id("Cycle", record.cycle_id)),
            name=record.cycle_name,
            state=CycleState(record.cycle_state),
            starts_on=record.cycle_starts_on,
            ends_on=record.cycle_ends_on,
            enrolment_from=record.enrolment_from,
            enrolment_until=record.enrolment_until,
            tests_from=record.tests_from,
            tests_until=record.tests_until,
            policy_version=record.policy_version,
            key=record.cycle_id,
        )

    @classmethod
    def from_cycle(cls, record: CycleRecord) -> "Cycle":
        """From what the cycles' service read."""
        calendar = record.calendar
        return cls(
            id=strawberry.ID(encode_id("Cycle", record.id)),
            name=record.name,
            state=record.state,
            starts_on=calendar.starts_on,
            ends_on=calendar.ends_on,
            enrolment_from=calendar.enrolment_from,
            enrolment_until=calendar.enrolment_until,
            tests_from=calendar.tests_from,
            tests_until=calendar.tests_until,
            policy_version=record.policy_version,
            key=record.id,
        )


async def load_cycle(info: CoreInfo, cycle_id: int) -> Cycle:
    """The cycle, through the request's loader; it is announced to the public. Raises NotFound, NotLoggedIn."""
    logged_in(info.context.caller)
    record = await info.context.loader(load_cycles).load(cycle_id)
    if record is None:
        raise NotFound
    return Cycle.from_cycle(record)


@strawberry.type(description="A procedure that this server offers. 考核程序")
class Procedure:
    code: str = strawberry.field(description="Stable code. 代码")
    title: str = strawberry.field(description="What people call it. 名称")
    description: str = strawberry.field(description="Who it is for and what it asks. 说明")


@strawberry.type
class CyclesQuery:
    @strawberry.field(description="A cycle by its id. 考核周期")
    async def cycle(
        self, info: CoreInfo, id: Annotated[strawberry.ID, strawberry.argument(description="Its id. 标识")]
    ) -> Cycle:
        return await load_cycle(info, decode_id("Cycle", id))

    @strawberry.field(
        description="The cycles that reach the asking officer's region, first entered first. 考核周期列表"
    )
    async def cycles(
        self,
        info: CoreInfo,
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[Cycle]:
        size = page_size(first)
        rows = await service.list_cycles(info.context.caller, after=after_key("Cycle", after), limit=size + 1)
        return keyset_page("Cycle", [(row.id, Cycle.from_cycle(row)) for row in rows], size)

    @strawberry.field(description="The procedures that this server offers, whoever may choose them. 考核程序列表")
    def procedures(self, info: CoreInfo) -> list[Procedure]:
        logged_in(info.context.caller)
        say = info.context.say
        return [
            Procedure(code=procedure.code, title=say(procedure.title), description=say(procedure.description))
            for procedure in info.context.environment.registry.procedures.values()
        ]


@strawberry.input(description="A cycle to prepare. 新建考核周期")
class CreateCycleInput:
    region_code: str = strawberry.field(description="The region whose doctors it assesses. 行政区划代码")
    name: str = strawberry.field(description="Name, once in the region. 周期名称")
    starts_on: date = strawberry.field(description="First day. 开始日期")
    ends_on: date = strawberry.field(description="Last day, inclusive. 结束日期")
    enrolment_from: datetime = strawberry.field(description="Enrolment begins. 报名开始时间")
    enrolment_until: datetime = strawberry.field(description="Enrolment ends. 报名截止时间")
    tests_from: datetime = strawberry.field(description="Tests begin. 测评开始时间")
    tests_until: datetime = strawberry.field(description="Tests end. 测评截止时间")


@strawberry.input(description="Which body assesses an institution's doctors in a cycle. 委托考核机构")
class AppointBodyInput:
    cycle_id: strawberry.ID = strawberry.field(description="The cycle. 考核周期")
    institution_id: strawberry.ID = strawberry.field(description="The institution. 医疗卫生机构")
    body_id: strawberry.ID = strawberry.field(description="The body. 考核机构")


@strawberry.input(description="A cycle to open or close. 启动或结束考核周期")
class CycleInput:
    cycle_id: strawberry.ID = strawberry.field(description="The cycle. 考核周期")


@strawberry.type(description="A cycle was changed. 考核周期已更新")
class CycleSuccess:
    cycle: Cycle = strawberry.field(description="The cycle. 考核周期")
    assessments: int = strawberry.field(description="How many assessments were made or changed. 涉及考核数")


CreateCycleResult = Annotated[
    CycleSuccess | ValidationProblem,
    strawberry.union("CreateCycleResult", description="A new cycle, or why not. 新建考核周期结果"),
]
AppointBodyResult = Annotated[
    CycleSuccess | ValidationProblem | StateProblem,
    strawberry.union("AppointBodyResult", description="The cycle, or why not. 委托考核机构结果"),
]
MoveCycleResult = Annotated[
    CycleSuccess | StateProblem,
    strawberry.union("MoveCycleResult", description="The cycle, or why not. 启动或结束考核周期结果"),
]


@strawberry.type
class CyclesMutation:
    @strawberry.mutation(description="Prepare a cycle; by the authority of its region. 新建考核周期")
    async def create_cycle(
        self, info: CoreInfo, input: Annotated[CreateCycleInput, strawberry.argument(description="The cycle. 考核周期")]
    ) -> CreateCycleResult:
        context = info.context
        logged_in(context.caller)
        region = await region_by_code(input.region_code)
        if region is None:
            raise NotFound
        calendar = Calendar(
            starts_on=input.starts_on,
            ends_on=input.ends_on,
            enrolment_from=input.enrolment_from,
            enrolment_until=input.enrolment_until,
            tests_from=input.tests_from,
            tests_until=input.tests_until,
        )
        cycle_id = await service.create_cycle(
            context.environment, context.caller, region_id=region.id, name=input.name, calendar=calendar
        )
        return await cycle_success(info, cycle_id, 0)

    @strawberry.mutation(description="Appoint the body that assesses an institution's doctors. 委托考核机构")
    async def appoint_body(
        self, info: CoreInfo, input: Annotated[AppointBodyInput, strawberry.argument(description="Who. 委托")]
    ) -> AppointBodyResult:
        cycle_id = decode_id("Cycle", input.cycle_id)
        number = await service.appoint_body(
            info.context.environment,
            info.context.caller,
            cycle_id=cycle_id,
            institution_id=decode_id("Organisation", input.institution_id),
            body_id=decode_id("Organisation", input.body_id),
        )
        return await cycle_success(info, cycle_id, number)

    @strawberry.mutation(description="Open a cycle: pin its policy, enter its doctors. 启动考核周期")
    async def open_cycle(
        self, info: CoreInfo, input: Annotated[CycleInput, strawberry.argument(description="Which. 考核周期")]
    ) -> MoveCycleResult:
        cycle_id = decode_id("Cycle", input.cycle_id)
        number = await service.open_cycle(info.context.environment, info.context.caller, cycle_id)
        return await cycle_success(info, cycle_id, number)

    @strawberry.mutation(description="Close a cycle whose time for tests is over. 结束考核周期")
    async def close_cycle(
        self, info: CoreInfo, input: Annotated[CycleInput, strawberry.argument(description="Which. 考核周期")]
    ) -> MoveCycleResult:
        cycle_id = decode_id("Cycle", input.cycle_id)
        await service.close_cycle(info.context.environment, info.context.caller, cycle_id)
        return await cycle_success(info, cycle_id, 0)


async def cycle_success(info: CoreInfo, cycle_id: int, assessments: int) -> CycleSuccess:
    """The cycle as it is after a mutation, read anew."""
    info.context.forget_loaded()
    return CycleSuccess(cycle=await load_cycle(info, cycle_id), assessments=assessments)


NODES: Mapping[str, Callable[[CoreInfo, int], Awaitable[object]]] = {"Cycle": load_cycle}

CONTRIBUTION = GraphQLContribution(query=CyclesQuery, mutation=CyclesMutation)
