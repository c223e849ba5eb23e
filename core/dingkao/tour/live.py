"""A subscription's first event, over WebSocket (graphql-transport-ws), as a client that watches a sitting gets it."""

import json
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from dingkao.tour.client import OPERATIONS, Account, WrongAnswer
from dingkao.tour.people import World

_PROTOCOL = Subprotocol("graphql-transport-ws")
_SECONDS = 20.0


def first_event(world: World, account: Account, operation: str, outcome: str, /, **variables: Any) -> Any:
    """What the subscription tells at first; the connection is closed then. Raises WrongAnswer."""
    kind, payload = _first(world, account, operation, variables)
    if kind != "next" or payload.get("errors"):
        raise WrongAnswer(account.who, operation, "a first event", payload)
    world.report.step(account.who, operation, outcome)
    return next(iter(payload["data"].values()))


def refused_event(world: World, account: Account, operation: str, code: str, /, **variables: Any) -> None:
    """A subscription that must be refused with `code`. Raises WrongAnswer."""
    kind, payload = _first(world, account, operation, variables)
    if kind != "error" or payload[0]["extensions"]["code"] != code:
        raise WrongAnswer(account.who, operation, f"a refusal with {code}", payload)
    world.report.step(account.who, operation, f"{code} {payload[0]['message']}", refused=True)


def _first(world: World, account: Account, operation: str, variables: dict[str, Any]) -> tuple[str, Any]:
    base = world.http.base_url
    address = base.copy_with(scheme="wss" if base.scheme == "https" else "ws", path="/graphql")
    try:
        # The environment's proxies are for the world outside, as for the tour's other requests.
        with connect(str(address), subprotocols=[_PROTOCOL], open_timeout=_SECONDS, proxy=None) as socket:
            _exchange(socket, type="connection_init", payload={"token": account.token})
            asked = {"query": OPERATIONS[operation], "operationName": operation, "variables": variables}
            answer = _exchange(socket, type="subscribe", id="1", payload=asked)
    except (OSError, WebSocketException) as error:
        raise WrongAnswer(account.who, operation, "an event over WebSocket", str(error)) from error
    return answer["type"], answer["payload"]


def _exchange(socket: ClientConnection, **message: Any) -> Any:
    """Send a message; the next one that comes."""
    socket.send(json.dumps(message))
    return json.loads(socket.recv(timeout=_SECONDS))
