"""A small real HTTP server on loopback that answers as a test says, and keeps what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit


@dataclass
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


# What one request is answered with: raw bytes; none: the connection is closed without an answer.
Answer = Callable[[Asked], Awaitable[bytes]]


@dataclass
class LocalServer:
    """`answers` are used in their order, the last one for all that follow."""

    answers: list[Answer]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            parts = urlsplit(target)
            asked = Asked(method, parts.path, parse_qs(parts.query), headers, body)
            self.asked.append(asked)
            answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
            writer.write(await answer(asked))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def hang(self, asked: Asked) -> bytes:
        """Answer only when the test is over."""
        await self.released.wait()
        return b""


def answer(status: int, value: object, *, extra: str = "") -> Answer:
    """An HTTP answer with a JSON body."""
    body = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()

    async def give(asked: Asked) -> bytes:
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nContent-Type: application/json\r\n{extra}"
        return head.encode() + b"Connection: close\r\n\r\n" + body

    return give


async def cut(asked: Asked) -> bytes:
    """No answer: the connection ends."""
    return b""


@asynccontextmanager
async def local_server(*answers: Answer) -> AsyncIterator[LocalServer]:
    """Serve until the block ends."""
    local = LocalServer(list(answers))
    server = await asyncio.start_server(local.handle, "127.0.0.1", 0)
    local.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield local
    finally:
        local.released.set()
        server.close()
        await server.wait_closed()
