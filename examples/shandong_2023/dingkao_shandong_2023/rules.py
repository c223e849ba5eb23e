"""The spot check's machine, who is drawn, and what a check holds back. Pure."""

import random
from collections.abc import Sequence
from enum import StrEnum

from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.requirements import Step
from dingkao.plugin.state_machine import StateMachine, Transition
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import AssessmentState, Role
from dingkao_shandong_2023.policy import SpotCheckPolicy


class Shandong2023SpotCheckState(StrEnum):
    """抽查状态"""

    SPARED = "SPARED"
    OPEN = "OPEN"
    CONFIRMED = "CONFIRMED"
    NOT_CONFIRMED = "NOT_CONFIRMED"


State = Shandong2023SpotCheckState


class Event(StrEnum):
    """What moves a spot check."""

    ORDER = "ORDER"
    CONFIRM = "CONFIRM"
    NOT_CONFIRM = "NOT_CONFIRM"


_BODY = frozenset({Role.BODY_REVIEWER})
_AUTHORITY = frozenset({Role.AUTHORITY_OFFICER})

# A draw puts an assessment into SPARED or OPEN; an order of the authority makes one OPEN where none was drawn yet.
MACHINE: StateMachine[State, Event] = StateMachine(
    name="shandong_2023_spot_check",
    initial=State.OPEN,
    titles={
        Event.ORDER: Text("责令核查", "order a check"),
        Event.CONFIRM: Text("核查属实", "confirm"),
        Event.NOT_CONFIRM: Text("核查不属实", "not confirm"),
    },
    transitions=(
        Transition(State.SPARED, Event.ORDER, State.OPEN, _AUTHORITY, "with a reason"),
        Transition(State.OPEN, Event.CONFIRM, State.CONFIRMED, _BODY, "of the submission that was checked"),
        Transition(State.OPEN, Event.NOT_CONFIRM, State.NOT_CONFIRMED, _BODY, "with the finding"),
    ),
)

# While an assessment is in one of these, the authority may order a check of it.
ORDERABLE = frozenset({AssessmentState.INSTITUTION_APPROVED, AssessmentState.BODY_APPROVED, AssessmentState.TESTING})

_NOT_DRAWN = Reason(
    "SPOT_CHECK_NOT_DRAWN",
    Text(
        "所在机构的简易程序医师尚未抽查，请先抽取核查对象。",
        "No spot check was drawn of this submission yet; draw first.",
    ),
)
_OPEN = Reason("SPOT_CHECK_OPEN", Text("抽查核查尚未完成。", "The spot check has not been answered yet."))
_NOT_CONFIRMED = Reason(
    "SPOT_CHECK_NOT_CONFIRMED",
    Text("抽查核查不属实，请退回医师或者医疗卫生机构。", "The spot check did not confirm it; return it instead."),
)


def is_drawn_from(facts: AssessmentFacts, rule: SpotCheckPolicy) -> bool:
    """Whether the assessment belongs to those whose material is checked by share before the body approves."""
    return rule.spot_check_percent > 0 and facts.procedure in rule.spot_check_procedures


def number_to_draw(pool: int, rule: SpotCheckPolicy) -> int:
    """How many of `pool` are drawn: the share, rounded up, and never below the minimum."""
    share = -(-pool * rule.spot_check_percent // 100)
    return min(pool, max(share, rule.spot_check_minimum))


def draw(assessments: Sequence[int], number: int, seed: int) -> frozenset[int]:
    """`number` of the assessments, by a chance that `seed` fixes: anybody can repeat the draw from its record.

    Built on `random()` alone, the only part of the module whose sequence Python promises to keep.
    """
    chance = random.Random(seed)  # noqa: S311 - the seed comes from the system's source of secrets
    pool = sorted(assessments)
    for place in range(number):
        other = place + int(chance.random() * (len(pool) - place))
        pool[place], pool[other] = pool[other], pool[place]
    return frozenset(pool[:number])


def against(step: Step, facts: AssessmentFacts, rule: SpotCheckPolicy, check: State | None) -> Sequence[Reason]:
    """The reasons why the assessment may not take `step`; `check` is the state of its present submission's check.

    An open check holds back both steps. One that was not confirmed holds back the approval alone: what to do about a
    doctor who is approved already is the authority's to decide, by its own means.
    """
    if check is State.OPEN:
        return [_OPEN]
    if step is not Step.BODY_APPROVAL:
        return []
    if check is State.NOT_CONFIRMED:
        return [_NOT_CONFIRMED]
    return [_NOT_DRAWN] if check is None and is_drawn_from(facts, rule) else []
