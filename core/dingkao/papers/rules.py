"""The paper's state machine, and what follows from the papers of an assessment. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.errors import StateConflict
from dingkao.plugin.state_machine import StateMachine, Transition
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import AssessmentState, PaperSubject, Role, Verdict
from dingkao.plugin.vocabulary import PaperState as State


class Event(StrEnum):
    """What moves a paper."""

    OPEN = "OPEN"
    WAIVE = "WAIVE"
    START = "START"
    SUBMIT = "SUBMIT"
    PASS = "PASS"  # noqa: S105 - the word of the machine, no password
    RETRY = "RETRY"
    FAIL = "FAIL"
    AWAIT_CUTOFF = "AWAIT_CUTOFF"
    MISS = "MISS"
    LAPSE = "LAPSE"
    VOID = "VOID"
    GIVE_UP = "GIVE_UP"
    GIVE_BACK = "GIVE_BACK"
    REOPEN = "REOPEN"
    LOCK = "LOCK"
    RESTORE = "RESTORE"
    RAISE = "RAISE"
    EXCUSE = "EXCUSE"


TITLES: dict[Event, Text] = {
    Event.OPEN: Text("开放试卷", "open the paper"),
    Event.WAIVE: Text("免考", "waive the paper"),
    Event.START: Text("开始作答", "start the paper"),
    Event.SUBMIT: Text("交卷", "submit the paper"),
    Event.PASS: Text("判定合格", "pass the paper"),
    Event.RETRY: Text("重新作答", "try the paper again"),
    Event.FAIL: Text("判定不合格", "fail the paper"),
    Event.AWAIT_CUTOFF: Text("等待划定合格线", "wait for the pass mark"),
    Event.MISS: Text("登记缺考", "record the absence"),
    Event.LAPSE: Text("期满未合格", "fail the paper when its time ended with attempts left"),
    Event.VOID: Text("试卷作废", "void the paper"),
    Event.GIVE_UP: Text("登记弃考", "record that the paper was abandoned"),
    Event.GIVE_BACK: Text("弃考后重新开放试卷", "open the paper again after it was abandoned"),
    Event.REOPEN: Text("恢复作答", "let the attempt go on"),
    Event.LOCK: Text("锁定后一试卷", "lock the paper after it again"),
    Event.RESTORE: Text("作废后重新开放试卷", "open the paper again after it was voided"),
    Event.EXCUSE: Text("准予补考", "give a make-up"),
    Event.RAISE: Text("试题作废后改判合格", "pass the paper after a question was voided"),
}

_DOCTOR = frozenset({Role.DOCTOR})
_BODY = frozenset({Role.BODY_REVIEWER})
_CORE = frozenset({Role.DOCTOR, Role.BODY_REVIEWER, Role.AUTHORITY_OFFICER, Role.SYSTEM})
_MARKING = frozenset({Role.DOCTOR, Role.SYSTEM})
_TIME = frozenset({Role.SYSTEM})
_AUTHORITY = frozenset({Role.AUTHORITY_OFFICER, Role.SYSTEM})

_INVIGILATING = frozenset({Role.BODY_REVIEWER, Role.INVIGILATOR, Role.AUTHORITY_OFFICER})
_DECIDING = frozenset({Role.BODY_REVIEWER, Role.AUTHORITY_OFFICER})
_REOPENED = (State.FAILED, State.AVAILABLE, State.PENDING_CUTOFF, State.SUBMITTED)
_VOIDED = (State.IN_PROGRESS, State.SUBMITTED, State.PASSED, State.FAILED, State.AVAILABLE, State.PENDING_CUTOFF)

MACHINE: StateMachine[State, Event] = StateMachine(
    name="paper",
    initial=State.LOCKED,
    titles=TITLES,
    transitions=(
        Transition(State.LOCKED, Event.OPEN, State.AVAILABLE, _CORE, "the papers before it are passed or waived"),
        Transition(State.LOCKED, Event.WAIVE, State.EXEMPT, _BODY, "an exemption was granted"),
        Transition(State.AVAILABLE, Event.WAIVE, State.EXEMPT, _BODY, "an exemption was granted"),
        Transition(State.AVAILABLE, Event.START, State.IN_PROGRESS, _DOCTOR, "in the window, with an attempt left"),
        Transition(State.IN_PROGRESS, Event.SUBMIT, State.SUBMITTED, _MARKING, "by the doctor, or when time is up"),
        Transition(
            State.IN_PROGRESS, Event.GIVE_UP, State.FAILED, _TIME, "not submitted in time, with no attempt left"
        ),
        Transition(State.IN_PROGRESS, Event.GIVE_BACK, State.AVAILABLE, _TIME, "not submitted in time, one left"),
        Transition(State.SUBMITTED, Event.PASS, State.PASSED, _MARKING, "the mark reaches the pass mark"),
        Transition(State.SUBMITTED, Event.RETRY, State.AVAILABLE, _MARKING, "failed, with an attempt left"),
        Transition(State.SUBMITTED, Event.FAIL, State.FAILED, _MARKING, "failed, with no attempt left"),
        Transition(State.SUBMITTED, Event.AWAIT_CUTOFF, State.PENDING_CUTOFF, _MARKING, "the pass mark comes later"),
        Transition(State.PENDING_CUTOFF, Event.PASS, State.PASSED, _AUTHORITY, "the mark reaches the pass mark"),
        Transition(State.PENDING_CUTOFF, Event.FAIL, State.FAILED, _AUTHORITY, "the mark is below the pass mark"),
        Transition(State.LOCKED, Event.MISS, State.ABSENT, _TIME, "its time is over and it was not begun"),
        Transition(State.AVAILABLE, Event.MISS, State.ABSENT, _TIME, "its time is over and it was not begun"),
        Transition(State.AVAILABLE, Event.LAPSE, State.FAILED, _TIME, "its time is over, begun and not passed"),
        Transition(State.LOCKED, Event.LAPSE, State.FAILED, _TIME, "its time is over, begun and not passed"),
        Transition(State.ABSENT, Event.EXCUSE, State.LOCKED, _INVIGILATING, "missed with a good reason; a make-up"),
        Transition(State.FAILED, Event.EXCUSE, State.LOCKED, _INVIGILATING, "its time ended with attempts left"),
        *(
            Transition(state, Event.REOPEN, State.IN_PROGRESS, _INVIGILATING, "time was up; extra time, with a reason")
            for state in _REOPENED
        ),
        Transition(State.AVAILABLE, Event.LOCK, State.LOCKED, _INVIGILATING, "the paper before it is open again"),
        *(Transition(state, Event.VOID, State.VOIDED, _DECIDING, "by two people, with a reason") for state in _VOIDED),
        Transition(State.VOIDED, Event.RESTORE, State.AVAILABLE, _DECIDING, "another attempt is given"),
        Transition(State.VOIDED, Event.FAIL, State.FAILED, _DECIDING, "the paper counts as failed"),
        Transition(State.FAILED, Event.RAISE, State.PASSED, _AUTHORITY, "a question was voided"),
        Transition(State.AVAILABLE, Event.RAISE, State.PASSED, _AUTHORITY, "a question was voided"),
    ),
)

# A paper that is done counts as passed for the ones after it and for the result.
DONE = frozenset({State.PASSED, State.EXEMPT})
# A paper that waits for its pass mark lets the next one open: all are sat before the mark is fixed.
SAT = DONE | {State.PENDING_CUTOFF}
# The states of an assessment in which papers may be sat (manual 2.2.5: after both reviews).
TESTABLE = frozenset({AssessmentState.BODY_APPROVED, AssessmentState.TESTING})
# The states in which an exemption may take effect (manual 2.2.4: after enrolment; design: Exemption).
WAIVABLE = TESTABLE | {AssessmentState.SUBMITTED, AssessmentState.INSTITUTION_APPROVED, AssessmentState.RETURNED}

SUBJECT_TITLES: dict[PaperSubject, Text] = {
    PaperSubject.HUMANITIES: Text("医学人文测评", "medical humanities"),
    PaperSubject.PROFESSIONAL: Text("业务水平测评", "professional knowledge"),
}


def next_to_open(states: Sequence[State]) -> int | None:
    """The index of the paper that opens now, given the states in the papers' order: the first that is not done, where
    it is still locked. None where there is nothing to open.

    Manual 2.2.5: 医学人文测评试卷合格后才可以进行业务水平测评. Where the pass mark comes after the sitting, having sat
    the paper is enough.
    """
    for index, state in enumerate(states):
        if state not in SAT:
            return index if state is State.LOCKED else None
    return None


@dataclass(frozen=True, slots=True)
class SittingTime:
    """What decides what the end of the time makes of a paper: its state, the attempts begun (those that were made void
    may be left out: they count for nothing), and until when it may be begun."""

    state: State
    attempts: int
    until: datetime


def ended(papers: Sequence[SittingTime], now: datetime) -> dict[int, Event]:
    """What becomes at `now` of an assessment's papers that nobody can begin any more, by index: LAPSE of one that was
    begun and not passed, whatever attempts are left (the best of those made stands); MISS of those that were never
    begun and are not waived.

    Nothing while another one is being sat or marked: what comes of it is not known, and the invigilator who gave it
    extra time may have to give some to the next one too. Nothing is missed behind a paper that is failed: it could not
    be begun (manual 2.2.5).
    """
    states = {paper.state for paper in papers}
    if State.IN_PROGRESS in states or State.SUBMITTED in states:
        return {}
    over = [
        index
        for index, paper in enumerate(papers)
        if paper.state in (State.LOCKED, State.AVAILABLE) and now >= paper.until
    ]
    lapsed = [index for index in over if papers[index].attempts]
    if lapsed:
        return dict.fromkeys(lapsed, Event.LAPSE)
    return {} if State.FAILED in states else dict.fromkeys(over, Event.MISS)


def conclusion(states: Sequence[State], *, unexcused: bool = False) -> Verdict | None:
    """What the papers say of the assessment: QUALIFIED where all are done (also where there is none), UNQUALIFIED where
    one is FAILED (while a paper can be tried again it never is) or was missed without a good reason (`unexcused`), None
    while it is open.

    Manual 2.2.5: 任何一张试卷不合格，本次考核结果即为不合格; 2007 measure, Art. 27 (absence). Papers that were missed
    and VOIDED ones wait for a decision of people, PENDING_CUTOFF for the authority's pass mark.
    """
    if State.FAILED in states or (unexcused and State.ABSENT in states):
        return Verdict.UNQUALIFIED
    if all(state in DONE for state in states):
        return Verdict.QUALIFIED
    return None


def attempts_left(allowed: int | None, used: int) -> int | None:
    """How many attempts may still be begun; None: as many as it takes."""
    return None if allowed is None else max(0, allowed - used)


def outcome(passed: bool | None, allowed: int | None, used: int) -> Event:
    """The event that a marked attempt brings: PASS, RETRY where an attempt is left, or FAIL; AWAIT_CUTOFF where nobody
    knows yet (`passed` None), whatever attempts are left."""
    if passed is None:
        return Event.AWAIT_CUTOFF
    if passed:
        return Event.PASS
    return Event.FAIL if attempts_left(allowed, used) == 0 else Event.RETRY


@dataclass(frozen=True, slots=True)
class Window:
    """When papers may be begun: `opens` is the first instant, `closes` the first one after the end. UTC."""

    opens: datetime
    closes: datetime

    def deadline(self, start: datetime, minutes: int) -> datetime:
        """When an attempt begun at `start` ends: after its minutes, or with the window if that comes first."""
        return min(start + timedelta(minutes=minutes), self.closes)


def require_startable(
    assessment: AssessmentState, paper: State, allowed: int | None, used: int, window: Window, now: datetime
) -> None:
    """Check that the paper may be begun at `now`. Raises StateConflict with a code that says why not: TESTS_NOT_OPEN,
    TESTS_NOT_BEGUN, TESTS_OVER, PAPER_LOCKED, NO_ATTEMPT_LEFT, NOT_IN_THIS_STATE."""
    if assessment not in TESTABLE:
        text = Text("审核及复核合格后、考核结束前方可参加测评。", "Tests are open between approval and result.")
        raise StateConflict("TESTS_NOT_OPEN", text, assessment.value)
    if now < window.opens:
        raise StateConflict("TESTS_NOT_BEGUN", Text("测评尚未开始。", "The tests have not begun yet."), paper.value)
    if now >= window.closes:
        raise StateConflict("TESTS_OVER", Text("测评时间已结束。", "The time for tests is over."), paper.value)
    if paper is State.LOCKED:
        text = Text("请先完成前一张试卷，合格后方可作答本试卷。", "Pass the paper before this one first.")
        raise StateConflict("PAPER_LOCKED", text, paper.value)
    MACHINE.require(paper, Event.START)
    if attempts_left(allowed, used) == 0:
        raise StateConflict("NO_ATTEMPT_LEFT", Text("答题次数已用完。", "No attempt is left."), paper.value)


def decided(attempt: AttemptState, passed: bool | None, paper: State) -> bool | None:
    """Whether an attempt passed, as it is shown: what was marked, or, where the pass mark came after the sitting, what
    became of the paper. None while nobody knows."""
    if passed is not None or attempt is not AttemptState.MARKED:
        return None if passed is None else bool(passed)
    return {State.PASSED: True, State.FAILED: False}.get(paper)


def require_tests_over(tests_until: datetime, now: datetime) -> None:
    """Check that nobody may begin a test of the cycle any more. Raises StateConflict (TESTS_NOT_OVER)."""
    if now < tests_until:
        text = Text("测评时间未结束，不能划定合格线。", "The time for tests is not over; fix the pass mark after it.")
        raise StateConflict("TESTS_NOT_OVER", text, "TESTING")


def require_pass_mark_settable(
    *, tests_until: datetime, now: datetime, fixed: int | None, running: int, pending: int
) -> None:
    """Check that a subject's pass mark may be fixed: once, when nobody can sit any more, and papers wait for it.
    Raises StateConflict: PASS_MARK_SET, TESTS_NOT_OVER, ATTEMPTS_RUNNING, NOTHING_PENDING."""
    if fixed is not None:
        text = Text(f"合格线已划定为{fixed}%，不能更改。", f"The pass mark is fixed at {fixed}%; it is not changed.")
        raise StateConflict("PASS_MARK_SET", text, "PASS_MARK_SET")
    require_tests_over(tests_until, now)
    if running:
        text = Text(f"尚有{running}份答卷未交卷，请稍后再试。", f"{running} papers are being sat; wait for their end.")
        raise StateConflict("ATTEMPTS_RUNNING", text, "TESTING")
    if not pending:
        text = Text("没有待划定合格线的试卷。", "No paper waits for a pass mark.")
        raise StateConflict("NOTHING_PENDING", text, "NOTHING_PENDING")


def wrong_with_plans(plans: object) -> str | None:
    """Why the papers that a procedure plans cannot all be reached, as the end of a sentence; None where they can. Each
    opens when the one before it is passed or waived, and a subject stands once on an assessment."""
    if isinstance(plans, str) or not isinstance(plans, Sequence):
        return f"gives as papers a {type(plans).__name__}, where a list of PaperPlan is due"
    seen: set[PaperSubject] = set()
    for place, plan in enumerate(plans, start=1):
        if not isinstance(plan, PaperPlan) or not isinstance(plan.subject, PaperSubject):
            return f"gives as paper {place} what is no PaperPlan of a PaperSubject"
        if plan.subject in seen:
            return (
                f"plans the paper {plan.subject.value} twice: the second can never be reached; plan each subject once"
            )
        seen.add(plan.subject)
        if plan.attempts is not None and (not isinstance(plan.attempts, int) or plan.attempts < 1):
            return (
                f"plans the paper {plan.subject.value} with {plan.attempts} attempts: it can never be sat; give at "
                "least 1, or None for as many as it takes"
            )
    return None
