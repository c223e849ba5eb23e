"""What a client may offer on an assessment, with the reasons where not: made from the state machine's table. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from dingkao.access.rules import OWN_ASSESSMENT, acting_grant, grant_on
from dingkao.assessments.records import AssessmentRecord
from dingkao.assessments.rules import (
    EDITABLE,
    INSTITUTION_HAS_ACTED,
    MACHINE,
    TITLES,
    Event,
    institution_has_acted,
)
from dingkao.cycles.vocabulary import CycleState
from dingkao.plugin.caller import Caller
from dingkao.plugin.contributions import ActionRule
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.policy import Policy
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import AssessmentState, PaperState, Role

EDIT = Text("我要报名", "fill in the registration")
START_ATTEMPT = Text("参加测评", "sit a test")

# Shown to the roles that may do them; what follows from another act is nobody's button.
CONSEQUENCES = frozenset({Event.CONCLUDE, Event.START_TESTING, Event.REOPEN})
_OFFERED = tuple(event for event in Event if event not in CONSEQUENCES)


@dataclass(frozen=True, slots=True)
class OfferedAction:
    """An action with the reasons against it; empty: allowed."""

    code: str
    title: Text
    reasons: tuple[Reason, ...]


def actions_for(
    caller: Caller,
    record: AssessmentRecord,
    facts: AssessmentFacts,
    policy: Policy,
    plugin_actions: Sequence[ActionRule],
    *,
    now: datetime,
    incomplete: bool,
    required: Mapping[Event, Sequence[Reason]] = MappingProxyType({}),
) -> list[OfferedAction]:
    """The actions of the asking account's roles on this assessment; for the doctor the plugins' after the core's.
    `required` are the plugins' unmet requirements, by the event that waits for them."""
    offered = []
    for event in _OFFERED:
        roles = {role for row in MACHINE.transitions if row.event == event for role in row.who}
        if grant_on(caller, record, *roles) is not None:
            own = acting_grant(caller, record, *roles) is None
            reasons: Sequence[Reason] = [OWN_ASSESSMENT] if own else _against(event, record, now, incomplete)
            reasons = reasons or required.get(event, ())
            offered.append(OfferedAction(event.value, TITLES[event], tuple(reasons)))
    if grant_on(caller, record, Role.DOCTOR) is not None:
        offered.insert(
            0, OfferedAction("EDIT_REGISTRATION", EDIT, tuple(_state_reason(record, record.state in EDITABLE)))
        )
        offered.append(OfferedAction("START_ATTEMPT", START_ATTEMPT, tuple(_against_test(record, facts, now))))
        offered += [OfferedAction(rule.code, rule.title, tuple(rule.against(facts, policy))) for rule in plugin_actions]
    return offered


def _state_reason(record: AssessmentRecord, fits: bool) -> list[Reason]:
    if fits:
        return []
    if record.state is AssessmentState.NOT_OPENED:
        text = Text("所在医疗卫生机构尚未开通报名。", "The institution has not opened enrolment.")
        return [Reason("ENROLMENT_NOT_OPENED", text)]
    return [Reason("NOT_IN_THIS_STATE", Text("当前状态下不可办理。", "Not possible in the present state."))]


def _against(event: Event, record: AssessmentRecord, now: datetime, incomplete: bool) -> list[Reason]:
    reasons = _state_reason(record, MACHINE.find(record.state, event) is not None)
    if reasons:
        return reasons
    if event in (Event.OPEN_ENROLMENT, Event.SUBMIT) and record.cycle_state != CycleState.RUNNING.value:
        reasons.append(Reason("CYCLE_NOT_RUNNING", Text("考核周期未在进行中。", "The cycle is not running.")))
    if event is Event.WITHDRAW and institution_has_acted(record.state, record.return_reason):
        reasons.append(Reason("INSTITUTION_HAS_ACTED", INSTITUTION_HAS_ACTED))
    if event is Event.SUBMIT:
        if record.state is AssessmentState.OPENED and not record.enrolment_from <= now <= record.enrolment_until:
            text = Text("当前不在报名时间内。", "Enrolment is not open at this time.")
            reasons.append(Reason("ENROLMENT_NOT_OPEN", text))
        if incomplete:
            text = Text("报名信息尚未填写完整，请查看提交前检查。", "The registration is incomplete; see the preview.")
            reasons.append(Reason("INCOMPLETE", text))
    return reasons


def _against_test(record: AssessmentRecord, facts: AssessmentFacts, now: datetime) -> list[Reason]:
    if record.state not in (AssessmentState.BODY_APPROVED, AssessmentState.TESTING):
        text = Text("考核机构复核通过后方可参加测评。", "Tests come after the assessment body's approval.")
        return [Reason("NOT_APPROVED", text)]
    reasons = []
    until = max([record.tests_until, *(paper.sit_until for paper in facts.papers if paper.sit_until is not None)])
    if not record.tests_from <= now <= until:
        reasons.append(Reason("TESTS_NOT_OPEN", Text("当前不在测评时间内。", "Tests are not open at this time.")))
    if not any(paper.state in (PaperState.AVAILABLE, PaperState.IN_PROGRESS) for paper in facts.papers):
        reasons.append(Reason("NO_PAPER_AVAILABLE", Text("没有可作答的试卷。", "No paper is available.")))
    return reasons
