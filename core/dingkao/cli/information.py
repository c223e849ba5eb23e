"""`dingkao settings`: what can be set."""

import os
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from dingkao.cli.console import new_table, output, warn
from dingkao.cli.errors import CommandFailed

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


def settings() -> None:
    """List every setting, the server's and the plugins': type, default, meaning, and whether it is set. 配置项

    Values are not shown, since some are secrets. Exits with 2 where one of them cannot be used, with 1 where a
    plugin is refused.
    """
    from dingkao.application import load_registry
    from dingkao.host.finding import find_plugins
    from dingkao.host.listing import list_settings
    from dingkao.host.refusal import PluginRefused, Problems
    from dingkao.settings import PREFIX, BadSettings, Settings, is_secret, load_settings

    refused: BadSettings | PluginRefused | None = None
    declared: list[tuple[str, FieldInfo]] = []
    try:
        loaded = load_settings()
        found = find_plugins(loaded.plugins_blocked, Problems())
        declared = [(setting.variable, setting.field) for setting in list_settings(found)]
        load_registry(loaded)
    except (BadSettings, PluginRefused) as error:
        refused = error
    own = [(f"{PREFIX}{name.upper()}", field) for name, field in Settings.model_fields.items()]
    in_file = _names_in_env_file(Path(".env"))
    in_environment = {name.upper() for name in os.environ}
    table = new_table("Variable", "Type", "Default", "Meaning", "Set in")
    for variable, field in [*own, *declared]:
        in_a_file = f"{variable}_FILE" in in_environment
        place = "environment" if variable in in_environment else ".env" if variable in in_file else ""
        place = "file" if in_a_file else place
        table.add_row(variable, _shown_type(field.annotation), _shown_default(field), field.description or "", place)
    output().print(table)
    known = {variable for variable, _ in [*own, *declared]}
    known |= {f"{PREFIX}{name.upper()}_FILE" for name, field in Settings.model_fields.items() if is_secret(name, field)}
    for unknown in sorted(name for name in in_environment | in_file if name.startswith(PREFIX) and name not in known):
        if refused is None or not _of_a_plugin(unknown):
            warn(f"dingkao: there is no setting {unknown}; it changes nothing")
    if isinstance(refused, BadSettings):
        raise CommandFailed(str(refused), 2) from refused
    if refused is not None:
        raise refused


def _of_a_plugin(variable: str) -> bool:
    """Whether the variable begins like those of an installed plugin, which may be refused and so not be asked."""
    from importlib.metadata import entry_points

    from dingkao.host.finding import GROUP
    from dingkao.host.settings import prefix_of

    return any(variable.startswith(prefix_of(point.name)) for point in entry_points(group=GROUP))


def _names_in_env_file(path: Path) -> set[str]:
    from dotenv import dotenv_values

    return {name.upper() for name in dotenv_values(path)} if path.is_file() else set()


def _shown_default(field: "FieldInfo") -> str:
    from pydantic import SecretStr

    if field.is_required():
        return "must be set"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, SecretStr):
        return "(hidden)"
    if default is None or default == ():
        return "none"
    return str(default).lower() if isinstance(default, bool) else str(default)


def _shown_type(annotation: Any) -> str:
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(_shown_type(part) for part in get_args(annotation) if part is not type(None))
    if get_origin(annotation) is tuple:
        return "list"
    names = {"str": "text", "SecretStr": "secret text", "int": "number", "float": "number", "bool": "true or false",
             "Path": "path"}  # fmt: skip
    name = getattr(annotation, "__name__", str(annotation))
    return names.get(name, name)
