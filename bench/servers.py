"""Servers as processes of their own, and the CPU time that the operating system counts for them."""

import contextlib
import os
import signal
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

from dingkao.testing.keys import TEST_KEYS

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

    def thread_seconds(self) -> float:
        """The part of `cpu_seconds` that was spent beside the main threads: on SQLite, in the database."""
        return (
            sum(
                _ticks(process, thread.name)
                for process in _family(self.process)
                for thread in Path(f"/proc/{process}/task").iterdir()
                if thread.name != str(process)
            )
            / _TICKS
        )

    def cpu_seconds(self) -> float:
        """User and system time of the process with its threads, and of all its children, as the kernel counts them.

        Linux only: /proc/PID/stat, in ticks of 10 ms.
        """
        return sum(_ticks(process) for process in _family(self.process)) / _TICKS


def _ticks(process: int, thread: str | None = None) -> int:
    path = f"/proc/{process}/stat" if thread is None else f"/proc/{process}/task/{thread}/stat"
    # The name in the second field may hold blanks; what follows its closing bracket does not.
    fields = Path(path).read_text().rpartition(")")[2].split()
    user, system, children_user, children_system = (int(field) for field in fields[11:15])
    # The ended children's time stands in every thread's line.
    return user + system + (children_user + children_system if thread is None else 0)


def _family(process: int) -> Iterator[int]:
    yield process
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):  # ended while it was looked at
        return
    for child in children:
        yield from _family(int(child))


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def free_port() -> int:
    """A port of the loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServedDingkao:
    """`dingkao serve` on a database, as processes that can be killed and started again on the same port.

    No explorer, warnings alone logged. `folder` takes its files and its log.
    """

    def __init__(self, database_url: str, folder: Path, workers: int = 1, sweep_seconds: float = 300) -> None:
        self.port = free_port()
        self._folder = folder
        self._workers = workers
        self._environment = {
            "DINGKAO_KEYS": TEST_KEYS,
            "DINGKAO_DATABASE_URL": database_url,
            "DINGKAO_STORAGE_URL": str(folder / "files"),
            "DINGKAO_EXPLORER": "false",
            "DINGKAO_LOG_LEVEL": "WARNING",
            "DINGKAO_SWEEP_SECONDS": str(sweep_seconds),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> Server:
        """The processes that run now."""
        assert self._process is not None
        return Server(self._process.pid, self.port)

    @property
    def log(self) -> str:
        """What the server wrote since it was first started."""
        return (self._folder / f"{self.port}.log").read_text(errors="replace")

    def start(self) -> None:
        """Start and wait until it answers. Raises ServerFailed."""
        command = [sys.executable, "-c", "from dingkao.cli.main import app; app()", "serve", "--port", str(self.port)]
        command += ["--workers", str(self._workers)]
        self._process = _start(command, self.port, self._environment, self._folder)
        _await_answer(self._process, f"http://127.0.0.1:{self.port}/readyz", self._folder / f"{self.port}.log")

    def kill(self) -> None:
        """kill -9 of all its processes: nothing can be finished."""
        assert self._process is not None
        kill_family(self._process.pid)
        self._process.wait()

    def worker_processes(self) -> list[int]:
        """The processes that serve: those that uvicorn started, or the one there is."""
        assert self._process is not None
        if self._workers == 1:
            return [self._process.pid]
        return [process for process in _family(self._process.pid) if b"spawn_main" in _command(process)]

    def stop(self) -> None:
        """End it; harmless where it does not run."""
        if self._process is not None:
            _end(self._process)


def kill_family(process: int) -> list[int]:
    """kill -9 of a process and all below it, the parent first, so that it starts nothing new; who they were."""
    members = list(_family(process))
    for member in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)
    return members


def is_alive(process: int) -> bool:
    """Whether the process can still do anything: it exists, and not only as an entry that nobody has fetched."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


@contextmanager
def dingkao_server(database_url: str, folder: Path) -> Iterator[Server]:
    """`dingkao serve` on the database: one worker, no explorer, warnings alone logged. `folder` takes its files."""
    served = ServedDingkao(database_url, folder)
    try:
        served.start()
        yield served.server
    finally:
        served.stop()


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
    process = _start(command, port, environment, folder)
    try:
        _await_answer(process, f"http://127.0.0.1:{port}{ready}", folder / f"{port}.log")
        yield Server(process.pid, port)
    finally:
        _end(process)


def _start(command: Sequence[str], port: int, environment: Mapping[str, str], folder: Path) -> subprocess.Popen[bytes]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DINGKAO_")}
    with (folder / f"{port}.log").open("ab") as output:
        # Another working directory: a .env file of the checkout must not change what is measured.
        return subprocess.Popen(
            command, env={**inherited, **environment}, cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        kill_family(process.pid)
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
    _end(process)
    raise ServerFailed(f"{' '.join(process.args)} did not start: {log.read_text(errors='replace')[-2000:]}")  # type: ignore[arg-type]
