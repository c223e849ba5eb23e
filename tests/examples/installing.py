"""Wheels of this checkout and of the examples, installed together into environments of their own.

Nothing is fetched: what the wheels depend on is taken from the environment that runs the tests, by a `.pth` file. Only
that environment's third-party packages are reached so; its own editable install of Dingkao is not.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The longest that a command of a test may take.
_SECONDS = 300


def build_wheel(source: Path, folder: Path) -> Path:
    """A wheel of the distribution in `source`, written to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.glob("*.whl"))
    arguments = ["wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    _run([sys.executable, "-m", "pip", *arguments, str(source)], {})
    (wheel,) = set(folder.glob("*.whl")) - before
    return wheel


@dataclass(frozen=True)
class InstalledEnvironment:
    """A virtual environment in `folder` into which wheels were installed."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def command(self, *arguments: str, **variables: str) -> str:
        """Run its `dingkao` with `arguments` and the environment `variables`; returns what it printed. Raises
        AssertionError with the error output where it fails."""
        return _run([str(self.folder / "bin" / "dingkao"), *arguments], variables)

    def run(self, script: Path, *arguments: str, **variables: str) -> str:
        """Run a script with its interpreter; returns what it printed. Raises AssertionError where it fails."""
        return _run([str(self.python), str(script), *arguments], variables)

    def uninstall(self, distribution: str) -> None:
        """Take a distribution out again."""
        self._pip("uninstall", "--yes", distribution)

    def install(self, wheels: Sequence[Path]) -> None:
        """Install wheels, without what they depend on."""
        self._pip("install", "--no-index", "--no-deps", *(str(wheel) for wheel in wheels))

    def _pip(self, *arguments: str) -> None:
        _run([sys.executable, "-m", "pip", "--python", str(self.python), "--quiet", *arguments], {})


def make_environment(folder: Path, wheels: Sequence[Path]) -> InstalledEnvironment:
    """A new virtual environment in `folder` with `wheels` in it."""
    venv.create(folder, with_pip=False)
    made = InstalledEnvironment(folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    # A plain path: the `.pth` files over there, editable installs among them, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    made.install(wheels)
    return made


def clean_variables(variables: dict[str, str]) -> dict[str, str]:
    """This process's environment without settings of Dingkao and Python, and `variables`."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("DINGKAO_", "PYTHON", "VIRTUAL_"))
    }
    return {**kept, **variables}


def _run(command: list[str], variables: dict[str, str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_SECONDS, env=clean_variables(variables), check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout
