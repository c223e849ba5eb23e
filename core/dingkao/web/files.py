"""Uploads and downloads of an assessment's files.

POST /files takes one file in multipart form data with the fields `assessmentId`, `purpose` and `file`: what a browser's
form, `curl -F` and a mini-program's wx.uploadFile send alike. The Authorization header it needs is one that a foreign
page cannot make a browser send.

GET /files/{id} gives a file to an account that may have it by that header, or to whoever has the link that
`UploadedFile.url` signed for an account just now: what an `<img>` and a browser's download can open.
"""

import asyncio
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dingkao.assessments.service.uploads import UPLOAD_MAXIMUM, read_file, read_linked_file, upload_file
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import (
    AccessRefused,
    FirstLoginOpen,
    NotEligible,
    NotFound,
    NotLoggedIn,
    Refusal,
    StateConflict,
    TooManyRequests,
    ValidationFailed,
)
from dingkao.plugin.ids import decode_id, encode_id
from dingkao.plugin.ports import PortFailed
from dingkao.plugin.text import Language, Text
from dingkao.plugin.vocabulary import FilePurpose
from dingkao.proctoring.capturing import Capture, capture_face
from dingkao.proctoring.vocabulary import CaptureOutcome
from dingkao.storage.signed_links import LinkRefused
from dingkao.web.downloads import DOWNLOAD_HEADERS, LINKED_HEADERS, note_refused, opened_by_link, refuse_link

# The parts' headers and boundaries come on top of the file.
_BODY_MAXIMUM = UPLOAD_MAXIMUM + 64 * 1024
# Checking a picture takes memory and a core: a few at once.
_checking = asyncio.Semaphore(4)
UNAVAILABLE = Text("文件存储暂时不可用，请稍后再试。", "The file store is out of reach; try again in a while.")
_STATUS: dict[type[AccessRefused], int] = {
    NotLoggedIn: 401,
    FirstLoginOpen: 403,
    NotFound: 404,
    TooManyRequests: 429,
}


def file_routes() -> list[BaseRoute]:
    """The two routes."""
    return [Route("/files", _upload, methods=["POST"]), Route("/files/{id}", _download, methods=["GET"])]


def says_length(request: Request, most: int) -> bool:
    """Whether the request says how long its body is, in bytes, and that is at most `most`."""
    length = request.headers.get("content-length", "")
    return length.isascii() and length.isdecimal() and len(length) <= len(str(most)) and int(length) <= most


def refusal_response(refusal: Refusal, language: Language) -> Response:
    """A refusal as JSON: `{"errors": [{"path", "code", "message"}]}` with a fitting status."""
    if isinstance(refusal, ValidationFailed):
        errors = [
            {"path": problem.path, "code": problem.code, "message": problem.text.in_language(language)}
            for problem in refusal.problems
        ]
        return JSONResponse({"errors": errors}, status_code=422)
    if isinstance(refusal, NotEligible):
        reasons = [{"code": reason.code, "message": reason.text.in_language(language)} for reason in refusal.reasons]
        return JSONResponse({"errors": reasons}, status_code=422)
    if isinstance(refusal, StateConflict):
        error = {"code": refusal.code, "message": refusal.text.in_language(language)}
        return JSONResponse({"errors": [error]}, status_code=409)
    if isinstance(refusal, AccessRefused):
        error = {"code": refusal.code, "message": refusal.text.in_language(language)}
        return JSONResponse({"errors": [error]}, status_code=_STATUS.get(type(refusal), 403))
    raise refusal


def _bad(language: Language, status: int, code: str, text: Text) -> Response:
    return JSONResponse({"errors": [{"code": code, "message": text.in_language(language)}]}, status_code=status)


async def _upload(request: Request) -> Response:
    environment: Environment = request.app.state.environment
    caller: Caller | None = request.scope["dingkao.caller"]
    language: Language = request.scope["dingkao.language"]
    if caller is None:
        await note_refused(request, "UPLOAD", NotLoggedIn(), "")
        return refusal_response(NotLoggedIn(), language)
    if not says_length(request, _BODY_MAXIMUM):
        megabytes = UPLOAD_MAXIMUM // (1024 * 1024)
        text = Text(f"文件不得超过{megabytes}MB。", f"A file holds at most {megabytes} MB.")
        return _bad(language, 413, "FILE_TOO_LARGE", text)
    seconds = environment.settings.upload_seconds
    try:
        async with (
            asyncio.timeout(seconds),
            request.form(max_files=1, max_fields=8, max_part_size=UPLOAD_MAXIMUM) as form,
        ):
            file, opaque, purpose = form.get("file"), form.get("assessmentId"), form.get("purpose")
            if not isinstance(file, UploadFile) or not isinstance(opaque, str) or purpose not in set(FilePurpose):
                text = Text(
                    "请以表单提交 file、assessmentId、purpose 三项。",
                    "Send a form with file, assessmentId and purpose.",
                )
                return _bad(language, 400, "BAD_FORM", text)
            data = await file.read()
            title = file.filename or ""
    except TimeoutError:
        text = Text(f"文件未在{seconds:g}秒内传完。", f"The file did not arrive within {seconds:g} seconds.")
        return _bad(language, 408, "UPLOAD_TOO_SLOW", text)
    except ClientDisconnect:
        # Nobody hears the answer.
        return _bad(language, 400, "BAD_FORM", Text("表单格式有误。", "This is no multipart form."))
    except (HTTPException, ValueError):
        # ValueError: the form names a character set that is none, or one by which it cannot be read.
        return _bad(language, 400, "BAD_FORM", Text("表单格式有误。", "This is no multipart form."))
    try:
        async with _checking:
            assessment_id = decode_id("Assessment", opaque)
            if purpose == FilePurpose.FACE_CAPTURE:
                return capture_response(await capture_face(environment, caller, assessment_id, data), language)
            stored = await upload_file(environment, caller, assessment_id, FilePurpose(str(purpose)), title, data)
    except Refusal as refusal:
        await note_refused(request, "UPLOAD", refusal, opaque)
        return refusal_response(refusal, language)
    except PortFailed:
        return _bad(language, 503, "FILES_UNAVAILABLE", UNAVAILABLE)
    body = {
        "id": encode_id("File", stored.id),
        "mediaType": stored.media_type,
        "size": stored.size,
        "advice": [{"code": advice.code, "message": advice.text.in_language(language)} for advice in stored.advice],
    }
    return JSONResponse(body, status_code=201)


def capture_response(capture: Capture, language: Language) -> Response:
    """A picture of the doctor's face, as the answer tells of it: kept apart from files, and never given out again."""
    if capture.outcome is CaptureOutcome.REFUSED:
        text = Text("人脸采集未通过核验，请重新采集。", "The capture was not accepted; take another.")
        return _bad(language, 422, "FACE_NOT_ACCEPTED", text)
    advice = []
    if capture.outcome is CaptureOutcome.UNVERIFIED:
        text = Text(
            "人脸核验服务暂不可用，图像已保存，可以参加测评，由监考人员核对。",
            "The face service cannot be asked now; the capture is kept, the test may begin, an invigilator will look.",
        )
        advice.append({"code": "FACE_UNVERIFIED", "message": text.in_language(language)})
    body = {
        "id": encode_id("FaceCapture", capture.id),
        "mediaType": capture.media_type,
        "size": capture.size,
        "advice": advice,
    }
    return JSONResponse(body, status_code=201)


async def _download(request: Request) -> Response:
    environment: Environment = request.app.state.environment
    language: Language = request.scope["dingkao.language"]
    try:
        file_id = decode_id("File", request.path_params["id"])
        by_link = await opened_by_link(request, "File", file_id)
        if by_link:
            record, data = await read_linked_file(environment, file_id)
        else:
            record, data = await read_file(environment, request.scope["dingkao.caller"], file_id)
    except LinkRefused as refused:
        return await refuse_link(request, refused)
    except Refusal as refusal:
        await note_refused(request, "DOWNLOAD", refusal, request.path_params["id"])
        return refusal_response(refusal, language)
    except PortFailed:
        return _bad(language, 503, "FILES_UNAVAILABLE", UNAVAILABLE)
    return Response(
        data,
        media_type=record.media_type,
        headers={
            # Never shown inline: what a browser would run stays a download.
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(record.title or 'file')}",
            **(LINKED_HEADERS if by_link else DOWNLOAD_HEADERS),
        },
    )
