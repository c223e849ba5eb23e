"""Drawing, freezing and marking."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dingkao.papers.marking import OPTION_KEYS, BankQuestion, draw, freeze, mark

seeds = st.integers(0, 2**63 - 1)
banks = st.lists(st.integers(1, 10**9), min_size=1, max_size=60, unique=True)


def question(number: int, options: tuple[str, ...] = ("一", "二", "三", "四"), right: int = 0) -> BankQuestion:
    keyed = tuple(zip(OPTION_KEYS, options, strict=False))
    return BankQuestion(number, f"第{number}题", keyed, OPTION_KEYS[right])


@given(banks, seeds, st.data())
def test_one_seed_draws_one_paper(ids: list[int], seed: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(ids)))
    drawn = draw(ids, number, seed)
    assert len(set(drawn)) == number
    assert set(drawn) <= set(ids)
    assert drawn == draw(list(reversed(ids)), number, seed)


def test_the_draw_of_a_seed_never_changes() -> None:
    # Whoever repeats a draw years later must get the same paper: these numbers are written down.
    assert draw(range(1, 1001), 5, 20260601) == [229, 521, 16, 232, 853]


def test_another_seed_draws_another_paper() -> None:
    assert len({tuple(draw(range(1, 501), 100, seed)) for seed in range(50)}) == 50


def test_every_question_has_its_chance() -> None:
    counts = dict.fromkeys(range(10), 0)
    for seed in range(2000):
        for number in draw(range(10), 3, seed):
            counts[number] += 1
    assert all(480 < count < 720 for count in counts.values()), counts


def test_too_small_a_bank_draws_nothing() -> None:
    with pytest.raises(ValueError, match="bank of 2"):
        draw([1, 2], 3, 0)


@given(seeds, st.integers(2, 8), st.data())
def test_the_key_follows_the_right_option(seed: int, number: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, number - 1))
    texts = tuple(f"选项文字{index}" for index in range(number))
    frozen = freeze([question(1, texts, right)], seed)
    options = frozen.questions[0]["options"]
    assert isinstance(options, list)
    assert [option["key"] for option in options] == list(OPTION_KEYS[:number])
    assert {option["text"] for option in options} == set(texts)
    shown = {option["key"]: option["text"] for option in options}
    assert shown[frozen.key[1]] == texts[right]
    assert freeze([question(1, texts, right)], seed) == frozen


def test_options_come_in_many_orders() -> None:
    orders = {json.dumps(freeze([question(1)], seed).questions, ensure_ascii=False) for seed in range(400)}
    assert len(orders) == 24


@pytest.mark.parametrize(
    "options",
    [
        ("肝炎", "肺炎", "胃炎", "以上都不是"),
        ("一", "二", "三", "A和C"),
        ("一", "二", "A、B", "全对"),
        ("甲", "乙", "AB"),
    ],
)
def test_options_that_speak_of_one_another_keep_their_order(options: tuple[str, ...]) -> None:
    for seed in range(20):
        frozen = freeze([question(1, options, 2)], seed)
        shown = frozen.questions[0]["options"]
        assert isinstance(shown, list)
        assert [option["text"] for option in shown] == list(options)
        assert frozen.key == {1: "C"}


def test_the_shown_questions_hold_no_key() -> None:
    frozen = freeze([question(number) for number in range(1, 101)], 7)
    assert {tuple(shown) for shown in frozen.questions} == {("position", "stem", "options")}
    assert [shown["position"] for shown in frozen.questions] == list(range(1, 101))


def test_the_percentage_is_rounded_down() -> None:
    key = dict.fromkeys(range(1, 1001), "A")
    answers = dict.fromkeys(range(1, 600), "A")
    marked = mark(key, answers, 60)
    assert (marked.right, marked.total, marked.percent, marked.passed) == (599, 1000, 59, False)
    answers[600] = "A"
    assert mark(key, answers, 60).passed


@given(st.dictionaries(st.integers(1, 120), st.sampled_from("ABCD"), max_size=110), st.integers(1, 100))
def test_marking_counts_only_right_answers_of_the_paper(answers: dict[int, str], pass_percent: int) -> None:
    key = {position: "ABCD"[position % 4] for position in range(1, 101)}
    marked = mark(key, answers, pass_percent)
    assert marked.right == sum(1 for position, choice in answers.items() if key.get(position) == choice)
    assert marked.percent == marked.right
    assert marked.passed == (marked.right >= pass_percent)


def test_an_empty_answer_sheet_fails() -> None:
    assert not mark({1: "A"}, {}, 1).passed
    assert not mark({1: "A"}, {1: ""}, 1).passed
