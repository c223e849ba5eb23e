"""Running attempts of 100 questions, for the doctors of the province who can log in and are being tested."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

from piccolo.querystring import QueryString

from dingkao.db.bulk import insert_many
from dingkao.db.statement import Statement
from dingkao.papers.tables import Answer, Attempt
from dingkao.papers.vocabulary import AttemptState

QUESTIONS: Final = 100
ANSWERED: Final = 60
OPTIONS: Final = "ABCD"

_sitting = Statement(
    lambda p: QueryString(
        "SELECT paper.id AS paper FROM account JOIN assessment ON assessment.doctor = account.doctor "
        "JOIN assessment_paper AS paper ON paper.assessment = assessment.id "
        "WHERE account.password_hash IS NOT NULL AND paper.state = 'IN_PROGRESS' ORDER BY paper.id LIMIT {}",
        p.most,
    ),
    constants=("most",),
)


async def insert_sittings(began: datetime, most: int) -> None:
    """An attempt, 60 of its 100 questions answered, for the first `most` such doctors."""
    papers = [row["paper"] for row in await _sitting.run(most=most)]
    attempts = await insert_many(
        [
            Attempt.paper, Attempt.number, Attempt.state, Attempt.started_at, Attempt.deadline, Attempt.questions,
            Attempt.answer_key, Attempt.pass_percent,
        ],
        [
            (
                paper, 1, AttemptState.IN_PROGRESS.value, began, began + timedelta(days=3650),
                json.dumps(_questions(paper), ensure_ascii=False),
                json.dumps({str(position): "A" for position in range(1, QUESTIONS + 1)}), 60,
            )
            for paper in papers
        ],
        [Attempt.id],
    )  # fmt: skip
    await insert_many(
        [Answer.attempt, Answer.position, Answer.choice, Answer.sequence, Answer.saved_at],
        [
            (attempt["id"], position, OPTIONS[position % len(OPTIONS)], position, began)
            for attempt in attempts
            for position in range(1, ANSWERED + 1)
        ],
    )


def _questions(seed: int) -> list[dict[str, Any]]:
    """Questions as an attempt freezes them: four options, as long as those of a real bank (45 and 9 characters)."""
    return [
        {
            "position": position,
            "type": "A1",
            "stem": f"（{seed}）第{position}题：患者因咳嗽、发热三天就诊，关于告知病情与治疗方案，下列说法正确的是",
            "options": [{"key": key, "text": f"征得患者同意（{key}）"} for key in OPTIONS],
        }
        for position in range(1, QUESTIONS + 1)
    ]
