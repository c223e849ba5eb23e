"""`dingkao keys`: the keys of personal data, codes, tokens and the audit."""

from dataclasses import astuple
from typing import TYPE_CHECKING, Annotated

import typer

from dingkao.cli.console import new_table, output, progress_bar, say, warn
from dingkao.cli.errors import WRONG_USE, CommandFailed
from dingkao.crypto.purposes import Purpose

if TYPE_CHECKING:
    from dingkao.crypto.ring import KeyRing
    from dingkao.key_replacement import Needed, Replaced
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


@app.command(name="list")
def list_keys() -> None:
    """Show the ring, oldest first: each key's name, what it may do, and how much needs it. 密钥列表

    Entries of the audit need the key that signed them as long as they are kept; everything else is sealed anew by
    **dingkao keys rotate**.
    """
    import asyncio

    needed, ring = asyncio.run(_count())
    table = new_table(
        "Key", "Newest", "Purposes", "Numbers and texts", "Indexes", "Authenticators", "Faces", "Audit entries"
    )
    for key_id in ring.ids:
        purposes = ring.purposes_of(key_id)
        counted = needed.get(key_id)
        table.add_row(
            key_id,
            "yes" if key_id == ring.ids[-1] else "",
            "all" if len(purposes) == len(Purpose) else ", ".join(purposes),
            *(f"{number:,}" for number in (astuple(counted) if counted else (0,) * 5)),
        )
    output().print(table)
    for missing in sorted(set(needed) - set(ring.ids)):
        values = needed[missing].sealed + needed[missing].audit_entries
        warn(f"dingkao: {values:,} values want the key {missing}, which is not in the ring")


@app.command()
def rotate() -> None:
    """Seal everything anew with the newest key, while servers run. 更换密钥

    Personal numbers and their indexes, codes, authenticators, face images, and the sealed columns of plugins. First
    **dingkao keys new**, and start every server anew, so that all have the key. What was interrupted goes on at the
    next call. It ends by saying of each older key whether it may be taken out of the ring; with 1 where one may not.
    """
    import asyncio

    replaced, ring = asyncio.run(_replace())
    for table, count in sorted(replaced.rows.items()):
        say(f"{count:,} rows of {table} sealed anew")
    if replaced.authenticators:
        say(f"{replaced.authenticators:,} authenticators sealed anew")
    if replaced.faces.resealed:
        say(f"{replaced.faces.resealed:,} face images sealed anew")
    if not replaced.anything:
        say("everything is sealed with the newest key")
    if not _say_what_is_left(replaced, ring):
        raise typer.Exit(1)


def _say_what_is_left(replaced: "Replaced", ring: "KeyRing") -> bool:
    """Say of each older key what it is still needed for; whether each may be taken out, or kept for the audit alone."""
    for owner in replaced.unknown_plugins:
        warn(f"dingkao: the tables of the plugin {owner} were not looked at: it is blocked or not installed")
    if replaced.faces.failed:
        warn(f"dingkao: {replaced.faces.failed:,} face images stay as they were: the store of faces is out of reach")
    if replaced.faces.missing:
        warn(
            f"dingkao: {replaced.faces.missing:,} face images have no file: uploads that go on, or were never finished "
            "and are deleted after an hour"
        )
    free = True
    for key_id in ring.ids[:-1]:
        needed = replaced.needed.get(key_id)
        if needed is not None and needed.sealed:
            warn(
                f"dingkao: {needed.sealed:,} values are under the key {key_id} still: a server that was not started "
                "anew seals with it, or what is said above; mend it and call this again"
            )
            free = False
        elif replaced.open_attempts and ring.serves(key_id, Purpose.TOKENS):
            warn(
                f"dingkao: {replaced.open_attempts:,} tests are being written that began under an older key: keep "
                f"{key_id} until they have ended"
            )
            free = False
        elif needed is not None:
            say(
                f"nothing is sealed with {key_id} any more; {needed.audit_entries:,} entries of the audit are signed "
                "with it: keep it for these alone, as `KEY:audit`"
            )
        else:
            say(f"nothing is left under {key_id}: take it out of the ring")
    return free


async def _count() -> "tuple[dict[str, Needed], KeyRing]":
    from dingkao.cli.opening import open_environment
    from dingkao.key_replacement import count_needed

    async with open_environment() as environment:
        return await count_needed(environment), environment.keys


async def _replace() -> "tuple[Replaced, KeyRing]":
    from dingkao.cli.opening import open_environment
    from dingkao.key_replacement import replace_keys

    async with open_environment() as environment:
        with progress_bar("sealing") as progress:
            return await replace_keys(environment, progress), environment.keys


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
