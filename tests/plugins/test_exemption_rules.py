"""When an exemption may be asked for and decided: the pure rules and the machine's table."""

from collections.abc import Callable
from datetime import date

import pytest

from dingkao.plugin.contributions import ExemptionCondition
from dingkao.plugin.errors import StateConflict
from dingkao.plugin.facts import AssessmentFacts, PaperFact
from dingkao.plugin.policy import Policy, PolicyError, PolicyLayer, stack
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import (
    AssessmentState,
    PaperState,
    PaperSubject,
    PracticeLevel,
    ReviewLevel,
    Role,
)
from dingkao_exemptions.catalogue import CONDITIONS
from dingkao_exemptions.policy import ExemptionsPolicy
from dingkao_exemptions.rules import (
    DECIDES,
    EVENTS,
    MACHINE,
    QUEUED_STATE,
    ExemptionDecision,
    ExemptionState,
    Standing,
    awaits_decision,
    catalogue,
    condition_reasons,
    decision_obstacle,
    lapsed,
    missing_kinds,
    obstacles,
    open_request_reason,
    proof_kinds,
    request_action_reasons,
    waivable_subject,
)

MakeFacts = Callable[..., AssessmentFacts]
WORDS = {"chinese": "本地不予免考。", "english": "Not granted here."}
BY_CODE = {condition.code: condition for condition in CONDITIONS}


def policy(**values: object) -> Policy:
    layer = PolicyLayer("990000", "test", "1", "test", {f"exemptions.{key}": value for key, value in values.items()})
    return stack([ExemptionsPolicy], [layer])


def paper(subject: PaperSubject, state: PaperState = PaperState.LOCKED, used: int = 0) -> PaperFact:
    return PaperFact(subject, state, used)


@pytest.fixture
def general(make_facts: MakeFacts) -> MakeFacts:
    """A doctor on the general procedure, enrolled, with both papers untouched."""

    def make(professional: PaperFact | None = None, **changes: object) -> AssessmentFacts:
        values: dict[str, object] = {
            "state": AssessmentState.SUBMITTED,
            "procedure": "GENERAL",
            "papers": (paper(PaperSubject.HUMANITIES), professional or paper(PaperSubject.PROFESSIONAL)),
        }
        return make_facts(**{**values, **changes})

    return make


def codes(facts: AssessmentFacts, rule: Policy) -> list[str]:
    return [reason.code for reason in request_action_reasons(facts, rule)]


@pytest.mark.parametrize("state", list(AssessmentState))
def test_one_may_ask_once_enrolment_is_complete(general: MakeFacts, state: AssessmentState) -> None:
    expected = {
        AssessmentState.SUBMITTED: [],
        AssessmentState.INSTITUTION_APPROVED: [],
        AssessmentState.BODY_APPROVED: [],
        AssessmentState.TESTING: [],
        AssessmentState.CONCLUDED: ["ASSESSMENT_CONCLUDED"],
    }.get(state, ["ENROLMENT_NOT_COMPLETE"])
    assert codes(general(state=state), policy()) == expected


def test_a_region_may_want_the_bodys_approval_first(general: MakeFacts) -> None:
    rule = policy(when="AFTER_APPROVAL")
    assert codes(general(), rule) == ["NOT_APPROVED_YET"]
    assert codes(general(state=AssessmentState.INSTITUTION_APPROVED), rule) == ["NOT_APPROVED_YET"]
    assert codes(general(state=AssessmentState.BODY_APPROVED), rule) == []


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 2, 9), ["EXEMPTION_WINDOW_NOT_OPEN"]),
        (date(2026, 2, 10), []),
        (date(2026, 2, 21), []),
        (date(2026, 2, 22), ["EXEMPTION_WINDOW_CLOSED"]),
    ],
)
def test_a_region_may_set_the_days(general: MakeFacts, today: date, expected: list[str]) -> None:
    rule = policy(window={"opens_on": "2026-02-10", "closes_on": "2026-02-21"})
    assert codes(general(today=today), rule) == expected
    # It hangs on the day and not on the doctor: he may come again.
    assert all(obstacle.passing for obstacle in obstacles(general(today=today), rule))
    # A decision on what was asked in time is not bound to the days.
    assert decision_obstacle(standing(), ExemptionDecision.APPROVE, general(today=today)) is None


def test_the_days_are_told_in_both_languages(general: MakeFacts) -> None:
    rule = policy(window={"opens_on": "2026-02-10", "closes_on": "2026-02-21"})
    (early,) = request_action_reasons(general(today=date(2026, 1, 1)), rule)
    assert early.text.zh == "免考申请受理时间为2026-02-10至2026-02-21，尚未开始。"
    assert "from 2026-02-10 to 2026-02-21" in early.text.en


def test_days_in_the_wrong_order_refuse_the_layer() -> None:
    with pytest.raises(PolicyError, match="before it opens on 2026-02-21"):
        policy(window={"opens_on": "2026-02-21", "closes_on": "2026-02-10"})
    one_day = policy(window={"opens_on": "2026-02-10", "closes_on": "2026-02-10"}).section(ExemptionsPolicy).window
    assert one_day is not None
    assert one_day.opens_on == one_day.closes_on


def test_what_a_region_excludes_is_shown_and_cannot_be_ticked(general: MakeFacts) -> None:
    rule = policy(excluded={"ASSISTANT_TO_LICENSED": WORDS, "NEXT_TITLE_EXAM": WORDS})
    shown = catalogue(BY_CODE, general(), rule)
    assert [condition.code for condition in shown] == ["RESIDENCY_TRAINING", "NEXT_TITLE_EXAM", "ASSISTANT_TO_LICENSED"]
    (reason,) = condition_reasons(BY_CODE["ASSISTANT_TO_LICENSED"], general(), rule)
    assert (reason.code, reason.text.zh) == ("CONDITION_EXCLUDED", "本地区不予免考：本地不予免考。")
    assert list(condition_reasons(BY_CODE["RESIDENCY_TRAINING"], general(), rule)) == []
    # To withhold is to say nothing of it; it outweighs.
    assert "NEXT_TITLE_EXAM" not in [
        condition.code
        for condition in catalogue(
            BY_CODE, general(), policy(excluded={"NEXT_TITLE_EXAM": WORDS}, withheld=["NEXT_TITLE_EXAM"])
        )
    ]


@pytest.mark.parametrize(
    ("key", "above", "below", "stricter"),
    [
        ("excluded", {"NEXT_TITLE_EXAM": WORDS}, {}, {"NEXT_TITLE_EXAM": WORDS, "RESIDENCY_TRAINING": WORDS}),
        ("withheld", ("NEXT_TITLE_EXAM",), (), ("NEXT_TITLE_EXAM", "RESIDENCY_TRAINING")),
        ("every_proof_kind", True, False, True),
    ],
)
def test_what_the_province_refuses_no_county_grants(key: str, above: object, below: object, stricter: object) -> None:
    def layers(value: object) -> list[PolicyLayer]:
        path = f"exemptions.{key}"
        return [
            PolicyLayer("990000", "province", "1", "省通知", {path: above}),
            PolicyLayer("990101", "county", "1", "区通知", {path: value}),
        ]

    with pytest.raises(PolicyError, match=f"layer county .990101.: exemptions.{key}"):
        stack([ExemptionsPolicy], layers(below))
    stack([ExemptionsPolicy], layers(stricter))


def test_where_promotion_counts_the_doctor_is_licensed_by_now(general: MakeFacts) -> None:
    rule = policy(regional_conditions=["ASSISTANT_TO_LICENSED"])
    promotion = BY_CODE["ASSISTANT_TO_LICENSED"]
    assert promotion in catalogue(BY_CODE, general(), rule)
    assert list(condition_reasons(promotion, general(), rule)) == []
    (reason,) = condition_reasons(promotion, general(level=PracticeLevel.ASSISTANT), rule)
    assert reason.code == "NOT_A_LICENSED_DOCTOR"


def test_a_region_may_want_every_kind_of_proof(general: MakeFacts) -> None:
    ticked = [BY_CODE["RESIDENCY_TRAINING"], BY_CODE["NEXT_TITLE_EXAM"]]
    assert list(proof_kinds(ticked, policy())) == ["RESIDENCY_CERTIFICATE", "PRACTICE_CERTIFICATE", "TITLE_CERTIFICATE"]
    assert list(missing_kinds(ticked, [], policy())) == []
    rule = policy(every_proof_kind=True)
    assert [kind.code for kind in missing_kinds(ticked, [None, "TITLE_CERTIFICATE"], rule)] == [
        "RESIDENCY_CERTIFICATE",
        "PRACTICE_CERTIFICATE",
    ]
    assert list(missing_kinds(ticked[:1], ["PRACTICE_CERTIFICATE", "RESIDENCY_CERTIFICATE"], rule)) == []


def test_a_region_has_its_own_words_for_a_proof() -> None:
    ticked, code = [BY_CODE["RESIDENCY_TRAINING"]], "PRACTICE_CERTIFICATE"
    rule = policy(proof_wording={code: {"chinese": "电子证照", "english": "Electronic licence"}})
    assert proof_kinds(ticked, rule)[code].title.zh == "电子证照"
    assert proof_kinds(ticked, policy())[code].title.zh == "医师执业证书（全部信息页）"
    assert list(proof_kinds(ticked, rule)) == list(proof_kinds(ticked, policy()))


def test_every_condition_names_the_kinds_of_its_proofs() -> None:
    for condition in CONDITIONS:
        assert condition.kinds
        for kind in condition.kinds:
            assert len(kind.code) <= 40
            assert len(kind.title.zh) <= 120


def test_a_region_may_grant_none(general: MakeFacts) -> None:
    rule = policy(enabled=False)
    (obstacle,) = obstacles(general(), rule)
    assert (obstacle.reason.code, obstacle.passing) == ("EXEMPTIONS_NOT_OFFERED", False)
    assert catalogue(BY_CODE, general(), rule) == []


@pytest.mark.parametrize(
    ("state", "used", "expected"),
    [
        (PaperState.AVAILABLE, 0, []),
        (PaperState.AVAILABLE, 1, ["PAPER_BEGUN"]),
        (PaperState.IN_PROGRESS, 1, ["PAPER_BEGUN"]),
        (PaperState.PASSED, 1, ["PAPER_BEGUN"]),
        (PaperState.FAILED, 1, ["PAPER_BEGUN"]),
        (PaperState.ABSENT, 0, ["PAPER_BEGUN"]),
        (PaperState.EXEMPT, 0, ["PAPER_WAIVED"]),
    ],
)
def test_the_paper_must_be_untouched(general: MakeFacts, state: PaperState, used: int, expected: list[str]) -> None:
    facts = general(paper(PaperSubject.PROFESSIONAL, state, used), state=AssessmentState.TESTING)
    assert codes(facts, policy()) == expected


def test_each_procedure_waives_its_one_paper_only(general: MakeFacts) -> None:
    simple = general(procedure="SIMPLE", papers=(paper(PaperSubject.HUMANITIES),))
    assert waivable_subject(general(), policy()) is PaperSubject.PROFESSIONAL
    assert waivable_subject(simple, policy()) is PaperSubject.HUMANITIES
    assert [c.code for c in catalogue(BY_CODE, general(), policy())] == [
        "RESIDENCY_TRAINING",
        "NEXT_TITLE_EXAM",
    ]
    rule = policy(regional_conditions=("HUMANITIES_EDUCATION",))
    assert [c.code for c in catalogue(BY_CODE, simple, rule)] == ["HUMANITIES_EDUCATION"]
    # Not national: offered only where a region says so.
    assert list(catalogue(BY_CODE, simple, policy())) == []
    assert codes(simple, policy()) == []


def test_a_procedure_without_a_waivable_paper(general: MakeFacts) -> None:
    assert codes(general(procedure="OTHER"), policy()) == ["NOTHING_WAIVABLE"]
    # The national simple procedure has no paper at all.
    assert codes(general(procedure="SIMPLE", papers=()), policy()) == ["NO_SUCH_PAPER"]
    assert codes(general(procedure=None, state=AssessmentState.OPENED), policy()) == ["ENROLMENT_NOT_COMPLETE"]


def test_another_plugins_condition_joins_the_catalogue(general: MakeFacts) -> None:
    other = ExemptionCondition(
        "AID_ABROAD", Text("援外", "Aid abroad"), Text("证明", "Proof"), {"GENERAL": PaperSubject.PROFESSIONAL}
    )
    elsewhere = ExemptionCondition(
        "OTHER_PAPER", Text("其他", "Other"), Text("证明", "Proof"), {"GENERAL": PaperSubject.HUMANITIES}
    )
    offered = catalogue({**BY_CODE, other.code: other, elsewhere.code: elsewhere}, general(), policy())
    assert "AID_ABROAD" in [condition.code for condition in offered]
    assert "OTHER_PAPER" not in [condition.code for condition in offered]


def test_the_national_conditions_are_those_of_article_23() -> None:
    national = [condition for condition in CONDITIONS if not condition.regional]
    assert all(dict(condition.waives) == {"GENERAL": PaperSubject.PROFESSIONAL} for condition in national)
    assert "住院医师规范化培训" in national[0].title.zh
    assert "晋升上一级专业技术职务" in national[1].title.zh


def standing(
    state: ExemptionState = ExemptionState.REQUESTED, procedure: str = "GENERAL", institution: int = 3
) -> Standing:
    return Standing(state, PaperSubject.PROFESSIONAL, procedure, institution)


@pytest.mark.parametrize("state", list(ExemptionState))
def test_a_request_lapses_with_its_procedure(general: MakeFacts, state: ExemptionState) -> None:
    waived = paper(PaperSubject.PROFESSIONAL, PaperState.EXEMPT)
    assert not lapsed(standing(state), general(waived))
    assert lapsed(standing(state), general(waived, procedure="SIMPLE")) == (state is not ExemptionState.REJECTED)


def test_an_approved_request_lapses_where_its_paper_was_planned_anew(general: MakeFacts) -> None:
    assert lapsed(standing(ExemptionState.BODY_APPROVED), general())
    assert lapsed(standing(ExemptionState.BODY_APPROVED), general(papers=()))


@pytest.mark.parametrize("state", list(ExemptionState))
def test_an_open_request_lapses_with_its_institution(general: MakeFacts, state: ExemptionState) -> None:
    is_open = state in (ExemptionState.REQUESTED, ExemptionState.INSTITUTION_APPROVED)
    waived = paper(PaperSubject.PROFESSIONAL, PaperState.EXEMPT)
    assert lapsed(standing(state, institution=9), general(waived)) == is_open


def test_what_waits_for_a_decision(general: MakeFacts) -> None:
    assert awaits_decision(standing(), general())
    assert awaits_decision(standing(ExemptionState.INSTITUTION_APPROVED), general(state=AssessmentState.TESTING))
    assert not awaits_decision(standing(), general(state=AssessmentState.RETURNED))
    assert not awaits_decision(standing(), general(state=AssessmentState.CONCLUDED))
    assert not awaits_decision(standing(procedure="SIMPLE"), general())
    assert not awaits_decision(standing(ExemptionState.REJECTED), general())


def test_one_open_request_a_paper(general: MakeFacts) -> None:
    subject = PaperSubject.PROFESSIONAL
    assert open_request_reason([], general(), subject) is None
    assert open_request_reason([standing(ExemptionState.REJECTED)], general(), subject) is None
    assert open_request_reason([standing(procedure="SIMPLE")], general(), subject) is None
    assert open_request_reason([standing()], general(), PaperSubject.HUMANITIES) is None
    reason = open_request_reason([standing(ExemptionState.INSTITUTION_APPROVED)], general(), subject)
    assert reason is not None
    assert reason.code == "EXEMPTION_OPEN"


def test_a_begun_paper_can_still_be_refused_its_exemption(general: MakeFacts) -> None:
    begun = general(paper(PaperSubject.PROFESSIONAL, PaperState.IN_PROGRESS, 1), state=AssessmentState.TESTING)
    approve = decision_obstacle(standing(), ExemptionDecision.APPROVE, begun)
    assert approve is not None
    assert approve.code == "PAPER_BEGUN"
    assert decision_obstacle(standing(), ExemptionDecision.REJECT, begun) is None
    returned = decision_obstacle(standing(), ExemptionDecision.REJECT, general(state=AssessmentState.RETURNED))
    assert returned is not None
    assert returned.code == "ENROLMENT_NOT_COMPLETE"
    gone = decision_obstacle(standing(procedure="SIMPLE"), ExemptionDecision.REJECT, general())
    assert gone is not None
    assert gone.code == "EXEMPTION_LAPSED"


def test_the_machine_decides_level_by_level() -> None:
    for (level, decision), event in EVENTS.items():
        for state in ExemptionState:
            fits = state is QUEUED_STATE[level]
            if not fits:
                with pytest.raises(StateConflict):
                    MACHINE.require(state, event)
                continue
            row = MACHINE.require(state, event)
            assert row.who == {DECIDES[level]}
            approved = {
                ReviewLevel.INSTITUTION: ExemptionState.INSTITUTION_APPROVED,
                ReviewLevel.BODY: ExemptionState.BODY_APPROVED,
            }[level]
            assert row.target is (approved if decision is ExemptionDecision.APPROVE else ExemptionState.REJECTED)
    assert {role for row in MACHINE.transitions for role in row.who} == {Role.INSTITUTION_OFFICER, Role.BODY_REVIEWER}
    assert "REQUESTED --> INSTITUTION_APPROVED: INSTITUTION_APPROVE" in MACHINE.diagram()
