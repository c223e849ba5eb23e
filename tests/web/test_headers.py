"""What stands in the head of every answer, which hosts are served, and whose address is noted."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from starlette.applications import Starlette

from dingkao.audit.tables import AuditEntry
from dingkao.plugin.ids import encode_id
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.progress import made_up_picture
from dingkao.testing.sample import SampleDoctor, build_sample
from dingkao.testing.web import Client, running_app, token_for
from dingkao.web.middleware import RequestMiddleware

ClientOf = Callable[..., Awaitable[Client]]


def assert_safe(response: httpx.Response) -> None:
    """What no answer may lack (OWASP ASVS 5.0, 3.4): no guessing of types, no frames, nothing that is run unasked."""
    headers = response.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] in ("no-referrer", "same-origin")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy or "sandbox" in policy
    assert "unsafe-eval" not in policy
    assert "script-src 'unsafe-inline'" not in policy
    assert headers["cache-control"] in ("no-store", "no-cache") or "immutable" in headers["cache-control"]
    assert "server" not in headers
    assert "x-powered-by" not in headers


async def test_every_kind_of_answer_is_safe(doctor: SampleDoctor, client_of: ClientOf) -> None:
    nobody, owner = await client_of(None), await client_of(doctor.caller)
    kept = await owner.upload(encode_id("Assessment", doctor.assessment_id), "PHOTO", made_up_picture())
    answers = [
        kept,
        await owner.http.get(f"/files/{kept.json()['id']}"),
        await nobody.http.post("/graphql", json={"query": "{ apiVersion }"}),
        await nobody.http.post("/graphql", content=b"{"),
        await nobody.http.get("/graphql"),
        await nobody.http.get("/graphql", headers={"Accept": "text/html"}),
        await nobody.http.delete("/graphql"),
        await nobody.http.get("/nothing"),
        await nobody.http.get("/check/nothing"),
        await nobody.http.get("/documents/nothing.pdf"),
        await nobody.http.get("/files/nothing"),
        await nobody.http.get(f"/files/{kept.json()['id']}?signature=nothing"),
        await nobody.http.post("/files"),
        await nobody.http.get("/healthz"),
        await nobody.http.get("/readyz"),
    ]
    for answer in answers:
        assert_safe(answer)
    assert "strict-transport-security" not in answers[0].headers


async def test_https_alone_by_a_setting(settings: Settings, clock: SettableClock) -> None:
    async with running_app(settings.model_copy(update={"hsts_seconds": 31_536_000}), clock) as app:
        for path in ("/healthz", "/graphql", "/nothing"):
            response = await Client(app).http.get(path)
            assert response.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


async def test_hosts_of_the_list_and_no_others(settings: Settings, clock: SettableClock) -> None:
    update = {"allowed_hosts": ("dingkao.example", "Other.example"), "trusted_proxies": ("10.0.0.5",)}
    async with running_app(settings.model_copy(update=update), clock) as app:
        http = Client(app).http
        question = {"query": "{ apiVersion }"}
        for host in ("dingkao.example", "DINGKAO.example:8443", "other.example"):
            assert (await http.post("/graphql", json=question, headers={"Host": host})).status_code == httpx.codes.OK
        for host in ("evil.example", "dingkao.example.evil.example", "127.0.0.1", ""):
            response = await http.post("/graphql", json=question, headers={"Host": host})
            assert response.status_code == httpx.codes.MISDIRECTED_REQUEST
            assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
            assert_safe(response)
            # A load balancer asks by the address.
            assert (await http.get("/healthz", headers={"Host": host})).status_code == httpx.codes.OK
        sent = {"Host": "evil.example", "X-Forwarded-Host": "dingkao.example"}
        refused = await http.post("/graphql", json=question, headers=sent)
        assert refused.status_code == httpx.codes.MISDIRECTED_REQUEST
        transport = httpx.ASGITransport(app=app, client=("10.0.0.5", 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://inside") as proxy:
            assert (await proxy.post("/graphql", json=question, headers=sent)).status_code == httpx.codes.OK


@pytest.mark.parametrize(
    ("peer", "forwarded", "noted"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.5", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
    ],
)
async def test_the_audit_notes_the_address_that_is_true(
    settings: Settings, clock: SettableClock, peer: str, forwarded: str, noted: str
) -> None:
    async with running_app(settings.model_copy(update={"trusted_proxies": ("10.0.0.0/24",)}), clock) as app:
        province = await build_sample(app.state.environment)
        doctor = await province.add_doctor(password_hash="unused")
        token = await token_for(app.state.environment, doctor.caller.account_id)
        headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": forwarded}
        transport = httpx.ASGITransport(app=app, client=(peer, 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://inside", headers=headers) as http:
            fields = {"assessmentId": encode_id("Assessment", doctor.assessment_id), "purpose": "PHOTO"}
            response = await http.post("/files", data=fields, files={"file": ("a", made_up_picture())})
            assert response.status_code == httpx.codes.CREATED, response.text
        entries = await AuditEntry.select(AuditEntry.address).where(AuditEntry.action == "UPLOAD")
        assert [entry["address"] for entry in entries] == [noted]


async def test_what_a_route_lets_through_is_told_by_its_id_alone(app: Starlette) -> None:
    async def broken(scope: object, receive: object, send: object) -> None:
        raise RuntimeError("the secret of 110101199001011237")

    around = RequestMiddleware(broken, app.state.environment)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app=around)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://dingkao.test") as http:
        response = await http.get("/")
    assert response.status_code == httpx.codes.INTERNAL_SERVER_ERROR
    extensions = response.json()["errors"][0]["extensions"]
    assert extensions == {"code": "INTERNAL", "requestId": response.headers["x-request-id"]}
    assert "secret" not in response.text
    assert_safe(response)
