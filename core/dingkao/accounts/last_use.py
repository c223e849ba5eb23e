"""Writing when sessions were last used: of all sessions together, apart from every request."""

from dingkao.accounts.tables import Session
from dingkao.db.database import transaction
from dingkao.db.statement import LARGEST_LIST, Statement
from dingkao.environment import Environment

_used = Statement(
    lambda p: Session.update({Session.last_used_at: p.at}).where(
        Session.id.is_in(p.ids) & (Session.last_used_at < p.at) & Session.ended_at.is_null()
    )
)


async def write_last_uses(environment: Environment) -> int:
    """Write what this process saw, in one short transaction for each few thousand sessions; returns how many sessions.
    What could not be written is kept for the next time."""
    seen = environment.last_uses.take()
    ids = sorted(seen)
    try:
        for start in range(0, len(ids), LARGEST_LIST):
            batch = ids[start : start + LARGEST_LIST]
            async with transaction():
                # One instant for the batch: it was gathered within a minute, and a minute is all that is promised.
                await _used.run(ids=batch, at=max(seen[each] for each in batch))
    except BaseException:
        environment.last_uses.put_back(seen)
        raise
    return len(ids)
