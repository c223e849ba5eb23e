"""The cycle's state machine and its calendar. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from dingkao.clock import china_date
from dingkao.cycles.vocabulary import CycleState as State
from dingkao.plugin.errors import FieldProblem, StateConflict
from dingkao.plugin.state_machine import StateMachine, Transition
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import AssessmentState, RegionLevel, Role

NAME_MAXIMUM = 80


class CycleEvent(StrEnum):
    """What moves a cycle."""

    OPEN = "OPEN"
    CLOSE = "CLOSE"


_AUTHORITY = frozenset({Role.AUTHORITY_OFFICER, Role.SYSTEM})

MACHINE: StateMachine[State, CycleEvent] = StateMachine(
    name="cycle",
    initial=State.PREPARED,
    titles={
        CycleEvent.OPEN: Text("启动考核周期", "open the cycle"),
        CycleEvent.CLOSE: Text("结束考核周期", "close the cycle"),
    },
    transitions=(
        Transition(
            State.PREPARED,
            CycleEvent.OPEN,
            State.RUNNING,
            _AUTHORITY,
            "no running cycle shares doctors and days with it; its policy is pinned",
        ),
        Transition(State.RUNNING, CycleEvent.CLOSE, State.CLOSED, _AUTHORITY, "its time for tests is over"),
    ),
)

# Until the body has its turn, a newly appointed one takes an assessment over (2007 measure, Art. 7 and 8).
BEFORE_THE_BODY = frozenset(
    {AssessmentState.NOT_OPENED, AssessmentState.OPENED, AssessmentState.RETURNED, AssessmentState.SUBMITTED}
)


@dataclass(frozen=True, slots=True)
class Calendar:
    """A cycle's days (both inclusive) and its two windows: instants, the second one exclusive."""

    starts_on: date
    ends_on: date
    enrolment_from: datetime
    enrolment_until: datetime
    tests_from: datetime
    tests_until: datetime


def cycle_problems(name: str, calendar: Calendar) -> list[FieldProblem]:
    """What is wrong with a new cycle, all at once; empty where it fits.

    Enrolment and tests may lie after the cycle's last day: regions assess a period of three years in the months after
    it. They may not lie before its first.
    """
    problems = zone_problems(calendar)
    if problems:
        return problems
    if not name.strip() or len(name) > NAME_MAXIMUM:
        text = Text(f"请填写周期名称，不超过{NAME_MAXIMUM}个字。", f"Give a name of at most {NAME_MAXIMUM} characters.")
        problems.append(FieldProblem("name", "NAME_REQUIRED", text))
    if calendar.starts_on >= calendar.ends_on:
        text = Text("周期结束日期须晚于开始日期。", "A cycle ends after it starts.")
        problems.append(FieldProblem("endsOn", "ENDS_BEFORE_START", text))
    windows = (
        ("enrolmentUntil", calendar.enrolment_from, calendar.enrolment_until),
        ("testsUntil", calendar.tests_from, calendar.tests_until),
    )
    for path, begin, end in windows:
        if begin >= end:
            text = Text("截止时间须晚于开始时间。", "A window ends after it begins.")
            problems.append(FieldProblem(path, "ENDS_BEFORE_START", text))
    if china_date(calendar.enrolment_from) < calendar.starts_on:
        text = Text("报名不能早于周期开始日期。", "Enrolment does not begin before the cycle.")
        problems.append(FieldProblem("enrolmentFrom", "BEFORE_THE_CYCLE", text))
    if calendar.tests_from < calendar.enrolment_from:
        text = Text("测评不能早于报名开始。", "Tests do not begin before enrolment.")
        problems.append(FieldProblem("testsFrom", "BEFORE_ENROLMENT", text))
    return problems


def zone_problems(calendar: Calendar) -> list[FieldProblem]:
    """A moment without an offset could be two moments: each of the four needs one."""
    moments = {
        "enrolmentFrom": calendar.enrolment_from,
        "enrolmentUntil": calendar.enrolment_until,
        "testsFrom": calendar.tests_from,
        "testsUntil": calendar.tests_until,
    }
    text = Text("时间须带时区，例如 2026-06-01T08:00:00+08:00。", "Give the offset, as in 2026-06-01T08:00:00+08:00.")
    return [FieldProblem(path, "OFFSET_REQUIRED", text) for path, at in moments.items() if at.utcoffset() is None]


def require_no_overlap(overlapping: int) -> None:
    """A doctor is in one running cycle at a time. Raises StateConflict where `overlapping` others share doctors and
    days with the one to be opened."""
    if overlapping:
        text = Text(
            "本地区或上下级地区已有时间重叠的考核周期正在进行，请先结束该周期。",
            "A cycle of this region, or of one above or below it, runs in the same days; close that one first.",
        )
        raise StateConflict("CYCLE_OVERLAPS", text, State.PREPARED.value)


def require_tests_over(tests_until: datetime, now: datetime) -> None:
    """What was announced to doctors is kept. Raises StateConflict before the end of the time for tests."""
    if now < tests_until:
        text = Text(
            "测评截止时间未到，不能结束考核周期。", "The time for tests is not over; the cycle stays open until then."
        )
        raise StateConflict("TESTS_NOT_OVER", text, State.RUNNING.value)


def require_appointable(state: State) -> None:
    """Bodies are appointed before and while a cycle runs. Raises StateConflict afterwards."""
    if state is State.CLOSED:
        text = Text("考核周期已结束，不能再委托考核机构。", "The cycle is closed; no body can be appointed any more.")
        raise StateConflict("CYCLE_CLOSED", text, state.value)


def policy_refused(state: State, error: Exception) -> StateConflict:
    """Layers that are good each for itself and do not go together on the way to one place: no cycle pins them."""
    text = Text(
        f"政策不能生效，请联系系统管理员检查插件：{error}",
        f"The policy cannot take effect; have the plugins checked: {error}",
    )
    return StateConflict("POLICY_REFUSED", text, state.value)


@dataclass(frozen=True, slots=True)
class Place:
    """A region on the way from an institution to its province: its level, and the bodies that stand in it."""

    level: RegionLevel
    bodies: tuple[int, ...]


def body_for(upwards: Sequence[Place], routes: Mapping[RegionLevel, RegionLevel]) -> int | None:
    """The body that assesses an institution's doctors by its level: `upwards` are the regions from its own one to the
    province. The nearest body at the level that `routes` names, or above it where there is none; None where no route is
    given, or where a region has several: then people appoint one.
    """
    lowest = routes.get(upwards[0].level) if upwards else None
    if lowest is None:
        return None
    levels = list(RegionLevel)
    for place in upwards:
        if levels.index(place.level) <= levels.index(lowest) and place.bodies:
            return place.bodies[0] if len(place.bodies) == 1 else None
    return None
