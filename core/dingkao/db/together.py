"""Work that comes while like work is being done is done together, in one go.

A statement for a hundred rows costs little more than one for a single row, and a COMMIT the same. So where many ask for
the same kind of thing at once, the first is served alone, and who comes meanwhile is the next batch. Nobody waits for
others to come: where there is no crowd, there are no batches.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from dingkao.db.database import Database

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Sequence[Item]], Awaitable[Sequence["Result | Exception"]]]


class Together(Generic[Item, Result]):
    """One kind of work on one database.

    `work` does a batch, of at most `most` items, and returns for each its result, or the exception that its asker gets;
    where `work` itself raises, each asker gets that. Two items of one `key` are never in one batch.
    """

    def __init__(self, work: "Work[Item, Result]", most: int, key: Callable[[Item], Hashable] = id) -> None:
        self._work = work
        self._most = most
        self._key = key
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        # Kept so that the task is not collected while it runs.
        self._running: asyncio.Task[None] | None = None

    async def do(self, item: Item) -> Result:
        """Have the item done, with others or alone. The work goes on where who asked is gone."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._running is None:
            self._running = asyncio.ensure_future(self._run())
        return await done

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = self._next()
                if batch:
                    await self._do(batch)
        finally:
            self._running = None

    def _next(self) -> list[tuple[Item, "asyncio.Future[Result]"]]:
        """Take the next batch out of those who wait; who has given up meanwhile is left out."""
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        left: list[tuple[Item, asyncio.Future[Result]]] = []
        keys: set[Hashable] = set()
        for item, done in self._waiting:
            key = self._key(item)
            if done.done():
                continue
            if len(batch) < self._most and key not in keys:
                keys.add(key)
                batch.append((item, done))
            else:
                left.append((item, done))
        self._waiting = left
        return batch

    async def _do(self, batch: Sequence[tuple[Item, "asyncio.Future[Result]"]]) -> None:
        try:
            results = await self._work([item for item, _ in batch])
        except Exception as error:
            results = [error] * len(batch)
        for (_, done), result in zip(batch, results, strict=True):
            if done.done():
                continue
            if isinstance(result, Exception):
                done.set_exception(result)
            else:
                done.set_result(result)


class TogetherOnEach(Generic[Item, Result]):
    """One kind of work, apart for each database: what runs in a batch runs on the database of its first asker."""

    def __init__(self, work: "Work[Item, Result]", most: int, key: Callable[[Item], Hashable] = id) -> None:
        self._work = work
        self._most = most
        self._key = key
        self._on: WeakKeyDictionary[Database, Together[Item, Result]] = WeakKeyDictionary()

    async def do(self, database: Database, item: Item) -> Result:
        """As `Together.do`. Not inside a transaction: a batch has its own."""
        together = self._on.get(database)
        if together is None:
            together = self._on[database] = Together(self._work, self._most, self._key)
        return await together.do(item)
