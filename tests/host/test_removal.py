"""Taking a plugin's records out of a database: exported first, dropped whole or not at all."""

import json
from pathlib import Path
from typing import Any

import pytest

from dingkao.audit.tables import AuditEntry
from dingkao.db.database import fetch, is_postgresql
from dingkao.db.migrations import applied_migrations, migrate
from dingkao.environment import Environment
from dingkao.host.removal import RemovalRefused, find_holdings, remove_records
from dingkao.testing.sample import SampleDoctor, build_sample
from dingkao_exemptions.tables import ExemptionProof, ExemptionRequest


@pytest.fixture
async def doctor(environment: Environment) -> SampleDoctor:
    """A doctor with three requests, one of them with two proofs."""
    province = await build_sample(environment)
    doctor = await province.add_doctor()
    for number, subject in enumerate(("PROFESSIONAL", "HUMANITIES", "PROFESSIONAL")):
        await ExemptionRequest.insert(
            ExemptionRequest(
                assessment=doctor.assessment_id + number,
                procedure="GENERAL",
                procedure_title="一般程序",
                subject=subject,
                conditions='[{"code": "A", "title": "住院医师"}]',
                state="REQUESTED",
                institution=province.institution_id,
                requested_by=doctor.account_id,
                requested_at=environment.clock.now(),
            )
        )
    first = await ExemptionRequest.select(ExemptionRequest.id).order_by(ExemptionRequest.id).first()
    assert first is not None
    for position in (1, 2):
        await ExemptionProof.insert(ExemptionProof(request=first["id"], position=position, file=position))
    return doctor


async def tables() -> set[str]:
    rows = await fetch(
        "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
        if is_postgresql()
        else "SELECT name FROM sqlite_master WHERE type = 'table'"
    )
    return {row["name"] for row in rows}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


async def test_everything_is_exported_and_then_dropped(
    environment: Environment, doctor: SampleDoctor, tmp_path: Path
) -> None:
    path = tmp_path / "records.jsonl"
    before = await tables()
    holdings = await find_holdings("exemptions")
    assert holdings.tables == {"exemptions_proof": 2, "exemptions_request": 3}
    assert holdings.migrations == ("0001_initial",)
    # The sample's cycle pinned the plugin's section.
    assert holdings.pinned_by == 1
    assert await remove_records(environment, holdings, path) == 5

    head, *records = lines(path)
    assert head["plugin"] == "exemptions"
    assert head["tables"] == {"exemptions_proof": 2, "exemptions_request": 3}
    requests = [line["record"] for line in records if line["table"] == "exemptions_request"]
    assert [request["subject"] for request in requests] == ["PROFESSIONAL", "HUMANITIES", "PROFESSIONAL"]
    assert requests[0]["assessment"] == doctor.assessment_id
    assert requests[0]["requested_at"] == environment.clock.now().isoformat()
    assert path.stat().st_mode & 0o077 == 0
    assert before - await tables() == {"exemptions_proof", "exemptions_request"}
    assert {owner for owner, _ in await applied_migrations()} == {"core"}
    entry = await AuditEntry.select().order_by(AuditEntry.id, ascending=False).first()
    assert entry is not None
    assert (entry["action"], entry["role"]) == ("PLUGIN_REMOVED", "SYSTEM")
    assert json.loads(entry["detail"])["tables"] == {"exemptions_proof": 2, "exemptions_request": 3}


async def test_afterwards_it_can_be_installed_again(
    environment: Environment, doctor: SampleDoctor, tmp_path: Path
) -> None:
    await remove_records(environment, await find_holdings("exemptions"), tmp_path / "records.jsonl")
    assert await migrate(environment.registry.migrations) == ["exemptions/0001_initial"]
    assert await ExemptionRequest.count() == 0


async def test_more_records_than_one_page(environment: Environment, doctor: SampleDoctor, tmp_path: Path) -> None:
    first = await ExemptionRequest.select(ExemptionRequest.id).first()
    assert first is not None
    rows = [ExemptionProof(request=first["id"], position=number, file=number) for number in range(3, 2003)]
    for start in range(0, 2000, 500):
        await ExemptionProof.insert(*rows[start : start + 500])
    path = tmp_path / "records.jsonl"
    await remove_records(environment, await find_holdings("exemptions"), path)
    files = [line["record"]["file"] for line in lines(path)[1:] if line["table"] == "exemptions_proof"]
    assert files == list(range(1, 2003))


async def test_records_written_meanwhile_are_not_lost(
    environment: Environment, doctor: SampleDoctor, tmp_path: Path
) -> None:
    path = tmp_path / "records.jsonl"
    holdings = await find_holdings("exemptions")
    await ExemptionProof.delete().where(ExemptionProof.position == 2)
    with pytest.raises(RemovalRefused, match="written meanwhile"):
        await remove_records(environment, holdings, path)
    assert not path.exists()
    assert await ExemptionRequest.count() == 3


async def test_a_table_of_another_that_refers_to_it_refuses(
    environment: Environment, doctor: SampleDoctor, tmp_path: Path
) -> None:
    await fetch("CREATE TABLE other_note (id INTEGER PRIMARY KEY, request BIGINT REFERENCES exemptions_request (id))")
    path = tmp_path / "records.jsonl"
    with pytest.raises(RemovalRefused, match="table other_note refers to exemptions_request by request"):
        await remove_records(environment, await find_holdings("exemptions"), path)
    assert not path.exists()
    assert await ExemptionRequest.count() == 3
    await fetch("DROP TABLE other_note")


async def test_where_the_file_cannot_be_written_nothing_is_dropped(
    environment: Environment, doctor: SampleDoctor, tmp_path: Path
) -> None:
    path = tmp_path / "there.jsonl"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        await remove_records(environment, await find_holdings("exemptions"), path)
    assert path.read_text() == "mine"
    assert await ExemptionRequest.count() == 3
    assert await AuditEntry.count().where(AuditEntry.action == "PLUGIN_REMOVED") == 0


@pytest.mark.parametrize("name", ["core", "assessment", "audit", "nothing"])
async def test_the_cores_tables_are_nobodys(environment: Environment, name: str) -> None:
    with pytest.raises(RemovalRefused, match=f"no tables of a plugin {name}; it keeps records of exemptions"):
        await find_holdings(name)


async def test_a_longer_name_keeps_its_tables(environment: Environment) -> None:
    for table in ("survey_note", "survey_extra_note"):
        await fetch(f"CREATE TABLE {table} (code VARCHAR(10), parent BIGINT)")
    for owner in ("survey", "survey_extra"):
        await fetch(
            f"INSERT INTO migration_history (owner, name, digest, applied_at) VALUES ('{owner}', '0001', 'x', 'now')"
        )
    assert list((await find_holdings("survey")).tables) == ["survey_note"]
    assert list((await find_holdings("survey_extra")).tables) == ["survey_extra_note"]
    await fetch("DROP TABLE survey_note")
    await fetch("DROP TABLE survey_extra_note")


async def test_tables_without_a_key_and_with_themselves(environment: Environment, tmp_path: Path) -> None:
    """What hand-made SQL may hold: no `id`, bytes, a row that refers to another of its table."""
    binary = "BYTEA" if is_postgresql() else "BLOB"
    value = "'\\x6869'" if is_postgresql() else "X'6869'"
    await fetch(f"CREATE TABLE survey_blob (code VARCHAR(10), content {binary})")
    await fetch("CREATE TABLE survey_tree (id BIGINT PRIMARY KEY, parent BIGINT REFERENCES survey_tree (id))")
    await fetch(f"INSERT INTO survey_blob VALUES ('a', {value})")
    await fetch("INSERT INTO survey_tree VALUES (1, NULL), (2, 1), (3, 2)")
    path = tmp_path / "records.jsonl"
    assert await remove_records(environment, await find_holdings("survey"), path) == 4
    assert lines(path)[1] == {"table": "survey_blob", "record": {"code": "a", "content": {"base64": "aGk="}}}
    assert not {"survey_blob", "survey_tree"} & await tables()
