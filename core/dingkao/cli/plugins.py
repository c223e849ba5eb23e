"""`dingkao plugins`: what is installed; and its command `remove`, which takes a plugin's records out for good."""

import asyncio
import json
import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated

import typer

from dingkao.cli.console import new_table, output, say, warn
from dingkao.cli.errors import WRONG_USE, CommandFailed

if TYPE_CHECKING:
    from dingkao.host.removal import Holdings
    from dingkao.settings import Settings

app = typer.Typer(rich_markup_mode="markdown")


@app.callback(invoke_without_command=True)
def plugins(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array instead of a table.")] = False,
) -> None:
    """List the plugins in force: where each comes from, what it contributes, what it overrides in policy. 插件

    Exits with 1, as the server would, where one is refused, and says everything that is wrong with any of them. Blocked
    plugins are not listed: their code is not touched.
    """
    if context.invoked_subcommand is not None:
        return
    from dingkao.application import load_registry
    from dingkao.host.listing import list_plugins
    from dingkao.schema import assemble
    from dingkao.settings import load_settings

    settings = load_settings()
    registry = load_registry(settings)
    # What is wrong with the schema refuses the server too.
    assemble(registry)
    listed = list_plugins(registry)
    if as_json:
        say(json.dumps([asdict(plugin) for plugin in listed], ensure_ascii=False, indent=2))
        return
    table = new_table("Plugin", "Version", "API", "Distribution", "Contributes", "Overrides in policy")
    for plugin in listed:
        # What layers set stands in the last column.
        contributions = "\n".join(
            f"{one.hook}: {', '.join(one.names)}" for one in plugin.contributions if one.hook != "policy_layers"
        )
        overrides = "\n".join(f"{one.place} {one.key} = {shorten(one.value, 60)}" for one in plugin.overrides)
        table.add_row(plugin.name, plugin.version, str(plugin.api), plugin.distribution, contributions, overrides)
    output().print(table)
    if settings.plugins_blocked:
        output().print(f"blocked by DINGKAO_PLUGINS_BLOCKED: {', '.join(settings.plugins_blocked)}")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The plugin's name, as `dingkao plugins` lists it.")],
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="Where its records go; default NAME-records-TIME.jsonl here."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
) -> None:
    """Export a plugin's records as JSON lines, then drop its tables and its migration history. 移除插件数据

    The plugin must be uninstalled or blocked (DINGKAO_PLUGINS_BLOCKED): none of its code is run. The file is written
    and safe on the disk before anything is dropped, and all in the database is one transaction. Stop the server first.
    """
    from dingkao.settings import load_settings

    settings = load_settings()
    _refuse_in_force(name, settings)
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = (export or Path(f"{name}-records-{moment}.jsonl")).absolute()
    if path.exists():
        raise CommandFailed(f"{path} is there already: nothing is overwritten; name another file with --export")
    if not path.parent.is_dir():
        raise CommandFailed(f"there is no folder {path.parent}: make it, or name another file with --export")
    asyncio.run(_remove(name, settings, path, yes))


def _refuse_in_force(name: str, settings: "Settings") -> None:
    from importlib.metadata import entry_points

    from dingkao.host.loading import GROUP

    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise CommandFailed(f"{name!r} is no plugin's name: lower-case letters, digits and underscores", WRONG_USE)
    if name in {re.split(r"[^\w]", text.strip(), maxsplit=1)[0] for text in settings.plugins_required}:
        raise CommandFailed(f"DINGKAO_PLUGINS_REQUIRED names {name}: take it out of that setting first")
    installed = {point.name for point in entry_points(group=GROUP)}
    if name in installed and name not in settings.plugins_blocked:
        raise CommandFailed(
            f"plugin {name} is in force: uninstall its package, or block it (DINGKAO_PLUGINS_BLOCKED={name}) for the "
            "server and for this command"
        )


async def _remove(name: str, settings: "Settings", path: Path, yes: bool) -> None:
    from dingkao.application import build_environment
    from dingkao.cli.opening import open_database, refuse_pending
    from dingkao.host.removal import RemovalRefused, find_holdings, remove_records
    from dingkao.migrations import CORE_MIGRATIONS

    # No plugin is loaded: neither this one, which may be gone, nor one that refuses to start without it.
    environment = build_environment(settings.model_copy(update={"plugins_required": ()}), plugins=[])
    async with open_database(environment.database):
        await refuse_pending([CORE_MIGRATIONS])
        try:
            holdings = await find_holdings(name)
            _show(holdings)
            if not yes:
                _ask(holdings, path)
            await remove_records(environment, holdings, path)
        except RemovalRefused as error:
            raise CommandFailed(str(error)) from error
    _tell(holdings, path)


def _show(holdings: "Holdings") -> None:
    table = new_table("Table", "Records")
    for name, count in holdings.tables.items():
        table.add_row(name, str(count))
    output().print(table)


def _ask(holdings: "Holdings", path: Path) -> None:
    question = f"Write {holdings.records} record(s) of {holdings.plugin} to {path} and drop these tables?"
    try:
        sure = typer.confirm(question, err=True)
    except typer.Abort:
        warn("")
        raise CommandFailed("nobody answered, so nothing was removed: --yes says yes") from None
    if not sure:
        raise CommandFailed("nothing was removed")


def _tell(holdings: "Holdings", path: Path) -> None:
    say(f"exported {holdings.records} record(s) to {path}")
    say(f"dropped {len(holdings.tables)} table(s); {len(holdings.migrations)} migration(s) forgotten")
    say("what stays readable, in the core's tables:")
    say("- assessments, papers and results, with the titles of procedures and waivers beside their codes")
    say("- transitions and audit entries, also of the plugin's own machines: who, when, why, under which policy")
    say(f"- the policy that cycles pinned, also what {holdings.plugin} set in it: {holdings.pinned_by} cycle(s)")
    say("- uploaded files, by the assessments they belong to")
    say("the records themselves: one JSON object a line, the first a head that counts them; keep the file as long as")
    say("assessments are kept. Installing the plugin again begins with empty tables.")
