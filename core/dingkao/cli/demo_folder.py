"""The files of a demonstration: what `dingkao demo` makes in ./var, and what `--reset` may delete."""

import secrets
import shutil
from datetime import datetime
from pathlib import Path
from typing import Final

from dingkao.cli.errors import CommandFailed
from dingkao.db.database import Database
from dingkao.documents.demo_seal import create_demo_seal_key
from dingkao.settings import Settings

FOLDER: Final = Path("var")
_SEAL_KEY: Final = "demo-seal.p12"
_SEAL_PASSPHRASE: Final = "demo-seal.passphrase"  # noqa: S105 - a file's name
# Files that SQLite keeps beside a database.
_COMPANIONS: Final = ("", "-wal", "-shm", "-journal")


def delete_demo(settings: Settings) -> list[Path]:
    """Delete the demonstration's SQLite database, stored files and seal key; gives what was deleted.

    Raises CommandFailed, with nothing deleted, where the settings put the database or the files anywhere but into the
    folder var of the working directory: what lies elsewhere is no demonstration's.
    """
    database = Database(settings.database_url).path
    if database is None:
        raise CommandFailed("--reset deletes SQLite demonstrations only, and DINGKAO_DATABASE_URL names a server", 2)
    storage = Path(settings.storage_url)
    for name, path in (("DINGKAO_DATABASE_URL", database), ("DINGKAO_STORAGE_URL", storage)):
        if "://" in str(path) or not _is_inside_folder(path):
            raise CommandFailed(f"--reset deletes inside ./{FOLDER} only, and {name} leads elsewhere", 2)
    files = [database.with_name(database.name + companion) for companion in _COMPANIONS]
    files += [FOLDER / _SEAL_KEY, FOLDER / _SEAL_PASSPHRASE]
    deleted = [path for path in files if path.is_file()]
    for path in deleted:
        path.unlink()
    if storage.is_dir():
        shutil.rmtree(storage)
        deleted.append(storage)
    return deleted


def ensure_seal_key(authority_name: str, now: datetime) -> tuple[Path, str]:
    """The demonstration's seal key in ./var and its passphrase, made where there is none: anyone who runs the demo has
    a key of their own, and what it seals says 演示用章. Raises CommandFailed where one of the two files is missing."""
    key, passphrase = FOLDER / _SEAL_KEY, FOLDER / _SEAL_PASSPHRASE
    if key.is_file() and passphrase.is_file():
        return key, passphrase.read_text(encoding="ascii").strip()
    if key.exists():
        raise CommandFailed(f"{key} is there, but not its passphrase {passphrase}: delete the key to have a new one")
    FOLDER.mkdir(parents=True, exist_ok=True)
    word = secrets.token_urlsafe(24)
    passphrase.touch(mode=0o600)
    passphrase.write_text(f"{word}\n", encoding="ascii")
    create_demo_seal_key(key, word, authority_name, now=now)
    return key, word


def _is_inside_folder(path: Path) -> bool:
    # Resolved, so that neither .. nor a link leads out.
    return FOLDER.resolve() in path.resolve().parents and not FOLDER.is_symlink()
