"""Attempts that a proctoring service watches: what fails there is a flag, and stops no start, no save, no submission
(reference: complaint 11, a proctor that is slow to close)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.papers.sittings import MINUTES, Sittings

from dingkao.audit.tables import AuditEntry
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.invigilating import grant_extra_time
from dingkao.papers.settling import settle_expired
from dingkao.papers.tables import Attempt
from dingkao.plugin.ports import PortFailed, PortSlot
from dingkao.ports import GuardedProctor
from dingkao.proctoring.consent import give_face_consent, withdraw_face_consent
from dingkao.proctoring.frames import FrameOutcome, take_frame
from dingkao.proctoring.identity import identify_in_person
from dingkao.proctoring.records import FlagRecord, read_flags
from dingkao.proctoring.sessions import tell_proctor
from dingkao.proctoring.tables import FaceImage, ProctorFrame, ProctorSession, Retirement
from dingkao.testing.clock import SettableClock
from dingkao.testing.proctor import MockProctor
from dingkao.testing.progress import made_up_picture
from dingkao.testing.refusals import refused_access, refused_state
from dingkao.testing.sample import SampleDoctor

from .conftest import VERSION

PICTURE = made_up_picture("PNG")


def guarded(sittings: Sittings, proctor: MockProctor) -> Sittings:
    """The province with this service behind the port, as a plugin's."""
    environment = sittings.environment
    registry = replace(environment.registry, ports={**environment.registry.ports, PortSlot.PROCTOR: proctor})
    port = GuardedProctor(proctor, "mock", seconds=0.3)
    return replace(sittings, environment=replace(environment, proctor=port, registry=registry))


@pytest.fixture
async def proctored(watched: Sittings) -> Sittings:
    await watched.pin(face_capture=False, proctoring=True, frame_seconds=30)
    return watched


async def begin(sittings: Sittings) -> tuple[SampleDoctor, int]:
    """A doctor who consented, and his attempt."""
    doctor = await sittings.doctor()
    await give_face_consent(sittings.environment, doctor.caller, doctor.assessment_id, VERSION)
    paper = (await sittings.papers(doctor))[0].id
    return doctor, await start_attempt(sittings.environment, doctor.caller, paper)


async def flags(attempt: int) -> list[FlagRecord]:
    return (await read_flags([attempt]))[0]


async def kinds(attempt: int) -> list[tuple[str, str | None]]:
    return [(flag.kind.value, flag.failure.value if flag.failure else None) for flag in await flags(attempt)]


async def test_the_service_hears_of_an_attempt_from_its_begin_to_its_end(
    proctored: Sittings, clock: SettableClock
) -> None:
    proctor = MockProctor()
    sittings = guarded(proctored, proctor)
    doctor, attempt = await begin(sittings)
    assert proctor.calls == []
    assert [await tell_proctor(sittings.environment) for _ in range(3)] == [1, 1, 0]
    (told,) = proctor.asked("register")
    (row,) = await ProctorSession.objects()
    assert (told.session, told.subject, told.paper) == (row.name, row.subject, "HUMANITIES")
    assert doctor.document_number not in repr(told)
    assert told.deadline - told.started_at == timedelta(minutes=MINUTES)
    assert row.join_url == f"https://proctor.example/join/{row.name}"
    assert proctor.asked("start") == [row.name]
    # Nothing more while it runs, however often it is looked at.
    clock.advance(timedelta(minutes=5))
    assert await tell_proctor(sittings.environment) == 0
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    await tell_proctor(sittings.environment)
    assert proctor.asked("stop") == [row.name]
    assert await tell_proctor(sittings.environment) == 0
    assert await flags(attempt) == []
    actions = {row["action"] for row in await AuditEntry.select(AuditEntry.action)}
    assert {"PROCTOR_REGISTER", "PROCTOR_START", "PROCTOR_STOP"} <= actions


FAILURES: list[tuple[dict[str, Any], str]] = [
    ({"fails": PortFailed("down")}, "UNAVAILABLE"),
    ({"fails": RuntimeError("a mistake")}, "BROKEN"),
    ({"hangs": True}, "TIMED_OUT"),
]


@pytest.mark.parametrize(("trouble", "failure"), FAILURES, ids=["down", "broken", "silent"])
async def test_a_failure_of_any_method_is_a_flag_and_stops_nothing(
    proctored: Sittings, clock: SettableClock, trouble: dict[str, Any], failure: str
) -> None:
    proctor = MockProctor(**trouble)
    sittings = guarded(proctored, proctor)
    environment = sittings.environment
    doctor, attempt = await begin(sittings)
    await tell_proctor(environment)
    assert await kinds(attempt) == [("REGISTER_FAILED", failure)]
    await sittings.answer(doctor, attempt, right=3, sequence=1)
    # It works long enough to register; then starting, pictures and stopping fail.
    proctor.only = frozenset({"start", "frame", "stop", "retire"})
    clock.advance(timedelta(seconds=6))
    await tell_proctor(environment)
    assert (await ProctorSession.objects())[0].registered_at is not None
    await sittings.answer(doctor, attempt, right=5, sequence=2)
    frame = await take_frame(environment, doctor.caller, attempt, PICTURE)
    assert (frame.outcome, frame.next_seconds) == (FrameOutcome.SERVICE_FAILED, 30)
    clock.advance(timedelta(seconds=60))
    await tell_proctor(environment)
    await sittings.answer(doctor, attempt, right=10, sequence=3)
    await submit_attempt(environment, doctor.caller, attempt)
    assert (await sittings.attempt(attempt)).score_percent == 100
    clock.advance(timedelta(seconds=20))
    await tell_proctor(environment)
    expected = ["REGISTER_FAILED", "START_FAILED", "FRAME_FAILED", "STOP_FAILED"]
    assert sorted(await kinds(attempt)) == sorted((kind, failure) for kind in expected)
    assert await AuditEntry.count().where(AuditEntry.action == "PROCTOR_FAILED") == 4
    # Asked again and again, and let go in the end: the attempt was never touched.
    for _ in range(12):
        clock.advance(timedelta(hours=2))
        await tell_proctor(environment)
    (row,) = await ProctorSession.objects()
    assert row.closed_at is not None
    assert await tell_proctor(environment) == 0
    assert await sittings.states(doctor) == ["PASSED", "AVAILABLE"]


async def test_a_service_that_is_back_during_the_attempt_hears_of_it(proctored: Sittings, clock: SettableClock) -> None:
    proctor = MockProctor(fails=PortFailed("down"))
    sittings = guarded(proctored, proctor)
    doctor, attempt = await begin(sittings)
    for _ in range(15):
        await tell_proctor(sittings.environment)
        clock.advance(timedelta(seconds=81))
    assert (await flags(attempt))[0].times == 15
    proctor.works()
    for _ in range(2):
        await tell_proctor(sittings.environment)
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    await tell_proctor(sittings.environment)
    assert [name for name, _ in proctor.calls[-3:]] == ["register", "start", "stop"]


@pytest.mark.parametrize(
    ("method", "answer"), [("register", "yes"), ("frame", 7)], ids=["no registration", "no reference"]
)
async def test_an_answer_that_is_none_is_a_failure(proctored: Sittings, method: str, answer: object) -> None:
    proctor = MockProctor(answers=answer, only=frozenset({method}))
    sittings = guarded(proctored, proctor)
    doctor, attempt = await begin(sittings)
    await tell_proctor(sittings.environment)
    await tell_proctor(sittings.environment)
    if method == "frame":
        await take_frame(sittings.environment, doctor.caller, attempt, PICTURE)
    assert [failure for _, failure in await kinds(attempt)] == ["BROKEN"]


async def test_an_address_that_is_not_https_is_a_failure(proctored: Sittings) -> None:
    sittings = guarded(proctored, MockProctor(join_url="javascript:alert(1)//"))
    _, attempt = await begin(sittings)
    await tell_proctor(sittings.environment)
    assert await kinds(attempt) == [("REGISTER_FAILED", "BROKEN")]
    assert (await ProctorSession.objects())[0].join_url == ""


async def test_time_that_is_up_stops_it_and_extra_time_starts_it_again(
    proctored: Sittings, clock: SettableClock
) -> None:
    proctor = MockProctor()
    sittings = guarded(proctored, proctor)
    environment = sittings.environment
    doctor, attempt = await begin(sittings)
    await tell_proctor(environment)
    await tell_proctor(environment)
    clock.advance(timedelta(minutes=MINUTES, seconds=90))
    await settle_expired(environment)
    await tell_proctor(environment)
    paper = (await sittings.papers(doctor))[0].id
    await grant_extra_time(environment, sittings.province.body, paper, 20, "考场断电")
    await tell_proctor(environment)
    await submit_attempt(environment, doctor.caller, attempt)
    await tell_proctor(environment)
    assert [name for name, _ in proctor.calls] == ["register", "start", "stop", "start", "stop"]


async def test_pictures_go_to_the_service_or_into_the_store_of_faces(proctored: Sittings, clock: SettableClock) -> None:
    environment = proctored.environment
    doctor, attempt = await begin(proctored)
    other = await proctored.doctor()
    assert (await take_frame(environment, doctor.caller, attempt, PICTURE)).outcome is FrameOutcome.NOT_READY
    await tell_proctor(environment)
    for caller, code in (
        (None, "UNAUTHENTICATED"),
        (other.caller, "NOT_FOUND"),
        (proctored.province.body, "FORBIDDEN"),
    ):
        assert await refused_access(take_frame(environment, caller, attempt, PICTURE)) == code
    assert (await take_frame(environment, doctor.caller, attempt, PICTURE)).outcome is FrameOutcome.TAKEN
    assert await refused_access(take_frame(environment, doctor.caller, attempt, PICTURE)) == "RATE_LIMITED"
    (frame,), (image,) = await ProctorFrame.objects(), await FaceImage.objects()
    assert (frame.image, frame.digest) == (image.id, image.digest)
    assert await environment.faces.get(image.name)
    # With a service of the region this server keeps none.
    proctor = MockProctor()
    sittings = guarded(proctored, proctor)
    clock.advance(timedelta(seconds=30))
    assert (await take_frame(sittings.environment, doctor.caller, attempt, PICTURE)).outcome is FrameOutcome.TAKEN
    assert await FaceImage.count() == 1
    ((session, sent),) = proctor.asked("frame")
    assert (session, sent[:4]) == ((await ProctorSession.objects())[0].name, b"\x89PNG")
    await submit_attempt(environment, doctor.caller, attempt)
    closed = take_frame(environment, doctor.caller, attempt, PICTURE)
    assert (await refused_state(closed))[0] == "ATTEMPT_CLOSED"


async def test_who_was_identified_in_person_is_not_watched(proctored: Sittings) -> None:
    doctor = await proctored.doctor()
    environment = proctored.environment
    await withdraw_face_consent(environment, doctor.caller, doctor.assessment_id)
    await identify_in_person(environment, proctored.province.body, doctor.assessment_id, "持证核验")
    attempt = await start_attempt(environment, doctor.caller, (await proctored.papers(doctor))[0].id)
    assert not await ProctorSession.exists()
    assert (await take_frame(environment, doctor.caller, attempt, PICTURE)).outcome is FrameOutcome.NOT_WATCHED


async def test_withdrawing_has_the_service_forget_the_person(proctored: Sittings, clock: SettableClock) -> None:
    proctor = MockProctor(fails=PortFailed("down"), only=frozenset({"retire"}))
    sittings = guarded(proctored, proctor)
    environment = sittings.environment
    doctor, attempt = await begin(sittings)
    await tell_proctor(environment)
    await tell_proctor(environment)
    await withdraw_face_consent(environment, doctor.caller, doctor.assessment_id)
    assert (await take_frame(environment, doctor.caller, attempt, PICTURE)).outcome is FrameOutcome.NOT_WATCHED
    await tell_proctor(environment)
    (asked,) = await Retirement.objects()
    assert (asked.done_at, asked.tries) == (None, 1)
    proctor.works()
    clock.advance(timedelta(minutes=1))
    await tell_proctor(environment)
    assert len(set(proctor.asked("retire"))) == 1
    assert (await Retirement.objects())[0].done_at is not None
    before = len(proctor.calls)
    clock.advance(timedelta(minutes=1))
    await tell_proctor(environment)
    assert len(proctor.calls) == before
    assert (await sittings.attempt(attempt)).state.value == "IN_PROGRESS"


async def test_without_the_rule_nobody_is_told(watched: Sittings) -> None:
    proctor = MockProctor()
    sittings = guarded(watched, proctor)
    await sittings.pin(face_capture=False)
    doctor = await sittings.doctor()
    await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    assert await tell_proctor(sittings.environment) == 0
    assert proctor.calls == []
    assert await Attempt.count() == 1
