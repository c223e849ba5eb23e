"""What comes by other ways than GraphQL for proctoring: pictures during an attempt, an invigilator's
look at one, and a service's signed verdicts."""

import asyncio

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dingkao.environment import Environment
from dingkao.logs import get_logger
from dingkao.plugin.errors import NotLoggedIn, Refusal
from dingkao.plugin.ids import decode_id
from dingkao.plugin.ports import PortFailed
from dingkao.plugin.proctoring import SIGNATURE_HEADER, TIMESTAMP_HEADER
from dingkao.plugin.text import Language, Text
from dingkao.proctoring.frames import take_frame
from dingkao.proctoring.looking import look_at_face
from dingkao.proctoring.verdicts import CallbackRefused, check_callback, keep_verdict
from dingkao.web.files import refusal_response

FRAME_MAXIMUM = 2 * 1024 * 1024
VERDICT_MAXIMUM = 64 * 1024
VERDICT_PATH = "/proctoring/verdicts"
_VERDICT_SECONDS = 15
_BODY_MAXIMUM = FRAME_MAXIMUM + 64 * 1024
# Checking a picture takes memory and a core: a few at once.
_checking = asyncio.Semaphore(4)
_log = get_logger("dingkao.proctoring")
_REFUSED = {
    "CALLBACKS_OFF": (404, Text("未启用监考回调。", "No secret for callbacks is set.")),
    "BAD_SIGNATURE": (401, Text("签名无效。", "The signature does not hold.")),
    "STALE_TIMESTAMP": (401, Text("时间戳超出允许范围。", "The timestamp is too far from the server's time.")),
}


def proctoring_routes() -> list[BaseRoute]:
    """The three routes."""
    return [
        Route("/attempts/{id}/frames", _frame, methods=["POST"]),
        Route("/faces/{id}", _face, methods=["GET"]),
        Route(VERDICT_PATH, _verdict, methods=["POST"]),
    ]


def _bad(language: Language, status: int, code: str, text: Text) -> Response:
    return JSONResponse({"errors": [{"code": code, "message": text.in_language(language)}]}, status_code=status)


async def _frame(request: Request) -> Response:
    environment: Environment = request.app.state.environment
    caller = request.scope["dingkao.caller"]
    language: Language = request.scope["dingkao.language"]
    if caller is None:
        return refusal_response(NotLoggedIn(), language)
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > _BODY_MAXIMUM:
        text = Text("图片不得超过2MB。", "A picture holds at most 2 MB.")
        return _bad(language, 413, "FILE_TOO_LARGE", text)
    try:
        async with request.form(max_files=1, max_fields=2, max_part_size=FRAME_MAXIMUM) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                return _bad(language, 400, "BAD_FORM", Text("请以表单提交 file。", "Send a form with file."))
            data = await file.read()
    except HTTPException:
        return _bad(language, 400, "BAD_FORM", Text("表单格式有误。", "This is no multipart form."))
    try:
        async with _checking:
            frame = await take_frame(environment, caller, decode_id("Attempt", request.path_params["id"]), data)
    except Refusal as refusal:
        return refusal_response(refusal, language)
    return JSONResponse({"outcome": frame.outcome.value, "nextSeconds": frame.next_seconds}, status_code=202)


async def _face(request: Request) -> Response:
    """A face, for an invigilator to look at; never kept by anything on the way."""
    environment: Environment = request.app.state.environment
    language: Language = request.scope["dingkao.language"]
    try:
        image_id = decode_id("FaceImage", request.path_params["id"])
        data = await look_at_face(environment, request.scope["dingkao.caller"], image_id)
    except Refusal as refusal:
        return refusal_response(refusal, language)
    except PortFailed:
        text = Text("人脸图像存储暂时不可用，请稍后再试。", "The store of faces is out of reach; try again in a while.")
        return _bad(language, 503, "FILES_UNAVAILABLE", text)
    headers = {
        "Content-Disposition": "attachment; filename=face",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "no-store",
    }
    return Response(data, media_type="image/png" if data.startswith(b"\x89PNG") else "image/jpeg", headers=headers)


async def _verdict(request: Request) -> Response:
    """A service's verdict: 201 kept, 200 kept before; nothing is told to who has no secret."""
    environment: Environment = request.app.state.environment
    language: Language = request.scope["dingkao.language"]
    body = await _body(request)
    if body is None:
        text = Text("请求体不得超过64KB。", "The body holds at most 64 KiB, and arrives within 15 seconds.")
        return _bad(language, 413, "BODY_TOO_LARGE", text)
    timestamp = request.headers.get(TIMESTAMP_HEADER, "")
    try:
        check_callback(environment, timestamp, request.headers.get(SIGNATURE_HEADER, ""), body)
        kept = await keep_verdict(environment, body)
    except CallbackRefused as refused:
        _log.warning("verdict refused", code=refused.code)
        status, text = _REFUSED[refused.code]
        return _bad(language, status, refused.code, text)
    except PortFailed as error:
        _log.warning("verdict unreadable", exc_info=error)
        return _bad(language, 422, "BAD_VERDICT", Text("无法读取监考结论。", f"The verdict cannot be read: {error}."))
    except Refusal as refusal:
        return refusal_response(refusal, language)
    return JSONResponse({"kept": True, "repeated": kept.repeated}, status_code=200 if kept.repeated else 201)


async def _body(request: Request) -> bytes | None:
    """The body; None where it is too large or too slow."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(_VERDICT_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > VERDICT_MAXIMUM:
                    return None
                parts.append(part)
    except (TimeoutError, ClientDisconnect):
        return None
    return b"".join(parts)
