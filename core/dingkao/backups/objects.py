"""The stored files of a backup where they lie in a store and not in a folder: fetched by the names that the database
holds, into the same places of the backup as a folder's, and put back by them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from dingkao.db.statement import Statement
from dingkao.plugin.ports import FileStore
from dingkao.results.tables import ResultDocument
from dingkao.storage.tables import StoredFile

# Requests at once.
AT_ONCE = 8
_PAGE = 1000

_uploads = Statement(
    lambda p: (
        StoredFile.select(StoredFile.id, StoredFile.name.as_alias("name"))
        .where(StoredFile.id > p.after)
        .order_by(StoredFile.id)
        .limit(_PAGE)
    )
)
_documents = Statement(
    lambda p: (
        ResultDocument.select(ResultDocument.id, ResultDocument.file_name.as_alias("name"))
        .where(ResultDocument.id > p.after)
        .order_by(ResultDocument.id)
        .limit(_PAGE)
    )
)

Progress = Callable[[int, int], None]


async def stored_names() -> list[str]:
    """The names of all files that the database in use refers to. To be asked after the copy of the database is made:
    then none that the copy names is missing."""
    names: list[str] = []
    for statement in (_uploads, _documents):
        after = 0
        while rows := await statement.run(after=after):
            after = rows[-1]["id"]
            names += [row["name"] for row in rows if row["name"]]
    return names


async def fetch_files(store: FileStore, names: Sequence[str], folder: Path, progress: Progress) -> list[str]:
    """Copy the files into `folder`, as a folder of files has them; the names of those that the store has not: they were
    deleted since the names were read, or lost. Raises PortFailed, OSError."""
    missing: list[str] = []

    async def fetch(name: str) -> None:
        try:
            data = await store.get(name)
        except KeyError:
            missing.append(name)
            return
        await asyncio.to_thread(_write, folder / name[:2] / name[2:4] / name, data)

    await asyncio.to_thread(folder.mkdir, mode=0o700)
    await _all(fetch, names, progress)
    return missing


async def put_files(store: FileStore, folder: Path, progress: Progress) -> None:
    """Put the files of a backup's `folder` into the store. One that is there already is the same: names are random, and
    what lies under one never changes. Raises PortFailed, OSError."""
    paths = await asyncio.to_thread(_files_in, folder)

    async def put(name: str) -> None:
        # The database knows the types; the store's own are not asked for.
        await store.put(name, await asyncio.to_thread(paths[name].read_bytes), "application/octet-stream")

    await _all(put, list(paths), progress)


def _write(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)


def _files_in(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted(folder.rglob("*")) if path.is_file()}


async def _all(act: Callable[[str], Awaitable[None]], names: Sequence[str], progress: Progress) -> None:
    waiting, done = iter(names), 0

    async def worker() -> None:
        nonlocal done
        for name in waiting:
            await act(name)
            done += 1
            progress(done, len(names))

    async with asyncio.TaskGroup() as group:
        for _ in range(min(AT_ONCE, len(names))):
            group.create_task(worker())
