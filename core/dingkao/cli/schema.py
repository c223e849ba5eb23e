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
    against: Annotated[
        Path | None,
        typer.Option(
            "--against", help="List the breaking and the dangerous changes since this schema; exit with 1 on breaking."
        ),
    ] = None,
    changelog: Annotated[
        Path | None,
        typer.Option(
            "--changelog",
            help="With --against: a breaking change whose place (`Doctor.name`, in backticks) stands in the newest "
            "section of this file is told, and does not fail.",
        ),
    ] = None,
) -> None:
    """Print the GraphQL schema of the core and the loaded plugins, as it is served. 接口定义

    Sorted, with every description, in the schema definition language. Needs no database.
    """
    if sum(option is not None for option in (output, check, against)) > 1:
        raise CommandFailed(
            "--output, --check and --against exclude each other (see `dingkao schema --help`)", WRONG_USE
        )
    if changelog is not None and against is None:
        raise CommandFailed("--changelog goes with --against (see `dingkao schema --help`)", WRONG_USE)
    text = served_schema()
    if check is not None:
        _compare(check, text)
    elif against is not None:
        _list_changes(against, text, changelog)
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


def _list_changes(path: Path, served: str, changelog: Path | None) -> None:
    from graphql import build_schema

    from dingkao.cli.schema_changes import breaking_changes, dangerous_changes, read_schema, told_in

    old, new = read_schema(path), build_schema(served)
    breaking, dangerous = breaking_changes(old, new), dangerous_changes(old, new)
    told = told_in(changelog.read_text(encoding="utf-8"), breaking) if changelog is not None else []
    for change in breaking:
        say(f"breaking   {change.kind}  {change.sentence}{'  (in the changelog)' if change in told else ''}")
    for change in dangerous:
        say(f"dangerous  {change.kind}  {change.sentence}")
    say(f"{len(breaking)} breaking, {len(dangerous)} dangerous change(s) since {path}")
    untold = sorted({change.place for change in breaking if change not in told})
    if untold:
        places = ", ".join(f"`{place}`" for place in untold)
        advice = f"; name each in the newest section of {changelog}: {places}" if changelog is not None else ""
        warn(f"dingkao: clients of {path} would break{advice}")
        raise typer.Exit(1)
