"""`dingkao export questions`."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dingkao.cli.console import say, warn
from dingkao.cli.errors import CommandFailed
from dingkao.cli.importing import Subject

if TYPE_CHECKING:
    from dingkao.papers.questions import NewQuestion

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Write questions to a file. 导出")


class ExportFormat(StrEnum):
    """How a file holds questions: qti2 is 2.1, qti3 is 3.0."""

    CSV = "csv"
    XLSX = "xlsx"
    GIFT = "gift"
    AIKEN = "aiken"
    MOODLE = "moodle"
    QTI_2 = "qti2"
    QTI_3 = "qti3"


@app.callback()
def export() -> None:
    """Write questions to a file. 导出"""


@app.command()
def questions(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not be there yet.")],
    subject: Annotated[Subject, typer.Option("--subject", help="HUMANITIES is 医学人文, PROFESSIONAL is 业务水平.")],
    kind: Annotated[ExportFormat, typer.Option("--format", help="The format of the file.")] = ExportFormat.CSV,
    region: Annotated[
        str | None, typer.Option("--region", help="Code of the region whose bank it is; without: the nation's.")
    ] = None,
) -> None:
    """Write the questions of a subject that are in use 题库, with their answers: keep the file as a secret.

    `dingkao import questions` reads it again unchanged. CSV and GIFT of questions with pictures are a zip. Aiken holds
    single choices alone, without what is told of them; what it cannot hold is listed.
    """
    from dingkao.papers.formats import QuestionFormat, is_zip, write_file

    found = asyncio.run(_read(subject, region))
    data, refused = write_file(QuestionFormat(kind.value), found)
    if kind in (ExportFormat.CSV, ExportFormat.GIFT) and is_zip(data) and file.suffix.lower() != ".zip":
        raise CommandFailed(f"questions have pictures, which lie beside them in a zip: name it {file.stem}.zip")
    try:
        with file.open("xb") as stream:
            stream.write(data)
    except FileExistsError:
        raise CommandFailed(f"{file} is there already: name another file, or move it away") from None
    for entry in refused:
        warn(f"left out: {entry.text.zh} {entry.text.en} [{entry.code}]")
    say(f"{len(found) - len(refused)} questions written to {file}")


async def _read(subject: Subject, region: str | None) -> "list[NewQuestion]":
    from dingkao.audit.work import SYSTEM_CALLER
    from dingkao.cli.opening import open_environment
    from dingkao.papers.bank_lists import export_questions
    from dingkao.plugin.errors import NotFound
    from dingkao.plugin.vocabulary import PaperSubject

    async with open_environment() as environment:
        try:
            return await export_questions(environment, SYSTEM_CALLER, PaperSubject[subject.value], region)
        except NotFound as error:
            raise CommandFailed(f"the database has no region {region}") from error
