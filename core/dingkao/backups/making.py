"""Making a backup while the server goes on writing.

The database first and the files after it: a file is written before the row that names it, so that every row of the copy
finds its file. What is written meanwhile is in the files and not in the copy, and does no harm.
"""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from dingkao.backups import postgresql
from dingkao.backups.manifest import DATABASE, FILES, BackupRefused, Manifest, digest_of
from dingkao.db.database import Database

# What a write under way leaves for a moment in the folder of the files.
_INCOMING = ".incoming"


FillFolder = Callable[[Path], None]


def make_backup(
    database: Database,
    files: Path | FillFolder | None,
    target: Path,
    *,
    made_at: datetime,
    dingkao: str,
    migrations: list[tuple[str, str, str]],
    plugins: dict[str, str],
) -> tuple[Manifest, str]:
    """Copy database and files to the new folder `target`; the manifest and its SHA-256.

    `files`: the folder of the stored files, or what fills a folder with them where they lie in a store; None: they stay
    out. `target` is there when all is
    done, and not before. Raises BackupRefused where it is there already or a copy is not sound; OSError.
    """
    if target.exists():
        raise BackupRefused(f"{target} is there already; a backup goes into a new folder")
    partial = target.with_name(f".{target.name}.partial")
    if partial.exists():
        raise BackupRefused(f"{partial} is there: another backup runs, or one was broken off; remove it")
    partial.mkdir(mode=0o700, parents=True)
    try:
        kind = "sqlite" if database.path is not None else "postgresql"
        if database.path is not None:
            _copy_sqlite(database.path, partial / DATABASE[kind])
        else:
            postgresql.dump(database.url, partial / DATABASE[kind])
        if isinstance(files, Path):
            _copy_files(files, partial / FILES)
        elif files is not None:
            files(partial / FILES)
        paths = sorted(path for path in partial.rglob("*") if path.is_file())
        digests = {str(path.relative_to(partial)): digest_of(path) for path in paths}
        manifest = Manifest(made_at.isoformat(), dingkao, kind, migrations, plugins, files is not None, digests)
        own_digest = manifest.write(partial)
        for path in partial.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return manifest, own_digest


def check_sqlite(path: Path) -> None:
    """Raises BackupRefused where an SQLite file is damaged or rows refer to rows that are not there."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
        except sqlite3.DatabaseError as error:
            raise BackupRefused(f"{path.name} is no sound SQLite database: {error}") from None
    if verdict != "ok":
        raise BackupRefused(f"{path.name} is damaged: {verdict}")
    if orphan is not None:
        raise BackupRefused(f"{path.name} is damaged: a row of {orphan[0]} refers to none of {orphan[2]}")


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.is_file():
        raise BackupRefused(f"there is no database {source}")
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reading,
        closing(sqlite3.connect(target)) as copy,
    ):
        # In one step, one read transaction: with WAL it keeps nobody from writing, and nobody's writing restarts it.
        reading.backup(copy)
        # A copy is one file: nothing of it may be left in a WAL beside it.
        copy.execute("PRAGMA journal_mode = DELETE")
    check_sqlite(target)


def _copy_files(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700)
    for path in sorted(source.rglob("*")):
        place = path.relative_to(source)
        if place.parts[0] == _INCOMING or not path.is_file() or path.is_symlink():
            continue
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, target / place)
        except FileNotFoundError:
            # Deleted since the folder was listed: its row is gone, or going.
            (target / place).unlink(missing_ok=True)
