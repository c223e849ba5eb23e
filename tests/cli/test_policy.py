"""`dingkao policy show` and `dingkao policy simulate`, as the real command in a process of its own."""

import asyncio
import csv
import json
from pathlib import Path

import pytest
from command_line import Run

from dingkao.application import build_environment
from dingkao.settings import Settings
from dingkao.testing.sample import build_sample


@pytest.fixture
def province_url(sqlite_url: str) -> str:
    """The address of a database with the sample province and three doctors."""

    async def fill() -> None:
        environment = build_environment(Settings(database_url=sqlite_url))
        async with environment.database.session():
            province = await build_sample(environment)
            for _ in range(3):
                await province.add_doctor()

    asyncio.run(fill())
    return sqlite_url


def test_show_as_a_table_and_as_json(run: Run, province_url: str) -> None:
    table = run("policy", "show", "990000", DATABASE_URL=province_url)
    assert table.code == 0, table.err
    for part in ("documents.objection_days", "only tighten (higher)", "local_policy/accounts"):
        assert part in table.out
    shown = json.loads(run("policy", "show", "990000", "--changed", "--json", DATABASE_URL=province_url).out)
    rows = {row["key"]: row for row in shown}
    assert rows["accounts.initial_password"]["value"] == "666666"
    assert rows["accounts.initial_password"]["plugin"] == "local_policy"
    assert "documents.objection_days" not in rows
    for arguments, said in (
        (("policy", "show", "123456"), "no region 123456"),
        (("policy", "show", "990000", "--organisation", "H9"), "no institution H9 in region 990000"),
    ):
        refused = run(*arguments, DATABASE_URL=province_url)
        assert refused.code == 1
        assert said in refused.complaint


def test_simulate_counts_and_lists(run: Run, province_url: str, tmp_path: Path) -> None:
    layers = tmp_path / "layers.toml"
    layers.write_text(
        'region = "990000"\nsource = "draft"\nreason = "拟定"\n[values]\n"documents.objection_days" = 45\n',
        encoding="utf-8",
    )
    listed = tmp_path / "list.csv"
    done = run("policy", "simulate", "990000", layers, "--csv", listed, "--json", DATABASE_URL=province_url)
    assert done.code == 0, done.err
    counts = json.loads(done.out)
    assert (counts["assessments"], counts["touched"], counts["kinds"]) == (3, 3, {"DOCUMENTS": 3})
    assert "3 assessments in" in done.complaint
    with listed.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["变更类别"], row["变更前"], row["变更后"], row["生效"]) for row in rows] == [
        ("DOCUMENTS", "30", "45", "AT_ONCE")
    ] * 3
    table = run("policy", "simulate", "990000", layers, DATABASE_URL=province_url)
    assert "3 would come under another policy" in table.out
    drift = run("policy", "simulate", "990000", "--json", DATABASE_URL=province_url)
    assert json.loads(drift.out)["touched"] == 0


def test_simulate_refuses_in_one_line(run: Run, province_url: str, tmp_path: Path) -> None:
    low = tmp_path / "low.json"
    low.write_text('{"region": "990000", "values": {"documents.objection_days": 20}}')
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    for arguments, code, said in (
        (("990000", low), 1, "the server would refuse this: layer proposal (990000): documents.objection_days = 20"),
        (("990000", broken), 2, "not readable as JSON"),
        (("123456",), 1, "region 123456 has no running cycle"),
    ):
        refused = run("policy", "simulate", *arguments, DATABASE_URL=province_url)
        assert refused.code == code
        assert said in refused.complaint
