"""Transactions, kept connections, statements and migrations, on both databases."""

import asyncio
import sqlite3
import threading
from datetime import date
from pathlib import Path

import asyncpg
import pytest

from dingkao.db.counting import count_queries
from dingkao.db.database import BadDatabaseUrl, Database, fetch, in_transaction, is_postgresql, transaction
from dingkao.db.ddl import create_statements
from dingkao.db.migrations import MigrationChanged, migrate, pending, split_statements
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.institutions.tables import Region
from dingkao.migrations import CORE_MIGRATIONS, CORE_TABLES
from dingkao.plugin.errors import NotFound
from dingkao.testing.databases import PostgreSQLDatabases

ConstraintErrors = (sqlite3.IntegrityError, asyncpg.IntegrityConstraintViolationError)


async def add_region(code: str) -> int:
    rows = await Region.insert(Region(code=code, name=code, level="COUNTY", path="/")).returning(Region.id)
    return int(rows[0]["id"])


async def test_a_transaction_that_raises_leaves_nothing(environment: Environment) -> None:
    with pytest.raises(NotFound):
        async with transaction():
            await add_region("1")
            raise NotFound
    assert await Region.count() == 0


async def test_a_nested_transaction_belongs_to_the_outer(environment: Environment) -> None:
    with pytest.raises(NotFound):
        async with transaction():
            async with transaction():
                await add_region("1")
            assert in_transaction()
            raise NotFound
    assert await Region.count() == 0
    assert not in_transaction()


async def test_the_database_itself_refuses_what_breaks_a_constraint(environment: Environment) -> None:
    await add_region("1")
    with pytest.raises(ConstraintErrors):
        await add_region("1")
    with pytest.raises(ConstraintErrors):
        await Region.insert(Region(code="2", name="x", level="VILLAGE", path="/"))
    with pytest.raises(ConstraintErrors):
        await Region.insert(Region(code="3", name="x", level="COUNTY", path="/", parent=999))
    assert await Region.count() == 1


async def test_a_cancelled_writer_blocks_nobody(environment: Environment) -> None:
    begun = asyncio.Event()

    async def hold() -> None:
        async with transaction():
            await add_region("1")
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(add_region("2"), 10)
    assert await Region.count() == 1


async def test_waiting_writers_that_are_cancelled_free_the_queue(environment: Environment) -> None:
    async def write(code: str) -> None:
        async with transaction():
            await add_region(code)

    for turn in range(10):
        tasks = [asyncio.create_task(write(f"{turn}-{number}")) for number in range(5)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.wait_for(write("last"), 10)
    assert await Region.exists().where(Region.code == "last")


async def test_a_statement_is_composed_once_and_takes_lists(environment: Environment) -> None:
    composed: list[int] = []

    def build(p):  # type: ignore[no-untyped-def]
        composed.append(1)
        return Region.select(Region.code).where(Region.code.is_in(p.codes)).order_by(Region.code)

    statement = Statement(build)
    for code in ("1", "2", "3"):
        await add_region(code)
    assert [row["code"] for row in await statement.run(codes=["1", "2", "9"])] == ["1", "2"]
    assert [row["code"] for row in await statement.run(codes=["3", "2", "1", "8"])] == ["1", "2", "3"]
    assert await statement.run(codes=[]) == []
    # Lists of three and of four are both padded to four: one text serves them.
    assert len(composed) == 1


async def test_values_come_back_in_their_types(environment: Environment) -> None:
    await Region.insert(Region(code="1", name="x", level="COUNTY", path="/", valid_from=date(2020, 2, 29)))
    row = await Statement(lambda p: Region.select(Region.valid_from, Region.valid_to)).first()
    assert row is not None
    assert (row["valid_from"], row["valid_to"]) == (date(2020, 2, 29), None)


async def test_queries_are_counted_in_tasks_too(environment: Environment) -> None:
    with count_queries() as queries:
        await asyncio.gather(Region.count(), Region.count())
    assert len(queries) == 2


async def test_migrating_again_does_nothing_and_two_at_once_do_it_once(
    sqlite_databases: object, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"

    async def run() -> list[str]:
        async with Database(url).session():
            return await migrate([CORE_MIGRATIONS])

    # Each opens connections of its own, as two processes would.
    first, second = await asyncio.gather(run(), run())
    assert sorted([first, second]) == [[], ["core/0001_initial"]]
    async with Database(url).session():
        assert await pending([CORE_MIGRATIONS]) == []


async def test_a_migration_changed_afterwards_is_noticed(environment: Environment) -> None:
    mark = "$1" if is_postgresql() else "?"
    await fetch(f"UPDATE migration_history SET digest = {mark} WHERE owner = 'core'", ["0" * 64])
    with pytest.raises(MigrationChanged, match="core/0001_initial"):
        await migrate([CORE_MIGRATIONS])


@pytest.mark.parametrize(("dialect", "ending"), [("sqlite", "sqlite"), ("postgres", "postgresql")])
def test_the_initial_migration_is_what_the_tables_declare(dialect: str, ending: str) -> None:
    import dingkao.migrations

    script = (Path(dingkao.migrations.__file__).parent / f"0001_initial.{ending}.sql").read_text(encoding="utf-8")
    assert script == ";\n\n".join(create_statements(CORE_TABLES, dialect)) + ";\n"


def test_a_script_is_cut_where_sqlite_says() -> None:
    trigger = "CREATE TRIGGER t BEFORE DELETE ON x BEGIN SELECT 1; SELECT 2; END;"
    assert split_statements(f"CREATE TABLE x (a);\n{trigger}\n") == ["CREATE TABLE x (a);", trigger]
    with pytest.raises(ValueError, match="ends inside"):
        split_statements("CREATE TABLE x (a")


@pytest.mark.parametrize("url", ["", "mysql://x/y", "sqlite://", "sqlite:///", "postgres"])
def test_a_wrong_address_says_what_to_write(url: str) -> None:
    with pytest.raises(BadDatabaseUrl, match="DINGKAO_DATABASE_URL must be sqlite"):
        Database(url)


async def test_a_database_that_cannot_be_opened_leaves_no_thread(tmp_path: Path) -> None:
    path = tmp_path / "not-a-database.db"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    before = set(threading.enumerate())
    with pytest.raises(sqlite3.DatabaseError):
        await Database(f"sqlite:///{path}").open()
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=10)
        assert not thread.is_alive()


def test_a_statement_ends_after_the_seconds_of_the_setting(postgresql_databases: PostgreSQLDatabases) -> None:
    async def ask(url: str) -> None:
        async with Database(url, statement_seconds=0.1).session():
            await fetch("SELECT pg_sleep(5)")

    with postgresql_databases.fresh() as url, pytest.raises(asyncpg.QueryCanceledError):
        asyncio.run(ask(url))
