"""The two levels' reviews: 医疗卫生机构审核 and 考核机构复核."""

import asyncio
from dataclasses import replace

import pytest

from dingkao.assessments.lists import list_in_role
from dingkao.assessments.service.submission import submit, withdraw
from dingkao.assessments.tables import Rating
from dingkao.audit.tables import AuditEntry, StateTransition
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.vocabulary import (
    RATED_DIMENSIONS,
    AssessmentState,
    Dimension,
    PaperState,
    ReviewLevel,
    Role,
    Verdict,
)
from dingkao.results.tables import Result
from dingkao.results.vocabulary import ConclusionGround
from dingkao.reviews.records import read_latest_reviews, read_reviews
from dingkao.reviews.service import review_by_body, review_by_institution
from dingkao.reviews.tables import Review
from dingkao.reviews.vocabulary import Decision
from dingkao.testing.progress import (
    BOTH_QUALIFIED,
    bring_to_tests,
    current_record,
    decide,
    papers_of,
    submit_registration,
)
from dingkao.testing.refusals import refused_access, refused_fields, refused_state
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample

WORK, ETHICS = RATED_DIMENSIONS
ETHICS_FAILED = ((WORK, Verdict.QUALIFIED, ""), (ETHICS, Verdict.UNQUALIFIED, "收受红包"))
INSTITUTION, BODY = ReviewLevel.INSTITUTION, ReviewLevel.BODY


@pytest.fixture
async def submitted(environment: Environment, doctor: SampleDoctor) -> SampleDoctor:
    await submit_registration(environment, doctor)
    return doctor


async def by_institution(
    province: SampleProvince,
    doctor: SampleDoctor,
    decision: Decision = Decision.APPROVED,
    ratings: tuple[tuple[Dimension, Verdict, str], ...] = BOTH_QUALIFIED,
    reason: str = "",
    *,
    number: int = 1,
) -> None:
    await review_by_institution(
        province.environment, province.institution, doctor.assessment_id, number, decision, ratings, reason
    )


async def by_body(
    province: SampleProvince, doctor: SampleDoctor, decision: Decision, reason: str = "", *, number: int = 1
) -> None:
    await review_by_body(province.environment, province.body, doctor.assessment_id, number, decision, reason)


async def test_both_levels_approve_and_the_first_paper_opens(province: SampleProvince, submitted: SampleDoctor) -> None:
    await by_institution(
        province, submitted, ratings=((WORK, Verdict.QUALIFIED, " 优秀 "), (ETHICS, Verdict.QUALIFIED, ""))
    )
    assert (await current_record(submitted)).state is AssessmentState.INSTITUTION_APPROVED
    rows = await Rating.select(Rating.dimension, Rating.verdict, Rating.summary).where(
        (Rating.assessment == submitted.assessment_id) & (Rating.rated_by == "INSTITUTION")
    )
    assert sorted(tuple(row.values()) for row in rows) == [
        ("PROFESSIONAL_ETHICS", "QUALIFIED", ""),
        ("WORK_PERFORMANCE", "QUALIFIED", "优秀"),
    ]
    assert {paper.state for paper in await papers_of(submitted)} == {PaperState.LOCKED}
    await by_body(province, submitted, Decision.APPROVED)
    assert (await current_record(submitted)).state is AssessmentState.BODY_APPROVED
    assert [paper.state for paper in await papers_of(submitted)] == [PaperState.AVAILABLE, PaperState.LOCKED]
    decisions = (await read_reviews([submitted.assessment_id]))[0]
    assert [(review.level, review.decision, review.submission_number) for review in decisions] == [
        (INSTITUTION, Decision.APPROVED, 1),
        (BODY, Decision.APPROVED, 1),
    ]
    assert [review.organisation for review in decisions] == ["示范省人民医院", "示范省医师协会"]
    entries = await AuditEntry.select(AuditEntry.action, AuditEntry.role, AuditEntry.organisation).where(
        AuditEntry.action.like("REVIEW%")
    )
    assert [tuple(entry.values()) for entry in entries] == [
        ("REVIEW_BY_INSTITUTION", "INSTITUTION_OFFICER", province.institution_id),
        ("REVIEW_BY_BODY", "BODY_REVIEWER", province.body_id),
    ]


async def test_everything_wrong_with_an_institutions_review(province: SampleProvince, submitted: SampleDoctor) -> None:
    assert await refused_fields(by_institution(province, submitted, ratings=())) == [
        ("ratings", "RATING_MISSING"),
        ("ratings", "RATING_MISSING"),
    ]
    bad = (
        (WORK, Verdict.QUALIFIED, ""),
        (WORK, Verdict.UNQUALIFIED, ""),
        (Dimension.PROFESSIONAL_COMPETENCE, Verdict.QUALIFIED, "评" * 1001),
    )
    assert await refused_fields(by_institution(province, submitted, Decision.APPROVED, bad, "由" * 1001)) == [
        ("ratings", "RATING_MISSING"),
        ("ratings.1.dimension", "REPEATED"),
        ("ratings.2.comment", "TEXT_TOO_LONG"),
        ("ratings.2.dimension", "NOT_RATED"),
        ("reason", "TEXT_TOO_LONG"),
    ]
    for decision in (Decision.FAILURE_CONFIRMED, Decision.RETURNED_TO_INSTITUTION):
        assert await refused_fields(by_institution(province, submitted, decision)) == [
            ("decision", "DECISION_NOT_POSSIBLE"),
            ("reason", "REASON_REQUIRED"),
        ]
    assert await Review.count() == 0
    assert await Rating.count().where(Rating.rated_by == "INSTITUTION") == 0
    assert (await current_record(submitted)).state is AssessmentState.SUBMITTED


@pytest.mark.parametrize("reason", ["", " \n\u3000", "\u2800"])
async def test_returning_wants_a_reason_that_can_be_read(
    province: SampleProvince, submitted: SampleDoctor, reason: str
) -> None:
    code = "TEXT_INVISIBLE" if reason == "\u2800" else "REASON_REQUIRED"
    use_case = by_institution(province, submitted, Decision.RETURNED_TO_DOCTOR, (), reason)
    assert await refused_fields(use_case) == [("reason", code)]
    await decide(province, submitted, INSTITUTION)
    for decision in (Decision.RETURNED_TO_DOCTOR, Decision.RETURNED_TO_INSTITUTION):
        assert await refused_fields(by_body(province, submitted, decision, reason)) == [("reason", code)]
    assert (await current_record(submitted)).state is AssessmentState.INSTITUTION_APPROVED


async def test_what_no_database_stores_is_refused(province: SampleProvince, submitted: SampleDoctor) -> None:
    for letter in ("\x00", "\ud800"):
        ratings = ((WORK, Verdict.QUALIFIED, letter), (ETHICS, Verdict.QUALIFIED, ""))
        assert await refused_fields(by_institution(province, submitted, Decision.APPROVED, ratings, letter)) == [
            ("ratings.0.comment", "TEXT_CONTROL_CHARACTER"),
            ("reason", "TEXT_CONTROL_CHARACTER"),
        ]
    await decide(province, submitted, INSTITUTION)
    use_case = by_body(province, submitted, Decision.RETURNED_TO_DOCTOR, "原因\x00")
    assert await refused_fields(use_case) == [("reason", "TEXT_CONTROL_CHARACTER")]


async def test_the_reviewer_must_have_read_the_latest_submission(
    environment: Environment, province: SampleProvince, submitted: SampleDoctor
) -> None:
    await withdraw(environment, submitted.caller, submitted.assessment_id)
    revision = (await current_record(submitted)).revision
    await submit(environment, submitted.caller, submitted.assessment_id, revision)
    for number in (0, 1, 3):
        use_case = by_institution(province, submitted, number=number)
        assert await refused_state(use_case) == ("SUBMISSION_OUTDATED", "SUBMITTED")
    assert await Rating.count().where(Rating.rated_by == "INSTITUTION") == 0
    await by_institution(province, submitted, number=2)
    use_case = by_body(province, submitted, Decision.APPROVED, number=1)
    assert await refused_state(use_case) == ("SUBMISSION_OUTDATED", "INSTITUTION_APPROVED")


async def test_a_failed_rating_is_never_approved(province: SampleProvince, submitted: SampleDoctor) -> None:
    await by_institution(province, submitted, ratings=ETHICS_FAILED)
    assert await refused_fields(by_body(province, submitted, Decision.APPROVED)) == [("decision", "RATING_FAILED")]
    assert (await current_record(submitted)).state is AssessmentState.INSTITUTION_APPROVED


async def test_what_did_not_fail_is_not_confirmed_as_failed(province: SampleProvince, submitted: SampleDoctor) -> None:
    await by_institution(province, submitted)
    use_case = by_body(province, submitted, Decision.FAILURE_CONFIRMED, "不合格")
    assert await refused_fields(use_case) == [("decision", "NO_FAILED_RATING")]
    assert await refused_fields(by_body(province, submitted, Decision.FAILURE_CONFIRMED)) == [
        ("decision", "NO_FAILED_RATING"),
        ("reason", "REASON_REQUIRED"),
    ]


async def test_a_confirmed_failure_concludes_without_a_test(province: SampleProvince, submitted: SampleDoctor) -> None:
    await by_institution(province, submitted, ratings=ETHICS_FAILED)
    await by_body(province, submitted, Decision.FAILURE_CONFIRMED, "核实无误")
    record = await current_record(submitted)
    assert (record.state, record.conclusion) == (AssessmentState.CONCLUDED, "UNQUALIFIED")
    assert {paper.state for paper in await papers_of(submitted)} == {PaperState.LOCKED}
    results = await Result.select(Result.verdict, Result.ground)
    assert [tuple(row.values()) for row in results] == [("UNQUALIFIED", ConclusionGround.RATING_FAILED.value)]
    use_case = by_body(province, submitted, Decision.FAILURE_CONFIRMED, "再次")
    assert await refused_state(use_case) == ("NOT_IN_THIS_STATE", "CONCLUDED")


async def test_the_institution_mends_its_rating_when_the_body_sends_it_back(
    province: SampleProvince, submitted: SampleDoctor
) -> None:
    await by_institution(province, submitted, ratings=ETHICS_FAILED)
    await by_body(province, submitted, Decision.RETURNED_TO_INSTITUTION, "依据不足")
    record = await current_record(submitted)
    assert (record.state, record.return_reason) == (AssessmentState.SUBMITTED, "依据不足")
    await by_institution(province, submitted)
    assert (await current_record(submitted)).return_reason == ""
    await by_body(province, submitted, Decision.APPROVED)
    latest = await read_latest_reviews([submitted.assessment_id, 10**9])
    assert latest[0] is not None
    assert (latest[0].level, latest[0].decision) == (BODY, Decision.APPROVED)
    assert latest[1] is None
    assert await Rating.count().where(Rating.rated_by == "INSTITUTION") == 2


async def test_returned_to_the_doctor_by_either_level(
    environment: Environment, province: SampleProvince, submitted: SampleDoctor
) -> None:
    await by_institution(province, submitted, Decision.RETURNED_TO_DOCTOR, (), "照片不清晰")
    record = await current_record(submitted)
    assert (record.state, record.return_reason) == (AssessmentState.RETURNED, "照片不清晰")
    await submit(environment, submitted.caller, submitted.assessment_id, record.revision)
    await by_institution(province, submitted, number=2)
    await by_body(province, submitted, Decision.RETURNED_TO_DOCTOR, "缺材料", number=2)
    record = await current_record(submitted)
    assert (record.state, record.return_reason) == (AssessmentState.RETURNED, "缺材料")
    reasons = await StateTransition.select(StateTransition.reason).where(StateTransition.target == "RETURNED")
    assert [row["reason"] for row in reasons] == ["照片不清晰", "缺材料"]


@pytest.mark.parametrize("state", [state for state in AssessmentState if state is not AssessmentState.CONCLUDED])
async def test_each_level_decides_in_its_one_state(province: SampleProvince, state: AssessmentState) -> None:
    doctor = await province.add_doctor(state=state, procedure="GENERAL")
    if state is not AssessmentState.SUBMITTED:
        use_case = by_institution(province, doctor, number=0)
        assert await refused_state(use_case) == ("NOT_IN_THIS_STATE", state.value)
    if state is not AssessmentState.INSTITUTION_APPROVED:
        use_case = by_body(province, doctor, Decision.RETURNED_TO_DOCTOR, "原因", number=0)
        assert await refused_state(use_case) == ("NOT_IN_THIS_STATE", state.value)
    assert await Review.count() == 0
    assert await Rating.count() == 0


async def test_who_may(environment: Environment, province: SampleProvince, submitted: SampleDoctor) -> None:
    other = await build_sample(environment, code_suffix="2", region_code="980000")
    colleague = await province.add_doctor("李四")
    strangers: tuple[tuple[Caller | None, str], ...] = (
        (None, "UNAUTHENTICATED"),
        (replace(province.institution, first_login=True), "FIRST_LOGIN_REQUIRED"),
        (colleague.caller, "NOT_FOUND"),
        (other.institution, "NOT_FOUND"),
        (other.body, "NOT_FOUND"),
        (other.authority, "NOT_FOUND"),
        (submitted.caller, "FORBIDDEN"),
        (province.authority, "FORBIDDEN"),
    )
    rest = (submitted.assessment_id, 1, Decision.APPROVED)
    for caller, code in (*strangers, (province.body, "FORBIDDEN")):
        assert await refused_access(review_by_institution(environment, caller, *rest, BOTH_QUALIFIED, "")) == code
    await decide(province, submitted, INSTITUTION)
    for caller, code in (*strangers, (province.institution, "FORBIDDEN")):
        assert await refused_access(review_by_body(environment, caller, *rest, "")) == code
    assert await Review.count() == 1
    assert (await current_record(submitted)).state is AssessmentState.INSTITUTION_APPROVED


async def test_nobody_decides_at_both_levels(
    environment: Environment, province: SampleProvince, submitted: SampleDoctor
) -> None:
    both = replace(province.institution, grants=(*province.institution.grants, *province.body.grants))
    await review_by_institution(environment, both, submitted.assessment_id, 1, Decision.APPROVED, BOTH_QUALIFIED, "")
    use_case = review_by_body(environment, both, submitted.assessment_id, 1, Decision.APPROVED, "")
    assert await refused_access(use_case) == "FORBIDDEN"
    # A colleague at the body may.
    await by_body(province, submitted, Decision.APPROVED)


async def test_nobody_reviews_his_own_assessment(
    environment: Environment, province: SampleProvince, submitted: SampleDoctor
) -> None:
    officer = replace(submitted.caller, grants=(*submitted.caller.grants, *province.institution.grants))
    use_case = review_by_institution(
        environment, officer, submitted.assessment_id, 1, Decision.APPROVED, BOTH_QUALIFIED, ""
    )
    assert await refused_access(use_case) == "FORBIDDEN"
    await decide(province, submitted, INSTITUTION)
    reviewer = replace(submitted.caller, grants=(*submitted.caller.grants, *province.body.grants))
    use_case = review_by_body(environment, reviewer, submitted.assessment_id, 1, Decision.APPROVED, "")
    assert await refused_access(use_case) == "FORBIDDEN"
    assert await Review.count() == 1


async def test_two_officers_at_once_decide_once(
    environment: Environment, province: SampleProvince, submitted: SampleDoctor
) -> None:
    outcomes = await asyncio.gather(
        by_institution(province, submitted),
        by_institution(province, submitted, Decision.RETURNED_TO_DOCTOR, (), "原因"),
        by_institution(province, submitted, ratings=ETHICS_FAILED),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "StateConflict", "StateConflict"]
    assert await Review.count() == 1
    record = await current_record(submitted)
    assert record.state in (AssessmentState.INSTITUTION_APPROVED, AssessmentState.RETURNED)


async def test_two_reviewers_of_the_body_at_once_decide_once(province: SampleProvince, submitted: SampleDoctor) -> None:
    await by_institution(province, submitted, ratings=ETHICS_FAILED)
    outcomes = await asyncio.gather(
        by_body(province, submitted, Decision.FAILURE_CONFIRMED, "属实"),
        by_body(province, submitted, Decision.FAILURE_CONFIRMED, "属实"),
        by_body(province, submitted, Decision.RETURNED_TO_DOCTOR, "原因"),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "StateConflict", "StateConflict"]
    assert await Review.count() == 2
    assert await Result.count() <= 1


async def test_queues_hold_what_waits_in_ones_own_scope(environment: Environment, province: SampleProvince) -> None:
    other = await build_sample(environment, code_suffix="2", region_code="980000")
    waiting = {
        state: (await province.add_doctor(state=state)).assessment_id
        for state in (AssessmentState.OPENED, AssessmentState.SUBMITTED, AssessmentState.INSTITUTION_APPROVED)
    }
    await other.add_doctor(state=AssessmentState.SUBMITTED)
    for caller, role, state in (
        (province.institution, Role.INSTITUTION_OFFICER, AssessmentState.SUBMITTED),
        (province.body, Role.BODY_REVIEWER, AssessmentState.INSTITUTION_APPROVED),
    ):
        found = await list_in_role(caller, role, [state], 0, 100)
        assert [record.id for record in found] == [waiting[state]]


async def test_the_simple_procedure_leads_to_its_one_paper(province: SampleProvince, doctor: SampleDoctor) -> None:
    await bring_to_tests(province, doctor, "SIMPLE")
    papers = await papers_of(doctor)
    assert [(paper.subject.value, paper.state, paper.attempts_allowed) for paper in papers] == [
        ("HUMANITIES", PaperState.AVAILABLE, None)
    ]


async def test_without_a_paper_the_bodys_approval_concludes(environment: Environment) -> None:
    # By the national text the simple procedure has no test; the sample's region adds one, this one does not.
    elsewhere = await build_sample(environment, code_suffix="2", region_code="980000")
    doctor = await elsewhere.add_doctor()
    await bring_to_tests(elsewhere, doctor, "SIMPLE")
    record = await current_record(doctor)
    assert (record.state, record.conclusion) == (AssessmentState.CONCLUDED, "QUALIFIED")
    assert await papers_of(doctor) == []
