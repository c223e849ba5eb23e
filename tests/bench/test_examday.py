"""A small day of tests with a kill -9 in the middle, and the comparison at its end: does it see what it should?"""

import asyncio
from pathlib import Path

import pytest
from bench.exam.command import parse, run_day
from bench.exam.database import ExamDatabase
from bench.exam.habits import Chance, Habits
from bench.exam.holding import Held, hold_against
from bench.exam.ledger import Ledger, Sheet
from bench.exam.report import report

from dingkao.db.database import Database, fetch
from dingkao.plugin.ids import decode_id

DOCTORS = 20
# A short day: everything that happens to 10,000 doctors in an hour, often enough for a few dozen.
SHORT_DAY = (
    "--questions=10 --arrive=0.5 --sit=1.5 --leave=0.5 --every=0.3 --patience=0.3 --offline=0.2 --offline-seconds=0.5 "
    "--delay=0.01 --lost-request=0.03 --lost-answer=0.03 --cut=0.03 --both-devices=0.2 --change-device=0.2"
)


def hold(url: str, ledger: Ledger, *tampering: str) -> Held:
    """What the comparison says after the statements were run."""

    async def run() -> Held:
        async with Database(url).session():
            for statement in tampering:
                await fetch(statement)
            return await hold_against(ledger)

    return asyncio.run(run())


def answered(ledger: Ledger) -> tuple[Sheet, int]:
    """A sheet, and a position on it whose highest sent sequence was acknowledged."""
    return next(
        (sheet, position)
        for sheet in ledger.sheets
        for position, sequence in sheet.acknowledged.items()
        if sequence == max(sent for place, sent in sheet.sent if place == position)
    )


def test_no_answer_is_lost_when_the_server_is_killed_and_the_comparison_would_see_it(
    database_url: str, tmp_path: Path
) -> None:
    asked = parse(["--doctors", str(DOCTORS), "--kill", "server", "--kill-every", "60", *SHORT_DAY.split()])
    day = run_day(asked, ExamDatabase(database_url), tmp_path)
    ledger = day.ledger
    assert len(day.kills) == 1
    assert ledger.wrong == []
    assert not ledger.refused
    assert day.held.good, report(day)
    assert (day.held.sheets, day.held.marks) == (DOCTORS, DOCTORS)
    assert day.held.answers == sum(len(sheet.acknowledged) for sheet in ledger.sheets) > DOCTORS
    assert any("ConnectionRefusedError" in kind for kind in ledger.retried), "the kill met nobody"

    sheet, position = answered(ledger)
    key = decode_id("Attempt", sheet.attempt_id)
    where = f"WHERE attempt = {key} AND position = {position}"
    older = hold(database_url, ledger, f"UPDATE answer SET sequence = sequence - 1 {where}")
    assert (older.lost, older.good) == (1, False)
    invented = hold(database_url, ledger, f"UPDATE answer SET sequence = sequence + 1, choice = 'Z' {where}")
    assert (invented.lost, invented.foreign) == (1, 1)
    mark = hold(database_url, ledger, f"UPDATE attempt SET score_percent = score_percent + 1 WHERE id = {key}")
    assert mark.wrong_marks == 1
    gone = hold(database_url, ledger, f"DELETE FROM answer {where}")
    assert (gone.lost, gone.foreign) == (1, 0)


def test_the_doctors_draw_what_the_habits_say() -> None:
    habits = Habits(every=30.0)
    chance = Chance(habits, 7)
    thought = [chance.thinking() for _ in range(20_000)]
    assert sum(thought) / len(thought) == pytest.approx(30.0, rel=0.05)
    assert sorted(thought)[10_000] == pytest.approx(30.0 * 0.726, rel=0.05)
    arrivals = [chance.arrival() for _ in range(1000)]
    assert 0 <= min(arrivals) <= max(arrivals) <= habits.arrive
    departures = [chance.departure() for _ in range(1000)]
    assert habits.arrive + habits.sit <= min(departures) <= max(departures) <= habits.length
    assert Chance(habits, 7).thinking() == Chance(habits, 7).thinking() != Chance(habits, 8).thinking()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--kill", "worker"], "--kill worker needs --workers 2 or more"),
        (["--kill", "postgresql"], "--kill postgresql needs --postgresql"),
    ],
)
def test_a_kill_of_what_is_not_there_is_refused(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(arguments)
    assert complaint in capsys.readouterr().err
