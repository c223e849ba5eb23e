"""One writer at a time, and a token that saves also where the session is over."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from dingkao.accounts.tables import Account
from dingkao.audit.tables import AuditEntry
from dingkao.papers.answers import GivenAnswer, save_answers
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.records import read_answers
from dingkao.papers.tables import AnswerSave
from dingkao.papers.vocabulary import AttemptState
from dingkao.papers.writing import attempt_token, take_over_attempt
from dingkao.plugin.caller import Caller
from dingkao.testing.clock import SettableClock
from dingkao.testing.refusals import refused_access, refused_state
from dingkao.testing.sample import SampleDoctor

from .sittings import GRACE_SECONDS, MINUTES, QUESTIONS, Sittings

ONE = [GivenAnswer(1, "A", 1)]


async def _begun(sittings: Sittings) -> tuple[SampleDoctor, int, str]:
    """A doctor, his attempt and the token of the device that began it."""
    doctor = await sittings.doctor()
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    return doctor, attempt, await _token(sittings, attempt)


async def _token(sittings: Sittings, attempt: int) -> str:
    record = await sittings.attempt(attempt)
    return attempt_token(sittings.environment, attempt, record.started_at, record.writer_number)


def _on_another_device(doctor: SampleDoctor, session: int = 2) -> Caller:
    return replace(doctor.caller, session_id=session)


async def test_two_devices_starting_at_once_get_one_attempt_and_one_writes(sittings: Sittings) -> None:
    doctor = await sittings.doctor()
    paper = (await sittings.papers(doctor))[0].id
    devices = [_on_another_device(doctor, session) for session in range(1, 5)]
    begun = await asyncio.gather(*(start_attempt(sittings.environment, device, paper) for device in devices))
    assert len(set(begun)) == 1
    saves = [save_answers(sittings.environment, device, begun[0], ONE) for device in devices]
    outcomes = await asyncio.gather(*saves, return_exceptions=True)
    assert sorted(getattr(outcome, "code", "SAVED") for outcome in outcomes) == ["ANOTHER_DEVICE_WRITES"] * 3 + [
        "SAVED"
    ]
    assert (await sittings.papers(doctor))[0].attempts_used == 1


async def test_taking_over_tells_the_other_device_and_is_audited(sittings: Sittings, clock: SettableClock) -> None:
    doctor, attempt, token = await _begun(sittings)
    second = _on_another_device(doctor)
    environment = sittings.environment
    await save_answers(environment, doctor.caller, attempt, ONE, token=token)
    assert (await refused_state(submit_attempt(environment, second, attempt)))[0] == "ANOTHER_DEVICE_WRITES"
    clock.advance(timedelta(minutes=1))
    await take_over_attempt(environment, second, attempt)
    # The first one is told, with its session and with its token alike; nothing of it is taken, nothing is lost.
    newer = [GivenAnswer(1, "B", 99)]
    assert (await refused_state(save_answers(environment, doctor.caller, attempt, newer, token=token)))[
        0
    ] == "TAKEN_OVER"
    assert (await refused_state(save_answers(environment, None, attempt, newer, token=token)))[0] == "TAKEN_OVER"
    refused = save_answers(environment, doctor.caller, attempt, newer)
    assert (await refused_state(refused))[0] == "ANOTHER_DEVICE_WRITES"
    saved = await save_answers(environment, second, attempt, [GivenAnswer(1, "C", 2)])
    assert [(answer.choice, answer.sequence) for answer in saved.held] == [("C", 2)]
    record = await sittings.attempt(attempt)
    assert (record.writer_session, record.writer_number, record.writer_since) == (2, 2, clock.now())
    # And back again.
    await take_over_attempt(environment, doctor.caller, attempt)
    await save_answers(environment, None, attempt, [GivenAnswer(1, "D", 3)], token=await _token(sittings, attempt))
    assert (await refused_state(save_answers(environment, second, attempt, newer)))[0] == "ANOTHER_DEVICE_WRITES"
    entries = await AuditEntry.select(AuditEntry.session, AuditEntry.detail).where(
        AuditEntry.action == "TAKE_OVER_ATTEMPT"
    )
    assert [(row["session"], row["detail"]) for row in entries] == [
        (2, '{"fromSession": 1, "writer": 2}'),
        (1, '{"fromSession": 2, "writer": 3}'),
    ]
    writers = await AnswerSave.select(AnswerSave.writer_number, AnswerSave.session).order_by(AnswerSave.id)
    assert [(row["writer_number"], row["session"]) for row in writers] == [(1, 1), (2, 2), (3, None)]


async def test_taking_over_what_one_has_changes_nothing(sittings: Sittings) -> None:
    doctor, attempt, token = await _begun(sittings)
    await take_over_attempt(sittings.environment, doctor.caller, attempt)
    await save_answers(sittings.environment, None, attempt, ONE, token=token)


async def test_nobody_takes_over_what_is_not_his_or_is_over(sittings: Sittings) -> None:
    doctor, attempt, _ = await _begun(sittings)
    other = await sittings.doctor()
    environment = sittings.environment
    assert await refused_access(take_over_attempt(environment, other.caller, attempt)) == "NOT_FOUND"
    assert await refused_access(take_over_attempt(environment, None, attempt)) == "UNAUTHENTICATED"
    assert await refused_access(take_over_attempt(environment, sittings.province.body, attempt)) == "FORBIDDEN"
    assert await refused_access(take_over_attempt(environment, doctor.caller, 999_999)) == "NOT_FOUND"
    await submit_attempt(environment, doctor.caller, attempt)
    assert (await refused_state(take_over_attempt(environment, doctor.caller, attempt)))[0] == "ATTEMPT_CLOSED"


async def test_a_session_that_is_over_stops_no_saving_before_the_deadline(
    sittings: Sittings, clock: SettableClock
) -> None:
    doctor, attempt, token = await _begun(sittings)
    clock.advance(timedelta(minutes=MINUTES))
    for place in range(1, QUESTIONS + 1):
        await save_answers(sittings.environment, None, attempt, [GivenAnswer(place, "A", place)], token=token)
    assert set((await read_answers([attempt]))[0]) == set(range(1, QUESTIONS + 1))
    await submit_attempt(sittings.environment, None, attempt, token=token)
    assert (await sittings.attempt(attempt)).state is AttemptState.MARKED
    entry = await AuditEntry.objects().get(AuditEntry.action == "SUBMIT_ATTEMPT")
    assert (entry.account, entry.session, entry.role) == (doctor.account_id, None, "DOCTOR")
    assert await AnswerSave.count().where(AnswerSave.account == doctor.account_id) == QUESTIONS


async def test_a_token_serves_nobody_else_who_is_logged_in(sittings: Sittings) -> None:
    doctor, attempt, token = await _begun(sittings)
    other, _, _ = await _begun(sittings)
    environment = sittings.environment
    for caller in (other.caller, replace(other.caller, first_login=True), sittings.province.body):
        refused = save_answers(environment, caller, attempt, ONE, token=token)
        assert await refused_access(refused) == "NOT_FOUND"
        assert await refused_access(submit_attempt(environment, caller, attempt, token=token)) == "NOT_FOUND"
    assert (await read_answers([attempt]))[0] == {}
    assert await AnswerSave.count() == 0
    # The doctor himself, also with another session, and nobody at all.
    for sequence, caller in enumerate((doctor.caller, _on_another_device(doctor), None), 1):
        await save_answers(environment, caller, attempt, [GivenAnswer(1, "A", sequence)], token=token)
    await submit_attempt(environment, None, attempt, token=token)
    assert {row["account"] for row in await AnswerSave.select(AnswerSave.account)} == {doctor.account_id}


async def test_a_token_ends_with_the_attempt(sittings: Sittings, clock: SettableClock) -> None:
    _, attempt, token = await _begun(sittings)
    clock.advance(timedelta(minutes=MINUTES, seconds=GRACE_SECONDS, microseconds=1))
    saved = save_answers(sittings.environment, None, attempt, ONE, token=token)
    assert await refused_state(saved) == ("TIME_IS_UP", "MARKED")


@pytest.mark.parametrize(
    "spoil", ["", "1", "1.", "x.y", "-1.aa", "²." + "a" * 43, "1." + "A" * 43, "9999999999.a", "１.a"]
)
async def test_what_is_no_token_opens_nothing(sittings: Sittings, spoil: str) -> None:
    doctor, attempt, _ = await _begun(sittings)
    for caller in (None, doctor.caller, sittings.province.authority):
        saved = save_answers(sittings.environment, caller, attempt, ONE, token=spoil)
        assert await refused_access(saved) == "NOT_FOUND"


async def test_a_token_is_for_one_attempt_and_no_account_that_is_disabled(sittings: Sittings) -> None:
    doctor, attempt, token = await _begun(sittings)
    _, another, _ = await _begun(sittings)
    environment = sittings.environment
    assert await refused_access(save_answers(environment, None, another, ONE, token=token)) == "NOT_FOUND"
    await Account.update({Account.disabled: True}).where(Account.id == doctor.account_id)
    assert await refused_access(save_answers(environment, None, attempt, ONE, token=token)) == "UNAUTHENTICATED"
