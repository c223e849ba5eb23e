"""Drawing a paper from the bank, freezing it, and marking it. Pure: the same seed gives the same paper for ever."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# The keys that options are shown under.
OPTION_KEYS = "ABCDEFGH"

# Options that speak of other options (以上均不是, A和C, AB) make sense in their own order only.
_REFERS = re.compile(
    r"^(以上|上述|前述|以下)|(均|都|全)(不)?(对|是|正确|错)"
    r"|(?<![A-Za-z])[A-H]\s*[、,，+和与及]\s*[A-H](?![A-Za-z])|^[A-H]{2,}$"
)


@dataclass(frozen=True, slots=True)
class BankQuestion:
    """A question as the bank holds it: `options` as (key, text) in their order, `answer` the key of the right one."""

    id: int
    stem: str
    options: tuple[tuple[str, str], ...]
    answer: str


@dataclass(frozen=True, slots=True)
class FrozenPaper:
    """A paper as it is frozen into an attempt: what may be shown, and, apart from it, the key. `key` maps a position
    (from 1) to the right choice."""

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


def draw(ids: Sequence[int], number: int, seed: int) -> list[int]:
    """`number` of the `ids`, in an order by chance that `seed` fixes; the order of `ids` does not matter.

    Built on `random()` alone, the only part of the module whose sequence Python promises to keep.
    Raises ValueError where there are too few.
    """
    if number > len(ids):
        raise ValueError(f"{number} questions from a bank of {len(ids)}")
    chance = random.Random(seed)  # noqa: S311 - the seed comes from the system's source of secrets
    pool = sorted(ids)
    for place in range(number):
        other = place + int(chance.random() * (len(pool) - place))
        pool[place], pool[other] = pool[other], pool[place]
    return pool[:number]


def freeze(questions: Sequence[BankQuestion], seed: int) -> FrozenPaper:
    """The questions in this order with their options in an order by chance that `seed` fixes, under the keys A, B, C…

    Options that speak of one another stay as they are.
    """
    chance = random.Random(seed)  # noqa: S311
    shown: list[dict[str, object]] = []
    key: dict[int, str] = {}
    for position, question in enumerate(questions, start=1):
        options = list(question.options)
        if not any(_REFERS.search(text) for _, text in options):
            for place in range(len(options) - 1):
                other = place + int(chance.random() * (len(options) - place))
                options[place], options[other] = options[other], options[place]
        shown.append(
            {
                "position": position,
                "stem": question.stem,
                "options": [{"key": new, "text": text} for new, (_, text) in zip(OPTION_KEYS, options, strict=False)],
            }
        )
        old_keys = [old for old, _ in options]
        key[position] = OPTION_KEYS[old_keys.index(question.answer)]
    return FrozenPaper(shown, key)


def mark(key: Mapping[int, str], answers: Mapping[int, str], pass_percent: int | None) -> Mark:
    """Mark `answers` (position → choice) by the key. What was not answered is wrong; the percentage is of all questions
    of the paper, rounded down, so that 59.9 does not pass 60. `pass_percent` None: it comes after the sitting."""
    right = sum(answers.get(position) == choice for position, choice in key.items())
    percent = right * 100 // len(key) if key else 0
    return Mark(right, len(key), percent, None if pass_percent is None else percent >= pass_percent)
