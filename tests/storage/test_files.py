"""The file stores: a real folder, and an object store in memory."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.storage.bucket import Bucket, local_bucket

from dingkao.plugin.ports import FileStore, PortFailed
from dingkao.storage.files import (
    FileMissing,
    FileNameRefused,
    FileStoreError,
    LocalFileStore,
    ObjectFileStore,
    new_file_name,
    open_file_store,
)


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LocalFileStore | ObjectFileStore:
    return LocalFileStore(tmp_path / "files") if request.param == "folder" else ObjectFileStore("memory:///")


def files_under(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_both_stores_fit_the_port(store: LocalFileStore | ObjectFileStore) -> None:
    port: FileStore = store
    assert isinstance(port, FileStore)
    assert issubclass(FileStoreError, PortFailed)
    assert issubclass(FileMissing, KeyError)


async def test_a_file_is_kept_read_and_removed(store: LocalFileStore | ObjectFileStore) -> None:
    name, data = new_file_name(), bytes(range(256)) * 5000
    assert not await store.exists(name)
    with pytest.raises(FileMissing):
        await store.get(name)
    await store.put(name, data, "image/jpeg")
    assert await store.exists(name)
    assert await store.get(name) == data
    await store.delete(name)
    assert not await store.exists(name)
    await store.delete(name)
    with pytest.raises(FileMissing):
        await store.get(name)


async def test_an_empty_file_is_a_file(store: LocalFileStore | ObjectFileStore) -> None:
    name = new_file_name()
    await store.put(name, b"", "application/pdf")
    assert await store.exists(name)
    assert await store.get(name) == b""


async def test_putting_again_replaces_the_whole(store: LocalFileStore | ObjectFileStore) -> None:
    name = new_file_name()
    await store.put(name, b"first and longer", "image/png")
    await store.put(name, b"second", "image/png")
    assert await store.get(name) == b"second"


async def test_many_files_at_once(store: LocalFileStore | ObjectFileStore) -> None:
    files = {new_file_name(): os.urandom(20_000) for _ in range(60)}
    await asyncio.gather(*(store.put(name, data, "image/png") for name, data in files.items()))
    read = await asyncio.gather(*(store.get(name) for name in files))
    assert dict(zip(files, read, strict=True)) == files


async def test_one_name_put_at_once_is_never_a_mixture(store: LocalFileStore | ObjectFileStore) -> None:
    name = new_file_name()
    versions = [bytes([number]) * 300_000 for number in range(12)]
    await store.put(name, versions[0], "image/png")
    seen: list[bytes] = []

    async def read() -> None:
        for _ in range(20):
            seen.append(await store.get(name))

    await asyncio.gather(read(), *(store.put(name, version, "image/png") for version in versions))
    assert all(data in versions for data in [*seen, await store.get(name)])


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../../etc/passwd",
        "/etc/passwd",
        "photo.jpg",
        "a" * 39,
        "a" * 41,
        "A" * 40,
        "g" * 40,
        "a" * 40 + "\n",
        "a" * 36 + "/../",
        "..%2f" + "a" * 35,
        "a" * 39 + "\x00",
        "\uff11" * 40,
        ".incoming",
    ],
)
async def test_foreign_names_are_refused(store: LocalFileStore | ObjectFileStore, name: str) -> None:
    for use in (store.put(name, b"x", "image/png"), store.get(name), store.delete(name), store.exists(name)):
        with pytest.raises(FileNameRefused) as caught:
            await use
        assert name == "" or name not in str(caught.value)


@given(st.text(max_size=60))
def test_no_text_leaves_the_folder(name: str) -> None:
    with pytest.raises(FileNameRefused):
        asyncio.run(ObjectFileStore("memory:///").get(name))


def test_names_are_long_and_different() -> None:
    names = {new_file_name() for _ in range(1000)}
    assert len(names) == 1000
    assert {len(name) for name in names} == {40}


async def test_the_folder_is_fanned_out_and_private(tmp_path: Path) -> None:
    root = tmp_path / "new" / "files"
    store = LocalFileStore(root)
    name = "ab12" + "0" * 36
    await store.put(name, b"x", "image/png")
    path = root / "ab" / "12" / name
    assert files_under(root) == [path]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [folder.stat().st_mode & 0o077 for folder in (root, path.parent, path.parent.parent)] == [0, 0, 0]


async def test_another_store_on_the_same_folder_sees_the_files(tmp_path: Path) -> None:
    name = new_file_name()
    await LocalFileStore(tmp_path).put(name, b"x", "image/png")
    assert await LocalFileStore(tmp_path).get(name) == b"x"


CRASH = """
import asyncio, os, pathlib, signal, sys
from dingkao.storage.files import LocalFileStore

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(*{"flush": (os, "fsync"), "rename": (pathlib.Path, "replace")}[sys.argv[2]], die)
asyncio.run(LocalFileStore(pathlib.Path(sys.argv[1])).put(sys.argv[3], b"x" * 1_000_000, "image/png"))
"""


@pytest.mark.parametrize("moment", ["flush", "rename"])
async def test_a_crash_leaves_no_half_file(tmp_path: Path, moment: str) -> None:
    store, name, other = LocalFileStore(tmp_path), new_file_name(), new_file_name()
    await store.put(other, b"before", "image/png")
    crashed = await asyncio.create_subprocess_exec(sys.executable, "-c", CRASH, str(tmp_path), moment, name)
    assert await crashed.wait() == -signal.SIGKILL
    assert not await store.exists(name)
    with pytest.raises(FileMissing):
        await store.get(name)
    leftovers = files_under(tmp_path / ".incoming")
    assert len(leftovers) == 1
    assert await store.remove_leftovers(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert await store.remove_leftovers(datetime.now(UTC) + timedelta(hours=1)) == 1
    assert files_under(tmp_path / ".incoming") == []
    await store.put(name, b"again", "image/png")
    assert (await store.get(name), await store.get(other)) == (b"again", b"before")


async def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store, name = LocalFileStore(tmp_path), new_file_name()
    (tmp_path / name[:2]).write_bytes(b"a file where a folder should be")
    with pytest.raises(FileStoreError, match="cannot be written"):
        await store.put(name, b"x", "image/png")
    assert files_under(tmp_path / ".incoming") == []


async def test_writing_does_not_hold_up_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk waits until the event loop has run: if the write were on the loop, it would wait for ever."""
    loop_ran = threading.Event()
    flush = os.fsync

    def slow_flush(descriptor: int) -> None:
        assert loop_ran.wait(10)
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", slow_flush)
    writing = asyncio.create_task(LocalFileStore(tmp_path).put(new_file_name(), b"x", "image/png"))
    await asyncio.sleep(0)
    loop_ran.set()
    await writing


async def test_the_object_store_keeps_the_media_type() -> None:
    import obstore

    store, name = ObjectFileStore("memory:///"), new_file_name()
    await store.put(name, b"x", "application/pdf")
    kept = await obstore.get_async(store._store, f"{name[:2]}/{name[2:4]}/{name}")
    assert kept.attributes["Content-Type"] == "application/pdf"


async def test_the_store_is_chosen_by_its_location(tmp_path: Path) -> None:
    name = new_file_name()
    by_path = open_file_store(str(tmp_path / "with space"))
    await by_path.put(name, b"x", "image/png")
    by_url = open_file_store((tmp_path / "with space").as_uri())
    assert isinstance(by_url, LocalFileStore)
    assert await by_url.get(name) == b"x"
    assert isinstance(open_file_store("memory:///"), ObjectFileStore)
    assert isinstance(open_file_store("s3://bucket/prefix"), ObjectFileStore)


@pytest.mark.parametrize("url", ["ftp://user:secret@host/x", "s3://", "nonsense://x"])
def test_a_wrong_url_is_told_without_repeating_it(url: str) -> None:
    with pytest.raises(FileStoreError, match="expected s3://bucket/prefix") as caught:
        open_file_store(url)
    assert "secret" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileStoreError, match="cannot be made"):
        LocalFileStore(tmp_path / "file" / "files")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with local_bucket() as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield


@pytest.mark.usefixtures("bucket")
async def test_an_object_store_is_reached_over_http() -> None:
    store, name = open_file_store("s3://files/dingkao"), new_file_name()
    assert not await store.exists(name)
    with pytest.raises(FileMissing):
        await store.get(name)
    data = os.urandom(7_000_000)
    await store.put(name, data, "image/jpeg")
    assert list(Bucket.objects) == [f"/files/dingkao/{name[:2]}/{name[2:4]}/{name}"]
    assert next(iter(Bucket.objects.values())) == ("image/jpeg", data)
    assert await store.get(name) == data
    assert await store.exists(name)
    await store.delete(name)
    await store.delete(name)
    assert Bucket.objects == {}


@pytest.mark.usefixtures("bucket")
async def test_an_object_store_that_refuses_or_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileStoreError, match="the bucket is not there"):
        await open_file_store("s3://elsewhere/dingkao").put(new_file_name(), b"x", "image/png")
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(FileStoreError, match="the object store failed"):
        await open_file_store("s3://files/dingkao").get(new_file_name())
