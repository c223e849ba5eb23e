"""Accounts of staff and their roles: who may give what to whom, on both databases."""

import re
from datetime import date, timedelta
from typing import Any

import pytest

from dingkao.accounts import logging_in
from dingkao.accounts import service as accounts
from dingkao.accounts.sessions import Origin, caller_of
from dingkao.accounts.tables import Account, RoleAssignment
from dingkao.audit.tables import AuditEntry
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.environment import Environment
from dingkao.messaging.tables import OutboxMessage
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import Forbidden, NotEligible, NotFound, StateConflict, ValidationFailed
from dingkao.plugin.text import Language
from dingkao.plugin.vocabulary import Role
from dingkao.staff import rules, service
from dingkao.staff.service import AccountChange
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleProvince, build_sample

NAME = "zhang.wei"
HERE = Origin("", "", "r")
OWN = "麦田里的三只白鹭和一个稻草人的下午"


async def security(province: SampleProvince, *, whole: bool = False) -> Caller:
    return await province.add_officer(Role.SECURITY_ADMINISTRATOR, None if whole else province.authority_id)


async def create(caller: Caller | None, province: SampleProvince, **given: Any) -> service.InitialSecret:
    role = given.pop("role", Role.INSTITUTION_OFFICER)
    place = given.pop("place", province.institution_id)
    login_name = given.pop("login_name", NAME)
    return await service.create_staff_account(
        province.environment, caller, login_name=login_name, name="张伟", role=role, organisation_id=place, **given
    )


async def log_in(environment: Environment, secret: str, login_name: str = NAME) -> Caller:
    begun = await logging_in.log_in(environment, login_name, secret, origin=HERE)
    caller = await caller_of(environment, begun.session.token, Language.CHINESE, "r", "")
    assert caller is not None
    return caller


async def sent_code(phone: str) -> str:
    rows = await OutboxMessage.select(OutboxMessage.text).where(OutboxMessage.phone == phone)
    found = re.search(r"验证码(\d{6})", rows[-1]["text"])
    assert found is not None
    return found.group(1)


async def codes_of(awaited: Any) -> set[str]:
    with pytest.raises(ValidationFailed) as refused:
        await awaited
    return {problem.code for problem in refused.value.problems}


async def test_the_secret_opens_one_first_login_and_no_more(environment: Environment, clock: SettableClock) -> None:
    province = await build_sample(environment)
    issued = await create(await security(province), province)
    caller = await log_in(environment, issued.secret)
    assert caller.first_login
    assert [(grant.role, grant.organisation_id) for grant in caller.grants] == [
        (Role.INSTITUTION_OFFICER, province.institution_id)
    ]
    await accounts.send_phone_code(environment, caller, "13800000099")
    refused = await codes_of(accounts.complete_first_login(environment, caller, issued.secret, "1"))
    assert refused & {"PASSWORD_IS_INITIAL", "PASSWORD_TOO_SHORT"}
    done = await accounts.complete_first_login(environment, caller, OWN, await sent_code("13800000099"))
    assert not done.session.first_login
    assert await codes_of(logging_in.log_in(environment, NAME, issued.secret, origin=HERE)) == {"WRONG_CREDENTIALS"}
    clock.advance(timedelta(days=30))
    assert not (await log_in(environment, OWN)).first_login


async def test_a_secret_that_is_over_opens_nothing(environment: Environment, clock: SettableClock) -> None:
    province = await build_sample(environment)
    keeper = await security(province)
    issued = await create(keeper, province)
    clock.advance(timedelta(hours=environment.settings.initial_secret_hours))
    assert await codes_of(logging_in.log_in(environment, NAME, issued.secret, origin=HERE)) == {"WRONG_CREDENTIALS"}
    renewed = await service.renew_initial_secret(environment, keeper, issued.account_id)
    assert (await log_in(environment, renewed.secret)).first_login


async def test_only_who_keeps_accounts_does(environment: Environment) -> None:
    province = await build_sample(environment)
    issued = await create(SYSTEM_CALLER, province)
    others = [
        province.institution, province.body, province.authority, (await province.add_doctor()).caller,
        await province.add_officer(Role.SYSTEM_ADMINISTRATOR, None),
        await province.add_officer(Role.AUDIT_ADMINISTRATOR, None),
    ]  # fmt: skip
    held = await RoleAssignment.select(RoleAssignment.id).where(RoleAssignment.account == issued.account_id).first()
    assert held is not None
    before = (await Account.count(), await RoleAssignment.count(), await AuditEntry.count())
    for caller in others:
        for act in (
            create(caller, province, login_name="other"),
            service.renew_initial_secret(environment, caller, issued.account_id),
            service.change_account(environment, caller, issued.account_id, AccountChange.DISABLE, "离职"),
            service.assign_role(environment, caller, login_name=NAME, role=Role.INVIGILATOR),
            service.end_role(environment, caller, held["id"], None),
            service.list_staff(environment, caller, search=None, role=None, stale=False, after=0, limit=5),
        ):
            with pytest.raises(Forbidden):
                await act
        with pytest.raises(NotFound):
            await service.read_staff(caller, issued.account_id)
    assert (await Account.count(), await RoleAssignment.count(), await AuditEntry.count()) == before


async def test_another_regions_accounts_do_not_exist(environment: Environment) -> None:
    province = await build_sample(environment)
    other = await build_sample(environment, code_suffix="2", region_code="980000")
    issued = await create(await security(province), province)
    stranger = await security(other)
    with pytest.raises(NotFound):
        await create(stranger, province, login_name="other")
    for act in (
        service.read_staff(stranger, issued.account_id),
        service.renew_initial_secret(environment, stranger, issued.account_id),
        service.change_account(environment, stranger, issued.account_id, AccountChange.DISABLE, "离职"),
    ):
        with pytest.raises(NotFound):
            await act
    page = await service.list_staff(environment, stranger, search=None, role=None, stale=False, after=0, limit=100)
    assert issued.account_id not in {record.id for record in page}
    whole = await security(province, whole=True)
    page = await service.list_staff(environment, whole, search=NAME, role=None, stale=False, after=0, limit=100)
    assert [record.id for record in page] == [issued.account_id]
    # A role for the whole country is given by who keeps the whole country's accounts.
    with pytest.raises(Forbidden):
        await create(stranger, province, login_name="other", role=Role.SYSTEM_ADMINISTRATOR, place=None)
    await create(whole, province, login_name="other", role=Role.SYSTEM_ADMINISTRATOR, place=None)


async def test_who_works_beyond_the_scope_is_not_shut_out_by_a_part_of_it(environment: Environment) -> None:
    province = await build_sample(environment)
    other = await build_sample(environment, code_suffix="2", region_code="980000")
    issued = await create(await security(province), province)
    await service.assign_role(
        environment, await security(other), login_name=NAME, role=Role.BODY_REVIEWER, organisation_id=other.body_id
    )
    for keeper in (await security(province), await security(other)):
        with pytest.raises(StateConflict, match="ACCOUNT_BEYOND_SCOPE"):
            await service.change_account(environment, keeper, issued.account_id, AccountChange.DISABLE, "离职")
    whole = await security(province, whole=True)
    await service.change_account(environment, whole, issued.account_id, AccountChange.DISABLE, "离职")


async def test_disabling_ends_the_sessions_and_enabling_brings_none_back(environment: Environment) -> None:
    province = await build_sample(environment)
    keeper = await security(province)
    issued = await create(keeper, province)
    begun = await logging_in.log_in(environment, NAME, issued.secret, origin=HERE)
    token = begun.session.token
    await service.change_account(environment, keeper, issued.account_id, AccountChange.DISABLE, "离职")
    assert await caller_of(environment, token, Language.CHINESE, "r", "") is None
    assert await codes_of(logging_in.log_in(environment, NAME, issued.secret, origin=HERE)) == {"WRONG_CREDENTIALS"}
    await service.change_account(environment, keeper, issued.account_id, AccountChange.ENABLE, "误操作")
    assert await caller_of(environment, token, Language.CHINESE, "r", "") is None
    assert await log_in(environment, issued.secret)
    actions = [row["action"] for row in await AuditEntry.select(AuditEntry.action).order_by(AuditEntry.id)]
    assert {"CREATE_STAFF_ACCOUNT", "DISABLE_ACCOUNT", "ENABLE_ACCOUNT"} <= set(actions)
    details = " ".join(row["detail"] for row in await AuditEntry.select(AuditEntry.detail))
    assert issued.secret not in details


async def test_unlocking_lets_try_again(environment: Environment) -> None:
    province = await build_sample(environment)
    keeper = await security(province)
    issued = await create(keeper, province)
    until = environment.clock.now() + timedelta(hours=1)
    changes: dict[Any, Any] = {Account.failures: 9, Account.locked_until: until}
    await Account.update(changes).where(Account.id == issued.account_id)
    assert await codes_of(logging_in.log_in(environment, NAME, issued.secret, origin=HERE))
    await service.change_account(environment, keeper, issued.account_id, AccountChange.UNLOCK, "本人到场核实")
    assert await log_in(environment, issued.secret)


async def test_nobody_changes_his_own_account_or_roles(environment: Environment) -> None:
    province = await build_sample(environment)
    keeper = await security(province)
    login = (await Account.select(Account.login_name).where(Account.id == keeper.account_id).first() or {})[
        "login_name"
    ]
    held = await RoleAssignment.select(RoleAssignment.id).where(RoleAssignment.account == keeper.account_id).first()
    assert held is not None
    for act in (
        service.assign_role(
            environment, keeper, login_name=login, role=Role.AUTHORITY_OFFICER, organisation_id=province.authority_id
        ),
        service.end_role(environment, keeper, held["id"], None),
        service.change_account(environment, keeper, keeper.account_id, AccountChange.UNLOCK, "自行解锁"),
        service.renew_initial_secret(environment, keeper, keeper.account_id),
    ):
        with pytest.raises(NotEligible):
            await act


async def test_a_role_counts_on_its_days_alone(environment: Environment, clock: SettableClock) -> None:
    province = await build_sample(environment)
    keeper = await security(province)
    today = environment.clock.now().date()
    first, last = today + timedelta(days=2), today + timedelta(days=4)
    issued = await create(keeper, province, valid_from=first, valid_to=last)
    held = []
    for _ in range(7):
        renewed = await service.renew_initial_secret(environment, keeper, issued.account_id)
        held.append(bool((await log_in(environment, renewed.secret)).grants))
        clock.advance(timedelta(days=1))
    assert held == [False, False, True, True, True, False, False]


async def test_ending_a_role_counts_at_once(environment: Environment) -> None:
    province = await build_sample(environment)
    keeper = await security(province)
    issued = await create(keeper, province)
    caller = await log_in(environment, issued.secret)
    assert caller.grants
    record = await service.read_staff(keeper, issued.account_id)
    await service.end_role(environment, keeper, record.roles[0].id, None)
    assert not (await log_in(environment, issued.secret)).grants
    with pytest.raises(StateConflict, match="ROLE_ENDED"):
        await service.end_role(environment, keeper, record.roles[0].id, None)
    # And it may be given again on the same day.
    await service.assign_role(
        environment, keeper, login_name=NAME, role=Role.INSTITUTION_OFFICER, organisation_id=province.institution_id
    )
    assert (await log_in(environment, issued.secret)).grants


async def test_what_is_wrong_is_told(environment: Environment) -> None:
    province = await build_sample(environment)
    keeper = await security(province)
    await create(keeper, province)
    assert await codes_of(create(keeper, province)) == {"LOGIN_NAME_TAKEN"}
    wrong = create(keeper, province, login_name="1101", role=Role.BODY_REVIEWER, valid_to=date(2020, 1, 1))
    assert await codes_of(wrong) == {"LOGIN_NAME_FORMAT", "ORGANISATION_KIND", "DAYS_NOT_IN_ORDER"}
    for role in (Role.DOCTOR, Role.SYSTEM):
        assert await codes_of(create(keeper, province, login_name="other", role=role)) == {"ROLE_NOT_GIVEN"}
    again = service.assign_role(
        environment, keeper, login_name=NAME, role=Role.INSTITUTION_OFFICER, organisation_id=province.institution_id
    )
    assert await codes_of(again) == {"ROLE_HELD"}
    nobody = service.assign_role(
        environment, keeper, login_name="nobody", role=Role.INVIGILATOR, organisation_id=province.body_id
    )
    assert await codes_of(nobody) == {"NO_SUCH_ACCOUNT"}


@pytest.mark.parametrize(
    ("held", "given", "refused"),
    [
        (Role.SECURITY_ADMINISTRATOR, Role.SYSTEM_ADMINISTRATOR, True),
        (Role.AUDIT_ADMINISTRATOR, Role.SYSTEM_ADMINISTRATOR, True),
        (Role.AUDIT_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, True),
        (Role.AUDIT_ADMINISTRATOR, Role.AUTHORITY_OFFICER, True),
        (Role.BANK_AUTHOR, Role.BANK_APPROVER, False),
        (Role.AUTHORITY_OFFICER, Role.BANK_AUTHOR, False),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_who_is_watched_does_not_watch(held: Role, given: Role, refused: bool, turned: bool) -> None:
    held, given = (given, held) if turned else (held, given)
    today = date(2026, 6, 1)
    before = rules.HeldRole(1, held, 5, 1, date(2026, 1, 1), date(2026, 6, 30))

    def codes(first: date) -> set[str]:
        kinds = frozenset({rules.PLACE_OF[given]})
        return {problem.code for problem in rules.role_problems(given, kinds, first, None, today, [before], 5)}

    assert codes(today) == ({"ROLES_EXCLUDE_EACH_OTHER"} if refused else set())
    assert codes(date(2026, 7, 1)) == set()


async def test_stale_accounts_are_listed(environment: Environment, clock: SettableClock) -> None:
    province = await build_sample(environment)
    keeper = await security(province)
    issued = await create(keeper, province)

    async def stale() -> set[int]:
        page = await service.list_staff(environment, keeper, search=None, role=None, stale=True, after=0, limit=100)
        return {record.id for record in page}

    assert issued.account_id not in await stale()
    clock.advance(timedelta(days=environment.settings.stale_account_days))
    renewed = await service.renew_initial_secret(environment, keeper, issued.account_id)
    assert issued.account_id in await stale()
    await log_in(environment, renewed.secret)
    assert issued.account_id not in await stale()
    assert province.institution.account_id in await stale()
