"""Lists of proposals, and what one of them would do now."""

from typing import Annotated

import strawberry

from dingkao.context import CoreInfo
from dingkao.graphql_pages import after_key, keyset_page
from dingkao.plugin.graphql import Connection, page_size
from dingkao.plugin.ids import decode_id
from dingkao.proposals.deciding import preview_proposal
from dingkao.proposals.graphql.types import Proposal, ProposalPreview, ProposalViewEnum, show_preview, show_proposal
from dingkao.proposals.records import list_proposals
from dingkao.proposals.vocabulary import ProposalView


@strawberry.type
class ProposalsQuery:
    @strawberry.field(description="Acts that need two people, for officers of the authority. 待复核事项列表")
    async def proposals(
        self,
        info: CoreInfo,
        view: Annotated[ProposalViewEnum, strawberry.argument(description="Which. 列表范围")] = ProposalView.TO_DECIDE,
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[Proposal]:
        size = page_size(first)
        context = info.context
        rows = await list_proposals(context.environment, context.caller, view, after_key("Proposal", after), size + 1)
        return keyset_page("Proposal", [(row.id, show_proposal(info, row)) for row in rows], size)

    @strawberry.field(description="What a proposal would do now: it is tried and undone. 执行前核对")
    async def proposal_preview(
        self, info: CoreInfo, id: Annotated[strawberry.ID, strawberry.argument(description="Which. 事项标识")]
    ) -> ProposalPreview:
        context = info.context
        preview = await preview_proposal(context.environment, context.caller, decode_id("Proposal", id))
        return show_preview(info, preview)
