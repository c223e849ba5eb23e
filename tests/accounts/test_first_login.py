"""Logging in and the first login (manual 2.2.2), on both databases."""

import asyncio
import re
from datetime import timedelta

import pytest

from dingkao.accounts import logging_in, refreshing, service
from dingkao.accounts.passwords import hash_password
from dingkao.accounts.sessions import Origin, caller_of
from dingkao.accounts.tables import Account, PhoneCode, SessionToken
from dingkao.audit.tables import AuditEntry
from dingkao.environment import Environment
from dingkao.messaging.tables import OutboxMessage
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FirstLoginOpen, NotLoggedIn, StateConflict, TooManyRequests, ValidationFailed
from dingkao.plugin.text import Language
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleDoctor, build_sample

INITIAL = "666666"
OWN = "correct horse battery"
HERE = Origin("127.0.0.1", "test", "r")


async def log_in(environment: Environment, login_name: str, password: str) -> Caller:
    logged_in = await logging_in.log_in(environment, login_name, password, origin=HERE)
    caller = await caller_of(environment, logged_in.session.token, Language.CHINESE, "r", "127.0.0.1")
    assert caller is not None
    return caller


async def codes(environment: Environment, login_name: str, password: str) -> list[str]:
    with pytest.raises(ValidationFailed) as refused:
        await logging_in.log_in(environment, login_name, password, origin=HERE)
    return [problem.code for problem in refused.value.problems]


async def doctor_of(environment: Environment, phone: str | None = "13800000000") -> SampleDoctor:
    province = await build_sample(environment)
    return await province.add_doctor(phone=phone)


async def sent_code(phone: str) -> str:
    rows = (
        await OutboxMessage.select(OutboxMessage.text)
        .where(OutboxMessage.phone == phone)
        .order_by(OutboxMessage.id, ascending=False)
    )
    found = re.search(r"验证码(\d{6})", rows[0]["text"])
    assert found is not None
    return found.group(1)


async def test_the_initial_password_opens_only_the_first_login(environment: Environment) -> None:
    doctor = await doctor_of(environment)
    caller = await log_in(environment, doctor.document_number.lower(), INITIAL)
    assert caller.first_login
    from dingkao.assessments.service.enrolment import open_enrolment

    with pytest.raises(FirstLoginOpen):
        await open_enrolment(environment, caller, [doctor.assessment_id])


async def test_the_code_goes_to_the_registry_phone_and_nowhere_else(environment: Environment) -> None:
    doctor = await doctor_of(environment)
    caller = await log_in(environment, doctor.document_number, INITIAL)
    with pytest.raises(ValidationFailed) as refused:
        await service.send_phone_code(environment, caller, "13911111111")
    assert [problem.code for problem in refused.value.problems] == ["PHONE_FIXED"]
    assert await OutboxMessage.count() == 0
    assert await service.send_phone_code(environment, caller, None) == "13800000000"
    assert await OutboxMessage.count() == 1


async def test_without_a_registry_phone_the_doctor_gives_one(environment: Environment) -> None:
    doctor = await doctor_of(environment, phone=None)
    caller = await log_in(environment, doctor.document_number, INITIAL)
    for phone, code in ((None, "PHONE_REQUIRED"), ("12345", "PHONE_FORMAT")):
        with pytest.raises(ValidationFailed) as refused:
            await service.send_phone_code(environment, caller, phone)
        assert [problem.code.upper() for problem in refused.value.problems] == [code]
    assert await service.send_phone_code(environment, caller, "13911111111") == "13911111111"


async def test_own_password_and_phone_give_a_full_session_and_end_the_first(environment: Environment) -> None:
    doctor = await doctor_of(environment)
    first = await logging_in.log_in(environment, doctor.document_number, INITIAL, origin=HERE)
    caller = await caller_of(environment, first.session.token, Language.CHINESE, "r", "")
    await service.send_phone_code(environment, caller, None)
    done = await service.complete_first_login(environment, caller, OWN, await sent_code("13800000000"))
    full = await caller_of(environment, done.session.token, Language.CHINESE, "r", "")
    assert full is not None
    assert not full.first_login
    assert await caller_of(environment, first.session.token, Language.CHINESE, "r", "") is None
    assert await codes(environment, doctor.document_number, INITIAL) == ["WRONG_CREDENTIALS"]
    assert not (await log_in(environment, doctor.document_number, OWN)).first_login
    row = await Account.select(Account.phone).where(Account.id == doctor.account_id).first()
    assert row == {"phone": "13800000000"}
    with pytest.raises(StateConflict):
        await service.complete_first_login(environment, full, OWN + "!", "000000")


async def test_everything_wrong_is_said_at_once_and_a_wrong_code_is_counted(environment: Environment) -> None:
    doctor = await doctor_of(environment)
    caller = await log_in(environment, doctor.document_number, INITIAL)
    await service.send_phone_code(environment, caller, None)
    right = await sent_code("13800000000")
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    with pytest.raises(ValidationFailed) as refused:
        await service.complete_first_login(environment, caller, INITIAL, wrong)
    assert [problem.code for problem in refused.value.problems] == [
        "PASSWORD_TOO_SHORT",
        "PASSWORD_IS_INITIAL",
        "PASSWORD_TOO_SIMPLE",
        "CODE_WRONG",
    ]
    for _ in range(4):
        with pytest.raises(ValidationFailed):
            await service.complete_first_login(environment, caller, OWN, wrong)
    with pytest.raises(ValidationFailed) as used_up:
        await service.complete_first_login(environment, caller, OWN, right)
    assert [problem.code for problem in used_up.value.problems] == ["CODE_EXPIRED"]


async def test_a_code_expires_and_is_limited(environment: Environment, clock: SettableClock) -> None:
    doctor = await doctor_of(environment)
    caller = await log_in(environment, doctor.document_number, INITIAL)
    await service.send_phone_code(environment, caller, None)
    with pytest.raises(TooManyRequests) as refused:
        await service.send_phone_code(environment, caller, None)
    assert 0 < refused.value.retry_after_seconds <= 61
    right = await sent_code("13800000000")
    clock.advance(timedelta(minutes=5))
    with pytest.raises(ValidationFailed) as expired:
        await service.complete_first_login(environment, caller, OWN, right)
    assert [problem.code for problem in expired.value.problems] == ["CODE_EXPIRED"]
    for _ in range(4):
        clock.advance(timedelta(seconds=61))
        await service.send_phone_code(environment, caller, None)
    clock.advance(timedelta(seconds=61))
    with pytest.raises(TooManyRequests):
        await service.send_phone_code(environment, caller, None)
    assert await PhoneCode.count() == 5


async def test_unknown_wrong_locked_and_disabled_answer_alike(environment: Environment, clock: SettableClock) -> None:
    doctor = await doctor_of(environment)
    await Account.update({Account.password_hash: await hash_password(OWN)}).where(Account.id == doctor.account_id)
    answers = [await codes(environment, "no such number", OWN), await codes(environment, doctor.document_number, "x")]
    for _ in range(4):
        answers.append(await codes(environment, doctor.document_number, "x"))
    # Locked by now: the right password is refused with the same words.
    answers.append(await codes(environment, doctor.document_number, OWN))
    clock.advance(timedelta(minutes=1, seconds=1))
    assert not (await log_in(environment, doctor.document_number, OWN)).first_login
    await Account.update({Account.disabled: True}).where(Account.id == doctor.account_id)
    answers.append(await codes(environment, doctor.document_number, OWN))
    assert answers == [["WRONG_CREDENTIALS"]] * 8
    assert await AuditEntry.count().where(AuditEntry.action == "LOG_IN_REFUSED") == 8


async def test_tokens_are_stored_as_digests_and_end(environment: Environment, clock: SettableClock) -> None:
    doctor = await doctor_of(environment)
    await Account.update({Account.password_hash: await hash_password(OWN)}).where(Account.id == doctor.account_id)

    async def token() -> str:
        logged_in = await logging_in.log_in(environment, doctor.document_number, OWN, origin=HERE)
        return logged_in.session.token

    first, second, third = [await token() for _ in range(3)]
    stored = await SessionToken.select(SessionToken.access_digest, SessionToken.refresh_digest)
    assert not {first, second, third} & {value for row in stored for value in row.values()}

    async def caller(value: str) -> Caller | None:
        return await caller_of(environment, value, Language.CHINESE, "r", "")

    await refreshing.log_out(environment, await caller(first), everywhere=False)
    assert await caller(first) is None
    assert await caller(second) is not None
    await refreshing.log_out(environment, await caller(second), everywhere=True)
    assert await caller(third) is None
    fourth = await token()
    clock.advance(timedelta(minutes=environment.settings.access_minutes))
    assert await caller(fourth) is None
    with pytest.raises(NotLoggedIn):
        await refreshing.log_out(environment, None, everywhere=False)


async def test_two_first_logins_at_once_use_the_code_once(environment: Environment) -> None:
    doctor = await doctor_of(environment)
    caller = await log_in(environment, doctor.document_number, INITIAL)
    await service.send_phone_code(environment, caller, None)
    code = await sent_code("13800000000")
    outcomes = await asyncio.gather(
        service.complete_first_login(environment, caller, OWN, code),
        service.complete_first_login(environment, caller, OWN + " other", code),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LoggedIn", "ValidationFailed"]
