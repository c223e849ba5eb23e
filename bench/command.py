"""The command: database, servers, measures, table."""

import argparse
import asyncio
import os
import platform
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from importlib.metadata import version
from pathlib import Path

from bench.databases import ensure_province, postgresql_database, sqlite_database
from bench.measuring import Bench, Row, first_count, log_in, settle
from bench.operations import Cast, Operation, operations, read_cast
from bench.servers import bare_server, dingkao_server
from dingkao.crypto.ring import KeyRing
from dingkao.db.database import Database
from dingkao.testing.keys import TEST_KEYS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; the process's exit code."""
    asked = _parser().parse_args(arguments)
    database = (
        nullcontext(asked.database_url)
        if asked.database_url
        else postgresql_database()
        if asked.postgresql
        else sqlite_database()
    )
    with ExitStack() as stack:
        url = stack.enter_context(database)
        product = asyncio.run(ensure_province(url))
        cast = asyncio.run(_cast(url))
        chosen = [operation for operation in operations(cast) if not asked.only or operation.name in asked.only]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dingkao-bench-")))
        dingkao = stack.enter_context(dingkao_server(url, folder))
        bare = stack.enter_context(bare_server(url, folder))
        tokens = log_in(dingkao, _login_names(chosen))
        settle()
        bench = Bench(dingkao, bare, tokens, asked.connections, asked.seconds, first_count(cast.highest_sequence))
        rows = [bench.measure(operation, asked.rounds, asked.scale) for operation in chosen]
    print(_heading(product, asked.connections, asked.rounds))
    print(_table(rows))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="CPU milliseconds a request of the server process, for four operations on 100,000 made-up doctors, "
        "beside bare Starlette routes that return the same JSON from hand-written SQL."
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--postgresql", action="store_true", help="on a PostgreSQL from pip instead of SQLite")
    place.add_argument("--database-url", help="on this database, which is empty or was filled by the bench")
    parser.add_argument("--connections", type=int, default=32, help="connections that ask at once (32)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds for each operation and server; medians count (3)")
    parser.add_argument("--seconds", type=float, default=20, help="the longest that one round may take (20)")
    parser.add_argument("--scale", type=float, default=1.0, help="times the usual number of requests (1.0)")
    parser.add_argument("--only", action="append", help="measure this operation alone; may be given again")
    return parser


async def _cast(url: str) -> Cast:
    async with Database(url, KeyRing.of(TEST_KEYS)).session():
        return await read_cast()


def _login_names(chosen: Sequence[Operation]) -> list[str]:
    return sorted({sending.login_name for operation in chosen for sending in operation.sendings})


def _heading(product: str, connections: int, rounds: int) -> str:
    parts = ", ".join(
        f"{name} {version(name)}" for name in ("strawberry-graphql", "graphql-core", "piccolo", "uvicorn")
    )
    return (
        f"\n{product}; {connections} connections, median of {rounds} rounds; "
        f"Python {platform.python_version()}, {os.cpu_count()} cores; {parts}\n"
    )


def _table(rows: Sequence[Row]) -> str:
    """The table in Markdown, columns aligned."""
    lines = [
        [
            "operation", "CPU ms/request", "p50 ms", "p99 ms", "requests/s", "bytes",
            "bare CPU ms", "bare p50 ms", "bare p99 ms", "bare requests/s", "ratio of CPU",
        ]
    ]  # fmt: skip
    for row in rows:
        ours = row.dingkao
        line = [row.operation.name, f"{ours.cpu:.2f}", f"{ours.p50:.1f}", f"{ours.p99:.1f}", f"{ours.rate:.0f}"]
        line.append(str(ours.bytes))
        if row.bare is None or row.ratio is None:
            line += ["–"] * 5
        else:
            bare = row.bare
            line += [f"{bare.cpu:.2f}", f"{bare.p50:.1f}", f"{bare.p99:.1f}", f"{bare.rate:.0f}", f"{row.ratio:.1f}"]
        lines.append(line)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    shown = ["| " + " | ".join(_aligned(line, widths)) + " |" for line in lines]
    rule = "| " + " | ".join(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]) + " |"
    return "\n".join([shown[0], rule, *shown[1:]])


def _aligned(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
