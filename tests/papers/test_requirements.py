"""A plugin's requirements before the body's approval and the conclusion, on both databases: they hold back, and decide
nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from dingkao.assessments import requirements
from dingkao.environment import Environment
from dingkao.host.loading import FoundPlugin, PluginRefused, build_registry
from dingkao.host.services import CoreServices
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.pass_mark import propose_pass_mark
from dingkao.plugin import hookimpl
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.requirements import Requirement, Step
from dingkao.plugin.services import AssessmentReading
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import AssessmentState, PaperSubject, ReviewLevel, Verdict
from dingkao.reviews.vocabulary import Decision
from dingkao.testing.clock import SettableClock
from dingkao.testing.progress import BOTH_QUALIFIED, current_record, decide, submit_registration
from dingkao.testing.refusals import refused_reasons, refused_state
from dingkao.testing.sample import SampleProvince, build_sample
from dingkao.testing.two_people import confirmed

from .sittings import MINUTES, QUESTIONS, Sittings, build_sittings

ONE_FAILED = tuple((dimension, Verdict.UNQUALIFIED, "") for dimension, _, _ in BOTH_QUALIFIED)


class Check:
    """A requirement that is open for whom the test says; remembers what it was asked."""

    code = "CHECK"
    title = Text("抽查", "Check")

    def __init__(self) -> None:
        self.open: dict[Step, set[int]] = {}
        self.asked: list[tuple[Step, list[AssessmentState]]] = []

    async def unmet(self, step: Step, assessments: Sequence[AssessmentReading]) -> Mapping[int, Sequence[Reason]]:
        self.asked.append((step, [reading.facts.state for reading in assessments]))
        reason = Reason("CHECK_OPEN", Text("抽查未完成。", "The check is open."))
        held = self.open.get(step, set())
        return {reading.facts.assessment_id: [reason] for reading in assessments if reading.facts.assessment_id in held}


class CheckPlugin:
    plugin_api = 1

    def __init__(self, check: Check) -> None:
        self._check = check

    @hookimpl
    def requirements(self) -> Sequence[Requirement]:
        return [self._check]


@pytest.fixture
def check() -> Check:
    return Check()


@pytest.fixture
def checking(environment: Environment, check: Check) -> Environment:
    """The environment with a requirement in force."""
    return replace(environment, registry=replace(environment.registry, requirements=[check]))


def test_a_plugin_contributes_them(check: Check) -> None:
    registry = build_registry([FoundPlugin("first", "first", "1", CheckPlugin(check))])
    assert list(registry.requirements) == [check]
    twice = [FoundPlugin(name, name, "1", CheckPlugin(check)) for name in ("first", "other")]
    with pytest.raises(PluginRefused, match=r"requirement CHECK is claimed by first and by plugin other"):
        build_registry(twice)


async def test_the_approval_waits(checking: Environment, check: Check) -> None:
    province: SampleProvince = await build_sample(checking)
    doctor = await province.add_doctor()
    await submit_registration(checking, doctor)
    await decide(province, doctor, ReviewLevel.INSTITUTION)
    assert check.asked == []
    check.open[Step.BODY_APPROVAL] = {doctor.assessment_id}
    assert await refused_reasons(decide(province, doctor, ReviewLevel.BODY)) == ["CHECK_OPEN"]
    record = await current_record(doctor)
    assert record.state is AssessmentState.INSTITUTION_APPROVED
    assert check.asked == [(Step.BODY_APPROVAL, [AssessmentState.INSTITUTION_APPROVED])]
    # What is no step forward needs nothing.
    await decide(province, doctor, ReviewLevel.BODY, Decision.RETURNED_TO_INSTITUTION)
    await decide(province, doctor, ReviewLevel.INSTITUTION)
    check.open.clear()
    await decide(province, doctor, ReviewLevel.BODY)
    assert (await current_record(doctor)).state is AssessmentState.BODY_APPROVED


async def test_a_confirmed_failure_waits(checking: Environment, check: Check) -> None:
    province = await build_sample(checking)
    doctor = await province.add_doctor()
    await submit_registration(checking, doctor)
    await decide(province, doctor, ReviewLevel.INSTITUTION, ratings=ONE_FAILED)
    check.open = {Step.CONCLUSION: {doctor.assessment_id}, Step.BODY_APPROVAL: {doctor.assessment_id}}
    confirm = decide(province, doctor, ReviewLevel.BODY, Decision.FAILURE_CONFIRMED)
    assert await refused_reasons(confirm) == ["CHECK_OPEN"]
    # Only the step that it is: what holds an approval back holds no failure.
    del check.open[Step.CONCLUSION]
    await decide(province, doctor, ReviewLevel.BODY, Decision.FAILURE_CONFIRMED)
    assert (await current_record(doctor)).conclusion == "UNQUALIFIED"


async def test_a_conclusion_waits_until_the_plugin_lets_the_core_look_again(
    checking: Environment, check: Check
) -> None:
    sittings: Sittings = await build_sittings(checking)
    doctor = await sittings.doctor((PaperPlan(PaperSubject.HUMANITIES, 1),))
    check.open[Step.CONCLUSION] = {doctor.assessment_id}
    attempt = await start_attempt(checking, doctor.caller, (await sittings.papers(doctor))[0].id)
    await sittings.answer(doctor, attempt, right=8)
    await submit_attempt(checking, doctor.caller, attempt)
    assert await sittings.states(doctor) == ["PASSED"]
    assert (await sittings.record(doctor)).state is AssessmentState.TESTING
    await reconsider(checking, sittings, doctor.assessment_id)
    assert (await sittings.record(doctor)).state is AssessmentState.TESTING
    check.open.clear()
    await reconsider(checking, sittings, doctor.assessment_id)
    record = await sittings.record(doctor)
    assert (record.state, record.conclusion) == (AssessmentState.CONCLUDED, "QUALIFIED")
    # Of no effect on what is concluded.
    await reconsider(checking, sittings, doctor.assessment_id)


async def reconsider(environment: Environment, sittings: Sittings, assessment_id: int) -> None:
    async with CoreServices(environment).work(sittings.province.body) as work:
        await work.lock_assessment(assessment_id)
        await work.reconsider(assessment_id)
        await work.record("TEST", "Assessment", assessment_id, {})


async def test_the_pass_mark_concludes_all_but_what_is_held_back(
    checking: Environment, check: Check, clock: SettableClock
) -> None:
    sittings = await build_sittings(checking)
    rule = {"questions": QUESTIONS, "minutes": MINUTES, "pass_percent": 60, "pass_mark": "AFTER_SITTING"}
    await sittings.pin(rules=dict.fromkeys(PaperSubject, rule))
    doctors = [await sittings.doctor((PaperPlan(PaperSubject.HUMANITIES, 1),)) for _ in range(3)]
    for doctor in doctors:
        attempt = await start_attempt(checking, doctor.caller, (await sittings.papers(doctor))[0].id)
        await sittings.answer(doctor, attempt, right=8)
        await submit_attempt(checking, doctor.caller, attempt)
    held = doctors[1]
    check.open[Step.CONCLUSION] = {held.assessment_id}
    check.asked.clear()
    clock.advance(timedelta(days=61))
    proposal = propose_pass_mark(
        checking,
        sittings.province.authority,
        cycle_id=sittings.province.cycle_id,
        subject=PaperSubject.HUMANITIES,
        pass_percent=80,
        reason="依据",
    )
    after = await confirmed(checking, sittings.province.second_authority, proposal)
    assert (after["passed"], after["concluded"], after["heldBack"]) == (3, 2, 1)
    # One question for all of them: when it is proposed, looked at, and done.
    assert check.asked == [(Step.CONCLUSION, [AssessmentState.TESTING] * 3)] * 3
    states = [(await sittings.record(doctor)).state for doctor in doctors]
    assert states == [AssessmentState.CONCLUDED, AssessmentState.TESTING, AssessmentState.CONCLUDED]
    assert await sittings.states(held) == ["PASSED"]
    check.open.clear()
    await reconsider(checking, sittings, held.assessment_id)
    assert (await sittings.record(held)).conclusion == "QUALIFIED"


async def test_an_exception_undoes_the_act(
    checking: Environment, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(step: Step, assessments: Sequence[AssessmentReading]) -> Mapping[int, Sequence[Reason]]:
        raise LookupError("a mistake in the plugin")

    province = await build_sample(checking)
    doctor = await province.add_doctor()
    await submit_registration(checking, doctor)
    await decide(province, doctor, ReviewLevel.INSTITUTION)
    monkeypatch.setattr(check, "unmet", broken)
    with pytest.raises(LookupError):
        await decide(province, doctor, ReviewLevel.BODY)
    assert (await current_record(doctor)).state is AssessmentState.INSTITUTION_APPROVED


async def test_one_that_hangs_refuses_the_act(
    checking: Environment, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hanging(step: Step, assessments: Sequence[AssessmentReading]) -> Mapping[int, Sequence[Reason]]:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    province = await build_sample(checking)
    doctor = await province.add_doctor()
    await submit_registration(checking, doctor)
    await decide(province, doctor, ReviewLevel.INSTITUTION)
    monkeypatch.setattr(check, "unmet", hanging)
    monkeypatch.setattr(requirements, "TIME_LIMIT_SECONDS", 0.01)
    refusal = await refused_state(decide(province, doctor, ReviewLevel.BODY))
    assert refusal == ("REQUIREMENT_NOT_ANSWERED", "INSTITUTION_APPROVED")
    assert (await current_record(doctor)).state is AssessmentState.INSTITUTION_APPROVED
