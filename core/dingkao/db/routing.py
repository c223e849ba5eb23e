"""One Table class, many databases: tables are bound to a router that finds the database of the running application.

Piccolo binds an engine to a table class for the whole process. Two applications in one process (the tests run every
case on SQLite and on PostgreSQL) therefore share `ROUTER`, which asks a context variable for the engine in force.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from piccolo.engine.base import Engine
from piccolo.query.base import Query
from piccolo.querystring import QueryString

_current: ContextVar[Engine[Any] | None] = ContextVar("dingkao_engine", default=None)
_dialect: ContextVar[str | None] = ContextVar("dingkao_dialect", default=None)


class NoDatabase(RuntimeError):
    """A query ran outside `Database.use()`: a mistake in the program, not in its input."""


def current_engine() -> Engine[Any]:
    """The engine of the running application. Raises NoDatabase outside `use_engine`."""
    engine = _current.get()
    if engine is None:
        raise NoDatabase("no database is in use here; enter `with database.use():` first")
    return engine


@contextmanager
def use_engine(engine: Engine[Any]) -> Iterator[None]:
    """Make `engine` the one that every table of this context talks to."""
    token = _current.set(engine)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def use_dialect(engine_type: str) -> Iterator[None]:
    """Let SQL text be composed for `sqlite` or `postgres` without a database at hand (migrations are written so)."""
    token = _dialect.set(engine_type)
    try:
        yield
    finally:
        _dialect.reset(token)


class Router(Engine[Any]):
    """Looks like an engine to Piccolo and hands every call to the current one."""

    def __init__(self) -> None:
        # Engine.__init__ would ask the server for its version; there is none yet.
        self.query_id = 0

    @property
    def engine_type(self) -> str:  # type: ignore[override]
        dialect = _dialect.get()
        return dialect if dialect is not None else str(current_engine().engine_type)

    async def get_version(self) -> float:
        return float(await current_engine().get_version())

    def get_version_sync(self) -> float:
        return float(current_engine().get_version_sync())

    async def prep_database(self) -> None:
        return None

    async def batch(self, query: Query[Any, Any], batch_size: int = 100, node: str | None = None) -> Any:
        return await current_engine().batch(query, batch_size=batch_size, node=node)

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> Any:
        return await current_engine().run_querystring(querystring, in_pool=in_pool)

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> Any:
        return await current_engine().run_ddl(ddl, in_pool=in_pool)

    def transform_response_to_dicts(self, results: Any) -> list[dict[str, Any]]:
        return list(current_engine().transform_response_to_dicts(results))

    def transaction(self, *args: Any, **kwargs: Any) -> Any:
        return current_engine().transaction(*args, **kwargs)

    def atomic(self, *args: Any, **kwargs: Any) -> Any:
        return current_engine().atomic(*args, **kwargs)

    def transaction_exists(self) -> bool:
        return bool(current_engine().transaction_exists())


ROUTER = Router()

SqlArguments = Sequence[Any]
