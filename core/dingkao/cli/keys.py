"""`dingkao keys`: the keys of personal data, codes, tokens and the audit."""

from typing import TYPE_CHECKING, Annotated

import typer

from dingkao.cli.console import say, warn
from dingkao.cli.errors import WRONG_USE, CommandFailed

if TYPE_CHECKING:
    from dingkao.settings import Settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Make and replace keys. 密钥")


@app.callback()
def keys() -> None:
    """Make and replace the keys of personal numbers, codes, tokens and the audit. 密钥

    All keys of a server stand in one ring: the file DINGKAO_KEYS_FILE, or the variable DINGKAO_KEYS. The last one
    encrypts and signs what is new; the others still open what they have sealed.
    """


@app.command()
def new(
    show: Annotated[
        bool, typer.Option("--print", help="Print a key for DINGKAO_KEYS or a store of secrets, and write nothing.")
    ] = False,
) -> None:
    """Make a key: the first of a new server, or the next one, which takes over from the last. 新建密钥

    It is written to the end of DINGKAO_KEYS_FILE, which is made where it is not there. Running servers take it at their
    next start. Keep a copy of the file apart from the database's backups: without it nobody reads the numbers again.
    """
    from dingkao.crypto.keys import new_key, write_key
    from dingkao.settings import load_settings

    settings = load_settings()
    if show:
        say(write_key(new_key()))
        return
    if settings.keys and settings.keys.get_secret_value().strip():
        raise CommandFailed(
            "DINGKAO_KEYS is set and comes before the file: add what --print prints to its end", WRONG_USE
        )
    earlier = settings.keys_file.exists()
    say(f"key {_add(settings)} added to {settings.keys_file}")
    if earlier:
        warn("dingkao: start every server anew, so that all have it")


def ensure_keys(settings: "Settings") -> str | None:
    """Make the first key of a server where nothing says where its keys are: in the default file, if that is not there.
    Gives the new key's name, None where nothing was made."""
    given = settings.keys and settings.keys.get_secret_value().strip()
    if given or "keys_file" in settings.model_fields_set or settings.keys_file.exists():
        return None
    return _add(settings)


def _add(settings: "Settings") -> str:
    from dingkao.clock import SystemClock
    from dingkao.crypto.keys import BadKeys
    from dingkao.crypto.loading import add_key

    try:
        return add_key(settings.keys_file, f"made {SystemClock().now():%Y-%m-%d}").id
    except BadKeys as error:
        raise CommandFailed(f"DINGKAO_KEYS_FILE: {settings.keys_file}: {error}", WRONG_USE) from None
