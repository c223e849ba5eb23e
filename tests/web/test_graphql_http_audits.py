"""The audits of the npm package graphql-http against a real server: every MUST and SHOULD of GraphQL over HTTP."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command_line import RunningServer, free_port

PACKAGES = ("graphql-http@1.23.1", "graphql@16")
SCRIPT = """
import { auditServer } from 'graphql-http';
const results = await auditServer({ url: process.argv[2] });
console.log(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
"""


@pytest.fixture(scope="module")
def auditor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the audits, as npm installs them."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not on the PATH: the audits of graphql-http were NOT run")
    folder = tmp_path_factory.mktemp("graphql_http")
    (folder / "audit.mjs").write_text(SCRIPT, encoding="utf-8")
    (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", *PACKAGES]
    subprocess.run(command, cwd=folder, check=True, timeout=300)
    return folder


def test_no_error_and_no_warning(auditor: Path, tmp_path: Path) -> None:
    port = free_port()
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path / 'dingkao.db'}", "STORAGE_URL": str(tmp_path / "files")}
    server = RunningServer(["demo", "--port", str(port)], tmp_path, settings)
    try:
        server.wait_for("Application startup complete")
        audited = subprocess.run(
            ["node", "audit.mjs", f"http://127.0.0.1:{port}/graphql"],
            cwd=auditor, capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
    finally:
        server.kill()
    results: list[dict[str, Any]] = json.loads(audited.stdout)
    bad = [result for result in results if result["status"] in ("error", "warn")]
    assert bad == []
    counted = {status: sum(result["status"] == status for result in results) for status in ("ok", "notice")}
    # The three notices are about GET, which answers a browser with the explorer and nobody else.
    assert counted == {"ok": 58, "notice": 3}
    assert all("GET" in result["name"] for result in results if result["status"] == "notice")
