"""Trusted documents: a manifest of the clients' operations, and what a server does about others."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command_line import Outcome, run_here

from dingkao.settings import BadSettings, Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.web import Client, running_app
from dingkao.web.operations import load_operations
from dingkao.web.trusted_documents import document_id, load_trusted_documents, manifest

KNOWN = "query Version { apiVersion }"
OTHER = "query Other { apiVersion }"


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "documents.json"
    path.write_text(json.dumps(manifest([KNOWN])), encoding="utf-8")
    return path


async def ask(settings: Settings, clock: SettableClock, *bodies: dict[str, Any]) -> list[Any]:
    async with running_app(settings, clock) as app:
        http = Client(app).http
        return [(await http.post("/graphql", json=body)).json() for body in bodies]


def code(answer: Any) -> str:
    assert set(answer) == {"errors"}, answer
    return str(answer["errors"][0]["extensions"]["code"])


async def test_enforced_nothing_else_is_run(settings: Settings, clock: SettableClock, listed: Path) -> None:
    enforced = settings.model_copy(update={"documents_mode": "enforce", "documents_manifest": listed})
    known, by_id, both, other, unknown, mixed, like, bad = await ask(
        enforced,
        clock,
        {"query": KNOWN},
        {"documentId": document_id(KNOWN)},
        {"documentId": document_id(KNOWN), "query": KNOWN},
        {"query": OTHER},
        {"documentId": document_id(OTHER)},
        {"documentId": document_id(KNOWN), "query": OTHER},
        # One blank more is another document: what is compared is the text.
        {"query": KNOWN + " "},
        {"documentId": 5},
    )
    assert all(set(answer["data"]) == {"apiVersion"} for answer in (known, by_id, both))
    assert code(other) == code(like) == "UNTRUSTED_DOCUMENT"
    assert code(unknown) == "UNKNOWN_DOCUMENT"
    assert code(mixed) == code(bad) == "BAD_REQUEST"


async def test_logged_everything_is_run(
    settings: Settings, clock: SettableClock, listed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logged = settings.model_copy(update={"documents_mode": "log", "documents_manifest": listed})
    answers = await ask(logged, clock, {"query": KNOWN}, {"query": OTHER})
    assert all("errors" not in answer for answer in answers)
    lines = [line for line in capsys.readouterr().err.splitlines() if "not in the manifest" in line]
    assert len(lines) == 1
    assert document_id(OTHER) in lines[0]


async def test_switched_off_ids_still_work(settings: Settings, clock: SettableClock, listed: Path) -> None:
    off = settings.model_copy(update={"documents_manifest": listed})
    by_id, other = await ask(off, clock, {"documentId": document_id(KNOWN)}, {"query": OTHER})
    assert "errors" not in by_id
    assert "errors" not in other


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "is no manifest"),
        ('{"format": "other", "version": 1, "documents": {}}', "is no manifest"),
        (json.dumps({**manifest([KNOWN]), "documents": {document_id(KNOWN): OTHER}}), "is not the digest"),
    ],
)
def test_a_bad_manifest_refuses_the_start(tmp_path: Path, content: str | None, says: str) -> None:
    path = tmp_path / "documents.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(BadSettings, match=says):
        load_trusted_documents(Settings(documents_mode="enforce", documents_manifest=path))


def test_a_mode_without_a_manifest_refuses_the_start() -> None:
    with pytest.raises(BadSettings, match="DINGKAO_DOCUMENTS_MANIFEST"):
        load_trusted_documents(Settings(documents_mode="log"))


def test_the_command_writes_what_the_server_reads(tmp_path: Path) -> None:
    def run(folder: str) -> Outcome:
        return run_here(tmp_path, ["documents", folder, "--output", "documents.json"], {})

    folder = tmp_path / "client"
    folder.mkdir()
    operations = load_operations()
    for operation in operations:
        (folder / f"{operation.file}.graphql").write_text(operation.text, encoding="utf-8")
    done = run("client")
    assert done.code == 0, done.err
    found = load_trusted_documents(Settings(documents_mode="enforce", documents_manifest=tmp_path / "documents.json"))
    assert all(found.holds(operation.text) for operation in operations)
    before = (tmp_path / "documents.json").read_bytes()
    (folder / "bad.graphql").write_text("query Bad { nothing }", encoding="utf-8")
    refused = run("client")
    assert refused.code == 1
    assert "bad.graphql: Cannot query field 'nothing'" in refused.err
    assert (tmp_path / "documents.json").read_bytes() == before
    (tmp_path / "empty").mkdir()
    assert "holds no .graphql file" in run("empty").err
