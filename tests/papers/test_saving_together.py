"""Saves of many doctors in one transaction: each gets what he would have got alone."""

import asyncio

import pytest

from dingkao.db.counting import count_queries
from dingkao.db.database import is_postgresql, transaction
from dingkao.papers import answers as saving
from dingkao.papers.answers import GivenAnswer, save_answers
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.records import read_answers
from dingkao.papers.saving import append_saves, hold_attempts
from dingkao.papers.tables import AnswerSave
from dingkao.plugin.errors import NotFound, StateConflict, ValidationFailed
from dingkao.testing.sample import SampleDoctor

from .sittings import Sittings


async def _begun(sittings: Sittings) -> tuple[SampleDoctor, int]:
    doctor = await sittings.doctor()
    return doctor, await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)


async def _held(attempt: int) -> dict[int, str]:
    return {place: row["choice"] for place, row in (await read_answers([attempt]))[0].items()}


async def test_a_crowd_is_saved_by_a_few_statements_and_each_is_told_his_own(sittings: Sittings) -> None:
    begun = [await _begun(sittings) for _ in range(6)]
    stranger, closed = await sittings.doctor(), begun[5]
    await submit_attempt(sittings.environment, closed[0].caller, closed[1])
    environment = sittings.environment
    asked = [
        save_answers(environment, begun[0][0].caller, begun[0][1], [GivenAnswer(1, "A", 3)]),
        save_answers(environment, begun[1][0].caller, begun[1][1], [GivenAnswer(1, "B", 1), GivenAnswer(2, "C", 2)]),
        save_answers(environment, stranger.caller, begun[2][1], [GivenAnswer(1, "D", 9)]),
        save_answers(environment, begun[3][0].caller, begun[3][1], [GivenAnswer(99, "A", 1)]),
        save_answers(environment, begun[4][0].caller, begun[4][1], [GivenAnswer(3, "D", 1)]),
        save_answers(environment, closed[0].caller, closed[1], [GivenAnswer(1, "A", 1)]),
        # The same doctor a second time: after the first, whatever else is in the batch.
        save_answers(environment, begun[0][0].caller, begun[0][1], [GivenAnswer(1, "B", 2)]),
    ]
    with count_queries() as queries:
        first, second, *others = await asyncio.gather(*asked, return_exceptions=True)
    # Three for the first that came, three for all who came meanwhile, four for his second save, which was beaten.
    assert len(queries) <= 10
    assert [(answer.choice, answer.sequence) for answer in first.held] == [("A", 3)]  # type: ignore[union-attr]
    assert [answer.choice for answer in second.held] == ["B", "C"]  # type: ignore[union-attr]
    assert [type(outcome) for outcome in others[:2]] == [NotFound, ValidationFailed]
    assert others[2].revision == 1  # type: ignore[union-attr]
    assert isinstance(others[3], StateConflict)
    assert [(answer.choice, answer.sequence) for answer in others[4].held] == [("A", 3)]  # type: ignore[union-attr]
    assert [await _held(attempt) for _, attempt in begun] == [{1: "A"}, {1: "B", 2: "C"}, {}, {}, {3: "D"}, {}]
    rows = await AnswerSave.select(AnswerSave.attempt, AnswerSave.revision, AnswerSave.account).order_by(AnswerSave.id)
    assert sorted((row["attempt"], row["revision"]) for row in rows) == [
        (begun[0][1], 1),
        (begun[0][1], 2),
        (begun[1][1], 1),
        (begun[4][1], 1),
    ]
    assert {row["account"] for row in rows if row["attempt"] == begun[4][1]} == {begun[4][0].caller.account_id}


async def test_where_a_batch_fails_each_is_saved_by_himself(
    sittings: Sittings, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = [await _begun(sittings) for _ in range(4)]

    async def broken(rows, now):  # type: ignore[no-untyped-def]
        if len(rows) > 1 or rows[0].attempt == begun[2][1]:
            raise ConnectionResetError
        return await append_saves(rows, now)

    monkeypatch.setattr(saving, "append_saves", broken)
    outcomes = await asyncio.gather(
        *(
            save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "A", 1)])
            for doctor, attempt in begun
        ),
        return_exceptions=True,
    )
    assert [isinstance(outcome, ConnectionResetError) for outcome in outcomes] == [False, False, True, False]
    assert [await _held(attempt) for _, attempt in begun] == [{1: "A"}, {1: "A"}, {}, {1: "A"}]


async def test_nobody_waits_for_an_attempt_that_another_transaction_holds(sittings: Sittings) -> None:
    if not is_postgresql():
        pytest.skip("SQLite lets one writer in at a time; there is nothing to wait for inside")
    begun = [await _begun(sittings) for _ in range(4)]
    held, free = begun[1], asyncio.Event()
    holds = asyncio.Event()

    async def hold() -> None:
        async with transaction():
            await hold_attempts([held[1]])
            holds.set()
            await free.wait()

    holding = asyncio.create_task(hold())
    await holds.wait()
    saves = [
        asyncio.create_task(save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "A", 1)]))
        for doctor, attempt in begun
    ]
    await asyncio.gather(saves[0], saves[2], saves[3])
    assert not saves[1].done()
    free.set()
    await holding
    assert (await saves[1]).revision == 1
    assert [await _held(attempt) for _, attempt in begun] == [{1: "A"}] * 4
