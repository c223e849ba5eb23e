"""Ports of plugins, over HTTP: one that hangs, blocks, fails or breaks costs its caller the time limit and no more."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from dingkao.db.routing import NoDatabase, current_engine
from dingkao.host.loading import FoundPlugin, find_plugins
from dingkao.plugin import hookimpl
from dingkao.plugin.ids import encode_id
from dingkao.plugin.ports import (
    PORT_RULES,
    FaceVerdict,
    PortBroken,
    PortFailed,
    PortSlot,
    PortTimedOut,
    SealedDocument,
    SmsMessage,
)
from dingkao.plugin.vocabulary import AssessmentState
from dingkao.ports import GuardedFileStore, GuardedSealProvider, GuardedSmsSender
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.progress import made_up_picture
from dingkao.testing.sample import SampleDoctor, build_sample
from dingkao.testing.web import Client, running_app, token_for

PHONE = "13800000000"
SHORT_SECONDS = 0.4
SMS = PortSlot.SMS_SENDER


@pytest.fixture
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for slot, rule in PORT_RULES.items():
        monkeypatch.setitem(PORT_RULES, slot, replace(rule, seconds=SHORT_SECONDS))


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What a blocking port waits for; set after the test, so that no thread stays."""
    event = threading.Event()
    yield event
    event.set()


def plugin_with(ports: Mapping[PortSlot, object]) -> FoundPlugin:
    class Plugin:
        plugin_api = 1

        @hookimpl
        def ports(self) -> Mapping[PortSlot, object]:
            return ports

    return FoundPlugin("gateway", "dingkao-gateway", "1.0", Plugin())


Ask = Callable[[], Awaitable[Any]]


@asynccontextmanager
async def served(
    settings: Settings, clock: SettableClock, ports: Mapping[PortSlot, object], **doctor: Any
) -> AsyncIterator[tuple[Client, SampleDoctor]]:
    """A server with a plugin that fills these ports, and the client of a doctor (in the first login, where he is to
    get a message)."""
    async with running_app(settings, clock, [*find_plugins(), plugin_with(ports)]) as app:
        province = await build_sample(app.state.environment)
        one = await province.add_doctor(phone=PHONE, password_hash="unused", **doctor)
        first_login = SMS in ports
        token = await token_for(app.state.environment, one.caller.account_id, first_login=first_login)
        yield Client(app, token), one


class Blocking:
    """Blocks the thread that it runs in, as a library without asyncio does."""

    def __init__(self, released: threading.Event) -> None:
        self._released = released
        self.begun = threading.Event()

    async def send(self, message: SmsMessage) -> str:
        self.begun.set()
        self._released.wait()
        return "late"


class Stubborn:
    """Waits for ever and will not be cancelled."""

    def __init__(self, released: threading.Event) -> None:
        self._released = released
        self.begun = threading.Event()

    async def send(self, message: SmsMessage) -> str:
        self.begun.set()
        while not self._released.is_set():
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue
        return "late"


class Answering:
    """Does what it is told, one thing a call; the last for ever."""

    def __init__(self, *answers: str | Exception) -> None:
        self._answers = list(answers)
        self.calls = 0

    async def send(self, message: SmsMessage) -> str:
        self.calls += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize("kind", [Blocking, Stubborn])
@pytest.mark.usefixtures("short_limits")
async def test_a_gateway_that_hangs_is_a_problem_and_others_are_served_meanwhile(
    settings: Settings, clock: SettableClock, released: threading.Event, kind: type[Blocking] | type[Stubborn]
) -> None:
    port = kind(released)
    async with served(settings, clock, {SMS: port}) as (client, _):
        asked = asyncio.create_task(client.operation("SendPhoneCode", input={}))
        assert await asyncio.to_thread(port.begun.wait, 30)
        # A port that held up the server would hold up this one, until the test has ended.
        async with asyncio.timeout(30):
            other = await client.post("{ apiVersion }")
            answer = await asked
        assert "errors" not in other
    assert (answer["__typename"], answer["code"]) == ("StateProblem", "SMS_NOT_SENT")


@pytest.mark.usefixtures("short_limits")
async def test_the_time_limit_holds_for_all_tries_together(
    settings: Settings, clock: SettableClock, released: threading.Event
) -> None:
    async with served(settings, clock, {SMS: Stubborn(released)}) as (client, _):
        with capture_logs() as lines:
            await client.operation("SendPhoneCode", input={})
    (line,) = (line for line in lines if line["event"] == "port failed")
    # The log rounds it.
    assert line["seconds"] >= SHORT_SECONDS - 0.01
    assert (line["outcome"], line["tries"]) == ("TIMED_OUT", 1)


async def test_a_gateway_that_fails_once_is_tried_again(settings: Settings, clock: SettableClock) -> None:
    gateway = Answering(PortFailed("busy"), "sent-2")
    async with served(settings, clock, {SMS: gateway}) as (client, _):
        with capture_logs() as lines:
            answer = await client.operation("SendPhoneCode", input={})
    assert answer["__typename"] == "PhoneCodeSent"
    assert gateway.calls == 2
    assert [line for line in lines if line["event"] == "port failed"] == []


async def test_a_gateway_that_fails_is_tried_as_often_as_the_rule_says(
    settings: Settings, clock: SettableClock
) -> None:
    gateway = Answering(PortFailed(f"{PHONE} is refused"))
    async with served(settings, clock, {SMS: gateway}) as (client, _):
        with capture_logs() as lines:
            answer = await client.operation("SendPhoneCode", input={})
    assert answer["code"] == "SMS_NOT_SENT"
    assert gateway.calls == PORT_RULES[SMS].tries == 2
    (line,) = (line for line in lines if line["event"] == "port failed")
    assert (line["port"], line["plugin"], line["method"]) == ("sms_sender", "gateway", "send")
    assert (line["outcome"], line["tries"]) == ("FAILED", 2)
    assert PHONE not in str(line)


async def test_a_broken_gateway_is_not_tried_again(settings: Settings, clock: SettableClock) -> None:
    gateway = Answering(ValueError(f"cannot parse the answer for {PHONE}"))
    async with served(settings, clock, {SMS: gateway}) as (client, _):
        with capture_logs() as lines:
            answer = await client.operation("SendPhoneCode", input={})
    assert answer["code"] == "SMS_NOT_SENT"
    assert gateway.calls == 1
    (line,) = (line for line in lines if line["event"] == "port failed")
    assert line["outcome"] == "BROKEN"
    assert PHONE not in str({key: value for key, value in line.items() if key != "exc_info"})


class HangingVerifier:
    async def verify(self, subject: str, image: bytes) -> FaceVerdict:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nobody answers")

    async def retire(self, subject: str) -> None:
        """It keeps nothing."""


class LyingVerifier:
    async def verify(self, subject: str, image: bytes) -> FaceVerdict:
        return "yes"  # type: ignore[return-value]

    async def retire(self, subject: str) -> None:
        """It keeps nothing."""


@pytest.mark.parametrize("verifier", [HangingVerifier(), LyingVerifier()])
@pytest.mark.usefixtures("short_limits")
async def test_a_face_service_that_hangs_or_lies_is_no_lost_attempt(
    settings: Settings, clock: SettableClock, verifier: HangingVerifier | LyingVerifier
) -> None:
    ports = {PortSlot.FACE_VERIFIER: verifier}
    async with served(settings, clock, ports, state=AssessmentState.BODY_APPROVED) as (client, doctor):
        opaque = encode_id("Assessment", doctor.assessment_id)
        await client.operation("GiveFaceConsent", input={"assessmentId": opaque, "textVersion": "2026-1"})
        async with asyncio.timeout(30):
            response = await client.upload(opaque, "FACE_CAPTURE", made_up_picture())
    assert response.status_code == httpx.codes.CREATED
    assert response.json()["advice"][0]["code"] == "FACE_UNVERIFIED"


class HangingStore:
    async def put(self, name: str, data: bytes, media_type: str) -> None:
        await asyncio.get_running_loop().create_future()

    async def get(self, name: str) -> bytes:
        raise KeyError(name)

    async def delete(self, name: str) -> None:
        return None


@pytest.mark.usefixtures("short_limits")
async def test_a_file_store_that_hangs_is_said_and_nothing_is_recorded(
    settings: Settings, clock: SettableClock
) -> None:
    async with served(settings, clock, {PortSlot.FILE_STORE: HangingStore()}) as (client, doctor):
        async with asyncio.timeout(30):
            response = await client.upload(encode_id("Assessment", doctor.assessment_id), "PHOTO", made_up_picture())
    assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert response.json()["errors"][0]["code"] == "FILES_UNAVAILABLE"


async def test_no_such_file_is_an_answer_and_not_a_failure() -> None:
    store = GuardedFileStore(HangingStore(), "store", seconds=5)
    with capture_logs() as lines, pytest.raises(KeyError):
        await store.get("a" * 40)
    assert lines == []


async def test_a_seal_that_hangs() -> None:
    class Hanging:
        async def seal(self, pdf: bytes, *, authority_name: str, reason: str, at: datetime) -> SealedDocument:
            await asyncio.get_running_loop().create_future()
            raise AssertionError("nobody answers")

    seal = GuardedSealProvider(Hanging(), "seal", seconds=0.1)
    with pytest.raises(PortTimedOut):
        await seal.seal(b"%PDF", authority_name="机关", reason="盖章", at=datetime(2026, 6, 1))  # noqa: DTZ001


async def test_a_port_has_no_database(settings: Settings, clock: SettableClock) -> None:
    seen: list[Exception] = []

    class Curious:
        async def send(self, message: SmsMessage) -> str:
            try:
                current_engine()
            except NoDatabase as error:
                seen.append(error)
            return "sent"

    async with served(settings, clock, {SMS: Curious()}) as (client, _):
        assert (await client.operation("SendPhoneCode", input={}))["__typename"] == "PhoneCodeSent"
    assert len(seen) == 1


async def test_a_request_that_is_given_up_cancels_the_call() -> None:
    begun, cancelled = threading.Event(), threading.Event()

    class Waiting:
        async def send(self, message: SmsMessage) -> str:
            begun.set()
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                cancelled.set()
                raise
            raise AssertionError("nobody answers")

    sender = GuardedSmsSender(Waiting(), "gateway")
    asked = asyncio.create_task(sender.send(SmsMessage(PHONE, "TEST", "test", "text")))
    assert await asyncio.to_thread(begun.wait, 10)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert await asyncio.to_thread(cancelled.wait, 10)


async def test_what_the_guards_raise_is_all_a_failure_of_the_port() -> None:
    assert issubclass(PortTimedOut, PortFailed)
    assert issubclass(PortBroken, PortFailed)
    with pytest.raises(PortBroken):
        await GuardedSmsSender(Answering(ValueError("x")), "gateway").send(SmsMessage(PHONE, "TEST", "test", "text"))
