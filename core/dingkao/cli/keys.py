"""`dingkao keys`: the keys of personal data, codes, tokens and the audit."""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Annotated

import typer

from dingkao.cli.console import new_table, output, progress_bar, say, warn
from dingkao.cli.errors import WRONG_USE, CommandFailed
from dingkao.crypto.purposes import Purpose

if TYPE_CHECKING:
    from dingkao.crypto.ring import KeyRing
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
    """Show the ring, oldest first: each key's name, what it may do, and how much it has sealed. 密钥列表

    A key that has sealed and indexed nothing any more is still wanted for entries of the audit, and for what is not
    counted here: faces, second factors. Restrict it to these (`KEY:audit+faces+second-factor`): it then signs no token.
    """
    import asyncio

    uses, ring = asyncio.run(_count())
    table = new_table("Key", "Newest", "Purposes", "Numbers", "Indexes", "Audit entries")
    for key_id in ring.ids:
        purposes = ring.purposes_of(key_id)
        counted = uses.get(key_id, Counter[str]())
        table.add_row(
            key_id,
            "yes" if key_id == ring.ids[-1] else "",
            "all" if len(purposes) == len(Purpose) else ", ".join(purposes),
            *(f"{counted[what]:,}" for what in ("numbers", "indexes", "entries")),
        )
    output().print(table)
    for missing in sorted(set(uses) - set(ring.ids)):
        warn(f"dingkao: {sum(uses[missing].values()):,} values want the key {missing}, which is not in the ring")


@app.command()
def rotate() -> None:
    """Seal all personal numbers anew with the newest key, while servers run. 更换密钥

    First **dingkao keys new**, and start every server anew, so that all have the key. What was interrupted goes on at
    the next call. Afterwards no number needs the older keys; **dingkao keys list** shows it.
    """
    import asyncio

    changed = asyncio.run(_reseal())
    for table, count in sorted(changed.items()):
        say(f"{count:,} rows of {table} sealed anew")
    if not changed:
        say("everything is sealed with the newest key")


async def _count() -> "tuple[dict[str, Counter[str]], KeyRing]":
    from dingkao.cli.opening import open_environment
    from dingkao.db.database import fetch
    from dingkao.db.resealing import count_uses
    from dingkao.migrations import CORE_TABLES

    async with open_environment() as environment:
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for use in await count_uses(CORE_TABLES):
            found[use.key_id]["indexes" if use.place.endswith("_index") else "numbers"] += use.count
        for row in await fetch('SELECT "key" AS key_id, count(*) AS uses FROM audit_entry GROUP BY 1'):
            if row["key_id"]:
                found[row["key_id"]]["entries"] += int(row["uses"])
        return dict(found), environment.keys


async def _reseal() -> "Counter[str]":
    from dingkao.cli.opening import open_environment
    from dingkao.db.resealing import reseal
    from dingkao.migrations import CORE_TABLES

    async with open_environment():
        with progress_bar("sealing") as progress:
            return +await reseal(CORE_TABLES, progress)


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
