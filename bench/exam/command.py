"""The command: hall, server, doctors, comparison, figures."""

import argparse
import asyncio
import gc
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import uvloop
from pydantic import SecretStr

from bench.exam.candidate import Candidate
from bench.exam.database import ExamDatabase, postgresql_server, sqlite_file
from bench.exam.device import Hall
from bench.exam.habits import Chance, Habits
from bench.exam.hall import Seat, make_hall
from bench.exam.holding import Held, hold_against
from bench.exam.killing import POSTGRESQL, WHAT, WORKER, Killer
from bench.exam.ledger import Ledger
from bench.exam.report import Day, Window, report
from bench.servers import ServedDingkao
from dingkao.application import build_environment
from dingkao.db.database import Database
from dingkao.db.migrations import migrate
from dingkao.migrations import CORE_MIGRATIONS
from dingkao.settings import Settings
from dingkao.testing.keys import TEST_KEYS

# As a server does it that nobody has configured.
_SWEEP_SECONDS = 5.0
_TELL_SECONDS = 15.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a day; the process's exit code: 1 where an answer was lost or a mark is wrong."""
    asked = parse(arguments)
    # Also who ends it from outside shall find no server left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with (
        postgresql_server() if asked.postgresql else sqlite_file() as database,
        tempfile.TemporaryDirectory(prefix="dingkao-examday-") as folder,
    ):
        day = run_day(asked, database, Path(folder))
    print(report(day))
    return 0 if day.held.good and not day.ledger.wrong else 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line. Ends the process where it makes no sense."""
    parser = argparse.ArgumentParser(
        description="Simulated doctors sit a paper at once; at the end every acknowledged answer is compared with what "
        "is stored, and every mark with the doctor's own marking."
    )
    parser.add_argument("--doctors", type=int, default=1000, help="how many (1000)")
    parser.add_argument("--questions", type=int, default=100, help="in a paper (100)")
    parser.add_argument("--workers", type=int, default=1, help="processes of `dingkao serve` (1)")
    parser.add_argument("--postgresql", action="store_true", help="on a PostgreSQL from pip instead of SQLite")
    parser.add_argument("--kill", choices=WHAT, help="kill -9 of this at random moments, and start it again")
    parser.add_argument("--kill-every", type=float, default=30.0, help="seconds between two kills, on average (30)")
    parser.add_argument("--seed", type=int, default=1, help="of all that the doctors draw (1)")
    for habit in fields(Habits):
        parser.add_argument(
            f"--{habit.name.replace('_', '-')}", type=float, default=habit.default, help=f"({habit.default:g})"
        )
    asked = parser.parse_args(arguments)
    if asked.kill == WORKER and asked.workers < 2:
        parser.error("--kill worker needs --workers 2 or more: of one worker nobody would take its place")
    if asked.kill == POSTGRESQL and not asked.postgresql:
        parser.error("--kill postgresql needs --postgresql")
    return asked


def run_day(asked: argparse.Namespace, database: ExamDatabase, folder: Path) -> Day:
    """Make the hall in the empty database, start the server, let everybody sit, compare. Raises ServerFailed."""
    habits = Habits(**{habit.name: getattr(asked, habit.name) for habit in fields(Habits)})
    title, seats = asyncio.run(_prepare(database.url, asked.doctors, asked.questions))
    served = ServedDingkao(database.url, folder, asked.workers, _SWEEP_SECONDS)
    try:
        served.start()
        ledger = Ledger()
        window, killer = uvloop.run(_sit(asked, habits, seats, served, database, ledger))
    finally:
        served.stop()
    held = asyncio.run(_hold(database.url, ledger))
    title = f"{title}, {asked.workers} worker{'s' if asked.workers > 1 else ''}"
    return Day(title, len(seats), habits, ledger, window, killer.kills, held)


async def _prepare(url: str, doctors: int, questions: int) -> tuple[str, list[Seat]]:
    environment = build_environment(Settings(database_url=url, keys=SecretStr(TEST_KEYS)))
    async with environment.database.session():
        await migrate([CORE_MIGRATIONS, *environment.registry.migrations])
        seats = await make_hall(environment, doctors, questions)
        return ("SQLite" if environment.database.is_sqlite else "PostgreSQL"), seats


async def _sit(
    asked: argparse.Namespace,
    habits: Habits,
    seats: Sequence[Seat],
    served: ServedDingkao,
    database: ExamDatabase,
    ledger: Ledger,
) -> tuple[Window, Killer]:
    # Ten thousand doctors are few objects that live long; looking through them again and again costs milliseconds.
    gc.freeze()
    gc.disable()
    hall = Hall(served.port, habits, ledger)
    killer = Killer(hall, served, asked.kill, asked.kill_every, database.kill_and_start)
    tasks = [
        asyncio.ensure_future(Candidate(hall, Chance(habits, asked.seed * 1_000_003 + number), seat).sit())
        for number, seat in enumerate(seats)
    ]
    if asked.kill:
        tasks.append(asyncio.ensure_future(killer.kill_until(habits.arrive + habits.sit, at_least=1)))
    await hall.until(habits.arrive)
    telling = asyncio.ensure_future(_tell(hall, tasks, killer))
    # Processes that are killed take their figures with them.
    before = (0.0, 0.0, 0.0) if asked.kill else _cpu(served, database)
    await hall.until(habits.arrive + habits.sit)
    now = before if asked.kill else _cpu(served, database)
    spent = [after - start for after, start in zip(now, before, strict=True)]
    await asyncio.gather(*tasks)
    telling.cancel()
    gc.enable()
    gc.unfreeze()
    return Window(habits.arrive, habits.arrive + habits.sit, *spent), killer


async def _tell(hall: Hall, tasks: Sequence[asyncio.Future[None]], killer: Killer) -> None:
    """Say now and then where the day is."""
    while True:
        await asyncio.sleep(_TELL_SECONDS)
        ledger = hall.ledger
        print(
            f"{hall.now():.0f} s of {hall.habits.length:.0f}: {len(ledger.sheets):,} began, "
            f"{sum(task.done() for task in tasks):,} are done, {len(ledger.saves):,} saves, {len(killer.kills)} kills, "
            f"{sum(ledger.retried.values())} tried again",
            file=sys.stderr,
            flush=True,
        )


def _cpu(served: ServedDingkao, database: ExamDatabase) -> tuple[float, float, float]:
    # On SQLite the database is the server's threads; their time is part of the server's.
    inside = served.server.thread_seconds() if database.url.startswith("sqlite") else database.cpu_seconds()
    return served.server.cpu_seconds(), inside, time.process_time()


async def _hold(url: str, ledger: Ledger) -> Held:
    async with Database(url).session():
        return await hold_against(ledger)
