"""The histories of saves: each save is a row of its own, only ever appended and outside the chain; the entry that ends
an attempt holds the digest of all of them."""

from collections.abc import Mapping
from typing import Any

from piccolo.querystring import QueryString

from dingkao.audit.chain import history_digest
from dingkao.audit.keys import current_key
from dingkao.db.statement import Statement
from dingkao.environment import Environment

# What is signed of a save, in this order.
SAVE = ("revision", "saved_at", "late", "writer_number", "account", "session", "address", "request_id", "answers")

_saves = Statement(
    lambda p: QueryString(
        f"SELECT {', '.join(SAVE)} FROM answer_save WHERE attempt = {{}} ORDER BY revision",  # noqa: S608 - our own names
        p.attempt,
    )
)


async def history_of(environment: Environment, attempt_id: int) -> dict[str, Any]:
    """What the entry that ends an attempt says of its saves: how many, and their digest. One query."""
    rows = await _saves.run(attempt=attempt_id)
    key = current_key(environment)
    return {"saves": len(rows), "history": history_digest(key.secret, [save_values(row) for row in rows])}


def save_values(row: Mapping[str, Any]) -> list[Any]:
    """The values of a save in the order in which they are signed."""
    return [row[name] for name in SAVE]
