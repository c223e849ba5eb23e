"""The histories of saves under the chain: the entry that ends an attempt signs every save of it."""

from datetime import timedelta

import pytest
from tests.papers.sittings import ANY_NUMBER, GRACE_SECONDS, MINUTES, build_sittings

from dingkao.audit.tables import AuditEntry
from dingkao.audit.verification import Broken, verify_chain
from dingkao.db.database import fetch
from dingkao.environment import Environment
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.invigilating import grant_extra_time
from dingkao.papers.settling import settle_expired
from dingkao.testing.clock import SettableClock

from .by_hand import Refused, by_hand


async def entry_of(action: str) -> int:
    row = await AuditEntry.select(AuditEntry.id).where(AuditEntry.action == action).first()
    assert row is not None
    return int(row["id"])


async def broken(environment: Environment) -> tuple[int, str] | None:
    found: Broken | None = (await verify_chain(environment)).broken
    return None if found is None else (found.number, found.code)


async def test_saves_are_signed_when_the_attempt_ends(environment: Environment) -> None:
    sittings = await build_sittings(environment)
    doctor = await sittings.doctor(ANY_NUMBER)
    attempt = await start_attempt(environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await sittings.answer(doctor, attempt, 3, sequence=1)
    await sittings.answer(doctor, attempt, 7, sequence=2)
    assert (await verify_chain(environment)).saves == 0
    await submit_attempt(environment, doctor.caller, attempt)
    verified = await verify_chain(environment)
    assert (verified.broken, verified.saves) == (None, 2)
    for statement in ("UPDATE answer_save SET late = NOT late", "DELETE FROM answer_save"):
        with pytest.raises(Refused, match="answer_save is only appended to"):
            await fetch(statement)
    ended = await entry_of("SUBMIT_ATTEMPT")
    await by_hand("UPDATE answer_save SET address = '198.51.100.1' WHERE revision = 2")
    assert await broken(environment) == (ended, "SAVES_CHANGED")


async def test_a_save_that_is_taken_away_is_missed(environment: Environment) -> None:
    sittings = await build_sittings(environment)
    doctor = await sittings.doctor(ANY_NUMBER)
    attempt = await start_attempt(environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await sittings.answer(doctor, attempt, 3, sequence=1)
    await sittings.answer(doctor, attempt, 7, sequence=2)
    await submit_attempt(environment, doctor.caller, attempt)
    await by_hand("DELETE FROM answer_save WHERE revision = 1")
    assert await broken(environment) == (await entry_of("SUBMIT_ATTEMPT"), "SAVES_CHANGED")


async def test_an_attempt_that_was_reopened_is_signed_twice(environment: Environment, clock: SettableClock) -> None:
    sittings = await build_sittings(environment)
    doctor = await sittings.doctor(ANY_NUMBER)
    paper = (await sittings.papers(doctor))[0].id
    attempt = await start_attempt(environment, doctor.caller, paper)
    await sittings.answer(doctor, attempt, 3, sequence=1)
    clock.set(clock.now() + timedelta(minutes=MINUTES, seconds=GRACE_SECONDS + 1))
    assert await settle_expired(environment) == 1
    await grant_extra_time(environment, sittings.province.body, paper, 10, "断电")
    await sittings.answer(doctor, attempt, 7, sequence=2)
    await submit_attempt(environment, doctor.caller, attempt)
    verified = await verify_chain(environment)
    # Of the first end one, of the second both.
    assert (verified.broken, verified.saves) == (None, 3)
    await by_hand("UPDATE answer_save SET answers = '[]' WHERE revision = 1")
    assert await broken(environment) == (await entry_of("SETTLE_ATTEMPT"), "SAVES_CHANGED")
