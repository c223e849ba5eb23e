"""A real server in production settings, and what is sent to it byte by byte."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli.command_line import RunningServer, free_port

# As an operator sets them: no explorer, and with it no introspection and no suggestions.
PRODUCTION = {
    "EXPLORER": "false",
    "PUBLIC_URL": "https://dingkao.example",
    "BODY_SECONDS": "0.5",
    "HEAD_SECONDS": "0.5",
    "UPLOAD_SECONDS": "0.5",
}


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the headers by lower-case name, the body."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def extensions(self) -> dict[str, Any]:
        """Those of the one error."""
        (error,) = self.json["errors"]
        return dict(error["extensions"])


@dataclass(frozen=True)
class Endpoint:
    """Where the server listens."""

    port: int

    @contextmanager
    def connection(self, seconds: float = 10.0) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            yield connection

    def send(self, *chunks: bytes) -> Answer:
        """Send these bytes on a connection of their own, whatever they are, and read the answer to them."""
        with self.connection() as connection:
            for chunk in chunks:
                connection.sendall(chunk)
            return read_answer(connection)

    def request(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        lines = [f"{method} {path} HTTP/1.1", "Host: dingkao.example", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        return self.send("\r\n".join(lines).encode() + body)

    def post(self, body: Any, **headers: str) -> Answer:
        """POST /graphql; what is no bytes goes as JSON."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", "/graphql", {"Content-Type": "application/json", **headers}, sent)

    def ask(self, query: str, variables: Any = None) -> Answer:
        return self.post({"query": query, "variables": variables})


def read_answer(connection: socket.socket) -> Answer:
    """One answer with a Content-Length, or until the other side closes."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += _more(connection)
    return Answer(int(status.split()[1]), headers, body)


def seconds_until_closed(connection: socket.socket) -> float:
    """How long the other side keeps the connection open from now on; what it still sends is read."""
    began = time.monotonic()
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - began


@contextmanager
def serving(folder: Path, database_url: str, settings: dict[str, str]) -> Iterator[Endpoint]:
    """`dingkao serve` on a migrated database, in production settings and `settings`; at its end nothing unexpected
    stands in its log."""
    port = free_port()
    everything = {**PRODUCTION, "DATABASE_URL": database_url, "STORAGE_URL": str(folder / "files"), **settings}
    server = RunningServer(["serve", "--port", str(port)], folder, everything)
    try:
        server.wait_for("Uvicorn running on")
        yield Endpoint(port)
        assert server.process.poll() is None, server.lines
    finally:
        server.kill()
    wrong = [line for line in server.lines if "unexpected error" in line or "xception" in line]
    assert wrong == []


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    assert received, "closed before the answer was complete"
    return received
