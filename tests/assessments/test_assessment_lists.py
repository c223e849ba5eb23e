"""Lists of assessments: own scope, states, keyset pages; and what may be done next."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dingkao.assessments.access import gather_facts, pinned_policy, read_assessment
from dingkao.assessments.actions import CONSEQUENCES, actions_for
from dingkao.assessments.lists import current_assessment, list_assessments, list_in_role
from dingkao.assessments.rules import MACHINE, STAGES, TITLES, Event
from dingkao.assessments.tables import Assessment
from dingkao.cycles.pinning import policy_at
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.vocabulary import AssessmentKind, AssessmentState, Role
from dingkao.testing.progress import current_record
from dingkao.testing.refusals import refused_access
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample

ALL = 100


async def test_each_level_sees_its_own(environment: Environment, province: SampleProvince) -> None:
    other = await build_sample(environment, code_suffix="2", region_code="980000")
    mine = [await province.add_doctor(f"医师{number}") for number in range(3)]
    theirs = [await other.add_doctor(f"外省{number}") for number in range(2)]
    for place, doctors in ((province, mine), (other, theirs)):
        for caller in (place.institution, place.body, place.authority):
            found = await list_assessments(caller, [], 0, ALL)
            assert [record.id for record in found] == [doctor.assessment_id for doctor in doctors]
    assert [record.id for record in await list_assessments(mine[0].caller, [], 0, ALL)] == [mine[0].assessment_id]


async def test_pages_by_key_and_state(environment: Environment, province: SampleProvince) -> None:
    states = [AssessmentState.SUBMITTED, AssessmentState.OPENED] * 4
    doctors = [await province.add_doctor(f"医师{number}", state=state) for number, state in enumerate(states)]
    submitted = [doctor.assessment_id for doctor in doctors[::2]]
    first = await list_assessments(province.institution, [AssessmentState.SUBMITTED], 0, 3)
    assert [record.id for record in first] == submitted[:3]
    rest = await list_assessments(province.institution, [AssessmentState.SUBMITTED], first[-1].id, 3)
    assert [record.id for record in rest] == submitted[3:]


async def test_a_doctor_filters_before_the_page_is_cut(environment: Environment, province: SampleProvince) -> None:
    doctor = await province.add_doctor(state=AssessmentState.OPENED)
    later = await Assessment.insert(
        Assessment(
            doctor=doctor.doctor_id,
            cycle=province.cycle_id,
            kind=AssessmentKind.EARLY.value,
            state=AssessmentState.SUBMITTED.value,
            registration=doctor.registration_id,
            institution=province.institution_id,
            region=province.region_id,
            policy=await policy_at(province.cycle_id, province.institution_id),
            changed_at=environment.clock.now(),
        )
    ).returning(Assessment.id)
    found = await list_assessments(doctor.caller, [AssessmentState.SUBMITTED], 0, 1)
    assert [record.id for record in found] == [later[0]["id"]]
    newest = await current_assessment(doctor.doctor_id)
    assert newest is not None
    assert newest.id == later[0]["id"]


async def test_an_assessment_without_a_body_is_no_bodys(environment: Environment, province: SampleProvince) -> None:
    doctor = await province.add_doctor()
    await Assessment.update({Assessment.body: None}).where(Assessment.id == doctor.assessment_id)
    assert await list_assessments(province.body, [], 0, ALL) == []
    nowhere = replace(province.body, grants=(replace(province.body.grants[0], organisation_id=None),))
    assert await list_assessments(nowhere, [], 0, ALL) == []
    assert await refused_access(read_assessment(nowhere, doctor.assessment_id)) == "NOT_FOUND"


async def test_who_has_no_role_has_no_list(environment: Environment, province: SampleProvince) -> None:
    stranger = replace(province.institution, grants=())
    assert await refused_access(list_assessments(stranger, [], 0, ALL)) == "FORBIDDEN"
    assert await refused_access(list_assessments(None, [], 0, ALL)) == "UNAUTHENTICATED"
    assert await refused_access(list_in_role(province.institution, Role.BODY_REVIEWER, [], 0, ALL)) == "FORBIDDEN"


async def offered(environment: Environment, caller: Caller, doctor: SampleDoctor) -> dict[str, list[str]]:
    record = await current_record(doctor)
    actions = actions_for(
        caller,
        record,
        await gather_facts(record, environment.clock.now()),
        await pinned_policy(environment, record),
        (),
        now=environment.clock.now(),
        incomplete=False,
    )
    return {action.code: [reason.code for reason in action.reasons] for action in actions}


@pytest.mark.parametrize("state", [state for state in AssessmentState if state is not AssessmentState.CONCLUDED])
async def test_actions_are_what_the_machine_allows(
    environment: Environment, province: SampleProvince, state: AssessmentState
) -> None:
    doctor = await province.add_doctor(state=state)
    for caller, role in (
        (doctor.caller, Role.DOCTOR),
        (province.institution, Role.INSTITUTION_OFFICER),
        (province.body, Role.BODY_REVIEWER),
    ):
        actions = await offered(environment, caller, doctor)
        for event in Event:
            rows = [row for row in MACHINE.transitions if row.event is event and role in row.who]
            if event in CONSEQUENCES:
                assert event.value not in actions
            elif rows:
                fits = any(row.source is state for row in rows)
                assert (actions[event.value] == []) == fits, (role, event, actions[event.value])
            else:
                assert event.value not in actions
    assert await offered(environment, province.authority, doctor) == {}


async def test_reasons_against_submitting(environment: Environment, province: SampleProvince) -> None:
    doctor = await province.add_doctor()
    record = await current_record(doctor)
    facts = await gather_facts(record, environment.clock.now())
    policy = await pinned_policy(environment, record)
    actions = actions_for(
        doctor.caller, record, facts, policy, (), now=record.enrolment_until + timedelta(days=1), incomplete=True
    )
    reasons = {action.code: [reason.code for reason in action.reasons] for action in actions}
    assert reasons["SUBMIT"] == ["ENROLMENT_NOT_OPEN", "INCOMPLETE"]
    assert reasons["START_ATTEMPT"] == ["NOT_APPROVED"]
    assert reasons["EDIT_REGISTRATION"] == []


async def test_what_the_body_sent_back_is_not_the_doctors_to_withdraw(
    environment: Environment, province: SampleProvince
) -> None:
    doctor = await province.add_doctor(state=AssessmentState.SUBMITTED)
    assert (await offered(environment, doctor.caller, doctor))["WITHDRAW"] == []
    await Assessment.update({Assessment.return_reason: "评定有误"}).where(Assessment.id == doctor.assessment_id)
    assert (await offered(environment, doctor.caller, doctor))["WITHDRAW"] == ["INSTITUTION_HAS_ACTED"]


async def test_an_officer_may_not_review_his_own_assessment(environment: Environment, province: SampleProvince) -> None:
    doctor = await province.add_doctor(state=AssessmentState.SUBMITTED)
    officer = replace(doctor.caller, grants=(*doctor.caller.grants, *province.institution.grants))
    actions = await offered(environment, officer, doctor)
    assert actions["INSTITUTION_APPROVE"] == actions["INSTITUTION_RETURN"] == ["OWN_ASSESSMENT"]
    assert actions["WITHDRAW"] == []
    assert (await offered(environment, province.institution, doctor))["INSTITUTION_APPROVE"] == []


def test_every_state_and_event_has_its_words() -> None:
    assert set(STAGES) == set(AssessmentState)
    assert set(TITLES) == set(Event)
    keys = [(row.source, row.event) for row in MACHINE.transitions]
    assert len(set(keys)) == len(keys)
    for title, sentence in STAGES.values():
        assert title.zh
        assert title.en
        assert sentence.zh.endswith("。")
