"""Every hook has a page with its exact signature and a plugin that runs; what is copied from there keeps the scope."""

import importlib.util
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from dingkao.application import build_environment
from dingkao.host.imports import foreign_imports
from dingkao.plugin.hookspecs import Hooks
from dingkao.schema import assemble
from dingkao.settings import Settings
from dingkao.testing.contract import PluginContract
from dingkao.testing.plugins import bundled_plugins, plugin_under_test

PAGES = Path(__file__).parents[2] / "docs" / "plugins" / "hooks"
HOOKS = sorted(name for name, value in vars(Hooks).items() if hasattr(value, "dingkao_spec"))
_PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def page(hook: str) -> str:
    return (PAGES / f"{hook}.md").read_text(encoding="utf-8")


def example(hook: str, folder: Path) -> Any:
    """The plugin that the page shows whole, imported as a module of its own."""
    (text,) = [text for text in _PYTHON.findall(page(hook)) if "\nplugin = " in text]
    path = folder / f"sichuan_{hook}_page.py"
    path.write_text(text, encoding="utf-8")
    assert foreign_imports(path) == []
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    # Strawberry looks a class's annotations up in its module.
    sys.modules[path.stem] = module
    found.loader.exec_module(module)
    return module.plugin


def test_every_hook_has_a_page_and_no_page_is_left_over() -> None:
    assert len(HOOKS) >= 11
    assert sorted(path.stem for path in PAGES.glob("*.md") if path.stem != "README") == HOOKS
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert [hook for hook in HOOKS if f"[`{hook}`]({hook}.md)" not in index] == []


@pytest.mark.parametrize("hook", HOOKS)
def test_its_exact_signature_is_on_its_page(hook: str) -> None:
    specified = inspect.signature(getattr(Hooks, hook))
    (shown,) = re.findall(rf"^def {hook}(\(.*): \.\.\.$", page(hook), re.MULTILINE)
    # The page leaves out where a type comes from, and nothing else.
    assert shown == re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", str(specified))
    assert " ".join(inspect.cleandoc(getattr(Hooks, hook).__doc__).split()) in " ".join(page(hook).split())


@pytest.mark.parametrize("hook", HOOKS)
def test_it_says_what_counts_and_what_an_exception_does(hook: str) -> None:
    for row in ("called", "returns", "results", "claims", "an exception"):
        assert re.search(rf"^\| {row} \| .+ \|$", page(hook), re.MULTILINE), row


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if hook not in ("tables", "migrations")])
def test_its_example_is_a_plugin_that_starts(hook: str, tmp_path: Path) -> None:
    plugin = example(hook, tmp_path)
    assert hasattr(getattr(type(plugin), hook), "dingkao_impl"), "the example implements another hook"
    alone = [plugin_under_test("sichuan", plugin)]
    for plugins in (alone, [*bundled_plugins(), *alone]):
        environment = build_environment(
            Settings(database_url=f"sqlite:///{tmp_path / 'unused.db'}", storage_url=str(tmp_path)), plugins=plugins
        )
        assemble(environment.registry)


@pytest.mark.parametrize("hook", ["tables", "migrations"])
def test_the_others_show_what_the_scaffold_writes(hook: str) -> None:
    # tests/examples/test_new_plugin_way.py installs, serves and removes it.
    assert "<!-- generated: baked dingkao_sichuan/" in page(hook)


class TestGraphqlPage(PluginContract):
    """The fields of the page of `graphql`, with permissions on: it is the example that is copied most."""

    name = "sichuan"

    @pytest.fixture(autouse=True)
    def _loaded(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        if not hasattr(type(self), "plugin"):
            type(self).plugin = example("graphql", tmp_path_factory.mktemp("page"))

    @pytest.fixture
    def found(self, _loaded: None) -> Any:
        return plugin_under_test(self.name, self.plugin)
