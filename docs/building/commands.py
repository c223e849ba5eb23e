"""Blocks made of the command line: the help of each command, as a page shows it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from typer.main import get_command

from building.blocks import Maker
from dingkao.cli.main import app


def makers() -> Mapping[str, Maker]:
    """The maker `commands`."""
    return {"commands": commands}


def commands() -> str:
    """Every command with its help, arguments and options."""
    return "\n\n".join(_section(path, command) for path, command in _walk("dingkao", get_command(app)))


def _walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    subcommands = getattr(command, "commands", {})
    # A group that does something by itself has a section of its own; the whole command line has its help instead.
    if not subcommands or (command.invoke_without_command and " " in path):
        yield path, command
    for name, subcommand in subcommands.items():
        yield from _walk(f"{path} {name}", subcommand)


def _section(path: str, command: Any) -> str:
    shown = [parameter for parameter in command.params if parameter.name != "help" and not parameter.hidden]
    arguments = [parameter for parameter in shown if parameter.param_type_name == "argument"]
    options = [parameter for parameter in shown if parameter.param_type_name == "option"]
    usage = " ".join([path, "[OPTIONS]" if options else "", *(a.metavar or a.name.upper() for a in arguments)])
    parts = [f"### {path}", f"```\n{' '.join(usage.split())}\n```", _prose(command.help)]
    rows = [f"| `{a.metavar or a.name.upper()}` | {_prose(a.help)} | |" for a in arguments]
    for option in options:
        default = option.default
        told = "" if default is None or isinstance(default, bool) or callable(default) else f"`{_plain(default)}`"
        required = "required" if option.required else told
        value = "" if option.is_flag else f" {option.metavar or option.name.upper()}"
        rows.append(f"| `{', '.join(option.opts)}{value}` | {_prose(option.help)} | {required} |")
    if rows:
        parts.append("\n".join(["| | | default |", "| --- | --- | --- |", *rows]))
    return "\n\n".join(parts)


def _plain(default: Any) -> str:
    return str(getattr(default, "value", default))


def _prose(text: str | None) -> str:
    """A docstring's paragraphs, each on one line."""
    paragraphs = re.split(r"\n\s*\n", (text or "").strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
