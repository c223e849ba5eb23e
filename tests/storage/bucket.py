"""A local server that speaks as much of S3 as one bucket needs."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


class Bucket(BaseHTTPRequestHandler):
    """As much of S3's HTTP as one bucket needs: objects are put, read, asked for and deleted by their path."""

    objects: ClassVar[dict[str, tuple[str, bytes]]] = {}

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/files/"):
            self.objects[self.path] = (self.headers["Content-Type"], data)
            self._answer(200)
        else:
            self._answer(404)

    def do_GET(self) -> None:
        self._answer(*((200, *self.objects[self.path]) if self.path in self.objects else (404,)))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        assert self.path == "/files?delete"
        keys = re.findall(r"<Key>(.*?)</Key>", self.rfile.read(int(self.headers["Content-Length"])).decode())
        for key in keys:
            self.objects.pop(f"/files/{key}", None)
        answer = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        self._answer(200, "application/xml", f"<DeleteResult>{answer}</DeleteResult>".encode())

    def _answer(self, status: int, media_type: str = "text/plain", data: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Mon, 02 Nov 2026 08:00:00 GMT")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def local_bucket() -> Iterator[Mapping[str, str]]:
    """The server in the block; gives the environment's variables by which it is found."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield {
            "AWS_ACCESS_KEY_ID": "made-up",
            "AWS_SECRET_ACCESS_KEY": "made-up",
            "AWS_REGION": "made-up",
            "AWS_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
            "AWS_ALLOW_HTTP": "true",
        }
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
        Bucket.objects.clear()
