"""Drawing the parts of a blueprint (命题蓝图): which questions and groups fill them all. Pure.

Whether parts that may ask the same questions can all be filled is no matter of luck: single questions are matched by
augmenting paths, groups by working out every way of filling the parts that want groups in common. A shortage is told
where no choice would fill the parts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from dingkao.papers.composition import Entry, Shortage, Unit, shuffled
from dingkao.plugin.blueprints import BlueprintPart, Share

# Ways of filling the parts of one component that are worked out together: the product of their numbers, each plus one.
# Two parts of 250 questions are 63,001, five of 8 are 59,049; a draw then takes a few milliseconds.
MOST_STATES = 1 << 16


class Kind(NamedTuple):
    """What a part of a blueprint looks at in a question, or in the first of a group."""

    grouped: bool
    type: str
    common: bool
    topic: str
    difficulty: str | None


@dataclass(frozen=True, slots=True)
class Pool:
    """What is drawn from, in the order of the ids; `kinds` holds it by what parts look at, so that a draw looks at a
    few hundred kinds and not at fifty thousand questions."""

    units: Sequence[Unit]
    kinds: dict[Kind, list[Unit]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for unit in self.units:
            self.kinds.setdefault(_kind(unit.first), []).append(unit)


def _kind(first: Entry) -> Kind:
    return Kind(bool(first.group), first.type, first.specialty == "", first.topic, first.difficulty)


def _fits(part: BlueprintPart, kind: Kind) -> bool:
    """Whether a part may ask what is of this kind, where both are of groups or both of single questions."""
    return (
        (not part.types or kind.type in part.types)
        and (part.share is None or kind.common == (part.share is Share.COMMON))
        and (not part.topic or kind.topic == part.topic)
        and (part.difficulty is None or kind.difficulty == part.difficulty.value)
    )


def draw_parts(pool: Pool, parts: Sequence[BlueprintPart], seed: int) -> list[Unit] | list[Shortage]:
    """Units for each part in the parts' order, none twice; or every part that cannot be filled, with what it could have
    beside the others. (Beyond `MOST_STATES` the narrowest parts are filled first, each for itself, and a shortage is
    told where another choice might do.)"""
    drawn: dict[int, list[Unit]] = {}
    short = {**_draw_groups(pool, parts, seed, drawn), **_match_singles(pool, parts, seed, drawn)}
    if short:
        return [Shortage(parts[place], parts[place].questions, short[place]) for place in sorted(short)]
    return [unit for place in sorted(drawn) for unit in drawn[place]]


def _by_chance(units: Sequence[Unit], seed: int) -> Iterator[Unit]:
    return (units[index] for index in shuffled(len(units), seed))


def _match_singles(
    pool: Pool, parts: Sequence[BlueprintPart], seed: int, drawn: dict[int, list[Unit]]
) -> dict[int, int]:
    """Give single questions to the parts that want them (into `drawn`), by augmenting paths: where a part took what
    only another could have done without, it gives it back. What was found for those that stay short, by place."""
    wanted = [place for place, part in enumerate(parts) if not part.grouped]
    coming: dict[int, Iterator[Unit]] = {}
    for place in wanted:
        fitting = [units for kind, units in pool.kinds.items() if not kind.grouped and _fits(parts[place], kind)]
        coming[place] = _by_chance([unit for units in fitting for unit in units], seed + place + 1)
    looked_at: dict[int, list[Unit]] = {place: [] for place in wanted}
    holder: dict[int, int] = {}
    kept: dict[int, list[Unit]] = {place: [] for place in wanted}

    def take(place: int, seen: set[int]) -> bool:
        """One more question for a part: a free one, or one that another part can replace."""
        for unit in coming[place]:
            looked_at[place].append(unit)
            if unit.ids[0] not in holder:
                holder[unit.ids[0]] = place
                kept[place].append(unit)
                return True
        for unit in looked_at[place]:
            other = holder[unit.ids[0]]
            if other in seen:
                continue
            seen.add(other)
            if take(other, seen):
                kept[other].remove(unit)
                holder[unit.ids[0]] = place
                kept[place].append(unit)
                return True
        return False

    short = {}
    for place in wanted:
        while len(kept[place]) < parts[place].questions and take(place, {place}):
            pass
        if len(kept[place]) < parts[place].questions:
            short[place] = len(kept[place])
    drawn.update(kept)
    return short


class _Group(NamedTuple):
    """A group, and the parts that may ask it, as bits of their places."""

    unit: Unit
    parts: int


def _draw_groups(pool: Pool, parts: Sequence[BlueprintPart], seed: int, drawn: dict[int, list[Unit]]) -> dict[int, int]:
    """Give groups to the parts that want them (into `drawn`); what was found for those that stay short, by place."""
    wanted = [place for place, part in enumerate(parts) if part.grouped]
    groups: list[_Group] = []
    number = dict.fromkeys(wanted, 0)
    for kind, units in pool.kinds.items():
        fitting = [place for place in wanted if kind.grouped and _fits(parts[place], kind)]
        mask = sum(1 << place for place in fitting)
        if mask:
            groups += [_Group(unit, mask) for unit in units]
        for place in fitting:
            number[place] += len(units)
    short: dict[int, int] = {}
    for component in _components(wanted, groups):
        # Narrowest first: where not all can be filled, it is the broad part that stays short.
        places = sorted(component, key=lambda place: (number[place], place))
        bits = sum(1 << place for place in places)
        own = [group for group in groups if group.parts & bits]
        order = [own[index] for index in shuffled(len(own), seed + min(places) + 1)]
        while _states(places, parts) > MOST_STATES and len(places) > 1:
            # What fewest others may ask goes to the narrowest part.
            sparing = sorted(order, key=lambda group: group.parts.bit_count())
            short |= _fill(places[:1], parts, sparing, drawn)
            taken = {unit.ids[0] for unit in drawn.get(places[0], ())}
            order = [group for group in order if group.unit.ids[0] not in taken]
            places = places[1:]
        short |= _fill(places, parts, order, drawn)
    return short


def _components(wanted: Sequence[int], groups: Sequence[_Group]) -> list[list[int]]:
    """The parts, those together that may ask a group in common, also by way of others."""
    together = [1 << place for place in wanted]
    for mask in sorted({group.parts for group in groups}):
        joined = mask
        apart = []
        for component in together:
            if component & mask:
                joined |= component
            else:
                apart.append(component)
        together = [*apart, joined]
    return [[place for place in wanted if component >> place & 1] for component in together]


def _states(places: Sequence[int], parts: Sequence[BlueprintPart]) -> int:
    product = 1
    for place in places:
        product *= parts[place].questions + 1
    return product


class _Digit(NamedTuple):
    """A part in the number that says how far each part is filled: its place's bit, what one question weighs in it, and
    how many questions it takes."""

    bit: int
    weight: int
    questions: int


def _fill(
    places: Sequence[int], parts: Sequence[BlueprintPart], order: Sequence[_Group], drawn: dict[int, list[Unit]]
) -> dict[int, int]:
    """Fill parts together with groups that come first in `order` (into `drawn`): bit n of `reached[-1]` says that the
    parts can be filled as far as n says, a number with a digit for each part, the first part's the highest. What was
    found for parts that stay short, by place: the most for the first part, then for the second, and so on."""
    digits: list[_Digit] = []
    states = _states(places, parts)
    weight = states
    for place in places:
        weight //= parts[place].questions + 1
        digits.append(_Digit(1 << place, weight, parts[place].questions))
    room: dict[tuple[int, int], int] = {}
    used: dict[tuple[int, int], int] = {}
    relevant = sum(digit.bit for digit in digits)
    reached, steps = [1], list[tuple[Unit, list[_Digit]]]()
    for unit, mask in order:
        size = len(unit.ids)
        fitting = [digit for digit in digits if digit.bit & mask and size <= digit.questions]
        # Of groups that are alike no more are looked at than could be asked.
        alike = (mask & relevant, size)
        used[alike] = used.get(alike, 0) + 1
        if used[alike] > sum(digit.questions // size for digit in fitting):
            continue
        before = after = reached[-1]
        for digit in fitting:
            if (digit.weight, size) not in room:
                room[digit.weight, size] = _room(digit, size, states)
            after |= (before & room[digit.weight, size]) << size * digit.weight
        reached.append(after)
        steps.append((unit, fitting))
        if after.bit_length() == states:
            break
    state = reached[-1].bit_length() - 1
    short = {
        place: filled
        for place, digit in zip(places, digits, strict=True)
        if (filled := state // digit.weight % (digit.questions + 1)) < digit.questions
    }
    for place in places:
        drawn[place] = []
    for step in range(len(steps), 0, -1):
        unit, fitting = steps[step - 1]
        # A unit stays out only where it must: what was drawn first is asked first.
        for digit in fitting:
            rest = state - len(unit.ids) * digit.weight
            filled = state // digit.weight % (digit.questions + 1)
            if filled >= len(unit.ids) and reached[step - 1] >> rest & 1:
                drawn[places[digits.index(digit)]].insert(0, unit)
                state = rest
                break
    return short


def _room(digit: _Digit, size: int, states: int) -> int:
    """The numbers in which a part has room for so many more questions, as bits."""
    period = digit.weight * (digit.questions + 1)
    bits = (1 << digit.weight * (digit.questions + 1 - size)) - 1
    while period < states:
        bits |= bits << period
        period *= 2
    return bits & ((1 << states) - 1)
