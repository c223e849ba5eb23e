"""Messages that nobody waits for: notices of changes, and codes whose sending must not be seen in the answer's time."""

import asyncio
import contextvars
from collections.abc import Mapping

from dingkao.clock import CHINA
from dingkao.db.database import in_transaction
from dingkao.environment import Environment
from dingkao.logs import current_request_id, request_id_in_force
from dingkao.messaging.service import send_template
from dingkao.plugin.errors import StateConflict

# The loop itself holds its tasks weakly.
_sending: set[asyncio.Task[None]] = set()


def send_later(
    environment: Environment, phone: str, purpose: str, template: str, parameters: Mapping[str, str]
) -> None:
    """Send a message after this; a failure is one line in the log and nobody's problem. Only outside of transactions:
    what is undone must not be told."""
    if in_transaction():
        raise RuntimeError("a notice is sent once its transaction is done")
    # Of the request's context the id alone: neither its transaction nor what else counts as part of it.
    sending = _send(environment, phone, purpose, template, parameters, current_request_id() or "")
    task = asyncio.create_task(sending, context=contextvars.Context())
    _sending.add(task)
    task.add_done_callback(_sending.discard)


async def _send(
    environment: Environment,
    phone: str,
    purpose: str,
    template: str,
    parameters: Mapping[str, str],
    request_id: str,
) -> None:
    with request_id_in_force(request_id), environment.database.use():
        try:
            await send_template(environment, phone, purpose, template, parameters)
        except StateConflict:
            # The port has logged it, without the phone.
            return


def send_notice(environment: Environment, phone: str | None, template: str) -> None:
    """Tell the owner of `phone`, where there is one, that something of the account changed just now (ASVS 6.3.7)."""
    if phone:
        at = environment.clock.now().astimezone(CHINA)
        send_later(environment, phone, "NOTICE", template, {"time": f"{at.month}月{at.day}日{at:%H:%M}"})


async def all_sent() -> None:
    """Wait for what was given to `send_later` so far: in tests."""
    await asyncio.gather(*tuple(_sending))


async def finish_sending(seconds: float) -> int:
    """Wait so long for what was given to `send_later` so far, when the server stops; how many were not sent by then,
    and will not be: nothing of them is stored."""
    own = asyncio.get_running_loop()
    waiting = {task for task in _sending if task.get_loop() is own}
    if not waiting:
        return 0
    _, late = await asyncio.wait(waiting, timeout=seconds)
    for task in late:
        task.cancel()
    return len(late)
