"""What comes by other ways than GraphQL for proctoring: pictures during an attempt, an invigilator's
look at one, and a service's signed verdicts."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dingkao.environment import Environment
from dingkao.logs import get_logger
from dingkao.papers.writing import writing_caller
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import Refusal
from dingkao.plugin.ids import decode_id
from dingkao.plugin.ports import PortFailed
from dingkao.plugin.proctoring import SIGNATURE_HEADER, TIMESTAMP_HEADER
from dingkao.plugin.text import Language, Text
from dingkao.proctoring.frames import capture_during_attempt, take_frame
from dingkao.proctoring.looking import look_at_face
from dingkao.proctoring.verdicts import CallbackRefused, check_callback, keep_verdict
from dingkao.web.files import UNAVAILABLE, capture_response, refusal_response, says_length

FRAME_MAXIMUM = 2 * 1024 * 1024
VERDICT_MAXIMUM = 64 * 1024
VERDICT_PATH = "/proctoring/verdicts"
ATTEMPT_TOKEN_HEADER = "Attempt-Token"  # noqa: S105 - the name of a header
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
    """The four routes."""
    return [
        Route("/attempts/{id}/captures", _capture, methods=["POST"]),
        Route("/attempts/{id}/frames", _frame, methods=["POST"]),
        Route("/faces/{id}", _face, methods=["GET"]),
        Route(VERDICT_PATH, _verdict, methods=["POST"]),
    ]


def _bad(language: Language, status: int, code: str, text: Text) -> Response:
    return JSONResponse({"errors": [{"code": code, "message": text.in_language(language)}]}, status_code=status)


async def _frame(request: Request) -> Response:
    environment: Environment = request.app.state.environment

    async def take(caller: Caller, attempt_id: int, data: bytes) -> Response:
        frame = await take_frame(environment, caller, attempt_id, data)
        return JSONResponse({"outcome": frame.outcome.value, "nextSeconds": frame.next_seconds}, status_code=202)

    return await _picture(request, take)


async def _capture(request: Request) -> Response:
    """A capture of the doctor's face while a paper is being sat, as `POST /files` takes it before the first one."""
    environment: Environment = request.app.state.environment
    language: Language = request.scope["dingkao.language"]

    async def take(caller: Caller, attempt_id: int, data: bytes) -> Response:
        return capture_response(await capture_during_attempt(environment, caller, attempt_id, data), language)

    return await _picture(request, take)


async def _picture(request: Request, take: Callable[[Caller, int, bytes], Awaitable[Response]]) -> Response:
    """The picture of a form's `file`, from the doctor's session or from the device that writes: its token outlives the
    session, which may end in the middle of a paper. Who has neither sends nothing that is read."""
    environment: Environment = request.app.state.environment
    language: Language = request.scope["dingkao.language"]
    token = request.headers.get(ATTEMPT_TOKEN_HEADER)
    try:
        attempt_id = decode_id("Attempt", request.path_params["id"])
        caller = await writing_caller(environment, request.scope["dingkao.caller"], attempt_id, token)
    except Refusal as refusal:
        return refusal_response(refusal, language)
    if not says_length(request, _BODY_MAXIMUM):
        text = Text("图片不得超过2MB。", "A picture holds at most 2 MB.")
        return _bad(language, 413, "FILE_TOO_LARGE", text)
    seconds = environment.settings.upload_seconds
    try:
        async with (
            asyncio.timeout(seconds),
            request.form(max_files=1, max_fields=2, max_part_size=FRAME_MAXIMUM) as form,
        ):
            file = form.get("file")
            if not isinstance(file, UploadFile):
                return _bad(language, 400, "BAD_FORM", Text("请以表单提交 file。", "Send a form with file."))
            data = await file.read()
    except TimeoutError:
        late = Text(f"文件未在{seconds:g}秒内传完。", f"The file did not arrive within {seconds:g} seconds.")
        return _bad(language, 408, "UPLOAD_TOO_SLOW", late)
    except (HTTPException, ClientDisconnect, ValueError):
        return _bad(language, 400, "BAD_FORM", Text("表单格式有误。", "This is no multipart form."))
    try:
        async with _checking:
            return await take(caller, attempt_id, data)
    except Refusal as refusal:
        return refusal_response(refusal, language)
    except PortFailed:
        return _bad(language, 503, "FILES_UNAVAILABLE", UNAVAILABLE)


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
