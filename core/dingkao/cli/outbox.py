"""`dingkao outbox`."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from dingkao.cli.console import new_table, output, say

if TYPE_CHECKING:
    from dingkao.messaging.outbox import KeptMessage


def outbox(
    phone: Annotated[str | None, typer.Option("--phone", help="Only messages to this phone number 手机号.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="The newest so many.")] = 20,
) -> None:
    """Show the messages that were kept instead of sent, the newest last. 短信发件箱

    The default SmsSender keeps every text message in the database; a plugin for a real gateway takes its place. Times
    are those of China.
    """
    from dingkao.clock import CHINA

    kept = asyncio.run(_read(limit, phone))
    if not kept:
        say("no message was kept")
        return
    table = new_table("At", "Phone", "Purpose", "Text")
    for message in reversed(kept):
        at = message.created_at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(at, message.phone, message.purpose, message.text)
    output().print(table)


async def _read(limit: int, phone: str | None) -> "list[KeptMessage]":
    from dingkao.cli.opening import open_environment
    from dingkao.messaging.outbox import read_outbox

    async with open_environment():
        return await read_outbox(limit, phone)
