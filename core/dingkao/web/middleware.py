"""What happens around every request: an id, the database, who asks, security headers, one line in the log."""

import secrets
import time
from itertools import count
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dingkao.accounts.sessions import caller_of
from dingkao.db.database import UNREACHABLE
from dingkao.environment import Environment
from dingkao.logs import get_logger, request_id_in_force
from dingkao.plugin.text import Language, Text
from dingkao.proxies import TrustedProxies, host_name

_log = get_logger("dingkao.request")

# An id needs to be its own, not secret: asking the kernel for each one costs more than all else here.
_PROCESS = secrets.token_hex(4)
_numbers = count(1)

GRAPHQL_PATH = "/graphql"
# Of an answer that has none of its own: it is data, which no browser shows, runs, frames or keeps.
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
# What looks whether the server lives asks for it by its address.
_FOR_ANY_HOST = ("/healthz", "/readyz")
_BUG = Text("服务器内部错误，请稍后再试。", "Internal error; try again later.")
_HOST = Text("本服务器不提供该域名的服务。", "This server does not serve that host name.")


def preferred_language(accept_language: str) -> Language:
    """The language of `Accept-Language` with the highest weight, of the two spoken here; Chinese where neither is."""
    best, weight = Language.CHINESE, 0.0
    for part in accept_language.split(","):
        name, _, parameters = part.strip().partition(";")
        try:
            quality = float(parameters.strip().removeprefix("q=")) if parameters.strip() else 1.0
        except ValueError:
            continue
        language = {"zh": Language.CHINESE, "en": Language.ENGLISH}.get(name.lower().split("-")[0])
        if language is not None and quality > weight:
            best, weight = language, quality
    return best


class RequestMiddleware:
    """Pure ASGI: it adds nothing to the cost of a request but what it does."""

    def __init__(self, app: ASGIApp, environment: Environment) -> None:
        settings = environment.settings
        self._app = app
        self._environment = environment
        self._proxies = TrustedProxies(settings.trusted_proxies)
        self._hosts = frozenset(host_name(host) for host in settings.allowed_hosts)
        hsts = f"max-age={settings.hsts_seconds}; includeSubDomains".encode()
        self._headers = (*_HEADERS, (b"strict-transport-security", hsts)) if settings.hsts_seconds else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection; the lifespan passes through."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = dict(scope["headers"])
        request_id = f"{_PROCESS}{next(_numbers):08x}"
        origin = self._proxies.origin(
            scope["client"][0] if scope.get("client") else "", scope.get("scheme", "http"), scope["headers"]
        )
        language = preferred_language(headers.get(b"accept-language", b"").decode("latin-1"))
        scope["dingkao.request_id"] = request_id
        scope["dingkao.language"] = language
        scope["dingkao.address"] = origin.address
        scope["dingkao.device"] = headers.get(b"user-agent", b"").decode("latin-1")
        scope["dingkao.caller"] = None
        refused = bool(self._hosts) and host_name(origin.host) not in self._hosts and scope["path"] not in _FOR_ANY_HOST
        if scope["type"] == "websocket":
            if refused:
                await send({"type": "websocket.close"})
                return
            # It says who it is in a message of its own, and writes its own line in the log.
            with request_id_in_force(request_id), self._environment.database.use():
                await self._app(scope, receive, send)
            return
        scope["scheme"] = origin.scheme
        status = 500
        begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                begun = True
                status = message["status"]
                present = {name.lower() for name, _ in message["headers"]}
                added = [(name, value) for name, value in self._headers if name not in present]
                message["headers"] = [*message["headers"], *added, (b"x-request-id", request_id.encode())]
            await send(message)

        with request_id_in_force(request_id), self._environment.database.use():
            scope["dingkao.token"] = _bearer(headers)
            if refused:
                await _refusal(421, "BAD_REQUEST", _HOST, language)(scope, receive, send_with_headers)
                _log.info("request", **_line(scope, status, started))
                return
            try:
                # An operation is looked at first, and its caller once there is a turn for it.
                if scope["path"] != GRAPHQL_PATH:
                    await identify(self._environment, scope)
                await self._app(scope, receive, send_with_headers)
            except UNREACHABLE as error:
                if begun:
                    raise
                _log.error("database unreachable", error=type(error).__name__)
                await _unreachable(language)(scope, receive, send_with_headers)
            except Exception as error:
                # What a route lets through: the log has it, and the client no more than the id of the log's line.
                _log.error("unexpected error", exc_info=error)
                if begun:
                    raise
                await _refusal(500, "INTERNAL", _BUG, language, request_id)(scope, receive, send_with_headers)
            finally:
                _log.info("request", **_line(scope, status, started))


async def identify(environment: Environment, scope: Scope) -> None:
    """Look up who asks, by the token of the request; one query. Raises what the database raises."""
    token = scope["dingkao.token"]
    if token is not None:
        scope["dingkao.caller"] = await caller_of(
            environment, token, scope["dingkao.language"], scope["dingkao.request_id"], scope["dingkao.address"]
        )


def _unreachable(language: Language) -> Response:
    """Who somebody is cannot be looked up at the moment: the client tries again, with the session it has."""
    text = Text("系统暂时不可用，请稍后再试。", "The server cannot reach its database; try again in a while.")
    answer = _refusal(503, "UNAVAILABLE", text, language)
    answer.headers["Retry-After"] = "5"
    return answer


def _refusal(status: int, code: str, text: Text, language: Language, request_id: str | None = None) -> Response:
    extensions = {"code": code, "requestId": request_id} if request_id else {"code": code}
    error = {"message": text.in_language(language), "extensions": extensions}
    return JSONResponse({"errors": [error]}, status_code=status)


def _bearer(headers: dict[bytes, bytes]) -> str | None:
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _route(scope: Scope) -> str:
    path: str = scope["path"]
    for name, value in scope.get("path_params", {}).items():
        path = path.replace(str(value), "{" + name + "}")
    return path


def _line(scope: Scope, status: int, started: float) -> dict[str, Any]:
    caller = scope["dingkao.caller"]
    # The route and not what stands in it: codes, ids and signed links are nobody's business in a log.
    return {
        "request_id": scope["dingkao.request_id"],
        "method": scope["method"],
        "path": _route(scope),
        "status": status,
        "operation": scope.get("dingkao.operation"),
        "account": caller.account_id if caller else scope.get("dingkao.link_account"),
        "milliseconds": round((time.perf_counter() - started) * 1000, 1),
    }
