"""`dingkao keys`, and where keys come from."""

import stat
from pathlib import Path

from command_line import Run

from dingkao.crypto.keys import new_key, read_keys, write_key
from dingkao.testing.keys import TEST_KEYS


def test_new_makes_a_file_for_its_owner_alone_and_adds_to_it(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "keys"
    first = run("keys", "new", KEYS="", KEYS_FILE=str(path))
    assert (first.code, first.err) == (0, "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (key,) = read_keys(path.read_text())
    assert first.out == f"key {key.id} added to {path}\n"
    second = run("keys", "new", KEYS="", KEYS_FILE=str(path))
    assert second.code == 0
    assert second.complaint == "dingkao: start every server anew, so that all have it"
    assert read_keys(path.read_text())[0] == key
    assert len(read_keys(path.read_text())) == 2


def test_new_prints_a_key_for_a_store_of_secrets(run: Run, tmp_path: Path) -> None:
    outcome = run("keys", "new", "--print", KEYS="")
    assert outcome.code == 0
    assert len(read_keys(outcome.out)) == 1
    assert not (tmp_path / "var").exists()


def test_new_does_not_write_a_file_that_is_not_read(run: Run, tmp_path: Path) -> None:
    outcome = run("keys", "new")
    assert outcome.code == 2
    assert "DINGKAO_KEYS is set and comes before the file" in outcome.complaint
    assert not (tmp_path / "var").exists()


def test_a_damaged_file_is_left_as_it_is(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("damaged\n")
    outcome = run("keys", "new", KEYS="", KEYS_FILE=str(path))
    assert outcome.code == 2
    assert f"{path}: key 1 is not 32 bytes" in outcome.complaint
    assert path.read_text() == "damaged\n"


def test_migrate_makes_the_keys_of_a_new_server_once(run: Run, tmp_path: Path) -> None:
    outcome = run("migrate", KEYS="")
    assert outcome.code == 0
    path = tmp_path / "var" / "dingkao.keys"
    (key,) = read_keys(path.read_text())
    assert f"key {key.id} made in var/dingkao.keys: keep a copy" in outcome.out
    path.unlink()
    assert "key" not in run("migrate", KEYS="").out
    assert not path.exists()


def test_a_missing_or_damaged_ring_is_named(run: Run, tmp_path: Path, sqlite_url: str) -> None:
    absent = run("outbox", KEYS="", KEYS_FILE=str(tmp_path / "none"), DATABASE_URL=sqlite_url)
    assert absent.code == 2
    assert f"DINGKAO_KEYS_FILE: {tmp_path / 'none'} cannot be read" in absent.complaint
    damaged = run("outbox", KEYS="not-a-key", DATABASE_URL=sqlite_url)
    assert damaged.code == 2
    assert damaged.complaint.startswith("dingkao: DINGKAO_KEYS: key 1 is not 32 bytes in base64")
    assert "not-a-key" not in damaged.err


def test_a_key_is_replaced_step_by_step(run: Run) -> None:
    assert run("demo", "--prepare-only").code == 0
    new = new_key()
    both = f"{TEST_KEYS},{write_key(new)}"
    old = read_keys(TEST_KEYS)[0].id
    rotated = run("keys", "rotate", KEYS=both)
    assert (rotated.code, rotated.err) == (0, "")
    assert " rows of doctor sealed anew\n" in rotated.out
    kept = f"nothing is sealed with {old} any more; "
    assert kept in rotated.out
    again = run("keys", "rotate", KEYS=both).out
    assert again.startswith(f"everything is sealed with the newest key\n{kept}")
    assert again.endswith("entries of the audit are signed with it: keep it for these alone, as `KEY:audit`\n")
    listed = run("keys", "list", KEYS=both).out.splitlines()
    (old_row,) = [line.split() for line in listed if old in line]
    (new_row,) = [line.split() for line in listed if new.id in line]
    assert old_row[1:4] == ["all", "0", "0"]
    assert new_row[1:3] == ["yes", "all"]
    assert "0" not in new_row[3:5]
    assert "values want the key" in run("keys", "list", KEYS=write_key(new)).complaint
