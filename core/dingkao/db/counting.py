"""Counting the SQL statements of a piece of work, for the tests that forbid queries in a loop."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_log: ContextVar[list[str] | None] = ContextVar("dingkao_query_log", default=None)


def note_query(sql: str) -> None:
    """Called by the engines before each statement; costs one look-up where nobody counts."""
    log = _log.get()
    if log is not None:
        log.append(sql)


@contextmanager
def count_queries() -> Iterator[list[str]]:
    """Collect the SQL text of every statement run inside the block (and in tasks started from it)."""
    log: list[str] = []
    token = _log.set(log)
    try:
        yield log
    finally:
        _log.reset(token)
