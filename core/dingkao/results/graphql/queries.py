"""Reading results: of one assessment, and the list that a body files and notifies from."""

from typing import Annotated

import strawberry

from dingkao.assessments.graphql import Assessment
from dingkao.context import CoreInfo
from dingkao.graphql_pages import after_key, keyset_page
from dingkao.plugin.graphql import Connection, page_size
from dingkao.results.graphql.types import Result, ResultStateEnum, load_results, show_result
from dingkao.results.lists import list_results


@strawberry.type
class AssessmentResult:
    @strawberry.field(description="The result; null until the assessment is concluded. 考核结果")
    async def result(self: Assessment, info: CoreInfo) -> Result | None:
        found = await info.context.loader(load_results).load(self.record.id)
        return None if found is None else show_result(info, found, self.record)


@strawberry.type
class ResultsQuery:
    @strawberry.field(
        description="Results that the asking body, authority or institution reaches, by assessment. 考核结果列表"
    )
    async def results(
        self,
        info: CoreInfo,
        states: Annotated[
            list[ResultStateEnum] | None, strawberry.argument(description="Only in these states. 状态")
        ] = None,
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[Result]:
        size = page_size(first)
        # The cursor is the assessment's: the list runs along the index of a body's assessments.
        rows = await list_results(info.context.caller, states or [], after_key("Assessment", after), size + 1)
        return keyset_page(
            "Assessment", [(record.id, show_result(info, result, record)) for record, result in rows], size
        )
