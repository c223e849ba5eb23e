"""`dingkao plugins remove`, as a person runs it."""

import json
from pathlib import Path

import pytest
from command_line import Run


def test_it_exports_drops_and_tells_what_stays(run: Run, sqlite_url: str, tmp_path: Path) -> None:
    done = run(
        "plugins", "remove", "exemptions", "--yes", "--export", "kept.jsonl",
        DATABASE_URL=sqlite_url, PLUGINS_BLOCKED="exemptions",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert "exported 0 record(s) to " in done.out
    assert "dropped 2 table(s); 1 migration(s) forgotten" in done.out
    assert "with the titles of procedures and waivers" in done.out
    head = json.loads((tmp_path / "kept.jsonl").read_text(encoding="utf-8"))
    assert head["tables"] == {"exemptions_proof": 0, "exemptions_request": 0}
    again = run("plugins", "remove", "exemptions", "--yes", DATABASE_URL=sqlite_url, PLUGINS_BLOCKED="exemptions")
    assert again.code == 1
    assert "no tables of a plugin exemptions; it keeps records of no plugin" in again.complaint
    # With the plugin in force the database is behind again, and says so.
    assert "missing exemptions/0001_initial" in run("migrate", "--check", DATABASE_URL=sqlite_url).out
    assert run("migrate", "--check", DATABASE_URL=sqlite_url, PLUGINS_BLOCKED="exemptions").code == 0


def test_one_in_force_is_refused(run: Run, sqlite_url: str) -> None:
    refused = run("plugins", "remove", "exemptions", "--yes", DATABASE_URL=sqlite_url)
    assert refused.code == 1
    assert "plugin exemptions is in force: uninstall its package, or block it" in refused.complaint


def test_one_that_is_required_is_refused(run: Run, sqlite_url: str) -> None:
    refused = run(
        "plugins", "remove", "exemptions", "--yes",
        DATABASE_URL=sqlite_url, PLUGINS_BLOCKED="exemptions", PLUGINS_REQUIRED="exemptions>=0.1",
    )  # fmt: skip
    assert refused.code == 1
    assert "DINGKAO_PLUGINS_REQUIRED names exemptions" in refused.complaint


def test_without_an_answer_nothing_happens(run: Run, sqlite_url: str, tmp_path: Path) -> None:
    asked = run("plugins", "remove", "exemptions", DATABASE_URL=sqlite_url, PLUGINS_BLOCKED="exemptions")
    assert asked.code == 1
    assert "nobody answered, so nothing was removed: --yes says yes" in asked.err
    assert list(tmp_path.glob("*.jsonl")) == []
    assert run("migrate", "--check", DATABASE_URL=sqlite_url).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("Exemptions!",), 2, "'Exemptions!' is no plugin's name"),
        (("exemptions", "--export", "no/such/folder.jsonl"), 1, "there is no folder"),
        (("exemptions", "--export", "."), 1, "is there already: nothing is overwritten"),
        ((), 2, "see `dingkao plugins remove --help`"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    run: Run, sqlite_url: str, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    refused = run("plugins", "remove", *arguments, DATABASE_URL=sqlite_url, PLUGINS_BLOCKED="exemptions")
    assert refused.code == code
    assert complaint in refused.complaint
