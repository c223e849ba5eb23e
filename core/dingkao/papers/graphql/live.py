"""The live view of a sitting, in the schema (实时监考)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated

import strawberry

from dingkao.context import CoreInfo
from dingkao.graphql_pages import after_key
from dingkao.papers.graphql.invigilating import SittingDoctor, show_sitting_entry
from dingkao.papers.live import SittingKey, sitting_news
from dingkao.plugin.enums import PaperSubjectEnum
from dingkao.plugin.graphql import page_size
from dingkao.plugin.ids import decode_id, encode_id


@strawberry.type(description="What has changed in a sitting. 监考动态")
class SittingChange:
    at: datetime = strawberry.field(description="The server's time of this state. 服务器时间")
    doctors: list[SittingDoctor] = strawberry.field(
        description="At first all of the page, then whoever has changed; each replaces the one with its `paperId`. "
        "有变化的医师"
    )
    gone: list[strawberry.ID] = strawberry.field(
        description="Papers that are no longer of the page: waived, or moved away. 不再列出的试卷标识"
    )


@strawberry.type(description="What is told as it happens, over WebSocket. 订阅")
class Subscription:
    @strawberry.subscription(
        description="What the doctors of a sitting do, as it changes; `sitting` answers the same once. 实时监考"
    )
    async def sitting_changed(
        self,
        info: CoreInfo,
        cycle_id: Annotated[strawberry.ID, strawberry.argument(description="The cycle. 考核周期标识")],
        body_id: Annotated[strawberry.ID, strawberry.argument(description="Whose doctors. 考核机构标识")],
        subject: Annotated[PaperSubjectEnum, strawberry.argument(description="Which paper. 科目")],
        first: Annotated[int, strawberry.argument(description="How many doctors, 1 to 100. 每页条数")] = 50,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of `sitting`. 游标")] = None,
    ) -> AsyncGenerator[SittingChange, None]:
        context = info.context
        key = SittingKey(decode_id("Cycle", cycle_id), decode_id("Organisation", body_id), subject)
        news = sitting_news(
            context.environment,
            lambda: context.caller,
            key,
            after=after_key("Paper", after),
            limit=page_size(first),
        )
        async with aclosing(news):
            async for change in news:
                yield SittingChange(
                    at=change.at,
                    doctors=[show_sitting_entry(entry) for entry in change.changed],
                    gone=[strawberry.ID(encode_id("Paper", paper_id)) for paper_id in change.gone],
                )
