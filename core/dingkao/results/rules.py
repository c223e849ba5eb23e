"""The machines of a result and of its certificate, and what may be printed when. Pure."""

from enum import StrEnum

from dingkao.plugin.state_machine import StateMachine, Transition
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role
from dingkao.results.tables import ResultState as State


class ResultEvent(StrEnum):
    """What moves a result."""

    CONCLUDE = "CONCLUDE"
    FILE = "FILE"
    NOTIFY = "NOTIFY"
    REQUEST_REEXAMINATION = "REQUEST_REEXAMINATION"
    UPHOLD = "UPHOLD"
    CHANGE = "CHANGE"
    FINALISE = "FINALISE"
    ANNUL = "ANNUL"


_DOCTOR = frozenset({Role.DOCTOR})
_BODY = frozenset({Role.BODY_REVIEWER})

RESULT_MACHINE: StateMachine[State, ResultEvent] = StateMachine(
    name="result",
    initial=State.CONCLUDED,
    titles={ResultEvent.FILE: Text("备案", "file")},
    transitions=(
        Transition(State.CONCLUDED, ResultEvent.FILE, State.FILED, _BODY),
        Transition(State.FILED, ResultEvent.NOTIFY, State.NOTIFIED, _BODY),
    ),
)
