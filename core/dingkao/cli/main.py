"""The command line: `dingkao …`. Each family of commands has a file of its own; here they come together."""

import gc
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from dingkao.cli import (
    accounts,
    auditing,
    backing_up,
    checking,
    demo,
    documents,
    exporting,
    faces,
    importing,
    information,
    keys,
    migrating,
    new_plugin,
    outbox,
    plugins,
    policy,
    retaining,
    schema,
    serving,
    tour,
)
from dingkao.cli.console import warn
from dingkao.cli.errors import explain

HELP = """Dingkao (定考): the server of a province's physician periodic assessment (医师定期考核).

Settings are environment variables DINGKAO_… or lines of a file .env in the working directory; **dingkao settings**
lists them. A first look: **dingkao demo**."""

_OBJECTS_BETWEEN_COLLECTIONS = 20_000


class CommandLine(TyperGroup):
    """Says in one line on standard error what a person can mend; only mistakes of the program show a traceback."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run; exits with 0, 1 (failed), 2 (wrong use or settings) or 130 (interrupted)."""
        # What a command imports stays: Python would look through it for garbage a thousand times.
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 20)
        try:
            code = super().main(
                args=args,
                prog_name=prog_name,
                complete_var=complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except typer.Abort:
            raise SystemExit(130) from None
        except Exception as error:
            explained = explain(error)
            if explained is None:
                raise
            line, code = explained
            if line:
                warn(f"dingkao: {line}")
        if standalone_mode:
            raise SystemExit(code if isinstance(code, int) else 0)
        return code


app = typer.Typer(
    name="dingkao",
    cls=CommandLine,
    help=HELP,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_RUNNING = "Running a server 运行"
_DATA = "Bringing data in 导入"
_LOOKING = "Looking 查看"
_WRITING = "Writing plugins 插件开发"

app.command(rich_help_panel=_RUNNING)(serving.serve)
app.command(rich_help_panel=_RUNNING)(migrating.migrate)
app.add_typer(keys.app, name="keys", rich_help_panel=_RUNNING)
app.add_typer(faces.app, name="faces", rich_help_panel=_RUNNING)
app.add_typer(retaining.app, name="retention", rich_help_panel=_RUNNING)
app.command(rich_help_panel=_RUNNING)(checking.check)
app.command(rich_help_panel=_RUNNING)(backing_up.backup)
app.command(rich_help_panel=_RUNNING)(backing_up.restore)
app.command(rich_help_panel=_RUNNING)(demo.demo)
app.command(rich_help_panel=_RUNNING)(tour.tour)
app.add_typer(importing.app, name="import", rich_help_panel=_DATA)
app.add_typer(exporting.app, name="export", rich_help_panel=_DATA)
app.add_typer(accounts.app, name="account", rich_help_panel=_DATA)
app.command(rich_help_panel=_LOOKING)(schema.schema)
app.add_typer(plugins.app, name="plugins", rich_help_panel=_LOOKING)
app.add_typer(policy.app, name="policy", rich_help_panel=_LOOKING)
app.command(rich_help_panel=_LOOKING)(documents.documents)
app.command(rich_help_panel=_LOOKING)(information.settings)
app.command(rich_help_panel=_LOOKING)(outbox.outbox)
app.add_typer(auditing.app, name="audit", rich_help_panel=_LOOKING)
app.command(name="new-plugin", rich_help_panel=_WRITING)(new_plugin.new_plugin)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and end."),
) -> None:
    if version:
        from importlib.metadata import version as version_of

        typer.echo(f"dingkao {version_of('dingkao')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


main.__doc__ = HELP
