"""Papers drawn from the bank: by blueprint, with groups, with several right options; and what the bank cannot fill."""

import json
from typing import Any

import pytest

from dingkao.assessments.access import pinned_policy
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.db.counting import count_queries
from dingkao.environment import Environment
from dingkao.papers.answers import GivenAnswer, save_answers
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.bank import import_questions
from dingkao.papers.filling import unfilled_papers
from dingkao.papers.tables import Attempt
from dingkao.plugin.errors import NotEligible
from dingkao.plugin.national import PapersPolicy
from dingkao.testing.refusals import refused_fields
from dingkao.testing.sample import REGION_CODE

from .sittings import HUMANITIES, Sittings, build_sittings
from .test_bank import HEAD, detailed, file

B1_OPTIONS = {letter: f"{letter}药" for letter in "ABCDE"}
PARTS = (
    {"questions": 4, "types": ("A1",), "share": "COMMON"},
    {"questions": 2, "types": ("X",), "topic": "急救"},
    {"questions": 2, "types": ("B1",)},
    {"questions": 2, "types": ("A3", "A4"), "share": "SPECIALTY"},
)


@pytest.fixture
async def sittings(environment: Environment) -> Sittings:
    return await build_sittings(environment)


async def fill(sittings: Sittings) -> None:
    text = HEAD
    for number in range(3):
        text += detailed(f"急救多选{number}", "ACD", type="X", topic="急救")
        for member in range(2):
            text += detailed(f"配伍{number}-{member}", "B", type="B1", group=f"b{number}", **B1_OPTIONS)
            case = {"group": f"a{number}", "shared": f"病例{number}", "specialty": "内科专业"}
            text += detailed(f"病例题{number}-{member}", "C", type="A3", **case)
    report = await import_questions(sittings.environment, SYSTEM_CALLER, HUMANITIES, text, region_code=REGION_CODE)
    assert report.refused == ()
    blueprint = {"code": "人文", "subject": "HUMANITIES", "categories": ("CLINICAL",), "parts": PARTS}
    await sittings.pin(blueprints=(blueprint,))


async def frozen(attempt_id: int) -> tuple[list[dict[str, Any]], dict[str, str]]:
    row = await Attempt.select(Attempt.questions, Attempt.answer_key).where(Attempt.id == attempt_id).first()
    assert row is not None
    return json.loads(row["questions"]), json.loads(row["answer_key"])


async def test_a_paper_by_blueprint_is_drawn_frozen_answered_and_marked(sittings: Sittings) -> None:
    await fill(sittings)
    doctor = await sittings.doctor()
    paper = (await sittings.papers(doctor))[0]
    attempt_id = await start_attempt(sittings.environment, doctor.caller, paper.id)
    questions, key = await frozen(attempt_id)
    assert [question["type"] for question in questions] == ["A1"] * 4 + ["X"] * 2 + ["B1"] * 2 + ["A3"] * 2
    assert [question.get("group") for question in questions] == [None] * 6 + [7, 7, 9, 9]
    assert questions[6]["options"] == questions[7]["options"]
    assert questions[8]["shared"] == questions[9]["shared"]
    assert len(key["5"]) == 3
    # Several keys come in any order; of a single choice there is one.
    wrong = [GivenAnswer(1, "AB", 1), GivenAnswer(5, "AF", 1)]
    codes = await refused_fields(save_answers(sittings.environment, doctor.caller, attempt_id, wrong))
    assert codes == [("answers.0.choice", "NO_SUCH_OPTION"), ("answers.1.choice", "NO_SUCH_OPTION")]
    given = [GivenAnswer(int(place), choice[::-1], 1) for place, choice in key.items() if place != "6"]
    given.append(GivenAnswer(6, key["6"][:2], 1))
    held = await save_answers(sittings.environment, doctor.caller, attempt_id, given)
    assert next(answer.choice for answer in held.held if answer.position == 5) == key["5"]
    await submit_attempt(sittings.environment, doctor.caller, attempt_id)
    assert (await sittings.attempt(attempt_id)).score_percent == 90


async def test_what_the_bank_cannot_fill_is_told_part_by_part(sittings: Sittings) -> None:
    await fill(sittings)
    parts = (
        {"questions": 6, "types": ("X",), "topic": "急救"},
        {"questions": 4, "types": ("A2",), "difficulty": "HARD"},
    )
    await sittings.pin(blueprints=({"code": "人文", "subject": "HUMANITIES", "parts": parts},))
    doctor = await sittings.doctor()
    paper = (await sittings.papers(doctor))[0]
    with pytest.raises(NotEligible) as refusal:
        await start_attempt(sittings.environment, doctor.caller, paper.id)
    assert [(reason.code, reason.text.zh) for reason in refusal.value.reasons] == [
        ("BLUEPRINT_NOT_FILLED", "X型，“急救”：需6题，题库可用3题，缺3题。"),
        ("BLUEPRINT_NOT_FILLED", "A2型，难：需4题，题库可用0题，缺4题。"),
    ]
    # The same is told before anybody begins.
    policy = await pinned_policy(sittings.environment, await sittings.record(doctor))
    found = await unfilled_papers(sittings.environment, policy.section(PapersPolicy), REGION_CODE)
    assert [(each.subject, each.candidate.scope, each.blueprint, len(each.reasons)) for each in found] == [
        (HUMANITIES, "内科专业", "人文", 2)
    ]


async def test_the_bank_is_read_anew_only_where_it_has_changed(sittings: Sittings) -> None:
    async def begin() -> list[str]:
        doctor = await sittings.doctor()
        paper = (await sittings.papers(doctor))[0]
        with count_queries() as queries:
            await start_attempt(sittings.environment, doctor.caller, paper.id)
        return [sql for sql in queries if "group_position" in str(sql)]

    assert [len(await begin()) for _ in range(2)] == [1, 0]
    await import_questions(
        sittings.environment, SYSTEM_CALLER, HUMANITIES, file(*range(30)), replace=True, region_code=REGION_CODE
    )
    assert [len(await begin()) for _ in range(2)] == [1, 0]
    doctor = await sittings.doctor()
    attempt_id = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    assert all(question["stem"].startswith("第") for question in (await frozen(attempt_id))[0])
