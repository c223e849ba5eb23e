"""`dingkao new-plugin`."""

from pathlib import Path
from typing import Annotated

import typer

from dingkao.cli.console import say
from dingkao.cli.errors import WRONG_USE, CommandFailed


def new_plugin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The plugin's name: lower-case words, as sichuan.")],
    region: Annotated[
        str, typer.Option("--region", metavar="CODE", help="The region that its policy is for (GB/T 2260 区划代码).")
    ],
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="FOLDER", help="A new folder; default ./dingkao-NAME.")
    ] = None,
) -> None:
    """Write a plugin that works: a policy layer, fields, a table with its migrations, tests. 新建插件

    A distribution of its own, to be changed into what a region needs. Nothing that exists is overwritten, and where
    something fails nothing is left behind.
    """
    from dingkao.scaffold.baking import CannotBake, bake

    place = folder or Path(f"dingkao-{name.replace('_', '-')}")
    try:
        written = bake(name, region, place, _taken())
    except CannotBake as error:
        raise CommandFailed(str(error), WRONG_USE) from error
    for path in written:
        say(f"wrote {path}")
    say("")
    say(f"next: cd {place}; pip install -e '.[test]'; pytest")
    say("then: dingkao plugins; dingkao migrate; dingkao serve")


def _taken() -> dict[str, str]:
    from dingkao.migrations import CORE_TABLES
    from dingkao.registry import Registry
    from dingkao.schema import assemble

    types = assemble(Registry())._schema.type_map
    return {table._meta.tablename: "the core's tables" for table in CORE_TABLES} | {
        name: "the core's GraphQL types" for name in types if not name.startswith("__")
    }
