"""The request's state machine, and what speaks against asking and deciding. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from dingkao.plugin.contributions import ExemptionCondition, ProofKind
from dingkao.plugin.facts import AssessmentFacts, PaperFact
from dingkao.plugin.policy import Policy
from dingkao.plugin.state_machine import StateMachine, Transition
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import AssessmentState, PaperState, PaperSubject, ReviewLevel, Role
from dingkao_exemptions.policy import ExemptionsPolicy, RequestTiming, RequestWindow


class ExemptionState(StrEnum):
    """免考申请状态"""

    REQUESTED = "REQUESTED"
    INSTITUTION_APPROVED = "INSTITUTION_APPROVED"
    BODY_APPROVED = "BODY_APPROVED"
    REJECTED = "REJECTED"


class ExemptionDecision(StrEnum):
    """免考审核结论"""

    APPROVE = "APPROVE"
    REJECT = "REJECT"


class Event(StrEnum):
    """What moves a request."""

    INSTITUTION_APPROVE = "INSTITUTION_APPROVE"
    INSTITUTION_REJECT = "INSTITUTION_REJECT"
    BODY_APPROVE = "BODY_APPROVE"
    BODY_REJECT = "BODY_REJECT"


_INSTITUTION = frozenset({Role.INSTITUTION_OFFICER})
_BODY = frozenset({Role.BODY_REVIEWER})

MACHINE: StateMachine[ExemptionState, Event] = StateMachine(
    name="exemption",
    initial=ExemptionState.REQUESTED,
    titles={
        Event.INSTITUTION_APPROVE: Text("免考审核通过", "approve the exemption (institution)"),
        Event.INSTITUTION_REJECT: Text("免考审核不通过", "reject the exemption (institution)"),
        Event.BODY_APPROVE: Text("免考复核通过", "approve the exemption (assessment body)"),
        Event.BODY_REJECT: Text("免考复核不通过", "reject the exemption (assessment body)"),
    },
    transitions=(
        Transition(
            ExemptionState.REQUESTED,
            Event.INSTITUTION_APPROVE,
            ExemptionState.INSTITUTION_APPROVED,
            _INSTITUTION,
            "the paper has not been begun",
        ),
        Transition(
            ExemptionState.REQUESTED, Event.INSTITUTION_REJECT, ExemptionState.REJECTED, _INSTITUTION, "with a reason"
        ),
        Transition(
            ExemptionState.INSTITUTION_APPROVED,
            Event.BODY_APPROVE,
            ExemptionState.BODY_APPROVED,
            _BODY,
            "the paper has not been begun; another person than the institution's",
        ),
        Transition(
            ExemptionState.INSTITUTION_APPROVED, Event.BODY_REJECT, ExemptionState.REJECTED, _BODY, "with a reason"
        ),
    ),
)

# The states in which a level has still to decide, and which one.
WAITING_FOR: Mapping[ExemptionState, ReviewLevel] = {
    ExemptionState.REQUESTED: ReviewLevel.INSTITUTION,
    ExemptionState.INSTITUTION_APPROVED: ReviewLevel.BODY,
}
# What a level waits for.
QUEUED_STATE: Mapping[ReviewLevel, ExemptionState] = {level: state for state, level in WAITING_FOR.items()}
DECIDES: Mapping[ReviewLevel, Role] = {
    ReviewLevel.INSTITUTION: Role.INSTITUTION_OFFICER,
    ReviewLevel.BODY: Role.BODY_REVIEWER,
}
EVENTS: Mapping[tuple[ReviewLevel, ExemptionDecision], Event] = {
    (ReviewLevel.INSTITUTION, ExemptionDecision.APPROVE): Event.INSTITUTION_APPROVE,
    (ReviewLevel.INSTITUTION, ExemptionDecision.REJECT): Event.INSTITUTION_REJECT,
    (ReviewLevel.BODY, ExemptionDecision.APPROVE): Event.BODY_APPROVE,
    (ReviewLevel.BODY, ExemptionDecision.REJECT): Event.BODY_REJECT,
}

_APPROVED = frozenset({AssessmentState.BODY_APPROVED, AssessmentState.TESTING})
# Enrolment is complete (manual 2.2.4: 医师报名完成后) and the assessment is not over.
ENROLLED = frozenset({AssessmentState.SUBMITTED, AssessmentState.INSTITUTION_APPROVED}) | _APPROVED

_SUBJECTS = {
    PaperSubject.HUMANITIES: Text("医学人文", "humanities"),
    PaperSubject.PROFESSIONAL: Text("业务水平", "professional"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A request as rules see it: its state, its paper, and the procedure and institution under which it was made."""

    state: ExemptionState
    subject: PaperSubject
    procedure: str
    institution_id: int


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why no exemption may be asked for now; `passing` where it hangs on a state and not on the doctor."""

    reason: Reason
    passing: bool


def waivable_subject(facts: AssessmentFacts, policy: Policy) -> PaperSubject | None:
    """The one paper that the chosen procedure lets be waived, or None."""
    return policy.section(ExemptionsPolicy).waivable.get(facts.procedure or "")


def obstacles(facts: AssessmentFacts, policy: Policy) -> Sequence[Obstacle]:
    """Everything that speaks against asking for an exemption, whichever the condition; empty where one may ask."""
    rule = policy.section(ExemptionsPolicy)
    if not rule.enabled:
        return [Obstacle(_NOT_OFFERED, passing=False)]
    found = [*_timing(facts.state, rule.when), *_outside(rule.window, facts.today)]
    subject = waivable_subject(facts, policy)
    if subject is None:
        # Before the procedure is chosen there is nothing to say of papers.
        return found if facts.procedure is None else [*found, Obstacle(_NOTHING_WAIVABLE, passing=False)]
    if facts.state not in ENROLLED:
        return found
    paper = facts.paper(subject)
    if paper is None:
        return [*found, Obstacle(_no_such_paper(subject), passing=False)]
    if paper.state is PaperState.EXEMPT:
        return [*found, Obstacle(_waived_already(subject), passing=True)]
    if not _untouched(paper):
        return [*found, Obstacle(_begun(subject), passing=True)]
    return found


def request_action_reasons(facts: AssessmentFacts, policy: Policy) -> Sequence[Reason]:
    """The reasons against `REQUEST_EXEMPTION` among `Assessment.actions`."""
    return [obstacle.reason for obstacle in obstacles(facts, policy)]


def catalogue(
    conditions: Mapping[str, ExemptionCondition], facts: AssessmentFacts, policy: Policy
) -> Sequence[ExemptionCondition]:
    """The conditions that the region shows under the chosen procedure, for the paper that it lets be waived: what it
    offers, and what it excludes by name (`condition_reasons` says so)."""
    rule = policy.section(ExemptionsPolicy)
    subject = waivable_subject(facts, policy)
    if subject is None or not rule.enabled:
        return []
    return [
        condition
        for condition in conditions.values()
        if condition.code not in rule.withheld
        and (not condition.regional or condition.code in rule.regional_conditions or condition.code in rule.excluded)
        and condition.waives.get(facts.procedure or "") == subject
    ]


def condition_reasons(condition: ExemptionCondition, facts: AssessmentFacts, policy: Policy) -> Sequence[Reason]:
    """The reasons against ticking this condition: the region excludes it, or the doctor does not meet it."""
    exclusion = policy.section(ExemptionsPolicy).excluded.get(condition.code)
    if exclusion is not None:
        text = Text(f"本地区不予免考：{exclusion.chinese}", f"No exemption in this region: {exclusion.english}")
        return [Reason("CONDITION_EXCLUDED", text)]
    return condition.against(facts, policy)


def proof_kinds(conditions: Iterable[ExemptionCondition], policy: Policy) -> Mapping[str, ProofKind]:
    """Every kind of proof that these conditions name, by code, in their order, as the region calls it."""
    wording = policy.section(ExemptionsPolicy).proof_wording
    kinds = {kind.code: kind for condition in conditions for kind in condition.kinds}
    return {
        code: ProofKind(code, Text(wording[code].chinese, wording[code].english)) if code in wording else kind
        for code, kind in kinds.items()
    }


def missing_kinds(
    conditions: Iterable[ExemptionCondition], given: Iterable[str | None], policy: Policy
) -> Sequence[ProofKind]:
    """The kinds of proof that the region wants for these conditions and that are not among `given`."""
    if not policy.section(ExemptionsPolicy).every_proof_kind:
        return []
    there = set(given)
    return [kind for code, kind in proof_kinds(conditions, policy).items() if code not in there]


def lapsed(standing: Standing, facts: AssessmentFacts) -> bool:
    """Whether a request is no longer of effect: the doctor has since changed the procedure (also where he changed back
    after its approval: the papers were planned anew), or, before the decision, moved to another institution. Whoever
    was refused has nothing to lose."""
    match standing.state:
        case ExemptionState.REJECTED:
            return False
        case ExemptionState.BODY_APPROVED:
            paper = facts.paper(standing.subject)
            return standing.procedure != facts.procedure or paper is None or paper.state is not PaperState.EXEMPT
        case _:
            return standing.procedure != facts.procedure or standing.institution_id != facts.institution_id


def awaits_decision(standing: Standing, facts: AssessmentFacts) -> bool:
    """Whether a request can be decided now: it is open, has not lapsed, and the assessment is neither back with the
    doctor nor over."""
    return standing.state in WAITING_FOR and not lapsed(standing, facts) and facts.state in ENROLLED


def open_request_reason(requests: Iterable[Standing], facts: AssessmentFacts, subject: PaperSubject) -> Reason | None:
    """The reason against a second request for `subject` while one of the assessment's `requests` is open, or None."""
    if any(
        request.subject is subject and request.state in WAITING_FOR and not lapsed(request, facts)
        for request in requests
    ):
        return _OPEN
    return None


def decision_obstacle(standing: Standing, decision: ExemptionDecision, facts: AssessmentFacts) -> Reason | None:
    """What keeps an open request from being decided so, or None."""
    if lapsed(standing, facts):
        return _LAPSED
    if facts.state not in ENROLLED:
        return _NOT_ENROLLED
    if decision is ExemptionDecision.REJECT:
        return None
    paper = facts.paper(standing.subject)
    if paper is None:
        return _no_such_paper(standing.subject)
    return None if _untouched(paper) else _begun(standing.subject)


def _untouched(paper: PaperFact) -> bool:
    return paper.state in (PaperState.LOCKED, PaperState.AVAILABLE) and not paper.attempts_used


def _timing(state: AssessmentState, when: RequestTiming) -> list[Obstacle]:
    if state is AssessmentState.CONCLUDED:
        text = Text("本周期考核已结束，不能申请免考。", "The assessment is over; no exemption may be asked for.")
        return [Obstacle(Reason("ASSESSMENT_CONCLUDED", text), passing=True)]
    if state not in ENROLLED:
        text = Text("报名完成后方可申请免考。", "An exemption may be asked for once enrolment is complete.")
        return [Obstacle(Reason("ENROLMENT_NOT_COMPLETE", text), passing=True)]
    if when is RequestTiming.AFTER_APPROVAL and state not in _APPROVED:
        text = Text(
            "考核机构复核通过后方可申请免考。",
            "An exemption may be asked for once the assessment body has approved.",
        )
        return [Obstacle(Reason("NOT_APPROVED_YET", text), passing=True)]
    return []


def _outside(window: RequestWindow | None, today: date) -> list[Obstacle]:
    if window is None or window.opens_on <= today <= window.closes_on:
        return []
    days = Text(
        f"免考申请受理时间为{window.opens_on}至{window.closes_on}",
        f"Exemptions may be asked for from {window.opens_on} to {window.closes_on}",
    )
    if today < window.opens_on:
        text = Text(f"{days.zh}，尚未开始。", f"{days.en}; that is yet to come.")
        return [Obstacle(Reason("EXEMPTION_WINDOW_NOT_OPEN", text), passing=True)]
    text = Text(f"{days.zh}，现已截止。", f"{days.en}; that is over.")
    return [Obstacle(Reason("EXEMPTION_WINDOW_CLOSED", text), passing=True)]


_NOT_OFFERED = Reason(
    "EXEMPTIONS_NOT_OFFERED", Text("本地区本周期不受理免考申请。", "No exemptions are granted here in this cycle.")
)
_OPEN = Reason(
    "EXEMPTION_OPEN",
    Text("该试卷的免考申请正在审核中。", "An exemption of this paper has been asked for already."),
)
_LAPSED = Reason(
    "EXEMPTION_LAPSED",
    Text(
        "医师已变更考核程序或所在机构，原免考申请已失效。",
        "The doctor has changed the procedure or the institution since; this request has lapsed.",
    ),
)
_NOT_ENROLLED = Reason(
    "ENROLMENT_NOT_COMPLETE",
    Text(
        "该医师的报名已退回、撤回或考核已结束，不能审核免考申请。",
        "The doctor's enrolment was returned or withdrawn, or the assessment is over.",
    ),
)
_NOTHING_WAIVABLE = Reason(
    "NOTHING_WAIVABLE", Text("所选考核程序没有可免的试卷。", "The chosen procedure has no paper that may be waived.")
)


def _no_such_paper(subject: PaperSubject) -> Reason:
    name = _SUBJECTS[subject]
    return Reason(
        "NO_SUCH_PAPER",
        Text(f"您本次考核没有{name.zh}试卷，无需免考。", f"Your assessment has no {name.en} paper to be waived."),
    )


def _waived_already(subject: PaperSubject) -> Reason:
    name = _SUBJECTS[subject]
    return Reason("PAPER_WAIVED", Text(f"{name.zh}试卷已免考。", f"The {name.en} paper is waived already."))


def _begun(subject: PaperSubject) -> Reason:
    name = _SUBJECTS[subject]
    return Reason(
        "PAPER_BEGUN",
        Text(f"{name.zh}试卷已开始作答，不能再免考。", f"The {name.en} paper has been begun; it cannot be waived."),
    )
