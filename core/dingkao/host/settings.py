"""What plugins can be set to: the names of their settings, each claimed once, and their values."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import SettingsError

from dingkao.plugin.settings import PluginSettings
from dingkao.settings import PREFIX, Settings


@dataclass(frozen=True, slots=True)
class DeclaredSetting:
    """One setting of a plugin: its environment variable, and what it is."""

    variable: str
    plugin: str
    field: FieldInfo


def prefix_of(plugin: str) -> str:
    """What the variables of `plugin` begin with."""
    return f"{PREFIX}{plugin.upper()}_"


def core_variables() -> set[str]:
    """The server's own variables."""
    return {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


def declared(plugin: str, kind: type[PluginSettings]) -> list[DeclaredSetting]:
    """The settings of `kind`, in the order in which they are written."""
    return [
        DeclaredSetting(f"{prefix_of(plugin)}{name.upper()}", plugin, field)
        for name, field in kind.model_fields.items()
    ]


def read(plugin: str, kind: type[PluginSettings]) -> tuple[PluginSettings | None, list[str]]:
    """The values from environment and `.env`; None and a line for each variable that cannot be used. A line never
    repeats the value, which may be a secret."""
    prefix = prefix_of(plugin)
    try:
        return kind(_env_prefix=prefix), []  # type: ignore[call-arg]
    except ValidationError as error:
        return None, [
            f"{prefix}{'.'.join(map(str, problem['loc'])).upper()}: {problem['msg']} (see `dingkao settings`)"
            for problem in error.errors()
        ]
    except SettingsError as error:
        return None, [f"{prefix}…: {error} (see `dingkao settings`)"]


def listing(settings: Mapping[str, type[PluginSettings]]) -> list[DeclaredSetting]:
    """Every setting of every plugin, in the order of the plugins' names."""
    return [setting for plugin, kind in settings.items() for setting in declared(plugin, kind)]
