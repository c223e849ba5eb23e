"""Work of many askers in batches: who comes while one runs is in the next."""

import asyncio
from collections.abc import Sequence

import pytest

from dingkao.db.together import Together


class Desk:
    """Doubles numbers, refuses negative ones, fails as a whole on zero; each batch waits to be let go."""

    def __init__(self, most: int = 10) -> None:
        self.batches: list[list[int]] = []
        self._gate = asyncio.Semaphore(0)
        self.together: Together[int, int] = Together(self._work, most, key=abs)

    async def _work(self, items: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(items))
        await self._gate.acquire()
        if 0 in items:
            raise ZeroDivisionError
        return [ValueError(item) if item < 0 else item * 2 for item in items]

    def ask(self, item: int) -> asyncio.Task[int]:
        return asyncio.create_task(self.together.do(item))

    async def let_go(self, batches: int = 1) -> None:
        for _ in range(batches):
            self._gate.release()
        for _ in range(5 * batches):
            await asyncio.sleep(0)


async def test_who_comes_while_one_is_served_is_served_with_the_others() -> None:
    desk = Desk()
    first = desk.ask(1)
    await asyncio.sleep(0)
    others = [desk.ask(item) for item in (2, 3, 4)]
    await desk.let_go()
    assert (first.done(), others[0].done()) == (True, False)
    await desk.let_go()
    assert [await task for task in (first, *others)] == [2, 4, 6, 8]
    assert desk.batches == [[1], [2, 3, 4]]
    alone = desk.ask(5)
    await desk.let_go()
    assert (await alone, desk.batches[-1]) == (10, [5])


async def test_a_batch_has_its_most_and_no_key_twice() -> None:
    desk = Desk(most=3)
    tasks = [desk.ask(item) for item in (1, 2, -2, 3, 4, 5)]
    await desk.let_go(6)
    assert desk.batches == [[1, 2, 3], [-2, 4, 5]]
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [outcome for outcome in outcomes if not isinstance(outcome, ValueError)] == [2, 4, 6, 8, 10]


async def test_a_refusal_is_one_askers_and_a_failure_everybodys() -> None:
    desk = Desk()
    tasks = [desk.ask(item) for item in (7, -8, 9)]
    await desk.let_go()
    with pytest.raises(ValueError, match="-8"):
        await tasks[1]
    assert [await tasks[0], await tasks[2]] == [14, 18]
    tasks = [desk.ask(item) for item in (0, 1)]
    await desk.let_go()
    for task in tasks:
        with pytest.raises(ZeroDivisionError):
            await task
    again = desk.ask(1)
    await desk.let_go()
    assert await again == 2


async def test_who_gives_up_waiting_is_left_out_and_whose_work_runs_hurts_nobody() -> None:
    desk = Desk()
    running = desk.ask(1)
    await asyncio.sleep(0)
    waiting, last = desk.ask(2), desk.ask(3)
    await asyncio.sleep(0)
    running.cancel()
    waiting.cancel()
    await desk.let_go(2)
    assert desk.batches == [[1], [3]]
    assert await last == 6
