"""`dingkao serve` and `dingkao demo` on a real port."""

import asyncio
import json
import shlex
import signal
import socket
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from command_line import Outcome, Run, RunningServer, Start, free_port

from dingkao.db.database import Database
from dingkao.demo.people import PASSWORD
from dingkao.doctors.tables import Doctor

VERSION = {"query": "{ apiVersion }"}
JSON_TYPE = {"content-type": "application/json"}
SIGTERM_CODES = (0, -signal.SIGTERM, 128 + signal.SIGTERM)


def serve(start: Start, port: int, *arguments: str, **settings: str) -> RunningServer:
    server = start("serve", "--port", str(port), *arguments, **settings)
    server.wait_for("Uvicorn running on")
    return server


def test_serve_answers_logs_each_request_and_ends_when_told(start: Start, database_url: str) -> None:
    port = free_port()
    server = serve(start, port, DATABASE_URL=database_url)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
        assert http.get("/healthz").json() == {"status": "ok"}
        assert http.get("/readyz").json() == {"status": "ready"}
        answer = http.post("/graphql", json=VERSION)
        assert answer.json()["data"]["apiVersion"]
        assert "server" not in answer.headers
        number = "99000019800101123X"
        log_in = {
            "query": "mutation($input: LogInInput!) { logIn(input: $input) { __typename } }",
            "variables": {"input": {"documentNumber": number, "password": "not-the-password"}},
        }
        assert http.post("/graphql", json=log_in).json()["data"]["logIn"]["__typename"] == "ValidationProblem"
        request_id = answer.headers["x-request-id"]
    line = json.loads(server.wait_for(request_id))
    assert (line["event"], line["path"], line["status"]) == ("request", "/graphql", 200)
    assert server.end() in SIGTERM_CODES
    assert all(json.loads(line)["level"] == "info" for line in server.lines)
    assert number not in "".join(server.lines)
    assert "not-the-password" not in "".join(server.lines)


def test_a_request_that_runs_is_answered_before_the_end(start: Start, sqlite_url: str) -> None:
    port = free_port()
    server = serve(start, port, DATABASE_URL=sqlite_url)
    body = json.dumps(VERSION).encode()
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head.encode() + body[:5])
        # A second request has its answer: the server has surely read the beginning of the first.
        httpx.get(f"http://127.0.0.1:{port}/healthz")
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("Shutting down")
        connection.sendall(body[5:])
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"apiVersion"' in answer
    assert server.join() in SIGTERM_CODES


def test_two_workers_share_a_port(start: Start, database_url: str) -> None:
    port = free_port()
    server = serve(start, port, "--workers", "2", DATABASE_URL=database_url)
    server.wait_for("Application startup complete")
    # The workers listen on their own, a moment after that line.
    transport = httpx.HTTPTransport(retries=8)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, transport=transport) as http:
        assert http.post("/graphql", json=VERSION).json()["data"]["apiVersion"]
    assert server.end() in SIGTERM_CODES
    started = [line for line in map(json.loads, server.lines) if "Started server process" in line["event"]]
    assert len(started) == 2


def test_serve_refuses_a_database_that_lacks_migrations(run: Run, empty_database_url: str) -> None:
    outcome = run("serve", "--port", str(free_port()), DATABASE_URL=empty_database_url)
    assert outcome.code == 1
    assert "core/0001_initial" in outcome.complaint
    assert outcome.complaint.endswith("run `dingkao migrate` first")


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_taken_port_is_one_line(run: Run, tmp_path: Path, command: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        outcome = run(command, "--port", str(port))
    assert outcome.code == 1
    assert outcome.complaint == (
        f"dingkao: cannot listen on 127.0.0.1 port {port}: Address already in use; "
        "end what runs there or choose another --port"
    )
    assert not (tmp_path / "var").exists()


def test_an_unknown_host_is_one_line_and_exit_code_2(run: Run) -> None:
    outcome = run("serve", "--host", "300.1.1.1")
    assert outcome.code == 2
    assert "300.1.1.1 is no address of this machine" in outcome.complaint


def test_no_server_without_keys_and_none_for_others_with_published_ones(run: Run, sqlite_url: str) -> None:
    without = run("serve", "--port", str(free_port()), DATABASE_URL=sqlite_url, KEYS="")
    assert without.code == 2
    assert "run `dingkao keys new`" in without.complaint
    open_to_all = run("serve", "--port", str(free_port()), "--host", "0.0.0.0", DATABASE_URL=sqlite_url)  # noqa: S104
    assert open_to_all.code == 2
    assert "those of the tests, which are published" in open_to_all.complaint


def doctors(url: str) -> int:
    async def count() -> int:
        async with Database(url).session():
            return int(await Doctor.count())

    return asyncio.run(count())


def first_request(text: str) -> tuple[str, dict[str, Any]]:
    """The address and the body of the curl line in the guide, read as a shell would."""
    (line,) = (line for line in text.splitlines() if line.startswith("curl "))
    words = shlex.split(line)
    return words[2], json.loads(words[words.index("-d") + 1])


def test_demo_makes_a_province_serves_it_and_keeps_it(start: Start, run: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'var' / 'dingkao.db'}"
    for _ in range(2):
        port = free_port()
        server = start("demo", "--port", str(port))
        server.wait_for("Uvicorn running on")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
            page = http.get("/graphql", headers={"accept": "text/html"})
            assert page.headers["content-type"].startswith("text/html")
        body = {"query": "{ apiVersion }"}
        assert httpx.post(f"http://127.0.0.1:{port}/graphql", json=body).json()["data"]["apiVersion"]
        assert server.end() in SIGTERM_CODES
        count = doctors(url)
        assert count >= 10
        guide = server.output
        assert f"http://127.0.0.1:{port}/graphql" in guide
        assert PASSWORD in guide
        assert "authority-officer" in guide
    with closing(sqlite3.connect(tmp_path / "var" / "dingkao.db")) as connection:
        assert connection.execute("SELECT count(*) FROM session").fetchone() == (0,)
    assert stat.S_IMODE((tmp_path / "var" / "demo-seal.p12").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "var" / "demo-seal.passphrase").stat().st_mode) == 0o600


def test_the_first_query_of_the_guide_logs_in(start: Start, run: Run) -> None:
    port = free_port()
    guide = run("demo", "--prepare-only", "--port", str(port))
    assert (guide.code, guide.err) == (0, "")
    server = start("demo", "--port", str(port))
    server.wait_for("Uvicorn running on")
    address, body = first_request(guide.out)
    answer = httpx.post(address, json=body).json()
    assert answer["data"]["logIn"]["token"]
    assert answer["data"]["logIn"]["firstLogin"] is False


def prepared(run: Run, **settings: str) -> Outcome:
    outcome = run("demo", "--prepare-only", **settings)
    assert (outcome.code, outcome.err) == (0, "")
    return outcome


def test_demo_on_either_database_changes_nothing_the_second_time(run: Run, empty_database_url: str) -> None:
    first = prepared(run, DATABASE_URL=empty_database_url)
    count = doctors(empty_database_url)
    assert count >= 10
    assert prepared(run, DATABASE_URL=empty_database_url).out == first.out
    assert doctors(empty_database_url) == count


def test_reset_deletes_the_demo_in_var_and_makes_it_anew(run: Run, tmp_path: Path) -> None:
    prepared(run)
    key = (tmp_path / "var" / "demo-seal.p12").read_bytes()
    kept = tmp_path / "var" / "notes.txt"
    kept.write_text("mine")
    with closing(sqlite3.connect(tmp_path / "var" / "dingkao.db")) as connection, connection:
        connection.execute("UPDATE doctor SET name = 'changed'")
    upload = tmp_path / "var" / "files" / "upload"
    upload.write_text("an upload")
    outcome = run("demo", "--reset", "--prepare-only", "--port", str(free_port()))
    assert (outcome.code, outcome.err) == (0, "")
    assert "deleted var/dingkao.db" in outcome.out
    with closing(sqlite3.connect(tmp_path / "var" / "dingkao.db")) as connection:
        assert connection.execute("SELECT count(*) FROM doctor WHERE name = 'changed'").fetchone() == (0,)
    assert not upload.exists()
    assert (tmp_path / "var" / "demo-seal.p12").read_bytes() != key
    assert kept.read_text() == "mine"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"DATABASE_URL": "postgresql://u:p@127.0.0.1:1/x"}, "DINGKAO_DATABASE_URL names a server"),
        ({"DATABASE_URL": "sqlite:///other/dingkao.db"}, "DINGKAO_DATABASE_URL leads elsewhere"),
        ({"DATABASE_URL": "sqlite:///var/../dingkao.db"}, "DINGKAO_DATABASE_URL leads elsewhere"),
        ({"STORAGE_URL": "files"}, "DINGKAO_STORAGE_URL leads elsewhere"),
        ({"STORAGE_URL": "var"}, "DINGKAO_STORAGE_URL leads elsewhere"),
        ({"STORAGE_URL": "s3://bucket/prefix"}, "DINGKAO_STORAGE_URL leads elsewhere"),
    ],
)
def test_reset_refuses_whatever_is_not_inside_var(
    run: Run, tmp_path: Path, settings: dict[str, str], complaint: str
) -> None:
    files = [tmp_path / name for name in ("dingkao.db", "other/dingkao.db", "var/dingkao.db", "files/a", "var/files/a")]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("kept")
    outcome = run("demo", "--reset", "--prepare-only", "--port", str(free_port()), **settings)
    assert outcome.code == 2
    assert "Traceback" not in outcome.err
    assert complaint in outcome.err.splitlines()[-1]
    assert all(file.read_text() == "kept" for file in files)


def test_reset_does_not_follow_a_link_out_of_the_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "dingkao.db").write_text("kept")
    (tmp_path / "var").symlink_to(tmp_path / "elsewhere")
    outcome = run("demo", "--reset", "--prepare-only", "--port", str(free_port()))
    assert outcome.code == 2
    assert (tmp_path / "elsewhere" / "dingkao.db").read_text() == "kept"


def test_a_seal_key_without_its_passphrase_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "demo-seal.p12").write_bytes(b"key")
    outcome = run("demo", "--prepare-only")
    assert outcome.code == 1
    assert "var/demo-seal.passphrase" in outcome.complaint
