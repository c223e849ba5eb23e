"""`dingkao backup` and `dingkao restore`."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dingkao.cli.console import progress_bar, say, warn
from dingkao.cli.errors import CommandFailed

if TYPE_CHECKING:
    from dingkao.db.database import Database
    from dingkao.registry import Registry
    from dingkao.settings import Settings


def backup(
    target: Annotated[Path, typer.Argument(help="New folder that the backup is made in; it must not be there yet.")],
    without_files: Annotated[
        bool,
        typer.Option("--without-files", help="Leave files in an object store to the versions of its bucket."),
    ] = False,
) -> None:
    """Copy database and files into a new folder, while the server runs. 备份

    SQLite is copied by its own online backup, PostgreSQL by **pg_dump**, which must be on the PATH. Files are copied
    from the folder DINGKAO_STORAGE_URL, or object by object from a store. A manifest holds the SHA-256 of
    everything; note the manifest's own, which is printed, for **dingkao restore**. Keys are in no backup.
    """
    from importlib.metadata import version

    from dingkao.application import load_registry
    from dingkao.backups.making import FillFolder, make_backup
    from dingkao.backups.manifest import BackupRefused
    from dingkao.db.database import Database
    from dingkao.plugin.ports import PortFailed, PortSlot
    from dingkao.settings import load_settings

    settings = load_settings()
    registry = load_registry(settings)
    database = Database(settings.database_url)
    migrations = asyncio.run(_applied(database))
    folder = None if PortSlot.FILE_STORE in registry.ports else _files(settings)
    files: Path | FillFolder | None = folder or (None if without_files else _fetch_into)
    try:
        manifest, digest = make_backup(
            database,
            files,
            target,
            made_at=datetime.now(UTC),
            dingkao=version("dingkao"),
            migrations=migrations,
            plugins={plugin.name: plugin.version for plugin in registry.plugins},
        )
    except (BackupRefused, PortFailed) as refused:
        raise CommandFailed(str(refused)) from refused
    say(f"backed up to {target}: the database and {len(manifest.digests) - 1} files")
    if files is None:
        say("the files lie in an object store and are not in it: keep its bucket's versions as long as this backup")
    say(f"manifest's SHA-256: {digest}")


def restore(
    source: Annotated[Path, typer.Argument(help="Folder of a backup.")],
    digest: Annotated[
        str | None, typer.Option("--digest", help="The manifest's SHA-256 as noted when the backup was made.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Verify the backup and restore nothing.")] = False,
) -> None:
    """Put a backup where the settings have database and files; both must be empty. 恢复

    Before anything is written, every file is compared with its SHA-256, and the backup's plugins and migrations with
    those of this version: what it does not know is refused. PostgreSQL needs an empty database and **pg_restore** on
    the PATH. Then run **dingkao migrate**, with the keys of the server that the backup is of.
    """
    from dingkao.application import load_registry
    from dingkao.backups.manifest import BackupRefused
    from dingkao.backups.restoring import check_backup, restore_backup
    from dingkao.db.database import Database
    from dingkao.plugin.ports import PortFailed, PortSlot
    from dingkao.settings import load_settings

    settings = load_settings()
    registry = load_registry(settings)
    database = Database(settings.database_url)
    folder = None if PortSlot.FILE_STORE in registry.ports else _files(settings)
    try:
        manifest = check_backup(
            source, _known(registry, database), [plugin.name for plugin in registry.plugins], digest
        )
        say(f"the backup of {manifest.made_at} is whole: the database and {len(manifest.digests) - 1} files")
        if check:
            return
        if database.path is None:
            asyncio.run(_refuse_tables(database))
        restore_backup(source, manifest, database, folder or _put_from)
    except (BackupRefused, PortFailed) as refused:
        raise CommandFailed(str(refused)) from refused
    say("restored; run `dingkao migrate` next")


def _fetch_into(folder: Path) -> None:
    """Fetch what the database names from the store of the settings, or a plugin's."""
    from dingkao.application import build_environment
    from dingkao.backups.objects import fetch_files, stored_names
    from dingkao.cli.opening import open_database
    from dingkao.settings import load_settings

    async def run() -> list[str]:
        environment = build_environment(load_settings())
        async with open_database(environment.database):
            names = await stored_names()
        with progress_bar("files") as progress:
            return await fetch_files(environment.files, names, folder, progress)

    for name in asyncio.run(run()):
        warn(f"dingkao: the store has no file {name}: it was deleted meanwhile, or is lost")


def _put_from(folder: Path) -> None:
    """Put a backup's files into the store of the settings, or a plugin's."""
    from dingkao.application import build_environment
    from dingkao.backups.objects import put_files
    from dingkao.settings import load_settings

    async def run() -> None:
        environment = build_environment(load_settings())
        with progress_bar("files") as progress:
            await put_files(environment.files, folder, progress)

    asyncio.run(run())


def _files(settings: "Settings") -> Path | None:
    """The folder of the stored files; None: they lie in a store of its own."""
    url = settings.storage_url
    if url.startswith("file://"):
        return Path(url.removeprefix("file://"))
    return None if "://" in url else Path(url)


def _known(registry: "Registry", database: "Database") -> dict[tuple[str, str], str]:
    """The digest of every migration of this version, by owner and name."""
    import hashlib

    from dingkao.cli.opening import all_migrations
    from dingkao.db.migrations import scripts

    kind = "postgresql" if database.path is None else "sqlite"
    return {
        (migrations.owner, name): hashlib.sha256(script.encode()).hexdigest()
        for migrations in all_migrations(registry)
        for name, script in scripts(migrations, kind)
    }


async def _applied(database: "Database") -> list[tuple[str, str, str]]:
    from dingkao.cli.opening import open_database
    from dingkao.db.database import fetch
    from dingkao.db.migrations import applied_migrations

    if database.path is not None and not database.path.is_file():
        raise CommandFailed(f"there is no database {database.path} (setting DINGKAO_DATABASE_URL)")
    async with open_database(database):
        if not await applied_migrations():
            raise CommandFailed("the database is empty: there is nothing to back up")
        rows = await fetch("SELECT owner, name, digest FROM migration_history ORDER BY owner, name")
        return [(row["owner"], row["name"], row["digest"]) for row in rows]


async def _refuse_tables(database: "Database") -> None:
    from dingkao.cli.opening import open_database
    from dingkao.db.database import fetch

    async with open_database(database):
        found = await fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1 LIMIT 1"
        )
    if found:
        raise CommandFailed(f"the database holds the table {found[0]['table_name']} already; restore to an empty one")
