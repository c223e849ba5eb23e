"""The roles of PostgreSQL that docs/operators/audit.md tells to make: the server appends, auditors read."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from dingkao.application import build_environment
from dingkao.audit.verification import verify_chain
from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.db.database import fetch
from dingkao.environment import Environment
from dingkao.settings import Settings
from dingkao.testing.databases import PostgreSQLDatabases
from dingkao.testing.keys import TEST_KEYS

PAGE = Path(__file__).parents[2] / "docs" / "operators" / "audit.md"
ROLES = ("dingkao_server", "dingkao_auditor")


@pytest.fixture
def url(postgresql_databases: PostgreSQLDatabases) -> Iterator[str]:
    with postgresql_databases.fresh() as url:
        yield url


@pytest.fixture
async def environment(url: str) -> AsyncIterator[Environment]:
    """A database with the page's roles."""
    (script,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    environment = build_environment(Settings(database_url=url, keys=TEST_KEYS))  # type: ignore[arg-type]
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(script)
        async with environment.database.session():
            yield environment
    finally:
        for role in ROLES:
            await connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
        await connection.close()


async def as_role(environment: Environment, role: str, statement: str) -> None:
    connection = await asyncpg.connect(environment.settings.database_url)
    try:
        await connection.execute(f"SET ROLE {role}; {statement}")
    finally:
        await connection.close()


async def test_the_server_appends_and_changes_nothing(environment: Environment) -> None:
    async with begin(environment, SYSTEM_CALLER) as work:
        await fetch("SET LOCAL ROLE dingkao_server")
        await work.record("TRY", "Try", None)
        # With the role of the server still in force.
        await work.write_entries()
    assert (await verify_chain(environment)).entries == 1
    for table in ("audit_entry", "audit_retention", "answer_save", "state_transition"):
        for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await as_role(environment, "dingkao_server", statement)
    for statement in ("DELETE FROM audit_head", "DROP TRIGGER audit_entry_next ON audit_entry"):
        with pytest.raises((asyncpg.RaiseError, asyncpg.InsufficientPrivilegeError)):
            await as_role(environment, "dingkao_server", statement)


async def test_auditors_read_and_write_nothing(environment: Environment) -> None:
    for table in ("audit_entry", "audit_head", "audit_retention"):
        await as_role(environment, "dingkao_auditor", f"SELECT * FROM {table}")
        for statement in (f"INSERT INTO {table} DEFAULT VALUES", f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await as_role(environment, "dingkao_auditor", statement)
    for table in ("doctor", "account", "answer_save"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await as_role(environment, "dingkao_auditor", f"SELECT * FROM {table}")
