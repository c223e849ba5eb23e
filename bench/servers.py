"""Servers as processes of their own, and the CPU time that the operating system counts for them."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_SECONDS_TO_START: Final = 60
_SECONDS_TO_END: Final = 40


class ServerFailed(RuntimeError):
    """A server did not start; the message holds the end of what it wrote."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its process, and its port on 127.0.0.1."""

    process: int
    port: int

    def cpu_seconds(self) -> float:
        """User and system time of the process with its threads, and of all its children, as the kernel counts them.

        Linux only: /proc/PID/stat, in ticks of 10 ms.
        """
        return sum(_ticks(process) for process in _family(self.process)) / _TICKS


def _ticks(process: int) -> int:
    # The name in the second field may hold blanks; what follows its closing bracket does not.
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    user, system, children_user, children_system = (int(field) for field in fields[11:15])
    return user + system + children_user + children_system


def _family(process: int) -> Iterator[int]:
    yield process
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))


def free_port() -> int:
    """A port of the loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def dingkao_server(database_url: str, folder: Path) -> Iterator[Server]:
    """`dingkao serve` on the database: one worker, no explorer, warnings alone logged. `folder` takes its files."""
    port = free_port()
    environment = {
        "DINGKAO_DATABASE_URL": database_url,
        "DINGKAO_STORAGE_URL": str(folder / "files"),
        "DINGKAO_EXPLORER": "false",
        "DINGKAO_LOG_LEVEL": "WARNING",
        "DINGKAO_SWEEP_SECONDS": "300",
    }
    command = [sys.executable, "-c", "from dingkao.cli.main import app; app()", "serve", "--port", str(port)]
    with _running(command, port, "/readyz", environment, folder) as server:
        yield server


@contextmanager
def bare_server(database_url: str, folder: Path) -> Iterator[Server]:
    """The bare routes of bench/bare.py on the same database, served by the same uvicorn."""
    port = free_port()
    command = [sys.executable, "-m", "bench.bare", database_url, str(port)]
    with _running(command, port, "/ready", {"PYTHONPATH": str(ROOT)}, folder) as server:
        yield server


@contextmanager
def _running(
    command: Sequence[str], port: int, ready: str, environment: Mapping[str, str], folder: Path
) -> Iterator[Server]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DINGKAO_")}
    log = folder / f"{port}.log"
    with log.open("wb") as output:
        # Another working directory: a .env file of the checkout must not change what is measured.
        process = subprocess.Popen(
            command, env={**inherited, **environment}, cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _await_answer(process, f"http://127.0.0.1:{port}{ready}", log)
        yield Server(process.pid, port)
    finally:
        process.terminate()
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_answer(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + _SECONDS_TO_START
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                if response.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise ServerFailed(f"{' '.join(process.args)} did not start: {log.read_text(errors='replace')[-2000:]}")  # type: ignore[arg-type]
