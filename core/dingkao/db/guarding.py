"""What plugins query with: as the core's own, but tables of the core are out of reach.

A plugin gets records of the core from `PluginServices`, which applies the scope of the account that asks. Its own
queries are looked at once for each text; one that names a table of the core is refused before it runs.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from piccolo.query.base import Query
from piccolo.querystring import QueryString

from dingkao.db.routing import Router
from dingkao.db.sql_names import tables_in
from dingkao.db.statement import Statement
from dingkao.db.tables import Record

# Texts that were looked at; forgotten all at once when there are so many, since an INSERT's text grows with its rows.
_KEPT_TEXTS = 4096


class OutOfReach(RuntimeError):
    """A plugin's query names a table of the core: a mistake in the plugin, not in anybody's input."""


def _records(kind: type[Record] = Record) -> Iterator[type[Record]]:
    for table in kind.__subclasses__():
        yield table
        yield from _records(table)


def core_tables() -> frozenset[str]:
    """The names of the tables that the core has declared so far."""
    own = {table._meta.tablename for table in _records() if table.__module__.startswith("dingkao.")}
    return frozenset(own | {"migration_history"})


class _Looked:
    """Which texts name no table of the core."""

    def __init__(self) -> None:
        self._fine: set[str] = set()

    def check(self, sql: str) -> None:
        """Raises OutOfReach."""
        if sql in self._fine:
            return
        reached = sorted(tables_in(sql) & core_tables())
        if reached:
            raise OutOfReach(
                f"a plugin's query names {', '.join(reached)}, a table of the core; ask PluginServices, which "
                "applies the scope of the account that asks"
            )
        if len(self._fine) >= _KEPT_TEXTS:
            self._fine.clear()
        self._fine.add(sql)


class PluginRouter(Router):
    """The router that plugins bind their tables to."""

    def __init__(self) -> None:
        super().__init__()
        self._looked = _Looked()

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> Any:
        """As Router's. Raises OutOfReach."""
        self._looked.check(querystring.compile_string()[0])
        return await super().run_querystring(querystring, in_pool=in_pool)

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> Any:
        """Raises OutOfReach: tables change by migrations alone."""
        raise OutOfReach("a plugin changes tables by its migrations alone")

    async def batch(self, query: Query[Any, Any], batch_size: int = 100, node: str | None = None) -> Any:
        """As Router's. Raises OutOfReach."""
        for querystring in query.querystrings:
            self._looked.check(querystring.compile_string()[0])
        return await super().batch(query, batch_size=batch_size, node=node)


class PluginStatement(Statement):
    """A Statement over tables of the plugin. `run` raises OutOfReach where it names one of the core's."""

    def _compose(self, values: Mapping[str, Any]) -> tuple[str, list[Any], Any]:
        composed = super()._compose(values)
        _statements.check(composed[0])
        return composed


_statements = _Looked()
PLUGIN_ROUTER = PluginRouter()
