"""Of Dingkao a plugin imports the contract and the kit: told from its source, at every start and in its own tests."""

import subprocess
import sys
from pathlib import Path

import pytest

import dingkao_exemptions
import dingkao_local_policy
from dingkao.testing.imports import assert_contract_alone, foreign_imports, import_linter_contract


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import dingkao", "imports dingkao"),
        ("import dingkao.db.tables as t", "imports dingkao.db.tables"),
        ("from dingkao import application", "imports dingkao.application"),
        ("from dingkao.environment import Environment", "imports dingkao.environment"),
        ("from dingkao.plugins import x", "imports dingkao.plugins"),
        ("def f():\n    from dingkao.host.services import CoreServices", "imports dingkao.host.services"),
        ("import importlib\nimportlib.import_module('dingkao.web')", "imports dingkao.web"),
        ("__import__('dingkao.db')", "imports dingkao.db"),
        ("import strawberry\nX = strawberry.lazy('dingkao.doctors.graphql')", "imports dingkao.doctors.graphql"),
        ("def f(info):\n    return info.context._core", "reaches for _core"),
        ("def f(services):\n    return services._environment", "reaches for _environment"),
        ("def f(info):\n    return info._raw_info.context", "reaches for _raw_info"),
    ],
)
def test_what_is_foreign(tmp_path: Path, source: str, said: str) -> None:
    package = tmp_path / "dingkao_night"
    package.mkdir()
    (package / "plugin.py").write_text(source)
    (found,) = foreign_imports(package)
    assert found.startswith("dingkao_night/plugin.py line ")
    assert found.endswith(said)


def test_what_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(
        "import dingkao.plugin\nfrom dingkao.plugin.tables import Record\nfrom dingkao import plugin, testing\n"
        "from dingkao.testing.sample import build_sample\nimport dingkao_night\nfrom . import rules\n"
        "print('dingkao.db')\n"
    )
    assert foreign_imports(tmp_path) == []


def test_the_bundled_plugins_keep_to_it() -> None:
    assert_contract_alone(dingkao_exemptions)
    assert_contract_alone(dingkao_local_policy)


@pytest.mark.parametrize(("line", "kept"), [("import dingkao.db.tables", False), ("import dingkao.plugin.text", True)])
def test_the_contract_for_import_linter_works(tmp_path: Path, line: str, kept: bool) -> None:
    package = tmp_path / "dingkao_night"
    package.mkdir()
    (package / "__init__.py").write_text(f"{line}\n")
    (tmp_path / "pyproject.toml").write_text(import_linter_contract("dingkao_night"))
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode == 0) is kept, done.stdout
