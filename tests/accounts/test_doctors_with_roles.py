"""A doctor who is also an officer: his account is staff's, and what opens it is in no institution's hands; how a locked
account comes back; on both databases."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from dingkao.accounts import logging_in
from dingkao.accounts.activation import issue_activation_codes
from dingkao.accounts.credential_tables import ActivationCode
from dingkao.accounts.logging_in import confirm_identity, log_in
from dingkao.accounts.own_credentials import change_password
from dingkao.accounts.passwords import hash_password
from dingkao.accounts.refreshing import list_sessions, refresh_session
from dingkao.accounts.service import complete_first_login, send_phone_code
from dingkao.accounts.sessions import Origin, caller_of
from dingkao.accounts.tables import Account, RoleAssignment
from dingkao.accounts.wechat import bind_wechat, log_in_with_wechat
from dingkao.audit.tables import AuditEntry
from dingkao.db.counting import count_queries
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import NotEligible, NotFound, NotLoggedIn, StateConflict, ValidationFailed
from dingkao.plugin.text import Language
from dingkao.plugin.vocabulary import Role
from dingkao.staff import service as staff
from dingkao.staff.service import AccountChange
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample

OWN = "correct horse battery"
HERE = Origin("203.0.113.7", "test", "r")


async def an_officer(province: SampleProvince, name: str = "张三") -> SampleDoctor:
    """An activated doctor who is the authority's officer too."""
    doctor = await province.add_doctor(name, password_hash=await hash_password(OWN))
    await give(province, doctor)
    return doctor


async def give(province: SampleProvince, doctor: SampleDoctor, role: Role = Role.AUTHORITY_OFFICER) -> None:
    keeper = await security(province)
    await staff.assign_role(
        province.environment,
        keeper,
        login_name=doctor.document_number,
        role=role,
        organisation_id=province.authority_id,
    )


async def security(province: SampleProvince, *, whole: bool = False) -> Caller:
    return await province.add_officer(Role.SECURITY_ADMINISTRATOR, None if whole else province.authority_id)


async def code_for(province: SampleProvince, doctor: SampleDoctor) -> str:
    environment, officer = province.environment, province.institution
    issued = await issue_activation_codes(environment, officer, province.institution_id, [doctor.doctor_id])
    return issued.codes[0].code


async def refused(awaitable: Any) -> list[str]:
    with pytest.raises(ValidationFailed) as failed:
        await awaitable
    return [f"{problem.path} {problem.code}" for problem in failed.value.problems]


async def as_caller(environment: Environment, token: str) -> Caller:
    caller = await caller_of(environment, token, Language.CHINESE, "r", HERE.address)
    assert caller is not None
    return caller


WRONG = ["input WRONG_CREDENTIALS"]


async def test_an_institution_opens_no_account_that_holds_roles(environment: Environment) -> None:
    province = await build_sample(environment)
    plain = await province.add_doctor("李四")
    officer = await an_officer(province)
    both = [plain.doctor_id, officer.doctor_id]
    acting, place = province.institution, province.institution_id
    assert await refused(issue_activation_codes(environment, acting, place, both)) == [
        "doctorIds.1 ACCOUNT_HOLDS_ROLES"
    ]
    assert await ActivationCode.count() == 0
    # Nor does the list of those who wait for a code name him, nor the initial password open what has none of its own.
    await Account.update({Account.password_hash: None}).where(Account.id == officer.account_id)
    issued = await issue_activation_codes(environment, acting, place, None)
    assert plain.doctor_id in {one.doctor_id for one in issued.codes}
    assert officer.doctor_id not in {one.doctor_id for one in issued.codes}
    assert await refused(log_in(environment, officer.document_number, "666666", origin=HERE)) == WRONG
    await RoleAssignment.update({RoleAssignment.valid_to: date(2020, 1, 1)}).where(
        RoleAssignment.account == officer.account_id
    )
    assert (await log_in(environment, officer.document_number, "666666", origin=HERE)).session.first_login


async def test_a_code_from_before_the_role_opens_nothing_after_it(environment: Environment) -> None:
    province = await build_sample(environment)
    doctor = await province.add_doctor(password_hash=await hash_password(OWN))
    first = await code_for(province, doctor)
    begun = await log_in(environment, doctor.document_number, first, origin=HERE)
    open_code = await code_for(province, doctor)
    await give(province, doctor)
    assert await refused(log_in(environment, doctor.document_number, open_code, origin=HERE)) == WRONG
    # Even if it were not void.
    await ActivationCode.update({ActivationCode.revoked_at: None}).where(ActivationCode.used_at.is_null())
    assert await refused(log_in(environment, doctor.document_number, open_code, origin=HERE)) == WRONG
    # Nor does the session that was begun by one go on to a phone and a password.
    caller = await as_caller(environment, begun.session.token)
    for act in (send_phone_code(environment, caller, None), complete_first_login(environment, caller, OWN + "!", "1")):
        with pytest.raises(StateConflict, match="ACCOUNT_HOLDS_ROLES"):
            await act
    assert not (await log_in(environment, doctor.document_number, OWN, origin=HERE)).session.first_login


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_role_is_given_to_an_account_that_is_its_owners(environment: Environment) -> None:
    province = await build_sample(environment)
    doctor = await province.add_doctor()
    for changes in ({}, {Account.password_hash: "x"}, {Account.password_hash: None, Account.phone: "13800000000"}):
        if changes:
            await Account.update(changes).where(Account.id == doctor.account_id)
        with pytest.raises(ValidationFailed) as failed:
            await give(province, doctor)
        assert [one.code for one in failed.value.problems] == ["ACCOUNT_NOT_ACTIVATED"]
    await Account.update({Account.password_hash: "x"}).where(Account.id == doctor.account_id)
    await give(province, doctor)
    assert await RoleAssignment.count() > 0


async def test_a_locked_account_comes_back_by_its_institution(environment: Environment) -> None:
    province = await build_sample(environment)
    doctor = await province.add_doctor()
    await lock(environment, doctor)
    assert await refused(log_in(environment, doctor.document_number, "666666", origin=HERE)) == WRONG
    code = await code_for(province, doctor)
    assert (await log_in(environment, doctor.document_number, code, origin=HERE)).session.first_login
    row = await AuditEntry.select(AuditEntry.detail).where(AuditEntry.action == "ISSUE_ACTIVATION_CODES").first()
    assert row is not None
    assert '"unlocked":1' in row["detail"].replace(" ", "")


async def lock(environment: Environment, doctor: SampleDoctor) -> None:
    changes: dict[Any, Any] = {
        Account.failures: environment.settings.login_hard_stop,
        Account.last_failed_at: environment.clock.now(),
    }
    await Account.update(changes).where(Account.id == doctor.account_id)


async def test_what_strangers_get_wrong_stops_nobody_in_his_session(environment: Environment) -> None:
    province = await build_sample(environment)
    doctor = await province.add_doctor(password_hash=await hash_password(OWN))
    begun = [(await log_in(environment, doctor.document_number, OWN, origin=HERE)).session for _ in range(2)]
    mine, stolen = [await as_caller(environment, one.token) for one in begun]
    await lock(environment, doctor)
    # In a session that was stolen there are as many guesses as without one.
    for _ in range(environment.settings.login_failures):
        assert await refused(confirm_identity(environment, stolen, password="wrong", code=None)) == [
            "password WRONG_CREDENTIALS"
        ]
    assert await refused(confirm_identity(environment, stolen, password=OWN, code=None))
    assert await refused(change_password(environment, stolen, OWN, "seven storks above the fen"))
    assert await refused(log_in(environment, doctor.document_number, OWN, origin=HERE)) == WRONG
    await change_password(environment, mine, OWN, "seven storks above the fen", end_others=False)
    await lock(environment, doctor)
    await confirm_identity(environment, mine, password="seven storks above the fen", code=None)
    # Who has shown who he is has opened the account again.
    assert (await log_in(environment, doctor.document_number, "seven storks above the fen", origin=HERE)).session


async def test_who_keeps_accounts_unlocks_and_disables_a_doctors(environment: Environment) -> None:
    province = await build_sample(environment)
    other = await build_sample(environment, code_suffix="2", region_code="980000")
    doctor = await province.add_doctor(password_hash=await hash_password(OWN))
    number = doctor.document_number
    await lock(environment, doctor)

    async def change(keeper: Caller, what: AccountChange, **named: Any) -> None:
        named = named or {"login_name": number.lower()}
        record = await staff.change_account(environment, keeper, named.pop("key", None), what, "来电核实", **named)
        assert record.id == doctor.account_id

    keeper = await security(province)
    for stranger, named in ((await security(other), {}), (keeper, {"login_name": "nobody"})):
        with pytest.raises(NotFound):
            await change(stranger, AccountChange.UNLOCK, **named)
    for named in ({"login_name": number, "key": doctor.account_id}, {"key": None}):
        with pytest.raises(ValidationFailed):
            await change(keeper, AccountChange.UNLOCK, **named)
    assert await refused(log_in(environment, number, OWN, origin=HERE)) == WRONG
    await change(keeper, AccountChange.UNLOCK)
    begun = await log_in(environment, number, OWN, origin=HERE)
    await change(keeper, AccountChange.DISABLE)
    assert await caller_of(environment, begun.session.token, Language.CHINESE, "r", "") is None
    assert await refused(log_in(environment, number, OWN, origin=HERE)) == WRONG
    await change(keeper, AccountChange.ENABLE)
    assert (await log_in(environment, number, OWN, origin=HERE)).session
    # His own password stays his: nobody hands out a secret for it.
    await give(province, doctor)
    with pytest.raises(StateConflict, match="ACCOUNT_BEYOND_SCOPE"):
        await staff.renew_initial_secret(environment, keeper, doctor.account_id)
    # An officer elsewhere who is registered here is beyond either's scope, and within the country's.
    await RoleAssignment.update({RoleAssignment.organisation: other.authority_id}).where(
        RoleAssignment.account == doctor.account_id
    )
    with pytest.raises(StateConflict, match="ACCOUNT_BEYOND_SCOPE"):
        await change(keeper, AccountChange.DISABLE)
    await change(await security(province, whole=True), AccountChange.DISABLE)
    himself = replace(keeper, account_id=doctor.account_id)
    with pytest.raises(NotEligible):
        await change(replace(himself, grants=(await security(province, whole=True)).grants), AccountChange.ENABLE)
    actions = {row["action"] for row in await AuditEntry.select(AuditEntry.action)}
    assert {"UNLOCK_ACCOUNT", "DISABLE_ACCOUNT", "ENABLE_ACCOUNT"} <= actions


async def test_a_doctor_with_a_role_has_the_sessions_of_staff(environment: Environment, clock: SettableClock) -> None:
    province = await build_sample(environment)
    doctor = await province.add_doctor(password_hash=await hash_password(OWN))
    alone = (await log_in(environment, doctor.document_number, OWN, origin=HERE)).session
    assert alone.idle == timedelta(minutes=environment.settings.session_idle_minutes)
    await give(province, doctor)
    half = timedelta(minutes=environment.settings.staff_idle_minutes)
    assert (await refresh_session(environment, alone.refresh_token, origin=HERE)).idle == half
    begun = [(await log_in(environment, doctor.document_number, OWN, origin=HERE)).session for _ in range(4)]
    assert {one.idle for one in begun} == {half}
    caller = await as_caller(environment, begun[-1].token)
    assert {grant.role for grant in caller.grants} == {Role.DOCTOR, Role.AUTHORITY_OFFICER}
    assert len(await list_sessions(environment, caller)) == environment.settings.staff_sessions
    clock.advance(half)
    assert await list_sessions(environment, caller) == []
    assert await caller_of(environment, begun[-1].token, Language.CHINESE, "r", "") is None
    with pytest.raises(NotLoggedIn):
        await refresh_session(environment, begun[-1].refresh_token, origin=HERE)


class WeChatOfTheTest:
    """A mini-program whose codes are the names of its users."""

    async def open_id(self, code: str) -> str:
        return f"openid-{code}"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_wechat_opens_no_account_that_holds_a_role(environment: Environment) -> None:
    environment = replace(environment, mini_program=WeChatOfTheTest())
    province = await build_sample(environment)
    doctor = await province.add_doctor(password_hash=await hash_password(OWN))
    await bind_wechat(environment, doctor.caller, "mine")
    assert await log_in_with_wechat(environment, "mine", origin=HERE)
    await give(province, doctor)
    assert await refused(log_in_with_wechat(environment, "mine", origin=HERE)) == ["code WECHAT_NOT_BOUND"]
    begun = await log_in(environment, doctor.document_number, OWN, origin=HERE)
    caller = await as_caller(environment, begun.session.token)
    with pytest.raises(StateConflict, match="NOT_A_DOCTOR"):
        await bind_wechat(environment, caller, "another")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_name_costs_one_statement_whoever_has_it(environment: Environment) -> None:
    province = await build_sample(environment)
    doctor = await province.add_doctor()
    row = await Account.select(Account.login_name).where(Account.id == province.institution.account_id).first()
    assert row is not None
    found = []
    for name in (doctor.document_number, row["login_name"], "99000019000101001X", "nobody"):
        with count_queries() as statements:
            found.append(await logging_in.account_by_login_name(name))
        assert len(statements) == 1
    assert [account and account["id"] for account in found] == [
        doctor.account_id, province.institution.account_id, None, None
    ]  # fmt: skip
