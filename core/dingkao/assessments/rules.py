"""The assessment's state machine, and which acts fit which state. Pure."""

from enum import StrEnum

from dingkao.plugin.state_machine import StateMachine, Transition
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import AssessmentState as State
from dingkao.plugin.vocabulary import Role


class Event(StrEnum):
    """What moves an assessment."""

    OPEN_ENROLMENT = "OPEN_ENROLMENT"
    CLOSE_ENROLMENT = "CLOSE_ENROLMENT"
    SUBMIT = "SUBMIT"
    WITHDRAW = "WITHDRAW"
    INSTITUTION_APPROVE = "INSTITUTION_APPROVE"
    INSTITUTION_RETURN = "INSTITUTION_RETURN"
    BODY_APPROVE = "BODY_APPROVE"
    BODY_RETURN_TO_INSTITUTION = "BODY_RETURN_TO_INSTITUTION"
    BODY_RETURN_TO_DOCTOR = "BODY_RETURN_TO_DOCTOR"
    BODY_CONFIRM_FAILURE = "BODY_CONFIRM_FAILURE"
    START_TESTING = "START_TESTING"
    CONCLUDE = "CONCLUDE"
    REOPEN = "REOPEN"


TITLES: dict[Event, Text] = {
    Event.OPEN_ENROLMENT: Text("开通报名", "open enrolment"),
    Event.CLOSE_ENROLMENT: Text("关闭报名", "close enrolment"),
    Event.SUBMIT: Text("提交信息", "submit"),
    Event.WITHDRAW: Text("撤回报名", "withdraw"),
    Event.INSTITUTION_APPROVE: Text("机构审核通过", "approve (institution)"),
    Event.INSTITUTION_RETURN: Text("机构退回", "return (institution)"),
    Event.BODY_APPROVE: Text("考核机构复核通过", "approve (assessment body)"),
    Event.BODY_RETURN_TO_INSTITUTION: Text("退回医疗卫生机构", "return to the institution"),
    Event.BODY_RETURN_TO_DOCTOR: Text("退回医师", "return to the doctor"),
    Event.BODY_CONFIRM_FAILURE: Text("确认评定不合格", "confirm the failed rating"),
    Event.START_TESTING: Text("参加测评", "sit a test"),
    Event.CONCLUDE: Text("得出考核结果", "conclude"),
    Event.REOPEN: Text("恢复测评", "go on with the tests"),
}

_DOCTOR = frozenset({Role.DOCTOR})
_INSTITUTION = frozenset({Role.INSTITUTION_OFFICER})
_BODY = frozenset({Role.BODY_REVIEWER})
_INVIGILATING = frozenset({Role.BODY_REVIEWER, Role.INVIGILATOR, Role.AUTHORITY_OFFICER})
# Concluding is nobody's act of his own: it follows from a paper, a review, or the authority's pass mark.
_CORE = frozenset({Role.DOCTOR, Role.BODY_REVIEWER, Role.AUTHORITY_OFFICER, Role.SYSTEM})

MACHINE: StateMachine[State, Event] = StateMachine(
    name="assessment",
    initial=State.NOT_OPENED,
    titles=TITLES,
    transitions=(
        Transition(State.NOT_OPENED, Event.OPEN_ENROLMENT, State.OPENED, _INSTITUTION, "the cycle runs"),
        Transition(State.OPENED, Event.CLOSE_ENROLMENT, State.NOT_OPENED, _INSTITUTION, "nothing was submitted"),
        Transition(State.OPENED, Event.SUBMIT, State.SUBMITTED, _DOCTOR, "the form is complete; the window is open"),
        Transition(State.RETURNED, Event.SUBMIT, State.SUBMITTED, _DOCTOR, "the form is complete"),
        Transition(State.SUBMITTED, Event.WITHDRAW, State.OPENED, _DOCTOR, "the institution has not acted"),
        Transition(
            State.SUBMITTED,
            Event.INSTITUTION_APPROVE,
            State.INSTITUTION_APPROVED,
            _INSTITUTION,
            "both dimensions are rated",
        ),
        Transition(State.SUBMITTED, Event.INSTITUTION_RETURN, State.RETURNED, _INSTITUTION, "with a reason"),
        Transition(
            State.INSTITUTION_APPROVED, Event.BODY_APPROVE, State.BODY_APPROVED, _BODY, "no dimension was rated failed"
        ),
        Transition(
            State.INSTITUTION_APPROVED, Event.BODY_RETURN_TO_INSTITUTION, State.SUBMITTED, _BODY, "with a reason"
        ),
        Transition(State.INSTITUTION_APPROVED, Event.BODY_RETURN_TO_DOCTOR, State.RETURNED, _BODY, "with a reason"),
        Transition(
            State.INSTITUTION_APPROVED,
            Event.BODY_CONFIRM_FAILURE,
            State.CONCLUDED,
            _BODY,
            "a dimension was rated failed",
        ),
        Transition(State.BODY_APPROVED, Event.START_TESTING, State.TESTING, _DOCTOR, "a paper is available"),
        Transition(State.BODY_APPROVED, Event.CONCLUDE, State.CONCLUDED, _CORE, "every paper is waived"),
        Transition(
            State.TESTING,
            Event.CONCLUDE,
            State.CONCLUDED,
            _CORE,
            "all papers passed or waived, or one failed with no attempt left",
        ),
        Transition(
            State.CONCLUDED,
            Event.REOPEN,
            State.TESTING,
            _INVIGILATING,
            "an attempt is reopened, voided or marked anew; the result is not filed",
        ),
    ),
)

INSTITUTION_HAS_ACTED = Text(
    "医疗卫生机构已审核，不能再撤回。", "The institution has acted on it; it cannot be taken back any more."
)


def institution_has_acted(state: State, return_reason: str) -> bool:
    """Whether a submission in `state` was with the institution before: of what waits for it, only what the body sent
    back has a reason."""
    return state is State.SUBMITTED and bool(return_reason)


# The states in which the doctor may change the form.
EDITABLE = frozenset({State.OPENED, State.RETURNED})
# The states in which enrolment is complete (manual 2.2.4: 医师报名完成后).
ENROLLED = frozenset({State.SUBMITTED, State.INSTITUTION_APPROVED, State.BODY_APPROVED, State.TESTING})

# The words of the home page: a title and a sentence for each state (manual 2.2.3).
STAGES: dict[State, tuple[Text, Text]] = {
    State.NOT_OPENED: (
        Text("未开通报名", "Enrolment not opened"),
        Text(
            "所在医疗卫生机构尚未允许您参加本周期考核，如需参加请联系单位定考负责人处理。",
            "Your institution has not admitted you to this cycle yet; to take part, contact its assessment officer.",
        ),
    ),
    State.OPENED: (
        Text("已开通报名", "Enrolment opened"),
        Text(
            "所在医疗卫生机构已经允许您参加本周期考核，请点击“我要报名”提交报名信息。",
            "Your institution has admitted you to this cycle; fill in and submit your registration.",
        ),
    ),
    State.SUBMITTED: (
        Text("待机构审核", "Waiting for the institution"),
        Text("报名信息已提交，等待医疗卫生机构审核。", "Your registration is submitted; the institution reviews it."),
    ),
    State.INSTITUTION_APPROVED: (
        Text("待考核机构复核", "Waiting for the assessment body"),
        Text(
            "医疗卫生机构审核已通过，等待考核机构复核。", "The institution has approved; the assessment body reviews."
        ),
    ),
    State.BODY_APPROVED: (
        Text("复核通过，待测评", "Approved, tests to come"),
        Text("考核机构复核已通过，请在规定时间内参加测评。", "Approved; sit your tests in the given time."),
    ),
    State.TESTING: (
        Text("测评中", "Being tested"),
        Text("您已开始测评，请在规定时间内完成全部试卷。", "You have begun; finish every paper in the given time."),
    ),
    State.CONCLUDED: (
        Text("考核结束", "Concluded"),
        Text("本周期考核已结束，请查看考核结果。", "This cycle's assessment is over; see your result."),
    ),
    State.RETURNED: (
        Text("已退回", "Returned"),
        Text(
            "报名信息已被退回，请按退回原因修改后重新提交。",
            "Your registration was returned; mend it and submit again.",
        ),
    ),
    State.DEFERRED: (
        Text("已延期考核", "Deferred"),
        Text("您的考核已延期，请等待下一次安排。", "Your assessment is deferred; wait for the next arrangement."),
    ),
}
