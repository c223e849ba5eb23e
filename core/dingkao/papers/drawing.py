"""Drawing a paper from the bank of the database."""

import json

from piccolo.querystring import QueryString

from dingkao.db.database import is_postgresql
from dingkao.db.statement import Parameters, Statement
from dingkao.papers.marking import BankQuestion, FrozenPaper, draw, freeze
from dingkao.papers.tables import Question
from dingkao.plugin.errors import NotEligible
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import PaperSubject


def _ids_query(parameters: Parameters) -> QueryString:
    # One value instead of a row for each question: thousands of doctors begin in the same minute.
    gathered = "json_agg(id)" if is_postgresql() else "json_group_array(id)"
    return QueryString(
        f"SELECT {gathered} AS ids FROM question WHERE subject = {{}} AND retired = {{}}",  # noqa: S608
        parameters.subject,
        parameters.retired,
    )


_ids = Statement(_ids_query)
_questions = Statement(
    lambda p: Question.select(Question.id, Question.stem, Question.options, Question.answer).where(
        Question.id.is_in(p.ids)
    ),
    json_columns=("options",),
)


async def draw_paper(subject: PaperSubject, number: int, seed: int) -> FrozenPaper:
    """`number` questions of the bank in use, drawn and frozen by `seed`. Three steps: two queries and the draw.

    Raises NotEligible (BANK_TOO_SMALL).
    """
    gathered = await _ids.first(subject=subject.value, retired=False)
    ids: list[int] = json.loads(gathered["ids"] or "[]") if gathered else []
    if len(ids) < number:
        text = Text(
            f"题库可用试题{len(ids)}道，少于试卷所需{number}道，请联系考核机构。",
            f"The bank has {len(ids)} questions, the paper needs {number}; tell the assessment body.",
        )
        raise NotEligible([Reason("BANK_TOO_SMALL", text)])
    drawn = draw(ids, number, seed)
    rows = {row["id"]: row for row in await _questions.run(ids=drawn)}
    questions = [
        BankQuestion(
            key,
            rows[key]["stem"],
            tuple((option["key"], option["text"]) for option in rows[key]["options"]),
            rows[key]["answer"],
        )
        for key in drawn
    ]
    return freeze(questions, seed)
