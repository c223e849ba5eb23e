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
    """List every setting: type, default, meaning, and whether it is set. 配置项

    Values are not shown, since some are secrets. Exits with 2 where one of them cannot be used.
    """
    from pydantic import SecretStr

    from dingkao.settings import PREFIX, BadSettings, Settings, load_settings

    in_file = _names_in_env_file(Path(".env"))
    in_environment = {name.upper() for name in os.environ}
    table = new_table("Variable", "Type", "Default", "Meaning", "Set in")
    for name, field in Settings.model_fields.items():
        variable = f"{PREFIX}{name.upper()}"
        place = "environment" if variable in in_environment else ".env" if variable in in_file else ""
        default = "(hidden)" if isinstance(field.default, SecretStr) else _shown_default(field)
        table.add_row(variable, _shown_type(field.annotation), default, field.description or "", place)
    output().print(table)
    for unknown in sorted(
        variable
        for variable in in_environment | in_file
        if variable.startswith(PREFIX) and variable.removeprefix(PREFIX).lower() not in Settings.model_fields
    ):
        warn(f"dingkao: there is no setting {unknown}; it changes nothing")
    try:
        load_settings()
    except BadSettings as error:
        raise CommandFailed(str(error), 2) from error


def _names_in_env_file(path: Path) -> set[str]:
    from dotenv import dotenv_values

    return {name.upper() for name in dotenv_values(path)} if path.is_file() else set()


def _shown_default(field: "FieldInfo") -> str:
    default = field.default
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
