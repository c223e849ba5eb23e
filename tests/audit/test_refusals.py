"""Refused rights are in the audit, in a transaction of their own, and not without bound."""

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.papers.sittings import build_sittings

from dingkao.audit.refusals import RefusalLog, action_of
from dingkao.audit.tables import AuditEntry
from dingkao.audit.verification import verify_chain
from dingkao.environment import Environment
from dingkao.papers.attempts import start_attempt, submit_attempt
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


async def test_an_act_that_the_rules_refuse_is_an_entry_once_and_a_mistyped_field_is_none(
    settings: Settings, clock: SettableClock
) -> None:
    async with running_app(settings, clock) as app:
        environment: Environment = app.state.environment
        sittings = await build_sittings(environment)
        doctor = await sittings.doctor()
        first, second = [encode_id("Paper", paper.id) for paper in await sittings.papers(doctor)]
        client = Client(app, await token_for(environment, doctor.account_id))
        start = "mutation($id: ID!) { startAttempt(input: {paperId: $id}) { __typename } }"
        for _ in range(2):
            assert (await client.value(start, id=second))["__typename"] == "StateProblem"
        (refused,) = await entries()
        assert (refused["action"], refused["result"]) == ("START_ATTEMPT", "PAPER_LOCKED")
        assert (refused["account"], refused["role"]) == (doctor.account_id, "DOCTOR")
        assert (refused["object_type"], encode_id("Paper", refused["object_id"])) == ("Paper", second)
        assert json.loads(refused["detail"]) == {"state": "LOCKED"}
        # Of another paper it is another refusal; the same after an hour is written again.
        clock.set((await sittings.record(doctor)).tests_until)
        for paper in (first, second):
            await client.value(start, id=paper)
        assert [entry["result"] for entry in await entries()] == ["PAPER_LOCKED", "TESTS_OVER", "TESTS_OVER"]
        clock.advance(timedelta(hours=1))
        await client.value(start, id=first)
        assert len(await entries()) == 4
        # A take-over of what has ended, and an answer to it: the history of saves is the trail of those.
        clock.set((await sittings.record(doctor)).tests_from)
        attempt = await start_attempt(environment, doctor.caller, (await sittings.papers(doctor))[0].id)
        await submit_attempt(environment, doctor.caller, attempt)
        identity = encode_id("Attempt", attempt)
        take = "mutation($id: ID!) { takeOverAttempt(input: {attemptId: $id}) { __typename } }"
        assert (await client.value(take, id=identity))["__typename"] == "StateProblem"
        assert ((await entries())[-1]["action"], (await entries())[-1]["result"]) == (
            "TAKE_OVER_ATTEMPT",
            "ATTEMPT_CLOSED",
        )
        save = 'mutation($id: ID!) { saveAnswers(input: {attemptId: $id, answers: [{position: 1, choice: "A", '
        save += "sequence: 1}]}) { __typename } }"
        assert (await client.value(save, id=identity))["__typename"] == "StateProblem"
        invigilator = Client(app, await token_for(environment, sittings.province.body.account_id))
        mistyped = 'mutation($id: ID!) { grantExtraTime(input: {paperId: $id, minutes: 5, reason: ""}) { __typename } }'
        assert (await invigilator.value(mistyped, id=first))["__typename"] == "ValidationProblem"
        assert len(await entries()) == 5
        assert (await verify_chain(environment)).broken is None


async def test_a_wrong_password_is_an_entry_that_says_so(settings: Settings, clock: SettableClock) -> None:
    async with running_app(settings, clock) as app:
        province = await build_sample(app.state.environment)
        client = Client(app, await token_for(app.state.environment, province.authority.account_id))
        confirm = 'mutation { confirmIdentity(input: {password: "wrong"}) { __typename } }'
        assert (await client.value(confirm))["__typename"] == "ValidationProblem"
        (refused,) = await entries()
        assert (refused["action"], refused["result"]) == ("CONFIRM_IDENTITY_REFUSED", "WRONG_CREDENTIALS")
        assert refused["account"] == province.authority.account_id


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
