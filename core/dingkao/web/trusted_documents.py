"""Trusted documents: a server that runs the operations of its own clients and no others.

A client's `.graphql` files are made into a manifest (`dingkao documents`), SHA-256 of each document to its text. In the
mode ENFORCE a document that is not in it is refused before it is parsed; in LOG it is run, and its digest logged, so
that a province sees what it would refuse. A client may send the digest as `documentId` (`sha256:…`) alone.
This is a boundary because the manifest is made where the client is built: nothing that is sent adds to it.
"""

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from dingkao.settings import PREFIX, BadSettings, Settings

FORMAT: Final = "dingkao-documents"
VERSION: Final = 1
ALGORITHM: Final = "sha256:"


class Mode(StrEnum):
    """What happens to a document that is not in the manifest."""

    OFF = "off"
    LOG = "log"
    ENFORCE = "enforce"


def document_id(text: str) -> str:
    """The id of a document: its SHA-256, as `sha256:` and 64 hexadecimal digits."""
    return ALGORITHM + hashlib.sha256(text.encode()).hexdigest()


def manifest(texts: list[str]) -> dict[str, Any]:
    """The manifest of these documents, as it is written to a file."""
    documents = {document_id(text): text for text in texts}
    return {"format": FORMAT, "version": VERSION, "documents": dict(sorted(documents.items()))}


class TrustedDocuments:
    """The documents of a manifest, and what is done about others."""

    def __init__(self, mode: Mode, documents: Mapping[str, str]) -> None:
        self.mode = mode
        self._documents = documents

    def text(self, identifier: str) -> str | None:
        """The document with this id; None: there is none."""
        return self._documents.get(identifier)

    def holds(self, text: str) -> bool:
        """Whether `text` is one of them, letter by letter."""
        return document_id(text) in self._documents


def load_trusted_documents(settings: Settings) -> TrustedDocuments:
    """What the settings ask for. Raises BadSettings where the manifest cannot be read or is none."""
    mode = Mode(settings.documents_mode)
    if settings.documents_manifest is None:
        if mode is not Mode.OFF:
            raise BadSettings(
                f"{PREFIX}DOCUMENTS_MODE is {mode.value}, but {PREFIX}DOCUMENTS_MANIFEST names no manifest"
            )
        return TrustedDocuments(mode, {})
    return TrustedDocuments(mode, _read(settings.documents_manifest))


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSettings(f"{PREFIX}DOCUMENTS_MANIFEST: {path} cannot be read: {error}") from None
    documents = found.get("documents") if isinstance(found, dict) else None
    if not isinstance(documents, dict) or found.get("format") != FORMAT or found.get("version") != VERSION:
        advice = f"write one with `dingkao documents --output {path.name}`"
        raise BadSettings(f"{PREFIX}DOCUMENTS_MANIFEST: {path} is no manifest of version {VERSION}; {advice}")
    for identifier, text in documents.items():
        if not isinstance(text, str) or document_id(text) != identifier:
            raise BadSettings(
                f"{PREFIX}DOCUMENTS_MANIFEST: {path}: {identifier[:20]}… is not the digest of its document"
            )
    return documents
