"""Sessions: rotation, reuse, idle and absolute ends, one's own list, step-up and the second factor."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dingkao.accounts.last_use import write_last_uses
from dingkao.accounts.logging_in import confirm_identity, log_in
from dingkao.accounts.passwords import hash_password
from dingkao.accounts.refreshing import (
    MOST_FOLLOWERS,
    end_other_sessions,
    end_session,
    forget_tokens,
    list_sessions,
    refresh_session,
)
from dingkao.accounts.second_factor import confirm_second_factor, enrol_second_factor, remove_second_factor
from dingkao.accounts.sessions import NewSession, Origin, caller_of
from dingkao.accounts.step_up import MARKED, require_step_up
from dingkao.accounts.tables import Account, Session, SessionToken
from dingkao.accounts.totp import code_of, secret_of, step_of
from dingkao.audit.tables import AuditEntry
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import (
    Forbidden,
    NotFound,
    NotLoggedIn,
    SecondFactorOpen,
    StateConflict,
    StepUpRequired,
    ValidationFailed,
)
from dingkao.plugin.text import Language
from dingkao.results.sealing import seal_certificate
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleProvince, build_sample

OWN = "correct horse battery"
HERE = Origin("192.0.2.7", "Firefox", "r")


async def caller(environment: Environment, token: str) -> Caller | None:
    return await caller_of(environment, token, Language.CHINESE, "r", HERE.address)


async def known(environment: Environment, token: str) -> Caller:
    found = await caller(environment, token)
    assert found is not None
    return found


async def doctor_logs_in(environment: Environment) -> tuple[NewSession, str]:
    province = await build_sample(environment)
    doctor = await province.add_doctor(password_hash=await hash_password(OWN))
    return (await log_in(environment, doctor.document_number, OWN, origin=HERE)).session, doctor.document_number


async def officer(environment: Environment) -> tuple[SampleProvince, str]:
    province = await build_sample(environment)
    account = province.authority.account_id
    await Account.update({Account.password_hash: await hash_password(OWN)}).where(Account.id == account)
    row = await Account.select(Account.login_name).where(Account.id == account).first()
    assert row is not None
    return province, row["login_name"]


async def actions(environment: Environment) -> list[str]:
    return [row["action"] for row in await AuditEntry.select(AuditEntry.action).order_by(AuditEntry.id)]


async def refused(environment: Environment, token: str) -> bool:
    try:
        await refresh_session(environment, token, origin=HERE)
    except NotLoggedIn:
        return True
    return False


async def test_a_refresh_token_is_good_once_and_its_theft_ends_the_session(
    environment: Environment, clock: SettableClock
) -> None:
    first, _ = await doctor_logs_in(environment)
    clock.advance(timedelta(minutes=15))
    assert await caller(environment, first.token) is None
    second = await refresh_session(environment, first.refresh_token, origin=HERE)
    assert (await known(environment, second.token)).session_id == first.session_id
    stored = await SessionToken.select(SessionToken.access_digest, SessionToken.refresh_digest)
    clear = {first.token, first.refresh_token, second.token, second.refresh_token}
    assert not clear & {value for row in stored for value in row.values()}
    # The answer got lost, or another tab asked: within the grace there is a pair for each, and both stay good.
    clock.advance(timedelta(seconds=29))
    third = await refresh_session(environment, first.refresh_token, origin=HERE)
    fourth = await refresh_session(environment, second.refresh_token, origin=HERE)
    assert await caller(environment, third.token) is not None
    clock.advance(timedelta(seconds=2))
    assert await refused(environment, first.refresh_token)
    for token in (second.token, third.token, fourth.token):
        assert await caller(environment, token) is None
    assert await refused(environment, fourth.refresh_token)
    assert "REFRESH_TOKEN_REUSED" in await actions(environment)
    row = await Session.select(Session.ended_because).first()
    assert row == {"ended_because": "TOKEN_REUSED"}


async def test_the_grace_gives_few_pairs(environment: Environment) -> None:
    first, _ = await doctor_logs_in(environment)
    for _ in range(MOST_FOLLOWERS):
        await refresh_session(environment, first.refresh_token, origin=HERE)
    assert await refused(environment, first.refresh_token)
    assert await caller(environment, first.token) is None
    assert await refused(environment, "no such token")


async def test_a_session_ends_idle_and_in_any_case_after_its_hours(
    environment: Environment, clock: SettableClock
) -> None:
    session, number = await doctor_logs_in(environment)
    began = clock.now()
    for _ in range(13):
        clock.advance(timedelta(minutes=54))
        session = await refresh_session(environment, session.refresh_token, origin=HERE)
    clock.set(began + timedelta(hours=11, minutes=59))
    session = await refresh_session(environment, session.refresh_token, origin=HERE)
    assert session.expires_at == began + timedelta(hours=12) == session.ends_at
    clock.set(began + timedelta(hours=12))
    assert await caller(environment, session.token) is None
    assert await refused(environment, session.refresh_token)
    other = (await log_in(environment, number, OWN, origin=HERE)).session
    clock.advance(timedelta(minutes=10))
    # A request counts as use, at once for this process and for the others once it is written.
    assert await caller(environment, other.token) is not None
    assert await write_last_uses(environment) == 1
    assert await write_last_uses(environment) == 0
    row = await Session.select(Session.last_used_at).where(Session.id == other.session_id).first()
    assert row == {"last_used_at": clock.now()}
    clock.advance(timedelta(minutes=59))
    other = await refresh_session(environment, other.refresh_token, origin=HERE)
    clock.advance(timedelta(minutes=60))
    assert await refused(environment, other.refresh_token)
    clock.advance(timedelta(days=2))
    await forget_tokens(environment)
    assert await SessionToken.count() == 0


async def test_one_sees_and_ends_ones_own_sessions(environment: Environment) -> None:
    first, number = await doctor_logs_in(environment)
    second = (await log_in(environment, number, OWN, origin=Origin("192.0.2.8", "x" * 500, "r"))).session
    third = (await log_in(environment, number, OWN, origin=HERE)).session
    asking = await known(environment, third.token)
    shown = await list_sessions(environment, asking)
    assert [(each.id, each.address, each.present) for each in shown] == [
        (third.session_id, "192.0.2.7", True),
        (second.session_id, "192.0.2.8", False),
        (first.session_id, "192.0.2.7", False),
    ]
    assert shown[1].device == "x" * 200
    stranger = replace(
        asking, account_id=(await build_sample(environment, code_suffix="2", region_code="980000")).body.account_id
    )
    with pytest.raises(NotFound):
        await end_session(environment, stranger, second.session_id)
    await end_session(environment, asking, second.session_id)
    assert await caller(environment, second.token) is None
    assert await end_other_sessions(environment, asking) == 1
    assert await caller(environment, first.token) is None
    assert await caller(environment, third.token) is not None


async def test_staff_have_three_sessions(environment: Environment, clock: SettableClock) -> None:
    _, name = await officer(environment)
    sessions = [(await log_in(environment, name, OWN, origin=HERE)).session for _ in range(4)]
    assert [await caller(environment, each.token) is not None for each in sessions] == [False, True, True, True]
    assert sessions[0].idle == timedelta(minutes=30)
    clock.advance(timedelta(minutes=30))
    assert await refused(environment, sessions[3].refresh_token)


async def test_step_up_opens_for_minutes_and_in_this_session_alone(
    environment: Environment, clock: SettableClock
) -> None:
    _, name = await officer(environment)
    session, other = [(await log_in(environment, name, OWN, origin=HERE)).session for _ in range(2)]
    asking = await known(environment, session.token)
    with pytest.raises(NotFound):
        await seal_certificate(environment, asking, 10**6)
    clock.advance(timedelta(minutes=5))
    with pytest.raises(StepUpRequired):
        await seal_certificate(environment, asking, 10**6)
    for password in ("wrong", None):
        with pytest.raises(ValidationFailed) as wrong:
            await confirm_identity(environment, asking, password=password, code=None)
        assert [problem.code for problem in wrong.value.problems] == ["WRONG_CREDENTIALS"]
    until = await confirm_identity(environment, asking, password=OWN, code=None)
    assert until == clock.now() + timedelta(minutes=5)
    require_step_up(await known(environment, session.token), clock.now())
    with pytest.raises(StepUpRequired):
        require_step_up(await known(environment, other.token), clock.now())
    for _ in range(5):
        with pytest.raises(ValidationFailed):
            await confirm_identity(environment, asking, password="wrong", code=None)
    with pytest.raises(ValidationFailed):
        await confirm_identity(environment, asking, password=OWN, code=None)


def test_what_is_marked() -> None:
    assert set(MARKED) >= {
        "ANNUL_RESULT",
        "DECIDE_PROPOSAL",
        "DECIDE_REEXAMINATION",
        "DECIDE_VOIDING",
        "EXPORT_QUESTIONS",
        "SEAL_CERTIFICATE",
        "SET_PASS_MARK",
        "VOID_QUESTION",
    }


async def test_an_authenticator_is_asked_for_once_it_is_set_up(environment: Environment, clock: SettableClock) -> None:
    province, name = await officer(environment)
    asking = await known(environment, (await log_in(environment, name, OWN, origin=HERE)).session.token)
    with pytest.raises(Forbidden):
        await enrol_second_factor(environment, (await province.add_doctor()).caller)
    with pytest.raises(StateConflict):
        await confirm_second_factor(environment, asking, "000000")
    made = await enrol_second_factor(environment, asking)
    assert made.uri.startswith("otpauth://totp/")
    assert made.secret in made.uri
    secret = secret_of(made.secret)

    def code(steps: int = 0) -> str:
        return code_of(secret, step_of(clock.now()) + steps)

    with pytest.raises(ValidationFailed):
        await confirm_second_factor(environment, asking, code(5))
    recovery = await confirm_second_factor(environment, asking, code())
    assert len(set(recovery)) == 10

    async def outcome(given: str | None) -> str:
        try:
            await log_in(environment, name, OWN, origin=HERE, code=given)
        except ValidationFailed as failed:
            return failed.problems[0].code
        return "IN"

    assert await outcome(None) == "SECOND_FACTOR_NEEDED"
    assert await outcome(code()) == "WRONG_SECOND_FACTOR"  # taken already
    clock.advance(timedelta(seconds=60))
    assert await outcome(code(-1)) == "IN"
    assert await outcome(code(-1)) == "WRONG_SECOND_FACTOR"
    assert await outcome(code(2)) == "WRONG_SECOND_FACTOR"
    assert await outcome(code(1)) == "IN"
    assert await outcome(recovery[0].lower()) == "IN"
    assert await outcome(recovery[0]) == "WRONG_SECOND_FACTOR"
    with pytest.raises(ValidationFailed):
        await confirm_identity(environment, asking, password=OWN, code=None)
    await confirm_identity(environment, asking, password=None, code=recovery[1])
    with pytest.raises(StateConflict):
        await enrol_second_factor(environment, asking)
    await remove_second_factor(environment, asking)
    assert await outcome(None) == "IN"


async def test_a_role_that_must_have_one_can_do_nothing_else(environment: Environment, clock: SettableClock) -> None:
    _, name = await officer(environment)
    strict = replace(environment, settings=environment.settings.model_copy(
        update={"second_factor_roles": ("AUTHORITY_OFFICER",)}
    ))  # fmt: skip
    token = (await log_in(strict, name, OWN, origin=HERE)).session.token
    asking = await known(strict, token)
    assert asking.second_factor_open
    with pytest.raises(SecondFactorOpen):
        await seal_certificate(strict, asking, 1)
    made = await enrol_second_factor(strict, asking)
    await confirm_second_factor(strict, asking, code_of(secret_of(made.secret), step_of(clock.now())))
    assert not (await known(strict, token)).second_factor_open
