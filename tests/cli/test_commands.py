"""The commands that end by themselves."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import Run

from dingkao.crypto.ring import KeyRing
from dingkao.db.database import Database
from dingkao.messaging.tables import OutboxMessage
from dingkao.proctoring.tables import FaceImage
from dingkao.testing.keys import TEST_KEYS

COMMANDS = (
    "serve",
    "migrate",
    "check",
    "backup",
    "restore",
    "demo",
    "tour",
    "keys",
    "faces",
    "import",
    "schema",
    "plugins",
    "settings",
    "outbox",
    "new-plugin",
)


@pytest.mark.parametrize(
    ("arguments", "settings", "code"),
    [
        (("--help",), {}, 0),
        (("sevre",), {}, 2),
        (("migrate", "--check"), {"LOG_LEVEL": "LOUD"}, 2),
        (("migrate", "--check"), {}, 1),
        (("settings",), {"NO_SUCH_THING": "1"}, 0),
    ],
)
def test_the_installed_command_is_the_entry_point_that_the_other_tests_call(
    installed: Run, run: Run, arguments: tuple[str, ...], settings: dict[str, str], code: int
) -> None:
    outcome = installed(*arguments, **settings)
    assert outcome.code == code
    assert outcome == run(*arguments, **settings)


def test_help_names_every_command_and_shows_nothing_else(run: Run) -> None:
    outcome = run("--help")
    assert outcome.code == 0
    assert outcome.err == ""
    assert all(f" {command} " in outcome.out for command in COMMANDS)
    assert run().out == outcome.out


@pytest.mark.parametrize(
    "command", [*((command,) for command in COMMANDS), ("import", "doctors"), ("import", "questions")]
)
def test_every_command_has_help_with_its_chinese_name(run: Run, command: tuple[str, ...]) -> None:
    outcome = run(*command, "--help")
    assert outcome.code == 0
    assert f"Usage: dingkao {' '.join(command)}" in outcome.out
    assert any("\u4e00" <= letter <= "\u9fff" for letter in outcome.out)
    assert "[bold]" not in outcome.out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("sevre",), "dingkao: No such command 'sevre'. Did you mean 'serve'? (see `dingkao --help`)"),
        (("serve", "--port", "0"), "see `dingkao serve --help`"),
        (("--nothing",), "No such option: --nothing (see `dingkao --help`)"),
        (("import", "doctors"), "see `dingkao import doctors --help`"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(run: Run, arguments: tuple[str, ...], complaint: str) -> None:
    outcome = run(*arguments)
    assert outcome.code == 2
    assert complaint in outcome.complaint
    assert outcome.out == ""


def test_migrate_brings_an_empty_database_up_once(run: Run, empty_database_url: str) -> None:
    before = run("migrate", "--check", DATABASE_URL=empty_database_url)
    assert before.code == 1
    assert "missing core/0001_initial\n" in before.out
    assert "run `dingkao migrate`" in before.complaint

    first = run("migrate", DATABASE_URL=empty_database_url)
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith("applied core/0001_initial\n")
    assert "applied exemptions/0001_initial\n" in first.out

    second = run("migrate", DATABASE_URL=empty_database_url)
    assert (second.code, second.out, second.err) == (0, "the database is up to date\n", "")
    after = run("migrate", "--check", DATABASE_URL=empty_database_url)
    assert (after.code, after.out, after.err) == (0, "the database is up to date\n", "")


def test_migrate_refuses_a_database_whose_history_differs(run: Run, sqlite_url: str) -> None:
    path = sqlite_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE migration_history SET digest = 'other' WHERE owner = 'core'")
    outcome = run("migrate", DATABASE_URL=sqlite_url)
    assert outcome.code == 1
    assert "core/0001_initial was changed after it was applied" in outcome.complaint


def test_a_blocked_plugin_brings_no_migration(run: Run, tmp_path: Path) -> None:
    outcome = run("migrate", PLUGINS_BLOCKED="exemptions")
    assert outcome.code == 0
    assert "exemptions/" not in outcome.out
    assert (tmp_path / "var" / "dingkao.db").is_file()


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"LOG_LEVEL": "LOUD"}, "dingkao: DINGKAO_LOG_LEVEL: "),
        ({"SESSION_HOURS": "1000", "KEYS": "short"}, "DINGKAO_SESSION_HOURS"),
        ({"DATABASE_URL": "mysql://127.0.0.1/x"}, "dingkao: DINGKAO_DATABASE_URL must be sqlite:///path"),
    ],
)
def test_a_bad_setting_is_one_line_and_exit_code_2(run: Run, settings: dict[str, str], complaint: str) -> None:
    outcome = run("migrate", **settings)
    assert outcome.code == 2
    assert complaint in outcome.complaint
    assert "short" not in outcome.err


def test_a_bad_line_in_the_env_file_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DINGKAO_EXPLORER=perhaps\n")
    outcome = run("plugins")
    assert outcome.code == 2
    assert "DINGKAO_EXPLORER" in outcome.complaint


def test_a_missing_required_plugin_is_named(run: Run) -> None:
    outcome = run("plugins", PLUGINS_REQUIRED="no_such_plugin")
    assert outcome.code == 1
    assert "required plugin no_such_plugin is not installed" in outcome.complaint


@pytest.mark.parametrize("command", [("migrate",), ("outbox",)])
def test_a_server_that_does_not_answer_is_said_without_the_password(run: Run, command: tuple[str, ...]) -> None:
    outcome = run(*command, DATABASE_URL="postgresql://someone:my-password@127.0.0.1:1/nothing")
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    assert "my-password" not in outcome.err
    last = outcome.err.splitlines()[-1]
    assert last.startswith("dingkao: the database postgresql://someone:…@127.0.0.1:1/nothing cannot be opened: ")


def test_a_file_that_is_no_database_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database at all " * 100)
    outcome = run("migrate", DATABASE_URL="sqlite:///text.db")
    assert outcome.code == 1
    assert "file is not a database" in outcome.complaint


def test_a_folder_that_cannot_be_made_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = run("migrate", DATABASE_URL="sqlite:///file/x/dingkao.db")
    assert outcome.code == 1
    assert "cannot be opened: file/x: Not a directory" in outcome.complaint


def test_plugins_are_listed_with_what_they_contribute(run: Run) -> None:
    lines = run("plugins", PLUGINS_BLOCKED="local_policy").out.splitlines()
    (line,) = (line for line in lines if "procedures: SIMPLE" in line)
    assert "simple_procedure" in line
    assert "dingkao" in line
    assert lines[-1] == "blocked by DINGKAO_PLUGINS_BLOCKED: local_policy"
    assert sum("local_policy" in line for line in lines) == 1


def test_plugins_as_json_tell_what_each_brings_and_overrides(run: Run) -> None:
    listed = {plugin["name"]: plugin for plugin in json.loads(run("plugins", "--json").out)}
    exemptions = {one["hook"]: one["names"] for one in listed["exemptions"]["contributions"]}
    assert exemptions["tables"] == ["exemptions_request", "exemptions_proof"]
    assert "Assessment.exemptions" in exemptions["graphql"]
    assert (listed["exemptions"]["api"], listed["exemptions"]["distribution"]) == (1, "dingkao")
    overrides = {(one["region"], one["key"]): one for one in listed["local_policy"]["overrides"]}
    assert overrides["990000", "accounts.initial_password"]["value"] == '"666666"'
    assert "操作手册" in overrides["990000", "accounts.initial_password"]["reason"]
    assert listed["exemptions"]["overrides"] == []


def test_settings_are_all_listed_and_no_secret_is_shown(run: Run, tmp_path: Path) -> None:
    from dingkao.settings import Settings

    (tmp_path / ".env").write_text("DINGKAO_SEAL_PASSPHRASE=the-passphrase\n")
    outcome = run("settings", KEYS=TEST_KEYS, LOG_FORMAT="text")
    assert (outcome.code, outcome.err) == (0, "")
    rows = {line.split()[0]: line for line in outcome.out.splitlines() if "DINGKAO_" in line}
    assert len(rows) == len(Settings.model_fields)
    assert "environment" in rows["DINGKAO_KEYS"]
    assert ".env" in rows["DINGKAO_SEAL_PASSPHRASE"]
    assert "sqlite:///var/dingkao.db" in rows["DINGKAO_DATABASE_URL"]
    for secret in ("the-passphrase", TEST_KEYS):
        assert secret not in outcome.out


def test_settings_are_listed_although_one_is_wrong_and_one_unknown(run: Run) -> None:
    outcome = run("settings", SESSION_HOURS="many", NO_SUCH_THING="1")
    assert outcome.code == 2
    assert "DINGKAO_SESSION_HOURS" in outcome.out
    unknown, wrong = outcome.err.splitlines()
    assert unknown == "dingkao: there is no setting DINGKAO_NO_SUCH_THING; it changes nothing"
    assert wrong.startswith("dingkao: DINGKAO_SESSION_HOURS: ")


def test_the_outbox_shows_the_newest_last(run: Run, database_url: str) -> None:
    async def keep() -> None:
        async with Database(database_url, KeyRing.of(TEST_KEYS)).session():
            for number in range(3):
                await OutboxMessage.insert(
                    OutboxMessage(
                        phone=f"1540000000{number % 2}",
                        purpose="FIRST_LOGIN",
                        text=f"验证码{number}",
                        created_at=datetime(2026, 6, 1, 16, 30, number, tzinfo=UTC),
                    )
                )

    asyncio.run(keep())
    everything = run("outbox", DATABASE_URL=database_url)
    assert (everything.code, everything.err) == (0, "")
    places = [everything.out.index(f"验证码{number}") for number in range(3)]
    assert places == sorted(places)
    assert "2026-06-02 00:30:00" in everything.out

    one = run("outbox", "--phone", "15400000000", "--limit", "1", DATABASE_URL=database_url)
    assert "验证码2" in one.out
    assert "验证码0" not in one.out
    assert "验证码1" not in one.out


def test_faces_that_are_due_are_counted_and_deleted(run: Run, database_url: str) -> None:
    async def keep() -> None:
        async with Database(database_url).session():
            await FaceImage.insert(
                FaceImage(
                    name="0" * 40,
                    digest="0" * 64,
                    size=1,
                    sealed_by="0" * 8,
                    stored_at=datetime(2026, 6, 1, tzinfo=UTC),
                )
            )

    asyncio.run(keep())
    due = run("faces", "purge", "--dry-run", DATABASE_URL=database_url)
    assert (due.code, due.err) == (0, "")
    assert "0 withdrawn, 1 never finished" in due.out
    for deleted in (1, 0):
        done = run("faces", "purge", DATABASE_URL=database_url)
        assert (done.code, f"{deleted} never finished" in done.out) == (0, True)


def test_the_outbox_of_a_database_without_tables_says_what_to_run(run: Run) -> None:
    outcome = run("outbox")
    assert outcome.code == 1
    assert "run `dingkao migrate` first" in outcome.complaint


def test_schema_is_printed_written_and_compared(run: Run, tmp_path: Path) -> None:
    printed = run("schema")
    assert (printed.code, printed.err) == (0, "")
    assert "\ntype Query {\n" in printed.out

    assert run("schema", "--output", "s.graphql").out == "wrote s.graphql\n"
    written = tmp_path / "s.graphql"
    assert written.read_text(encoding="utf-8") == printed.out

    same = run("schema", "--check", "s.graphql")
    assert (same.code, same.out) == (0, "s.graphql is what is served\n")
    shutil.copyfile(written, tmp_path / "old.graphql")
    written.write_text(printed.out.replace("\ntype Query {\n", "\ntype Query {\n  gone: Int\n"), encoding="utf-8")
    other = run("schema", "--check", "s.graphql")
    assert other.code == 1
    assert "\n-  gone: Int\n" in other.out
    assert "write it anew with `dingkao schema --output s.graphql`" in other.complaint

    missing = run("schema", "--check", "none.graphql")
    assert missing.code == 1
    assert missing.complaint == "dingkao: none.graphql: No such file or directory"


def test_a_blocked_plugin_is_not_in_the_schema(run: Run) -> None:
    with_it, without = run("schema"), run("schema", PLUGINS_BLOCKED="exemptions")
    assert "requestExemption" in with_it.out
    assert "requestExemption" not in without.out


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("--url", "http://127.0.0.1:1"), 1, "no server answers at http://127.0.0.1:1: start one with `dingkao demo`"),
        (("--url", "localhost:8000"), 2, "--url localhost:8000: write the address of a server"),
        (("--url", "http://127.0.0.1:x"), 2, "--url http://127.0.0.1:x: "),
        (("--questions", "none.csv"), 1, "none.csv: No such file or directory"),
    ],
)
def test_a_tour_that_cannot_begin_says_why(run: Run, arguments: tuple[str, ...], code: int, complaint: str) -> None:
    outcome = run("tour", *arguments)
    assert outcome.code == code
    assert complaint in outcome.complaint
