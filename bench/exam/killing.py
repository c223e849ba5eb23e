"""kill -9 at moments that nobody chose: of the server, of one of its workers, of PostgreSQL; and starting it again."""

import asyncio
import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass

from bench.exam.device import Hall
from bench.servers import ServedDingkao

SERVER, WORKER, POSTGRESQL = "server", "worker", "postgresql"
WHAT = (SERVER, WORKER, POSTGRESQL)


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: when, seconds after the doors opened, and how long until the server answered again (of a worker: until
    it was dead; the others go on)."""

    what: str
    moment: float
    seconds: float


class Killer:
    """Kills one of the three, again and again, each time after a time drawn from an exponential distribution."""

    def __init__(
        self, hall: Hall, served: ServedDingkao, what: str, every: float, restart_postgresql: Callable[[], None]
    ) -> None:
        self._hall = hall
        self._served = served
        self._what = what
        self._every = every
        self._restart_postgresql = restart_postgresql
        self._chance = random.Random()
        self.kills: list[Kill] = []

    async def kill_until(self, moment: float, at_least: int = 0) -> None:
        """Kill from now on until a moment, seconds after the doors opened."""
        while True:
            wait = self._chance.expovariate(1 / self._every)
            if self._hall.now() + wait > moment:
                if len(self.kills) >= at_least:
                    return
                wait = self._chance.uniform(0, max(0.0, moment - self._hall.now()))
            await asyncio.sleep(wait)
            began = self._hall.now()
            # In a thread: the doctors do not wait for the restart.
            await asyncio.to_thread(self._kill)
            self.kills.append(Kill(self._what, began, self._hall.now() - began))

    def _kill(self) -> None:
        if self._what == SERVER:
            self._served.kill()
            self._served.start()
        elif self._what == WORKER:
            os.kill(self._chance.choice(self._served.worker_processes()), signal.SIGKILL)
        else:
            self._restart_postgresql()
