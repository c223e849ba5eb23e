"""Subscriptions on a real socket: the protocol graphql-transport-ws, who may connect, and what is bounded."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from dingkao.accounts.sessions import caller_of
from dingkao.accounts.tables import RoleAssignment, Session
from dingkao.cli.serving import server_options
from dingkao.environment import Environment
from dingkao.papers.attempts import start_attempt
from dingkao.papers.live import watched_sittings
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import PaperSubject
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.progress import bring_to_tests, fill_bank, papers_of, pass_proctoring
from dingkao.testing.sample import SampleProvince, build_sample
from dingkao.testing.web import Client, operations, running_app, token_for
from dingkao.web.trusted_documents import document_id, manifest

# What is read of the database is tried on both in tests/papers/test_live.py; here the socket is the subject.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

PROTOCOL = "graphql-transport-ws"
WATCH = operations()["SittingChanged"]
SHORT = "subscription Short($cycle: ID!, $body: ID!) { sittingChanged(cycleId: $cycle, bodyId: $body, "
SHORT += "subject: HUMANITIES) { at doctors { status } } }"


@dataclass
class Served:
    """A server on a socket of this machine, and the province behind it."""

    app: Starlette
    province: SampleProvince
    port: int

    @property
    def environment(self) -> Environment:
        found: Environment = self.app.state.environment
        return found

    @property
    def variables(self) -> dict[str, Any]:
        body = self.province.body.grants[0].organisation_id
        assert body is not None
        return {
            "cycleId": encode_id("Cycle", self.province.cycle_id),
            "bodyId": encode_id("Organisation", body),
            "subject": "HUMANITIES",
        }

    async def token(self) -> str:
        return await token_for(self.environment, self.province.body.account_id)

    def connect(self, protocol: str | None = PROTOCOL, **options: Any) -> connect:
        protocols = None if protocol is None else [Subprotocol(protocol)]
        return connect(f"ws://127.0.0.1:{self.port}/graphql", subprotocols=protocols, **options)

    @asynccontextmanager
    async def logged_in(self, token: str | None = None) -> AsyncIterator["Connection"]:
        async with self.connect() as raw:
            connection = Connection(raw)
            await connection.send(type="connection_init", payload={"token": token or await self.token()})
            assert await connection.next() == {"type": "connection_ack"}
            yield connection


@dataclass
class Connection:
    """A client's end of a socket."""

    raw: ClientConnection

    async def send(self, **message: Any) -> None:
        await self.raw.send(json.dumps(message))

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            message = json.loads(await self.raw.recv())
        assert isinstance(message, dict)
        return message

    async def subscribe(self, identifier: str, query: str, variables: dict[str, Any] | None = None) -> None:
        await self.send(type="subscribe", id=identifier, payload={"query": query, "variables": variables})

    async def refused(self, identifier: str) -> dict[str, Any]:
        """The extensions of the error that ends a subscription."""
        message = await self.next()
        assert (message["type"], message["id"]) == ("error", identifier), message
        extensions = message["payload"][0]["extensions"]
        assert isinstance(extensions, dict)
        return extensions

    async def closed(self) -> int | None:
        """The code with which the server ends the connection."""
        async with asyncio.timeout(20):
            try:
                while True:
                    await self.raw.recv()
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else None


@asynccontextmanager
async def serving(settings: Settings, clock: SettableClock, **changes: Any) -> AsyncIterator[Served]:
    settings = settings.model_copy(update={"live_seconds": 0.1, **changes})
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(running_app(settings, clock))
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        config = uvicorn.Config(app, **{**server_options(settings), "lifespan": "off", "loop": "none"})
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve([listening]))
        try:
            yield Served(app, await build_sample(app.state.environment), listening.getsockname()[1])
        finally:
            server.should_exit = True
            await running


async def test_an_invigilator_sees_a_doctor_begin(settings: Settings, clock: SettableClock) -> None:
    async with serving(settings, clock) as served:
        doctor = await served.province.add_doctor()
        await bring_to_tests(served.province, doctor)
        await fill_bank(served.province, PaperSubject.HUMANITIES)
        await pass_proctoring(served.environment, doctor)
        async with served.logged_in() as connection:
            await connection.subscribe("1", WATCH, served.variables)
            first = await connection.next()
            assert (first["type"], first["id"]) == ("next", "1")
            (waiting,) = first["payload"]["data"]["sittingChanged"]["doctors"]
            assert waiting["status"] == "NOT_STARTED"
            await start_attempt(served.environment, doctor.caller, (await papers_of(doctor))[0].id)
            (active,) = (await connection.next())["payload"]["data"]["sittingChanged"]["doctors"]
            assert (active["paperId"], active["status"]) == (waiting["paperId"], "ACTIVE")
            # The plain query has the same, without a socket.
            client = Client(served.app, await served.token())
            page = await client.operation("Sitting", **served.variables, first=100)
            assert [edge["node"] for edge in page["edges"]] == [active]
            await connection.send(type="ping")
            assert await connection.next() == {"type": "pong"}
            await connection.send(type="complete", id="1")
            # The same id is free again; it is told all anew.
            await connection.subscribe("1", WATCH, served.variables)
            assert (await connection.next())["payload"]["data"]["sittingChanged"]["doctors"] == [active]
            database = served.environment.database
    assert watched_sittings(database) == 0


async def test_the_limits_of_operations_hold_here_too(settings: Settings, clock: SettableClock) -> None:
    async with serving(settings, clock, query_depth=4, query_cost=500) as served, served.logged_in() as connection:
        await connection.subscribe("query", "{ apiVersion }")
        await connection.subscribe("mutation", "mutation { ping }")
        for identifier in ("query", "mutation"):
            assert (await connection.refused(identifier))["code"] == "GRAPHQL_ERROR"
        await connection.subscribe("cost", WATCH, served.variables)
        assert (await connection.refused("cost"))["limit"] == "cost"
        aliases = " ".join(f"a{n}: at" for n in range(16))
        variables = {"cycle": served.variables["cycleId"], "body": served.variables["bodyId"]}
        await connection.subscribe("aliases", SHORT.replace("{ at", "{ " + aliases), variables)
        assert (await connection.refused("aliases"))["limit"] == "aliases"
        await connection.subscribe("unknown", "subscription { bankChanged { id } }")
        assert (await connection.refused("unknown"))["code"] == "GRAPHQL_ERROR"
        await connection.subscribe("variables", SHORT, {})
        assert (await connection.refused("variables"))["code"] == "GRAPHQL_ERROR"
        await connection.send(type="subscribe", id="nul", payload={"query": SHORT, "variables": {"cycle": "\x00"}})
        assert (await connection.refused("nul"))["code"] == "BAD_REQUEST"
        strange = {"cycle": served.variables["cycleId"], "body": encode_id("Organisation", 999_999)}
        await connection.subscribe("strange", SHORT.replace("doctors { status }", ""), strange)
        assert (await connection.refused("strange"))["code"] == "NOT_FOUND"
        assert watched_sittings(served.environment.database) == 0


async def test_trusted_documents_are_enforced_here_too(settings: Settings, clock: SettableClock, tmp_path: Any) -> None:
    listed = tmp_path / "documents.json"
    listed.write_text(json.dumps(manifest([WATCH])), encoding="utf-8")
    enforced = {"documents_mode": "enforce", "documents_manifest": listed}
    async with serving(settings, clock, **enforced) as served, served.logged_in() as connection:
        await connection.subscribe("other", SHORT, {})
        assert (await connection.refused("other"))["code"] == "UNTRUSTED_DOCUMENT"
        payload = {"documentId": document_id(WATCH), "variables": served.variables}
        await connection.send(type="subscribe", id="known", payload=payload)
        assert (await connection.next())["type"] == "next"


async def test_who_is_not_logged_in_or_speaks_otherwise_is_sent_away(settings: Settings, clock: SettableClock) -> None:
    async with serving(settings, clock, live_init_seconds=0.5, live_message_bytes=2048) as served:
        # No protocol, or the old one that anybody could subscribe by.
        for protocol in (None, "graphql-ws"):
            async with served.connect(protocol) as raw:
                assert raw.subprotocol is None
                assert await Connection(raw).closed() == 4406
        for first, code in (
            ({"type": "subscribe", "id": "1", "payload": {"query": SHORT}}, 4401),
            ({"type": "connection_init"}, 4403),
            ({"type": "connection_init", "payload": {"token": "wrong"}}, 4403),
            ({"type": "connection_init", "payload": {"token": 5}}, 4403),
            ({"type": "connection_init", "payload": {"token": "x" * 4000}}, 1009),
            ({"type": "ping"}, 4400),
            ([], 4400),
        ):
            async with served.connect() as raw:
                await raw.send(json.dumps(first))
                assert await Connection(raw).closed() == code, first
        # It says nothing.
        async with served.connect() as raw:
            assert await Connection(raw).closed() == 4408
        for messages, code in (
            ([{"type": "connection_init", "payload": {}}], 4429),
            ([{"type": "start", "id": "1"}], 4400),
            ([{"type": "subscribe", "id": "", "payload": {}}], 4400),
            ([{"type": "subscribe", "id": "1", "payload": {"query": SHORT}}] * 2, 4409),
            ([{"type": "ping"}] * 250, 4429),
        ):
            async with served.logged_in() as connection:
                for message in messages:
                    await connection.send(**message)
                assert await connection.closed() == code, messages[0]
        async with served.logged_in() as connection:
            await connection.raw.send(b"bytes")
            assert await connection.closed() == 4400


async def test_pages_of_other_origins_do_not_connect(settings: Settings, clock: SettableClock) -> None:
    async with serving(settings, clock, cors_origins=("https://client.example",)) as served:
        for origin in ("https://other.example", "null", f"http://127.0.0.1:{served.port}.other.example"):
            with pytest.raises(InvalidStatus) as refused:
                async with served.connect(origin=origin):
                    raise AssertionError("it connected")
            assert refused.value.response.status_code == 403
        for origin in ("https://client.example", f"http://127.0.0.1:{served.port}"):
            async with served.connect(origin=origin) as raw:
                assert raw.subprotocol == PROTOCOL


async def test_connections_and_subscriptions_are_bounded(settings: Settings, clock: SettableClock) -> None:
    bounds = {"live_connections": 3, "live_connections_per_account": 2, "live_subscriptions": 2}
    async with serving(settings, clock, **bounds) as served, AsyncExitStack() as stack:
        one = await stack.enter_async_context(served.logged_in())
        for identifier in ("a", "b"):
            await one.subscribe(identifier, WATCH, served.variables)
            assert (await one.next())["type"] == "next"
        await one.subscribe("c", WATCH, served.variables)
        assert await one.refused("c") == {"code": "LIMIT_EXCEEDED", "limit": "subscriptions", "most": 2}
        await one.send(type="complete", id="a")
        await one.subscribe("c", WATCH, served.variables)
        assert (await one.next())["id"] == "c"
        await stack.enter_async_context(served.logged_in())
        async with served.connect() as raw:
            third = Connection(raw)
            await third.send(type="connection_init", payload={"token": await served.token()})
            assert await third.closed() == 1013
        waiting = await stack.enter_async_context(served.connect())
        async with served.connect() as raw:
            assert await Connection(raw).closed() == 1013
        # One that ends makes room for another.
        await waiting.close()
        async with asyncio.timeout(20):
            while (raw := await stack.enter_async_context(served.connect())).subprotocol is None:
                await raw.wait_closed()  # the server has not noticed yet


async def test_an_address_has_a_bound_and_a_hospital_a_higher_one(settings: Settings, clock: SettableClock) -> None:
    bounds = {"live_connections_per_address": 2, "live_connections_per_hospital": 3}
    behind = {"trusted_proxies": ("127.0.0.1",), "hospital_addresses": ("198.51.100.0/24",)}
    async with serving(settings, clock, **bounds, **behind) as served:

        async def held(stack: AsyncExitStack, address: str) -> Connection:
            """A connection that a proxy hands on from an address; it has not said whose it is."""
            headers = {"X-Forwarded-For": f"203.0.113.250, {address}"}
            return Connection(await stack.enter_async_context(served.connect(additional_headers=headers)))

        async with AsyncExitStack() as stack:
            for address, most in (("203.0.113.7", 2), ("198.51.100.9", 3), ("2001:db8::1", 2)):
                for _ in range(most):
                    assert (await held(stack, address)).raw.subprotocol == PROTOCOL
                assert await (await held(stack, address)).closed() == 1013
            # An IPv6 network of 64 bits is one subscriber; others are not kept out by him.
            assert await (await held(stack, "2001:db8::ffff")).closed() == 1013
            assert (await held(stack, "2001:db8:0:1::1")).raw.subprotocol == PROTOCOL
        async with AsyncExitStack() as stack, asyncio.timeout(20):
            # They have ended, and make room, once the server has noticed.
            while (again := await held(stack, "203.0.113.7")).raw.subprotocol is None:
                await again.raw.wait_closed()


async def test_a_server_may_serve_none_and_all_goes_on_over_http(settings: Settings, clock: SettableClock) -> None:
    async with serving(settings, clock, live_connections=0) as served:
        async with served.connect() as raw:
            assert await Connection(raw).closed() == 1013
        client = Client(served.app, await served.token())
        assert (await client.operation("Sitting", **served.variables, first=100))["edges"] == []
        answer = await client.post(WATCH, served.variables)
        assert "over WebSocket" in answer["errors"][0]["message"]


async def test_rights_are_looked_at_again_and_idle_connections_end(settings: Settings, clock: SettableClock) -> None:
    quick = {"live_check_seconds": 0.1, "live_idle_seconds": 0.3}
    async with serving(settings, clock, **quick) as served:
        async with served.logged_in() as connection:
            assert await connection.closed() == 1000
        async with served.logged_in() as connection:
            await connection.subscribe("1", WATCH, served.variables)
            await connection.next()
            # The role ends: the subscription does, and the connection, which nobody needs any more.
            await RoleAssignment.delete().where(RoleAssignment.account == served.province.body.account_id)
            assert (await connection.refused("1"))["code"] == "FORBIDDEN"
            assert await connection.closed() == 1000
        async with served.logged_in(await token_for(served.environment, served.province.authority.account_id)) as other:
            await other.subscribe("1", WATCH, served.variables)
            await other.next()
            await Session.update({Session.ended_at: clock.now()}, force=True)
            assert await other.closed() == 4403
        assert watched_sittings(served.environment.database) == 0


async def test_an_open_page_is_no_use_of_its_session(
    settings: Settings, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = asyncio.Event()

    async def looking(*arguments: Any, **keywords: Any) -> Any:
        caller = await caller_of(*arguments, **keywords)
        looked.set()
        return caller

    monkeypatch.setattr("dingkao.web.sockets.caller_of", looking)
    async with serving(settings, clock, live_check_seconds=0.1) as served:
        token = await served.token()
        await Session.update({Session.last_used_at: clock.now()}, force=True)
        async with served.logged_in(token) as connection:
            await connection.subscribe("1", WATCH, served.variables)
            await connection.next()
            # Staff may lie idle for 30 minutes (security.md 3.2); the looks in between count for nothing.
            clock.advance(timedelta(minutes=20))
            looked.clear()
            await asyncio.wait_for(looked.wait(), 20)
            clock.advance(timedelta(minutes=11))
            assert await connection.closed() == 4403
