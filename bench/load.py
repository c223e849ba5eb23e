"""The load, in a process of its own: N connections, each asking again as soon as it has its answer.

    python -m bench.load < plan.json

The client does as little as HTTP/1.1 allows, so that it is not what is measured: requests are composed before, an
answer is read to its Content-Length and looked at for one word. Prints a `Load` as JSON.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import uvloop

# Stands in a body for a number that grows with every request of the run; all numbers have the same length.
COUNTER: Final = b"1000000000"
_COUNTER_BEGINS: Final = int(COUNTER)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send: complete HTTP requests, which connection k takes in turn from the k-th on. Ends after `requests`
    answers or `seconds`, whichever comes first. `expected` stands in every good answer, and no answer may hold
    `forbidden`. `count_from` is added to the first counter."""

    port: int
    connections: int
    requests: int
    seconds: float
    messages: Sequence[str]
    expected: str
    forbidden: str
    count_from: int


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it. Latencies in milliseconds, over all answers; `bytes` of one body on average."""

    answers: int
    seconds: float
    p50: float
    p99: float
    bytes: int


class BadAnswer(RuntimeError):
    """The server answered something else than the operation's success."""


class _Connection(asyncio.Protocol):
    """One kept connection with one request on its way."""

    def __init__(self, run: "_Run", first: int) -> None:
        self._run = run
        self._next = first
        self._transport: Any = None
        self._received = bytearray()
        self._needed = 0
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        message = self._run.message(self._next)
        if message is None:
            self._transport.close()
            return
        self._next += 1
        self._received.clear()
        self._needed = 0
        self._sent_at = time.perf_counter()
        self._transport.write(message)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._needed:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._needed = end + 4 + _content_length(bytes(self._received[:end]))
        if len(self._received) >= self._needed:
            self._run.answered(self._received, time.perf_counter() - self._sent_at)
            self._ask()

    def connection_lost(self, exception: Exception | None) -> None:
        self._run.lost(exception)


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise BadAnswer(f"an answer without length: {head!r}")


class _Run:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._messages = [message.encode() for message in plan.messages]
        self._expected = plan.expected.encode()
        self._forbidden = plan.forbidden.encode()
        self._asked = 0
        self._open = plan.connections
        self._until = time.perf_counter() + plan.seconds
        self.latencies: list[float] = []
        self.bytes = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def message(self, number: int) -> bytes | None:
        """The next request, or None when there are enough."""
        if self._asked >= self._plan.requests or time.perf_counter() > self._until:
            return None
        self._asked += 1
        message = self._messages[number % len(self._messages)]
        return message.replace(COUNTER, str(_COUNTER_BEGINS + self._plan.count_from + self._asked).encode())

    def answered(self, answer: bytearray, latency: float) -> None:
        """Keep an answer's numbers; a bad one ends the run."""
        good = answer.startswith(b"HTTP/1.1 200") and self._expected in answer and self._forbidden not in answer
        if not good:
            self._fail(BadAnswer(f"a bad answer: {bytes(answer[:2000]).decode(errors='replace')}"))
            return
        self.latencies.append(latency * 1000)
        self.bytes += len(answer) - answer.index(b"\r\n\r\n") - 4

    def lost(self, exception: Exception | None) -> None:
        """A connection is closed, by us when there is nothing more to ask."""
        if exception is not None:
            self._fail(exception)
        self._open -= 1
        if self._open == 0 and not self.done.done():
            self.done.set_result(None)

    def _fail(self, exception: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(exception)


async def _load(plan: Plan) -> Load:
    run = _Run(plan)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    for number in range(plan.connections):
        await loop.create_connection(lambda number=number: _Connection(run, number), "127.0.0.1", plan.port)  # type: ignore[misc]
    # A server that stops answering must not keep the bench for ever.
    await asyncio.wait_for(run.done, plan.seconds + 30)
    took = time.perf_counter() - began
    if not run.latencies:
        raise BadAnswer("the connections were closed before an answer came")
    ordered = sorted(run.latencies)
    return Load(
        answers=len(ordered),
        seconds=took,
        p50=ordered[len(ordered) // 2],
        p99=ordered[len(ordered) * 99 // 100],
        bytes=run.bytes // len(ordered),
    )


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(_load(Plan(**json.load(sys.stdin)))))))
