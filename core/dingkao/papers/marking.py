"""Freezing a paper that was drawn, and marking it. Pure: the same seed gives the same paper for ever."""

import random
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from typing import Any

from dingkao.plugin.vocabulary import QuestionType

# The keys that options are shown under.
OPTION_KEYS = "ABCDEFGH"

# Options that speak of other options (以上均不是, A和C, AB) make sense in their own order only.
_REFERS = re.compile(
    r"^(以上|上述|前述|以下)|(均|都|全)(不)?(对|是|正确|错)"
    r"|(?<![A-Za-z])[A-H]\s*[、,，+和与及]\s*[A-H](?![A-Za-z])|^[A-H]{2,}$"
)


@dataclass(frozen=True, slots=True)
class BankQuestion:
    """A version of a question as the bank holds it: `options` as (key, text) in their order, `answer` the keys of the
    right ones in order. The questions of one `group` stand together; `shared` is their case. `pictures` as the bank's
    row has them."""

    id: int
    stem: str
    options: tuple[tuple[str, str], ...]
    answer: str
    type: str = QuestionType.A1.value
    group: str = ""
    shared: str = ""
    pictures: tuple[Mapping[str, Any], ...] = ()
    # Whether the options stay in their order. Found once: a kept question is drawn for thousands of papers.
    fixed: bool = field(init=False)

    def __post_init__(self) -> None:
        speaks_of_others = any(_REFERS.search(text) for _, text in self.options)
        object.__setattr__(self, "fixed", self.type == QuestionType.TRUE_FALSE.value or speaks_of_others)


@dataclass(frozen=True, slots=True)
class FrozenPaper:
    """A paper as it is frozen into an attempt: what may be shown, and, apart from it, the key. `key` maps a position
    (from 1) to the right choice: a key, or several in order."""

    questions: list[dict[str, object]]
    key: dict[int, str]


@dataclass(frozen=True, slots=True)
class Mark:
    """The mark of an attempt: right answers, questions, percent rounded down, and whether that passes (None: the pass
    mark is not fixed yet)."""

    right: int
    total: int
    percent: int
    passed: bool | None


def freeze(questions: Sequence[BankQuestion], seed: int) -> FrozenPaper:
    """The questions in this order with their options in an order by chance that `seed` fixes, under the keys A, B, C…

    Options that speak of one another, and true and false, stay as they are; the questions of a group that shares its
    options (B1) keep sharing them. `question` names the version, `group` the group by its first position.
    """
    chance = random.Random(seed)  # noqa: S311
    shown: list[dict[str, object]] = []
    key: dict[int, str] = {}
    before: BankQuestion | None = None
    begun, order = 0, list[int]()
    for position, question in enumerate(questions, start=1):
        together = before is not None and question.group != "" and question.group == before.group
        if not together:
            begun = position
        if not (together and before is not None and question.options == before.options):
            order = _order(question, chance)
        options = [question.options[place] for place in order]
        entry: dict[str, object] = {
            "position": position,
            "question": question.id,
            "type": question.type,
            "stem": question.stem,
            "options": [{"key": new, "text": text} for new, (_, text) in zip(OPTION_KEYS, options, strict=False)],
        }
        if question.group:
            entry["group"] = begun
        if question.shared:
            entry["shared"] = question.shared
        old_keys = [old for old, _ in options]
        if question.pictures:
            entry["pictures"] = [_frozen(picture, old_keys) for picture in question.pictures]
        shown.append(entry)
        key[position] = "".join(sorted(OPTION_KEYS[old_keys.index(right)] for right in question.answer))
        before = question
    return FrozenPaper(shown, key)


def _frozen(picture: Mapping[str, Any], old_keys: Sequence[str]) -> dict[str, Any]:
    """A picture as the paper keeps it: those of options go with them to their new keys."""
    kept = {name: picture[name] for name in ("place", "text", "picture", "digest", "type", "width", "height")}
    if kept["place"] in old_keys:
        kept["place"] = OPTION_KEYS[old_keys.index(kept["place"])]
    return kept


def _order(question: BankQuestion, chance: random.Random) -> list[int]:
    order = list(range(len(question.options)))
    if not question.fixed:
        for place in range(len(order) - 1):
            other = place + int(chance.random() * (len(order) - place))
            order[place], order[other] = order[other], order[place]
    return order


def possible_choices(question: Mapping[str, Any]) -> frozenset[str]:
    """What may be answered to a question of a frozen paper: one of its keys, or with several right answers any of
    them, in order."""
    keys = "".join(option["key"] for option in question["options"])
    return _choices(keys, question.get("type") == QuestionType.X.value)


@cache
def _choices(keys: str, several: bool) -> frozenset[str]:
    # One set for all questions of one form: thousands of papers are kept.
    most = len(keys) if several else 1
    return frozenset("".join(chosen) for size in range(1, most + 1) for chosen in combinations(keys, size))


def ordered_choice(choice: str) -> str:
    """A choice of several keys as it is kept: CAD and ADCA are ACD."""
    return "".join(sorted(set(choice))) if len(choice) > 1 else choice


def mark(
    key: Mapping[int, str],
    answers: Mapping[int, str],
    pass_percent: int | None,
    voided: Collection[int] = frozenset(),
) -> Mark:
    """Mark `answers` (position → choice) by the key. Of several right options (type X) all are due and no other. What
    was not answered is wrong; the percentage is of all questions of the paper, rounded down, so that 59.9 does not pass
    60. `pass_percent` None: it comes after the sitting. The `voided` positions count as right for everybody: a
    mark never falls because a question was broken."""
    right = sum(position in voided or answers.get(position) == choice for position, choice in key.items())
    percent = right * 100 // len(key) if key else 0
    return Mark(right, len(key), percent, None if pass_percent is None else percent >= pass_percent)
