"""Around every request: who asks, what is masked, headers, health, two languages."""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
import structlog
from starlette.applications import Starlette

from dingkao.accounts.sessions import begin_session
from dingkao.accounts.tables import Account, SessionToken
from dingkao.db.database import fetch, transaction
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import AssessmentState
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample
from dingkao.testing.web import Client, running_app, token_for

ClientOf = Callable[..., Awaitable[Client]]
VIEWER = "{ viewer { name } }"
BANK = "{ questionBank(subject: HUMANITIES) { count } }"
OPEN = """mutation ($input: AssessmentIdsInput!) { openEnrolment(input: $input) {
  __typename ... on ValidationProblem { code message fields { path code message } }
  ... on AssessmentList { assessments { id state stage { title } } } } }"""
WITHDRAW = """mutation ($input: WithdrawInput!) { withdrawAssessment(input: $input) {
  __typename ... on StateProblem { code message currentState } } }"""
ASSESSMENT = "query ($id: ID!) { assessment(id: $id) { id doctor { name documentNumber } stage { title } } }"


def is_chinese(sentence: str) -> bool:
    return re.search("[\u4e00-\u9fff]", sentence) is not None


async def test_the_four_answers_to_who_asks(
    doctor: SampleDoctor, province: SampleProvince, client_of: ClientOf
) -> None:
    own = encode_id("Assessment", doctor.assessment_id)
    assert await (await client_of(None)).refusal(ASSESSMENT, id=own) == "UNAUTHENTICATED"
    first_login = await client_of(doctor.caller, first_login=True)
    assert await first_login.refusal(ASSESSMENT, id=own) == "FIRST_LOGIN_REQUIRED"
    colleague = await client_of((await province.add_doctor("李四")).caller)
    assert await colleague.refusal(ASSESSMENT, id=own) == "NOT_FOUND"
    assert await colleague.refusal(BANK) == "FORBIDDEN"
    found = await (await client_of(doctor.caller)).value(ASSESSMENT, id=own)
    assert found["doctor"]["name"] == "张三"
    assert doctor.document_number not in json.dumps(found)


@pytest.mark.parametrize(
    "opaque",
    [
        *("", "1", "nonsense", "Assessment:1", "张三", "é" * 3, "A" * 10_000),
        *(encode_id("Paper", 1), encode_id("Nobody", 1), encode_id("Assessment", 0)),
        *(encode_id("Assessment", 10**30), encode_id("Assessment", 2**63 - 1)),
    ],
)
async def test_what_is_no_id_is_not_found(doctor: SampleDoctor, client_of: ClientOf, opaque: str) -> None:
    assert await (await client_of(doctor.caller)).refusal(ASSESSMENT, id=opaque) == "NOT_FOUND"


async def test_a_token_is_good_until_it_ends(
    app: Starlette, clock: SettableClock, doctor: SampleDoctor, client_of: ClientOf
) -> None:
    environment = app.state.environment
    async with transaction():
        session = await begin_session(environment, doctor.account_id, clock.now(), first_login=False)
    token = session.token
    client = Client(app, token)
    assert (await client.value(VIEWER))["name"] == "张三"
    for header in (f"bearer {token}", f"BEARER   {token} "):
        response = await Client(app, Authorization=header).post(VIEWER)
        assert response["data"], header
    for header in (token, f"Basic {token}", "Bearer", "Bearer ", f"Bearer {token}x", "Bearer \x7f", "Bearer é"):
        response = await Client(app).http.post(
            "/graphql", json={"query": VIEWER}, headers={"Authorization": header.encode("latin-1")}
        )
        assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED", header
    stored = await SessionToken.select(SessionToken.access_digest, SessionToken.refresh_digest)
    assert all(value not in row.values() for row in stored for value in (token, session.refresh_token))
    clock.advance(timedelta(minutes=15))
    assert await client.refusal(VIEWER) == "UNAUTHENTICATED"


async def test_a_disabled_account_is_logged_out(doctor: SampleDoctor, client_of: ClientOf) -> None:
    client = await client_of(doctor.caller)
    await Account.update({Account.disabled: True}).where(Account.id == doctor.account_id)
    assert await client.refusal(VIEWER) == "UNAUTHENTICATED"


async def test_problems_come_in_two_languages_with_the_same_codes(
    doctor: SampleDoctor, province: SampleProvince, client_of: ClientOf
) -> None:
    ids = {"assessmentIds": [encode_id("Assessment", doctor.assessment_id), encode_id("Assessment", 10**9)]}
    answers = []
    for language in ("zh-CN", "en"):
        client = await client_of(province.institution, **{"Accept-Language": language})
        answers.append(await client.value(OPEN, input=ids))
    chinese, english = answers
    assert chinese["__typename"] == english["__typename"] == "ValidationProblem"
    assert [(field["path"], field["code"]) for field in chinese["fields"]] == [
        ("assessmentIds.0", "NOT_IN_THIS_STATE"),
        ("assessmentIds.1", "NOT_FOUND"),
    ]
    for zh, en in zip(chinese["fields"], english["fields"], strict=True):
        assert (zh["path"], zh["code"]) == (en["path"], en["code"])
        assert is_chinese(zh["message"])
        assert not is_chinese(en["message"])
    client = await client_of(doctor.caller, **{"Accept-Language": "en"})
    problem = await client.value(WITHDRAW, input={"assessmentId": encode_id("Assessment", doctor.assessment_id)})
    assert problem["__typename"] == "StateProblem"
    assert (problem["code"], problem["currentState"]) == ("NOT_IN_THIS_STATE", "OPENED")
    assert not is_chinese(problem["message"])


async def test_opening_over_http(province: SampleProvince, client_of: ClientOf) -> None:
    doctors = [await province.add_doctor(name, state=AssessmentState.NOT_OPENED) for name in ("张三", "李四")]
    ids = [encode_id("Assessment", doctor.assessment_id) for doctor in doctors]
    client = await client_of(province.institution)
    opened = await client.value(OPEN, input={"assessmentIds": ids})
    assert [entry["id"] for entry in opened["assessments"]] == ids
    assert {entry["stage"]["title"] for entry in opened["assessments"]} == {"已开通报名"}


async def test_a_bug_is_masked_and_found_by_its_request_id(province: SampleProvince, client_of: ClientOf) -> None:
    await fetch("ALTER TABLE question RENAME TO questions_gone")
    client = await client_of(province.authority)
    with structlog.testing.capture_logs() as logs:
        response = await client.http.post("/graphql", json={"query": BANK})
    assert response.status_code == httpx.codes.OK
    error = response.json()["errors"][0]
    assert error["extensions"] == {"code": "INTERNAL", "requestId": response.headers["x-request-id"]}
    assert error["message"] == "服务器内部错误，请稍后再试。"
    assert not re.search("table|relation|sql", response.text, re.IGNORECASE)
    assert [entry["request_id"] for entry in logs if entry["log_level"] == "error"] == [
        response.headers["x-request-id"]
    ]


async def test_headers_of_every_answer(app: Starlette, client_of: ClientOf) -> None:
    client = await client_of(None)
    seen = set()
    for response in (
        await client.http.post("/graphql", json={"query": VIEWER}),
        await client.http.post("/graphql", content=b"", headers={"Content-Type": "text/plain"}),
        await client.http.get("/healthz"),
        await client.http.get("/nowhere"),
        await client.http.get("/files/x"),
        await client.http.get("/check/x"),
    ):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in response.headers
        seen.add(response.headers["x-request-id"])
    assert len(seen) == 6


async def test_health(app: Starlette, client_of: ClientOf) -> None:
    client = await client_of(None)
    assert (await client.http.get("/healthz")).json() == {"status": "ok"}
    ready = await client.http.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


async def test_not_ready_without_its_migrations(app: Starlette, client_of: ClientOf) -> None:
    await fetch("DELETE FROM migration_history")
    client = await client_of(None)
    ready = await client.http.get("/readyz")
    assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert ready.json()["status"] == "migrations missing"
    assert (await client.http.get("/healthz")).status_code == httpx.codes.OK


async def test_a_database_that_is_gone_is_told_as_such(settings: Settings, clock: SettableClock) -> None:
    if not settings.database_url.startswith("postgresql"):
        pytest.skip("SQLite is a file: it does not go away")
    async with running_app(settings, clock) as app:
        environment = app.state.environment
        province = await build_sample(environment)
        token = await token_for(environment, province.authority.account_id)
        client = Client(app, token)
        assert "errors" not in await client.post(VIEWER)
        environment.database.engine.pool.terminate()
        response = await client.http.post("/graphql", json={"query": VIEWER})
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert response.headers["x-request-id"]
