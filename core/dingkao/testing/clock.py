"""A clock that a test sets."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)


class SettableClock:
    """Stands still until it is set or moved on."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        """The instant it was set to."""
        return self._now

    def set(self, instant: datetime) -> None:
        """Set it to `instant` (UTC)."""
        self._now = instant

    def advance(self, delta: timedelta) -> None:
        """Move it on by `delta`."""
        self._now += delta
