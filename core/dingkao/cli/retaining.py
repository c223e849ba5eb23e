"""`dingkao retention`."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from dingkao.cli.console import messages, new_table, output, say, warn
from dingkao.cli.errors import CommandFailed

if TYPE_CHECKING:
    from dingkao.retention.rules import Applied, Due
    from dingkao.retention.service import HoldRecord, Progress
    from dingkao.settings import Settings

app = typer.Typer(rich_markup_mode="markdown", help="What is past its time. 留存期限")

Account = Annotated[str, typer.Argument(metavar="ID", help="Id of a doctor or an account, as the API shows it.")]


@app.callback(invoke_without_command=True)
def retention(
    context: typer.Context,
    apply: Annotated[bool, typer.Option("--apply", help="Delete what is due; without it nothing is changed.")] = False,
) -> None:
    """Show what is past its time, by kind; with --apply, delete it. 留存期限

    Deletes in batches while servers run, each with its audit entry; what was interrupted goes on at the next call. What
    belongs to a doctor whose objection is open, or to an account under a legal hold, stays. Of the audit
    **dingkao audit prune** deletes; records of assessments are for the archive to decide. Call it every day (cron, a
    timer). Ends with 1 where a store did not let something go.
    """
    if context.invoked_subcommand is not None:
        return
    if not apply:
        due, settings = asyncio.run(_count())
        _show(due, settings)
        return
    applied = asyncio.run(_apply())
    told = [f"{number:,} {code}" for code, number in applied.deleted.items() if number]
    say(f"deleted: {', '.join(told) or 'nothing was due'}")
    if applied.left:
        warn(f"dingkao: {applied.left} could not be deleted: the store is out of reach; run it again")
        raise typer.Exit(1)


@app.command()
def hold(
    account: Account,
    reason: Annotated[str, typer.Option("--reason", help="Whose order or which case, without personal data.")],
) -> None:
    """Keep everything of a doctor or an account, whatever its time: a court or an inquiry needs it. 保全"""
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    say(f"hold {asyncio.run(_hold(account, reason.strip()))} is in force; `dingkao retention lift` ends it")


@app.command()
def lift(number: Annotated[int, typer.Argument(metavar="NUMBER", help="The hold's number.")]) -> None:
    """End a legal hold: its records go at the next call, where their time is over. 解除保全"""
    asyncio.run(_lift(number))
    say(f"hold {number} is over")


@app.command()
def holds() -> None:
    """List the legal holds in force. 保全清单"""
    from dingkao.clock import CHINA
    from dingkao.plugin.ids import encode_id

    table = new_table("Number", "Account", "Since", "Reason")
    for record in asyncio.run(_holds()):
        since = record.placed_at.astimezone(CHINA)
        table.add_row(str(record.id), encode_id("Account", record.account), f"{since:%Y-%m-%d}", record.reason)
    output().print(table)


def _show(due: "list[Due]", settings: "Settings") -> None:
    from dingkao.retention.rules import End

    table = new_table("Kind", "", "Kept for", "from", "Due")
    for each in due:
        kind = each.kind
        period = f"{kind.period(settings)} {kind.unit.value}"
        table.add_row(kind.code, kind.zh, period, kind.counted_from, f"{each.count:,}")
    output().print(table)
    for each in due:
        if each.count and each.kind.end is End.PRUNED:
            warn("audit: export them, then `dingkao audit prune FILE --before DAY`")
        if each.count and each.kind.end is End.APPRAISED:
            warn("records: for the archive to appraise; the server deletes none")


async def _count() -> "tuple[list[Due], Settings]":
    from dingkao.cli.opening import open_environment
    from dingkao.retention.service import count_due

    async with open_environment() as environment:
        return await count_due(environment), environment.settings


async def _apply() -> "Applied":
    from dingkao.cli.opening import open_environment
    from dingkao.retention.service import AlreadyRunning, apply_due

    async with open_environment() as environment:
        with _bars() as progress:
            try:
                return await apply_due(environment, progress)
            except AlreadyRunning as error:
                raise CommandFailed(str(error)) from None


async def _hold(account: str, reason: str) -> int:
    from dingkao.cli.opening import open_environment
    from dingkao.plugin.errors import NotFound
    from dingkao.retention.service import AlreadyHeld, place_hold

    async with open_environment() as environment:
        try:
            return await place_hold(environment, account, reason)
        except NotFound:
            raise CommandFailed(f"{account} is the id of no account, and of no doctor who has one") from None
        except AlreadyHeld as error:
            raise CommandFailed(str(error)) from None


async def _lift(number: int) -> None:
    from dingkao.cli.opening import open_environment
    from dingkao.plugin.errors import NotFound
    from dingkao.retention.service import lift_hold

    async with open_environment() as environment:
        try:
            await lift_hold(environment, number)
        except NotFound:
            raise CommandFailed(f"no hold {number} is in force: see `dingkao retention holds`") from None


async def _holds() -> "list[HoldRecord]":
    from dingkao.cli.opening import open_environment
    from dingkao.retention.service import read_holds

    async with open_environment():
        return await read_holds()


@contextmanager
def _bars() -> "Iterator[Progress]":
    """A bar for each kind, on standard error; nothing where that is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages(), disable=not sys.stderr.isatty()) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(kind: str, done: int, total: int) -> None:
            if kind not in tasks:
                tasks[kind] = bars.add_task(kind, total=total)
            bars.update(tasks[kind], completed=done, total=total)

        yield tell
