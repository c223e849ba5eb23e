"""Tables and migrations of plugins: behind the prefix, complete, and dependent on nothing that moves."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from piccolo.columns import BigInt, Integer

from dingkao.db.routing import ROUTER as CORE_ROUTER
from dingkao.doctors.tables import Doctor
from dingkao.host.loading import FoundPlugin, PluginRefused, build_registry, find_plugins
from dingkao.host.storage import wrong_with_table
from dingkao.plugin import hookimpl
from dingkao.plugin.subject_access import HeldOfDoctor, KeyOf, NothingOfDoctors
from dingkao.plugin.tables import ROUTER, MigrationSet, Record, reference
from dingkao.registry import Registry


class NightShift(Record, db=ROUTER, tablename="night_shift"):
    number = Integer()
    doctor = BigInt()

    _indexes = ('CREATE INDEX "night_shift_doctor" ON "night_shift" ("doctor")',)


class Unrouted(Record, db=CORE_ROUTER, tablename="night_unrouted"):
    number = Integer()


class Referring(Record, db=ROUTER, tablename="night_referring"):
    doctor = reference(Doctor)


class IndexingElsewhere(Record, db=ROUTER, tablename="night_indexing"):
    number = Integer()

    _indexes = ('CREATE INDEX "x" ON "doctor" ("id")',)


CREATE = 'CREATE TABLE "night_shift" ("id" BIGINT PRIMARY KEY, "number" INTEGER, "doctor" BIGINT);\n'
Package = Callable[..., str]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Makes a package of migrations: file names and SQL texts; with one text, both databases have it."""
    monkeypatch.syspath_prepend(tmp_path)
    made: list[str] = []

    def make(name: str, **files: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").touch()
        for file, sql in files.items():
            for engine in ("sqlite", "postgresql") if "__" not in file else (file.split("__")[1],):
                (folder / f"{file.split('__')[0].removeprefix('m')}.{engine}.sql").write_text(sql)
        made.append(name)
        return name

    yield make
    for name in made:
        sys.modules.pop(name, None)


def plugin(name: str = "night", **hooks: Any) -> FoundPlugin:
    def answer(value: Any) -> Any:
        return hookimpl(lambda self: value)

    members = {"plugin_api": 1, **{hook: answer(value) for hook, value in hooks.items()}}
    return FoundPlugin(name, f"dingkao-{name}", "1.0", type("Plugin", (), members)())


def night(migrations: str, *tables: type[Record], after: tuple[str, ...] = ()) -> FoundPlugin:
    return plugin(tables=list(tables), migrations=MigrationSet("night", migrations, after))


def problems(*plugins: FoundPlugin) -> list[str]:
    with pytest.raises(PluginRefused) as caught:
        build_registry(plugins)
    return list(caught.value.problems)


def test_a_table_with_its_migration(package: Package) -> None:
    registry = build_registry(
        [night(package("night_a", m0001_initial=CREATE), NightShift, after=("core/0001_initial",))]
    )
    assert [table._meta.tablename for table in registry.tables] == ["night_shift"]


def test_a_table_outside_the_prefix() -> None:
    assert problems(plugin("day", tables=[NightShift])) == [
        "plugin day: table night_shift must be named day_…",
        "plugin day declares tables but no migrations; implement the hook migrations",
    ]


def test_the_longer_of_two_names_owns_the_table(package: Package) -> None:
    class Swap(Record, db=ROUTER, tablename="night_shift_swap"):
        number = Integer()

    sql = 'CREATE TABLE "night_shift_swap" ("id" BIGINT PRIMARY KEY, "number" INTEGER);'
    alone = night(package("night_b", m0001_initial=sql), Swap)
    assert [table._meta.tablename for table in build_registry([alone]).tables] == ["night_shift_swap"]
    beside = problems(alone, plugin("night_shift"))
    assert "plugin night: table night_shift_swap must be named night_…" in beside


@pytest.mark.parametrize("name", ["doctor", "audit", "core", "Night", "night-shift", "_night", "n" * 41])
def test_a_name_that_cannot_stand_in_front_of_tables(name: str) -> None:
    (found,) = problems(plugin(name))
    assert found.startswith(f"plugin {name}: ")
    assert found.endswith("rename the entry point")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (Unrouted, "table night_unrouted is made without dingkao.plugin.tables.ROUTER"),
        (
            Referring,
            "table night_referring refers to doctor, which is not the plugin's; keep its key as a plain BigInt",
        ),
        (IndexingElsewhere, "table night_indexing has an index on doctor; an index is on night_indexing"),
    ],
)
def test_a_table_that_reaches_the_core(table: type[Record], said: str) -> None:
    assert any(f"plugin night: {said}" in problem for problem in problems(plugin(tables=[table])))


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (HeldOfDoctor("doctor", shown=("doctor",)), ["says of its column number neither that it is shown nor why not"]),
        (HeldOfDoctor("doctor", shown=("doctor",), left_out={"number": " "}), ["leaves out number without a reason"]),
        (
            HeldOfDoctor("doctor", shown=("doctor", "number"), left_out={"number": "twice", "name": "not there"}),
            ["shows or leaves out name, which is no column of it", "both shows and leaves out number"],
        ),
        (
            HeldOfDoctor("shift.doctor", shown=("doctor", "number")),
            ["belongs to a doctor by shift.doctor, which is no column of it or of what it refers to"],
        ),
        (
            HeldOfDoctor("number", shown=("doctor", "number")),
            ["belongs to a doctor by number: say by key_of what its number names"],
        ),
        (HeldOfDoctor("number", shown=("doctor", "number"), key_of=KeyOf.ACCOUNT), []),
        (NothingOfDoctors(""), ["says that it holds nothing of doctors, and not why"]),
        ("doctor", ["has a _subject_access that is neither HeldOfDoctor nor NothingOfDoctors"]),
    ],
)
def test_what_a_table_declares_of_doctors_has_to_fit_it(declared: object, said: list[str]) -> None:
    declaring = type("Declaring", (NightShift,), {"_subject_access": declared}, tablename="night_declaring", db=ROUTER)
    declaring._indexes = ()
    assert wrong_with_table("night", declaring, ["night"]) == [f"table night_declaring {sentence}" for sentence in said]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"m0001_initial": 'CREATE TABLE "day_shift" ("id" BIGINT);'},
         "migration 0001_initial (sqlite) touches day_shift; it may touch tables named night_… only"),
        ({"m0001_initial": f'{CREATE} ALTER TABLE "doctor" ADD COLUMN "x" INTEGER;'},
         "migration 0001_initial (postgresql) touches doctor; it may touch tables named night_… only"),
        ({"m0001_initial": f'{CREATE} CREATE TABLE "night_x" ("d" BIGINT REFERENCES "doctor" ("id"));'},
         "migration 0001_initial (sqlite) touches doctor; it may touch tables named night_… only"),
        ({"m0001_initial": f"{CREATE} ATTACH 'other.db' AS other;"},
         "migration 0001_initial (sqlite) says ATTACH; a plugin's migration may not"),
        ({"m0001_initial__sqlite": CREATE}, "migration 0001_initial has no file 0001_initial.postgresql.sql"),
        ({"mfirst": CREATE}, "migration first (sqlite) must be named with four digits and words, as 0001_initial"),
        ({"m0001_initial": 'CREATE TABLE "night_other" ("id" BIGINT);'},
         "table night_shift is declared, but no migration for sqlite creates it"),
        ({}, "hold no NAME.sqlite.sql and NAME.postgresql.sql"),
    ],
)  # fmt: skip
def test_migrations_that_leave_their_place(package: Package, files: dict[str, str], said: str) -> None:
    name = f"night_c{abs(hash(said)) % 10**8}"
    assert any(said in problem for problem in problems(night(package(name, **files), NightShift)))


def test_another_owners_migrations_and_a_package_that_is_not_there() -> None:
    (found,) = problems(plugin(migrations=MigrationSet(owner="core", package="dingkao.migrations")))
    assert found == "plugin night: its migrations are owned by core; write owner='night'"
    (found,) = problems(night("no_such_package"))
    assert "its migrations are in no_such_package, which is no package; ship it in the distribution" in found


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ("core/latest", 'come after "core/latest"; name a migration that exists, as core/0001_initial'),
        ("core/__latest__", 'come after "core/__latest__"; name a migration that exists'),
        ("core/0099_future", "come after core/0099_future, which core does not have; it has 0001_initial"),
        ("day/0001_initial", "come after day/0001_initial, but day is not loaded or has no migrations"),
        ("core", "come after 'core', which is not owner/migration; write core/0001_initial"),
        ("night/0001_initial", "come after night/0001_initial, which is one of their own"),
    ],
)
def test_what_migrations_may_not_come_after(package: Package, after: str, said: str) -> None:
    name = f"night_d{abs(hash(after)) % 10**8}"
    (found,) = problems(night(package(name, m0001_initial=CREATE), NightShift, after=(after,)))
    assert found.startswith(f"plugin night: its migrations {said}")


def owners(registry: Registry) -> list[str]:
    return [migrations.owner for migrations in registry.migrations]


def test_a_set_comes_behind_those_that_it_names(package: Package) -> None:
    sql = 'CREATE TABLE "{0}_x" ("id" BIGINT);'
    aaa, bbb = (package(f"order_{name}", m0001_initial=sql.format(name)) for name in ("aaa", "bbb"))
    first = plugin("aaa", migrations=MigrationSet("aaa", aaa, after=("bbb/0001_initial", "exemptions/0001_initial")))
    second = plugin("bbb", migrations=MigrationSet("bbb", bbb))
    assert owners(build_registry([*find_plugins(), first, second])) == ["bbb", "exemptions", "aaa"]
    assert owners(build_registry([second, first, *find_plugins()])) == ["bbb", "exemptions", "aaa"]
    circle = plugin("bbb", migrations=MigrationSet("bbb", bbb, after=("aaa/0001_initial",)))
    alone = plugin("aaa", migrations=MigrationSet("aaa", aaa, after=("bbb/0001_initial",)))
    assert problems(alone, circle) == ["plugins aaa, bbb: their migrations wait for each other; remove an `after`"]
