"""Questions of an attempt in the schema: what may be chosen, and what the server holds."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import strawberry

from dingkao.context import CoreContext
from dingkao.papers.graphql.pictures import QuestionImage, show_frozen
from dingkao.plugin.enums import QuestionTypeEnum
from dingkao.plugin.vocabulary import QuestionType


@strawberry.type(description="An option of a question. 选项")
class QuestionOption:
    key: str = strawberry.field(description="What a choice names. 选项代号")
    text: str = strawberry.field(description="What is read. 选项内容")


@strawberry.type(description="What the server holds for a question. 已保存的作答")
class SavedAnswer:
    position: int = strawberry.field(description="The question, from 1. 题号")
    choice: str = strawberry.field(description="The chosen key or keys; empty: cleared. 所选选项")
    sequence: int = strawberry.field(description="The client's sequence number that won. 序号")
    saved_at: datetime = strawberry.field(description="When it was saved. 保存时间")


@strawberry.type(description="A question of an attempt. 试题")
class AttemptQuestion:
    position: int = strawberry.field(description="From 1. 题号")
    type: QuestionTypeEnum = strawberry.field(description="Its type; X takes several keys. 题型")
    group: int | None = strawberry.field(
        description="First position of the questions it stands together with (A3, A4, B1). 题组（首题题号）"
    )
    shared_stem: str | None = strawberry.field(description="The case that its group is about (A3, A4). 共用题干")
    stem: str = strawberry.field(description="What is asked. 题干")
    options: list[QuestionOption] = strawberry.field(description="What may be chosen. 选项")
    pictures: list[QuestionImage] = strawberry.field(
        description="Its pictures: of the case, of the stem, then of the options. 图片"
    )
    answer: SavedAnswer | None = strawberry.field(description="What the server holds. 已保存的作答")


def show_questions(
    context: CoreContext,
    questions: Iterable[Mapping[str, Any]],
    answers: Mapping[int, Mapping[str, Any]],
    closes_at: datetime | None,
) -> list[AttemptQuestion]:
    """The frozen questions of the asking doctor's attempt, which runs until `closes_at`, with what was saved."""
    return [
        AttemptQuestion(
            position=question["position"],
            type=QuestionType(question["type"]),
            group=question.get("group"),
            shared_stem=question.get("shared"),
            stem=question["stem"],
            options=[QuestionOption(key=option["key"], text=option["text"]) for option in question["options"]],
            pictures=show_frozen(context, question["pictures"], closes_at) if "pictures" in question else [],
            answer=_show_answer(answers.get(question["position"])),
        )
        for question in questions
    ]


def _show_answer(row: Mapping[str, Any] | None) -> SavedAnswer | None:
    if row is None:
        return None
    return SavedAnswer(
        position=row["position"], choice=row["choice"], sequence=row["sequence"], saved_at=row["saved_at"]
    )
