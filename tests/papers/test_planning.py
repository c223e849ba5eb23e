"""Planning, opening and waiving papers; concluding when none is left."""

from collections.abc import Awaitable, Callable

import pytest

from dingkao.assessments.records import AssessmentRecord
from dingkao.audit.work import UnitOfWork, begin
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.planning import open_papers, plan_papers, waive_paper
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.vocabulary import AssessmentState
from dingkao.results.tables import Result
from dingkao.testing.refusals import refused_state
from dingkao.testing.sample import SampleDoctor

from .sittings import ANY_NUMBER, BOTH_ONCE, HUMANITIES, PROFESSIONAL, Sittings

State = AssessmentState


async def _work(
    sittings: Sittings, doctor: SampleDoctor, step: Callable[[UnitOfWork, AssessmentRecord], Awaitable[None]]
) -> None:
    async with begin(sittings.environment, sittings.province.body) as work:
        await step(work, await sittings.record(doctor))
        await work.record("TEST", "Assessment", doctor.assessment_id)


async def _waive(sittings: Sittings, doctor: SampleDoctor, subject: object = HUMANITIES) -> None:
    await _work(sittings, doctor, lambda work, record: waive_paper(work, record, subject, "AWARD", "获奖"))  # type: ignore[arg-type]


async def _plan(sittings: Sittings, doctor: SampleDoctor, *plans: PaperPlan, changed: bool) -> None:
    await _work(sittings, doctor, lambda work, record: plan_papers(work, record, plans, procedure_changed=changed))


async def test_papers_are_planned_locked_and_in_order(sittings: Sittings) -> None:
    doctor = await sittings.doctor(opened=False, state=State.SUBMITTED)
    papers = await sittings.papers(doctor)
    assert [(paper.subject, paper.position, paper.state.value, paper.attempts_allowed) for paper in papers] == [
        (HUMANITIES, 1, "LOCKED", 1),
        (PROFESSIONAL, 2, "LOCKED", 1),
    ]


@pytest.mark.parametrize("changed", [False, True])
async def test_a_resubmission_plans_anew(sittings: Sittings, changed: bool) -> None:
    doctor = await sittings.doctor(opened=False, state=State.SUBMITTED)
    await _plan(sittings, doctor, PaperPlan(PROFESSIONAL, 3), PaperPlan(HUMANITIES, None), changed=changed)
    papers = await sittings.papers(doctor)
    assert [(paper.subject, paper.position, paper.attempts_allowed) for paper in papers] == [
        (PROFESSIONAL, 1, 3),
        (HUMANITIES, 2, None),
    ]
    await _plan(sittings, doctor, changed=changed)
    assert await sittings.papers(doctor) == []


@pytest.mark.parametrize("plans", [[PaperPlan(HUMANITIES, 1)] * 2, [PaperPlan(HUMANITIES, 0)]])
async def test_papers_that_nobody_could_reach_are_not_planned(sittings: Sittings, plans: list[PaperPlan]) -> None:
    doctor = await sittings.doctor(opened=False, state=State.SUBMITTED)
    before = await sittings.papers(doctor)
    with pytest.raises(RuntimeError, match=r"procedure .* plans the paper HUMANITIES"):
        await _plan(sittings, doctor, *plans, changed=True)
    assert await sittings.papers(doctor) == before


async def test_an_exemption_is_kept_with_the_procedure_and_goes_with_it(sittings: Sittings) -> None:
    doctor = await sittings.doctor(opened=False, state=State.SUBMITTED)
    await _waive(sittings, doctor, PROFESSIONAL)
    await _plan(sittings, doctor, *BOTH_ONCE, changed=False)
    kept = (await sittings.papers(doctor))[1]
    assert (kept.state.value, kept.position, kept.waiver_code, kept.waiver_title) == ("EXEMPT", 2, "AWARD", "获奖")
    # In another place of the order, it is still the same exemption.
    await _plan(sittings, doctor, PaperPlan(PROFESSIONAL, 1), PaperPlan(HUMANITIES, 1), changed=False)
    assert [(paper.subject, paper.state.value) for paper in await sittings.papers(doctor)] == [
        (PROFESSIONAL, "EXEMPT"),
        (HUMANITIES, "LOCKED"),
    ]
    await _plan(sittings, doctor, *BOTH_ONCE, changed=True)
    papers = await sittings.papers(doctor)
    assert [(paper.state.value, paper.waiver_code, paper.waiver_title) for paper in papers] == [
        ("LOCKED", None, ""),
        ("LOCKED", None, ""),
    ]


async def test_opening_passes_over_what_is_waived(sittings: Sittings) -> None:
    doctor = await sittings.doctor(opened=False)
    await _waive(sittings, doctor, HUMANITIES)
    assert await sittings.states(doctor) == ["EXEMPT", "AVAILABLE"]


@pytest.mark.parametrize("plans", [(), ANY_NUMBER])
async def test_with_no_paper_left_the_approval_concludes(sittings: Sittings, plans: tuple[PaperPlan, ...]) -> None:
    doctor = await sittings.doctor(plans, state=State.INSTITUTION_APPROVED, opened=False)
    if plans:
        await _waive(sittings, doctor)
        assert (await sittings.record(doctor)).state is State.INSTITUTION_APPROVED
    approved = await sittings.doctor(plans, opened=False)
    if plans:
        await _waive(sittings, approved)
    else:
        await _work(sittings, approved, open_papers)
    record = await sittings.record(approved)
    assert (record.state, record.conclusion) == (State.CONCLUDED, "QUALIFIED")
    assert (await Result.objects().get(Result.assessment == record.id)).ground == "ALL_PAPERS_PASSED"


async def test_waiving_opens_the_next_paper_and_concludes_with_the_last(sittings: Sittings) -> None:
    doctor = await sittings.doctor()
    await _waive(sittings, doctor, HUMANITIES)
    assert await sittings.states(doctor) == ["EXEMPT", "AVAILABLE"]
    paper = (await sittings.papers(doctor))[1]
    attempt = await start_attempt(sittings.environment, doctor.caller, paper.id)
    await sittings.answer(doctor, attempt, right=10)
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    assert (await sittings.record(doctor)).conclusion == "QUALIFIED"


async def test_the_later_paper_may_be_waived_while_the_first_is_sat(sittings: Sittings) -> None:
    doctor = await sittings.doctor()
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await _waive(sittings, doctor, PROFESSIONAL)
    assert await sittings.states(doctor) == ["IN_PROGRESS", "EXEMPT"]
    await sittings.answer(doctor, attempt, right=10)
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    record = await sittings.record(doctor)
    assert (record.state, record.conclusion) == (State.CONCLUDED, "QUALIFIED")


async def test_what_was_begun_or_is_not_there_is_not_waived(sittings: Sittings) -> None:
    doctor = await sittings.doctor(ANY_NUMBER)
    assert await refused_state(_waive(sittings, doctor, PROFESSIONAL)) == ("NO_SUCH_PAPER", "BODY_APPROVED")
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    assert await refused_state(_waive(sittings, doctor)) == ("NOT_IN_THIS_STATE", "IN_PROGRESS")
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    await _waive(sittings, doctor)
    assert await refused_state(_waive(sittings, doctor)) == ("NOT_IN_THIS_STATE", "CONCLUDED")
    assert await sittings.moves("paper", doctor) == [
        ("LOCKED", "OPEN", "AVAILABLE"),
        ("AVAILABLE", "START", "IN_PROGRESS"),
        ("IN_PROGRESS", "SUBMIT", "SUBMITTED"),
        ("SUBMITTED", "RETRY", "AVAILABLE"),
        ("AVAILABLE", "WAIVE", "EXEMPT"),
    ]


@pytest.mark.parametrize("state", [State.NOT_OPENED, State.OPENED, State.DEFERRED])
async def test_nothing_is_waived_outside_enrolment(sittings: Sittings, state: AssessmentState) -> None:
    doctor = await sittings.doctor(state=state, opened=False)
    assert await refused_state(_waive(sittings, doctor)) == ("NOT_IN_THIS_STATE", state.value)
    assert await sittings.states(doctor) == ["LOCKED", "LOCKED"]
