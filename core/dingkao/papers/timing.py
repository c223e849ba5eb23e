"""The clock of an attempt: what it still takes at an instant, and from when on it takes nothing. Pure.

Every deadline is an instant; the client's clock is never asked. Reading, saving, submitting and the sweeper all decide
by the same two functions, so that they cannot disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dingkao.papers.vocabulary import AttemptPhase
from dingkao.plugin.national import TimeUp

# The columns of an attempt that its clock depends on.
TIMING_COLUMNS = ("deadline", "grace_seconds", "time_up", "submit_seconds", "paused_at")


@dataclass(frozen=True, slots=True)
class Timing:
    """The limits that were frozen into an attempt at its start, and when it was paused (None: it is not)."""

    deadline: datetime
    grace_seconds: int
    time_up: TimeUp
    submit_seconds: int
    paused_at: datetime | None = None

    @property
    def answers_until(self) -> datetime:
        """The last instant at which an answer is taken: the deadline, or the pause, and the grace for a late network.
        The grace is not for thinking: a client shows the time up to the deadline."""
        end = self.deadline if self.paused_at is None else min(self.deadline, self.paused_at)
        return end + timedelta(seconds=self.grace_seconds)

    @property
    def closes_at(self) -> datetime | None:
        """The last instant at which the doctor can do anything; None while paused: a pause has no end of its own."""
        if self.paused_at is not None:
            return None
        if self.time_up is TimeUp.GRACE:
            return self.deadline + timedelta(seconds=max(self.grace_seconds, self.submit_seconds))
        return self.answers_until

    def phase(self, now: datetime) -> AttemptPhase:
        """What the clock leaves of the running attempt at `now`."""
        if now > self.answers_until:
            if self.paused_at is not None:
                return AttemptPhase.PAUSED
            closes_at = self.closes_at
            over = closes_at is not None and now > closes_at
            return AttemptPhase.OVER if over else AttemptPhase.SUBMIT_ONLY
        if self.paused_at is not None and now >= self.paused_at:
            return AttemptPhase.PAUSED
        return AttemptPhase.ANSWERING if now <= self.deadline else AttemptPhase.LATE

    def takes_answers(self, now: datetime) -> bool:
        """Whether an answer that arrives at `now` is taken."""
        return now <= self.answers_until

    def _clock(self, now: datetime) -> datetime:
        """The instant at which the attempt's clock stands: in a pause, the one at which it was paused."""
        return now if self.paused_at is None else min(now, self.paused_at)

    def seconds_left(self, now: datetime) -> int:
        """Whole seconds to the deadline, 0 after it; in a pause they stand still."""
        return max(0, int((self.deadline - self._clock(now)).total_seconds()))

    def is_late(self, now: datetime) -> bool:
        """Whether an answer that is taken at `now` came after the deadline or the pause."""
        return now > self.deadline or (self.paused_at is not None and now > self.paused_at)

    def ended_by_clock(self, now: datetime) -> bool:
        """Whether who submits at `now` has used all of the time, so that the clock and not the doctor ended it: a
        client that counts down `secondsLeft`, whole seconds, comes to nought within the last one. A pause stops the
        clock."""
        return self.seconds_left(now) == 0

    def extended(self, extra: timedelta, now: datetime) -> datetime:
        """The deadline with `extra` time that is granted at `now`: on top of what was left and, where nothing was, from
        now on. A paused clock stands at its pause."""
        return max(self.deadline, now if self.paused_at is None else self.paused_at) + extra

    def is_over(self, now: datetime) -> bool:
        """Whether nothing is left to the doctor, so that the attempt is to be settled."""
        closes_at = self.closes_at
        return closes_at is not None and now > closes_at


def timing_of(row: Mapping[str, Any]) -> Timing:
    """The clock of an attempt from a row with `TIMING_COLUMNS`."""
    return Timing(
        row["deadline"], row["grace_seconds"], TimeUp(row["time_up"]), row["submit_seconds"], row["paused_at"]
    )
