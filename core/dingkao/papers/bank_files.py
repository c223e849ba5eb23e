"""Importing a question file of any format into the bank, as a client sends it (导入试题)."""

import asyncio
import base64
import binascii

from dingkao.access.rules import Kind, require_sight
from dingkao.audit.work import logged_in
from dingkao.environment import Environment
from dingkao.papers.bank import AUTHORS, QuestionReport, import_read
from dingkao.papers.formats import QuestionFormat, detect, estimate, read_file
from dingkao.papers.question_file import QuestionColumns
from dingkao.papers.questions import Checked
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import PaperSubject

# Reading a workbook or a package takes memory and a core: one at a time.
_reading = asyncio.Semaphore(1)


def decoded_file(content: str) -> bytes:
    """The bytes of a file that was sent as Base64 (RFC 4648, section 4). Raises ValidationFailed (BAD_BASE64)."""
    try:
        return base64.b64decode(content, validate=True)
    except (ValueError, binascii.Error):
        text = Text("文件内容不是有效的Base64。", "The file is not sent as Base64.")
        raise ValidationFailed([FieldProblem("file", "BAD_BASE64", text)]) from None


async def import_question_file(
    environment: Environment,
    caller: Caller | None,
    subject: PaperSubject,
    data: bytes,
    *,
    name: str = "",
    kind: QuestionFormat | None = None,
    columns: QuestionColumns | None = None,
    source: str = "",
    replace: bool = False,
    skip_bad: bool = False,
) -> QuestionReport:
    """Import a file's questions: `import_read` with what it holds. `kind` None: recognised by content, and by `name`
    where content tells nothing. `columns` are of CSV and XLSX.

    Raises what `import_read` and `dingkao.papers.formats.read_file` raise.
    """
    require_sight(logged_in(caller), Kind.BANK, *AUTHORS)
    async with _reading:
        checked, total = await asyncio.to_thread(_read, kind, name, data, columns)
    return await import_read(
        environment, caller, subject, checked, total, source=source, replace=replace, skip_bad=skip_bad
    )


def _read(
    kind: QuestionFormat | None, name: str, data: bytes, columns: QuestionColumns | None
) -> tuple[list[Checked], int]:
    kind = kind or detect(name, data)
    return list(read_file(kind, data, columns)), estimate(kind, data)
