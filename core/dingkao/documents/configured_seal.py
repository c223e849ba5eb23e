"""The seal of the settings' key: opened at start, so that a wrong one stops it; pyHanko is loaded with the first seal.

Importing pyHanko takes as long as the rest of a small start; a server that seals nothing today does without.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from anyio.to_thread import run_sync

from dingkao.documents.seal_key import open_seal_key
from dingkao.plugin.ports import SealedDocument

if TYPE_CHECKING:
    from dingkao.documents.pades_seal import PadesSealProvider


class ConfiguredSeal:
    """A SealProvider for the key at `path`. Raises SealUnusable at once where the file does not open."""

    def __init__(self, path: Path, passphrase: str) -> None:
        open_seal_key(path, passphrase)
        self._path = path
        self._passphrase = passphrase
        self._provider: PadesSealProvider | None = None

    async def seal(self, pdf: bytes, *, authority_name: str, reason: str, at: datetime) -> SealedDocument:
        """Seal `pdf`; see `PadesSealProvider.seal`."""
        if self._provider is None:
            self._provider = await run_sync(self._load)
        return await self._provider.seal(pdf, authority_name=authority_name, reason=reason, at=at)

    def _load(self) -> "PadesSealProvider":
        from dingkao.documents.pades_seal import PadesSealProvider

        return PadesSealProvider(self._path, self._passphrase)
