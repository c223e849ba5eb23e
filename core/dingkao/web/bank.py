"""The question bank by other ways than GraphQL: bank files that are larger than an operation, and pictures.

POST /question-files takes one bank file in multipart form data, of any format that `importQuestions` takes, with the
same fields under the same names, and answers with the same report: drafts, which another person approves.

GET /question-pictures/{id} gives a picture of a question to whoever has the link that `QuestionImage.url` signed: for
the doctor's own attempt, or for a bank that the account sees.
"""

import asyncio
from typing import Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dingkao.environment import Environment
from dingkao.papers.bank import QuestionReport
from dingkao.papers.bank_files import import_question_file, require_author
from dingkao.papers.formats import QuestionFormat
from dingkao.papers.picture_store import read_picture
from dingkao.papers.question_file import QuestionColumns
from dingkao.plugin.errors import AccessRefused, FieldProblem, NotFound, Refusal, ValidationFailed
from dingkao.plugin.ids import decode_id, encode_id
from dingkao.plugin.ports import PortFailed
from dingkao.plugin.text import Language, Text
from dingkao.plugin.vocabulary import PaperSubject
from dingkao.storage.signed_links import LinkRefused
from dingkao.web.downloads import LINKED_HEADERS, note_refused, opened_by_link, refuse_link
from dingkao.web.files import refusal_response

_MEGABYTE: Final = 1024 * 1024
# The other parts of the form come on top of the file.
_FIELDS_MAXIMUM: Final = 64 * 1024
_UNAVAILABLE: Final = Text("文件存储暂时不可用，请稍后再试。", "The file store is out of reach; try again in a while.")
_NO_FORM: Final = Text("表单格式有误。", "This is no multipart form.")
_TRUE, _FALSE = frozenset({"true", "1", "on"}), frozenset({"", "false", "0", "off"})


def bank_routes() -> list[BaseRoute]:
    """The two routes."""
    return [
        Route("/question-files", _import, methods=["POST"]),
        Route("/question-pictures/{id}", _picture, methods=["GET"]),
    ]


def _bad(language: Language, status: int, code: str, text: Text) -> Response:
    return JSONResponse({"errors": [{"code": code, "message": text.in_language(language)}]}, status_code=status)


async def _import(request: Request) -> Response:
    environment: Environment = request.app.state.environment
    language: Language = request.scope["dingkao.language"]
    try:
        # Before a byte of the body is read.
        require_author(request.scope["dingkao.caller"])
    except AccessRefused as refusal:
        await note_refused(request, "IMPORT_QUESTIONS", refusal, "")
        return refusal_response(refusal, language)
    most = environment.settings.bank_file_megabytes
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > most * _MEGABYTE + _FIELDS_MAXIMUM:
        text = Text(f"试题文件不得超过{most}MB，请分批上传。", f"A bank file holds at most {most} MB: split it up.")
        return _bad(language, 413, "FILE_TOO_LARGE", text)
    seconds = environment.settings.upload_seconds
    try:
        async with asyncio.timeout(seconds):
            # Larger parts lie on the disk, not in memory.
            form = await request.form(max_files=1, max_fields=16, max_part_size=_FIELDS_MAXIMUM)
    except TimeoutError:
        text = Text(f"文件未在{seconds:g}秒内传完。", f"The file did not arrive within {seconds:g} seconds.")
        return _bad(language, 408, "UPLOAD_TOO_SLOW", text)
    except (ClientDisconnect, HTTPException):
        return _bad(language, 400, "BAD_FORM", _NO_FORM)
    try:
        report = await _imported(environment, request, form)
    except Refusal as refusal:
        return refusal_response(refusal, language)
    except PortFailed:
        return _bad(language, 503, "FILES_UNAVAILABLE", _UNAVAILABLE)
    finally:
        await form.close()
    return JSONResponse(_shown(report, language), status_code=200 if report.batch is None else 201)


async def _imported(environment: Environment, request: Request, form: FormData) -> QuestionReport:
    """Raises Refusal, PortFailed."""
    file = form.get("file")
    problems: list[FieldProblem] = []
    if not isinstance(file, UploadFile):
        text = Text("请以表单提交 file（试题文件）。", "Send the bank file as `file` of a form.")
        raise ValidationFailed([FieldProblem("file", "FILE_MISSING", text)])
    subject = _one_of(PaperSubject, form, "subject", problems)
    kind = _one_of(QuestionFormat, form, "format", problems, may_miss=True)
    if problems or subject is None:
        raise ValidationFailed(problems)
    default = QuestionColumns()
    columns = QuestionColumns(
        _text(form, "stemColumn") or default.stem,
        tuple(str(name) for name in form.getlist("optionColumns")) or default.options,
        _text(form, "answerColumn") or default.answer,
    )
    return await import_question_file(
        environment,
        request.scope["dingkao.caller"],
        subject,
        file.read,
        name=file.filename or "",
        kind=kind,
        columns=columns,
        source=_text(form, "source"),
        replace=_truth(form, "replace"),
        skip_bad=_truth(form, "skipBad"),
        region_code=_text(form, "regionCode") or None,
        draft=True,
    )


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _truth(form: FormData, name: str) -> bool:
    word = _text(form, name).strip().lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    text = Text("请填写 true 或 false。", "Say true or false.")
    raise ValidationFailed([FieldProblem(name, "NO_TRUTH", text)])


def _one_of(kind: Any, form: FormData, name: str, problems: list[FieldProblem], *, may_miss: bool = False) -> Any:
    """The member of an enum that a field names as GraphQL does; None where it names none."""
    told = _text(form, name).strip()
    found = kind.__members__.get(told)
    if found is None and (told or not may_miss):
        names = ", ".join(kind.__members__)
        text = Text(f"{name} 应为以下之一：{names}。", f"{name} is one of {names}.")
        problems.append(FieldProblem(name, "NOT_ONE_OF", text))
    return found


def _shown(report: QuestionReport, language: Language) -> dict[str, Any]:
    """The report as `QuestionImport` of the API has it."""
    return {
        "importId": None if report.batch is None else encode_id("QuestionImport", report.batch),
        "lines": report.lines,
        "imported": report.imported,
        "refused": [
            {
                "line": entry.line,
                "column": entry.column,
                "code": entry.code,
                "message": entry.text.in_language(language),
            }
            for entry in report.refused
        ],
        "remarks": [
            {"line": entry.line, "code": entry.code, "message": entry.text.in_language(language)}
            for entry in report.remarks
        ],
    }


async def _picture(request: Request) -> Response:
    environment: Environment = request.app.state.environment
    language: Language = request.scope["dingkao.language"]
    try:
        picture_id = decode_id("QuestionPicture", request.path_params["id"])
        if not await opened_by_link(request, "QuestionPicture", picture_id):
            raise NotFound
        media_type, data = await read_picture(environment, picture_id)
    except LinkRefused as refused:
        return await refuse_link(request, refused)
    except Refusal as refusal:
        return refusal_response(refusal, language)
    except KeyError:
        return refusal_response(NotFound(), language)
    except PortFailed:
        return _bad(language, 503, "FILES_UNAVAILABLE", _UNAVAILABLE)
    headers = {
        **LINKED_HEADERS,
        # The client that showed it keeps it; nothing on the way does.
        "Cache-Control": f"private, max-age={environment.settings.link_seconds}, immutable",
        "Content-Disposition": "inline",
    }
    return Response(data, media_type=media_type, headers=headers)
