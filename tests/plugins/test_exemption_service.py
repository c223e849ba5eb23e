"""Exemptions on both databases: asking, two levels, refusals, the queue, and two at once."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from exemption_kit import Enrol, Enrolled, upload

from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import AuditEntry, StateTransition
from dingkao.db.counting import count_queries
from dingkao.environment import Environment
from dingkao.host.services import CoreServices
from dingkao.institutions.tables import Organisation
from dingkao.papers.tables import AssessmentPaper
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import (
    FirstLoginOpen,
    Forbidden,
    NotEligible,
    NotFound,
    NotLoggedIn,
    StateConflict,
    ValidationFailed,
)
from dingkao.plugin.policy import PolicyLayer
from dingkao.plugin.vocabulary import AssessmentState, FilePurpose, PaperState, PaperSubject, ReviewLevel, Role
from dingkao.reviews.tables import Review
from dingkao.reviews.vocabulary import Decision
from dingkao.testing.sample import SampleProvince, build_sample, caller_for
from dingkao_exemptions.rules import ExemptionDecision, ExemptionState
from dingkao_exemptions.service import (
    GivenProof,
    decide_exemption,
    exemption_queue,
    request_exemption,
    waiver_title,
)
from dingkao_exemptions.store import RequestRecord, Tick, read_proofs_of, read_request, read_requests_of

RESIDENCY, TITLE = "RESIDENCY_TRAINING", "NEXT_TITLE_EXAM"
APPROVE, REJECT = ExemptionDecision.APPROVE, ExemptionDecision.REJECT
INSTITUTION, BODY = ReviewLevel.INSTITUTION, ReviewLevel.BODY


@pytest.fixture
def services(environment: Environment) -> CoreServices:
    return CoreServices(environment)


def given(*files: str) -> list[GivenProof]:
    return [GivenProof(file) for file in files]


async def ask(services: CoreServices, enrolled: Enrolled, *conditions: str) -> int:
    return await request_exemption(
        services, enrolled.caller, enrolled.assessment_id, conditions or [RESIDENCY], given(*enrolled.files)
    )


async def stored(request_id: int) -> RequestRecord:
    found = await read_request(request_id)
    assert found is not None
    return found


async def paper_of(assessment_id: int, subject: PaperSubject = PaperSubject.PROFESSIONAL) -> dict[str, Any]:
    rows = await AssessmentPaper.select().where(
        (AssessmentPaper.assessment == assessment_id) & (AssessmentPaper.subject == subject.value)
    )
    return dict(rows[0])


async def set_paper(assessment_id: int, state: PaperState, subject: PaperSubject = PaperSubject.PROFESSIONAL) -> None:
    await AssessmentPaper.update({AssessmentPaper.state: state.value}).where(
        (AssessmentPaper.assessment == assessment_id) & (AssessmentPaper.subject == subject.value)
    )


async def set_assessment(assessment_id: int, **values: Any) -> None:
    await Assessment.update(values).where(Assessment.id == assessment_id)


async def test_both_levels_approve_and_the_paper_is_waived(
    services: CoreServices, province: SampleProvince, enrol: Enrol
) -> None:
    enrolled = await enrol()
    request_id = await ask(services, enrolled, TITLE, RESIDENCY)
    request = await stored(request_id)
    assert (request.state, request.subject) == (ExemptionState.REQUESTED, PaperSubject.PROFESSIONAL)
    assert [tick.code for tick in request.conditions] == [TITLE, RESIDENCY]
    assert request.procedure_title == "一般程序"
    assert len((await read_proofs_of([request_id]))[0]) == 2

    await decide_exemption(services, province.institution, request_id, INSTITUTION, APPROVE, "")
    assert (await stored(request_id)).state is ExemptionState.INSTITUTION_APPROVED
    assert (await paper_of(enrolled.assessment_id))["state"] == "LOCKED"

    await decide_exemption(services, province.body, request_id, BODY, APPROVE, " 材料属实 ")
    request = await stored(request_id)
    assert request.state is ExemptionState.BODY_APPROVED
    assert request.body is not None
    assert (request.body.reason, request.body.account) == ("材料属实", province.body.account_id)
    paper = await paper_of(enrolled.assessment_id)
    assert (paper["state"], paper["waiver_code"]) == ("EXEMPT", TITLE)
    assert "晋升上一级" in paper["waiver_title"]
    assert "住院医师" in paper["waiver_title"]
    assert (await paper_of(enrolled.assessment_id, PaperSubject.HUMANITIES))["state"] == "AVAILABLE"


async def test_every_transition_and_act_is_written_down(
    services: CoreServices, province: SampleProvince, enrol: Enrol
) -> None:
    request_id = await ask(services, await enrol())
    await decide_exemption(services, province.institution, request_id, INSTITUTION, APPROVE, "")
    await decide_exemption(services, province.body, request_id, BODY, REJECT, "证书不在周期内")
    rows = await StateTransition.select().where(StateTransition.machine == "exemption").order_by(StateTransition.id)
    assert [(row["source"], row["event"], row["target"], row["role"], row["reason"]) for row in rows] == [
        ("REQUESTED", "INSTITUTION_APPROVE", "INSTITUTION_APPROVED", "INSTITUTION_OFFICER", ""),
        ("INSTITUTION_APPROVED", "BODY_REJECT", "REJECTED", "BODY_REVIEWER", "证书不在周期内"),
    ]
    assert {row["object_id"] for row in rows} == {request_id}
    assert [row["organisation"] for row in rows] == [province.institution_id, province.body_id]
    assert all("local_policy/2026-1" in row["policy_version"] for row in rows)
    entries = await AuditEntry.select().where(AuditEntry.object_type == "Exemption").order_by(AuditEntry.id)
    assert [entry["action"] for entry in entries] == [
        "REQUEST_EXEMPTION",
        "DECIDE_EXEMPTION_BY_INSTITUTION",
        "DECIDE_EXEMPTION_BY_BODY",
    ]
    assert json.loads(entries[0]["detail"])["conditions"] == [RESIDENCY]
    assert [entry["role"] for entry in entries] == ["DOCTOR", "INSTITUTION_OFFICER", "BODY_REVIEWER"]


async def test_everything_wrong_with_the_input_at_once(
    services: CoreServices, province: SampleProvince, enrol: Enrol
) -> None:
    enrolled, other = await enrol(), await enrol()
    wrong_purpose = await upload(enrolled.doctor, 9, province.environment.clock.now(), FilePurpose.PROCEDURE_PROOF)
    proofs = [enrolled.files[0], other.files[0], enrolled.files[0], wrong_purpose, "no id"]
    conditions = [RESIDENCY, "HUMANITIES_EDUCATION", "NONSENSE", RESIDENCY]
    with pytest.raises(ValidationFailed) as caught:
        await request_exemption(services, enrolled.caller, enrolled.assessment_id, conditions, given(*proofs))
    assert [(problem.path, problem.code) for problem in caught.value.problems] == [
        ("conditions.1", "CONDITION_NOT_OFFERED"),
        ("conditions.2", "CONDITION_NOT_OFFERED"),
        ("conditions.3", "REPEATED"),
        ("proofs.1", "FILE_NOT_FOUND"),
        ("proofs.2", "REPEATED"),
        ("proofs.3", "FILE_NOT_FOUND"),
        ("proofs.4", "FILE_NOT_FOUND"),
    ]
    with pytest.raises(ValidationFailed) as caught:
        await request_exemption(services, enrolled.caller, enrolled.assessment_id, [], [])
    assert [(problem.path, problem.code) for problem in caught.value.problems] == [
        ("conditions", "CONDITION_REQUIRED"),
        ("proofs", "PROOF_REQUIRED"),
    ]
    with pytest.raises(ValidationFailed) as caught:
        await request_exemption(services, enrolled.caller, enrolled.assessment_id, [], given(*["x"] * 11))
    assert [problem.code for problem in caught.value.problems] == ["CONDITION_REQUIRED", "TOO_MANY_PROOFS"]
    assert list((await read_requests_of([enrolled.assessment_id]))[0]) == []


async def test_simple_waives_only_the_humanities_paper(services: CoreServices, enrol: Enrol) -> None:
    enrolled = await enrol("SIMPLE")
    with pytest.raises(ValidationFailed) as caught:
        await ask(services, enrolled, RESIDENCY)
    assert caught.value.problems[0].code == "CONDITION_NOT_OFFERED"
    request = await stored(await ask(services, enrolled, "HUMANITIES_EDUCATION"))
    assert (request.subject, request.procedure) == (PaperSubject.HUMANITIES, "SIMPLE")


async def test_who_may_ask(services: CoreServices, province: SampleProvince, enrol: Enrol) -> None:
    enrolled, other = await enrol(), await enrol()

    async def ask_as(caller: Caller | None) -> None:
        await request_exemption(services, caller, enrolled.assessment_id, [RESIDENCY], given(*enrolled.files))

    with pytest.raises(NotLoggedIn):
        await ask_as(None)
    with pytest.raises(FirstLoginOpen):
        await ask_as(replace(enrolled.caller, first_login=True))
    with pytest.raises(NotFound):
        await ask_as(other.caller)
    for staff in (province.institution, province.body, province.authority):
        with pytest.raises(Forbidden):
            await ask_as(staff)


async def test_the_state_must_fit(services: CoreServices, enrol: Enrol) -> None:
    enrolled = await enrol(state=AssessmentState.RETURNED)
    with pytest.raises(StateConflict) as caught:
        await ask(services, enrolled)
    assert (caught.value.code, caught.value.state) == ("ENROLMENT_NOT_COMPLETE", "RETURNED")
    await set_assessment(enrolled.assessment_id, state="TESTING")
    await set_paper(enrolled.assessment_id, PaperState.IN_PROGRESS)
    with pytest.raises(StateConflict) as caught:
        await ask(services, enrolled)
    assert caught.value.code == "PAPER_BEGUN"


async def test_a_procedure_without_the_paper_is_not_eligible(services: CoreServices, enrol: Enrol) -> None:
    enrolled = await enrol("SIMPLE")
    await AssessmentPaper.delete().where(AssessmentPaper.assessment == enrolled.assessment_id)
    with pytest.raises(NotEligible) as caught:
        await ask(services, enrolled, "HUMANITIES_EDUCATION")
    assert [reason.code for reason in caught.value.reasons] == ["NO_SUCH_PAPER"]


async def test_one_open_request_and_again_after_a_rejection(
    services: CoreServices, province: SampleProvince, enrol: Enrol
) -> None:
    enrolled = await enrol()
    first = await ask(services, enrolled)
    with pytest.raises(StateConflict) as caught:
        await ask(services, enrolled, TITLE)
    assert caught.value.code == "EXEMPTION_OPEN"
    await decide_exemption(services, province.institution, first, INSTITUTION, REJECT, "证书看不清")
    second = await ask(services, enrolled)
    records = (await read_requests_of([enrolled.assessment_id]))[0]
    assert [(record.id, record.state) for record in records] == [
        (first, ExemptionState.REJECTED),
        (second, ExemptionState.REQUESTED),
    ]
    # After the paper has been begun there is no other try.
    await decide_exemption(services, province.institution, second, INSTITUTION, REJECT, "仍看不清")
    await set_paper(enrolled.assessment_id, PaperState.IN_PROGRESS)
    with pytest.raises(StateConflict):
        await ask(services, enrolled)


async def test_who_may_decide(services: CoreServices, province: SampleProvince, enrol: Enrol) -> None:
    elsewhere = await build_sample(province.environment, code_suffix="-2", region_code="980000")
    enrolled = await enrol()
    request_id = await ask(services, enrolled)

    async def decide_as(caller: Caller | None, level: ReviewLevel) -> None:
        await decide_exemption(services, caller, request_id, level, APPROVE, "")

    with pytest.raises(NotLoggedIn):
        await decide_as(None, INSTITUTION)
    for caller, level in (
        (enrolled.caller, INSTITUTION),
        (province.body, INSTITUTION),
        (province.institution, BODY),
        (province.authority, INSTITUTION),
    ):
        with pytest.raises(Forbidden):
            await decide_as(caller, level)
    for caller, level in ((elsewhere.institution, INSTITUTION), (elsewhere.body, BODY), ((await enrol()).caller, BODY)):
        with pytest.raises(NotFound):
            await decide_as(caller, level)
    with pytest.raises(NotFound):
        await decide_exemption(services, province.institution, request_id + 999, INSTITUTION, APPROVE, "")
    with pytest.raises(StateConflict) as caught:
        await decide_as(province.body, BODY)
    assert (caught.value.code, caught.value.state) == ("NOT_IN_THIS_STATE", "REQUESTED")


async def both_levels(province: SampleProvince, account_id: int | None = None, doctor_id: int | None = None) -> Caller:
    """One account that is officer of the institution and reviewer of the body."""
    grants = (
        RoleGrant(Role.INSTITUTION_OFFICER, province.institution_id),
        RoleGrant(Role.BODY_REVIEWER, province.body_id),
    )
    return caller_for(account_id or province.institution.account_id, "兼任", grants, doctor_id)


async def test_one_person_does_not_decide_at_both_levels(
    services: CoreServices, province: SampleProvince, enrol: Enrol
) -> None:
    both = await both_levels(province)
    request_id = await ask(services, await enrol())
    await decide_exemption(services, both, request_id, INSTITUTION, APPROVE, "")
    with pytest.raises(Forbidden) as caught:
        await decide_exemption(services, both, request_id, BODY, APPROVE, "")
    assert "不得为同一人" in caught.value.text.zh
    await decide_exemption(services, province.body, request_id, BODY, APPROVE, "")


@pytest.mark.parametrize(("reviewed", "level"), [(ReviewLevel.INSTITUTION, BODY), (ReviewLevel.BODY, INSTITUTION)])
async def test_whoever_reviewed_at_the_other_level_does_not_decide(
    services: CoreServices, province: SampleProvince, enrol: Enrol, reviewed: ReviewLevel, level: ReviewLevel
) -> None:
    enrolled = await enrol()
    both = await both_levels(province, account_id=province.authority.account_id)
    await Review.insert(
        Review(
            assessment=enrolled.assessment_id,
            submission_number=1,
            level=reviewed.value,
            decision=Decision.APPROVED.value,
            reviewer=both.account_id,
            organisation=province.institution_id,
            decided_at=province.environment.clock.now(),
        )
    )
    request_id = await ask(services, enrolled)
    if level is BODY:
        await decide_exemption(services, province.institution, request_id, INSTITUTION, APPROVE, "")
    with pytest.raises(Forbidden):
        await decide_exemption(services, both, request_id, level, APPROVE, "")


async def test_a_region_may_let_one_person_decide_twice(
    environment: Environment, services: CoreServices, province: SampleProvince, enrol: Enrol
) -> None:
    layer = PolicyLayer("970000", "test", "1", "test", {"reviews.separate_people": False})
    policies = type(environment.policies)(environment.registry.sections, [*environment.registry.layers, layer])
    lenient = replace(environment, policies=policies)
    elsewhere = await build_sample(lenient, code_suffix="-3", region_code="970000")
    doctor = await elsewhere.add_doctor(state=AssessmentState.BODY_APPROVED, procedure="GENERAL")
    await AssessmentPaper.insert(
        AssessmentPaper(
            assessment=doctor.assessment_id,
            subject="PROFESSIONAL",
            position=1,
            state="LOCKED",
            attempts_allowed=1,
            changed_at=environment.clock.now(),
        )
    )
    enrolled = Enrolled(doctor, (await upload(doctor, 1, environment.clock.now()),))
    both = await both_levels(elsewhere)
    there = CoreServices(lenient)
    request_id = await ask(there, enrolled)
    await decide_exemption(there, both, request_id, INSTITUTION, APPROVE, "")
    await decide_exemption(there, both, request_id, BODY, APPROVE, "")
    assert (await stored(request_id)).state is ExemptionState.BODY_APPROVED


async def test_nobody_decides_on_his_own(services: CoreServices, province: SampleProvince, enrol: Enrol) -> None:
    enrolled = await enrol()
    request_id = await ask(services, enrolled)
    himself = await both_levels(province, enrolled.caller.account_id, enrolled.doctor.doctor_id)
    with pytest.raises(Forbidden) as caught:
        await decide_exemption(services, himself, request_id, INSTITUTION, APPROVE, "")
    assert "本人" in caught.value.text.zh


async def test_a_rejection_needs_its_reason(services: CoreServices, province: SampleProvince, enrol: Enrol) -> None:
    request_id = await ask(services, await enrol())
    for reason, code in (("  ", "REASON_REQUIRED"), ("长" * 1001, "REASON_TOO_LONG")):
        with pytest.raises(ValidationFailed) as caught:
            await decide_exemption(services, province.institution, request_id, INSTITUTION, REJECT, reason)
        assert [problem.code for problem in caught.value.problems] == [code]
    assert (await stored(request_id)).state is ExemptionState.REQUESTED


async def test_a_change_of_procedure_lets_the_request_lapse(
    services: CoreServices, province: SampleProvince, enrol: Enrol
) -> None:
    enrolled = await enrol()
    request_id = await ask(services, enrolled)
    await set_assessment(enrolled.assessment_id, procedure="SIMPLE")
    with pytest.raises(StateConflict) as caught:
        await decide_exemption(services, province.institution, request_id, INSTITUTION, APPROVE, "")
    assert caught.value.code == "EXEMPTION_LAPSED"
    # What has lapsed is no obstacle to another request.
    second = await ask(services, enrolled, "HUMANITIES_EDUCATION")
    assert (await stored(second)).subject is PaperSubject.HUMANITIES


async def test_a_transfer_lets_an_open_request_lapse(
    services: CoreServices, province: SampleProvince, enrol: Enrol
) -> None:
    enrolled = await enrol()
    first = await ask(services, enrolled)
    hospital = await Organisation.insert(
        Organisation(code="H900", name="示范省第二医院", region=province.region_id, is_institution=True)
    ).returning(Organisation.id)
    await set_assessment(enrolled.assessment_id, institution=hospital[0]["id"])
    officer = caller_for(
        province.authority.account_id, "新单位", (RoleGrant(Role.INSTITUTION_OFFICER, hospital[0]["id"]),)
    )
    with pytest.raises(StateConflict) as caught:
        await decide_exemption(services, officer, first, INSTITUTION, APPROVE, "")
    assert caught.value.code == "EXEMPTION_LAPSED"
    with pytest.raises(NotFound):
        await decide_exemption(services, province.institution, first, INSTITUTION, APPROVE, "")
    second = await ask(services, enrolled)
    page = await exemption_queue(services, officer, INSTITUTION, 20, 0)
    assert [request.id for request in page.requests] == [second]


async def test_nothing_is_decided_while_the_doctor_has_the_form_back(
    services: CoreServices, province: SampleProvince, enrol: Enrol
) -> None:
    enrolled = await enrol(state=AssessmentState.SUBMITTED)
    request_id = await ask(services, enrolled)
    await set_assessment(enrolled.assessment_id, state="RETURNED")
    with pytest.raises(StateConflict) as caught:
        await decide_exemption(services, province.institution, request_id, INSTITUTION, REJECT, "退回")
    assert caught.value.code == "ENROLMENT_NOT_COMPLETE"
    await set_assessment(enrolled.assessment_id, state="SUBMITTED")
    await decide_exemption(services, province.institution, request_id, INSTITUTION, APPROVE, "")


async def test_a_paper_begun_meanwhile_is_not_waived(
    services: CoreServices, province: SampleProvince, enrol: Enrol
) -> None:
    enrolled = await enrol()
    request_id = await ask(services, enrolled)
    await decide_exemption(services, province.institution, request_id, INSTITUTION, APPROVE, "")
    await set_paper(enrolled.assessment_id, PaperState.IN_PROGRESS)
    with pytest.raises(StateConflict) as caught:
        await decide_exemption(services, province.body, request_id, BODY, APPROVE, "")
    assert caught.value.code == "PAPER_BEGUN"
    assert (await stored(request_id)).state is ExemptionState.INSTITUTION_APPROVED
    await decide_exemption(services, province.body, request_id, BODY, REJECT, "已开始作答")


async def outcomes(*running: Any) -> list[Any]:
    return list(await asyncio.gather(*running, return_exceptions=True))


async def test_of_two_requests_at_once_one_wins(services: CoreServices, enrol: Enrol) -> None:
    enrolled = await enrol()
    found = await outcomes(ask(services, enrolled), ask(services, enrolled, TITLE), ask(services, enrolled))
    assert sorted(type(outcome).__name__ for outcome in found) == ["StateConflict", "StateConflict", "int"]
    assert len((await read_requests_of([enrolled.assessment_id]))[0]) == 1


async def test_of_two_decisions_at_once_one_wins(
    services: CoreServices, province: SampleProvince, enrol: Enrol
) -> None:
    request_id = await ask(services, await enrol())
    found = await outcomes(
        decide_exemption(services, province.institution, request_id, INSTITUTION, APPROVE, ""),
        decide_exemption(services, province.institution, request_id, INSTITUTION, REJECT, "不符"),
    )
    assert sorted(type(outcome).__name__ for outcome in found) == ["NoneType", "StateConflict"]
    transitions = await StateTransition.count().where(StateTransition.object_id == request_id)
    assert transitions == 1


async def test_each_level_sees_its_own_queue_in_pages(
    services: CoreServices, province: SampleProvince, enrol: Enrol
) -> None:
    elsewhere = await build_sample(province.environment, code_suffix="-2", region_code="980000")
    requests = [await ask(services, await enrol()) for _ in range(5)]
    page = await exemption_queue(services, province.institution, INSTITUTION, 2, 0)
    assert [request.id for request in page.requests] == requests[:2]
    assert (page.last_key, page.more) == (requests[1], True)
    page = await exemption_queue(services, province.institution, INSTITUTION, 3, requests[1])
    assert [request.id for request in page.requests] == requests[2:]
    assert not page.more
    assert not (await exemption_queue(services, province.body, BODY, 20, 0)).requests
    await decide_exemption(services, province.institution, requests[3], INSTITUTION, APPROVE, "")
    page = await exemption_queue(services, province.body, BODY, 20, 0)
    assert [request.id for request in page.requests] == [requests[3]]
    assert not (await exemption_queue(services, elsewhere.institution, INSTITUTION, 20, 0)).requests
    for caller, level in ((province.body, INSTITUTION), (province.institution, BODY), (province.authority, BODY)):
        with pytest.raises(Forbidden):
            await exemption_queue(services, caller, level, 20, 0)
    with pytest.raises(NotLoggedIn):
        await exemption_queue(services, None, BODY, 20, 0)


async def test_the_queue_leaves_out_what_cannot_be_decided_and_goes_on(
    services: CoreServices, province: SampleProvince, enrol: Enrol
) -> None:
    doctors = [await enrol() for _ in range(4)]
    requests = [await ask(services, enrolled) for enrolled in doctors]
    await set_assessment(doctors[0].assessment_id, procedure="SIMPLE")
    await set_assessment(doctors[1].assessment_id, state="RETURNED")
    page = await exemption_queue(services, province.institution, INSTITUTION, 2, 0)
    assert (list(page.requests), page.last_key, page.more) == ([], requests[1], True)
    page = await exemption_queue(services, province.institution, INSTITUTION, 2, requests[1])
    assert [request.id for request in page.requests] == requests[2:]


async def test_the_queues_queries_do_not_grow(services: CoreServices, province: SampleProvince, enrol: Enrol) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            await ask(services, await enrol())
        with count_queries() as queries:
            page = await exemption_queue(services, province.institution, INSTITUTION, 50, 0)
        counts.append((len(page.requests), len(queries)))
    assert [number for number, _ in counts] == [3, 6]
    assert counts[0][1] == counts[1][1] == 4


def test_a_long_waiver_title_keeps_to_the_column() -> None:
    short, long = Tick("A", "甲" * 50), Tick("B", "乙" * 100)
    assert waiver_title([short]) == short.title
    assert waiver_title([short, long]) == short.title
    assert len(waiver_title([Tick("C", "丙" * 200)])) == 120


async def strict_services(environment: Environment) -> tuple[CoreServices, SampleProvince]:
    """A region that wants every kind of proof and excludes a promotion."""
    excluded = {"ASSISTANT_TO_LICENSED": {"chinese": "本区不予免考。", "english": "Not granted here."}}
    layer = PolicyLayer(
        "960000", "test", "1", "test", {"exemptions.every_proof_kind": True, "exemptions.excluded": excluded}
    )
    policies = type(environment.policies)(environment.registry.sections, [*environment.registry.layers, layer])
    strict = replace(environment, policies=policies)
    return CoreServices(strict), await build_sample(strict, code_suffix="-4", region_code="960000")


async def doctor_with_paper(province: SampleProvince, files: int) -> Enrolled:
    doctor = await province.add_doctor(state=AssessmentState.BODY_APPROVED, procedure="GENERAL")
    now = province.environment.clock.now()
    await AssessmentPaper.insert(
        AssessmentPaper(
            assessment=doctor.assessment_id,
            subject="PROFESSIONAL",
            position=1,
            state="AVAILABLE",
            attempts_allowed=1,
            changed_at=now,
        )
    )
    return Enrolled(doctor, tuple([await upload(doctor, number, now) for number in range(files)]))


async def test_each_kind_of_proof_where_the_region_wants_it(environment: Environment) -> None:
    services, province = await strict_services(environment)
    enrolled = await doctor_with_paper(province, files=3)
    first, second, third = enrolled.files

    async def asked(*proofs: GivenProof) -> int:
        return await request_exemption(services, enrolled.caller, enrolled.assessment_id, [TITLE], proofs)

    with pytest.raises(ValidationFailed) as caught:
        await asked(GivenProof(first, "TITLE_CERTIFICATE"), GivenProof(second), GivenProof(third, "SOMETHING"))
    assert [(problem.path, problem.code) for problem in caught.value.problems] == [
        ("proofs.2.kind", "PROOF_KIND_UNKNOWN"),
        ("proofs", "PROOF_KIND_MISSING"),
    ]
    assert "医师执业证书" in caught.value.problems[1].text.zh
    request_id = await asked(
        GivenProof(first, "TITLE_CERTIFICATE"),
        GivenProof(third, "PRACTICE_CERTIFICATE"),
        GivenProof(second, "PRACTICE_CERTIFICATE"),
    )
    stored_proofs = (await read_proofs_of([request_id]))[0]
    assert [proof.kind for proof in stored_proofs] == ["TITLE_CERTIFICATE", *["PRACTICE_CERTIFICATE"] * 2]
    assert stored_proofs[0].kind_title == "专业技术资格证书或成绩合格证明"


async def test_whoever_cannot_have_it_is_told_before_his_proofs(environment: Environment) -> None:
    services, province = await strict_services(environment)
    enrolled = await doctor_with_paper(province, files=0)
    with pytest.raises(NotEligible) as caught:
        await request_exemption(services, enrolled.caller, enrolled.assessment_id, ["ASSISTANT_TO_LICENSED"], [])
    (reason,) = caught.value.reasons
    assert reason.code == "CONDITION_EXCLUDED"
    assert reason.text.zh == "“考核周期内由执业助理医师晋升为执业医师（地方规定）”：本地区不予免考：本区不予免考。"


async def test_a_kind_may_be_named_where_none_is_wanted(services: CoreServices, enrol: Enrol) -> None:
    enrolled = await enrol()
    proofs = [GivenProof(enrolled.files[0], "RESIDENCY_CERTIFICATE"), GivenProof(enrolled.files[1])]
    request_id = await request_exemption(services, enrolled.caller, enrolled.assessment_id, [RESIDENCY], proofs)
    kept = (await read_proofs_of([request_id]))[0]
    assert [(proof.kind, proof.kind_title) for proof in kept] == [
        ("RESIDENCY_CERTIFICATE", "住院医师规范化培训合格证书"),
        (None, ""),
    ]
