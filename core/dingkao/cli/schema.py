"""`dingkao schema`."""

import difflib
from pathlib import Path
from typing import Annotated

import typer

from dingkao.cli.console import say, warn
from dingkao.cli.errors import WRONG_USE, CommandFailed


def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of standard output.")
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", help="Change nothing; exit with 1 and print a diff where this file is different."),
    ] = None,
) -> None:
    """Print the GraphQL schema of the core and the loaded plugins, as it is served. 接口定义

    Sorted, with every description, in the schema definition language. Needs no database.
    """
    if output is not None and check is not None:
        raise CommandFailed("--output and --check exclude each other (see `dingkao schema --help`)", WRONG_USE)
    text = served_schema()
    if check is not None:
        _compare(check, text)
    elif output is not None:
        output.write_text(text, encoding="utf-8")
        say(f"wrote {output}")
    else:
        say(text.removesuffix("\n"))


def served_schema() -> str:
    """The schema that a server with the present settings serves, as sorted SDL that ends with a line break."""
    from graphql import lexicographic_sort_schema, print_schema

    from dingkao.application import load_registry
    from dingkao.schema import assemble
    from dingkao.settings import load_settings

    assembled = assemble(load_registry(load_settings()))
    return print_schema(lexicographic_sort_schema(assembled._schema)) + "\n"


def _compare(path: Path, served: str) -> None:
    written = path.read_text(encoding="utf-8")
    if written == served:
        say(f"{path} is what is served")
        return
    difference = difflib.unified_diff(
        written.splitlines(keepends=True), served.splitlines(keepends=True), fromfile=str(path), tofile="served"
    )
    typer.echo("".join(difference), nl=False)
    warn(f"dingkao: {path} is not what is served: write it anew with `dingkao schema --output {path}`")
    raise typer.Exit(1)
