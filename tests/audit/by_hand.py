"""What somebody does who owns the tables."""

import sqlite3

import asyncpg

from dingkao.db.database import fetch, is_postgresql

# What the triggers' refusals are to the drivers.
Refused = (sqlite3.IntegrityError, asyncpg.RaiseError)


async def by_hand(*statements: str) -> None:
    """Take the triggers away, and then change what one likes."""
    if is_postgresql():
        # Of one session alone, as all of it must be.
        for statement in statements:
            await fetch(f"DO $$ BEGIN SET LOCAL session_replication_role = replica; {statement}; END $$")
        return
    triggers = await fetch("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    for row in triggers:
        await fetch(f'DROP TRIGGER "{row["name"]}"')
    for statement in statements:
        await fetch(statement)
    for row in triggers:
        await fetch(row["sql"])
