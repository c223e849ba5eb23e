"""`dingkao audit …`."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dingkao.cli.console import messages, say
from dingkao.cli.errors import WRONG_USE, CommandFailed

if TYPE_CHECKING:
    from dingkao.audit.retention import Pruning
    from dingkao.audit.verification import Verified
    from dingkao.environment import Environment

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Look after the chain of audit entries. 审计")

Checkpoint = Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not be there yet.")]


class Format(StrEnum):
    """JSON Lines or CSV."""

    JSON_LINES = "jsonl"
    CSV = "csv"


@app.callback()
def audit() -> None:
    """Look after the chain of audit entries. 审计"""


@app.command()
def verify(
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", metavar="FILE", help="A checkpoint that must lie in the chain.")
    ] = None,
    public_key: Annotated[
        str | None, typer.Option("--public-key", metavar="BASE64", help="Who must have signed it, if not this server.")
    ] = None,
) -> None:
    """Walk the whole chain and name the first entry that was changed, taken away or put in 验证审计记录.

    The saves of every attempt that has ended are held against the digest in the entry of its end. Without a checkpoint
    that was kept elsewhere, nobody can tell a chain that somebody with the key has made anew.
    """
    text = checkpoint.read_text(encoding="utf-8") if checkpoint is not None else None
    verified = asyncio.run(_verify(text, public_key))
    if verified.broken is not None:
        broken = verified.broken
        raise CommandFailed(
            f"entry {broken.number} does not hold: {broken.text} [{broken.code}]; the {verified.entries} before it do"
        )
    say(
        f"{verified.entries} entries ({verified.first} to {verified.last}) and {verified.saves} saves of answers hold; "
        f"head {verified.last} {verified.digest}"
    )


@app.command()
def checkpoint(file: Checkpoint) -> None:
    """Walk the chain and write its signed head to FILE 签发审计检查点, to be kept on another machine, every day.

    A chain that does not hold is not signed.
    """
    content = asyncio.run(_checkpoint())
    _write_new(file, content)
    say(f"head {content['number']} signed by {content['publicKey']}, written to {file}")


@app.command(name="public-key")
def public_key() -> None:
    """Print the public key of checkpoints and exports 公钥, to be given to the auditors once."""
    say(asyncio.run(_public_key()))


@app.command()
def export(
    file: Checkpoint,
    since: Annotated[datetime, typer.Option("--since", formats=["%Y-%m-%d"], help="The first day, in China.")],
    until: Annotated[datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="The last day, in China.")],
    kind: Annotated[Format, typer.Option("--format", help="JSON Lines or CSV.")] = Format.JSON_LINES,
) -> None:
    """Write the entries of some days to FILE 导出审计记录, and a signed manifest beside it (FILE.manifest.json).

    The export is an entry of the audit itself.
    """
    if until < since:
        raise CommandFailed("--until is before --since", WRONG_USE)
    manifest = asyncio.run(_export(file, since, until, kind))
    say(f"{manifest['entries']} entries written to {file}, the signed manifest to {_manifest(file)}")


@app.command()
def prune(
    file: Checkpoint,
    before: Annotated[
        datetime, typer.Option("--before", formats=["%Y-%m-%d"], help="Delete what is older than this day, in China.")
    ],
) -> None:
    """Delete entries after their time 清理过期审计记录: 183 days at least, DINGKAO_AUDIT_DAYS.

    The chain is walked first, and its signed head written to FILE: keep it with an export of what is deleted. An entry
    says what went.
    """
    done = asyncio.run(_prune(file, before))
    if done is None:
        say("there is nothing to delete")
        return
    say(f"{done.entries} entries up to {done.last} deleted; the checkpoint is in {file}")


async def _verify(checkpoint: str | None, trusted: str | None) -> "Verified":
    from dingkao.audit.checkpoints import read_checkpoint
    from dingkao.audit.verification import verify_chain
    from dingkao.cli.opening import open_environment

    async with open_environment() as environment:
        expected = None
        if checkpoint is not None:
            expected = read_checkpoint(environment, checkpoint, trusted)
        with await _bar(environment) as walked:
            return await verify_chain(environment, expected=expected, progress=walked)


async def _checkpoint() -> dict[str, Any]:
    from dingkao.audit.checkpoints import verified_checkpoint
    from dingkao.cli.opening import open_environment

    async with open_environment() as environment:
        with await _bar(environment) as walked:
            return await verified_checkpoint(environment, walked)


async def _public_key() -> str:
    from dingkao.audit.signing import public_text, signing_key
    from dingkao.cli.opening import open_environment

    async with open_environment() as environment:
        return public_text(signing_key(environment))


async def _export(file: Path, since: datetime, until: datetime, kind: Format) -> dict[str, Any]:
    from dingkao.audit.exporting import ExportFormat, export_entries
    from dingkao.audit.work import SYSTEM_CALLER
    from dingkao.cli.opening import open_environment
    from dingkao.clock import CHINA

    if _manifest(file).exists():
        raise CommandFailed(f"{_manifest(file)} is there already: name another file, or move it away")
    first, behind = since.replace(tzinfo=CHINA), until.replace(tzinfo=CHINA) + timedelta(days=1)
    async with open_environment() as environment:
        with await _bar(environment) as walked:
            manifest = await export_entries(
                environment, SYSTEM_CALLER, file, first, behind, ExportFormat(kind.value), walked
            )
    _write_new(_manifest(file), manifest)
    return manifest


async def _prune(file: Path, before: datetime) -> "Pruning | None":
    from dingkao.audit.retention import prune_entries
    from dingkao.audit.work import SYSTEM_CALLER
    from dingkao.cli.opening import open_environment

    async with open_environment() as environment:
        with await _bar(environment) as walked:
            return await prune_entries(
                environment, SYSTEM_CALLER, before.date(), lambda content: _write_new(file, content), walked
            )


async def _bar(environment: "Environment") -> "Any":
    from dingkao.audit.verification import chain_head, chain_start

    head = await chain_head()
    return progress_bar((head.number if head else 0) - (await chain_start()).number)


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[int], object]]:
    """A bar on standard error; nothing where that is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = messages()
    columns = (TextColumn("audit"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("audit", total=max(total, 0))
        yield lambda entries: progress.advance(task, entries)


def _manifest(file: Path) -> Path:
    return file.with_name(f"{file.name}.manifest.json")


def _write_new(file: Path, content: dict[str, Any]) -> None:
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(json.dumps(content, ensure_ascii=False, indent=2) + "\n")
    except FileExistsError:
        raise CommandFailed(f"{file} is there already: name another file, or move it away") from None
