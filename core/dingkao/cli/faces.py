"""`dingkao faces`."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from dingkao.cli.console import say, warn

if TYPE_CHECKING:
    from dingkao.proctoring.deletion import Deleted, Due

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Face images 人脸图像.")


@app.callback()
def faces() -> None:
    """Face images 人脸图像: what is due to be deleted, and deleting it."""


@app.command()
def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many are due, and delete none.")] = False,
) -> None:
    """Delete every face image whose time is over, whose consent was withdrawn, or whose upload was never finished.
    删除到期人脸图像

    The server does so by itself every ten minutes; this does it now, and leaves the same proof.

    An image is due DINGKAO_FACE_KEEP_DAYS after the notice of the result, when no objection is open any more; where no
    result was announced, DINGKAO_FACE_KEEP_DAYS_WITHOUT_RESULT after the end of the tests. Ends with 1 where the store
    did not let one go.
    """
    if dry_run:
        due = asyncio.run(_count())
        say(f"due: {due.time_over} over time, {due.withdrawn} withdrawn, {due.not_used} never finished")
        return
    deleted = asyncio.run(_delete())
    say(
        f"deleted: {deleted.time_over} over time, {deleted.withdrawn} withdrawn, {deleted.not_used} never finished; "
        "the proof stands in face_image and in the audit"
    )
    if deleted.left:
        warn(f"{deleted.left} could not be deleted: the store of faces is out of reach; run it again")
        raise typer.Exit(1)


async def _count() -> "Due":
    from dingkao.cli.opening import open_environment
    from dingkao.proctoring.deletion import count_due_faces

    async with open_environment() as environment:
        return await count_due_faces(environment)


async def _delete() -> "Deleted":
    from dingkao.cli.opening import open_environment
    from dingkao.proctoring.deletion import delete_due_faces

    async with open_environment() as environment:
        return await delete_due_faces(environment)
