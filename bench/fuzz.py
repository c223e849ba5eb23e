"""Everything of the schema asked with generated values, logged in as each kind of account: schemathesis against a demo.

`make fuzz`, or `python bench/fuzz.py --examples 20 --accounts doctor,authority`. What it looks for: answers of status
5xx, and lines of unexpected errors in the server's log, which clients are told of as INTERNAL. It ends with 1 where
there is one; the figures of each account are printed.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dingkao.demo.people import AUTHORITY_OFFICER, BODY_REVIEWER, INSTITUTION_OFFICER, PASSWORD
from dingkao.demo.province import demo_accounts

PROGRAMS = Path(sys.executable).parent
SCHEMA = Path(__file__).parents[1] / "schema.graphql"
LOG_IN = "mutation ($i: LogInInput!) { logIn(input: $i) { ... on SessionStarted { token } } }"
ACCOUNTS = ("nobody", "doctor", "institution", "body", "authority")
SEED = 20261123


@dataclass(frozen=True)
class Outcome:
    """What one account's run gave: the requests made, what schemathesis failed, lines of unexpected errors."""

    account: str
    requests: int
    failures: list[str]
    unexpected: list[str]

    @property
    def is_clean(self) -> bool:
        return not self.failures and not self.unexpected


def login_names() -> dict[str, str]:
    """The login name of each kind of account of the demo."""
    return {
        "doctor": demo_accounts()[0].login_name,
        "institution": INSTITUTION_OFFICER,
        "body": BODY_REVIEWER,
        "authority": AUTHORITY_OFFICER,
    }


class Server:
    """The demo, served on `port`; what it logs is read."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.lines: list[str] = []
        self._listening = threading.Event()
        settings = {"DINGKAO_LOG_FORMAT": "json", "DINGKAO_SWEEP_SECONDS": "300"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DINGKAO_")}
        command = [PROGRAMS / "dingkao", "demo", "--port", str(port)]
        self.process = subprocess.Popen(
            command, cwd=folder, env={**kept, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._listening.wait(120):
            raise RuntimeError(f"the demo did not start: {self.lines[-3:]}")

    def log_in(self, login_name: str) -> str:
        """The token of a new session."""
        body = {"query": LOG_IN, "variables": {"i": {"documentNumber": login_name, "password": PASSWORD}}}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(json.load(answer)["data"]["logIn"]["token"])

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if "Uvicorn running on" in line:
                self._listening.set()


@contextmanager
def serving() -> Iterator[Server]:
    """A demo of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="dk-fuzz-") as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        server = Server(Path(folder), port)
        try:
            yield server
        finally:
            server.end()


def fuzz(
    server: Server, account: str, examples: int, seconds: int | None = None, include: str | None = None
) -> Outcome:
    """Ask every field of the schema as `account`, `examples` times each, for at most `seconds`."""
    before = len(server.lines)
    # The session's own end is asked for by nobody: a run would go on as nobody.
    options = ["--exclude-name-regex", r"Mutation\.(logOut|completeFirstLogin|endSession.*)"]
    if account != "nobody":
        options += ["--header", f"Authorization: Bearer {server.log_in(login_names()[account])}"]
    if seconds is not None:
        options += ["--max-time", str(seconds)]
    if include is not None:
        options += ["--include-name-regex", include]
    with tempfile.TemporaryDirectory(prefix="dk-fuzz-report-") as folder:
        done = subprocess.run(
            [PROGRAMS / "schemathesis", "run", SCHEMA, "--url", f"http://127.0.0.1:{server.port}/graphql",
             "--checks", "not_a_server_error", "--phases", "fuzzing", "--max-examples", str(examples),
             "--seed", str(SEED), "--no-shrink", "--continue-on-failure", "--suppress-health-check", "all",
             "--no-color", "--warnings", "off", "--output-truncate", "false", *options],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
    told = done.stdout + done.stderr
    generated = re.search(r"(\d[\d,]*) generated", told)
    # Its check takes every error of a field for the server's; refusals have codes, and these two are the server's own.
    failures = re.findall(r"^\[5\d\d\].*$", told, re.MULTILINE)
    failures += re.findall(r'^.*"code":"(?:INTERNAL|REFUSED)".*$', told, re.MULTILINE)
    if done.returncode not in (0, 1) or generated is None:
        failures.append(told[-2000:])
    unexpected = [line for line in server.lines[before:] if "unexpected error" in line]
    return Outcome(account, int(generated[1].replace(",", "")) if generated else 0, failures, unexpected)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=None, help="at most so many an account")
    parser.add_argument("--accounts", default=",".join(ACCOUNTS))
    arguments = parser.parse_args()
    clean = True
    with serving() as server:
        for account in arguments.accounts.split(","):
            outcome = fuzz(server, account, arguments.examples, arguments.seconds)
            print(f"{account}: {outcome.requests} requests, {len(outcome.failures)} failures, "
                  f"{len(outcome.unexpected)} unexpected errors")  # fmt: skip
            for line in [*outcome.failures, *outcome.unexpected][:20]:
                print(f"  {line[:1500]}")
            clean = clean and outcome.is_clean
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
