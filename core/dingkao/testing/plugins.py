"""Which plugins an application of a test has: the bundled ones, all that are installed, the one at hand."""

from functools import cache

from dingkao.application import load_registry
from dingkao.db.migrations import MigrationSet
from dingkao.host.loading import FoundPlugin, find_plugins
from dingkao.migrations import CORE_MIGRATIONS
from dingkao.settings import Settings

__all__ = ["FoundPlugin", "bundled_plugins", "installed_plugins", "migrations_of", "plugin_under_test"]

_BUNDLED_IN = "dingkao"


@cache
def _installed() -> tuple[FoundPlugin, ...]:
    # Looking through every distribution is most of the time that building an application takes.
    return tuple(find_plugins())


def installed_plugins() -> list[FoundPlugin]:
    """Every plugin that is installed, the bundled ones among them. Raises PluginRefused."""
    return list(_installed())


def bundled_plugins() -> list[FoundPlugin]:
    """The plugins that come with Dingkao itself."""
    return [plugin for plugin in _installed() if plugin.distribution == _BUNDLED_IN]


def plugin_under_test(
    name: str, plugin: object, *, version: str = "0.0.0", distribution: str = "under-test", module: str = ""
) -> FoundPlugin:
    """A plugin object as if its distribution were installed and named it `name` by its entry point. With `module` what
    the module's package imports is checked, as it is of an installed one."""
    return FoundPlugin(name, distribution, version, plugin, module)


def migrations_of(plugins: list[FoundPlugin]) -> list[MigrationSet]:
    """The core's migrations and those of `plugins`. Raises PluginRefused."""
    return [CORE_MIGRATIONS, *load_registry(Settings(), plugins).migrations]
