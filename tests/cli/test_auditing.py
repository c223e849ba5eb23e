"""`dingkao audit …`."""

import asyncio
import csv
import hashlib
import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from command_line import Run

from dingkao.application import build_environment
from dingkao.audit.signing import BadSignature, check_signed
from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock

ENTRIES = 8


@pytest.fixture
def chain_url(sqlite_url: str) -> str:
    """The address of a database with a few entries; the first half of them a year and more ago."""

    async def fill() -> None:
        clock = SettableClock()
        now = clock.now()
        environment = build_environment(Settings(database_url=sqlite_url), clock=clock)
        async with environment.database.session():
            for place in range(ENTRIES):
                clock.set(now - timedelta(days=800 if place < ENTRIES / 2 else 0))
                async with begin(environment, SYSTEM_CALLER) as work:
                    await work.record("TRY", "Try", place, {"数": place})

    asyncio.run(fill())
    return sqlite_url


def by_hand(url: str, statement: str) -> None:
    """What somebody with the file does: takes a trigger away, changes what it kept, puts it back."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
    connection.close()


def test_verify_and_checkpoint(run: Run, chain_url: str, tmp_path: Path) -> None:
    whole = run("audit", "verify", DATABASE_URL=chain_url)
    assert (whole.code, whole.err) == (0, "")
    assert f"{ENTRIES} entries (1 to {ENTRIES}) and 0 saves of answers hold; head {ENTRIES} " in whole.out
    written = run("audit", "checkpoint", "head.json", DATABASE_URL=chain_url)
    assert written.code == 0, written.err
    content = json.loads((tmp_path / "head.json").read_text(encoding="utf-8"))
    public = run("audit", "public-key", DATABASE_URL=chain_url).out.strip()
    assert content["number"] == ENTRIES
    check_signed(content, public)
    with pytest.raises(BadSignature, match="changed after it was signed"):
        check_signed({**content, "number": 3}, public)
    with pytest.raises(BadSignature, match="another key"):
        check_signed(content, content["signature"])
    assert run("audit", "checkpoint", "head.json", DATABASE_URL=chain_url).complaint.endswith("or move it away")
    digest = content["digest"]
    by_hand(chain_url, f"DELETE FROM audit_entry WHERE id = {ENTRIES}")
    cut = run("audit", "verify", DATABASE_URL=chain_url)
    assert cut.code == 1
    assert f"entry {ENTRIES} does not hold" in cut.complaint
    with sqlite3.connect(chain_url.removeprefix("sqlite:///")) as connection:
        (last,) = connection.execute("SELECT digest FROM audit_entry ORDER BY id DESC LIMIT 1").fetchone()
    connection.close()
    by_hand(chain_url, f"UPDATE audit_head SET number = {ENTRIES - 1}, digest = '{last}'")
    assert run("audit", "verify", DATABASE_URL=chain_url).code == 0
    found = run("audit", "verify", "--checkpoint", "head.json", DATABASE_URL=chain_url)
    assert (found.code, "[TRUNCATED]" in found.complaint) == (1, True)
    assert digest != last


def test_export_and_prune(run: Run, chain_url: str, tmp_path: Path) -> None:
    days = ("--since", "2020-01-01", "--until", "2099-12-31")
    for kind in ("jsonl", "csv"):
        done = run("audit", "export", f"entries.{kind}", *days, "--format", kind, DATABASE_URL=chain_url)
        assert done.code == 0, done.err
    manifest = json.loads((tmp_path / "entries.jsonl.manifest.json").read_text(encoding="utf-8"))
    check_signed(manifest, manifest["publicKey"])
    data = (tmp_path / "entries.jsonl").read_bytes()
    assert hashlib.sha256(data).hexdigest() == manifest["sha256"]
    lines = [json.loads(line) for line in data.splitlines()]
    assert [line["id"] for line in lines] == list(range(1, ENTRIES + 1))
    assert (manifest["entries"], manifest["last"], manifest["digest"]) == (ENTRIES, ENTRIES, lines[-1]["digest"])
    # The export of the first is an entry of the second.
    rows = list(csv.DictReader((tmp_path / "entries.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["action"] for row in rows] == ["TRY"] * ENTRIES + ["EXPORT_AUDIT"]

    young = run("audit", "prune", "before.json", "--before", "2099-01-01", DATABASE_URL=chain_url)
    assert (young.code, "kept for 183 days" in young.complaint) == (1, True)
    # The entries of long ago, by the machine's own clock too.
    gone = run("audit", "prune", "before.json", "--before", "2025-01-01", DATABASE_URL=chain_url)
    assert gone.out.strip() == f"{ENTRIES // 2} entries up to {ENTRIES // 2} deleted; the checkpoint is in before.json"
    whole = run("audit", "verify", "--checkpoint", "before.json", DATABASE_URL=chain_url)
    assert (whole.code, whole.err) == (0, "")
    assert f"({ENTRIES // 2 + 1} to {ENTRIES + 3})" in whole.out
    # A deletion that nobody wrote down.
    by_hand(chain_url, "UPDATE audit_retention SET digest = 'x'")
    assert run("audit", "verify", DATABASE_URL=chain_url).code == 1
