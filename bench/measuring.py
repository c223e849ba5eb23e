"""Checking that both servers answer alike, and measuring them in turns."""

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from bench.load import COUNTER, Load, Plan
from bench.operations import Operation, Sending, request_to_bare, request_to_dingkao
from bench.province import PASSWORD
from bench.servers import ROOT, Server
from dingkao.web.operations import load_operations

# Fields that differ from one moment to the next; compared by the type of their value.
MOVING: Final = frozenset({"serverTime", "secondsLeft", "savedAt", "revision", "writerToken"})
_WARM_UP: Final = 200


class DifferentAnswers(RuntimeError):
    """The two servers do not answer alike: the comparison would say nothing."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round of load on one server: `cpu` is milliseconds of the server process for each request."""

    cpu: float
    load: Load


@dataclass(frozen=True, slots=True)
class Measured:
    """One server on one operation: the medians of the rounds."""

    cpu: float
    p50: float
    p99: float
    rate: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `ratio` is the median of the rounds' ratios of CPU time."""

    operation: Operation
    dingkao: Measured
    bare: Measured | None
    ratio: float | None


def log_in(server: Server, login_names: Sequence[str]) -> dict[str, str]:
    """A real session for each: login name → token."""
    text = {operation.name: operation.text for operation in load_operations()}["LogIn"]
    tokens = {}
    for login_name in login_names:
        variables = {"input": {"documentNumber": login_name, "password": PASSWORD}}
        answer = _ask(server, "/graphql", {"query": text, "variables": variables}, None)
        tokens[login_name] = answer["data"]["logIn"]["token"]
    return tokens


def check_answers(operation: Operation, tokens: Mapping[str, str], dingkao: Server, bare: Server, count: int) -> None:
    """Raises DifferentAnswers unless both servers answer the operation's first request with the same JSON."""
    sending = operation.sendings[0]
    asked = {"query": operation.text, "variables": _numbered(sending.variables, count)}
    ours = _ask(dingkao, "/graphql", asked, tokens[sending.login_name])
    if "errors" in ours or operation.expected not in _compact(ours):
        raise DifferentAnswers(f"{operation.name} failed: {_compact(ours)[:2000]}")
    if not operation.bare:
        return
    body = None if sending.bare_body is None else _numbered(sending.bare_body, count + 1)
    theirs = _ask(bare, sending.bare_path, body, None)
    # A second save carries the next sequence number; all else is equal.
    expected = _still(_numbered(ours, 1) if body is not None else ours)
    if _still(theirs) != expected:
        raise DifferentAnswers(f"{operation.name}: {_compact(expected)[:1500]}\n{_compact(_still(theirs))[:1500]}")


def _numbered(value: Any, add: int) -> Any:
    """`value` with `add` added to each sequence number in it."""
    if isinstance(value, dict):
        return {k: v + add if k == "sequence" else _numbered(v, add) for k, v in value.items()}
    return [_numbered(entry, add) for entry in value] if isinstance(value, list) else value


def _still(value: Any) -> Any:
    """`value` with what moves replaced by its type."""
    if isinstance(value, dict):
        return {k: type(v).__name__ if k in MOVING else _still(v) for k, v in value.items()}
    return [_still(entry) for entry in value] if isinstance(value, list) else value


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _ask(server: Server, path: str, body: Any, token: str | None) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", data, headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


class Bench:
    """Both servers and what they are asked with. `count_from` moves on with every request that saves."""

    def __init__(
        self, dingkao: Server, bare: Server, tokens: Mapping[str, str], connections: int, seconds: float, count: int
    ) -> None:
        self._dingkao = dingkao
        self._bare = bare
        self._tokens = tokens
        self._connections = connections
        self._seconds = seconds
        self._count = count

    def measure(self, operation: Operation, rounds: int, scale: float) -> Row:
        """Both servers in turns, so that a slow moment of the machine meets both."""
        check_answers(operation, self._tokens, self._dingkao, self._bare, self._count)
        self._count += 2
        requests = max(100, int(operation.requests * scale))

        def to_dingkao(sending: Sending) -> str:
            return request_to_dingkao(operation, sending, self._tokens[sending.login_name])

        ours: list[Round] = []
        theirs: list[Round] = []
        for _ in range(rounds):
            ours.append(self._round(self._dingkao, operation, to_dingkao, requests))
            if operation.bare:
                theirs.append(self._round(self._bare, operation, request_to_bare, requests))
        ratios = [mine.cpu / other.cpu for mine, other in zip(ours, theirs, strict=False) if other.cpu]
        return Row(
            operation,
            _medians(ours),
            _medians(theirs) if theirs else None,
            statistics.median(ratios) if ratios else None,
        )

    def _round(self, server: Server, operation: Operation, compose: Callable[[Sending], str], requests: int) -> Round:
        messages = [compose(sending) for sending in operation.sendings]
        self._load(server, operation, messages, min(_WARM_UP, requests))
        before = server.cpu_seconds()
        load = self._load(server, operation, messages, requests)
        return Round((server.cpu_seconds() - before) * 1000 / load.answers, load)

    def _load(self, server: Server, operation: Operation, messages: Sequence[str], requests: int) -> Load:
        plan = Plan(
            port=server.port,
            connections=self._connections,
            requests=requests,
            seconds=self._seconds,
            messages=messages,
            expected=operation.expected,
            forbidden='"errors"',
            count_from=self._count,
        )
        self._count += requests
        finished = subprocess.run(
            [sys.executable, "-m", "bench.load"], input=json.dumps(asdict(plan)), capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=self._seconds + 60, check=False,
        )  # fmt: skip
        if finished.returncode:
            raise RuntimeError(f"the load on {operation.name} failed: {finished.stderr[-3000:]}")
        return Load(**json.loads(finished.stdout))


def first_count(highest_sequence: int) -> int:
    """What to add to the counter so that the next sequence number is above every stored one."""
    return max(0, highest_sequence - int(COUNTER)) + 1


def _medians(rounds: Sequence[Round]) -> Measured:
    def median(value: Callable[[Round], float]) -> float:
        return statistics.median(value(entry) for entry in rounds)

    return Measured(
        cpu=median(lambda entry: entry.cpu),
        p50=median(lambda entry: entry.load.p50),
        p99=median(lambda entry: entry.load.p99),
        rate=median(lambda entry: entry.load.answers / entry.load.seconds),
        bytes=rounds[0].load.bytes,
    )


def settle() -> None:
    """Let start-up work end before the first measure."""
    time.sleep(1)
