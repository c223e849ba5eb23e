"""Saving answers: the highest sequence wins, nothing that was acknowledged is lost, three statements suffice."""

import asyncio
import json
import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dingkao.application import build_environment
from dingkao.db.counting import count_queries
from dingkao.papers import answers as saving
from dingkao.papers.answers import GivenAnswer, HeldAnswer, Saved, save_answers
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.records import read_answers, read_questions
from dingkao.papers.tables import Answer, AnswerSave
from dingkao.testing.clock import SettableClock
from dingkao.testing.refusals import refused_fields, refused_state
from dingkao.testing.sample import SampleDoctor

from .sittings import GRACE_SECONDS, MINUTES, QUESTIONS, Sittings


async def _begun(sittings: Sittings) -> tuple[SampleDoctor, int]:
    doctor = await sittings.doctor()
    return doctor, await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)


async def _held(attempt: int) -> dict[int, tuple[str, int]]:
    return {place: (row["choice"], row["sequence"]) for place, row in (await read_answers([attempt]))[0].items()}


async def test_one_answer_takes_three_statements_and_so_do_all(sittings: Sittings) -> None:
    doctor, attempt = await _begun(sittings)
    # The cycle's policy is read once for each cycle, not for each answer.
    await save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "A", 0)])
    with count_queries() as one:
        await save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "B", 1)])
    everything = [GivenAnswer(position, "C", 2) for position in range(1, QUESTIONS + 1)]
    with count_queries() as many:
        await save_answers(sittings.environment, doctor.caller, attempt, everything)
    assert (len(one), len(many)) == (3, 3)
    with count_queries() as beaten:
        saved = await save_answers(sittings.environment, doctor.caller, attempt, everything)
    assert len(beaten) == 4
    assert [(answer.choice, answer.sequence) for answer in saved.held] == [("C", 2)] * QUESTIONS


async def test_the_highest_sequence_wins_whatever_the_order_of_arrival(
    sittings: Sittings, clock: SettableClock
) -> None:
    doctor, attempt = await _begun(sittings)
    late = clock.now()
    first = await save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "B", 7)])
    assert first == Saved([HeldAnswer(1, "B", 7, late)], 1, late, late=False)
    clock.advance(timedelta(seconds=5))
    again = await save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "A", 6)])
    same = await save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "A", 7)])
    assert again.held == same.held == first.held
    assert (again.revision, same.revision) == (2, 3)
    newer = await save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "", 8)])
    assert newer.held == [HeldAnswer(1, "", 8, clock.now())]
    assert await _held(attempt) == {1: ("", 8)}


async def test_of_one_question_sent_twice_in_one_request_the_higher_sequence_wins(sittings: Sittings) -> None:
    doctor, attempt = await _begun(sittings)
    sent = [GivenAnswer(2, "A", 5), GivenAnswer(2, "B", 9), GivenAnswer(1, "C", 1), GivenAnswer(2, "D", 3)]
    held = (await save_answers(sittings.environment, doctor.caller, attempt, sent)).held
    assert [(answer.position, answer.choice, answer.sequence) for answer in held] == [(1, "C", 1), (2, "B", 9)]


async def test_answers_at_once_from_two_devices_end_with_the_highest(sittings: Sittings) -> None:
    doctor, attempt = await _begun(sittings)
    sequences = list(range(1, 25))
    random.Random(5).shuffle(sequences)  # noqa: S311 - an order of arrival

    async def save(sequence: int) -> None:
        # Two devices, each sending its batch in its own order.
        places = (1, 2, 3) if sequence % 2 else (3, 2, 1)
        sent = [GivenAnswer(place, "ABCD"[sequence % 4], sequence) for place in places]
        await save_answers(sittings.environment, doctor.caller, attempt, sent)

    await asyncio.gather(*map(save, sequences))
    assert await _held(attempt) == dict.fromkeys((1, 2, 3), ("A", 24))


async def test_any_order_of_saves_ends_as_the_sequences_say(sittings: Sittings) -> None:
    doctor, attempt = await _begun(sittings)
    base = 0
    save = st.tuples(st.integers(1, 3), st.sampled_from(["", "A", "B", "C", "D"]), st.integers(0, 12))
    requests = st.lists(st.lists(save, min_size=1, max_size=6), min_size=1, max_size=8)
    loop = asyncio.get_running_loop()

    async def run(sent: list[list[tuple[int, str, int]]]) -> None:
        nonlocal base
        # Every example begins above the sequences of the one before: one attempt serves them all.
        base += 1000
        expected: dict[int, tuple[str, int]] = {}
        for batch in sent:
            answers = [GivenAnswer(place, choice, base + sequence) for place, choice, sequence in batch]
            for answer in answers:
                if answer.position not in expected or answer.sequence > expected[answer.position][1]:
                    expected[answer.position] = (answer.choice, answer.sequence)
            held = (await save_answers(sittings.environment, doctor.caller, attempt, answers)).held
            assert {a.position: (a.choice, a.sequence) for a in held} == {
                a.position: expected[a.position] for a in answers
            }
        now_held = await _held(attempt)
        assert {place: now_held[place] for place in expected} == expected

    @settings(max_examples=25, deadline=None)
    @given(requests)
    def check(sent: list[list[tuple[int, str, int]]]) -> None:
        asyncio.run_coroutine_threadsafe(run(sent), loop).result(60)

    # Hypothesis is synchronous: it runs in a thread and hands each example to this loop.
    await asyncio.to_thread(check)


async def test_what_was_acknowledged_survives_a_crash(sittings: Sittings) -> None:
    doctor, attempt = await _begun(sittings)
    await sittings.answer(doctor, attempt, right=8)
    before = await _held(attempt)
    # No goodbye: another process opens the same database while the first one's connections are still there.
    other = build_environment(sittings.environment.settings, clock=sittings.environment.clock)
    async with other.database.session():
        assert await _held(attempt) == before
        assert len(before) == QUESTIONS
        same = await start_attempt(other, doctor.caller, (await sittings.papers(doctor))[0].id)
        assert same == attempt
        await save_answers(other, doctor.caller, attempt, [GivenAnswer(1, "", 2)])
        await submit_attempt(other, doctor.caller, attempt)
    assert (await sittings.attempt(attempt)).score_percent == 70


async def test_a_save_that_fails_leaves_nothing_behind(sittings: Sittings, monkeypatch: pytest.MonkeyPatch) -> None:
    doctor, attempt = await _begun(sittings)

    async def broken(*_: object, **__: object) -> None:
        raise ConnectionResetError("in the middle")

    with monkeypatch.context() as patch:
        patch.setattr("dingkao.papers.answers.append_saves", broken)
        with pytest.raises(ConnectionResetError):
            await save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "A", 5)])
    assert await _held(attempt) == {}
    # The client sends again: what failed counts for nothing.
    await save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "B", 5)])
    assert await _held(attempt) == {1: ("B", 5)}


async def test_everything_that_is_wrong_is_told_at_once(sittings: Sittings) -> None:
    doctor, attempt = await _begun(sittings)
    sent = [
        GivenAnswer(0, "A", 1),
        GivenAnswer(QUESTIONS + 1, "A", 1),
        GivenAnswer(1, "E", 1),
        GivenAnswer(2, "a", 1),
        GivenAnswer(3, "A", -1),
        GivenAnswer(4, "A", 2**31),
        GivenAnswer(5, "A", 1),
    ]
    assert await refused_fields(save_answers(sittings.environment, doctor.caller, attempt, sent)) == [
        ("answers.0.position", "NO_SUCH_QUESTION"),
        ("answers.1.position", "NO_SUCH_QUESTION"),
        ("answers.2.choice", "NO_SUCH_OPTION"),
        ("answers.3.choice", "NO_SUCH_OPTION"),
        ("answers.4.sequence", "SEQUENCE_OUT_OF_RANGE"),
        ("answers.5.sequence", "SEQUENCE_OUT_OF_RANGE"),
    ]
    assert await _held(attempt) == {}
    for wrong in ([], [GivenAnswer(1, "A", place) for place in range(501)]):
        refused = await refused_fields(save_answers(sittings.environment, doctor.caller, attempt, wrong))
        assert refused == [("answers", "NUMBER_OF_ANSWERS")]


async def test_answers_are_taken_to_the_last_instant_of_the_grace(sittings: Sittings, clock: SettableClock) -> None:
    doctor, attempt = await _begun(sittings)
    clock.advance(timedelta(minutes=MINUTES, seconds=GRACE_SECONDS))
    await sittings.answer(doctor, attempt, right=6)
    clock.advance(timedelta(microseconds=1))
    refused = save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "", 50)])
    assert await refused_state(refused) == ("TIME_IS_UP", "MARKED")
    assert (await sittings.attempt(attempt)).score_percent == 60


async def test_nothing_is_saved_after_submitting(sittings: Sittings) -> None:
    doctor, attempt = await _begun(sittings)
    await sittings.answer(doctor, attempt, right=10)
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    before = await _held(attempt)
    refused = save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "", 50)])
    assert await refused_state(refused) == ("ATTEMPT_CLOSED", "MARKED")
    assert await _held(attempt) == before


async def test_saving_and_submitting_at_once_marks_what_was_acknowledged(sittings: Sittings) -> None:
    doctor, attempt = await _begun(sittings)
    questions = (await read_questions([attempt]))[0]

    async def save(question: dict[str, object]) -> bool:
        given = GivenAnswer(int(str(question["position"])), sittings.choice(question, True), 1)
        outcome = (
            await asyncio.gather(
                save_answers(sittings.environment, doctor.caller, attempt, [given]), return_exceptions=True
            )
        )[0]
        return not isinstance(outcome, BaseException)

    saves = [save(question) for question in questions]
    taken = await asyncio.gather(*saves[:5], submit_attempt(sittings.environment, doctor.caller, attempt), *saves[5:])
    marked = await sittings.attempt(attempt)
    assert marked.score_percent == 10 * sum(outcome is True for outcome in taken)


async def test_every_save_stays_in_the_history_won_or_not(sittings: Sittings, clock: SettableClock) -> None:
    doctor, attempt = await _begun(sittings)
    sent = [[GivenAnswer(3, "D", 5), GivenAnswer(1, "A", 5)], [GivenAnswer(3, "B", 4), GivenAnswer(3, "C", 6)]]
    for answers in sent:
        clock.advance(timedelta(seconds=30))
        await save_answers(sittings.environment, doctor.caller, attempt, answers)
    clock.set((await sittings.attempt(attempt)).deadline + timedelta(seconds=1))
    await save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(2, "D", 7)])
    rows = await AnswerSave.select().where(AnswerSave.attempt == attempt).order_by(AnswerSave.id)
    assert [(row["revision"], json.loads(row["answers"]), bool(row["late"])) for row in rows] == [
        (1, [[3, "D", 5, True], [1, "A", 5, True]], False),
        (2, [[3, "B", 4, False], [3, "C", 6, True]], False),
        (3, [[2, "D", 7, True]], True),
    ]
    assert {(row["account"], row["session"], row["request_id"]) for row in rows} == {(doctor.account_id, 1, "test")}
    held = (await read_answers([attempt]))[0]
    assert {place: bool(row["late"]) for place, row in held.items()} == {1: False, 2: True, 3: False}


async def test_kept_choices_are_few_and_right_after_being_dropped(
    sittings: Sittings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "MOST_KEPT", 1)
    begun = [await _begun(sittings) for _ in range(2)]
    for sequence in (1, 2):
        for doctor, attempt in begun:
            await save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "A", sequence)])
            wrong = save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "E", 9)])
            assert await refused_fields(wrong) == [("answers.0.choice", "NO_SUCH_OPTION")]
    assert await Answer.count() == 2
