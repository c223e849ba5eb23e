"""Messages that the default SmsSender kept instead of sending."""

from piccolo.columns import Text, Timestamptz

from dingkao.db.routing import ROUTER
from dingkao.db.sealed import Sealed, blind_index
from dingkao.db.tables import Record, code_column


class OutboxMessage(Record, db=ROUTER, tablename="outbox_message"):
    """短信发件箱: for demos and tests; a province fills the SMS_SENDER port instead."""

    phone = Sealed(index="phone_index")
    phone_index = blind_index(index=True)
    purpose = code_column(30)
    text = Text()
    created_at = Timestamptz(default=None)
