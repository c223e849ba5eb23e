"""Fixtures for a plugin's tests, as a pytest plugin: `addopts = ["-p", "dingkao.testing.fixtures"]`.

What a test asks for is made of what it asks for in turn, so a test file changes a part by a fixture of its name:
`plugins` (which plugins the application has), `region_code` (where the sample province lies), `settings`, `clock`.

Databases are SQLite; `--dingkao-database=postgresql` or `=both` runs the tests on PostgreSQL. All that is asynchronous
needs pytest-asyncio, best with `asyncio_mode = "auto"`.
"""

import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr
from starlette.applications import Starlette

from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.keys import TEST_KEYS
from dingkao.testing.plugins import FoundPlugin, installed_plugins, migrations_of
from dingkao.testing.pool import DatabaseKind, DatabasePool
from dingkao.testing.sample import REGION_CODE, SampleDoctor, SampleProvince, build_sample
from dingkao.testing.web import Client, running_app, token_for

ClientOf = Callable[..., Awaitable[Client]]

_OPTION = "--dingkao-database"
_OBJECTS_BETWEEN_COLLECTIONS = 20_000


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option for the databases."""
    parser.getgroup("dingkao").addoption(
        _OPTION,
        choices=[*(kind.value for kind in DatabaseKind), "both"],
        default=DatabaseKind.SQLITE.value,
        help="The database that tests of Dingkao plugins run on (default: sqlite).",
    )


def pytest_configure() -> None:
    """Looks for circles of garbage after so many new objects, where Python's 700 would cost a fifth of a run."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 20)


def pytest_collection_finish() -> None:
    """Lets the collector leave alone what was imported: it stays until the end."""
    gc.collect()
    gc.freeze()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test that needs a database once for each kind that was asked for."""
    if "database_kind" in metafunc.fixturenames:
        chosen = metafunc.config.getoption(_OPTION)
        kinds = list(DatabaseKind) if chosen == "both" else [DatabaseKind(chosen)]
        metafunc.parametrize("database_kind", kinds, indirect=True, ids=[kind.value for kind in kinds])


@pytest.fixture(scope="session")
def plugins() -> list[FoundPlugin]:
    """The plugins of the application: all that are installed. A test file that wants others has a fixture of this name
    (see `dingkao.testing.plugins`)."""
    return installed_plugins()


@pytest.fixture(scope="session")
def region_code() -> str:
    """The region of the sample province (GB/T 2260 code); regions above it are made too."""
    return REGION_CODE


@pytest.fixture(scope="session")
def database_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabasePool]:
    """Makes fresh databases for the whole run."""
    pool = DatabasePool(tmp_path_factory.mktemp("dingkao-databases"))
    yield pool
    pool.close()


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> DatabaseKind:
    """SQLite or PostgreSQL, by the option."""
    return DatabaseKind(request.param)


@pytest.fixture
def database_url(database_pool: DatabasePool, database_kind: DatabaseKind, plugins: list[FoundPlugin]) -> Iterator[str]:
    """A database of the test's own, migrated for its plugins, without rows."""
    with database_pool.fresh(database_kind, migrations_of(plugins)) as url:
        yield url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """The application's settings. Nothing sweeps while a test runs: the clock stands still."""
    return Settings(
        keys=SecretStr(TEST_KEYS),
        database_url=database_url,
        storage_url=str(tmp_path / "files"),
        explorer=False,
        sweep_seconds=300,
    )


@pytest.fixture
def clock() -> SettableClock:
    """The application's clock: 2026-06-01 10:00 in China until the test sets it."""
    return SettableClock()


@pytest_asyncio.fixture
async def application(settings: Settings, clock: SettableClock, plugins: list[FoundPlugin]) -> AsyncIterator[Starlette]:
    """The application with the chosen plugins, started; its database is in use in the test."""
    async with running_app(settings, clock, plugins) as app:
        yield app


@pytest.fixture
def environment(application: Starlette) -> Environment:
    """What the running application consists of: what the services of the kit ask for."""
    found: Environment = application.state.environment
    return found


@pytest_asyncio.fixture
async def province(environment: Environment, region_code: str) -> SampleProvince:
    """A sample region with an institution, an assessment body, an authority and a running cycle."""
    return await build_sample(environment, region_code=region_code)


@pytest_asyncio.fixture
async def doctor(province: SampleProvince) -> SampleDoctor:
    """A doctor of the sample, whose registration is open."""
    return await province.add_doctor(password_hash="unused")


@pytest.fixture
def client_of(application: Starlette) -> ClientOf:
    """Makes the client of the account behind a caller of the sample; for None, of nobody."""

    async def make(caller: Caller | None, *, first_login: bool = False, **headers: str) -> Client:
        if caller is None:
            return Client(application, **headers)
        token = await token_for(application.state.environment, caller.account_id, first_login=first_login)
        return Client(application, token, **headers)

    return make


@pytest_asyncio.fixture
async def anonymous_client(client_of: ClientOf) -> Client:
    """Nobody: no token."""
    return await client_of(None)


@pytest_asyncio.fixture
async def doctor_client(client_of: ClientOf, doctor: SampleDoctor) -> Client:
    """The doctor of the fixture `doctor`."""
    return await client_of(doctor.caller)


@pytest_asyncio.fixture
async def institution_client(client_of: ClientOf, province: SampleProvince) -> Client:
    """The officer of the doctor's institution (医疗卫生机构)."""
    return await client_of(province.institution)


@pytest_asyncio.fixture
async def body_client(client_of: ClientOf, province: SampleProvince) -> Client:
    """The reviewer of the assessment body (考核机构)."""
    return await client_of(province.body)


@pytest_asyncio.fixture
async def authority_client(client_of: ClientOf, province: SampleProvince) -> Client:
    """The officer of the health authority (卫生健康行政部门)."""
    return await client_of(province.authority)
