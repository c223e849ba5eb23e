"""Overload: how many operations run at once, who waits, and who is told at once to come again.

A server that takes everything in does something for everybody and is done with nothing: clients give up and ask again,
and the work was for nobody. So at most `most_running` operations run at once in a process; others wait, those that
bring answers before all others, and nobody longer than `longest_wait`: he is refused before any work was done for him,
and told when to come again. The more are refused, the later: what comes again shall be about what can be served.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Final

# Seconds after which those who were refused come again: at first, at most; and how it grows and shrinks each second.
_SOON: Final = 1.0
_LATE: Final = 60.0
_STEP: Final = 1.3
# Who brings answers comes again at once; there are never many more of them than can be served.
_URGENT: Final = 2


class Overloaded(Exception):
    """There was no turn in time. `retry_after`: whole seconds after which to come again."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("overloaded")
        self.retry_after = retry_after


class _ComeAgain:
    """How long those who are refused shall stay away: each second longer where more were refused than served, shorter
    where fewer than half as many were. So the refused come back at about the pace at which they can be served."""

    def __init__(self) -> None:
        self._seconds = _SOON
        self._since = monotonic()
        self._served = 0
        self._refused = 0

    def serve(self) -> None:
        """One was served."""
        self._served += 1

    def refuse(self) -> int:
        """One is refused: whole seconds, not the same for all."""
        self._refused += 1
        now = monotonic()
        if now - self._since >= 1.0:
            if self._refused > self._served:
                self._seconds = min(_LATE, self._seconds * _STEP)
            elif self._refused * 2 < self._served:
                self._seconds = max(_SOON, self._seconds / _STEP)
            self._since, self._served, self._refused = now, 0, 0
        return max(1, round(self._seconds * random.uniform(0.5, 1.5)))  # noqa: S311 - it spreads clients, it hides nothing


class Admission:
    """The door in front of the executor of one process."""

    def __init__(self, most_running: int, most_waiting: int, longest_wait: float) -> None:
        """`longest_wait` in seconds."""
        self._most_running = most_running
        self._most_waiting = most_waiting
        self._longest_wait = longest_wait
        self._running = 0
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._come_again = _ComeAgain()

    @property
    def is_full(self) -> bool:
        """Whether so many wait already that one more would wait in vain."""
        return len(self._urgent) + len(self._others) >= self._most_waiting

    @asynccontextmanager
    async def entered(self, *, urgent: bool) -> AsyncIterator[None]:
        """Have one's turn for the length of the block. Raises Overloaded; an `urgent` one is refused for the time it
        waited, never for the number that waits."""
        if self._running >= self._most_running or self._urgent:
            await self._wait(urgent)
        else:
            self._running += 1
        self._come_again.serve()
        token = _inside.set(self)
        try:
            yield
        finally:
            _inside.reset(token)
            self._leave()

    async def _wait(self, urgent: bool) -> None:
        if not urgent and self.is_full:
            raise self._refusal(urgent=False)
        turn = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._others).append(turn)
        try:
            async with asyncio.timeout(self._longest_wait):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # The turn came in the moment in which it was given up.
                self._leave()
            else:
                turn.cancel()
            if isinstance(error, TimeoutError):
                raise self._refusal(urgent=urgent) from None
            raise

    def _refusal(self, *, urgent: bool) -> Overloaded:
        seconds = self._come_again.refuse()
        return Overloaded(min(seconds, _URGENT) if urgent else seconds)

    def _leave(self) -> None:
        self._running -= 1
        while self._running < self._most_running:
            turn = self._next()
            if turn is None:
                return
            self._running += 1
            turn.set_result(None)

    def _next(self) -> asyncio.Future[None] | None:
        for waiting in (self._urgent, self._others):
            while waiting:
                turn = waiting.popleft()
                if not turn.done():
                    return turn
        return None

    @asynccontextmanager
    async def stepped_out(self) -> AsyncIterator[None]:
        """Give the turn to others during the block, and take it back at its end, whoever is there by then."""
        self._leave()
        try:
            yield
        finally:
            self._running += 1


_inside: ContextVar[Admission | None] = ContextVar("admission", default=None)


@asynccontextmanager
async def outside() -> AsyncIterator[None]:
    """Wait here for what is not this server's work (a vendor's answer, a password's hash on another core): the turn is
    others' meanwhile. Where nobody is admitted (the command line, the sweeper) it does nothing."""
    admission = _inside.get()
    if admission is None:
        yield
        return
    async with admission.stepped_out():
        yield
