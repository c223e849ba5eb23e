"""A running application with a province, and a client for each account."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from starlette.applications import Starlette

from dingkao.plugin.caller import Caller
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample
from dingkao.testing.web import Client, running_app, token_for

ClientOf = Callable[..., Awaitable[Client]]


@pytest.fixture
async def app(settings: Settings, clock: SettableClock) -> AsyncIterator[Starlette]:
    async with running_app(settings, clock) as app:
        yield app


@pytest.fixture
async def province(app: Starlette) -> SampleProvince:
    return await build_sample(app.state.environment)


@pytest.fixture
async def doctor(province: SampleProvince) -> SampleDoctor:
    return await province.add_doctor(password_hash="unused")


@pytest.fixture
def client_of(app: Starlette) -> ClientOf:
    """A client of the account behind a caller of the sample; None: of nobody."""

    async def make(caller: Caller | None, *, first_login: bool = False, **headers: str) -> Client:
        if caller is None:
            return Client(app, **headers)
        token = await token_for(app.state.environment, caller.account_id, first_login=first_login)
        return Client(app, token, **headers)

    return make
