"""Reading assessments: the doctor's current one, and the lists of staff."""

from typing import Annotated

import strawberry

from dingkao.accounts.graphql import Viewer
from dingkao.assessments.graphql.assessment import Assessment, load_assessment
from dingkao.assessments.lists import current_assessment, list_assessments
from dingkao.context import CoreInfo
from dingkao.graphql_pages import after_key, keyset_page
from dingkao.plugin.enums import AssessmentStateEnum
from dingkao.plugin.graphql import Connection, page_size
from dingkao.plugin.ids import decode_id


@strawberry.type
class ViewerAssessments:
    @strawberry.field(description="The doctor's assessment in the running cycle; null for staff. 当前周期考核")
    async def assessment(self: Viewer) -> Assessment | None:
        if self.caller.doctor_id is None or self.caller.first_login:
            return None
        record = await current_assessment(self.caller.doctor_id)
        return Assessment.from_record(record) if record is not None else None


@strawberry.type
class AssessmentQuery:
    @strawberry.field(description="An assessment in the asking account's scope. 考核")
    async def assessment(
        self, info: CoreInfo, id: Annotated[strawberry.ID, strawberry.argument(description="Which. 考核标识")]
    ) -> Assessment:
        return await load_assessment(info, decode_id("Assessment", id))

    @strawberry.field(
        description="The assessments the asking account reaches in its first role, oldest entry first. 考核列表"
    )
    async def assessments(
        self,
        info: CoreInfo,
        states: Annotated[
            list[AssessmentStateEnum] | None, strawberry.argument(description="Only in these states. 状态")
        ] = None,
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[Assessment]:
        size = page_size(first)
        records = await list_assessments(info.context.caller, states or [], after_key("Assessment", after), size + 1)
        return keyset_page("Assessment", [(record.id, Assessment.from_record(record)) for record in records], size)
