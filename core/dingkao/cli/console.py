"""Where commands print: results on standard output, everything else on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

# Tables that go to a file or a pipe are not folded to the width of a terminal nobody looks at.
_WIDTH_OF_A_FILE = 200


def output() -> Console:
    """The console of standard output."""
    return Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE, highlight=False)


def messages() -> Console:
    """The console of standard error: progress bars and remarks."""
    return Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH_OF_A_FILE, highlight=False)


def new_table(*columns: str, title: str | None = None) -> Table:
    """An empty table in the manner of all commands; `columns` are its headings."""
    table = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def say(text: str) -> None:
    """Print one line of a result, as it is."""
    typer.echo(text)


def warn(text: str) -> None:
    """Print one line for the person on standard error."""
    typer.echo(text, err=True)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, where that is a terminal; gives what is told the steps done and their number."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages(), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
