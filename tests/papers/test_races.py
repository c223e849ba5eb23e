"""Two connections of PostgreSQL at once: what is marked, begun or opened again while somebody decides over all of it.
On SQLite one transaction writes at a time."""

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from dingkao.assessments.access import lock_assessment
from dingkao.assessments.tables import Assessment
from dingkao.audit.work import begin
from dingkao.db.database import fetch, transaction
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.invigilating import grant_extra_time
from dingkao.papers.marks import mark_attempt, mark_submitted, try_to_mark
from dingkao.papers.pass_mark import SET_PASS_MARK
from dingkao.papers.question_voiding import VOID_QUESTION, read_mark_changes
from dingkao.papers.records import read_attempts_of, read_questions
from dingkao.papers.running import hold_attempt
from dingkao.papers.settling import settle_expired, submit_paper
from dingkao.papers.sitting_time import grant_sitting_extra_time
from dingkao.papers.tables import AssessmentPaper
from dingkao.plugin.contributions import PaperPlan
from dingkao.proposals.acts import Act, Performed
from dingkao.testing.clock import SettableClock
from dingkao.testing.refusals import refused_state
from dingkao.testing.sample import SampleDoctor

from .sittings import GRACE_SECONDS, HUMANITIES, MINUTES, QUESTIONS, Sittings

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

ONE = (PaperPlan(HUMANITIES, 1),)
WHY = "题干有误"
T = TypeVar("T")
OVER = timedelta(minutes=MINUTES, seconds=GRACE_SECONDS, microseconds=1)


class Meanwhile:
    """Runs what another request does, on a connection of its own, while this one's transaction is open."""

    def __init__(self) -> None:
        self._context = copy_context()

    async def __call__(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Begin it, and come back when it is done or waits for a lock."""
        waited = await _waiting()
        task = asyncio.create_task(work, context=self._context.copy())
        async with asyncio.timeout(20):
            while not task.done() and await _waiting() <= waited:
                pass
        return task


async def _waiting() -> int:
    return int((await fetch("SELECT COUNT(DISTINCT pid) AS number FROM pg_locks WHERE NOT granted"))[0]["number"])


@pytest.fixture
async def meanwhile() -> Meanwhile:
    return Meanwhile()


async def _begun(sittings: Sittings, right: int) -> tuple[SampleDoctor, int]:
    doctor = await sittings.doctor(ONE)
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await sittings.answer(doctor, attempt, right=right)
    return doctor, attempt


async def _submitted(sittings: Sittings, right: int) -> tuple[SampleDoctor, int]:
    """Submitted and not marked, as where the server stopped between the two."""
    doctor, attempt = await _begun(sittings, right)
    async with begin(sittings.environment, doctor.caller) as work:
        record = await lock_assessment(work, doctor.assessment_id)
        await submit_paper(work, record, await hold_attempt(attempt), timed_out=False)
        await work.record("TEST", "Attempt", attempt)
    return doctor, attempt


async def _perform(sittings: Sittings, act: Act, given: dict[str, Any]) -> Performed:
    async with begin(sittings.environment, sittings.province.second_authority) as work:
        return await act.perform(work, given, WHY)


async def _last_question(sittings: Sittings, attempt: int) -> dict[str, Any]:
    """What voiding the last question of the attempt's paper needs to know; it was answered wrongly."""
    question = int((await read_questions([attempt]))[0][-1]["question"])
    return {"cycle": sittings.province.cycle_id, "question": question}


async def _nobody_holds(doctor: SampleDoctor) -> None:
    """Who waits at a gate holds no assessment that the one behind it may come to want."""
    await Assessment.select(Assessment.id).where(Assessment.id == doctor.assessment_id).lock_rows(nowait=True)


async def test_what_is_marked_while_a_question_is_voided_knows_it(sittings: Sittings, meanwhile: Meanwhile) -> None:
    doctor, attempt = await _submitted(sittings, right=5)
    given = await _last_question(sittings, attempt)
    async with transaction():
        performed = await _perform(sittings, VOID_QUESTION, given)
        marking = await meanwhile(try_to_mark(sittings.environment, attempt, doctor.assessment_id))
        await _nobody_holds(doctor)
        # It does not wait, for it would hold a connection for as long as the act takes.
        assert marking.done()
    assert not await marking
    assert (await sittings.attempt(attempt)).state.value == "SUBMITTED"
    assert await mark_submitted(sittings.environment) == 1
    assert performed.effect["attempts"] == 0
    assert (await sittings.attempt(attempt)).score_percent == 60
    assert await sittings.states(doctor) == ["PASSED"]


async def test_voiding_waits_for_what_is_being_marked(sittings: Sittings, meanwhile: Meanwhile) -> None:
    doctor, attempt = await _submitted(sittings, right=5)
    (paper,) = await sittings.papers(doctor)
    given = await _last_question(sittings, attempt)
    async with transaction():
        # The marking has read what is void, and comes no further than to the paper.
        await AssessmentPaper.select(AssessmentPaper.id).where(AssessmentPaper.id == paper.id).lock_rows()
        marking = await meanwhile(mark_attempt(sittings.environment, attempt, doctor.assessment_id))
        voiding = await meanwhile(_perform(sittings, VOID_QUESTION, given))
    assert await marking
    assert (await voiding).effect["NOW_PASSED"] == 1
    assert (await sittings.attempt(attempt)).score_percent == 60


async def test_what_extra_time_opens_again_is_not_marked_anew(
    sittings: Sittings, meanwhile: Meanwhile, clock: SettableClock
) -> None:
    doctor, attempt = await _begun(sittings, right=5)
    (paper,) = await sittings.papers(doctor)
    given = await _last_question(sittings, attempt)
    clock.advance(OVER)
    assert await settle_expired(sittings.environment) == 1
    async with transaction():
        assert await grant_extra_time(sittings.environment, sittings.province.body, paper.id, 15, WHY) == attempt
        voiding = await meanwhile(_perform(sittings, VOID_QUESTION, given))
    assert (await voiding).effect["attempts"] == 0
    assert await read_mark_changes(sittings.province.authority, sittings.province.cycle_id, 0, 10) == []
    assert (await sittings.attempt(attempt)).state.value == "IN_PROGRESS"
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    assert (await sittings.attempt(attempt)).score_percent == 60


async def test_a_pass_mark_waits_for_what_extra_time_opens_again(
    sittings: Sittings, meanwhile: Meanwhile, clock: SettableClock
) -> None:
    rule = {"questions": QUESTIONS, "minutes": MINUTES, "pass_percent": 60, "pass_mark": "AFTER_SITTING"}
    await sittings.pin(rules=dict.fromkeys(("HUMANITIES", "PROFESSIONAL"), rule), face_capture=False)
    doctor, attempt = await _begun(sittings, right=5)
    (paper,) = await sittings.papers(doctor)
    clock.advance(timedelta(days=61))
    assert await settle_expired(sittings.environment) == 1
    given = {"cycle": sittings.province.cycle_id, "subject": "HUMANITIES", "pass_percent": 60}
    async with transaction():
        assert await grant_extra_time(sittings.environment, sittings.province.body, paper.id, 15, WHY) == attempt
        fixing = await meanwhile(_perform(sittings, SET_PASS_MARK, given))
    assert await refused_state(fixing) == ("ATTEMPTS_RUNNING", "TESTING")


@pytest.mark.parametrize("granted_first", [True, False])
async def test_who_begins_while_a_sitting_is_given_time_has_it_once(
    sittings: Sittings, meanwhile: Meanwhile, clock: SettableClock, granted_first: bool
) -> None:
    doctor = await sittings.doctor(ONE)
    (paper,) = await sittings.papers(doctor)
    starting = start_attempt(sittings.environment, doctor.caller, paper.id)
    granting = grant_sitting_extra_time(
        sittings.environment,
        sittings.province.body,
        cycle_id=sittings.province.cycle_id,
        body_id=sittings.province.body_id,
        subject=HUMANITIES,
        minutes=15,
        reason=WHY,
        begun_until=clock.now() + timedelta(hours=1),
    )
    first, second = (granting, starting) if granted_first else (starting, granting)
    async with transaction():
        await first
        waiting = await meanwhile(second)
        await _nobody_holds(doctor)
    await waiting
    ((attempt,),) = await read_attempts_of([paper.id])
    assert attempt.deadline == clock.now() + timedelta(minutes=MINUTES + 15)
