"""Taking turns."""

import asyncio

import pytest

from dingkao.db.turns import Turns


async def test_who_is_first_goes_before_others_and_each_kind_in_its_order() -> None:
    turns, order = Turns(), list[str]()

    async def take(name: str, *, first: bool = False) -> None:
        await turns.acquire(first=first)
        order.append(name)
        turns.release()

    async with turns.taken():
        tasks = [
            asyncio.create_task(take(name, first=name.startswith("first"))) for name in ("a", "first 1", "b", "first 2")
        ]
        await asyncio.sleep(0)
        assert order == []
    await asyncio.gather(*tasks)
    assert order == ["first 1", "first 2", "a", "b"]
    await turns.acquire()


async def test_who_gives_up_leaves_the_turn_to_the_next() -> None:
    turns = Turns()
    await turns.acquire()
    waits, gives_up, in_the_moment = (asyncio.create_task(turns.acquire(first=first)) for first in (False, True, True))
    await asyncio.sleep(0)
    gives_up.cancel()
    turns.release()
    # His turn is given to him, but he has not run since.
    in_the_moment.cancel()
    for task in (gives_up, in_the_moment):
        with pytest.raises(asyncio.CancelledError):
            await task
    await waits
    turns.release()
    await turns.acquire()
