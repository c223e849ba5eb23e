"""Running the real command: in a process of its own, or, which is far cheaper, by its entry point in this one."""

import io
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import structlog

from dingkao.cli.main import app
from dingkao.testing.keys import TEST_KEYS

COMMAND = Path(sys.executable).parent / "dingkao"
LIMIT_SECONDS = 60


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error; fails where there is another."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


Run = Callable[..., Outcome]
Start = Callable[..., "RunningServer"]


def environment_of(settings: dict[str, str]) -> dict[str, str]:
    """This process's environment with no setting of Dingkao but `settings` (DATABASE_URL for DINGKAO_DATABASE_URL) and
    the tests' keys, which KEYS="" takes away."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DINGKAO_")}
    # Wide, so that nothing a test looks for is folded.
    fixed = {"COLUMNS": "200", "DINGKAO_KEYS": TEST_KEYS}
    return {**kept, **fixed, **{f"DINGKAO_{name}": value for name, value in settings.items()}}


def run_process(folder: Path, arguments: Sequence[str | Path], settings: dict[str, str]) -> Outcome:
    """Run the installed `dingkao` in `folder`, in a process of its own."""
    done = subprocess.run(
        [COMMAND, *map(str, arguments)],
        cwd=folder,
        env=environment_of(settings),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LIMIT_SECONDS,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def run_here(folder: Path, arguments: Sequence[str | Path], settings: dict[str, str]) -> Outcome:
    """Call what the installed `dingkao` calls, with the folder, environment and streams of a process of its own; what
    the command leaves behind in this process is taken back. An exception that nobody explains is raised."""
    out, err, code = _stream(), _stream(), None
    with (
        chdir(folder),
        mock.patch.dict(os.environ, environment_of(settings), clear=True),
        mock.patch.object(sys, "stdin", _stream()),
        mock.patch.object(sys, "excepthook", sys.excepthook),
        _logging_kept(),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            app([str(argument) for argument in arguments], prog_name="dingkao")
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int), code
    return Outcome(code, _text(out), _text(err))


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8")


@contextmanager
def _logging_kept() -> Iterator[None]:
    """Take back what `configure_logging` sets for the whole process."""
    root, uvicorn, configured = logging.getLogger(), logging.getLogger("uvicorn"), structlog.get_config()
    handlers, levels = list(root.handlers), (root.level, uvicorn.level)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        uvicorn.setLevel(levels[1])
        structlog.configure(**configured)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RunningServer:
    """A server command that runs until it is told to end; its standard error is read while it does."""

    def __init__(self, arguments: Sequence[str], folder: Path, settings: dict[str, str]) -> None:
        self.lines: list[str] = []
        self._arrived = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(
            [COMMAND, *arguments],
            cwd=folder,
            env=environment_of(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, text: str) -> str:
        """The first line on standard error with `text` in it; fails where the server ends or a minute passes first."""
        with self._arrived:
            found = self._arrived.wait_for(lambda: self._ended or self._line_with(text) is not None, LIMIT_SECONDS)
            line = self._line_with(text)
        assert found, f"no {text!r} in {self.lines}"
        assert line is not None, f"the server ended without {text!r}: {self.lines}"
        return line

    def end(self) -> int:
        """Ask it to end and wait for that; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.join()

    def join(self) -> int:
        """Wait for its end; its exit code."""
        code = self.process.wait(LIMIT_SECONDS)
        self._reader.join()
        return code

    @property
    def output(self) -> str:
        """What it printed on standard output, once it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def kill(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LIMIT_SECONDS)
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def _line_with(self, text: str) -> str | None:
        return next((line for line in self.lines if text in line), None)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._arrived:
                self.lines.append(line.rstrip("\n"))
                self._arrived.notify_all()
        with self._arrived:
            self._ended = True
            self._arrived.notify_all()
