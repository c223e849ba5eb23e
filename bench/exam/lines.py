"""The least of an HTTP client: connections that are kept, one request on each at a time."""

import asyncio
from typing import Any


class Cut(ConnectionError):
    """The connection ended before the answer was complete."""


class Line(asyncio.Protocol):
    """One connection to the server."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._received = bytearray()
        self._needed = 0
        self._answer: asyncio.Future[bytes] | None = None
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.open = True

    def connection_lost(self, exception: Exception | None) -> None:
        self.open = False
        self._fail()

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        if not self._needed:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._needed = end + 4 + _content_length(received, end)
        if len(received) >= self._needed and self._answer is not None and not self._answer.done():
            self._answer.set_result(bytes(received))

    async def ask(self, message: bytes) -> bytes:
        """Send a complete request; the complete answer. Raises Cut."""
        if not self.open:
            raise Cut
        self._received.clear()
        self._needed = 0
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        try:
            return await self._answer
        finally:
            self._answer = None

    def write_and_cut(self, message: bytes) -> None:
        """Send a request and be gone, as a phone that loses its network: the server meets a reset."""
        self._transport.write(message)
        self._transport.abort()

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _fail(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Cut())


def _content_length(received: bytearray, end: int) -> int:
    head = bytes(received[:end]).lower()
    place = head.find(b"content-length:")
    if place < 0:
        raise ValueError(f"an answer without length: {head!r}")
    return int(head[place + 15 :].split(b"\r\n", 1)[0])
