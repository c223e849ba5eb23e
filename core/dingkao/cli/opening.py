"""Opening what a command works on: settings, plugins, the database."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from dingkao.application import build_environment
from dingkao.cli.errors import CommandFailed, explain_database_error, one_line
from dingkao.db.database import Database
from dingkao.db.migrations import MigrationSet, migrate, pending
from dingkao.environment import Environment
from dingkao.migrations import CORE_MIGRATIONS
from dingkao.registry import Registry
from dingkao.settings import load_settings


def all_migrations(registry: Registry) -> list[MigrationSet]:
    """The core's migrations, then those of the plugins in the order of their names."""
    return [CORE_MIGRATIONS, *registry.migrations]


def shown_url(url: str) -> str:
    """A database's address without the password in it."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    _, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{parts.username}:…@{place}"))


@asynccontextmanager
async def open_database(database: Database) -> AsyncIterator[Database]:
    """The database, open and in use in the block. Raises CommandFailed where it cannot be opened."""
    try:
        await database.open()
    except Exception as error:
        reason = explain_database_error(error)
        if reason is None:
            raise
        raise CommandFailed(
            f"the database {shown_url(database.url)} cannot be opened: {reason} (setting DINGKAO_DATABASE_URL)"
        ) from error
    try:
        with database.use():
            yield database
    finally:
        await database.close()


async def apply_migrations(migrations: Sequence[MigrationSet]) -> list[str]:
    """Apply what is missing in the database in use; the names of what was applied.

    Raises MigrationChanged, and CommandFailed where the database refuses (no right to create tables, a full disk).
    """
    try:
        return await migrate(migrations)
    except (sqlite3.Error, asyncpg.PostgresError) as error:
        raise CommandFailed(f"the migration failed and changed nothing: {one_line(str(error))}") from error


async def refuse_pending(migrations: Sequence[MigrationSet]) -> None:
    """Raises CommandFailed where the database in use lacks a migration."""
    missing = await pending(migrations)
    if missing:
        raise CommandFailed(
            f"the database lacks {len(missing)} migration(s) ({', '.join(missing)}): run `dingkao migrate` first"
        )


@asynccontextmanager
async def open_environment() -> AsyncIterator[Environment]:
    """Everything a use case needs, from the settings, with a database that lacks no migration.

    Raises BadSettings, BadDatabaseUrl, PluginRefused, CommandFailed.
    """
    environment = build_environment(load_settings())
    async with open_database(environment.database):
        await refuse_pending(all_migrations(environment.registry))
        yield environment
