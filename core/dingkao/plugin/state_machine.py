"""A state machine as one table: the services, the diagrams in docs/ and the property tests are all made from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from dingkao.plugin.errors import StateConflict
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Transition(Generic[State, Event]):
    """One row: in `source`, `event` by one of `who` leads to `target`; `guard` says in words what else must hold."""

    source: State
    event: Event
    target: State
    who: frozenset[Role]
    guard: str = ""


@dataclass(frozen=True)
class StateMachine(Generic[State, Event]):
    """A machine's table and its questions. `titles` gives each event the words a refusal uses."""

    name: str
    initial: State
    transitions: Sequence[Transition[State, Event]]
    titles: dict[Event, Text] = field(default_factory=dict)

    def find(self, state: State, event: Event) -> Transition[State, Event] | None:
        """The row for `event` in `state`, or None where it does not fit."""
        for transition in self.transitions:
            if transition.source == state and transition.event == event:
                return transition
        return None

    def require(self, state: State, event: Event) -> Transition[State, Event]:
        """The row for `event` in `state`. Raises StateConflict with the code NOT_IN_THIS_STATE."""
        transition = self.find(state, event)
        if transition is None:
            title = self.titles.get(event, Text(event.value, event.value))
            raise StateConflict(
                "NOT_IN_THIS_STATE",
                Text(f"当前状态下不能进行“{title.zh}”。", f"“{title.en}” is not possible in the present state."),
                state.value,
            )
        return transition

    def sources(self, event: Event) -> frozenset[State]:
        """The states in which `event` fits."""
        return frozenset(row.source for row in self.transitions if row.event == event)

    def diagram(self) -> str:
        """The machine as a Mermaid state diagram, rows in the table's order."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial.value}"]
        lines += [f"    {row.source.value} --> {row.target.value}: {row.event.value}" for row in self.transitions]
        left = {row.source for row in self.transitions}
        ends = dict.fromkeys(row.target for row in self.transitions if row.target not in left)
        lines += [f"    {state.value} --> [*]" for state in ends]
        return "\n".join(lines)

    def table(self) -> str:
        """The machine as a Markdown table."""
        lines = ["| from | event | to | who may | guard |", "| --- | --- | --- | --- | --- |"]
        lines += [
            f"| {row.source.value} | {row.event.value} | {row.target.value} "
            f"| {', '.join(sorted(role.value for role in row.who))} | {row.guard} |"
            for row in self.transitions
        ]
        return "\n".join(lines)
