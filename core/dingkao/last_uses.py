"""When sessions were last used, as this process saw it: no request waits for it to be written."""

from collections.abc import Mapping
from datetime import datetime, timedelta

# A session's last use is known to the minute.
PRECISION = timedelta(minutes=1)


class LastUses:
    """Sessions that were used and are not written yet (`dingkao.accounts.last_use` writes them). Several processes each
    have their own."""

    def __init__(self) -> None:
        self._seen: dict[int, datetime] = {}

    def last(self, session_id: int, written: datetime) -> datetime:
        """The session's last use: the later of what this process saw and what is `written`."""
        return max(self._seen.get(session_id, written), written)

    def note(self, session_id: int, last: datetime, now: datetime) -> None:
        """Remember that the session is used at `now`, unless less than a minute has gone by since `last`."""
        if now - last >= PRECISION:
            self._seen[session_id] = now

    def take(self) -> dict[int, datetime]:
        """What was seen since the last time; it is this object's no more."""
        seen, self._seen = self._seen, {}
        return seen

    def put_back(self, seen: Mapping[int, datetime]) -> None:
        """What could not be written, kept for the next time."""
        self._seen = {**seen, **self._seen}
