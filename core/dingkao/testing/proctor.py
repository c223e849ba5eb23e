"""A proctoring service for tests: it records what it is asked, and fails as it is told to.

    proctor = MockProctor()
    proctor.fails = PortFailed("down")              # or proctor.hangs, proctor.answers
    ...
    callback = proctor.verdict(session, ProctorFinding.VIOLATION, at=clock.now())
    await client.post(VERDICT_PATH, content=callback.body, headers=callback.headers)

A test puts it behind the port as a plugin's, with `GuardedProctor(proctor, "mock")` in `environment.proctor`, or as a
plugin whose hook `ports` returns `{PortSlot.PROCTOR: proctor}`.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from dingkao.plugin.ports import ProctoredAttempt, ProctorRegistration, ProctorVerdict
from dingkao.plugin.proctoring import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign_callback, verdict_from_json
from dingkao.plugin.vocabulary import ProctorFinding

VERDICT_PATH: Final = "/proctoring/verdicts"
MOCK_SECRET: Final = "a-secret-that-tests-may-publish!"
"""The secret of the mock: a test's settings hold it as `proctor_secrets`."""


@dataclass(frozen=True, slots=True)
class SignedCallback:
    """A callback as it goes over the wire."""

    body: bytes
    headers: Mapping[str, str]


@dataclass
class MockProctor:
    """Set `fails` to raise that, `hangs` to never answer, `answers` to answer with anything at all; `only` limits it to
    some methods. Without any of them it does what a proctor does."""

    fails: Exception | None = None
    hangs: bool = False
    answers: object = None
    only: frozenset[str] = frozenset()
    secret: str = MOCK_SECRET
    join_url: str = "https://proctor.example/join"
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def asked(self, method: str) -> list[Any]:
        """What a method was called with, first to last."""
        return [value for name, value in self.calls if name == method]

    def works(self) -> None:
        """Do from now on what a proctor does."""
        self.fails, self.hangs, self.answers = None, False, None

    async def register(self, attempt: ProctoredAttempt) -> ProctorRegistration:
        """Give an address to join."""
        answer = await self._answer("register", attempt)
        return answer if answer is not None else ProctorRegistration("mock", f"{self.join_url}/{attempt.session}")

    async def start(self, session: str) -> None:
        """Nothing."""
        await self._answer("start", session)

    async def frame(self, session: str, image: bytes, at: datetime) -> str:
        """The number of the picture."""
        answer = await self._answer("frame", (session, image))
        return answer if answer is not None else f"mock-{len(self.asked('frame'))}"

    async def stop(self, session: str) -> None:
        """Nothing."""
        await self._answer("stop", session)

    async def read_verdict(self, body: bytes) -> ProctorVerdict:
        """The core's own form."""
        answer = await self._answer("read_verdict", body)
        return answer if answer is not None else verdict_from_json(body)

    async def retire(self, subject: str) -> None:
        """Nothing."""
        await self._answer("retire", subject)

    def verdict(
        self,
        session: str,
        finding: ProctorFinding,
        *,
        at: datetime,
        event: str = "1",
        remark: str = "",
        late: timedelta = timedelta(),
        secret: str | None = None,
        body: bytes | None = None,
    ) -> SignedCallback:
        """A callback signed at `at`. `late` makes the signature so much older; `secret` is another one; `body` is sent
        in place of the verdict, signed rightly."""
        form = {"session": session, "event": event, "finding": finding.value, "at": at.isoformat(), "remark": remark}
        sent = json.dumps(form, ensure_ascii=False).encode() if body is None else body
        timestamp = int((at - late).timestamp())
        signature = sign_callback(secret or self.secret, timestamp, sent)
        return SignedCallback(sent, {TIMESTAMP_HEADER: str(timestamp), SIGNATURE_HEADER: signature})

    async def _answer(self, method: str, value: Any) -> Any:
        self.calls.append((method, value))
        if self.only and method not in self.only:
            return None
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        if self.fails is not None:
            raise self.fails
        return self.answers
