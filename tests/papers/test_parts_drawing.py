"""Filling the parts of a blueprint."""

import random
import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dingkao.papers import parts_drawing
from dingkao.papers.composition import Entry, Shortage, Unit, units_for
from dingkao.papers.parts_drawing import Pool, draw_parts
from dingkao.plugin.blueprints import BlueprintPart

from .test_composition import entry, ids, seeds


def part(questions: int, *types: str, **more: object) -> BlueprintPart:
    return BlueprintPart.model_validate({"questions": questions, "types": types, **more})


def draw(bank: Sequence[Entry], parts: Sequence[BlueprintPart], seed: int) -> list[Unit] | list[Shortage]:
    return draw_parts(Pool(units_for(bank, "CLINICAL", "内科专业")), parts, seed)


def grouped(sizes_and_topics: Sequence[tuple[int, str]], kind: str = "A3", first: int = 1) -> list[Entry]:
    """Groups of these sizes and topics."""
    bank: list[Entry] = []
    for group, (size, topic) in enumerate(sizes_and_topics):
        for place in range(1, size + 1):
            bank.append(entry(first + len(bank), kind, topic=topic, group=f"{kind}{group}", place=place))
    return bank


def test_parts_are_filled_in_their_order() -> None:
    bank = [entry(number, "A1", topic="传染病" if number % 2 else "") for number in range(1, 41)]
    bank += [entry(number, "X", specialty="内科专业", difficulty="HARD") for number in range(41, 61)]
    bank += [entry(number, "A3", group=f"g{number // 2}", place=number % 2) for number in range(62, 72)]
    parts = [part(5, "A1", topic="传染病"), part(4, "A3"), part(3, "X", share="SPECIALTY", difficulty="HARD")]
    drawn = ids(draw(bank, parts, 9))
    assert len(set(drawn)) == 12
    assert all(number <= 40 and number % 2 for number in drawn[:5])
    assert all(62 <= number < 72 for number in drawn[5:9])
    assert drawn[5] + 1 == drawn[6]
    assert all(41 <= number <= 60 for number in drawn[9:])
    assert drawn == ids(draw(bank, parts, 9))
    assert drawn != ids(draw(bank, parts, 10))


@given(seeds)
def test_a_broad_part_leaves_a_narrow_one_what_it_needs(seed: int) -> None:
    bank = [entry(number, topic="急救" if number <= 5 else "") for number in range(1, 11)]
    drawn = ids(draw(bank, [part(5), part(5, topic="急救")], seed))
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
    found = draw(entries, parts, seed)
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
    short = [found for found in draw(bank, parts, 1) if isinstance(found, Shortage)]
    assert [(found.wanted, found.found) for found in short] == [(5, 3), (3, 0), (3, 2)]
    assert short[0].text.zh == "公共，X型，“传染病”，难：需5题，题库可用3题，缺2题。"
    assert short[2].text.en == "type B1: 3 wanted, 2 in the bank, 1 missing."


@given(seeds)
def test_a_broad_part_leaves_a_narrow_one_its_groups(seed: int) -> None:
    bank = grouped([(2, "急救"), (2, "急救"), (2, ""), (2, ""), (3, ""), (3, "急救")])
    drawn = ids(draw(bank, [part(4, "A3"), part(4, "A3", topic="急救")], seed))
    narrow = [found for found in bank if found.id in drawn[4:]]
    assert (len(drawn), len(set(drawn)), {found.topic for found in narrow}) == (8, 8, {"急救"})


def reachable(groups: Sequence[tuple[int, str, str]], parts: Sequence[BlueprintPart]) -> set[tuple[int, ...]]:
    """How far the parts can be filled together, tried group by group: by brute force."""
    found = {(0,) * len(parts)}
    for size, kind, topic in groups:
        for filled in list(found):
            for place, wanted in enumerate(parts):
                fits = kind in wanted.types and wanted.topic in ("", topic)
                if fits and filled[place] + size <= wanted.questions:
                    found.add((*filled[:place], filled[place] + size, *filled[place + 1 :]))
    return found


banks = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(["A3", "A4", "B1"]), st.sampled_from(["", "甲", "乙"])), max_size=10
)
wishes = st.lists(
    st.tuples(st.integers(1, 7), st.sampled_from([("A3",), ("A3", "A4"), ("B1",)]), st.sampled_from(["", "甲", "乙"])),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=150)
@given(banks, wishes, seeds)
def test_groups_fill_the_parts_wherever_any_choice_does(
    bank: list[tuple[int, str, str]], wanted: list[tuple[int, tuple[str, ...], str]], seed: int
) -> None:
    entries: list[Entry] = []
    for group, (size, kind, topic) in enumerate(bank):
        for place in range(size):
            entries.append(entry(len(entries) + 1, kind, topic=topic, group=f"g{group}", place=place))
    parts = [part(number, *types, topic=topic) for number, types, topic in wanted]
    possible = reachable(bank, parts)
    found = draw(entries, parts, seed)
    assert found == draw(entries[::-1], parts, seed)
    if tuple(p.questions for p in parts) not in possible:
        short = {parts.index(entry.part): entry.found for entry in found if isinstance(entry, Shortage)}
        assert len(found) >= len(short) > 0
        # What is told could be had, beside all the other parts as they were filled.
        twice = len(set(parts)) < len(parts)
        assert twice or tuple(short.get(place, p.questions) for place, p in enumerate(parts)) in possible
        return
    drawn = ids(found)
    assert len(set(drawn)) == len(drawn) == sum(p.questions for p in parts)
    start = 0
    for p in parts:
        asked = [each for each in entries if each.id in drawn[start : start + p.questions]]
        start += p.questions
        assert all(each.type in p.types and p.topic in ("", each.topic) for each in asked)
        # Each group came whole.
        assert {each.id for each in entries if each.group in {a.group for a in asked}} == {a.id for a in asked}


def test_every_group_has_its_chance() -> None:
    bank = grouped([(2, "急救")] * 3 + [(2, "")] * 3)
    counts = dict.fromkeys((found.group for found in bank), 0)
    group_of = {found.id: found.group for found in bank}
    for seed in range(600):
        for key in ids(draw(bank, [part(2, "A3"), part(2, "A3", topic="急救")], seed))[::2]:
            counts[group_of[key]] += 1
    assert all(count > 60 for count in counts.values()), counts


def test_more_ways_than_are_worked_out_leave_the_narrow_parts_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts_drawing, "MOST_STATES", 8)
    bank = grouped([(2, "急救"), (2, "急救"), (2, ""), (2, ""), (2, "")])
    parts = [part(4, "A3"), part(4, "A3", topic="急救")]
    for seed in range(20):
        assert len(set(ids(draw(bank, parts, seed)))) == 8
    (short,) = draw(bank, [part(8, "A3"), part(4, "A3", topic="急救")], 1)
    assert isinstance(short, Shortage)
    assert (short.part.topic, short.wanted, short.found) == ("", 8, 6)


def test_a_paper_from_fifty_thousand_questions_takes_no_time() -> None:
    chance = random.Random(1)  # noqa: S311 - nothing is secret here
    topics = [f"主题{number}" for number in range(40)]
    bank = [
        entry(
            number,
            chance.choice(["A1", "A2", "X"]),
            topic=chance.choice(topics),
            difficulty=chance.choice(["EASY", "HARD"]),
        )
        for number in range(1, 45_001)
    ]
    sizes = [(chance.randint(2, 5), chance.choice(topics)) for _ in range(800)]
    bank += grouped(sizes, "A3", first=45_001) + grouped(sizes, "B1", first=48_001)
    pool = Pool(units_for(bank, "CLINICAL", "内科专业"))
    parts = [
        part(30, "A1"), part(20, "A2", topic="主题1"), part(20, "A2", difficulty="HARD"), part(10, "X"),
        part(10, "A3"), part(6, "A3", topic="主题1"), part(6, "A3", topic="主题2"), part(6, "B1"),
        part(4, "B1", topic="主题3"),
    ]  # fmt: skip
    took = []
    for seed in range(5):
        before = time.process_time()
        assert len(ids(draw_parts(pool, parts, seed))) == 112
        took.append(time.process_time() - before)
    assert min(took) < 0.03, took
