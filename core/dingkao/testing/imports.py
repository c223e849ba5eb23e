"""What a plugin's code imports, for a test of its author's: the check that the host makes at every start.

from dingkao.testing.imports import assert_contract_alone

def test_imports():
    assert_contract_alone(dingkao_night)
"""

from pathlib import Path
from types import ModuleType

from dingkao.host.imports import ALLOWED, foreign_imports

__all__ = ["ALLOWED", "assert_contract_alone", "foreign_imports", "import_linter_contract"]


def assert_contract_alone(package: ModuleType) -> None:
    """Raises AssertionError with a line for each place where the package's code imports of Dingkao anything but
    `dingkao.plugin` and `dingkao.testing`, or reaches into what the core hands over."""
    found = [line for place in package.__path__ for line in foreign_imports(Path(place))]
    assert not found, "\n".join(found)


def import_linter_contract(package: str) -> str:
    """The same rule as a contract of import-linter, to be put into the pyproject.toml of the plugin whose import
    package is `package`; `lint-imports` then checks it."""
    return f'''[tool.importlinter]
root_packages = ["{package}", "dingkao"]

[[tool.importlinter.contracts]]
name = "Of Dingkao, {package} imports dingkao.plugin and dingkao.testing alone"
type = "forbidden"
source_modules = ["{package}"]
forbidden_modules = ["dingkao.*"]
allow_indirect_imports = true
ignore_imports = [
  "** -> dingkao.plugin",
  "** -> dingkao.plugin.**",
  "** -> dingkao.testing",
  "** -> dingkao.testing.**",
]
unmatched_ignore_imports_alerting = "none"
'''
