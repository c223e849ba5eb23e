"""`dingkao retention`: what it shows and does, and what it says of wrong use."""

import pytest
from command_line import Run

from dingkao.cli.retaining import _show
from dingkao.retention.rules import KINDS, Due
from dingkao.settings import Settings


def test_it_deletes_what_is_due_and_refuses_a_hold_on_nobody(run: Run, sqlite_url: str) -> None:
    applied = run("retention", "--apply", DATABASE_URL=sqlite_url)
    assert (applied.code, applied.out) == (0, "deleted: nothing was due\n")
    refused = run("retention", "hold", "RG9jdG9yOjE3", "--reason", "x", DATABASE_URL=sqlite_url)
    assert refused.code == 1
    assert refused.complaint == "dingkao: RG9jdG9yOjE3 is the id of no account, and of no doctor who has one"


def test_each_kind_is_shown_with_its_period_and_who_decides(capsys: pytest.CaptureFixture[str]) -> None:
    due = [Due(kind, number * 1000) for number, kind in enumerate(KINDS)]
    _show(due, Settings(_env_file=None))  # type: ignore[call-arg]
    shown = capsys.readouterr()
    rows = {line.split()[0]: line for line in shown.out.splitlines() if line.split()}
    assert {kind.code for kind in KINDS} <= set(rows)
    assert "90 days" in rows["sessions"]
    assert rows["sms-codes"].split()[-1] == "1,000"
    assert "dingkao audit prune FILE" in shown.err
    assert "for the archive to appraise" in shown.err
