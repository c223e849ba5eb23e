"""`dingkao tour`."""

import re
from pathlib import Path
from typing import Annotated

import typer

from dingkao.cli.errors import WRONG_USE, CommandFailed

_URL = "http://127.0.0.1:8000"


def tour(
    url: Annotated[str, typer.Option("--url", help="Address of the running server.")] = _URL,
    questions: Annotated[
        list[Path] | None,
        typer.Option("--questions", help="A CSV file of questions to import and sit papers of; may be repeated."),
    ] = None,
) -> None:
    """Play whole assessments against a running demo server, as clients would. 全流程演示

    A doctor on the simple procedure, one on the general, one exempted from a paper, one failed by a rating, and the
    staff they need, all over HTTP. Prints who did what with which outcome, and exits with 0 only if every answer was
    what the manual says.
    """
    import httpx

    if not re.match(r"https?://[^/]", url):
        raise CommandFailed(f"--url {url}: write the address of a server, as in {_URL}", WRONG_USE)

    from dingkao.tour import run_tour

    files = questions or []
    for file in files:
        # Opened here, so that an unreadable file is said before anything is played.
        with file.open("rb"):
            pass
    try:
        code = run_tour(url.rstrip("/").removesuffix("/graphql"), files)
    except httpx.InvalidURL as error:
        raise CommandFailed(f"--url {url}: {error}", WRONG_USE) from error
    except httpx.TransportError as error:
        raise CommandFailed(
            f"no server answers at {url}: start one with `dingkao demo`, or name another --url"
        ) from error
    raise typer.Exit(code)
