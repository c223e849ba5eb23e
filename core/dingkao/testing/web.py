"""The application as a client sees it: started in the test's own process, asked over ASGI."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import httpx
from starlette.applications import Starlette

from dingkao.accounts.sessions import TOKEN_BYTES, token_digest
from dingkao.accounts.tables import Session, SessionToken
from dingkao.clock import Clock
from dingkao.db.database import transaction
from dingkao.environment import Environment
from dingkao.host.loading import FoundPlugin
from dingkao.settings import Settings
from dingkao.testing.plugins import installed_plugins
from dingkao.testing.sample import FOR_EVER
from dingkao.testing.shared import shared_registry, shared_schema
from dingkao.web.app import create_app
from dingkao.web.operations import load_operations


@cache
def operations() -> Mapping[str, str]:
    """The documented operations that clients copy, by name."""
    return {operation.name: operation.text for operation in load_operations()}


@asynccontextmanager
async def running_app(
    settings: Settings, clock: Clock, plugins: list[FoundPlugin] | None = None
) -> AsyncIterator[Starlette]:
    """The application between its start and its end, with `plugins` (None: all that are installed); its database is in
    use in the block."""
    if plugins is None:
        plugins = [plugin for plugin in installed_plugins() if plugin.name not in settings.plugins_blocked]
    app = create_app(settings, clock=clock, registry=shared_registry(settings, plugins), schema_of=shared_schema)
    async with app.router.lifespan_context(app):
        environment: Environment = app.state.environment
        with environment.database.use():
            yield app


class Client:
    """An account of a running application, or nobody (`token` None)."""

    def __init__(self, app: Starlette, token: str | None = None, **headers: str) -> None:
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        transport = httpx.ASGITransport(app=app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://dingkao.test", headers=headers)

    async def post(self, query: str, variables: dict[str, Any] | None = None) -> Any:
        """The whole answer to an operation, whatever it is."""
        response = await self.http.post("/graphql", json={"query": query, "variables": variables})
        return response.json()

    async def value(self, query: str, **variables: Any) -> Any:
        """The value of the operation's first field; it must have succeeded."""
        answer = await self.post(query, variables)
        assert "errors" not in answer, answer
        return next(iter(answer["data"].values()))

    async def operation(self, name: str, **variables: Any) -> Any:
        """The value of one of the documented operations (clients/operations), by its name: of its first field."""
        return await self.value(operations()[name], **variables)

    async def refusal(self, query: str, **variables: Any) -> str:
        """The code of the one top-level error; nothing of the first field is in the answer."""
        answer = await self.post(query, variables)
        errors = answer.get("errors", [])
        assert len(errors) == 1, answer
        assert not (answer.get("data") or {}) or next(iter(answer["data"].values())) is None, answer
        return str(errors[0]["extensions"]["code"])

    async def upload(self, assessment_id: str, purpose: str, data: bytes, name: str = "file") -> httpx.Response:
        """POST /files as a browser and a mini-program do."""
        fields = {"assessmentId": assessment_id, "purpose": purpose}
        return await self.http.post("/files", data=fields, files={"file": (name, data)})


async def token_for(environment: Environment, account_id: int, *, first_login: bool = False) -> str:
    """An access token of the account; with `first_login` one that may do nothing else.

    It outlives every jump of the test's clock, and its session has shown who it is for ever: what a test says about
    sessions, it says with `logIn`.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    async with transaction():
        inserted = await Session.insert(
            Session(
                account=account_id,
                first_login=first_login,
                created_at=environment.clock.now(),
                last_used_at=FOR_EVER,
                ends_at=FOR_EVER,
                confirmed_until=FOR_EVER,
            )
        )
        await SessionToken.insert(
            SessionToken(
                session=inserted[0]["id"],
                access_digest=token_digest(token),
                refresh_digest=token_digest(secrets.token_urlsafe(TOKEN_BYTES)),
                issued_at=environment.clock.now(),
                expires_at=FOR_EVER,
            )
        )
    return token
