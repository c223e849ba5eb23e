"""Subscriptions over WebSocket: the sub-protocol graphql-transport-ws of the same endpoint, and nothing else.

Strawberry's own handler parses, validates and executes beside our executor, with none of its limits; the protocol is
small, so that it stands here. Nothing else depends on it: what is told live can be asked over HTTP.

Protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.websockets import WebSocket, WebSocketDisconnect

from dingkao.accounts.sessions import caller_of
from dingkao.addresses import address_group, is_hospital
from dingkao.context import CoreContext, CoreServicesOf
from dingkao.db.database import UNREACHABLE
from dingkao.environment import Environment
from dingkao.logs import get_logger
from dingkao.plugin.caller import Caller
from dingkao.settings import Settings
from dingkao.web.execution import Executor, Outcome
from dingkao.web.graphql_http import BadRequest, GraphQLRequest, admit, checked_request, show_error
from dingkao.web.trusted_documents import TrustedDocuments

PROTOCOL: Final = "graphql-transport-ws"
# A client that does not read for so long is gone.
SEND_SECONDS: Final = 20.0
# A client begins and ends subscriptions; one that sends more than this in so many seconds does something else.
MOST_MESSAGES: Final = 200
MESSAGES_SECONDS: Final = 10.0
LONGEST_ID: Final = 100

_log = get_logger("dingkao.socket")


class Closing(Exception):
    """The connection ends: the code and the reason that the client is told (`code` 0: it is gone already).

    4400, 4401, 4406, 4409, 4429: the client's mistakes, by the protocol. 4403: not logged in, or the session is over:
    connect again with a token that is good. 4408: it did not say in time whose it is. 1013: too many; try again later.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class SocketEndpoint:
    """Who may connect, and how many at once."""

    def __init__(
        self, environment: Environment, executor: Executor, services: CoreServicesOf, documents: TrustedDocuments
    ) -> None:
        self.environment = environment
        self.executor = executor
        self.services = services
        self.documents = documents
        self.connections = 0
        self.by_account: Counter[int] = Counter()
        self._by_address: Counter[str] = Counter()

    async def __call__(self, websocket: WebSocket) -> None:
        """Serve one connection to its end."""
        settings = self.environment.settings
        if not is_allowed_origin(websocket.headers, settings.cors_origins):
            # Before it is accepted: HTTP 403.
            await websocket.close()
            return
        if self.connections >= settings.live_connections:
            # Accepted, since a page is told nothing of a handshake that fails.
            await websocket.accept()
            reason = f"This process serves {settings.live_connections} connections at most; ask over HTTP"
            await websocket.close(1013, reason)
            return
        # A client without a login holds a place too, for the seconds in which it may say whose it is.
        address = address_group(websocket.scope["dingkao.address"])
        most = self._most_from(websocket.scope["dingkao.address"])
        if self._by_address[address] >= most:
            await websocket.accept()
            await websocket.close(1013, f"{most} connections from one address at most; close one, or ask over HTTP")
            return
        self.connections += 1
        self._by_address[address] += 1
        try:
            if PROTOCOL not in websocket.scope["subprotocols"]:
                # Also the old graphql-ws, which has no way to say who connects before it is served.
                await websocket.accept()
                await websocket.close(4406, f"Subprotocol not acceptable; {PROTOCOL} is.")
                return
            await websocket.accept(PROTOCOL)
            await _Connection(self, websocket).serve()
        finally:
            self.connections -= 1
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    def _most_from(self, address: str) -> int:
        settings = self.environment.settings
        if is_hospital(settings.hospital_addresses, address):
            return settings.live_connections_per_hospital
        return settings.live_connections_per_address


def is_allowed_origin(headers: Headers, allowed: tuple[str, ...]) -> bool:
    """Whether a page of this origin may connect: the server's own, or one that the settings list. What is no browser
    says no origin."""
    origin = headers.get("origin")
    return origin is None or origin in allowed or urlsplit(origin).netloc == headers.get("host")


class _Subscription:
    """One that runs: its task, and the context of its source, which knows who asks now."""

    def __init__(self, context: CoreContext) -> None:
        self.context = context
        self.task: asyncio.Task[None] | None = None


class _Connection:
    """One connection, from its acceptance to its end."""

    def __init__(self, endpoint: SocketEndpoint, websocket: WebSocket) -> None:
        self._endpoint = endpoint
        self._environment = endpoint.environment
        self._settings: Settings = endpoint.environment.settings
        self._websocket = websocket
        self._token = ""
        self._caller: Caller | None = None
        self._known = asyncio.Event()
        self._subscriptions: dict[str, _Subscription] = {}
        self._begun = 0
        self._idle_since = time.monotonic()
        self._messages_since, self._messages = time.monotonic(), 0
        # Done once, by whichever part of the connection ends it.
        self._end: asyncio.Future[Closing] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        """Take messages until something ends the connection; then stop all that ran for it."""
        started = time.monotonic()
        parts = [asyncio.create_task(self._part(part)) for part in (self._receive(), self._look_again())]
        try:
            closing = await self._end
        finally:
            running = [subscription.task for subscription in self._subscriptions.values() if subscription.task]
            for task in (*parts, *running):
                task.cancel()
            await asyncio.gather(*parts, *running, return_exceptions=True)
            if self._caller is not None:
                self._endpoint.by_account -= Counter([self._caller.account_id])
        if closing.code:
            await self._close(closing)
        _log.info(
            "socket",
            request_id=self._websocket.scope["dingkao.request_id"],
            account=self._caller.account_id if self._caller else None,
            code=closing.code or None,
            subscriptions=self._begun,
            seconds=round(time.monotonic() - started, 1),
        )

    async def _close(self, closing: Closing) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._websocket.close(closing.code, closing.reason)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            return  # it is gone, and that is what was wanted

    async def _part(self, work: Any) -> None:
        """Run a part of the connection; what it raises ends the whole."""
        try:
            await work
        except Closing as closing:
            self._finish(closing)
        except (WebSocketDisconnect, TimeoutError):
            self._finish(Closing(0, "gone"))
        except UNREACHABLE as error:
            _log.error("database unreachable", error=type(error).__name__)
            self._finish(Closing(1013, "The server cannot reach its database; try again in a while."))
        except Exception as error:
            _log.error("unexpected error", exc_info=error)
            self._finish(Closing(4500, "Internal error"))

    def _finish(self, closing: Closing) -> None:
        if not self._end.done():
            self._end.set_result(closing)

    async def _receive(self) -> None:
        try:
            async with asyncio.timeout(self._settings.live_init_seconds):
                await self._begin(await self._next())
        except TimeoutError:
            raise Closing(4408, "Connection initialisation timeout") from None
        await self._send({"type": "connection_ack"})
        while True:
            message = await self._next()
            match message["type"]:
                case "ping":
                    await self._send({"type": "pong"})
                case "pong":
                    pass
                case "subscribe":
                    await self._subscribe(message)
                case "complete":
                    self._stop(_id_of(message))
                case "connection_init":
                    raise Closing(4429, "Too many initialisation requests")
                case _:
                    raise Closing(4400, "Unknown type of message")

    async def _next(self) -> dict[str, Any]:
        """The next message, an object with a type. Raises Closing, WebSocketDisconnect."""
        received = await self._websocket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received["code"], received.get("reason"))
        now = time.monotonic()
        if now - self._messages_since > MESSAGES_SECONDS:
            self._messages_since, self._messages = now, 0
        self._messages += 1
        if self._messages > MOST_MESSAGES:
            raise Closing(4429, f"More than {MOST_MESSAGES} messages in {MESSAGES_SECONDS:g} seconds")
        text = received.get("text")
        if text is None:
            raise Closing(4400, "Messages are text")
        if len(text.encode()) > self._settings.live_message_bytes:
            raise Closing(1009, f"A message holds at most {self._settings.live_message_bytes} bytes")
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            raise Closing(4400, "Messages are JSON") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise Closing(4400, "A message is an object with a type")
        # What is sent may hold characters that are not to be stored; the request's check looks for them in the text.
        message["text"] = text
        return message

    async def _begin(self, message: Mapping[str, Any]) -> None:
        """Take `connection_init`, which says by its payload's `token` whose the connection is."""
        if message["type"] == "subscribe":
            raise Closing(4401, "Unauthorized")
        if message["type"] != "connection_init":
            raise Closing(4400, "The first message is connection_init")
        payload = message.get("payload")
        token = payload.get("token") if isinstance(payload, dict) else None
        self._token = token if isinstance(token, str) else ""
        caller = await self._ask_who(counts=True)
        if caller is None:
            raise Closing(4403, "Log in, and send the session's token in connection_init")
        most = self._settings.live_connections_per_account
        if self._endpoint.by_account[caller.account_id] >= most:
            raise Closing(1013, f"{most} connections of one account at most; close one, or ask over HTTP")
        self._endpoint.by_account[caller.account_id] += 1
        self._caller = caller
        self._known.set()

    async def _ask_who(self, *, counts: bool) -> Caller | None:
        scope = self._websocket.scope
        return await caller_of(
            self._environment,
            self._token,
            scope["dingkao.language"],
            scope["dingkao.request_id"],
            scope["dingkao.address"],
            counts=counts,
        )

    async def _look_again(self) -> None:
        """Close what nobody uses; see that the session still is one, and which roles the account has now."""
        await self._known.wait()
        last = time.monotonic()
        turn = min(self._settings.live_check_seconds, self._settings.live_idle_seconds)
        while True:
            await asyncio.sleep(turn)
            now = time.monotonic()
            if not self._subscriptions and now - self._idle_since >= self._settings.live_idle_seconds:
                raise Closing(1000, "Idle")
            if now - last < self._settings.live_check_seconds:
                continue
            last = now
            # An open page is no use of the session: it lies idle as without one.
            caller = await self._ask_who(counts=False)
            if caller is None:
                raise Closing(4403, "The session is over")
            if caller != self._caller:
                self._caller = caller
                for subscription in self._subscriptions.values():
                    subscription.context.caller = caller

    async def _subscribe(self, message: Mapping[str, Any]) -> None:
        identifier = _id_of(message)
        if identifier in self._subscriptions:
            raise Closing(4409, f"Subscriber for {identifier} already exists")
        if len(self._subscriptions) >= self._settings.live_subscriptions:
            most = self._settings.live_subscriptions
            sentence = f"A connection holds at most {most} subscriptions. End one first."
            extensions = {"code": "LIMIT_EXCEEDED", "limit": "subscriptions", "most": most}
            await self._refuse(identifier, {"message": sentence, "extensions": extensions})
            return
        try:
            asked = admit(self._endpoint.documents, checked_request(message.get("payload"), message["text"]))
        except BadRequest as error:
            await self._refuse(identifier, {"message": str(error), "extensions": error.extensions})
            return
        subscription = _Subscription(self._context())
        self._subscriptions[identifier] = subscription
        self._begun += 1
        subscription.task = asyncio.create_task(self._part(self._run(identifier, subscription, asked)))

    def _stop(self, identifier: str) -> None:
        subscription = self._forget(identifier)
        if subscription is not None and subscription.task is not None:
            subscription.task.cancel()

    def _forget(self, identifier: str) -> _Subscription | None:
        found = self._subscriptions.pop(identifier, None)
        if found is not None and not self._subscriptions:
            self._idle_since = time.monotonic()
        return found

    async def _run(self, identifier: str, subscription: _Subscription, asked: GraphQLRequest) -> None:
        """Tell one subscription's events until it ends."""
        executor = self._endpoint.executor
        source = await executor.subscribe(
            asked.query, asked.variables, asked.operation_name, subscription.context, self._context
        )
        if isinstance(source, Outcome):
            await self._end_with(identifier, source)
            return
        async with aclosing(source):
            async for outcome in source:
                if outcome.request_error:
                    await self._end_with(identifier, outcome)
                    return
                payload: dict[str, Any] = {"data": outcome.data}
                if outcome.errors:
                    payload["errors"] = [show_error(error, subscription.context) for error in outcome.errors]
                await self._send({"id": identifier, "type": "next", "payload": payload})
        self._forget(identifier)
        await self._send({"id": identifier, "type": "complete"})

    async def _end_with(self, identifier: str, outcome: Outcome) -> None:
        context = self._context()
        self._forget(identifier)
        await self._refuse(identifier, *(show_error(error, context) for error in outcome.errors))

    async def _refuse(self, identifier: str, *errors: Mapping[str, Any]) -> None:
        await self._send({"id": identifier, "type": "error", "payload": list(errors)})

    async def _send(self, message: Mapping[str, Any]) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self._websocket.send_text(json.dumps(message, ensure_ascii=False, separators=(",", ":")))

    def _context(self) -> CoreContext:
        scope = self._websocket.scope
        return CoreContext(
            self._environment,
            self._caller,
            scope["dingkao.language"],
            self._endpoint.services,
            scope["dingkao.request_id"],
            scope["dingkao.address"],
        )


def _id_of(message: Mapping[str, Any]) -> str:
    identifier = message.get("id")
    if not isinstance(identifier, str) or not 0 < len(identifier) <= LONGEST_ID:
        raise Closing(4400, f"A subscription's id is a text of at most {LONGEST_ID} characters")
    return identifier
