"""Drawing, freezing and marking."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dingkao.papers.marking import OPTION_KEYS, BankQuestion, freeze, mark, ordered_choice, possible_choices

seeds = st.integers(0, 2**63 - 1)


def question(number: int, options: tuple[str, ...] = ("一", "二", "三", "四"), right: int = 0) -> BankQuestion:
    keyed = tuple(zip(OPTION_KEYS, options, strict=False))
    return BankQuestion(number, f"第{number}题", keyed, OPTION_KEYS[right])


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
    assert {tuple(shown) for shown in frozen.questions} == {("position", "question", "type", "stem", "options")}
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


def of_type(number: int, kind: str, options: tuple[str, ...], answer: str, **more: str) -> BankQuestion:
    return BankQuestion(number, f"第{number}题", tuple(zip(OPTION_KEYS, options, strict=False)), answer, kind, **more)


@given(seeds, st.sets(st.sampled_from("ABCDE"), min_size=2))
def test_several_right_options_are_all_due_and_no_other(seed: int, right: set[str]) -> None:
    texts = ("一", "二", "三", "四", "五")
    frozen = freeze([of_type(1, "X", texts, "".join(sorted(right)))], seed)
    options = frozen.questions[0]["options"]
    assert isinstance(options, list)
    shown = {option["text"]: option["key"] for option in options}
    due = "".join(sorted(shown[texts["ABCDE".index(key)]] for key in right))
    assert frozen.key == {1: due}
    assert mark(frozen.key, {1: due}, 60).passed
    assert not mark(frozen.key, {1: due[1:]}, 60).passed
    choices = possible_choices(frozen.questions[0])
    assert (len(choices), due in choices, due[::-1] in choices) == (31, True, False)
    assert ordered_choice(due[::-1] + due) == due


def test_a_single_choice_takes_one_key() -> None:
    frozen = freeze([of_type(1, "A2", ("甲", "乙", "丙", "丁"), "B")], 5)
    assert possible_choices(frozen.questions[0]) == set("ABCD")
    assert (ordered_choice(""), ordered_choice("Z")) == ("", "Z")


def test_true_and_false_keep_their_order() -> None:
    for seed in range(20):
        assert freeze([of_type(1, "TRUE_FALSE", ("正确", "错误"), "B")], seed).key == {1: "B"}


def test_questions_of_a_group_stand_together_and_share_their_options() -> None:
    texts = ("甲药", "乙药", "丙药", "丁药", "戊药")
    questions = [
        of_type(1, "A1", ("一", "二"), "A"),
        of_type(2, "B1", texts, "A", group="g"),
        of_type(3, "B1", texts, "E", group="g"),
        of_type(4, "A3", ("一", "二"), "A", group="h", shared="病例"),
        of_type(5, "A3", ("三", "四"), "A", group="h", shared="病例"),
    ]
    orders = set()
    for seed in range(30):
        shown = freeze(questions, seed).questions
        assert shown[1]["options"] == shown[2]["options"]
        assert [entry.get("group") for entry in shown] == [None, 2, 2, 4, 4]
        assert [entry.get("shared") for entry in shown] == [None, None, None, "病例", "病例"]
        orders.add(json.dumps(shown[1]["options"], ensure_ascii=False))
    assert len(orders) > 20
