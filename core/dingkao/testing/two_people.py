"""What needs two people, in tests: the second one looks and confirms."""

from collections.abc import Awaitable, Mapping
from typing import Any

from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.proposals.deciding import decide_proposal, preview_proposal


async def confirmed(environment: Environment, decider: Caller, proposing: Awaitable[int]) -> Mapping[str, Any]:
    """Await a proposal, look at what it would do as `decider`, confirm that; what it did.

    Raises what proposing and deciding raise, and what stood in the way when it was looked at.
    """
    key = await proposing
    preview = await preview_proposal(environment, decider, key)
    if preview.performed is None:
        assert preview.obstacle is not None
        raise preview.obstacle
    await decide_proposal(environment, decider, key, confirm=True, digest=preview.digest)
    return preview.performed.effect
