"""What users of other examination engines complain about (lost answers, mostly), each tried here over HTTP as a client
would; and clients whose clocks are wrong by hours, for which a deadline is an instant all the same."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette

from dingkao.accounts.tables import Session, SessionToken
from dingkao.papers.invigilating import grant_extra_time
from dingkao.papers.marks import mark_submitted
from dingkao.papers.settling import settle_expired
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.ids import decode_id, encode_id
from dingkao.plugin.vocabulary import PaperSubject
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleDoctor
from dingkao.testing.web import Client, running_app, token_for

from .sittings import GRACE_SECONDS, MINUTES, QUESTIONS, Sittings, build_sittings

ONCE = (PaperPlan(PaperSubject.HUMANITIES, 1),)


@dataclass
class Device:
    """A client as docs/clients/tests.md tells to write one: what is unsent stays unsent until it is acknowledged. Its
    own clock is wrong by `skew`, and it never asks it for a deadline."""

    web: Client
    paper: str
    skew: timedelta = timedelta()
    attempt: Mapping[str, Any] = field(default_factory=dict)
    unsent: dict[int, tuple[str, int]] = field(default_factory=dict)
    counter: int = 0

    async def ask(self, operation: str, **variables: Any) -> Any:
        return await self.web.operation(operation, **variables)

    async def start(self) -> None:
        self.attempt = await self.ask("StartAttempt", input={"paperId": self.paper})
        self.counter = max((q["answer"]["sequence"] for q in self.attempt["questions"] if q["answer"]), default=0)

    def choose(self, position: int, *, right: bool = True) -> None:
        question = self.attempt["questions"][position - 1]
        self.counter += 1
        self.unsent[position] = (Sittings.choice(question, right), self.counter)

    async def send(self) -> Any:
        answers = [{"position": p, "choice": c, "sequence": s} for p, (c, s) in self.unsent.items()]
        saved = await self.ask(
            "SaveAnswers",
            input={"attemptId": self.attempt["id"], "token": self.attempt["writerToken"], "answers": answers},
        )
        for answer in saved.get("answers", []):
            if self.unsent.get(answer["position"], ("", 0))[1] <= answer["sequence"]:
                self.unsent.pop(answer["position"], None)
        return saved

    async def submit(self, *, confirmed: bool = True) -> Any:
        given = {"attemptId": self.attempt["id"], "token": self.attempt["writerToken"], "confirmed": confirmed}
        return await self.ask("SubmitAttempt", input=given)


@dataclass
class Room:
    """A running server, its province, and devices for doctors."""

    sittings: Sittings
    app: Starlette

    async def device(self, doctor: SampleDoctor, skew: timedelta = timedelta()) -> Device:
        environment = self.sittings.environment
        token = await token_for(environment, doctor.account_id)
        paper = (await self.sittings.papers(doctor))[0].id
        return Device(Client(self.app, token), encode_id("Paper", paper), skew)

    async def sat(self) -> tuple[SampleDoctor, Device]:
        doctor = await self.sittings.doctor(ONCE)
        device = await self.device(doctor)
        await device.start()
        return doctor, device

    async def percent(self, device: Device) -> int | None:
        return (await self.sittings.attempt(decode_id("Attempt", device.attempt["id"]))).score_percent


@pytest.fixture
async def room(settings: Settings, clock: SettableClock) -> AsyncIterator[Room]:
    async with running_app(settings, clock) as app:
        yield Room(await build_sittings(app.state.environment), app)


async def test_1_unsent_answers_are_sent_after_a_failed_save_and_a_reload(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor, device = await room.sat()
    for position in range(1, QUESTIONS + 1):
        device.choose(position)
    with monkeypatch.context() as patch:

        async def cut(*_: object, **__: object) -> None:
            raise ConnectionResetError("power cut")

        patch.setattr("dingkao.papers.answers.append_saves", cut)
        with pytest.raises(AssertionError, match="INTERNAL"):
            await device.send()
    # Nothing pretends to be saved: what the server shows after the reload is what it holds.
    again = await room.device(doctor)
    seen = await again.ask("Attempt", id=device.attempt["id"])
    assert [question["answer"] for question in seen["questions"]] == [None] * QUESTIONS
    await device.send()
    assert device.unsent == {}
    assert (await device.submit())["scorePercent"] == 100


async def test_2_and_3_saving_needs_plain_http_alone_and_no_state_of_a_connection(room: Room) -> None:
    _, device = await room.sat()
    for position in range(1, QUESTIONS + 1):
        device.choose(position)
        saved = await device.send()
        # Whoever was "disconnected" meanwhile learns from each answer what the server holds.
        assert (saved["revision"], len(saved["answers"])) == (position, 1)
        await device.web.http.aclose()
        # Not even a session: what the device has is the attempt's token.
        device.web = Client(room.app)
    assert (await device.submit())["scorePercent"] == 100


async def test_4_who_loses_contact_before_the_end_is_marked_by_what_was_saved(room: Room, clock: SettableClock) -> None:
    doctor, device = await room.sat()
    for position in range(1, 8):
        device.choose(position)
    await device.send()
    clock.advance(timedelta(minutes=MINUTES, seconds=GRACE_SECONDS, microseconds=1))
    late = await device.submit()
    assert (late["__typename"], late["state"], late["scorePercent"], late["passed"]) == ("Attempt", "MARKED", 70, True)
    assert await room.sittings.states(doctor) == ["PASSED"]


async def test_5_another_device_goes_on_after_the_first_is_thrown_out(room: Room) -> None:
    doctor, device = await room.sat()
    device.choose(1)
    await device.send()
    other = await room.device(doctor)
    await other.start()
    assert (other.attempt["id"], other.attempt["writing"]) == (device.attempt["id"], False)
    taken = await other.ask("TakeOverAttempt", input={"attemptId": other.attempt["id"]})
    other.attempt = {**other.attempt, "writerToken": taken["writerToken"]}
    assert [bool(question["answer"]) for question in taken["questions"]] == [True] + [False] * (QUESTIONS - 1)
    other.choose(2)
    await other.send()
    assert (await other.submit())["scorePercent"] == 20


async def test_6_what_is_shown_as_answered_is_recorded(room: Room) -> None:
    _, device = await room.sat()
    device.choose(4)
    saved = await device.send()
    seen = await device.ask("Attempt", id=device.attempt["id"])
    shown = {q["position"]: q["answer"]["choice"] for q in seen["questions"] if q["answer"]}
    assert shown == {answer["position"]: answer["choice"] for answer in saved["answers"]}


async def test_7_unanswered_questions_count(room: Room) -> None:
    _, device = await room.sat()
    device.choose(1)
    await device.send()
    asked = await device.submit(confirmed=False)
    assert (asked["__typename"], asked["positions"]) == ("UnansweredProblem", list(range(2, QUESTIONS + 1)))
    assert (await device.submit())["scorePercent"] == 10


async def test_8_time_up_with_nothing_answered_is_no_error(room: Room, clock: SettableClock) -> None:
    _, device = await room.sat()
    clock.advance(timedelta(minutes=MINUTES, seconds=GRACE_SECONDS, microseconds=1))
    device.choose(1)
    refused = await device.send()
    assert (refused["__typename"], refused["code"]) == ("StateProblem", "TIME_IS_UP")
    assert (await device.submit(confirmed=False))["scorePercent"] == 0


async def test_9_an_attempt_that_everybody_left_is_ended(room: Room, clock: SettableClock) -> None:
    doctor, _ = await room.sat()
    clock.advance(timedelta(days=3))
    assert await settle_expired(room.sittings.environment) == 1
    assert await room.sittings.states(doctor) == ["FAILED"]


async def test_10_extra_time_after_the_end_opens_the_page_and_the_save(room: Room, clock: SettableClock) -> None:
    doctor, device = await room.sat()
    clock.advance(timedelta(minutes=MINUTES + 5))
    await settle_expired(room.sittings.environment)
    paper = (await room.sittings.papers(doctor))[0].id
    await grant_extra_time(room.sittings.environment, room.sittings.province.body, paper, 10, "断电")
    seen = await device.ask("Attempt", id=device.attempt["id"])
    assert (seen["phase"], seen["secondsLeft"], len(seen["questions"])) == ("ANSWERING", 600, QUESTIONS)
    for position in range(1, QUESTIONS + 1):
        device.choose(position)
    assert not (await device.send())["late"]
    assert (await device.submit())["scorePercent"] == 100


async def test_11_an_error_while_marking_loses_nothing_and_is_gone_on_from(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, device = await room.sat()
    for position in range(1, QUESTIONS + 1):
        device.choose(position)
    await device.send()
    with monkeypatch.context() as patch:

        def broken(*_: object) -> None:
            raise RuntimeError("marking is out of order")

        patch.setattr("dingkao.papers.marks.mark", broken)
        assert (await device.submit())["state"] == "SUBMITTED"
    await mark_submitted(room.sittings.environment)
    assert await room.percent(device) == 100


async def test_a_session_that_expires_in_the_middle_stops_nothing(room: Room, clock: SettableClock) -> None:
    doctor, device = await room.sat()
    clock.advance(timedelta(minutes=5))
    sessions = Session.select(Session.id).where(Session.account == doctor.account_id)
    await SessionToken.update({SessionToken.expires_at: clock.now() - timedelta(minutes=1)}).where(
        SessionToken.session.is_in([row["id"] for row in await sessions])
    )
    for position in range(1, QUESTIONS + 1):
        device.choose(position)
        await device.send()
    submitted = await device.submit()
    assert (submitted["state"], submitted["scorePercent"]) == ("MARKED", 100)


@pytest.mark.parametrize("hours", [-13, 9])
async def test_a_clock_that_is_wrong_by_hours_changes_no_deadline(room: Room, clock: SettableClock, hours: int) -> None:
    doctor = await room.sittings.doctor(ONCE)
    device = await room.device(doctor, timedelta(hours=hours))
    await device.start()
    own_clock = clock.now() + device.skew
    left = device.attempt["secondsLeft"]
    assert left == MINUTES * 60
    # The device counts down from the answer's arrival; where it asks its clock, it corrects it by serverTime.
    correction = datetime.fromisoformat(device.attempt["serverTime"]) - own_clock
    assert datetime.fromisoformat(device.attempt["deadline"]) - (own_clock + correction) == timedelta(seconds=left)
    clock.advance(timedelta(seconds=left))
    device.choose(1)
    assert not (await device.send())["late"]
    clock.advance(timedelta(seconds=1))
    device.choose(2)
    assert (await device.send())["late"]
