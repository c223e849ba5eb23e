"""A server in this process, and a client that keeps what it asked and was answered.

The answers in the documentation are real: they come from the ASGI application over HTTP, on a demo province in an
SQLite file of a temporary folder. So that the same code gives the same pages, the clock is set and what is drawn by
chance (tokens, codes, papers) follows from a fixed seed.
"""

import json
import os
import random
import re
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import structlog
from pydantic import SecretStr
from starlette.applications import Starlette

from dingkao.cli.opening import all_migrations
from dingkao.db.migrations import migrate
from dingkao.demo.people import AUTHORITY
from dingkao.demo.province import ORGANISATIONS, ensure_demo
from dingkao.documents.demo_seal import create_demo_seal_key
from dingkao.environment import Environment
from dingkao.host.loading import FoundPlugin, find_plugins
from dingkao.settings import PREFIX, Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.keys import TEST_KEYS
from dingkao.testing.shared import shared_schema
from dingkao.web.app import create_app
from dingkao.web.operations import load_operations

ADDRESS = "http://127.0.0.1:8000"
OPERATIONS: Mapping[str, str] = {operation.name: operation.text for operation in load_operations()}

_PASSPHRASE = "documentation"  # noqa: S105 - of a key that lives as long as the temporary folder
# A list with more entries is shown with its first ones and a word on the others.
_LONGEST_LIST = 8
_SHOWN = 2
_LONGEST_TEXT = 400
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_WITH_DIGESTS = ("digest", "content", "before", "after")
_REQUEST = "7091b30400000036"  # an id differs each time; the others in the same place are as long
_LINK_HEADERS = ("content-type", "content-disposition", "cache-control")
# A picture's bytes depend on the version of the library that encodes it.
_SIZE = 20480


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as a reader would send it, and the answer. `query` is GraphQL, or empty for an upload to `path`."""

    query: str
    variables: Mapping[str, Any]
    status: int
    answer: Any
    token: bool
    path: str = "/files"


@dataclass
class Recorder:
    """What was asked and answered, by a name that pages use: the operation's, or one of the way's own."""

    http: httpx.AsyncClient
    exchanges: dict[str, Exchange] = field(default_factory=dict)

    def keep(self, name: str, exchange: Exchange) -> None:
        """Keep an exchange; of two with one name the first. Raises ValueError for an answer that must not be shown."""
        if _codes(exchange.answer) & {"INTERNAL", "GRAPHQL_ERROR", "REFUSED"}:
            raise ValueError(f"{name}: {exchange.answer}")
        self.exchanges.setdefault(name, exchange)


class Person:
    """One account as a client: it holds a token, and what it does is kept by the recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.token: str | None = None
        self._credentials: Mapping[str, str] | None = None

    async def ask(self, operation: str, /, *, name: str | None = None, language: str = "zh", **variables: Any) -> Any:
        """Run an operation; returns the value of its first field (None where there is none). Kept under `name`, or
        under the operation's own."""
        return await self.post(OPERATIONS[operation], name=name or operation, language=language, variables=variables)

    async def post(
        self, query: str, *, name: str, language: str = "zh", variables: Mapping[str, Any] | None = None
    ) -> Any:
        """Run any GraphQL text; returns the value of its first field. Kept under `name`."""
        body, status = await self._send(query, variables, language)
        if _codes(body) & {"UNAUTHENTICATED", "STEP_UP_REQUIRED"} and self._credentials is not None:
            # The clock of the way jumps: whoever has not logged out logs in again, and asks again.
            started, _ = await self._send(OPERATIONS["LogIn"], {"input": self._credentials}, language)
            self.token = started["data"]["logIn"]["token"]
            body, status = await self._send(query, variables, language)
        if "logOut" in query:
            self._credentials = None
        token = self.token is not None
        self._recorder.keep(name, Exchange(query, variables or {}, status, body, token))
        data = body.get("data")
        return next(iter(data.values())) if data else None

    async def _send(self, query: str, variables: Mapping[str, Any] | None, language: str) -> tuple[Any, int]:
        headers = {"Accept-Language": language, **self._headers()}
        response = await self._recorder.http.post(
            "/graphql", json={"query": query, "variables": variables or {}}, headers=headers
        )
        return response.json(), response.status_code

    async def do(self, operation: str, /, *, name: str | None = None, **variables: Any) -> Any:
        """Run an operation that must succeed. Raises ValueError where it does not: the way has changed."""
        value = await self.ask(operation, name=name, **variables)
        if value is None or (isinstance(value, dict) and value.get("__typename", "").endswith("Problem")):
            raise ValueError(f"{operation} was refused: {value}")
        return value

    async def without_credentials(self, operation: str, /, *, name: str, **variables: Any) -> None:
        """Run an operation as a client that neither logs in again nor confirms who it is; kept under `name`."""
        credentials, self._credentials = self._credentials, None
        await self.ask(operation, name=name, **variables)
        self._credentials = credentials

    async def refused(self, operation: str, name: str, /, **variables: Any) -> None:
        """Run an operation that must be refused; kept under `name`. Raises ValueError where it is not."""
        value = await self.ask(operation, name=name, **variables)
        if value is not None and not value.get("__typename", "").endswith("Problem"):
            raise ValueError(f"{operation} was not refused: {value}")

    async def upload(self, name: str, assessment_id: str, purpose: str, file_name: str, data: bytes) -> str:
        """POST /files; returns the file's id, empty where it was refused."""
        form = {"assessmentId": assessment_id, "purpose": purpose}
        response = await self._recorder.http.post(
            "/files", data=form, files={"file": (file_name, data)}, headers=self._headers()
        )
        variables = {**form, "file": f"@{file_name}"}
        self._recorder.keep(name, Exchange("", variables, response.status_code, response.json(), token=True))
        return str(response.json().get("id", ""))

    async def open_link(self, name: str, address: str) -> None:
        """GET a link as an `<img>` does, without a header; kept under `name`, with the bytes of a file as its type."""
        response = await self._recorder.http.get(address)
        plain = response.headers["content-type"] == "application/json"
        answer = response.json() if plain else {name: response.headers[name] for name in _LINK_HEADERS}
        self._recorder.keep(name, Exchange("", {"link": address}, response.status_code, answer, token=False))

    async def upload_questions(self, name: str, fields: Mapping[str, str], file_name: str, data: bytes) -> Any:
        """POST /question-files; returns the report."""
        path = "/question-files"
        response = await self._recorder.http.post(
            path, data=dict(fields), files={"file": (file_name, data)}, headers=self._headers()
        )
        sent = {**fields, "file": f"@{file_name}"}
        self._recorder.keep(name, Exchange("", sent, response.status_code, response.json(), token=True, path=path))
        return response.json()

    async def log_in(self, number: str, password: str, *, name: str | None = None) -> Any:
        """Log in and keep the token."""
        started = await self.do("LogIn", name=name, input={"documentNumber": number, "password": password})
        self.token = started["token"]
        if not started["firstLogin"]:
            self._credentials = {"documentNumber": number, "password": password}
        return started

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def _codes(body: Any) -> set[str]:
    errors = body.get("errors", []) if isinstance(body, dict) else []
    return {str(error.get("extensions", {}).get("code")) for error in errors}


@dataclass(frozen=True)
class Server:
    """The running demo: its application, and a client to reach it."""

    environment: Environment
    clock: SettableClock
    recorder: Recorder

    def person(self) -> Person:
        """Somebody who has not logged in yet."""
        return Person(self.recorder)


def bundled_plugins() -> list[FoundPlugin]:
    """The plugins of this repository: what else is installed on the machine stays out of the documentation."""
    return [plugin for plugin in find_plugins() if plugin.distribution == "dingkao"]


@contextmanager
def fixed_chance(seed: int = 20260601) -> Iterator[None]:
    """Let the module `secrets` draw from a fixed seed, so that the same code gives the same pages.

    For the documentation's demo alone: nothing that it makes guards anything.
    """
    chance = random.Random(seed)  # noqa: S311
    token_bytes = chance.randbytes
    plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    with ExitStack() as stack:
        for target, replacement in {
            "token_hex": lambda size=32: token_bytes(size).hex(),
            "token_urlsafe": lambda size=32: "".join(chance.choices(plain, k=(size * 8 + 5) // 6)),
            "token_bytes": lambda size=32: token_bytes(size),
            "choice": chance.choice,
            "randbits": chance.getrandbits,
            "randbelow": chance.randrange,
        }.items():
            stack.enter_context(mock.patch.object(secrets, target, replacement))
        yield


@asynccontextmanager
async def demo_server(extra: FoundPlugin | None = None) -> AsyncIterator[Server]:
    """The demo province, served in this process; `extra` is a plugin beside the bundled ones."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dingkao-docs-")))
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
        stack.enter_context(mock.patch.dict(os.environ, kept, clear=True))
        stack.enter_context(fixed_chance())
        clock = SettableClock()
        seal_key = folder / "seal.p12"
        name = next(name for code, name, _, _ in ORGANISATIONS if code == AUTHORITY)
        create_demo_seal_key(seal_key, _PASSPHRASE, name, now=clock.now())
        settings = Settings(
            _env_file=None,  # type: ignore[call-arg]  # pydantic-settings', which its plugin for mypy would know
            keys=SecretStr(TEST_KEYS),
            database_url=f"sqlite:///{folder / 'docs.db'}",
            storage_url=str(folder / "files"),
            seal_key=seal_key,
            seal_passphrase=SecretStr(_PASSPHRASE),
            log_level="ERROR",
        )
        plugins = bundled_plugins() + ([extra] if extra else [])
        app: Starlette = create_app(settings, clock=clock, plugins=plugins, schema_of=shared_schema)
        environment: Environment = app.state.environment
        # Written to standard error, the requests' log lines would only be in the way.
        stack.enter_context(structlog.testing.capture_logs())
        async with (
            environment.database.session(),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ADDRESS) as http,
        ):
            await migrate(all_migrations(environment.registry))
            await ensure_demo(environment)
            yield Server(environment, clock, Recorder(http))


def shown_json(value: Any) -> str:
    """`value` as a page shows it: long lists and long texts cut, what depends on a library's version masked."""
    return json.dumps(_cut(value), ensure_ascii=False, indent=2)


def _cut(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {name: _cut(part, name) for name, part in value.items()}
    if isinstance(value, list):
        if len(value) <= _LONGEST_LIST:
            return [_cut(part) for part in value]
        return [*(_cut(part) for part in value[:_SHOWN]), f"… {len(value) - _SHOWN} more"]
    if key == "requestId" and value:
        return _REQUEST
    if isinstance(value, str):
        text = _DIGEST.sub("(SHA-256, 64 hexadecimal digits)", value) if key in _WITH_DIGESTS else value
        return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
    return _SIZE if key == "size" else value
