"""How long the chain of the audit takes to be walked: `python bench/audit_chain.py [--entries 1000000]`.

Makes an SQLite database of its own with so many entries, chained as the server chains them, and walks it as `dingkao
audit verify` does, with its progress bar. Prints seconds by the wall and of this process's CPU.
"""

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dingkao.application import build_environment
from dingkao.audit.chain import CONTENT, NOTHING, entry_digest
from dingkao.audit.keys import current_key
from dingkao.audit.verification import verify_chain
from dingkao.cli.auditing import progress_bar
from dingkao.cli.opening import all_migrations
from dingkao.db.migrations import migrate
from dingkao.environment import Environment
from dingkao.settings import Settings
from dingkao.testing.keys import TEST_KEYS

_START = datetime(2026, 1, 1, tzinfo=UTC)
_COLUMNS = (*CONTENT, "previous", "digest")


def made_entries(environment: Environment, number: int) -> Iterator[tuple[Any, ...]]:
    """Rows of `_COLUMNS` like those of acts."""
    key = current_key(environment)
    previous = NOTHING
    for place in range(1, number + 1):
        entry = {
            "id": place,
            "at": _START + timedelta(seconds=place),
            "account": place % 997 + 1,
            "session": place % 4999 + 1,
            "role": "DOCTOR",
            "organisation": None,
            "address": "192.0.2.17",
            "request_id": f"{place:016x}",
            "action": "SAVE_REGISTRATION_FORM",
            "object_type": "Assessment",
            "object_id": place % 9973 + 1,
            "result": "OK",
            "before": previous,
            "after": previous,
            "detail": '{"fields": ["contact_phone", "department"]}',
            "key": key.id,
        }
        digest = entry_digest(key.secret, entry, previous)
        yield (*((v.isoformat(" ") if isinstance(v, datetime) else v) for v in entry.values()), previous, digest)
        previous = digest


async def measure(folder: Path, number: int) -> None:
    """Make the database, walk it."""
    path = folder / "chain.db"
    environment = build_environment(Settings(database_url=f"sqlite:///{path}", keys=TEST_KEYS))  # type: ignore[arg-type]
    async with environment.database.session():
        await migrate(all_migrations(environment.registry))
    begun = _now()
    with sqlite3.connect(path) as connection:
        marks = ", ".join("?" * len(_COLUMNS))
        connection.executemany(
            f"INSERT INTO audit_entry ({', '.join(_COLUMNS)}) VALUES ({marks})",
            made_entries(environment, number),
        )
    connection.close()
    _tell("written", number, begun)
    async with environment.database.session():
        begun = _now()
        with progress_bar(number) as walked:
            verified = await verify_chain(environment, progress=walked)
        _tell("walked", verified.entries, begun)
        assert verified.broken is None, verified.broken


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _tell(what: str, number: int, begun: tuple[float, float]) -> None:
    wall, cpu = (end - start for start, end in zip(begun, _now(), strict=True))
    print(f"{what} {number} entries in {wall:.1f} s, {cpu:.1f} s of CPU: {number / cpu:.0f} a second of it", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    with tempfile.TemporaryDirectory(prefix="dk-chain-") as name:
        asyncio.run(measure(Path(name), parser.parse_args().entries))
