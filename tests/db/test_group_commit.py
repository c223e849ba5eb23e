"""Several writers in one commit: nobody goes on before the disk has it, nobody undoes another's work."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from dingkao.db.database import Database, fetch, transaction
from dingkao.db.group_commit import MOST_SHARING, GroupCommit
from dingkao.db.sqlite import KeptSQLiteEngine
from dingkao.testing.databases import SQLiteDatabases


@pytest.fixture
def database(sqlite_databases: SQLiteDatabases) -> Iterator[Database]:
    with sqlite_databases.fresh() as url:
        yield Database(url)


async def write(code: str, *, fails: bool = False) -> None:
    async with transaction():
        await fetch("INSERT INTO region (code, name, level, path) VALUES (?, ?, 'COUNTY', '/')", [code, code])
        if fails:
            raise LookupError(code)


def codes(database: Database) -> set[str]:
    """What another process sees."""
    assert database.path is not None
    connection = sqlite3.connect(database.path)
    try:
        return {row[0] for row in connection.execute("SELECT code FROM region")}
    finally:
        connection.close()


def commits_of(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that begins or ends something on the writing connection, as it is sent."""
    assert isinstance(database.engine, KeptSQLiteEngine)
    writer = database.engine.writer
    sent: list[str] = []
    real = writer.execute_fetchall

    async def noting(sql: str, parameters: object = None) -> object:
        if sql.split()[0] in ("BEGIN", "SAVEPOINT", "COMMIT", "ROLLBACK"):
            sent.append(sql)
        return await real(sql, parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(writer, "execute_fetchall", noting)
    return sent


async def test_those_who_wait_share_a_commit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with database.session():
        sent = commits_of(database, monkeypatch)
        await asyncio.gather(*(write(str(number)) for number in range(20)))
        assert len(codes(database)) == 20
        assert sent.count("COMMIT") <= 3
        assert sent[0] == "BEGIN IMMEDIATE"


async def test_the_first_of_many_does_not_wait_for_the_last(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.session():
        sent = commits_of(database, monkeypatch)
        await asyncio.gather(*(write(str(number)) for number in range(5 * MOST_SHARING)))
        together = "".join("C" if word == "COMMIT" else "w" for word in sent).split("C")
        assert max(len(group) for group in together) == MOST_SHARING
        assert len(codes(database)) == 5 * MOST_SHARING


async def test_one_alone_needs_no_savepoint(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with database.session():
        sent = commits_of(database, monkeypatch)
        await write("1")
        await write("2")
        assert sent == ["BEGIN IMMEDIATE", "COMMIT"] * 2


async def test_nobody_goes_on_before_the_commit_that_holds_his_work(database: Database) -> None:
    async def write_and_look(number: int) -> bool:
        await write(str(number))
        return str(number) in codes(database)

    async with database.session():
        assert all(await asyncio.gather(*(write_and_look(number) for number in range(20))))


async def test_one_that_fails_undoes_nothing_of_the_others(database: Database) -> None:
    async with database.session():
        outcomes = await asyncio.gather(
            *(write(str(number), fails=number % 3 == 0) for number in range(20)), return_exceptions=True
        )
        failed = {str(number) for number, outcome in enumerate(outcomes) if isinstance(outcome, LookupError)}
        assert failed == {str(number) for number in range(0, 20, 3)}
        assert codes(database) == {str(number) for number in range(20)} - failed


async def test_any_of_them_may_be_cancelled_at_any_moment(database: Database) -> None:
    async with database.session():
        for turns in range(30):
            tasks = [asyncio.create_task(write(f"{turns}-{number}")) for number in range(6)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            outcomes = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
            kept = {f"{turns}-{number}" for number, outcome in enumerate(outcomes) if outcome is None}
            assert {f"{turns}-{number}" for number in (1, 3, 5)} <= kept <= codes(database)


async def test_a_commit_that_fails_is_told_to_all_whose_work_was_in_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.session():
        assert isinstance(database.engine, KeptSQLiteEngine)
        writer = database.engine.writer
        real = writer.execute_fetchall

        async def failing(sql: str, parameters: object = None) -> object:
            if sql == "COMMIT":
                raise sqlite3.OperationalError("disk I/O error")
            return await real(sql, parameters)  # type: ignore[arg-type]

        monkeypatch.setattr(writer, "execute_fetchall", failing)
        outcomes = await asyncio.gather(*(write(str(number)) for number in range(5)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [sqlite3.OperationalError] * 5
        monkeypatch.undo()
        assert codes(database) == set()
        await asyncio.wait_for(write("after"), 10)
        assert codes(database) == {"after"}


async def test_a_transaction_that_sqlite_gave_up_is_told_to_all_whose_work_was_in_it(database: Database) -> None:
    async def lose() -> None:
        async with transaction():
            await fetch("ROLLBACK")  # what SQLite does by itself on a full disk
            raise LookupError

    async with database.session():
        outcomes = await asyncio.gather(write("1"), write("2"), lose(), write("3"), return_exceptions=True)
        told = [isinstance(outcome, sqlite3.OperationalError) for outcome in outcomes]
        stored = codes(database)
        assert told[:2] == [True, True]
        assert isinstance(outcomes[2], LookupError)
        assert not told[3]
        assert stored == {"3"}


async def test_closing_commits_what_waits_for_it(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "some.db", isolation_level=None)

    class Writer:
        async def execute_fetchall(self, sql: str, parameters: object = None) -> object:
            await asyncio.sleep(0)
            return connection.execute(sql).fetchall()

    connection.execute("CREATE TABLE t (a)")
    group = GroupCommit(Writer())

    async def insert(value: int) -> None:
        await group.enter()
        connection.execute("INSERT INTO t VALUES (?)", [value])
        await group.finish()

    tasks = [asyncio.create_task(insert(number)) for number in range(3)]
    await asyncio.sleep(0)
    async with group.held():
        assert not connection.in_transaction
    await asyncio.gather(*tasks)
    assert connection.execute("SELECT COUNT(*) FROM t").fetchone() == (3,)
    connection.close()


async def test_another_process_is_waited_for_however_often_that_takes_asking(database: Database) -> None:
    assert database.path is not None
    other = sqlite3.connect(database.path, isolation_level=None)
    async with database.session():
        sent = asyncio.Event()
        assert isinstance(database.engine, KeptSQLiteEngine)
        writer = database.engine.writer
        real = writer.execute_fetchall

        async def noting(sql: str, parameters: object = None) -> object:
            try:
                return await real(sql, parameters)  # type: ignore[arg-type]
            except sqlite3.OperationalError:
                sent.set()
                raise

        writer.execute_fetchall = noting  # type: ignore[method-assign,assignment]
        try:
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(write("110000"))
            await sent.wait()
            assert not writing.done()
            other.execute("COMMIT")
            await writing
            assert codes(database) == {"110000"}
        finally:
            writer.execute_fetchall = real  # type: ignore[method-assign]
            other.close()


async def test_another_process_that_never_lets_go_is_an_error(database: Database) -> None:
    assert database.path is not None
    other = sqlite3.connect(database.path, isolation_level=None)
    async with database.session():
        assert isinstance(database.engine, KeptSQLiteEngine)
        writing = GroupCommit(database.engine.writer, patience=0.02)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await writing.enter()
        other.execute("COMMIT")
        other.close()
        await writing.enter()
        await writing.undo()
