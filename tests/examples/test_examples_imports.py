"""The examples are what strangers copy: of Dingkao they import the contract and the kit, in code and tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/pyproject.toml"))
ALLOWED = ("dingkao.plugin", "dingkao.testing")


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, absolutely."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            # `from dingkao import web` names a module, too.
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("project", EXAMPLES, ids=lambda project: project.parent.name)
def test_only_the_contract_and_the_kit(project: Path) -> None:
    files = sorted(project.parent.rglob("*.py"))
    found = {(path.name, name) for path in files for name in imported(path) if name.split(".")[0] == "dingkao"}
    assert found
    assert not [(file, name) for file, name in found if not f"{name}.".startswith(tuple(f"{a}." for a in ALLOWED))]
    # Nor another plugin, bundled or not.
    packages = {name.split(".")[0] for path in files for name in imported(path) if name.startswith("dingkao_")}
    assert packages <= {path.name for path in project.parent.glob("dingkao_*")}
