"""The facade through which plugins reach the core: scope, order, and what it takes to act."""

from dataclasses import replace

import pytest

from dingkao.audit.work import NoAuditEntry
from dingkao.db.counting import count_queries
from dingkao.environment import Environment
from dingkao.host.services import CoreServices
from dingkao.plugin.caller import RoleGrant
from dingkao.plugin.errors import FirstLoginOpen, Forbidden, NotFound, NotLoggedIn
from dingkao.plugin.national import AccountsPolicy
from dingkao.plugin.vocabulary import AssessmentState, FilePurpose, PaperSubject, ReviewLevel, Role
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample, caller_for


@pytest.fixture
async def province(environment: Environment) -> SampleProvince:
    return await build_sample(environment)


@pytest.fixture
async def doctor(province: SampleProvince) -> SampleDoctor:
    return await province.add_doctor(state=AssessmentState.SUBMITTED, procedure="GENERAL")


@pytest.fixture
def services(environment: Environment) -> CoreServices:
    return CoreServices(environment)


async def test_what_plugins_contributed(services: CoreServices) -> None:
    assert set(services.procedures) == {"SIMPLE", "GENERAL"}
    assert "RESIDENCY_TRAINING" in services.exemption_conditions


async def test_readings_keep_order_and_scope(
    services: CoreServices, province: SampleProvince, doctor: SampleDoctor
) -> None:
    other = await province.add_doctor(state=AssessmentState.OPENED)
    keys = [other.assessment_id, 10**6, doctor.assessment_id, other.assessment_id]
    own = await services.readings(doctor.caller, keys)
    assert [reading is not None for reading in own] == [False, False, True, False]
    staff = await services.readings(province.institution, keys)
    assert [reading.facts.assessment_id if reading else None for reading in staff] == [keys[0], None, keys[2], keys[3]]
    assert staff[0] is not None
    assert staff[0].policy.section(AccountsPolicy).initial_password == "666666"
    assert list(await services.readings(doctor.caller, [])) == []


async def test_readings_take_the_same_queries_for_many(services: CoreServices, province: SampleProvince) -> None:
    keys = [(await province.add_doctor()).assessment_id for _ in range(6)]
    await services.readings(province.institution, keys[:1])
    counts = []
    for number in (2, 6):
        with count_queries() as queries:
            await services.readings(province.institution, keys[:number])
        counts.append(len(queries))
    assert counts == [3, 3]


async def test_one_assessment_for_reading(services: CoreServices, doctor: SampleDoctor) -> None:
    facts = await services.facts(doctor.caller, doctor.assessment_id)
    assert (facts.state, facts.procedure) == (AssessmentState.SUBMITTED, "GENERAL")
    assert (await services.policy(doctor.caller, doctor.assessment_id)).section(AccountsPolicy)
    for read in (services.facts, services.policy):
        with pytest.raises(NotFound):
            await read(doctor.caller, doctor.assessment_id + 1000)
        with pytest.raises(NotLoggedIn):
            await read(None, doctor.assessment_id)
        with pytest.raises(FirstLoginOpen):
            await read(replace(doctor.caller, first_login=True), doctor.assessment_id)


async def test_work_is_for_who_has_logged_in(services: CoreServices, doctor: SampleDoctor) -> None:
    with pytest.raises(NotLoggedIn):
        async with services.work(None):
            pytest.fail("began without a caller")
    with pytest.raises(FirstLoginOpen):
        async with services.work(replace(doctor.caller, first_login=True)):
            pytest.fail("began during the first login")


async def test_work_without_an_audit_entry_is_undone(services: CoreServices, doctor: SampleDoctor) -> None:
    with pytest.raises(NoAuditEntry):
        async with services.work(doctor.caller) as work:
            await work.lock_assessment(doctor.assessment_id)


async def test_everything_asks_for_the_lock_first(services: CoreServices, doctor: SampleDoctor) -> None:
    facts = await services.facts(doctor.caller, doctor.assessment_id)
    key = doctor.assessment_id

    async with services.work(doctor.caller) as work:
        with pytest.raises(RuntimeError, match="call lock_assessment first"):
            work.role_on(facts)
        for step in (
            work.policy(key),
            work.deciders(key, ReviewLevel.BODY),
            work.use_files(key, [], FilePurpose.EXEMPTION_PROOF, "proofs"),
            work.waive_paper(key, PaperSubject.HUMANITIES, "A", "甲"),
            work.record_transition("night", 1, facts, "A", "B", "C", ""),
        ):
            with pytest.raises(RuntimeError, match="call lock_assessment first"):
                await step
        await work.record("TEST", "Night", 1, {})


async def test_the_role_is_one_that_reaches_the_assessment(
    services: CoreServices, province: SampleProvince, doctor: SampleDoctor
) -> None:
    elsewhere = RoleGrant(Role.BODY_REVIEWER, province.body_id + 1000)
    here = RoleGrant(Role.INSTITUTION_OFFICER, province.institution_id)
    caller = caller_for(province.institution.account_id, "兼任", (elsewhere, here))
    async with services.work(caller) as work:
        facts = await work.lock_assessment(doctor.assessment_id)
        assert work.role_on(facts) is Role.INSTITUTION_OFFICER
        assert work.role_on(facts, Role.DOCTOR, Role.INSTITUTION_OFFICER) is Role.INSTITUTION_OFFICER
        with pytest.raises(Forbidden):
            work.role_on(facts, Role.BODY_REVIEWER)
        assert (work.caller, work.now) == (caller, province.environment.clock.now())
        await work.record("TEST", "Night", 1, {})


async def test_what_is_out_of_scope_cannot_be_locked(
    services: CoreServices, province: SampleProvince, doctor: SampleDoctor
) -> None:
    other = await province.add_doctor()
    for key in (other.assessment_id, 10**6):
        with pytest.raises(NotFound):
            async with services.work(doctor.caller) as work:
                await work.lock_assessment(key)
