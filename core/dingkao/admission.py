"""Overload: how many operations run at once, who waits, and who is told at once to come again.

A server that takes everything in does something for everybody and is done with nothing: clients give up and ask again,
and the work was for nobody. So at most `most_running` operations run at once in a process; others wait, and nobody
longer than `longest_wait`: he is refused before any work was done for him, and told when to come again. Each is given a
later moment than the one before, so that those who come again come at the pace at which they can be served: a thousand
who ask every second would leave no time to serve anybody.

Saves of answers have places of their own. They are small and the more of them there are the less each costs, since
those that come together are saved together; a submission takes ten times as long. In one queue with those that leave,
those who still answer would wait behind them.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from enum import Enum, auto
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


class Lane(Enum):
    """Where an operation waits. `ANSWERS`: among the saves of answers alone. `PAPERS`: who sits a paper, before
    `OTHERS`."""

    ANSWERS = auto()
    PAPERS = auto()
    OTHERS = auto()


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


class _Places:
    """Places for so many at once, and a queue in front of them for each lane, the first lane's before the others'."""

    def __init__(self, most: int, lanes: Sequence[Lane]) -> None:
        self._most = most
        self._taken = 0
        self.queues: dict[Lane, deque[asyncio.Future[None]]] = {lane: deque() for lane in lanes}

    def take(self) -> bool:
        """A place, where one is free and nobody waits for it."""
        if self._taken >= self._most:
            return False
        self._taken += 1
        return True

    def take_back(self) -> None:
        """The place of one who had given it to others for a while; there may be one more than there should be."""
        self._taken += 1

    def leave(self) -> None:
        """Give the place to the next who waits."""
        self._taken -= 1
        while self._taken < self._most:
            turn = self._next()
            if turn is None:
                return
            self._taken += 1
            turn.set_result(None)

    def _next(self) -> asyncio.Future[None] | None:
        for waiting in self.queues.values():
            while waiting:
                turn = waiting.popleft()
                if not turn.done():
                    return turn
        return None


class Admission:
    """The door in front of the executor of one process."""

    def __init__(self, most_running: int, most_waiting: int, longest_wait: float, *, most_saving: int) -> None:
        """`most_saving` are the saves of answers, which run beside the `most_running` others. `most_waiting` in each
        lane; `longest_wait` in seconds."""
        self._most_waiting = most_waiting
        self._longest_wait = longest_wait
        saves = _Places(most_saving, [Lane.ANSWERS])
        others = _Places(most_running, [Lane.PAPERS, Lane.OTHERS])
        self._places = {Lane.ANSWERS: saves, Lane.PAPERS: others, Lane.OTHERS: others}
        self._moments = {lane: _Moments() for lane in Lane}

    @asynccontextmanager
    async def entered(self, lane: Lane) -> AsyncIterator[None]:
        """Have one's turn for the length of the block. Raises Overloaded."""
        places = self._places[lane]
        if not places.take():
            await self._wait(places, lane)
        self._moments[lane].serve()
        token = _inside.set(places)
        try:
            yield
        finally:
            _inside.reset(token)
            places.leave()

    async def _wait(self, places: _Places, lane: Lane) -> None:
        queue = places.queues[lane]
        if len(queue) >= self._most_waiting:
            raise self._refusal(lane)
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            async with asyncio.timeout(self._longest_wait):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # The turn came in the moment in which it was given up.
                places.leave()
            else:
                turn.cancel()
            if isinstance(error, TimeoutError):
                raise self._refusal(lane) from None
            raise

    def _refusal(self, lane: Lane) -> Overloaded:
        return Overloaded(self._moments[lane].refuse())


_inside: ContextVar[_Places | None] = ContextVar("admission", default=None)


@asynccontextmanager
async def outside() -> AsyncIterator[None]:
    """Wait here for what is not this server's work (a vendor's answer, a password's hash on another core): the turn is
    others' meanwhile, and taken back at the end, whoever is there by then. Where nobody is admitted (the command line,
    the sweeper) it does nothing."""
    places = _inside.get()
    if places is None:
        yield
        return
    places.leave()
    try:
        yield
    finally:
        places.take_back()
