"""The built files of the explorer, as the server hands them out.

`dist/manifest.json` lists them; each lies compressed in `dist/assets/NAME.gz`. Nothing outside that list is ever
opened, whatever the address asks for.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

DIST = Path(__file__).parent / "dist"
"""Where the build puts its files, and where they lie in the wheel."""


class Asset(BaseModel):
    """One built file: its media type, and the SHA-256 and length in bytes of its uncompressed content."""

    model_config = ConfigDict(frozen=True)

    type: str
    sha256: str
    size: int


class Manifest(BaseModel):
    """What one build made: the hash of what it was made of, the files the page starts from, and all files by name."""

    model_config = ConfigDict(frozen=True)

    inputs: str
    script: str
    style: str
    assets: Mapping[str, Asset]


def read_manifest(dist: Path) -> Manifest | None:
    """The manifest of the build in the folder `dist`; None where there is none, or one that cannot be read."""
    try:
        return Manifest.model_validate_json((dist / "manifest.json").read_bytes())
    except (OSError, ValidationError):
        return None


@dataclass
class AssetStore:
    """Serves the files of the build in the folder `dist`; a new build there is seen without a restart."""

    dist: Path
    _manifest: Manifest | None = None
    _read_at: tuple[int, int] | None = None

    def manifest(self) -> Manifest | None:
        """The manifest of the present build, read again only when its file has changed; None where nothing is built."""
        try:
            status = (self.dist / "manifest.json").stat()
        except OSError:
            return None
        if self._read_at != (status.st_mtime_ns, status.st_ino):
            self._manifest = read_manifest(self.dist)
            self._read_at = (status.st_mtime_ns, status.st_ino)
        return self._manifest

    async def respond(self, request: Request) -> Response:
        """The file that the path parameter `name` asks for; 304 where the client has it, 404 where there is none."""
        name = request.path_params["name"]
        manifest = self.manifest()
        asset = manifest.assets.get(name) if manifest is not None else None
        if asset is None:
            return PlainTextResponse("Not found", status_code=404)
        zipped = _accepts_gzip(request.headers.get("accept-encoding", ""))
        headers = {
            # A name changes with the content, so what a name stands for never changes.
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Security-Policy": "default-src 'self'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "ETag": f'"{asset.sha256[:32]}{"-gzip" if zipped else ""}"',
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if _has_tag(request.headers.get("if-none-match", ""), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        path = self.dist / "assets" / f"{name}.gz"
        if zipped:
            headers["Content-Encoding"] = "gzip"
            return FileResponse(path, headers=headers, media_type=asset.type)
        content = await anyio.to_thread.run_sync(lambda: gzip.decompress(path.read_bytes()))
        return Response(content, headers=headers, media_type=asset.type)


def _accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header allows gzip (RFC 9110, section 12.5.3)."""
    for item in accept_encoding.lower().split(","):
        coding, _, parameters = item.partition(";")
        if coding.strip() in ("gzip", "*"):
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _has_tag(if_none_match: str, tag: str) -> bool:
    """Whether an If-None-Match header names the entity tag; weak comparison (RFC 9110, section 13.1.2)."""
    tags = [item.strip().removeprefix("W/") for item in if_none_match.split(",")]
    return tag in tags or tags == ["*"]
