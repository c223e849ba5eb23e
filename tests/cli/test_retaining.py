"""`dingkao retention`: what it shows, and what it says of wrong use."""

from command_line import Run


def test_it_shows_what_is_due_deletes_it_and_is_no_longer_advised(run: Run, sqlite_url: str) -> None:
    shown = run("retention", DATABASE_URL=sqlite_url)
    assert shown.code == 0, shown.err
    rows = {line.split()[0]: line.split()[-1] for line in shown.out.splitlines() if line.split()}
    assert rows["sessions"] == rows["records"] == "0"
    assert "90 days" in shown.out
    applied = run("retention", "--apply", DATABASE_URL=sqlite_url)
    assert (applied.code, applied.out) == (0, "deleted: nothing was due\n")
    checked = run("check", "--deploy", DATABASE_URL=sqlite_url)
    assert "dingkao retention --apply never ran" not in checked.out


def test_a_hold_on_nobody_is_refused(run: Run, sqlite_url: str) -> None:
    refused = run("retention", "hold", "RG9jdG9yOjE3", "--reason", "x", DATABASE_URL=sqlite_url)
    assert refused.code == 1
    assert refused.complaint == "dingkao: RG9jdG9yOjE3 is the id of no account, and of no doctor who has one"
