"""Small distributions, built as wheels, installed into a folder of their own, and the real command run on it."""

import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from dingkao.testing.keys import TEST_KEYS

COMMAND = Path(sys.executable).parent / "dingkao"
LIMIT_SECONDS = 120

MINIMAL = "class Plugin:\n    plugin_api = 1\nplugin = Plugin()\n"


@dataclass(frozen=True)
class Distribution:
    """A distribution with one plugin: `module` is the source of the package that its entry point names."""

    name: str
    plugin: str
    module: str = MINIMAL
    version: str = "1.0"
    files: Mapping[str, str] | None = None

    @property
    def package(self) -> str:
        """The import package."""
        return self.name.replace("-", "_")

    def wheel(self, folder: Path) -> Path:
        """Write its wheel into `folder`."""
        path = folder / f"{self.package}-{self.version}-py3-none-any.whl"
        information = f"{self.package}-{self.version}.dist-info"
        files = {
            f"{self.package}/__init__.py": dedent(self.module),
            **{f"{self.package}/{name}": text for name, text in (self.files or {}).items()},
            f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n",
            f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{information}/entry_points.txt": f"[dingkao]\n{self.plugin} = {self.package}:plugin\n",
        }
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
            record = "".join(f"{name},,\n" for name in [*files, f"{information}/RECORD"])
            archive.writestr(f"{information}/RECORD", record)
        return path


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


class Place:
    """A folder into which distributions were installed, beside the environment that runs the tests."""

    def __init__(self, folder: Path, *groups: Sequence[Distribution], by_pip: bool = False) -> None:
        """Each group is installed into a folder of its own, the first of them first on the import path: by pip, or by
        what pip does with a wheel of Python alone, unpacking it."""
        self._folder = folder
        self._paths = []
        for number, distributions in enumerate(groups):
            target = folder / f"site-{number}"
            wheels = folder / f"wheels-{number}"
            wheels.mkdir(parents=True)
            files = [distribution.wheel(wheels) for distribution in distributions]
            if by_pip:
                arguments = ["install", "--quiet", "--no-index", "--no-deps", "--no-compile", "--target", target]
                subprocess.run([sys.executable, "-m", "pip", *arguments, *files], check=True, timeout=LIMIT_SECONDS)
            else:
                _unpack(files, target)
            self._paths.append(str(target))

    def run(self, *arguments: str, **settings: str) -> Outcome:
        """Run the real `dingkao` there, with settings by name (PLUGINS_BLOCKED for DINGKAO_PLUGINS_BLOCKED)."""
        done = subprocess.run(
            [COMMAND, *arguments],
            cwd=self._folder,
            env={
                "PATH": "/usr/bin:/bin",
                "COLUMNS": "200",
                "DINGKAO_KEYS": TEST_KEYS,
                "PYTHONPATH": ":".join(self._paths),
                **{f"DINGKAO_{name}": value for name, value in settings.items()},
            },
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=LIMIT_SECONDS,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)


def _unpack(wheels: Sequence[Path], target: Path) -> None:
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
