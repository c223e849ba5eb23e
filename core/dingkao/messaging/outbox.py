"""The default SmsSender: it keeps each message in a table, where `dingkao outbox` shows it, and sends nothing."""

from dataclasses import dataclass
from datetime import datetime

from dingkao.clock import Clock, SystemClock
from dingkao.db.sealed import indexes_of
from dingkao.db.statement import Statement
from dingkao.messaging.tables import OutboxMessage
from dingkao.plugin.ports import SmsMessage

# The most that one look into the outbox returns.
OUTBOX_PAGE = 200


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message as it was kept; `created_at` is UTC. It holds a phone number in full: for operators only."""

    id: int
    phone: str
    purpose: str
    text: str
    created_at: datetime


class OutboxSmsSender:
    """For demonstrations and tests; a province fills the SMS_SENDER port with its gateway instead."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    async def send(self, message: SmsMessage) -> str:
        """Keep `message` (in the caller's transaction, where one is open); returns `outbox-` and its key."""
        kept = await OutboxMessage.insert(
            OutboxMessage(phone=message.phone, purpose=message.purpose, text=message.text, created_at=self._clock.now())
        ).returning(OutboxMessage.id)
        return f"outbox-{kept[0]['id']}"


_all = Statement(
    lambda p: (
        OutboxMessage.select(
            OutboxMessage.id, OutboxMessage.phone, OutboxMessage.purpose, OutboxMessage.text, OutboxMessage.created_at
        )
        .order_by(OutboxMessage.id, ascending=False)
        .limit(p.count)
    ),
    constants=("count",),
)
_of_phone = Statement(
    lambda p: (
        OutboxMessage.select(
            OutboxMessage.id, OutboxMessage.phone, OutboxMessage.purpose, OutboxMessage.text, OutboxMessage.created_at
        )
        .where(OutboxMessage.phone_index.is_in(p.phones))
        .order_by(OutboxMessage.id, ascending=False)
        .limit(p.count)
    ),
    constants=("count",),
)


async def read_outbox(count: int = 20, phone: str | None = None) -> list[KeptMessage]:
    """The newest `count` messages (1 to 200), newest first; those to `phone` only, where one is given."""
    if not 1 <= count <= OUTBOX_PAGE:
        raise ValueError(f"count must be 1 to {OUTBOX_PAGE}")
    if phone is None:
        rows = await _all.run(count=count)
    else:
        rows = await _of_phone.run(phones=indexes_of(OutboxMessage.phone, phone), count=count)
    return [KeptMessage(**row) for row in rows]
