"""What users of other examination engines complain about (lost answers, mostly), each tried here over HTTP as a client
would; and clients whose clocks are wrong by hours, for which a deadline is an instant all the same."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from starlette.applications import Starlette

from dingkao.accounts.tables import Session, SessionToken
from dingkao.clock import SystemClock
from dingkao.papers.invigilating import grant_extra_time, pause_attempt, resume_attempt
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
    """A client as docs/clients/tests.md tells to write one: what is unsent stays unsent until it is acknowledged, and
    the time is counted down from the moment at which `secondsLeft` came. What its own clock says, wrong by `skew`, goes
    to the server in the head of each request, and into the sequence numbers, which are the seconds of its time."""

    web: Client
    paper: str
    clock: SettableClock
    skew: timedelta = timedelta()
    arrived: datetime | None = None
    attempt: Mapping[str, Any] = field(default_factory=dict)
    unsent: dict[int, tuple[str, int]] = field(default_factory=dict)
    counter: int = 0

    def wall(self) -> datetime:
        """What the device's clock shows."""
        return self.clock.now() + self.skew

    async def ask(self, operation: str, **variables: Any) -> Any:
        told = format_datetime(self.wall(), usegmt=True)
        self.web.http.headers.update(
            {"Date": told, "If-Unmodified-Since": told, "X-Client-Time": self.wall().isoformat()}
        )
        return await self.web.operation(operation, **variables)

    def counts_down(self) -> int:
        """What it shows the doctor: the seconds of the last answer less those since, by a clock that does not jump."""
        assert self.arrived is not None
        return int(self.attempt["secondsLeft"]) - int((self.clock.now() - self.arrived).total_seconds())

    async def look(self) -> None:
        """Ask what has become of the attempt."""
        self.attempt = await self.ask("Attempt", id=self.attempt["id"])
        self.arrived = self.clock.now()

    async def start(self) -> None:
        self.attempt = await self.ask("StartAttempt", input={"paperId": self.paper})
        self.arrived = self.clock.now()
        self.counter = max((q["answer"]["sequence"] for q in self.attempt["questions"] if q["answer"]), default=0)

    def choose(self, position: int, *, right: bool = True) -> None:
        question = self.attempt["questions"][position - 1]
        self.counter = max(self.counter + 1, int(self.wall().timestamp()))
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
    clock: SettableClock

    async def device(self, doctor: SampleDoctor, skew: timedelta = timedelta()) -> Device:
        environment = self.sittings.environment
        token = await token_for(environment, doctor.account_id)
        paper = (await self.sittings.papers(doctor))[0].id
        return Device(Client(self.app, token), encode_id("Paper", paper), self.clock, skew)

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
        yield Room(await build_sittings(app.state.environment), app, clock)


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


@pytest.fixture
def server_zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """The zone that the server's machine is set to, until the test is over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


@pytest.mark.parametrize(
    ("hours", "server_zone"), [(-13, "Pacific/Kiritimati"), (9, "America/St_Johns")], indirect=["server_zone"]
)
async def test_clocks_that_are_wrong_by_hours_change_no_deadline(
    server_zone: str, room: Room, clock: SettableClock, hours: int
) -> None:
    assert time.tzname[0] != "UTC"
    environment, body = room.sittings.environment, room.sittings.province.body
    # What the server's clock says in earnest is the instant, whatever zone its machine is set to.
    assert abs(SystemClock().now().timestamp() - time.time()) < 10
    doctor = await room.sittings.doctor(ONCE)
    device = await room.device(doctor, timedelta(hours=hours))
    began = clock.now()
    await device.start()
    assert device.counts_down() == MINUTES * 60
    assert datetime.fromisoformat(device.attempt["serverTime"]) == began
    assert datetime.fromisoformat(device.attempt["deadline"]) == began + timedelta(minutes=MINUTES)
    device.choose(1)
    sent = device.unsent[1]
    assert (await device.send())["answers"] == [
        {"position": 1, "choice": sent[0], "sequence": sent[1], "savedAt": began.isoformat()}
    ]
    # Another device, wrong the other way round, goes on above the numbers that the first one made of its time.
    clock.advance(timedelta(minutes=10))
    other = await room.device(doctor, timedelta(hours=-hours))
    await other.start()
    taken = await other.ask("TakeOverAttempt", input={"attemptId": other.attempt["id"]})
    other.attempt = {**other.attempt, "writerToken": taken["writerToken"]}
    other.choose(1, right=False)
    (wrong,) = (await other.send())["answers"]
    assert (wrong["sequence"] > sent[1], wrong["savedAt"]) == (True, clock.now().isoformat())
    other.choose(1)
    other.choose(2)
    assert [answer["position"] for answer in (await other.send())["answers"]] == [1, 2]
    # A pause that it is not told of: its countdown ends, it asks, and counts on.
    attempt = decode_id("Attempt", other.attempt["id"])
    await pause_attempt(environment, body, attempt, "断电")
    clock.advance(timedelta(seconds=other.counts_down()))
    assert other.counts_down() == 0
    await other.look()
    assert (other.attempt["phase"], other.counts_down()) == ("PAUSED", (MINUTES - 10) * 60)
    await resume_attempt(environment, body, attempt, "来电")
    await other.look()
    assert other.counts_down() == (MINUTES - 10) * 60
    clock.advance(timedelta(seconds=other.counts_down()))
    other.choose(3)
    assert not (await other.send())["late"]
    clock.advance(timedelta(seconds=1))
    other.choose(4)
    assert (await other.send())["late"]
    clock.advance(timedelta(seconds=GRACE_SECONDS))
    other.choose(5)
    assert (await other.send())["code"] == "TIME_IS_UP"
    await other.look()
    assert (other.attempt["scorePercent"], other.attempt["timedOut"]) == (40, True)
    assert datetime.fromisoformat(other.attempt["deadline"]) == began + timedelta(minutes=2 * MINUTES - 10)
