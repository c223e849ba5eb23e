"""Refused rights are in the audit, in a transaction of their own, and not without bound."""

from datetime import timedelta
from typing import Any

import pytest

from dingkao.audit.refusals import RefusalLog, action_of
from dingkao.audit.tables import AuditEntry
from dingkao.audit.verification import verify_chain
from dingkao.environment import Environment
from dingkao.plugin.ids import encode_id
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import build_sample
from dingkao.testing.web import Client, running_app, token_for

WITHDRAW = """mutation Withdraw($id: ID!) {
  first: withdrawAssessment(input: {assessmentId: $id}) { __typename }
  second: withdrawAssessment(input: {assessmentId: $id}) { __typename }
}"""
BOUND = 5


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"audit_refusals": BOUND})


async def entries() -> list[Any]:
    return await AuditEntry.select().where(AuditEntry.result != "OK").order_by(AuditEntry.id)


async def test_a_refused_mutation_and_a_refused_list_are_entries(settings: Settings, clock: SettableClock) -> None:
    async with running_app(settings, clock) as app:
        environment: Environment = app.state.environment
        province = await build_sample(environment)
        doctor = await province.add_doctor(password_hash="unused")
        other = await province.add_doctor(password_hash="unused")
        token = await token_for(environment, other.account_id)
        named = encode_id("Assessment", doctor.assessment_id)
        await Client(app, token).post(WITHDRAW, {"id": named})
        # Of another doctor nothing is found, and what comes behind a refused field is not begun.
        (first,) = await entries()
        assert {name: first[name] for name in ("account", "role", "action", "object_type", "object_id", "result")} == {
            "account": other.account_id,
            "role": "DOCTOR",
            "action": "WITHDRAW_ASSESSMENT",
            "object_type": "Assessment",
            "object_id": doctor.assessment_id,
            "result": "NOT_FOUND",
        }
        assert first["session"] is not None
        await Client(app, token).post("{ plugins { name } }")
        assert (await entries())[-1]["action"] == "READ_PLUGINS"
        # Who has not logged in is told nothing, and asks from an address.
        await Client(app).post(WITHDRAW, {"id": named})
        last = (await entries())[-1]
        assert (last["account"], last["role"], last["result"]) == (None, "NONE", "UNAUTHENTICATED")
        assert last["address"] != ""
        assert (await verify_chain(environment)).broken is None


async def test_nobody_fills_the_disk(environment: Environment, clock: SettableClock) -> None:
    log = RefusalLog(environment)
    for _ in range(3 * BOUND):
        await log.note(None, "192.0.2.1", "x", "TRY", "FORBIDDEN", None)
    assert len(await entries()) == BOUND
    assert "NOT_WRITTEN_FOR_AN_HOUR" in (await entries())[-1]["detail"]
    await log.note(None, "192.0.2.2", "x", "TRY", "FORBIDDEN", None)
    assert len(await entries()) == BOUND + 1
    clock.set(clock.now() + timedelta(hours=1))
    await log.note(None, "192.0.2.1", "x", "TRY", "FORBIDDEN", None)
    assert len(await entries()) == BOUND + 2


def test_an_action_is_the_fields_name() -> None:
    assert action_of("submitAssessment") == "SUBMIT_ASSESSMENT"
    assert action_of("ping") == "PING"
    assert len(action_of("aB" * 60)) == 60


async def test_a_refused_login_tells_neither_name_nor_password(settings: Settings, clock: SettableClock) -> None:
    async with running_app(settings, clock) as app:
        await build_sample(app.state.environment)
        log_in = "mutation($i: LogInInput!) { logIn(input: $i) { __typename } }"
        for _ in range(2):
            await Client(app).post(
                log_in, {"i": {"documentNumber": "11010119800101001X", "password": "a secret of his"}}
            )
        first, second = await entries()
        assert (first["action"], first["result"]) == ("LOG_IN_REFUSED", "WRONG_CREDENTIALS")
        # The same name is known again, and not what it is.
        assert first["detail"] == second["detail"]
        for word in ("11010119800101001X", "secret"):
            assert word not in str(first)
