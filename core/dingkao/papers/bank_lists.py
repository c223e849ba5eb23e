"""Reading the question bank: pages for its people, and all that is in use for an export."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from piccolo.columns.combination import WhereRaw

from dingkao.access.rules import Kind, require_sight
from dingkao.accounts.step_up import step_up
from dingkao.audit.work import begin, logged_in
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers.bank_regions import READERS, chosen_bank, readable_banks
from dingkao.papers.picture_store import pictures_of, with_bytes
from dingkao.papers.questions import NewQuestion
from dingkao.papers.tables import Question
from dingkao.papers.vocabulary import QuestionState
from dingkao.plugin.caller import Caller
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Difficulty, PaperSubject, QuestionCategory, QuestionType

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class BankRecord:
    """A version of a question as the bank holds it."""

    id: int
    region_id: int | None
    code: str
    version: int
    state: QuestionState
    created_at: datetime
    approved_at: datetime | None
    question: NewQuestion


def _in_banks(p: Any) -> WhereRaw:
    """The banks of `regions` (0: the nation's), or every one."""
    if p.everywhere:
        return WhereRaw("1 = 1")
    return WhereRaw(f'COALESCE("question"."region", 0) IN ({", ".join(["{}"] * len(p.regions))})', *p.regions)


_listed = Statement(
    lambda p: (
        Question.select(
            Question.id, Question.region, Question.code, Question.version, Question.state, Question.type,
            Question.category, Question.specialty, Question.topic, Question.difficulty, Question.question_group,
            Question.group_position, Question.shared, Question.stem, Question.options, Question.answer,
            Question.source, Question.digest, Question.pictures, Question.created_at, Question.approved_at,
        )
        .where(
            (Question.subject == p.subject) & (Question.state == p.state) & (Question.id > p.after) & _in_banks(p)
        )
        .order_by(Question.id)
        .limit(p.limit)
    ),
    constants=("limit", "everywhere"),
)  # fmt: skip


def _record(row: Any) -> BankRecord:
    question = NewQuestion(
        line=row["id"],
        stem=row["stem"],
        options=tuple((option["key"], option["text"]) for option in json.loads(row["options"])),
        answer=row["answer"],
        digest=row["digest"],
        type=QuestionType(row["type"]),
        code=row["code"],
        category=QuestionCategory(row["category"]) if row["category"] else None,
        specialty=row["specialty"],
        topic=row["topic"],
        difficulty=Difficulty(row["difficulty"]) if row["difficulty"] else None,
        source=row["source"],
        shared=row["shared"],
        group=row["question_group"],
        group_position=row["group_position"],
        pictures=pictures_of(row["pictures"]),
    )
    return BankRecord(
        row["id"],
        row["region"],
        row["code"],
        row["version"],
        QuestionState(row["state"]),
        row["created_at"],
        row["approved_at"],
        question,
    )


async def list_questions(
    caller: Caller | None, subject: PaperSubject, state: QuestionState, *, after: int, limit: int
) -> list[BankRecord]:
    """At most `limit` questions of a subject in a state, with a key above `after`, by key, of the banks that the caller
    reads. For authors and approvers, with the answers. Raises NotLoggedIn, Forbidden."""
    asking = logged_in(caller)
    require_sight(asking, Kind.BANK)
    regions = await readable_banks(asking)
    banks: dict[str, Any] = {"everywhere": True} if regions is None else {"everywhere": False, "regions": [0, *regions]}
    rows = await _listed.run(subject=subject.value, state=state.value, after=after, limit=limit, **banks)
    return [_record(row) for row in rows]


@step_up("EXPORT_QUESTIONS", Text("导出试题", "export the question bank"))
async def export_questions(
    environment: Environment, caller: Caller | None, subject: PaperSubject, region_code: str | None = None
) -> list[NewQuestion]:
    """Every question of a subject in use in one bank (`chosen_bank`) with the bytes of its pictures, the questions of a
    group together; audited. For authors, approvers and the system. Raises NotLoggedIn, Forbidden, NotFound,
    PortFailed."""
    async with begin(environment, caller) as work:
        work.acting, region = await chosen_bank(work.caller, region_code, *READERS)
        questions = [question async for question in _all(subject, region)]
        detail = {"subject": subject.value, "region": region, "questions": len(questions)}
        await work.record("EXPORT_QUESTIONS", "Question", None, detail)
    questions = await with_bytes(environment, questions)
    places: dict[str, int] = {}
    for question in questions:
        if question.group:
            places.setdefault(question.group, question.line)
    return sorted(questions, key=lambda each: (places.get(each.group, each.line), each.group_position, each.line))


async def _all(subject: PaperSubject, region: int | None) -> AsyncIterator[NewQuestion]:
    after = 0
    while rows := await _listed.run(
        subject=subject.value,
        state=QuestionState.APPROVED.value,
        after=after,
        limit=_PAGE,
        everywhere=False,
        regions=[region or 0],
    ):
        for row in rows:
            yield _record(row).question
        after = rows[-1]["id"]
