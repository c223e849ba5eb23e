"""The way of a new plugin's author, with nothing but the wheel: write, build, install, serve, test, take out, read."""

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from installing import InstalledEnvironment, build_wheel, clean_variables, make_environment

from dingkao.demo import people as demo

NAME, REGION = "shanhe", "990101"
LOG_IN = "mutation ($input: LogInInput!) { logIn(input: $input) { ... on SessionStarted { token } } }"
KEEP = "mutation ($input: ShanheKeepNoteInput!) { keepShanheNote(input: $input) { __typename } }"
DOCTOR = demo.DOCTORS[0].document_number


@pytest.fixture(scope="module")
def installed(dingkao_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> InstalledEnvironment:
    return make_environment(tmp_path_factory.mktemp("author") / "environment", [dingkao_wheel])


class Server:
    """A demo of an installed Dingkao, asked over HTTP."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def post(self, query: str, token: str | None = None, **variables: Any) -> Any:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self._http.post("/graphql", json={"query": query, "variables": variables}, headers=headers).json()

    def log_in(self, name: str) -> str:
        answer = self.post(LOG_IN, input={"documentNumber": name, "password": demo.PASSWORD})
        return str(answer["data"]["logIn"]["token"])


@contextmanager
def serving(installed: InstalledEnvironment, folder: Path) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [str(installed.folder / "bin" / "dingkao"), "demo", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=folder, env=clean_variables({}), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line)
        if "Uvicorn running on" in line:
            break
    else:
        pytest.fail(f"the server did not start: {''.join(lines)}")
    rest = threading.Thread(target=process.stderr.read, daemon=True)
    rest.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            yield Server(http)
    finally:
        process.terminate()
        process.wait(timeout=60)
        rest.join()
        process.stderr.close()


def test_the_way(installed: InstalledEnvironment, tmp_path: Path) -> None:
    plugin = tmp_path / "dingkao-shanhe"
    told = installed.command("new-plugin", NAME, "--region", REGION, "--folder", str(plugin))
    assert f"wrote {plugin / 'pyproject.toml'}" in told
    installed.install([build_wheel(plugin, tmp_path / "wheels")])
    listed = {entry["name"]: entry for entry in json.loads(installed.command("plugins", "--json"))}
    assert listed[NAME]["distribution"] == "dingkao-shanhe"
    assert "shanhe/0001_initial" in installed.command(
        "migrate", DINGKAO_DATABASE_URL=f"sqlite:///{tmp_path / 'empty.db'}"
    )

    with serving(installed, tmp_path) as server:
        doctor, officer = server.log_in(DOCTOR), server.log_in(demo.INSTITUTION_OFFICER)
        query = "query { viewer { assessment { id shanheOffice shanheNotes { text } } } }"
        assessment = server.post(query, doctor)["data"]["viewer"]["assessment"]
        assert assessment["shanheOffice"] == "政务服务中心医师考核窗口（示例）"
        assert assessment["shanheNotes"] == []
        kept = server.post(KEEP, officer, input={"assessmentId": assessment["id"], "text": "材料已核对"})
        assert kept == {"data": {"keepShanheNote": {"__typename": "ShanheNote"}}}
        assert server.post(query, doctor)["data"]["viewer"]["assessment"]["shanheNotes"] == [{"text": "材料已核对"}]
        other = server.log_in(demo.SECOND_INSTITUTION_OFFICER)
        refused = server.post(KEEP, other, input={"assessmentId": assessment["id"], "text": "越权"})
        assert refused["errors"][0]["extensions"]["code"] == "NOT_FOUND"

    tested = subprocess.run(
        [installed.python, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=plugin, env=clean_variables({}), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout[-4000:]

    installed.uninstall("dingkao-shanhe")
    with serving(installed, tmp_path) as server:
        doctor = server.log_in(DOCTOR)
        after = server.post("query { viewer { assessment { id state } } }", doctor)
        assert after["data"]["viewer"]["assessment"]["id"] == assessment["id"]
        gone = server.post("query { viewer { assessment { shanheOffice } } }", doctor)
        assert "shanheOffice" in gone["errors"][0]["message"]

    records = tmp_path / "records.jsonl"
    database = f"sqlite:///{tmp_path / 'var' / 'dingkao.db'}"
    told = installed.command(
        "plugins", "remove", NAME, "--yes", "--export", str(records), DINGKAO_DATABASE_URL=database
    )
    assert "exported 1 record(s)" in told
    head, line = [json.loads(text) for text in records.read_text(encoding="utf-8").splitlines()]
    assert head["tables"] == {"shanhe_note": 1}
    assert (line["table"], line["record"]["text"]) == ("shanhe_note", "材料已核对")
