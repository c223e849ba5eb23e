"""`dingkao import doctors` and `dingkao import questions`."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from dingkao.cli.console import new_table, output, progress_bar, say, warn
from dingkao.cli.errors import WRONG_USE, CommandFailed

if TYPE_CHECKING:
    from dingkao.doctors.importing import ImportReport
    from dingkao.papers.bank import QuestionReport
    from dingkao.papers.formats import QuestionColumns, QuestionFormat
    from dingkao.plugin.text import Text

Progress = Callable[[int, int], None]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Bring doctors or questions in from a CSV file. 导入\n\nEvery line is checked first and every refused one is "
    "reported with its number and the reason. Where one is refused nothing is imported, unless --skip-bad is given.",
)


class Encoding(StrEnum):
    """How a file's characters are written."""

    AUTO = "auto"
    UTF_8 = "utf-8"
    GB18030 = "gb18030"


class Subject(StrEnum):
    """The paper whose bank the questions go into."""

    HUMANITIES = "HUMANITIES"
    PROFESSIONAL = "PROFESSIONAL"


class FileFormat(StrEnum):
    """How a file holds questions."""

    AUTO = "auto"
    CSV = "csv"
    XLSX = "xlsx"
    GIFT = "gift"
    AIKEN = "aiken"
    MOODLE = "moodle"
    QTI = "qti"


class Category(StrEnum):
    """The category of questions."""

    CLINICAL = "CLINICAL"
    TRADITIONAL_CHINESE_MEDICINE = "TRADITIONAL_CHINESE_MEDICINE"
    DENTAL = "DENTAL"
    PUBLIC_HEALTH = "PUBLIC_HEALTH"
    MEDICAL_HUMANITIES = "MEDICAL_HUMANITIES"


# One reader takes all versions of QTI.
_FORMATS = {"qti": "qti2"}

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The CSV file, its first line the column names.")]
EncodingOption = Annotated[
    Encoding, typer.Option("--encoding", help="auto: UTF-8 where the file is that, GB 18030 (as Excel saves) else.")
]
SkipBadOption = Annotated[bool, typer.Option("--skip-bad", help="Import the good lines although others are refused.")]


def _print_columns(asked: bool) -> None:
    if not asked:
        return
    from dingkao.doctors.roster import COLUMNS, REQUIRED

    table = new_table("Field", "Column", "Required")
    for field, name in COLUMNS.items():
        table.add_row(field, name, "yes" if field in REQUIRED else "")
    output().print(table)
    raise typer.Exit


class Refused(Protocol):
    """Why one line was refused, or a remark on one that was taken."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def text(self) -> "Text": ...


@app.command()
def doctors(
    file: FileArgument,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column", metavar="FIELD=NAME",
            help="A column that the file calls otherwise: name=医师姓名. May be repeated; see --list-columns.",
        ),
    ] = None,
    encoding: EncodingOption = Encoding.AUTO,
    skip_bad: SkipBadOption = False,
    list_columns: Annotated[
        bool,
        typer.Option(
            "--list-columns", is_eager=True, callback=_print_columns, help="Print the fields with their columns."
        ),
    ] = False,
) -> None:  # fmt: skip
    """Import a roster of doctors 医师名册: each with a registration, an account and, in a running cycle, an assessment.

    The institution is given by its code and must be there already. Accounts start with the policy's initial password.
    """
    from dingkao.doctors.roster import resolve_columns

    columns = resolve_columns(_pairs(column or []))
    text = read_text(file, encoding)
    with progress_bar("doctors 医师") as progress:
        report = asyncio.run(_import_doctors(text, columns, skip_bad, progress))
    _tell(report.lines, report.imported, report.refused_lines, report.refused, report.remarks, skip_bad)


async def _import_doctors(text: str, columns: Mapping[str, str], skip_bad: bool, progress: Progress) -> "ImportReport":
    from dingkao.audit.work import SYSTEM_CALLER
    from dingkao.cli.opening import open_environment
    from dingkao.doctors.importing import import_doctors

    async with open_environment() as environment:
        return await import_doctors(
            environment, SYSTEM_CALLER, text, columns=columns, skip_bad=skip_bad, progress=progress
        )


@app.command()
def questions(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file of questions 试题文件.")],
    subject: Annotated[
        Subject,
        typer.Option("--subject", help="HUMANITIES is 医学人文, PROFESSIONAL is 业务水平."),
    ],
    kind: Annotated[
        FileFormat, typer.Option("--format", help="auto: by the file's content and name. qti: 2.0 to 3.0.")
    ] = FileFormat.AUTO,
    stem: Annotated[str, typer.Option("--stem", help="Name of the column with the question 题干.")] = "Question",
    options: Annotated[
        str, typer.Option("--options", help="Names of the columns with the options 选项, in their order, by commas.")
    ] = "A,B,C,D",
    answer: Annotated[
        str, typer.Option("--answer", help="Name of the column with the right options' letters 答案: A for the first.")
    ] = "Answer",
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="FIELD=NAME",
            help="Another column: type 题型, code 题号, category 类别, specialty 专业, topic 知识点, difficulty 难度, "
            "source 来源, group 题组, shared 共用题干. May be repeated.",
        ),
    ] = None,
    category: Annotated[
        Category | None, typer.Option("--category", help="Category 类别 of questions for which the file names none.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Where the questions come from 来源; the file's name by default.")
    ] = None,
    encoding: EncodingOption = Encoding.AUTO,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the subject's present questions out of use; attempts keep theirs.")
    ] = False,
    region: Annotated[
        str | None, typer.Option("--region", help="Code of the region whose bank it is; without: the nation's.")
    ] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Leave them to an officer's approval 审定; else they are in use at once.")
    ] = False,
    skip_bad: SkipBadOption = False,
) -> None:
    """Import questions into the bank 题库 of one paper, from CSV, XLSX, GIFT, Aiken, Moodle XML or QTI.

    Columns that are not named are ignored. A question that the bank has already is refused, unless --replace is given;
    one whose code the bank knows becomes its new version. Pictures come with QTI packages, Moodle XML and XLSX; for CSV
    and GIFT in a zip beside the file, named in its texts as Markdown does.
    """
    from dingkao.papers.formats import QuestionColumns, QuestionFormat, detect, is_zip
    from dingkao.plugin.vocabulary import QuestionCategory

    columns = QuestionColumns(stem=stem, options=_names(options), answer=answer, details=_pairs(column or []))
    data = file.read_bytes()
    found = detect(file.name, data) if kind is FileFormat.AUTO else QuestionFormat(_FORMATS.get(kind.value, kind.value))
    if found in (QuestionFormat.CSV, QuestionFormat.GIFT, QuestionFormat.AIKEN) and not is_zip(data):
        data = read_text(file, encoding).encode()
    with progress_bar("questions 试题") as progress:
        report = asyncio.run(
            _import_questions(
                subject,
                found,
                data,
                columns,
                source=source or file.name,
                category=QuestionCategory(category.value) if category else None,
                replace=replace,
                draft=draft,
                region_code=region,
                skip_bad=skip_bad,
                progress=progress,
            )
        )
    if report.retired:
        say(f"{report.retired} questions taken out of use")
    if report.unchanged:
        say(f"{report.unchanged} questions are in the bank just so")
    _tell(report.lines, report.imported, report.refused_lines, report.refused, report.remarks, skip_bad)
    if report.waiting:
        say("they wait for the approval of an authority's officer 待审定")


async def _import_questions(
    subject: Subject, kind: "QuestionFormat", data: bytes, columns: "QuestionColumns", **options: Any
) -> "QuestionReport":
    from dingkao.audit.work import SYSTEM_CALLER
    from dingkao.cli.opening import open_environment
    from dingkao.papers.bank_files import import_question_file
    from dingkao.plugin.errors import NotFound
    from dingkao.plugin.vocabulary import PaperSubject

    async with open_environment() as environment:
        try:
            return await import_question_file(
                environment, SYSTEM_CALLER, PaperSubject[subject.value], data, kind=kind, columns=columns, **options
            )
        except NotFound as error:
            raise CommandFailed(f"the database has no region {options['region_code']}") from error


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) != len(names):
        raise CommandFailed(f"--options {text}: write different names with commas between, as in A,B,C,D", WRONG_USE)
    return names


def read_text(path: Path, encoding: Encoding) -> str:
    """The file's text, without a byte order mark. Raises OSError, and CommandFailed for another encoding."""
    data = path.read_bytes()
    tried = {Encoding.AUTO: ("utf-8-sig", "gb18030"), Encoding.UTF_8: ("utf-8-sig",), Encoding.GB18030: ("gb18030",)}
    for codec in tried[encoding]:
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    expected = "UTF-8 or GB 18030" if encoding is Encoding.AUTO else encoding.value
    raise CommandFailed(f"{path} is no {expected} text (see --encoding)")


def _pairs(given: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in given:
        field, sign, name = text.partition("=")
        if not sign or not field.strip() or not name.strip():
            raise CommandFailed(f"--column {text}: write FIELD=NAME, as in name=姓名", WRONG_USE)
        pairs[field.strip()] = name.strip()
    return pairs


def _tell(
    lines: int,
    imported: int,
    refused_lines: int,
    refused: Sequence[Refused],
    remarks: Sequence[Refused],
    skip_bad: bool,
) -> None:
    """Print the report; exits with 1 where refused lines kept everything out."""
    for entry in refused:
        say(f"line {entry.line} refused: {_reason(entry)}")
    for entry in remarks:
        say(f"line {entry.line} remark: {_reason(entry)}")
    say(f"{lines} lines: {imported} imported, {refused_lines} refused")
    if refused and not skip_bad:
        warn("dingkao: nothing was imported: mend the lines above, or leave them out with --skip-bad")
        raise typer.Exit(1)


def _reason(entry: Refused) -> str:
    place = f"{entry.column}: " if entry.column else ""
    return f"{place}{entry.text.zh} {entry.text.en} [{entry.code}]"
