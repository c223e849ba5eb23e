"""The pass mark fixed after the sitting, in the schema."""

from datetime import datetime
from typing import Annotated

import strawberry

from dingkao.context import CoreInfo
from dingkao.papers.pass_mark import PassMarkRecord, read_pass_marks
from dingkao.plugin.enums import PaperSubjectEnum
from dingkao.plugin.ids import decode_id


@strawberry.type(description="How many waiting papers have a mark. 成绩分布")
class MarkCount:
    percent: int = strawberry.field(description="Percent of right answers. 得分（百分比）")
    papers: int = strawberry.field(description="Papers with this mark. 试卷数")


@strawberry.type(description="A subject's pass mark in a cycle, where it comes after the sitting. 合格线")
class PassMark:
    subject: PaperSubjectEnum = strawberry.field(description="Subject. 科目")
    pending: int = strawberry.field(description="Papers that wait for the pass mark now. 待划定合格线的试卷数")
    distribution: list[MarkCount] = strawberry.field(
        description="Their marks, lowest first: what the authority decides on. 成绩分布"
    )
    pass_percent: int | None = strawberry.field(description="The pass mark; null: not fixed yet. 合格线（百分比）")
    set_at: datetime | None = strawberry.field(description="When it was fixed. 划定时间")
    waited: int | None = strawberry.field(description="Papers that waited when it was fixed. 划定时待定试卷数")
    passed: int | None = strawberry.field(description="Of these passed. 通过数")
    failed: int | None = strawberry.field(description="Of these failed. 未通过数")
    concluded: int | None = strawberry.field(description="Assessments concluded with it. 随之得出结果的考核数")


def _show(record: PassMarkRecord) -> PassMark:
    return PassMark(
        subject=record.subject,
        pending=record.pending,
        distribution=[MarkCount(percent=percent, papers=papers) for percent, papers in record.distribution],
        pass_percent=record.pass_percent,
        set_at=record.set_at,
        waited=record.waited,
        passed=record.passed,
        failed=record.failed,
        concluded=record.concluded,
    )


@strawberry.type
class PassMarkQuery:
    @strawberry.field(
        description="Each subject's waiting papers and pass mark, for the authority of the cycle. 合格线划定情况"
    )
    async def pass_marks(
        self,
        info: CoreInfo,
        cycle_id: Annotated[strawberry.ID, strawberry.argument(description="The cycle. 考核周期")],
    ) -> list[PassMark]:
        return [_show(record) for record in await read_pass_marks(info.context.caller, decode_id("Cycle", cycle_id))]
