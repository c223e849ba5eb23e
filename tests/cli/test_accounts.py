"""`dingkao account create`, `list`, `unlock`: the real command line in the test's own process: it is called often."""

import asyncio
import re
import sqlite3
from datetime import date, timedelta
from pathlib import Path

import pytest
from command_line import Outcome, Run

from dingkao.accounts.logging_in import log_in
from dingkao.accounts.sessions import Origin
from dingkao.application import build_environment
from dingkao.cli.main import app
from dingkao.clock import SystemClock, china_date
from dingkao.plugin.errors import ValidationFailed
from dingkao.settings import Settings
from dingkao.testing.sample import build_sample

SECRET = re.compile(r"[A-Z2-9]{12}")


@pytest.fixture
def run(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `dingkao account` with arguments on the test's database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DINGKAO_DATABASE_URL", sqlite_url)

    def run(*arguments: str) -> Outcome:
        code = app(["account", *arguments], standalone_mode=False)
        out, err = capsys.readouterr()
        return Outcome(code if isinstance(code, int) else 0, out, err)

    return run


@pytest.fixture
def province_url(sqlite_url: str) -> str:
    """The address of a database with the sample province: H001, B001 and A001, and their staff."""

    async def fill() -> None:
        environment = build_environment(Settings(database_url=sqlite_url))
        async with environment.database.session():
            await build_sample(environment)

    asyncio.run(fill())
    return sqlite_url


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        found = connection.execute(statement).fetchall()
    connection.close()
    return found


def everything(url: str) -> list[int]:
    """How much there is of all that an account is made of."""
    tables = ("account", "role_assignment", "audit_entry")
    return [int(str(rows(url, f"SELECT COUNT(*) FROM {table}")[0][0])) for table in tables]


def test_the_first_security_administrator_of_an_empty_system(run: Run, sqlite_url: str) -> None:
    made = run("create", "wang.fang", "--name", "王芳")
    assert made.code == 0, made.err
    secret = made.out.strip()
    assert SECRET.fullmatch(secret)
    assert "account wang.fang (SECURITY_ADMINISTRATOR); hand over this secret, it is not shown again" in made.err
    # For pipes: the secret alone on standard output, and nowhere else; not in the database, nor its log of writes.
    assert secret not in made.err
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    assert not any(secret.encode() in file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    listed = run("list")
    assert (listed.code, listed.err) == (0, "")
    assert secret not in listed.out
    line = next(line for line in listed.out.splitlines() if "wang.fang" in line)
    assert f"王芳 SECURITY_ADMINISTRATOR {china_date(SystemClock().now())} never" in " ".join(line.split())
    assert rows(sqlite_url, "SELECT action, result FROM audit_entry ORDER BY id DESC LIMIT 1") == [
        ("CREATE_STAFF_ACCOUNT", "OK")
    ]

    async def first_login() -> bool:
        environment = build_environment(Settings(database_url=sqlite_url))
        async with environment.database.session():
            origin = Origin("127.0.0.1", "", "request")
            with pytest.raises(ValidationFailed):
                await log_in(environment, "wang.fang", secret.lower(), origin=origin)
            return (await log_in(environment, "wang.fang", secret, origin=origin)).session.first_login

    assert asyncio.run(first_login())


@pytest.mark.usefixtures("province_url")
@pytest.mark.parametrize(
    ("role", "organisation"),
    [("INSTITUTION_OFFICER", "H001"), ("INVIGILATOR", "B001"), ("AUTHORITY_OFFICER", "A001")],
)
def test_a_role_at_its_organisation_for_its_days(run: Run, role: str, organisation: str) -> None:
    today = china_date(SystemClock().now())
    first, last = today + timedelta(days=1), today + timedelta(days=400)
    made = run(
        "create", "li.qiang", "--name", "李强", "--role", role, "--organisation", organisation,
        "--from", str(first), "--until", str(last),
    )  # fmt: skip
    assert made.code == 0, made.err
    shown = " ".join(run("list").out.split())
    assert f"li.qiang 李强 {role} {first} – {last} never" in shown


WRONG: list[tuple[list[str], int, list[str]]] = [
    (["create", "li.qiang"], 2, ["--name"]),
    (["create", "--name", "李强"], 2, ["login_name"]),
    (["create", "li.qiang", "--name", "李强", "--password", "Dingkao-2026"], 2, ["No such option", "--password"]),
    (["create", "li.qiang", "--name", "李强", "--role", "DOCTOR"], 2, ["--role DOCTOR", "give one of AUDIT_ADM"]),
    (["create", "li.qiang", "--name", "李强", "--until", "31.12.2030"], 2, ["--until", "%Y-%m-%d"]),
    (["create", "Li", "--name", " "], 1, ["login name", "small letters", "LOGIN_NAME_FORMAT", "--name", "Give a name"]),
    (["create", "990000197803122046", "--name", "李强"], 1, ["login name", "begins with a letter"]),
    (["create", "li.qiang", "--name", "李" * 61], 1, ["--name", "at most 60"]),
    (["create", "li.qiang", "--name", "李强", "--until", "2001-01-01"], 1, ["--until", "DAYS_NOT_IN_ORDER"]),
    (
        ["create", "li.qiang", "--name", "李强", "--from", "2001-01-01", "--until", "2001-12-31"],
        1,
        ["--until", "The last day is over"],
    ),
    (["create", "li.qiang", "--name", "李强", "--role", "BODY_REVIEWER"], 1, ["--organisation", "at which"]),
    (
        ["create", "li.qiang", "--name", "李强", "--role", "BODY_REVIEWER", "--organisation", "H001"],
        1,
        ["--organisation", "ORGANISATION_KIND"],
    ),
    (
        ["create", "li.qiang", "--name", "李强", "--organisation", "H404"],
        1,
        ["--organisation H404", "as it is registered"],
    ),
    (["delete", "li.qiang"], 2, ["No such command", "delete"]),
]


def test_wrong_input_says_what_to_do_and_writes_nothing(run: Run, province_url: str) -> None:
    assert run("create", "taken.name", "--name", "张三").code == 0
    before = everything(province_url)
    taken = (["create", "taken.name", "--name", "李四"], 1, ["login name", "in use already", "LOGIN_NAME_TAKEN"])
    for arguments, code, parts in [*WRONG, taken]:
        refused = run(*arguments)
        assert refused.code == code, arguments
        assert refused.out == "", arguments
        missing = [part for part in parts if part not in refused.complaint]
        assert missing == [], refused.complaint
        assert everything(province_url) == before, arguments
    assert "li.qiang" not in run("list").out


def test_those_that_nobody_uses_are_listed_alone(run: Run, sqlite_url: str) -> None:
    for name in ("old.account", "new.account"):
        assert run("create", name, "--name", "张三").code == 0
    long_ago = date(2020, 1, 1).isoformat()
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute(
            f"UPDATE account SET created_at = '{long_ago} 00:00:00+00:00', disabled = 1 "
            "WHERE id = (SELECT MIN(id) FROM account)"
        )
    connection.close()
    stale = run("list", "--stale")
    assert "old.account" in stale.out
    assert "disabled" in stale.out
    assert "new.account" not in stale.out
    assert "new.account" in run("list").out


def test_a_database_that_is_not_there_or_not_migrated(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DINGKAO_DATABASE_URL", f"sqlite:///{tmp_path}/new.db")
    for arguments in (["create", "wang.fang", "--name", "王芳"], ["list"]):
        refused = run(*arguments)
        assert refused.code == 1
        assert "run `dingkao migrate` first" in refused.complaint
        assert refused.out == ""


def test_the_last_administrator_is_unlocked_from_the_machine(run: Run, sqlite_url: str) -> None:
    assert run("create", "wang.fang", "--name", "王芳").code == 0
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE account SET failures = 100")
    connection.close()
    unlocked = run("unlock", "wang.fang", "--reason", "来电核实")
    assert (unlocked.code, unlocked.err.strip()) == (0, "unlocked the account of 王芳")
    assert rows(sqlite_url, "SELECT failures FROM account") == [(0,)]
    assert rows(sqlite_url, "SELECT action FROM audit_entry ORDER BY id DESC LIMIT 1") == [("UNLOCK_ACCOUNT",)]
    for arguments, said in (
        (("nobody", "来电"), "no account has this login name"),
        (("wang.fang", " "), "Give the reason"),
    ):
        refused = run("unlock", arguments[0], "--reason", arguments[1])
        assert refused.code == 1
        assert said in refused.err
