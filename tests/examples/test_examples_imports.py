"""The examples are what strangers copy: of Dingkao they import the contract and the kit, in code and tests; of plugins,
bundled or not, none but themselves."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from dingkao.host.imports import foreign_imports

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/pyproject.toml"))


def imported(path: Path) -> Iterator[str]:
    """The package of every module that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("project", EXAMPLES, ids=lambda project: project.parent.name)
def test_only_the_contract_and_the_kit(project: Path) -> None:
    assert foreign_imports(project.parent) == []
    packages = {name for path in project.parent.rglob("*.py") for name in imported(path)}
    assert "dingkao" in packages
    own = {path.name for path in project.parent.glob("dingkao_*")}
    assert {name for name in packages if name.startswith("dingkao_")} == own


def test_a_foreign_import_is_found(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text("from dingkao.web import app\nimport dingkao.plugin.text\n", encoding="utf-8")
    (found,) = foreign_imports(tmp_path)
    assert "dingkao.web" in found
