"""Composing a paper (组卷): which questions of the bank a doctor may be asked, and a draw of so many of them; by a
blueprint see `parts_drawing`. Pure: the same seed and the same bank give the same paper for ever."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from dingkao.plugin.blueprints import BlueprintPart, Share
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Difficulty, QuestionCategory, QuestionType

_COMMON_CATEGORIES = (None, QuestionCategory.MEDICAL_HUMANITIES.value)


@dataclass(frozen=True, slots=True)
class Entry:
    """A question in use, as far as choosing needs it. The values are those of the vocabulary."""

    id: int
    type: str
    category: str | None
    specialty: str
    topic: str
    difficulty: str | None
    group: str
    group_position: int


@dataclass(frozen=True, slots=True)
class Unit:
    """What is drawn as one: a question, or a group in its order. `first` describes it."""

    first: Entry
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shortage:
    """A part that the bank cannot fill: how many questions are wanted, and how many could be had."""

    part: BlueprintPart
    wanted: int
    found: int

    @property
    def text(self) -> Text:
        """In words, with everything that the part asks for."""
        zh, en = _describe(self.part)
        return Text(
            f"{zh}：需{self.wanted}题，题库可用{self.found}题，缺{self.wanted - self.found}题。",
            f"{en}: {self.wanted} wanted, {self.found} in the bank, {self.wanted - self.found} missing.",
        )


def units_for(entries: Sequence[Entry], category: str, scope: str) -> list[Unit]:
    """What a doctor of this category and scope may be asked, in the order of their ids: the questions of every
    category and of the doctor's own, of no specialty and of the doctor's own. A group is asked whole or not at all."""

    def concerns(entry: Entry) -> bool:
        return (entry.category in _COMMON_CATEGORIES or entry.category == category) and entry.specialty in ("", scope)

    units = [Unit(entry, (entry.id,)) for entry in entries if not entry.group and concerns(entry)]
    grouped = sorted((entry for entry in entries if entry.group), key=lambda e: (e.group, e.group_position, e.id))
    for _, members in groupby(grouped, key=lambda entry: entry.group):
        together = list(members)
        if all(concerns(entry) for entry in together):
            units.append(Unit(together[0], tuple(entry.id for entry in together)))
    return sorted(units, key=lambda unit: unit.ids[0])


def shuffled(number: int, seed: int) -> Iterator[int]:
    """0 to `number`-1 in an order by chance that `seed` fixes, made as far as it is asked for.

    Built on `random()` alone, the only part of the module whose sequence Python promises to keep.
    """
    chance = random.Random(seed)  # noqa: S311 - the seed comes from the system's source of secrets
    pool = list(range(number))
    for place in range(number):
        other = place + int(chance.random() * (number - place))
        pool[place], pool[other] = pool[other], pool[place]
        yield pool[place]


def draw_units(units: Sequence[Unit], number: int, seed: int) -> list[Unit] | int:
    """Units of `number` questions together, by chance; or how many questions could be had at most."""
    reached = [1]  # bit n of reached[k]: n questions can be had from the first k units
    order: list[Unit] = []
    limit = (1 << (number + 1)) - 1
    for place in shuffled(len(units), seed):
        order.append(units[place])
        reached.append((reached[-1] | reached[-1] << len(units[place].ids)) & limit)
        if reached[-1] >> number & 1:
            break
    if not reached[-1] >> number & 1:
        return reached[-1].bit_length() - 1
    chosen = []
    left = number
    for place in range(len(order), 0, -1):
        size = len(order[place - 1].ids)
        # A unit stays out only where it must: what was drawn first is asked first.
        if left >= size and reached[place - 1] >> (left - size) & 1:
            chosen.append(order[place - 1])
            left -= size
    return chosen[::-1]


_SHARES = {Share.COMMON: ("公共", "common"), Share.SPECIALTY: ("本专业", "of the specialty")}
_DIFFICULTIES = {
    Difficulty.EASY: ("易", "easy"),
    Difficulty.MEDIUM: ("中等难度", "medium"),
    Difficulty.HARD: ("难", "hard"),
}


def _describe(part: BlueprintPart) -> tuple[str, str]:
    zh, en = [], []
    if part.share:
        zh.append(_SHARES[part.share][0])
        en.append(_SHARES[part.share][1])
    if part.types:
        names = "、".join("判断" if kind is QuestionType.TRUE_FALSE else f"{kind.value}型" for kind in part.types)
        zh.append(names)
        en.append("type " + ", ".join(kind.value for kind in part.types))
    if part.topic:
        zh.append(f"“{part.topic}”")
        en.append(f"topic {part.topic}")
    if part.difficulty:
        zh.append(_DIFFICULTIES[part.difficulty][0])
        en.append(_DIFFICULTIES[part.difficulty][1])
    return "，".join(zh) or "任意试题", ", ".join(en) or "any question"
