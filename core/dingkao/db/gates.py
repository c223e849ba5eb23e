"""Gates: what many transactions go through side by side, until one closes it behind those that are on their way.

A transaction that reads what another one is about to write sees nothing of it before COMMIT, and the other one does
not see its rows: each misses the other. Who writes what all have to see closes the gate, waits for those who are
through, and opens it with its COMMIT; who comes meanwhile waits, or is told that it is closed where the work can be
done later. On PostgreSQL a gate is an advisory lock to the end of the transaction (no row is written by going
through); on SQLite, where one transaction writes at a time, it is nothing.
"""

from enum import IntEnum

from dingkao.db.database import fetch, is_postgresql


class Gate(IntEnum):
    """What lies behind the gate; its number is the first key of the advisory lock. Gates are gone through and closed
    before an assessment is locked, so that nobody waits in a ring."""

    MARKING = 4101
    """Marking the attempts of a cycle: closed by who voids a question or fixes a pass mark, for minutes in a province.
    Nobody waits before it: the requests of those who submit would hold every connection."""
    STARTING = 4102
    """Beginning attempts at an assessment body: closed by who gives its sittings extra time. Who begins waits."""


class GateClosed(Exception):
    """The gate is closed; what lies behind it is for later."""


def _second_key(key: str) -> str:
    # Two keys that meet would wait for each other without need, no more.
    return f"CAST({key} % 2147483647 AS INTEGER)"


def going_through(gate: Gate, key: str) -> str:
    """A condition for a WHERE of PostgreSQL that goes through the gate of the row's `key` (SQL for a whole number): a
    row is locked after its conditions were looked at. Not true where the gate is closed and nobody waits before it.
    Other statements then see what was committed before it could go through; the same statement does not."""
    keys = f"{gate.value}, {_second_key(key)}"
    if gate is Gate.MARKING:
        return f"pg_try_advisory_xact_lock_shared({keys})"
    return f"pg_advisory_xact_lock_shared({keys}) IS NOT NULL"


async def close_gate(gate: Gate, key: int) -> None:
    """Wait for those who are through the gate, and let nobody else in before this transaction ends."""
    if is_postgresql():
        await fetch(f"SELECT pg_advisory_xact_lock({gate.value}, {_second_key('$1::bigint')})", [key])
