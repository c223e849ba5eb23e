"""A demo server on a real socket, on a fresh database of either kind."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from pydantic import SecretStr

from dingkao.application import build_environment
from dingkao.clock import SystemClock
from dingkao.demo.province import ensure_demo
from dingkao.documents.demo_seal import create_demo_seal_key
from dingkao.settings import Settings
from dingkao.testing.shared import shared_schema
from dingkao.web.app import create_app


@dataclass(frozen=True)
class DemoServer:
    """Where it listens, and whose database it has."""

    url: str
    database_url: str


async def _make_demo(settings: Settings) -> None:
    environment = build_environment(settings)
    async with environment.database.session():
        await ensure_demo(environment)


def _settings(database_url: str, folder: Path) -> Settings:
    key = folder / "seal.p12"
    create_demo_seal_key(key, "a passphrase", "定考示范省卫生健康委员会", now=SystemClock().now())
    return Settings(
        database_url=database_url,
        storage_url=str(folder / "files"),
        seal_key=key,
        seal_passphrase=SecretStr("a passphrase"),
        # Not the address it listens at: a client must not need the two to be one.
        public_url="https://dingkao.example",
        sweep_seconds=0.2,
        # As `dingkao demo` has it: the tour resets a password soon after that phone's first code.
        sms_code_interval_seconds=3,
    )


@contextmanager
def _serving(settings: Settings) -> Iterator[DemoServer]:
    # Connections wait in the socket's queue until the server has started: nobody needs to ask whether it has.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(create_app(settings, schema_of=shared_schema), log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield DemoServer(f"http://127.0.0.1:{listening.getsockname()[1]}", settings.database_url)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def demo_server(database_url: str, tmp_path: Path) -> Iterator[DemoServer]:
    settings = _settings(database_url, tmp_path)
    asyncio.run(_make_demo(settings))
    with _serving(settings) as server:
        yield server


@pytest.fixture
def empty_server(database_url: str, tmp_path: Path) -> Iterator[DemoServer]:
    """A server whose database holds no demo province."""
    with _serving(_settings(database_url, tmp_path)) as server:
        yield server
