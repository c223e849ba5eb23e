"""Reading SMS codes: a client cannot, so the tour looks where the demo server keeps its messages."""

import asyncio
import re
from urllib.parse import urlsplit

from dingkao.crypto.loading import load_keys
from dingkao.db.database import Database
from dingkao.messaging.outbox import read_outbox
from dingkao.settings import load_settings
from dingkao.tour.people import CodeReader

_CODE = re.compile(r"验证码(\d{6})")
# A notice or two may have gone to the phone since its code.
_LOOKED_AT = 10


class CodeNotFound(Exception):
    """The server sent a code, and it is not in the outbox that the tour reads; the message says what to do."""


def outbox_reader(database_url: str | None = None) -> CodeReader:
    """Reads the outbox of the default SmsSender in `database_url` (None: DINGKAO_DATABASE_URL's).

    The tour is a demonstration that runs where the demo server runs. Raises BadSettings, BadDatabaseUrl; the reader
    raises CodeNotFound.
    """
    settings = load_settings()
    url = database_url or settings.database_url
    database, shown = Database(url, load_keys(settings)), address_without_login(url)

    async def newest(phone: str) -> str | None:
        async with database.session():
            messages = await read_outbox(_LOOKED_AT, phone)
        found = (_CODE.search(message.text) for message in messages)
        return next((code.group(1) for code in found if code), None)

    def read(phone: str) -> str:
        try:
            if database.path is not None and not database.path.is_file():
                raise FileNotFoundError(f"there is no file {database.path}")
            code = asyncio.run(newest(phone))
        except Exception as error:
            raise CodeNotFound(f"cannot read the outbox of {shown}: {error}. {_ADVICE}") from error
        if code is None:
            raise CodeNotFound(f"the code that the server has sent is not in the outbox of {shown}. {_ADVICE}")
        return code

    return read


_ADVICE = (
    "The tour reads SMS codes from the server's database: run it where the demo server runs, with the same "
    "DINGKAO_DATABASE_URL and keys, against a server that uses the default SmsSender."
)


def address_without_login(url: str) -> str:
    """A database's address as it may be printed: without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if parts.netloc else url
