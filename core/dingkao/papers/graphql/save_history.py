"""The history of an attempt's saves, in the schema (作答记录)."""

from datetime import datetime
from typing import Annotated

import strawberry

from dingkao.context import CoreInfo
from dingkao.graphql_pages import after_key, keyset_page
from dingkao.papers.save_history import SaveRecord, read_saves
from dingkao.plugin.graphql import Connection, page_size
from dingkao.plugin.ids import decode_id


@strawberry.type(description="One answer of a save, as it was sent. 提交的作答")
class SentAnswer:
    position: int = strawberry.field(description="Number of the question. 题序")
    choice: str | None = strawberry.field(description="The chosen keys; null: cleared. 所选选项")
    sequence: int = strawberry.field(description="The client's counter. 序号")
    taken: bool = strawberry.field(description="Whether it was newer than what was held. 是否采用")


@strawberry.type(description="One save of an attempt. 作答记录")
class AttemptSave:
    revision: int = strawberry.field(description="Its number in the attempt, from 1. 修订号")
    saved_at: datetime = strawberry.field(description="When it came. 保存时间")
    late: bool = strawberry.field(description="Whether it came after the deadline. 是否逾时送达")
    device: int = strawberry.field(description="Which of the attempt's devices, from 1. 设备序号")
    answers: list[SentAnswer] = strawberry.field(description="What was sent. 作答")


def _show(record: SaveRecord) -> AttemptSave:
    return AttemptSave(
        revision=record.revision,
        saved_at=record.saved_at,
        late=record.late,
        device=record.device,
        answers=[
            SentAnswer(position=sent.position, choice=sent.choice or None, sequence=sent.sequence, taken=sent.taken)
            for sent in record.answers
        ],
    )


@strawberry.type
class SaveHistoryQuery:
    @strawberry.field(
        description="Every save of an attempt, first to last: for invigilators (audited), and for the doctor when the "
        "policy shows the answers. 作答记录"
    )
    async def attempt_saves(
        self,
        info: CoreInfo,
        attempt_id: Annotated[strawberry.ID, strawberry.argument(description="Which. 答卷标识")],
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 100,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[AttemptSave]:
        size = page_size(first)
        saves = await read_saves(
            info.context.environment,
            info.context.caller,
            decode_id("Attempt", attempt_id),
            after=after_key("AttemptSave", after),
            limit=size + 1,
        )
        return keyset_page("AttemptSave", [(save.revision, _show(save)) for save in saves], size)
