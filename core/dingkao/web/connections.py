"""Connections that ask nothing for too long, or too much: uvicorn's HTTP protocol with bounds on the head.

uvicorn and its parser wait for ever for a head that trickles in (Slowloris), keep as much of it as is sent, and go on
reading the body of a request that was answered long ago. Here the head has a time and a size; a body that nobody reads
any more has a few seconds to end, so that a client which is still sending can read why it was refused. The body's own
time is the endpoint's (`DINGKAO_BODY_SECONDS`, `DINGKAO_UPLOAD_SECONDS`).
"""

import asyncio
import json
from collections.abc import Callable
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS: Final = 10.0
"""Seconds in which a request's line and headers must have arrived, from the connection or from their first byte."""

HEAD_MAXIMUM: Final = 32 * 1024
"""Bytes of a request's line and headers; what browsers and proxies send is below 8 KiB (nginx takes 32 KiB at most)."""

LINGER_SECONDS: Final = 5.0
"""Seconds in which the rest of a body may still arrive that was refused or that nobody wanted."""

_LINES: Final = {
    408: "HTTP/1.1 408 Request Timeout",
    431: "HTTP/1.1 431 Request Header Fields Too Large",
}


class BoundedConnection(HttpToolsProtocol):
    """One connection of a client."""

    # Set for a server as a whole, before it serves; tests make them small.
    head_seconds = HEAD_SECONDS
    head_maximum = HEAD_MAXIMUM
    linger_seconds = LINGER_SECONDS

    _in_head = True
    _message_ended = True
    _head_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection that never asks anything is closed."""
        super().connection_made(transport)
        self._time(self.head_seconds, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, from either side."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a head or of a body."""
        if self._in_head:
            if self._timer is None:
                # Of the next request on a kept connection; line breaks alone count as well.
                self._time(self.head_seconds, self._head_is_late)
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > self.head_maximum:
            self._refuse(431, "headBytes", self.head_maximum, f"A head holds at most {self.head_maximum} bytes.")

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._message_ended = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there: the rest is the application's."""
        self._stop()
        self._in_head = False
        self._head_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is there too."""
        self._in_head = True
        self._message_ended = True
        self._stop()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Answered. Where the body is still under way, it must end soon."""
        super().on_response_complete()
        if not self._message_ended and not self.transport.is_closing():
            self._time(self.linger_seconds, self.transport.close)

    def _time(self, seconds: float, late: Callable[[], None]) -> None:
        self._stop()
        self._timer = self.loop.call_later(seconds, late)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _head_is_late(self) -> None:
        self._timer = None
        seconds = self.head_seconds
        self._refuse(408, "headSeconds", seconds, f"The head did not arrive within {seconds:g} seconds.")

    def _refuse(self, status: int, limit: str, most: float, message: str) -> None:
        """Answer and close. The one line of HTTP that no application writes, since there is no request yet."""
        if self.transport.is_closing():
            return
        extensions = {"code": "LIMIT_EXCEEDED", "limit": limit, "most": most}
        body = json.dumps({"errors": [{"message": message, "extensions": extensions}]}).encode()
        head = (
            f"{_LINES[status]}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
            "cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
