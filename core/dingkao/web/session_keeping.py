"""What a server does for sessions beside its requests: writing their last use, deleting what opens nothing any more."""

import asyncio
import time

from dingkao.accounts.last_use import write_last_uses
from dingkao.accounts.refreshing import forget_tokens
from dingkao.accounts.throttling import forget_throttles
from dingkao.environment import Environment
from dingkao.logs import get_logger

_log = get_logger("dingkao.sessions")

# A session's last use is known to the minute.
WRITE_SECONDS = 30.0
FORGET_SECONDS = 600.0


async def keep_sessions(environment: Environment) -> None:
    """Do so again and again, each process its own; a failure is logged, and what it left is done in the next turn."""
    forgotten_at = time.monotonic()
    while True:
        await asyncio.sleep(WRITE_SECONDS)
        try:
            await write_last_uses(environment)
            if time.monotonic() - forgotten_at >= FORGET_SECONDS:
                forgotten_at = time.monotonic()
                await forget_tokens(environment)
                await forget_throttles(environment)
        except Exception as error:
            _log.error("keeping sessions failed", exc_info=error)


async def write_at_the_end(environment: Environment) -> None:
    """Write what is not written yet, when the server stops; a database that is gone is only logged."""
    try:
        await write_last_uses(environment)
    except Exception as error:
        _log.error("keeping sessions failed", exc_info=error)
