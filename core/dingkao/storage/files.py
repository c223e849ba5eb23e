"""Where uploaded and composed files lie: a folder by default, an S3-compatible store by its URL.

A file is written once under an unguessable name of our own making and read by that name; who may read it, its media
type and whose it is, stand in the database. Nothing of what a user called the file reaches the store.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from dingkao.plugin.ports import PortFailed

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_NAME = re.compile(r"[0-9a-f]{40}")
_REQUEST_TIMEOUT = timedelta(seconds=20)
_MOST_RETRIES = 2


class FileStoreError(PortFailed):
    """The store cannot do what it was asked to: the disk is full, the service does not answer, the URL is wrong."""


class FileMissing(KeyError):
    """There is no file of that name."""


class FileNameRefused(ValueError):
    """A name that ``new_file_name`` cannot have made. It is not repeated in the message."""


def new_file_name() -> str:
    """Make the name of a new file: 40 hexadecimal digits, 160 bits that nobody can guess and that say nothing."""
    return secrets.token_hex(20)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise FileNameRefused("not a name of this store")
    return name


class LocalFileStore:
    """A ``FileStore`` in a folder of this machine, readable by this account alone.

    A file is written beside its place, flushed to the disk and then renamed into it: a crash leaves the file whole or
    absent, and at worst a leftover in ``.incoming``, which ``remove_leftovers`` clears. Two levels of folders, by the
    first four digits of the name, keep each folder small. The work is done in threads, off the event loop.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._incoming = self._root / ".incoming"
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._incoming.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise FileStoreError(f"the folder of the files cannot be made: {error.strerror}") from error

    async def put(self, name: str, data: bytes, media_type: str) -> None:
        """Keep ``data``, all of it or nothing; when this returns it is there to stay. A second time replaces it whole.

        The folder keeps no media type, the database does.
        """
        await asyncio.to_thread(self._put, _checked(name), data)

    async def get(self, name: str) -> bytes:
        """Give the content of a file. Raises ``FileMissing``."""
        return await asyncio.to_thread(self._get, _checked(name))

    async def delete(self, name: str) -> None:
        """Remove a file if it is there."""
        await asyncio.to_thread(self._delete, _checked(name))

    async def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return await asyncio.to_thread(self._path(_checked(name)).is_file)

    async def remove_leftovers(self, before: datetime) -> int:
        """Remove what writes interrupted before that moment (with its time zone) left behind, and give their number."""
        return await asyncio.to_thread(self._remove_leftovers, before.timestamp())

    def _path(self, name: str) -> Path:
        return self._root / name[:2] / name[2:4] / name

    def _put(self, name: str, data: bytes) -> None:
        path = self._path(name)
        temporary = self._incoming / f"{name}.{secrets.token_hex(8)}"
        try:
            for folder in (path.parent.parent, path.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
            _write_through(temporary, data)
            temporary.replace(path)
            for folder in (path.parent, path.parent.parent, self._root):
                _flush_folder(folder)
        except OSError as error:
            raise FileStoreError(f"the file cannot be written: {error.strerror}") from error
        finally:
            temporary.unlink(missing_ok=True)

    def _get(self, name: str) -> bytes:
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError as error:
            raise FileMissing("no such file") from error
        except OSError as error:
            raise FileStoreError(f"the file cannot be read: {error.strerror}") from error

    def _delete(self, name: str) -> None:
        path = self._path(name)
        try:
            path.unlink()
            _flush_folder(path.parent)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise FileStoreError(f"the file cannot be removed: {error.strerror}") from error

    def _remove_leftovers(self, before: float) -> int:
        removed = 0
        for leftover in self._incoming.iterdir():
            with suppress(FileNotFoundError):  # another process may be clearing too
                if leftover.stat().st_mtime < before:
                    leftover.unlink()
                    removed += 1
        return removed


def _write_through(path: Path, data: bytes) -> None:
    """Write a new file, for this account alone, and wait until the disk has it."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Wait until the disk has the folder's entries; without it a renamed file may be gone after a power cut."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows flushes them by itself, and cannot open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class ObjectFileStore:
    """A ``FileStore`` in an object store, by the obstore library: ``s3://bucket/prefix``, or ``memory:///`` for trials.

    The credentials and the address of an S3-compatible service are read from the environment as obstore does:
    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT, AWS_ALLOW_HTTP (for an endpoint without TLS). An
    object is written in one request and seen whole or not at all. A request is given up after 20 seconds, and made at
    most three times.
    """

    def __init__(self, url: str) -> None:
        self._store = _open_object_store(url)

    async def put(self, name: str, data: bytes, media_type: str) -> None:
        """Keep ``data``, all of it or nothing, with its media type as Content-Type. A second time replaces it whole."""
        import obstore

        key = _key(name)
        try:
            async with _failures():
                await obstore.put_async(
                    self._store, key, data, attributes={"Content-Type": media_type}, use_multipart=False
                )
        except FileMissing as error:
            raise FileStoreError("the bucket is not there") from error

    async def get(self, name: str) -> bytes:
        """Give the content of a file. Raises ``FileMissing``."""
        import obstore

        key = _key(name)
        async with _failures():
            return bytes(await (await obstore.get_async(self._store, key)).bytes_async())

    async def delete(self, name: str) -> None:
        """Remove a file if it is there."""
        import obstore

        key = _key(name)
        with suppress(FileMissing):
            async with _failures():
                await obstore.delete_async(self._store, key)

    async def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        import obstore

        key = _key(name)
        try:
            async with _failures():
                await obstore.head_async(self._store, key)
        except FileMissing:
            return False
        return True


def _key(name: str) -> str:
    return f"{_checked(name)[:2]}/{name[2:4]}/{name}"


def _open_object_store(url: str) -> ObjectStore:
    try:
        from obstore.exceptions import BaseError
        from obstore.store import MemoryStore, from_url
    except ImportError as error:
        raise FileStoreError("files in an object store need the package obstore: pip install obstore") from error
    if urlsplit(url).scheme == "memory":
        return MemoryStore()
    try:
        return from_url(
            url,
            # obstore itself no longer looks for AWS_ALLOW_HTTP once it is given any option of the client.
            client_options={
                "timeout": _REQUEST_TIMEOUT,
                "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true"),
            },
            retry_config={"max_retries": _MOST_RETRIES, "retry_timeout": 3 * _REQUEST_TIMEOUT},
        )
    except (BaseError, ValueError) as error:  # its message is not shown: it repeats the URL, which may hold a password
        raise FileStoreError("the URL of the object store is not understood: expected s3://bucket/prefix") from error


@asynccontextmanager
async def _failures() -> AsyncIterator[None]:
    """Give the errors of the object store the names of this module."""
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError as error:
        raise FileMissing("no such file") from error
    except (BaseError, OSError) as error:
        raise FileStoreError(f"the object store failed: {type(error).__name__}") from error


def open_file_store(location: str) -> LocalFileStore | ObjectFileStore:
    """Open the store at ``location``: a folder, ``file:///folder``, or the URL of an object store (``s3://…``).

    Raises ``FileStoreError`` where the folder cannot be made or the URL is not understood.
    """
    if "://" not in location:
        return LocalFileStore(Path(location))
    url = urlsplit(location)
    if url.scheme == "file":
        return LocalFileStore(Path(unquote(url.path)))
    return ObjectFileStore(location)
