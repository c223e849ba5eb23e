"""A broken question voided for all, in the schema."""

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from dingkao.context import CoreInfo
from dingkao.graphql_pages import after_key, keyset_page
from dingkao.papers.question_voiding import (
    VoidedQuestionRecord,
    read_mark_changes,
    read_voided_questions,
)
from dingkao.papers.vocabulary import MarkChangeOutcome
from dingkao.plugin.enums import described_enum
from dingkao.plugin.graphql import Connection, page_size
from dingkao.plugin.ids import decode_id, encode_id

described_enum(
    MarkChangeOutcome,
    "What voiding a question did to a mark. 成绩更正情况",
    {
        MarkChangeOutcome.UNCHANGED: "It was answered right before. 未变",
        MarkChangeOutcome.RAISED: "The mark is higher, the outcome the same. 分数提高",
        MarkChangeOutcome.NOW_PASSED: "The paper is passed now. 改判合格",
        MarkChangeOutcome.RESULT_FILED: "It would be passed; the result is filed, so the mark stays. 结果已备案，未改",
        MarkChangeOutcome.LATER_ATTEMPT: "It would be passed; a later attempt counts. 已有后一次作答，未改",
    },
)
MarkChangeOutcomeEnum: TypeAlias = MarkChangeOutcome


@strawberry.type(description="A question that counts as right for everybody in a cycle. 作废试题")
class VoidedQuestion:
    question_id: strawberry.ID = strawberry.field(description="The version of the question. 试题标识")
    reason: str = strawberry.field(description="Why. 事由")
    attempts: int = strawberry.field(description="Marked attempts that had asked it. 涉及答卷数")
    voided_at: datetime = strawberry.field(description="When. 作废时间")


@strawberry.type(description="One attempt's mark, before and after. 成绩更正")
class MarkChange:
    attempt_id: strawberry.ID = strawberry.field(description="The attempt. 答卷标识")
    outcome: MarkChangeOutcomeEnum = strawberry.field(description="What it came to. 更正情况")
    percent_before: int = strawberry.field(description="Percent before. 更正前得分（百分比）")
    percent_after: int = strawberry.field(description="Percent after. 更正后得分（百分比）")
    passed_before: bool | None = strawberry.field(
        description="Whether that passed; null: not fixed yet. 更正前是否合格"
    )
    passed_after: bool | None = strawberry.field(description="Whether this passes; null: not fixed yet. 更正后是否合格")


def _show(record: VoidedQuestionRecord) -> VoidedQuestion:
    return VoidedQuestion(
        question_id=strawberry.ID(encode_id("Question", record.question)),
        reason=record.reason,
        attempts=record.attempts,
        voided_at=record.voided_at,
    )


_CYCLE = strawberry.argument(description="The cycle. 考核周期标识")


@strawberry.type
class QuestionVoidingQuery:
    @strawberry.field(description="Questions that were voided in a cycle, for the authority. 作废试题列表")
    async def voided_questions(
        self, info: CoreInfo, cycle_id: Annotated[strawberry.ID, _CYCLE]
    ) -> list[VoidedQuestion]:
        return [_show(row) for row in await read_voided_questions(info.context.caller, decode_id("Cycle", cycle_id))]

    @strawberry.field(description="The marks that were made anew in a cycle, before and after. 成绩更正列表")
    async def mark_changes(
        self,
        info: CoreInfo,
        cycle_id: Annotated[strawberry.ID, _CYCLE],
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 100,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[MarkChange]:
        size = page_size(first)
        cycle = decode_id("Cycle", cycle_id)
        rows = await read_mark_changes(info.context.caller, cycle, after_key("MarkChange", after), size + 1)
        shown = [
            (
                row["id"],
                MarkChange(
                    attempt_id=strawberry.ID(encode_id("Attempt", row["attempt"])),
                    outcome=MarkChangeOutcome(row["outcome"]),
                    percent_before=row["percent_before"],
                    percent_after=row["percent_after"],
                    passed_before=row["passed_before"],
                    passed_after=row["passed_after"],
                ),
            )
            for row in rows
        ]
        return keyset_page("MarkChange", shown, size)
