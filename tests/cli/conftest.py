"""Running the real command in a folder of its own."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from command_line import Outcome, Run, RunningServer, Start, run_here, run_process

from dingkao.testing.databases import PostgreSQLDatabases, SQLiteDatabases


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `dingkao` with arguments, in an empty folder, with the settings given by name; in this process, since it is
    called often. `installed` is for what only a process of its own shows."""

    def run(*arguments: str | Path, **settings: str) -> Outcome:
        return run_here(tmp_path, arguments, settings)

    return run


@pytest.fixture
def installed(tmp_path: Path) -> Run:
    """The same, as the installed command in a process of its own."""

    def run(*arguments: str | Path, **settings: str) -> Outcome:
        return run_process(tmp_path, arguments, settings)

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `dingkao` with arguments and settings, and ends whatever is left of it after the test."""
    started: list[RunningServer] = []

    def start(*arguments: str, **settings: str) -> RunningServer:
        started.append(RunningServer(arguments, tmp_path, settings))
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new' / 'empty.db'}"
        return
    databases: PostgreSQLDatabases = request.getfixturevalue("postgresql_databases")
    with databases.fresh() as url:
        asyncio.run(_empty(url))
        yield url


@pytest.fixture
def sqlite_url(sqlite_databases: SQLiteDatabases) -> Iterator[str]:
    """A migrated SQLite database, for what does not depend on the database."""
    with sqlite_databases.fresh() as url:
        yield url


async def _empty(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    finally:
        await connection.close()
