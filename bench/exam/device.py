"""A phone in the hands of a simulated doctor: its connections, the network between it and the server, its requests."""

import asyncio
import json
import time
from typing import Any

from bench.exam.habits import Chance, Habits
from bench.exam.ledger import Ledger
from bench.exam.lines import Cut, Line
from dingkao.web.operations import load_operations

_TEXTS = {operation.name: json.dumps(operation.text) for operation in load_operations()}
Timings = list[tuple[float, float]]
# A kept connection that the server has ended meanwhile is no news; the request goes out again on a new one.
_TRIES = 2


class NotAnswered(Exception):
    """No answer came back in time, or none that says anything; the client tries again. `kind` is for the counting,
    `after` the seconds that the server asked to wait."""

    def __init__(self, kind: str, after: float = 0.0) -> None:
        super().__init__(kind)
        self.kind = kind
        self.after = after


class Hall:
    """What all devices have in common: where the server is, when the doors opened, the habits and the ledger."""

    def __init__(self, port: int, habits: Habits, ledger: Ledger) -> None:
        self.port = port
        self.habits = habits
        self.ledger = ledger
        self.opened_at = time.perf_counter()

    def now(self) -> float:
        """Seconds after the doors opened."""
        return time.perf_counter() - self.opened_at

    async def until(self, moment: float) -> None:
        """Wait for a moment, seconds after the doors opened."""
        await asyncio.sleep(max(0.0, moment - self.now()))


class Device:
    """A session on a phone. Any number of requests may be on their way, each on a connection of its own."""

    def __init__(self, hall: Hall, chance: Chance, token: str) -> None:
        self._hall = hall
        self._chance = chance
        self._head = (
            f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: "
        ).encode()
        self._free: list[Line] = []
        # Requests fail until this moment: the doctor has lost contact.
        self.offline_until = 0.0

    def close(self) -> None:
        """Switch the device off."""
        for line in self._free:
            line.close()
        self._free.clear()

    async def ask(self, operation: str, variables: dict[str, Any], timings: Timings | None = None) -> Any:
        """The data of an operation's answer. Raises NotAnswered.

        `timings` takes when the request reaches the server, by the plan and not by when this process got round to
        sending it, and the seconds from then to the answer's last byte. Being told to come again is no answer.
        """
        text = f'{{"query":{_TEXTS[operation]},"variables":{json.dumps(variables)}}}'
        message = self._head + f"{len(text)}\r\n\r\n{text}".encode()
        answer = await self._over_the_network(message, timings)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise NotAnswered(f"HTTP {answer[9:12].decode()}", _retry_after(answer))
        body = json.loads(answer[answer.index(b"\r\n\r\n") + 4 :])
        if body.get("errors"):
            raise NotAnswered(f"error {body['errors'][0]['extensions']['code']}")
        return body["data"]

    async def _over_the_network(self, message: bytes, timings: Timings | None) -> bytes:
        chance, habits = self._chance, self._hall.habits
        reaches = self._hall.now() + chance.delay()
        await self._hall.until(reaches)
        if reaches < self.offline_until:
            raise NotAnswered("no network")
        if chance.happens(habits.lost_request):
            await asyncio.sleep(habits.patience)
            raise NotAnswered("request lost")
        if chance.happens(habits.cut):
            await self._cut(message)
            raise NotAnswered("connection cut")
        try:
            # The server may be gone, or so slow that a client would give up; that is a failure to count.
            answer = await asyncio.wait_for(self._exchange(message), habits.patience * 4)
        except (OSError, TimeoutError) as error:
            raise NotAnswered(type(error).__name__) from None
        if timings is not None and answer.startswith(b"HTTP/1.1 200"):
            timings.append((reaches, self._hall.now() - reaches))
        if chance.happens(habits.lost_answer):
            await asyncio.sleep(habits.patience)
            raise NotAnswered("answer lost")
        await asyncio.sleep(chance.delay())
        return answer

    async def _exchange(self, message: bytes) -> bytes:
        for _ in range(_TRIES):
            kept = self._kept()
            line = kept or await self._connect()
            try:
                answer = await line.ask(message)
            except Cut:
                if kept is None:
                    raise
                continue
            except BaseException:
                line.close()
                raise
            self._free.append(line)
            return answer
        raise Cut

    async def _cut(self, message: bytes) -> None:
        try:
            (self._kept() or await self._connect()).write_and_cut(message)
        except OSError:
            return

    def _kept(self) -> Line | None:
        while self._free:
            line = self._free.pop()
            if line.open:
                return line
        return None

    async def _connect(self) -> Line:
        _, line = await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", self._hall.port)
        return line


def _retry_after(answer: bytes) -> float:
    for line in answer.split(b"\r\n\r\n")[0].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"retry-after":
            return float(value)
    return 0.0
