"""What stands between a port and whoever needs it: its time limit, its tries, one log line for a failure.

The rules are the contract's (`PORT_RULES`). A plugin's port runs in a thread with an event loop of its own: one that
blocks, or will not be cancelled, costs its caller the time limit and nobody else anything. The core's own ports run
where they are called, since some of them write into the caller's transaction.
"""

import asyncio
import contextvars
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Final, TypeVar

from dingkao.admission import outside
from dingkao.logs import get_logger
from dingkao.plugin.ports import (
    PORT_RULES,
    FaceVerdict,
    FaceVerifier,
    FileStore,
    MiniProgram,
    MiniProgramRefused,
    PortBroken,
    PortFailed,
    PortSlot,
    PortTimedOut,
    Proctor,
    ProctoredAttempt,
    ProctorRegistration,
    ProctorVerdict,
    SealedDocument,
    SealProvider,
    SmsMessage,
    SmsSender,
)
from dingkao.plugin.proctoring import EVENT_LENGTH
from dingkao.plugin.vocabulary import ProctorFinding

_log = get_logger("dingkao.ports")

# Before the second try, the third: seconds, and so many times as many.
PAUSE_SECONDS: Final = 0.2
JOIN_URL_LENGTH: Final = 500

Answer = TypeVar("Answer")
Call = Callable[[], Coroutine[Any, Any, Any]]


class _PortThread:
    """A thread with an event loop for the calls of one port; begun at the first call, ended with its owner."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def submit(self, call: Call) -> asyncio.Future[Any]:
        """Begin `call` there; the future belongs to the caller's loop, and cancelling it cancels the call."""
        with self._lock:
            loop = self._loop = self._loop or self._begin()
        # An empty context: the caller's database belongs to the caller's loop and transaction.
        running = contextvars.Context().run(asyncio.run_coroutine_threadsafe, call(), loop)
        return asyncio.wrap_future(running)

    def _begin(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        threading.Thread(target=_run, args=(loop,), name=self._name, daemon=True).start()
        weakref.finalize(self, _end, loop)
        return loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _end(loop: asyncio.AbstractEventLoop) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)


class _Guard:
    """Calls of one port under the rule of its slot. `plugin` is whose it is, None for the core's own."""

    def __init__(self, slot: PortSlot, plugin: str | None, seconds: float | None) -> None:
        self._slot = slot
        self._plugin = plugin
        rule = PORT_RULES[slot]
        self._seconds = rule.seconds if seconds is None else seconds
        # The core's own ports know themselves what may be repeated.
        self._tries = rule.tries if plugin is not None else 1
        self._thread = _PortThread(f"dingkao-port-{slot.value}") if plugin is not None else None

    async def call(self, name: str, call: Call, answers: tuple[type[Exception], ...] = ()) -> Any:
        """What the port answers; exceptions of the types `answers` are answers too.

        Raises PortFailed: PortTimedOut where it did not answer in time, PortBroken where it raised anything else.
        """
        async with outside():
            return await self._call(name, call, answers)

    async def _call(self, name: str, call: Call, answers: tuple[type[Exception], ...]) -> Any:
        begun = time.monotonic()
        for attempt in range(1, self._tries + 1):
            try:
                return await self._once(call, self._seconds - (time.monotonic() - begun))
            except answers:
                raise
            except PortFailed as error:
                pause = PAUSE_SECONDS * attempt
                left = self._seconds - (time.monotonic() - begun) - pause
                if attempt < self._tries and left > 0 and not isinstance(error, PortTimedOut):
                    await asyncio.sleep(pause)
                    continue
                self._note(name, "TIMED_OUT" if isinstance(error, PortTimedOut) else "FAILED", attempt, begun, None)
                raise
            except Exception as error:
                if self._plugin is None:
                    raise
                self._note(name, "BROKEN", attempt, begun, error)
                raise PortBroken(f"the port {self._slot.value} raised {type(error).__name__}") from error
        raise AssertionError("a rule has at least one try")

    async def _once(self, call: Call, seconds: float) -> Any:
        if self._thread is None:
            try:
                async with asyncio.timeout(seconds):
                    return await call()
            except TimeoutError as error:
                raise PortTimedOut(f"the port {self._slot.value} did not answer in {self._seconds} s") from error
        running = self._thread.submit(call)
        try:
            # Not wait_for: that waits on for a call that will not be cancelled.
            done, _ = await asyncio.wait({running}, timeout=seconds)
        finally:
            running.cancel()
        if not done:
            raise PortTimedOut(f"the port {self._slot.value} did not answer in {self._seconds} s")
        try:
            return running.result()
        except (TimeoutError, asyncio.CancelledError) as error:
            raise PortTimedOut(f"the port {self._slot.value} gave up waiting") from error

    def _note(self, name: str, outcome: str, tries: int, begun: float, error: Exception | None) -> None:
        # Neither arguments nor a failure's message: they hold phone numbers, names, pages.
        _log.warning(
            "port failed",
            port=self._slot.value,
            plugin=self._plugin or "core",
            method=name,
            outcome=outcome,
            tries=tries,
            seconds=round(time.monotonic() - begun, 2),
            **({"exc_info": error} if error is not None else {}),
        )


class GuardedSmsSender:
    """An SmsSender under its rule."""

    def __init__(self, port: SmsSender, plugin: str | None = None, seconds: float | None = None) -> None:
        self._port = port
        self._guard = _Guard(PortSlot.SMS_SENDER, plugin, seconds)

    async def send(self, message: SmsMessage) -> str:
        """The gateway's reference. Raises PortFailed."""
        return str(await self._guard.call("send", lambda: self._port.send(message)))


class GuardedFaceVerifier:
    """A FaceVerifier under its rule."""

    def __init__(self, port: FaceVerifier, plugin: str | None = None, seconds: float | None = None) -> None:
        self._port = port
        self._guard = _Guard(PortSlot.FACE_VERIFIER, plugin, seconds)

    async def verify(self, subject: str, image: bytes) -> FaceVerdict:
        """The service's verdict. Raises PortFailed; PortBroken where it is none."""
        verdict = await self._guard.call("verify", lambda: self._port.verify(subject, image))
        return _checked(verdict, FaceVerdict, PortSlot.FACE_VERIFIER)

    async def retire(self, subject: str) -> None:
        """Raises PortFailed."""
        await self._guard.call("retire", lambda: self._port.retire(subject))


class GuardedProctor:
    """A Proctor under its rule."""

    def __init__(self, port: Proctor, plugin: str | None = None, seconds: float | None = None) -> None:
        self._port = port
        self._guard = _Guard(PortSlot.PROCTOR, plugin, seconds)

    async def register(self, attempt: ProctoredAttempt) -> ProctorRegistration:
        """What the service answers. Raises PortFailed; PortBroken where it is no registration, or its address is none
        that a client may open."""
        answer = await self._guard.call("register", lambda: self._port.register(attempt))
        registration = _checked(answer, ProctorRegistration, PortSlot.PROCTOR)
        url = registration.join_url
        if url and (len(url) > JOIN_URL_LENGTH or not url.startswith("https://")):
            raise PortBroken("the port proctor answered with an address that is not https, or too long")
        return registration

    async def start(self, session: str) -> None:
        """Raises PortFailed."""
        await self._guard.call("start", lambda: self._port.start(session))

    async def frame(self, session: str, image: bytes, at: datetime) -> str:
        """The service's reference. Raises PortFailed; PortBroken where it is no text."""
        return _checked(
            await self._guard.call("frame", lambda: self._port.frame(session, image, at)), str, PortSlot.PROCTOR
        )

    async def stop(self, session: str) -> None:
        """Raises PortFailed."""
        await self._guard.call("stop", lambda: self._port.stop(session))

    async def read_verdict(self, body: bytes) -> ProctorVerdict:
        """The verdict in a callback's body. Raises PortFailed; PortBroken where the answer is none."""
        verdict = _checked(
            await self._guard.call("read_verdict", lambda: self._port.read_verdict(body)),
            ProctorVerdict,
            PortSlot.PROCTOR,
        )
        if not isinstance(verdict.finding, ProctorFinding) or not 1 <= len(verdict.event) <= EVENT_LENGTH:
            raise PortBroken("the port proctor answered with a verdict that has no finding or no event")
        if verdict.at.tzinfo is None:
            raise PortBroken("the port proctor answered with an instant without a time zone")
        return verdict

    async def retire(self, subject: str) -> None:
        """Raises PortFailed."""
        await self._guard.call("retire", lambda: self._port.retire(subject))


class GuardedSealProvider:
    """A SealProvider under its rule."""

    def __init__(self, port: SealProvider, plugin: str | None = None, seconds: float | None = None) -> None:
        self._port = port
        self._guard = _Guard(PortSlot.SEAL_PROVIDER, plugin, seconds)

    async def seal(self, pdf: bytes, *, authority_name: str, reason: str, at: datetime) -> SealedDocument:
        """The sealed page. Raises PortFailed; PortBroken where it is none."""
        sealed = await self._guard.call(
            "seal", lambda: self._port.seal(pdf, authority_name=authority_name, reason=reason, at=at)
        )
        return _checked(sealed, SealedDocument, PortSlot.SEAL_PROVIDER)


class GuardedFileStore:
    """A FileStore under its rule."""

    def __init__(self, port: FileStore, plugin: str | None = None, seconds: float | None = None) -> None:
        self._port = port
        self._guard = _Guard(PortSlot.FILE_STORE, plugin, seconds)

    async def put(self, name: str, data: bytes, media_type: str) -> None:
        """Store durably. Raises PortFailed."""
        await self._guard.call("put", lambda: self._port.put(name, data, media_type))

    async def get(self, name: str) -> bytes:
        """Read back. Raises KeyError where there is none, PortFailed."""
        data = await self._guard.call("get", lambda: self._port.get(name), (KeyError,))
        return _checked(data, bytes, PortSlot.FILE_STORE)

    async def delete(self, name: str) -> None:
        """Remove. Raises PortFailed."""
        await self._guard.call("delete", lambda: self._port.delete(name))


class GuardedMiniProgram:
    """A MiniProgram under its rule."""

    def __init__(self, port: MiniProgram, plugin: str | None = None, seconds: float | None = None) -> None:
        self._port = port
        self._guard = _Guard(PortSlot.MINI_PROGRAM, plugin, seconds)

    async def open_id(self, code: str) -> str:
        """The user's name at the platform. Raises MiniProgramRefused, PortFailed; PortBroken where it is no text."""
        found = await self._guard.call("open_id", lambda: self._port.open_id(code), (MiniProgramRefused,))
        return _checked(found, str, PortSlot.MINI_PROGRAM)


def _checked(answer: Any, kind: type[Answer], slot: PortSlot) -> Answer:
    if not isinstance(answer, kind):
        raise PortBroken(f"the port {slot.value} answered with a {type(answer).__name__}")
    return answer
