"""A field that is cancelled, because its neighbour failed, does not take a loader's value from the others."""

import asyncio
from collections.abc import Sequence
from typing import cast

from dingkao.plugin.graphql import RequestContext
from dingkao.plugin.services import PluginServices
from dingkao.plugin.text import Language


async def test_a_cancelled_field_leaves_the_value_to_the_others() -> None:
    begun, go, asked = asyncio.Event(), asyncio.Event(), []

    async def load(keys: list[int]) -> Sequence[int]:
        asked.append(keys)
        begun.set()
        await go.wait()
        return [key * 10 for key in keys]

    context = RequestContext(None, Language.CHINESE, cast("PluginServices", None))

    async def resolve(key: int) -> int:
        return await context.loader(load).load(key)

    failed, neighbour = asyncio.ensure_future(resolve(4)), asyncio.ensure_future(resolve(4))
    await begun.wait()
    failed.cancel()
    go.set()
    assert await neighbour == 40
    assert failed.cancelled()
    assert await resolve(4) == 40
    assert asked == [[4]]
