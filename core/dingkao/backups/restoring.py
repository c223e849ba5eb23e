"""Restoring a backup into an empty place: nothing is overwritten, and nothing is begun before all of it is verified."""

import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from dingkao.backups import postgresql
from dingkao.backups.making import check_sqlite
from dingkao.backups.manifest import FILES, MANIFEST, BackupRefused, Manifest, digest_of, read_manifest, verify
from dingkao.db.database import Database


def check_backup(
    folder: Path, known_migrations: Mapping[tuple[str, str], str], plugins: Collection[str], digest: str | None = None
) -> Manifest:
    """The manifest of a backup that this program can restore.

    `known_migrations`: digests by (owner, name), of the database's kind; `plugins`: the names of those that are
    installed; `digest`: the SHA-256 of the manifest that was noted when it was made. Raises BackupRefused.
    """
    manifest = read_manifest(folder)
    if digest is not None and digest_of(folder / MANIFEST) != digest.lower():
        raise BackupRefused(
            "the manifest is not the one whose digest was noted: the backup is another one, or was changed"
        )
    missing = sorted(manifest.plugins.keys() - set(plugins))
    if missing:
        raise BackupRefused(f"the backup was made with plugins that are not installed: {', '.join(missing)}")
    for owner, name, applied in manifest.migrations:
        if (owner, name) not in known_migrations:
            raise BackupRefused(
                f"version {manifest.dingkao} made the backup: this one does not know its migration {owner}/{name}"
            )
        if known_migrations[owner, name] != applied:
            raise BackupRefused(f"the backup's migration {owner}/{name} differs from this version's")
    verify(folder, manifest)
    return manifest


def restore_backup(
    folder: Path, manifest: Manifest, database: Database, files: Path | Callable[[Path], None] | None
) -> None:
    """Put the backup's database and files to where the settings have them; `files` is a folder, or what takes the
    backup's folder of files into a store. For PostgreSQL the caller has seen that the
    database is empty. Raises BackupRefused where something is there already or the kinds differ; OSError.
    """
    kind = "sqlite" if database.path is not None else "postgresql"
    if kind != manifest.database:
        raise BackupRefused(f"the backup is of {manifest.database}, and DINGKAO_DATABASE_URL of {kind}")
    if manifest.files_included and files is None:
        raise BackupRefused("the backup holds files, and no place was given to restore them to")
    if isinstance(files, Path) and files.exists() and any(path.is_file() for path in files.rglob("*")):
        raise BackupRefused(f"{files} holds files already; restore to an empty place")
    if database.path is not None:
        for companion in ("", "-wal", "-shm", "-journal"):
            beside = database.path.with_name(database.path.name + companion)
            if beside.exists():
                raise BackupRefused(f"{beside} is there already; restore to an empty place")
    # The files first: rows that name them come when they are there.
    if manifest.files_included:
        if isinstance(files, Path):
            _put_files(folder / FILES, files)
        elif files is not None:
            files(folder / FILES)
    if database.path is not None:
        _put_sqlite(folder / manifest.database_file, database.path)
    else:
        postgresql.load(database.url, folder / manifest.database_file)


def _put_files(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(mode=0o700, exist_ok=True)
        else:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            place.chmod(0o600)


def _put_sqlite(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place and then renamed into it: what stands there is whole.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".restoring-") as folder:
        partial = Path(folder) / target.name
        shutil.copyfile(source, partial)
        partial.chmod(0o600)
        check_sqlite(partial)
        partial.rename(target)
