"""Overload: how many operations run at once, who waits, and who is told at once to come again.

A server that takes everything in does something for everybody and is done with nothing: clients give up and ask again,
and the work was for nobody. So at most `most_running` operations run at once in a process; others wait, those that
bring answers before all others, and nobody longer than `longest_wait`: he is refused before any work was done for him,
and told when to come again. Each is given a later moment than the one before, so that those who come again come at the
pace at which they can be served: a thousand who ask every second would leave no time to serve anybody.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Final

# Seconds after which those who were refused come again, at least and at most.
_SOONEST: Final = 1.0
_LATEST: Final = 30.0
# How many a second can be served, until that is known; and how much of it each second's count says anew.
_FIRST_PACE: Final = 20.0
_NEWS: Final = 0.3
# Never so slow that one who was refused blocks the moments of all others.
_SLOWEST_PACE: Final = 1.0


class Overloaded(Exception):
    """There was no turn in time. `retry_after`: whole seconds after which to come again."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("overloaded")
        self.retry_after = retry_after


class _Moments:
    """When those who are refused come again: each gets the next free moment, at the pace at which their kind can
    be served."""

    def __init__(self) -> None:
        self._pace = _FIRST_PACE
        self._next = 0.0
        self._since = monotonic()
        self._served = 0
        self._refused = 0

    def serve(self) -> None:
        """One was served."""
        self._served += 1

    def refuse(self) -> int:
        """One is refused: the whole seconds after which he shall come again."""
        now = monotonic()
        passed = now - self._since
        if passed >= 1.0:
            pace = self._served / passed
            # Where nobody was refused, more could have been served.
            if self._refused or pace > self._pace:
                self._pace = max(self._pace + _NEWS * (pace - self._pace), _SLOWEST_PACE)
            self._since, self._served, self._refused = now, 0, 0
        self._refused += 1
        moment = min(max(now + _SOONEST, self._next), now + _LATEST)
        self._next = moment + 1 / self._pace
        return math.ceil(moment - now)


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
        self._moments = {True: _Moments(), False: _Moments()}

    @asynccontextmanager
    async def entered(self, *, urgent: bool) -> AsyncIterator[None]:
        """Have one's turn for the length of the block; the `urgent` before all others. Raises Overloaded."""
        if self._running >= self._most_running or self._urgent:
            await self._wait(urgent)
        else:
            self._running += 1
        self._moments[urgent].serve()
        token = _inside.set(self)
        try:
            yield
        finally:
            _inside.reset(token)
            self._leave()

    async def _wait(self, urgent: bool) -> None:
        queue = self._urgent if urgent else self._others
        if len(queue) >= self._most_waiting:
            raise self._refusal(urgent)
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
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
                raise self._refusal(urgent) from None
            raise

    def _refusal(self, urgent: bool) -> Overloaded:
        return Overloaded(self._moments[urgent].refuse())

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
