"""Forgotten passwords, own passwords and phones, activation codes, WeChat: on both databases."""

import csv
import io
import itertools
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dingkao.accounts.activation import Issued, issue_activation_codes
from dingkao.accounts.credential_tables import ActivationCode, EarlierPassword, WeChatBinding
from dingkao.accounts.logging_in import log_in
from dingkao.accounts.notices import all_sent
from dingkao.accounts.own_credentials import change_password, complete_phone_change, start_phone_change
from dingkao.accounts.passwords import hash_password
from dingkao.accounts.reset import ResetStarted, complete_password_reset, start_password_reset
from dingkao.accounts.service import complete_first_login, send_phone_code
from dingkao.accounts.sessions import Origin, caller_of
from dingkao.accounts.tables import Account, PhoneCode
from dingkao.accounts.wechat import bind_wechat, log_in_with_wechat, unbind_wechat
from dingkao.audit.tables import AuditEntry
from dingkao.environment import Environment
from dingkao.messaging.outbox import read_outbox
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import (
    NotFound,
    NotLoggedIn,
    StateConflict,
    StepUpRequired,
    TooManyRequests,
    ValidationFailed,
)
from dingkao.plugin.policy import PolicyLayer
from dingkao.plugin.ports import MiniProgramRefusal, MiniProgramRefused, PortFailed
from dingkao.plugin.text import Language
from dingkao.policies import PolicyBook
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import REGION_CODE, SampleDoctor, SampleProvince, build_sample

OWN = "correct horse battery"
NEW = "seven storks above the fen"
PHONE = "13800000000"
HERE = Origin("203.0.113.7", "test", "r")


async def doctor_with_password(environment: Environment) -> tuple[SampleProvince, SampleDoctor]:
    province = await build_sample(environment)
    return province, await province.add_doctor(phone=PHONE, password_hash=await hash_password(OWN))


def with_policy(environment: Environment, **values: Any) -> Environment:
    """The environment under a further layer of the sample's region."""
    layer = PolicyLayer(
        region=REGION_CODE,
        source="test",
        version="1",
        reason="test",
        values={f"accounts.{key}": value for key, value in values.items()},
    )
    registry = environment.registry
    layers = [one for one in registry.layers if not any(key.startswith("accounts.") for key in one.values)]
    return replace(environment, policies=PolicyBook(registry.sections, [*layers, layer]))


async def session_of(environment: Environment, doctor: SampleDoctor, password: str) -> Caller:
    started = await log_in(environment, doctor.document_number, password, origin=HERE)
    caller = await caller_of(environment, started.session.token, Language.CHINESE, "r", HERE.address)
    assert caller is not None
    return caller


async def refused(awaitable: Any) -> list[str]:
    with pytest.raises(ValidationFailed) as failed:
        await awaitable
    return [problem.code for problem in failed.value.problems]


async def last_code(phone: str = PHONE) -> str:
    await all_sent()
    for message in await read_outbox(phone=phone):
        found = re.search(r"验证码(\d{6})", message.text)
        if found:
            return found.group(1)
    raise AssertionError("no code was sent")


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


# Forgotten passwords.


async def test_a_forgotten_password_is_reset_and_every_session_ends(environment: Environment) -> None:
    _, doctor = await doctor_with_password(environment)
    before = await log_in(environment, doctor.document_number, OWN, origin=HERE)
    started = await start_password_reset(environment, doctor.document_number.lower(), origin=HERE)
    code = await last_code()
    assert await refused(complete_password_reset(environment, started.flow, code, "short", origin=HERE)) == [
        "PASSWORD_TOO_SHORT"
    ]
    await complete_password_reset(environment, started.flow, code, NEW, origin=HERE)
    assert await caller_of(environment, before.session.token, Language.CHINESE, "r", "") is None
    assert not (await session_of(environment, doctor, NEW)).first_login
    assert await refused(log_in(environment, doctor.document_number, OWN, origin=HERE)) == ["WRONG_CREDENTIALS"]
    # Used once, and told to the owner.
    assert await refused(complete_password_reset(environment, started.flow, code, OWN, origin=HERE)) == ["CODE_MISSING"]
    await all_sent()
    assert "登录密码已于" in (await read_outbox(1, phone=PHONE))[0].text


async def test_nobody_learns_whether_a_number_has_an_account(environment: Environment) -> None:
    province, doctor = await doctor_with_password(environment)
    await Account.update({Account.disabled: True}).where(
        Account.id == (await province.add_doctor("停用", phone="13800000009", password_hash="unused")).account_id
    )
    new = await province.add_doctor("未激活", phone="13800000002")
    bare = await province.add_doctor("无手机", phone=None, password_hash=await hash_password(OWN))
    names = [doctor.document_number, "99000019000101001X", new.document_number, bare.document_number, "nobody"]
    answers: list[ResetStarted] = []
    for name in names:
        answers.append(await start_password_reset(environment, name, origin=HERE))
        with pytest.raises(TooManyRequests):
            await start_password_reset(environment, name, origin=HERE)
    assert {answer.lifetime for answer in answers} == {timedelta(minutes=5)}
    assert len({answer.flow for answer in answers}) == len(names)
    assert await PhoneCode.count() == len(names)
    await all_sent()
    assert [message.phone for message in await read_outbox(50)] == [PHONE]
    wrong = other_than(await last_code())
    for answer in answers:
        tries = [
            await refused(complete_password_reset(environment, answer.flow, wrong, "x", origin=HERE)) for _ in range(6)
        ]
        assert tries == [["CODE_WRONG"]] * 5 + [["CODE_EXPIRED"]]


async def test_a_flow_of_ones_own_opens_no_other_account(environment: Environment, clock: SettableClock) -> None:
    province, doctor = await doctor_with_password(environment)
    other = await province.add_doctor("李四", phone="13800000002", password_hash=await hash_password(OWN))
    mine = await start_password_reset(environment, other.document_number, origin=HERE)
    theirs = await start_password_reset(environment, doctor.document_number, origin=HERE)
    code = await last_code("13800000002")
    assert await refused(complete_password_reset(environment, theirs.flow, code, NEW, origin=HERE)) == ["CODE_WRONG"]
    assert await refused(complete_password_reset(environment, "made up", code, NEW, origin=HERE)) == ["CODE_MISSING"]
    clock.advance(timedelta(minutes=5))
    assert await refused(complete_password_reset(environment, mine.flow, code, NEW, origin=HERE)) == ["CODE_EXPIRED"]


async def test_asking_again_gives_no_more_guesses(environment: Environment, clock: SettableClock) -> None:
    _, doctor = await doctor_with_password(environment)
    for _ in range(2):
        started = await start_password_reset(environment, doctor.document_number, origin=HERE)
        wrong = other_than(await last_code())
        for _ in range(5):
            await refused(complete_password_reset(environment, started.flow, wrong, NEW, origin=HERE))
        clock.advance(timedelta(seconds=61))
    # Ten wrong ones in an hour: no other code, though only two were sent.
    with pytest.raises(TooManyRequests) as limited:
        await start_password_reset(environment, doctor.document_number, origin=HERE)
    assert 3400 < limited.value.retry_after_seconds <= 3600
    clock.advance(timedelta(hours=1))
    await start_password_reset(environment, doctor.document_number, origin=HERE)


async def test_an_address_is_limited_and_another_is_not(environment: Environment) -> None:
    environment = replace(environment, settings=environment.settings.model_copy(update={"sms_codes_address_day": 3}))
    for number in range(3):
        await start_password_reset(environment, f"nobody-{number}", origin=HERE)
    with pytest.raises(TooManyRequests):
        await start_password_reset(environment, "nobody-9", origin=HERE)
    await start_password_reset(environment, "nobody-9", origin=replace(HERE, address="203.0.113.8"))


# Own password, own phone.


async def test_a_password_is_changed_with_the_old_one(environment: Environment) -> None:
    _, doctor = await doctor_with_password(environment)
    caller = await session_of(environment, doctor, OWN)
    other = await log_in(environment, doctor.document_number, OWN, origin=HERE)
    assert await refused(change_password(environment, caller, "wrong", NEW)) == ["WRONG_CREDENTIALS"]
    row = await Account.select(Account.failures).where(Account.id == doctor.account_id).first()
    assert row == {"failures": 1}
    assert await refused(change_password(environment, caller, OWN, "a123456789")) == ["PASSWORD_TOO_SHORT"]
    assert await change_password(environment, caller, OWN, NEW) == 1
    assert await caller_of(environment, other.session.token, Language.CHINESE, "r", "") is None
    assert not (await session_of(environment, doctor, NEW)).first_login
    assert await EarlierPassword.count() == 0
    await all_sent()
    assert "登录密码已于" in (await read_outbox(1, phone=PHONE))[0].text
    with pytest.raises(NotLoggedIn):
        await change_password(environment, None, OWN, NEW)


async def test_the_protection_scheme_repeats_none_of_five_and_asks_after_ninety_days(
    environment: Environment, clock: SettableClock
) -> None:
    _, doctor = await doctor_with_password(environment)
    strict = with_policy(environment, password_profile="MLPS", password_minimum_length_alone=8)
    caller = await session_of(strict, doctor, OWN)
    passwords = [OWN, *(f"Storks above the fen {number}x" for number in "abcde")]
    for old, new in itertools.pairwise(passwords):
        await change_password(strict, caller, old, new)
    assert await EarlierPassword.count() == 4
    for again in passwords[-5:]:
        assert await refused(change_password(strict, caller, passwords[-1], again)) == ["PASSWORD_REPEATED"]
    await all_sent()
    clock.advance(timedelta(days=90))
    due = await session_of(strict, doctor, passwords[-1])
    assert due.first_login
    # To the bound phone, and to no other.
    assert await refused(send_phone_code(strict, due, "13911111111")) == ["PHONE_FIXED"]
    await send_phone_code(strict, due, None)
    code = await last_code()
    assert await refused(complete_first_login(strict, due, passwords[-1], code)) == ["PASSWORD_REPEATED"]
    await complete_first_login(strict, due, "Wild geese over Dongting 7", code)
    assert not (await session_of(strict, doctor, "Wild geese over Dongting 7")).first_login


async def test_a_phone_is_changed_after_step_up_and_the_old_one_is_told(environment: Environment) -> None:
    _, doctor = await doctor_with_password(environment)
    caller = await session_of(environment, doctor, OWN)
    with pytest.raises(StepUpRequired):
        await start_phone_change(environment, replace(caller, confirmed_until=None), "13900000009")
    assert await refused(start_phone_change(environment, caller, PHONE)) == ["PHONE_SAME"]
    assert await refused(start_phone_change(environment, caller, "12345")) == ["PHONE_FORMAT"]
    await start_phone_change(environment, caller, "13900000009")
    code = await last_code("13900000009")
    # A code of one purpose and session is worth nothing in another.
    second = await session_of(environment, doctor, OWN)
    assert await refused(complete_phone_change(environment, second, code)) == ["CODE_MISSING"]
    assert await refused(complete_phone_change(environment, caller, other_than(code))) == ["CODE_WRONG"]
    assert await complete_phone_change(environment, caller, code) == "13900000009"
    await all_sent()
    assert "更换绑定手机号" in (await read_outbox(1, phone=PHONE))[0].text
    row = await Account.select(Account.phone).where(Account.id == doctor.account_id).first()
    assert row == {"phone": "13900000009"}


# Activation codes.


async def issue(environment: Environment, province: SampleProvince, *doctors: SampleDoctor) -> Issued:
    chosen = [doctor.doctor_id for doctor in doctors] or None
    return await issue_activation_codes(environment, province.institution, province.institution_id, chosen)


async def test_an_activation_code_opens_the_first_login_once(environment: Environment) -> None:
    province = await build_sample(environment)
    doctor = await province.add_doctor(phone=PHONE)
    chosen = with_policy(environment, first_credential="ACTIVATION_CODE", initial_password="666666")
    assert await refused(log_in(chosen, doctor.document_number, "666666", origin=HERE)) == ["WRONG_CREDENTIALS"]
    issued = await issue(chosen, province)
    code = next(one.code for one in issued.codes if one.doctor_id == doctor.doctor_id)
    stored = [str(row) for row in await ActivationCode.select()]
    assert all(code.replace("-", "") not in row for row in stored)
    caller = await session_of(chosen, doctor, code.lower().replace("-", " "))
    assert caller.first_login
    assert await refused(log_in(chosen, doctor.document_number, code, origin=HERE)) == ["WRONG_CREDENTIALS"]
    await send_phone_code(chosen, caller, None)
    await complete_first_login(chosen, caller, OWN, await last_code())
    assert not (await session_of(chosen, doctor, OWN)).first_login


async def test_a_list_is_printed_once_and_holds_who_waits(environment: Environment) -> None:
    province, settled = await doctor_with_password(environment)
    waiting = [await province.add_doctor(name, phone=None) for name in ("李四", "=1+1")]
    issued = await issue(environment, province)
    assert not issued.more
    ids = {one.doctor_id for one in issued.codes}
    assert {doctor.doctor_id for doctor in waiting} <= ids
    assert settled.doctor_id not in ids
    rows = list(csv.reader(io.StringIO(issued.to_csv().removeprefix("\ufeff"))))
    assert rows[0] == ["姓名", "证件号码", "激活码", "有效期至"]
    assert {row[0] for row in rows[1:]} >= {"李四", "'=1+1"}
    assert all(waiting[0].document_number not in row for row in rows)
    # Those who have a code wait for none.
    assert (await issue(environment, province)).codes == ()


async def test_a_new_code_makes_the_earlier_void_and_time_ends_it(
    environment: Environment, clock: SettableClock
) -> None:
    province = await build_sample(environment)
    doctor = await province.add_doctor(phone=PHONE)
    first = (await issue(environment, province, doctor)).codes[0]
    second = (await issue(environment, province, doctor)).codes[0]
    assert second.expires_at == clock.now() + timedelta(hours=72)
    assert await refused(log_in(environment, doctor.document_number, first.code, origin=HERE)) == ["WRONG_CREDENTIALS"]
    clock.advance(timedelta(hours=72))
    assert await refused(log_in(environment, doctor.document_number, second.code, origin=HERE)) == ["WRONG_CREDENTIALS"]
    assert len((await issue(environment, province)).codes) >= 1


async def test_guessing_codes_locks_as_guessing_passwords_does(environment: Environment) -> None:
    province = await build_sample(environment)
    doctor = await province.add_doctor(phone=PHONE)
    code = (await issue(environment, province, doctor)).codes[0].code
    for _ in range(5):
        await refused(log_in(environment, doctor.document_number, "ACDE-FGHJ-KMNP", origin=HERE))
    assert await refused(log_in(environment, doctor.document_number, code, origin=HERE)) == ["WRONG_CREDENTIALS"]


async def test_a_doctor_without_his_phone_comes_back_by_his_institution(environment: Environment) -> None:
    province = await build_sample(environment)
    doctor = await province.add_doctor(phone=None, password_hash=await hash_password(OWN))
    await Account.update({Account.phone: PHONE}).where(Account.id == doctor.account_id)
    code = (await issue(environment, province, doctor)).codes[0].code
    await all_sent()
    assert "激活码" in (await read_outbox(1, phone=PHONE))[0].text
    # Until the code is used, nothing has changed for the owner.
    assert not (await session_of(environment, doctor, OWN)).first_login
    caller = await session_of(environment, doctor, code)
    assert caller.first_login
    await send_phone_code(environment, caller, "13900000009")
    await complete_first_login(environment, caller, NEW, await last_code("13900000009"))
    await all_sent()
    assert "更换绑定手机号" in (await read_outbox(1, phone=PHONE))[0].text
    assert await refused(log_in(environment, doctor.document_number, OWN, origin=HERE)) == ["WRONG_CREDENTIALS"]


async def test_an_officer_reaches_his_own_doctors_alone(environment: Environment) -> None:
    province = await build_sample(environment)
    elsewhere = await build_sample(environment, code_suffix="2", region_code="980000")
    doctor = await province.add_doctor(phone=PHONE)
    for caller in (elsewhere.institution, province.body, province.authority, doctor.caller):
        with pytest.raises(NotFound):
            await issue_activation_codes(environment, caller, province.institution_id, [doctor.doctor_id])
    with pytest.raises(StepUpRequired):
        await issue_activation_codes(
            environment, replace(province.institution, confirmed_until=None), province.institution_id, None
        )
    assert await refused(
        issue_activation_codes(environment, elsewhere.institution, elsewhere.institution_id, [doctor.doctor_id])
    ) == ["NOT_FOUND"]
    assert await refused(issue_activation_codes(environment, province.institution, province.institution_id, [])) == [
        "NUMBER_OF_DOCTORS"
    ]
    await Account.update({Account.disabled: True}).where(Account.id == doctor.account_id)
    assert await refused(
        issue_activation_codes(environment, province.institution, province.institution_id, [doctor.doctor_id])
    ) == ["ACCOUNT_DISABLED"]
    assert await ActivationCode.count() == 0


# WeChat.


class WeChatOfTheTest:
    """A mini-program whose codes are the names of its users: the HTTP one has tests of its own."""

    async def open_id(self, code: str) -> str:
        if code == "down":
            raise PortFailed("no answer")
        if code in MiniProgramRefusal.__members__:
            raise MiniProgramRefused(MiniProgramRefusal(code))
        return f"openid-{code}"


async def test_wechat_logs_in_whom_it_is_bound_to(environment: Environment, clock: SettableClock) -> None:
    environment = replace(environment, mini_program=WeChatOfTheTest())
    province, doctor = await doctor_with_password(environment)
    colleague = await province.add_doctor("李四", phone=None, password_hash=await hash_password(OWN))
    assert await refused(log_in_with_wechat(environment, "mine", origin=HERE)) == ["WECHAT_NOT_BOUND"]
    with pytest.raises(StepUpRequired):
        await bind_wechat(environment, replace(doctor.caller, confirmed_until=None), "mine")
    await bind_wechat(environment, doctor.caller, "mine")
    assert "openid-mine" not in str(await WeChatBinding.select())
    for caller, code, state in (
        (doctor.caller, "another", "WECHAT_BOUND"),
        (colleague.caller, "mine", "WECHAT_TAKEN"),
        (province.institution, "officer", "NOT_A_DOCTOR"),
    ):
        with pytest.raises(StateConflict) as conflict:
            await bind_wechat(environment, caller, code)
        assert conflict.value.code == state
    started = await log_in_with_wechat(environment, "mine", origin=HERE)
    caller = await caller_of(environment, started.session.token, Language.CHINESE, "r", "")
    assert caller is not None
    assert caller.account_id == doctor.account_id
    assert not caller.first_login
    # WeChat says who holds the telephone; what needs step-up needs the password.
    with pytest.raises(StepUpRequired):
        await start_phone_change(environment, caller, "13900000009")
    await Account.update({Account.disabled: True}).where(Account.id == doctor.account_id)
    assert await refused(log_in_with_wechat(environment, "mine", origin=HERE)) == ["WECHAT_NOT_BOUND"]
    await Account.update({Account.disabled: False, Account.locked_until: clock.now() + timedelta(minutes=1)}).where(
        Account.id == doctor.account_id
    )
    assert await refused(log_in_with_wechat(environment, "mine", origin=HERE)) == ["WECHAT_NOT_BOUND"]
    clock.advance(timedelta(minutes=2))
    await unbind_wechat(environment, doctor.caller)
    assert await refused(log_in_with_wechat(environment, "mine", origin=HERE)) == ["WECHAT_NOT_BOUND"]
    with pytest.raises(StateConflict):
        await unbind_wechat(environment, doctor.caller)
    actions = {row["action"] for row in await AuditEntry.select(AuditEntry.action)}
    assert {"BIND_WECHAT", "UNBIND_WECHAT", "LOG_IN", "LOG_IN_REFUSED"} <= actions
    await all_sent()


async def test_what_wechat_refuses_is_told_apart(environment: Environment) -> None:
    with pytest.raises(StateConflict) as off:
        await log_in_with_wechat(environment, "mine", origin=HERE)
    assert off.value.code == "WECHAT_OFF"
    environment = replace(environment, mini_program=WeChatOfTheTest())
    assert await refused(log_in_with_wechat(environment, "CODE_INVALID", origin=HERE)) == ["WECHAT_CODE_INVALID"]
    assert await refused(log_in_with_wechat(environment, "x" * 129, origin=HERE)) == ["WECHAT_CODE_INVALID"]
    with pytest.raises(TooManyRequests):
        await log_in_with_wechat(environment, "TOO_OFTEN", origin=HERE)
    for code, state in (("BLOCKED", "WECHAT_BLOCKED"), ("down", "WECHAT_UNAVAILABLE")):
        with pytest.raises(StateConflict) as conflict:
            await log_in_with_wechat(environment, code, origin=HERE)
        assert conflict.value.code == state
