"""Taking turns, with a shorter way for some."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """A lock whose owner hands it on: to those who came `first`, then to the others, each in the order of coming."""

    def __init__(self) -> None:
        self._taken = False
        self._first: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    async def acquire(self, *, first: bool = False) -> None:
        """Wait for one's turn; `first`: before all who did not say so."""
        if not self._taken:
            self._taken = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._first if first else self._others).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # The turn came in the moment in which it was given up.
                self.release()
            raise

    def release(self) -> None:
        """Hand the turn on."""
        for waiting in (self._first, self._others):
            while waiting:
                turn = waiting.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._taken = False

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Have one's turn for the length of the block."""
        await self.acquire()
        try:
            yield
        finally:
            self.release()
