"""Choosing questions for a paper."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dingkao.papers.composition import Entry, Unit, draw_units, shuffled, units_for
from dingkao.plugin.blueprints import Blueprint, BlueprintPart, Share
from dingkao.plugin.national import PapersPolicy
from dingkao.plugin.vocabulary import Difficulty, PaperSubject, PracticeCategory, PracticeLevel, QuestionType

seeds = st.integers(0, 2**63 - 1)


def entry(
    number: int, kind: str = "A1", *, category: str | None = None, specialty: str = "", topic: str = "",
    difficulty: str | None = None, group: str = "", place: int = 0,
) -> Entry:  # fmt: skip
    return Entry(number, kind, category, specialty, topic, difficulty, group, place)


def units(entries: Sequence[Entry], category: str = "CLINICAL", scope: str = "内科专业") -> list[Unit]:
    return units_for(entries, category, scope)


def ids(drawn: object) -> list[int]:
    assert isinstance(drawn, list)
    assert all(isinstance(unit, Unit) for unit in drawn), drawn
    return [key for unit in drawn for key in unit.ids]


@given(st.integers(1, 60), seeds, st.data())
def test_one_seed_draws_one_paper(size: int, seed: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, size))
    bank = [entry(place * 3) for place in range(size)]
    drawn = ids(draw_units(units(bank), number, seed))
    assert len(set(drawn)) == number
    assert drawn == ids(draw_units(units(bank[::-1]), number, seed))


def test_the_draw_of_a_seed_never_changes() -> None:
    # Whoever repeats a draw years later must get the same paper: these numbers are written down.
    bank = [entry(number) for number in range(1, 1001)]
    assert ids(draw_units(units(bank), 5, 20260601)) == [229, 521, 16, 232, 853]


def test_every_question_has_its_chance() -> None:
    counts = dict.fromkeys(range(10), 0)
    bank = units([entry(number) for number in range(10)])
    for seed in range(2000):
        for number in ids(draw_units(bank, 3, seed)):
            counts[number] += 1
    assert all(480 < count < 720 for count in counts.values()), counts
    assert sorted(shuffled(10, 1)) == list(range(10))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), seeds, st.integers(1, 40))
def test_groups_come_whole_and_fill_the_paper_where_they_can(sizes: list[int], seed: int, number: int) -> None:
    bank, numbers = [], iter(range(1, 1000))
    for group, size in enumerate(sizes):
        bank += [entry(next(numbers), "A3", group=f"g{group}", place=place) for place in range(size)]
    possible = {0}
    for size in sizes:
        possible |= {total + size for total in possible}
    drawn = draw_units(units(bank), number, seed)
    if number not in possible:
        assert drawn == max(total for total in possible if total <= number)
        return
    chosen = ids(drawn)
    assert len(chosen) == number
    groups = {found.group for found in bank if found.id in chosen}
    assert {found.id for found in bank if found.group in groups} == set(chosen)


def test_a_doctor_is_asked_what_concerns_him() -> None:
    bank = [
        entry(1),
        entry(2, category="CLINICAL"),
        entry(3, category="DENTAL"),
        entry(4, category="MEDICAL_HUMANITIES"),
        entry(5, specialty="内科专业"),
        entry(6, specialty="外科专业"),
    ]
    assert [unit.ids[0] for unit in units(bank)] == [1, 2, 4, 5]
    assert [unit.ids[0] for unit in units(bank, "DENTAL", "口腔专业")] == [1, 3, 4]


def test_a_group_is_asked_whole_or_not_at_all() -> None:
    bank = [entry(number, "A3", group="same", place=number) for number in (1, 2)]
    bank += [
        entry(3, "A3", category="CLINICAL", group="mixed", place=1),
        entry(4, "A3", category="DENTAL", group="mixed", place=2),
    ]
    bank += [entry(5, "B1", group="partly", place=1), entry(6, "B1", specialty="外科专业", group="partly", place=2)]
    assert [unit.ids for unit in units(bank)] == [(1, 2)]
    assert [unit.ids for unit in units(bank, scope="外科专业")] == [(1, 2), (5, 6)]


def test_which_blueprint_a_doctor_gets_is_policy() -> None:
    parts = ({"questions": 100, "share": "COMMON"},)
    policy = PapersPolicy.model_validate(
        {
            "blueprints": (
                {"code": "DENTAL", "subject": "PROFESSIONAL", "categories": ("DENTAL",), "parts": parts},
                {"code": "RURAL", "subject": "PROFESSIONAL", "levels": ("RURAL_ASSISTANT",), "parts": parts},
                {"code": "INTERNAL", "subject": "PROFESSIONAL", "scopes": ("内科专业",), "parts": parts},
            )
        }
    )

    def code(category: str, scope: str, level: str, subject: PaperSubject = PaperSubject.PROFESSIONAL) -> str | None:
        found = policy.blueprint(subject, category, scope, level)
        return found.code if found else None

    clinical, licensed = PracticeCategory.CLINICAL.value, PracticeLevel.LICENSED.value
    assert code("DENTAL", "口腔专业", licensed) == "DENTAL"
    assert code(clinical, "全科", PracticeLevel.RURAL_ASSISTANT.value) == "RURAL"
    assert code(clinical, "内科专业", licensed) == "INTERNAL"
    assert code(clinical, "外科专业", licensed) is None
    assert code(clinical, "内科专业", licensed, PaperSubject.HUMANITIES) is None


def test_a_blueprint_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValidationError, match="parts of their own"):
        BlueprintPart(questions=5, types=(QuestionType.A1, QuestionType.B1))
    short = Blueprint(code="S", subject=PaperSubject.HUMANITIES, parts=(BlueprintPart(questions=99),))
    with pytest.raises(ValidationError, match="99 questions, the rule of HUMANITIES 100"):
        PapersPolicy(blueprints=(short,))
    whole = Blueprint(
        code="S",
        subject=PaperSubject.HUMANITIES,
        parts=(BlueprintPart(questions=100, share=Share.COMMON, difficulty=Difficulty.EASY),),
    )
    with pytest.raises(ValidationError, match="two blueprints"):
        PapersPolicy(blueprints=(whole, whole))
