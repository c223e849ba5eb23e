"""Importing a question file of any format into the bank, as a client sends it (导入试题)."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable

from dingkao.access.rules import Kind, require_sight
from dingkao.audit.work import logged_in
from dingkao.environment import Environment
from dingkao.papers.bank import AUTHORS, BATCH, Progress, QuestionReport, import_read
from dingkao.papers.formats import QuestionFormat, detect, estimate, read_file
from dingkao.papers.picture_store import known_pictures
from dingkao.papers.pictures import PictureIntake
from dingkao.papers.question_file import QuestionColumns
from dingkao.papers.questions import Checked
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import PaperSubject, QuestionCategory

# In one file: four banks of a province. What reading one holds in memory follows from it.
MOST_QUESTIONS = 200_000
Fetch = Callable[[], Awaitable[bytes]]

# Reading a workbook or a package takes memory and a core: one at a time.
_reading = asyncio.Semaphore(1)


def decoded_file(content: str) -> bytes:
    """The bytes of a file that was sent as Base64 (RFC 4648, section 4). Raises ValidationFailed (BAD_BASE64)."""
    try:
        return base64.b64decode(content, validate=True)
    except (ValueError, binascii.Error):
        text = Text("文件内容不是有效的Base64。", "The file is not sent as Base64.")
        raise ValidationFailed([FieldProblem("file", "BAD_BASE64", text)]) from None


def require_author(caller: Caller | None) -> None:
    """Who brings questions: asked before a file is even read. Raises NotLoggedIn, Forbidden."""
    require_sight(logged_in(caller), Kind.BANK, *AUTHORS)


async def import_question_file(
    environment: Environment,
    caller: Caller | None,
    subject: PaperSubject,
    data: bytes | Fetch,
    *,
    name: str = "",
    kind: QuestionFormat | None = None,
    columns: QuestionColumns | None = None,
    source: str = "",
    category: QuestionCategory | None = None,
    replace: bool = False,
    skip_bad: bool = False,
    draft: bool = False,
    progress: Progress = lambda done, total: None,
    region_code: str | None = None,
) -> QuestionReport:
    """Import a file's questions with their pictures: `import_read` with what it holds. `kind` None: recognised by
    content, and by `name` where content tells nothing. `columns` are of CSV and XLSX. `data`: the file, or what fetches
    it when its turn has come.

    Files are read in a thread, one at a time: the file, its questions (MOST_QUESTIONS) and at most 100 MB of pictures
    (`IntakeLimits`) are in memory until they are in the bank. Raises what `import_read` and
    `dingkao.papers.formats.read_file` raise, and PortFailed where pictures cannot be kept.
    """
    require_author(caller)
    async with _reading:
        content = data if isinstance(data, bytes) else await data()
        intake = PictureIntake(await known_pictures())
        checked, total = await asyncio.to_thread(_read, kind, name, content, columns, intake, progress)

        def written(done: int, of: int) -> None:
            # The first half is done.
            progress(max(done, total), of)

        return await import_read(
            environment, caller, subject, checked, total, source=source, category=category, replace=replace,
            skip_bad=skip_bad, draft=draft, region_code=region_code, progress=written,
        )  # fmt: skip


def _read(
    kind: QuestionFormat | None,
    name: str,
    data: bytes,
    columns: QuestionColumns | None,
    intake: PictureIntake,
    progress: Progress,
) -> tuple[list[Checked], int]:
    kind = kind or detect(name, data)
    total = estimate(kind, data)
    checked: list[Checked] = []
    for entry in read_file(kind, data, columns, intake):
        if len(checked) >= MOST_QUESTIONS:
            text = Text(
                f"一个文件最多含{MOST_QUESTIONS:,}道试题，请分批导入。",
                f"At most {MOST_QUESTIONS:,} questions a file: split it up.",
            )
            raise ValidationFailed([FieldProblem("file", "TOO_MANY_QUESTIONS", text)])
        checked.append(entry)
        if len(checked) % BATCH == 0:
            progress(min(len(checked), total), 2 * total)
    return checked, total
