"""Choosing questions for a paper."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dingkao.papers.composition import Entry, Shortage, Unit, draw_parts, draw_units, shuffled, units_for
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


def part(questions: int, *types: str, **more: object) -> BlueprintPart:
    return BlueprintPart.model_validate({"questions": questions, "types": types, **more})


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


def test_parts_are_filled_in_their_order() -> None:
    bank = [entry(number, "A1", topic="传染病" if number % 2 else "") for number in range(1, 41)]
    bank += [entry(number, "X", specialty="内科专业", difficulty="HARD") for number in range(41, 61)]
    bank += [entry(number, "A3", group=f"g{number // 2}", place=number % 2) for number in range(62, 72)]
    parts = [part(5, "A1", topic="传染病"), part(4, "A3"), part(3, "X", share="SPECIALTY", difficulty="HARD")]
    drawn = ids(draw_parts(units(bank), parts, 9))
    assert len(set(drawn)) == 12
    assert all(number <= 40 and number % 2 for number in drawn[:5])
    assert all(62 <= number < 72 for number in drawn[5:9])
    assert drawn[5] + 1 == drawn[6]
    assert all(41 <= number <= 60 for number in drawn[9:])
    assert drawn == ids(draw_parts(units(bank), parts, 9))
    assert drawn != ids(draw_parts(units(bank), parts, 10))


@given(seeds)
def test_a_broad_part_leaves_a_narrow_one_what_it_needs(seed: int) -> None:
    bank = [entry(number, topic="急救" if number <= 5 else "") for number in range(1, 11)]
    drawn = ids(draw_parts(units(bank), [part(5), part(5, topic="急救")], seed))
    assert (sorted(drawn[5:]), sorted(drawn[:5])) == ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(["A1", "A2", "X"]), st.sampled_from(["", "甲", "乙"])), max_size=14),
    st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from(["", "A1", "X"]), st.sampled_from(["", "甲"])),
        min_size=1,
        max_size=4,
    ),
    seeds,
)
def test_a_shortage_is_told_only_where_nothing_would_fill_the_parts(
    bank: list[tuple[str, str]], wanted: list[tuple[int, str, str]], seed: int
) -> None:
    entries = [entry(number, kind, topic=topic) for number, (kind, topic) in enumerate(bank, 1)]
    parts = [part(number, *([kind] if kind else []), topic=topic) for number, kind, topic in wanted]

    def fitting(some: Sequence[BlueprintPart]) -> int:
        return sum(
            any((not p.types or e.type in p.types) and (not p.topic or e.topic == p.topic) for p in some)
            for e in entries
        )

    # Hall's theorem: the parts can be filled where every choice of them has candidates enough.
    fillable = all(
        fitting([p for place, p in enumerate(parts) if chosen >> place & 1])
        >= sum(p.questions for place, p in enumerate(parts) if chosen >> place & 1)
        for chosen in range(1, 1 << len(parts))
    )
    found = draw_parts(units(entries), parts, seed)
    if fillable:
        assert len(set(ids(found))) == sum(p.questions for p in parts)
    else:
        assert found
        assert all(isinstance(short, Shortage) and short.found < short.wanted for short in found)


def test_a_shortage_says_exactly_what_is_missing() -> None:
    bank = [entry(number, "X", topic="传染病", difficulty="HARD") for number in range(1, 4)]
    bank += [entry(4, "B1", group="g", place=1), entry(5, "B1", group="g", place=2)]
    parts = [
        part(5, "X", topic="传染病", difficulty="HARD", share="COMMON"),
        part(3, "X"),
        part(3, "B1"),
    ]
    short = [found for found in draw_parts(units(bank), parts, 1) if isinstance(found, Shortage)]
    assert [(found.wanted, found.found) for found in short] == [(5, 3), (3, 0), (3, 2)]
    assert short[0].text.zh == "公共，X型，“传染病”，难：需5题，题库可用3题，缺2题。"
    assert short[2].text.en == "type B1: 3 wanted, 2 in the bank, 1 missing."


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
