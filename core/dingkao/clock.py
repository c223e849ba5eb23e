"""Time: one clock for each application, so that tests can set it."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Protocol

# China has one civil time, UTC+8, and no summer time; a deadline's day is a day there.
CHINA = timezone(timedelta(hours=8))


class Clock(Protocol):
    """What the application asks for the time."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, UTC, to the microsecond."""
        return datetime.now(UTC)


def china_date(instant: datetime) -> date:
    """The civil day of `instant` in China."""
    return instant.astimezone(CHINA).date()
