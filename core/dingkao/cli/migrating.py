"""`dingkao migrate`."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dingkao.cli.console import say, warn
from dingkao.cli.keys import ensure_keys

if TYPE_CHECKING:
    from dingkao.db.database import Database
    from dingkao.db.migrations import MigrationSet

_FIRST: Final = "core/0001_initial"


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 where a migration is missing.")
    ] = False,
) -> None:
    """Bring the database to this version: the core's migrations and the plugins'. 数据库升级

    Every migration that is missing is applied, all in one transaction: a failure leaves the database as it was. Several
    processes may run this at once; one of them does the work. A new database's server gets a key for personal numbers
    in var/dingkao.keys, where no setting says where its keys are.
    """
    from dingkao.application import load_registry
    from dingkao.cli.opening import all_migrations
    from dingkao.db.database import Database
    from dingkao.settings import load_settings

    settings = load_settings()
    database = Database(settings.database_url)
    migrations = all_migrations(load_registry(settings))
    names = asyncio.run(_missing(database, migrations) if check else _apply(database, migrations))
    for name in names:
        say(f"{'missing' if check else 'applied'} {name}")
    if not check and _FIRST in names and (key := ensure_keys(settings)) is not None:
        say(f"key {key} made in {settings.keys_file}: keep a copy, apart from backups of the database")
    if not names:
        say("the database is up to date")
    elif check:
        warn(f"dingkao: {len(names)} migration(s) missing: run `dingkao migrate`")
        raise typer.Exit(1)


async def _missing(database: "Database", migrations: "Sequence[MigrationSet]") -> list[str]:
    from dingkao.cli.opening import open_database
    from dingkao.db.migrations import pending

    async with open_database(database):
        return await pending(migrations)


async def _apply(database: "Database", migrations: "Sequence[MigrationSet]") -> list[str]:
    from dingkao.cli.opening import apply_migrations, open_database

    async with open_database(database):
        return await apply_migrations(migrations)
