"""The figures of a day, in words."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.exam.habits import Habits
from bench.exam.holding import Held
from bench.exam.killing import Kill
from bench.exam.ledger import Ledger

# How the ledger names the answer of a server that has no turn for the request.
_COME_AGAIN = "HTTP 503"


@dataclass(frozen=True, slots=True)
class Window:
    """The time in which all doctors sit, nobody starts and nobody submits: moments, seconds after the doors opened, and
    the CPU seconds that server, database and this simulation spent in it."""

    begins: float
    ends: float
    server_cpu: float
    database_cpu: float
    own_cpu: float


@dataclass(frozen=True, slots=True)
class Day:
    """All that is reported."""

    title: str
    doctors: int
    habits: Habits
    ledger: Ledger
    window: Window
    kills: Sequence[Kill]
    held: Held


def report(day: Day) -> str:
    """The text that the command prints."""
    ledger, window, held = day.ledger, day.window, day.held
    overloaded = {name: count for name, count in ledger.retried.items() if name.endswith(_COME_AGAIN)}
    others = {name: count for name, count in ledger.retried.items() if name not in overloaded}
    full = [seconds for moment, seconds in ledger.saves if window.begins <= moment < window.ends]
    lines = [
        f"\n{day.title}; Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"load average {os.getloadavg()[0]:.1f}",
        f"{day.doctors:,} doctors arrive in {day.habits.arrive:.0f} s, all sit for {day.habits.sit:.0f} s, leave in "
        f"{day.habits.leave:.0f} s; an answer each {day.habits.every:g} s",
        "",
        "while all sit",
        *_timing("  saves", full, window.ends - window.begins),
    ]
    if full and not day.kills:
        lines.append(
            f"  CPU ms a save          server {window.server_cpu * 1000 / len(full):.2f}, of that or beside it "
            f"database {window.database_cpu * 1000 / len(full):.2f}; this simulation "
            f"{window.own_cpu * 1000 / len(full):.2f}"
        )
        busy = (window.server_cpu + window.own_cpu) / (window.ends - window.begins)
        lines.append(
            f"  cores in use           {busy:.2f} by server, its database where that is inside, and simulation"
        )
    lines += [
        "the whole day",
        *_timing("  saves", [seconds for _, seconds in ledger.saves], day.habits.length),
        *_timing("  starts", [seconds for _, seconds in ledger.starts], day.habits.arrive),
        *_timing("  submissions", [seconds for _, seconds in ledger.submits], day.habits.leave),
        f"  answers in a save      {ledger.answers_acknowledged / max(1, len(ledger.saves)):.2f}",
        "what the doctors waited, with their networks and all that was tried again",
        *_timing("  an answer's receipt", [seconds for _, seconds in ledger.answer_waits], day.habits.length),
        *_timing("  to begin", [seconds for _, seconds in ledger.start_waits], day.habits.arrive),
        *_timing("  to submit", [seconds for _, seconds in ledger.submit_waits], day.habits.leave),
        f"  refused for good       {sum(ledger.refused.values())} {_counted(ledger.refused)}",
        f"  told to come again     {sum(overloaded.values())} {_counted(overloaded)}",
        f"  tried again            {sum(others.values())} {_counted(others)}",
        f"  changed devices        {ledger.changed_devices}; looked again for a mark {ledger.marks_waited_for} times",
    ]
    if day.kills:
        outage = ", ".join(f"{kill.seconds:.1f}" for kill in day.kills)
        lines.append(
            f"  kill -9 of {day.kills[0].what:<12}{len(day.kills)} times; seconds until it ran again: {outage}"
        )
    lines += [
        "held against the database",
        f"  acknowledged answers   {ledger.answers_acknowledged:,} saved, {held.answers:,} questions compared",
        f"  lost                   {held.lost}",
        f"  history                {held.history:,} saves, {held.not_in_history} missing",
        f"  never sent, but stored {held.foreign}",
        f"  marks compared         {held.marks:,}, wrong {held.wrong_marks}; attempts not submitted "
        f"{held.not_submitted}, too many {held.surplus_attempts}",
        *(f"  WRONG: {finding}" for finding in ledger.wrong),
    ]
    return "\n".join(lines)


def _timing(name: str, seconds: Sequence[float], over: float) -> list[str]:
    if not seconds:
        return [f"{name:<25}none"]
    ordered = sorted(seconds)
    p50, p99 = (ordered[min(len(ordered) - 1, len(ordered) * part // 100)] * 1000 for part in (50, 99))
    return [
        f"{name:<25}{len(ordered):,} ({len(ordered) / over:.0f} a second); p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
        f"mean {statistics.fmean(ordered) * 1000:.1f} ms, longest {ordered[-1] * 1000:.0f} ms"
    ]


def _counted(counts: object) -> str:
    assert isinstance(counts, dict)
    return "" if not counts else "(" + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) + ")"
