"""What a backup holds and what it was made from: a JSON file with the SHA-256 of everything beside it.

    manifest.json       this
    database.db         SQLite, or database.dump: PostgreSQL's own format (pg_dump --format=custom)
    files/ab/cd/abcd…   the stored files, by their names

No key is in it: what is encrypted in it stays so, and the keys are kept elsewhere.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

FORMAT: Final = "dingkao-backup"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
FILES: Final = "files"
DATABASE: Final = {"sqlite": "database.db", "postgresql": "database.dump"}


class BackupRefused(Exception):
    """A backup cannot be made, or is not to be restored; the message is one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`database` is sqlite or postgresql; `migrations` are (owner, name, digest) of each one applied; `plugins` are
    versions by names; `digests` SHA-256 by paths within the backup; `files_included` is False where the files were left
    to a store that keeps its own copies."""

    made_at: str
    dingkao: str
    database: str
    migrations: Sequence[tuple[str, str, str]]
    plugins: Mapping[str, str]
    files_included: bool
    digests: Mapping[str, str]

    def write(self, folder: Path) -> str:
        """Write it into `folder`; its own SHA-256, which kept elsewhere shows that nobody changed the backup."""
        text = json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=1, ensure_ascii=False)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
        return digest_of(folder / MANIFEST)

    @property
    def database_file(self) -> str:
        return DATABASE[self.database]


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the backup in `folder`. Raises BackupRefused where it is none of this version."""
    path = folder / MANIFEST
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BackupRefused(f"{folder} holds no backup: {path.name} cannot be read: {error.strerror}") from None
    except ValueError:
        raise BackupRefused(f"{path} is damaged: it is no JSON") from None
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        raise BackupRefused(f"{path} is no manifest of a backup")
    if read.get("version") != VERSION:
        raise BackupRefused(f"{path} is of version {read.get('version')}, and this program reads version {VERSION}")
    try:
        manifest = Manifest(
            made_at=str(read["made_at"]),
            dingkao=str(read["dingkao"]),
            database=str(read["database"]),
            migrations=[(str(owner), str(name), str(digest)) for owner, name, digest in read["migrations"]],
            plugins={str(name): str(version) for name, version in read["plugins"].items()},
            files_included=bool(read["files_included"]),
            digests={str(name): str(digest) for name, digest in read["digests"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BackupRefused(f"{path} is damaged: {error!r}") from None
    if manifest.database not in DATABASE or manifest.database_file not in manifest.digests:
        raise BackupRefused(f"{path} names no database")
    for name in manifest.digests:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BackupRefused(f"{path} names a file outside the backup")
    return manifest


def verify(folder: Path, manifest: Manifest) -> None:
    """Read everything, and compare. Raises BackupRefused, naming the first file that differs, is missing, or is not
    named by the manifest."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()} - {MANIFEST}
    for name in sorted(manifest.digests.keys() | found):
        if name not in found:
            raise BackupRefused(f"the backup is not whole: {name} is missing")
        if name not in manifest.digests:
            raise BackupRefused(f"the backup was changed: {name} is not in its manifest")
        if digest_of(folder / name) != manifest.digests[name]:
            raise BackupRefused(f"the backup is damaged or was changed: {name} differs from its digest")


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
