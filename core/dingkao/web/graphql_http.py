"""GraphQL over HTTP (the draft of the GraphQL foundation): POST with JSON; a browser's GET gets the explorer."""

import asyncio
import json
import re
from dataclasses import dataclass, replace
from typing import Any

from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from dingkao.admission import Admission, Overloaded
from dingkao.audit.refusals import RefusalLog
from dingkao.context import CoreContext, CoreServicesOf
from dingkao.environment import Environment
from dingkao.logs import get_logger, mask_text
from dingkao.plugin.errors import AccessRefused, NotFound, NotLoggedIn, Refusal, TooManyRequests
from dingkao.plugin.ports import PortFailed
from dingkao.plugin.text import Language, Text
from dingkao.web.execution import Executor, Outcome, operation_label
from dingkao.web.explorer import Explorer
from dingkao.web.middleware import identify
from dingkao.web.refused_rights import note_refusals, note_refused_acts
from dingkao.web.trusted_documents import Mode, TrustedDocuments, document_id

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
_LONGEST_MESSAGE = 500

_log = get_logger("dingkao.graphql")
_BUG = Text("服务器内部错误，请稍后再试。", "Internal error; try again later.")
_OVERLOADED = Text(
    "当前访问人数较多，请稍候自动重试；已保存的作答不受影响。",
    "The server is busy; ask again in a moment. What was saved is safe.",
)
_PORT = Text("外部服务暂不可用，请稍后再试。", "An external service is not available; try again later.")


class BadRequest(Exception):
    """The request is no GraphQL request, or not one of those served here; `status`, a sentence and a code."""

    def __init__(self, status: int, message: str, code: str = "BAD_REQUEST") -> None:
        super().__init__(message)
        self.status = status
        self.extensions: dict[str, Any] = {"code": code}


class OverLimit(BadRequest):
    """The request is larger or slower than one may be; `limit` is the limit's name, `most` its value."""

    def __init__(self, status: int, message: str, limit: str, most: float) -> None:
        super().__init__(status, message)
        self.extensions = {"code": "LIMIT_EXCEEDED", "limit": limit, "most": most}


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """The parameters of a request, checked for their JSON types."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None
    # Names a trusted document; `query` may then be empty.
    document_id: str | None = None


class GraphQLEndpoint:
    """The one endpoint."""

    def __init__(
        self,
        environment: Environment,
        executor: Executor,
        services: CoreServicesOf,
        explorer: Explorer | None,
        documents: TrustedDocuments,
        admission: Admission,
        refusals: RefusalLog,
    ) -> None:
        self._admission = admission
        self._refusals = refusals
        self._documents = documents
        self._environment = environment
        self._executor = executor
        self._services = services
        self._explorer = explorer

    async def __call__(self, request: Request) -> Response:
        """Answer a GET (explorer) or a POST (operation)."""
        if request.method == "GET":
            return self._answer_get(request)
        media_type = _negotiate(request.headers.get("accept", "") or "*/*")
        if media_type is None:
            return _refuse(BadRequest(406, f"Answers come as {GRAPHQL_JSON} or {JSON}."), JSON)
        seconds = self._environment.settings.body_seconds
        try:
            async with asyncio.timeout(seconds):
                asked = admit(self._documents, await _read(request, self._environment.settings.body_bytes))
        except TimeoutError:
            message = f"The body did not arrive within {seconds:g} seconds."
            return _refuse(OverLimit(408, message, "bodySeconds", seconds), media_type)
        except BadRequest as error:
            return _refuse(error, media_type)
        scope = request.scope
        scope["dingkao.operation"] = operation_label(self._executor.prepare(asked.query).document, asked.operation_name)
        try:
            async with self._admission.entered(self._executor.lane(asked.query)):
                await identify(self._environment, scope)
                context = CoreContext(
                    self._environment,
                    scope["dingkao.caller"],
                    scope["dingkao.language"],
                    self._services,
                    scope["dingkao.request_id"],
                    scope["dingkao.address"],
                    scope["dingkao.device"],
                )
                outcome = await self._executor.run(asked.query, asked.variables, asked.operation_name, context)
                mutation = str(scope["dingkao.operation"]).startswith("mutation")
                if outcome.errors:
                    await note_refusals(self._refusals, context, outcome.errors, asked.variables, mutation=mutation)
                if mutation and context._refused_acts:
                    await note_refused_acts(self._refusals, context, asked.variables)
                return _show(outcome, media_type, context)
        except Overloaded as overloaded:
            return overloaded_response(scope["dingkao.language"], overloaded)

    def _answer_get(self, request: Request) -> Response:
        if self._explorer is not None and "text/html" in request.headers.get("accept", ""):
            return self._explorer.page(request)
        return PlainTextResponse(
            "POST GraphQL operations here as application/json.",
            status_code=405,
            headers={"Allow": "POST", "Vary": "Accept"},
        )


def admit(documents: TrustedDocuments, asked: GraphQLRequest) -> GraphQLRequest:
    """The request with the text of its document. Raises BadRequest for a document that is not to be run."""
    if asked.document_id is not None:
        text = documents.text(asked.document_id)
        if text is None:
            raise BadRequest(400, "The manifest has no document of this documentId.", "UNKNOWN_DOCUMENT")
        if asked.query not in ("", text):
            raise BadRequest(400, "`query` is not the document of `documentId`; send one of them.")
        return replace(asked, query=text)
    if documents.mode is not Mode.OFF and not documents.holds(asked.query):
        if documents.mode is Mode.ENFORCE:
            raise BadRequest(400, "Only the operations of known clients are served here.", "UNTRUSTED_DOCUMENT")
        _log.warning("document not in the manifest", document=document_id(asked.query))
    return asked


def _negotiate(accept: str) -> str | None:
    """The media type of the answer: the first of ours that the client names, JSON for any."""
    for part in accept.split(","):
        name = part.split(";")[0].strip().lower()
        if name in (GRAPHQL_JSON, JSON):
            return name
        if name in ("*/*", "application/*"):
            return JSON
    return None


def _refuse(error: BadRequest, media_type: str) -> Response:
    body = {"errors": [{"message": str(error), "extensions": error.extensions}]}
    return _respond(body, media_type, error.status)


def _no_such_number(text: str) -> None:
    """Python would read NaN and Infinity, which are no JSON."""
    raise ValueError(text)


_DECODER = json.JSONDecoder(parse_constant=_no_such_number)


async def _read(request: Request, most_bytes: int) -> GraphQLRequest:
    content_type = request.headers.get("content-type", "").split(";")
    if content_type[0].strip().lower() != JSON:
        raise BadRequest(415, f"Send the operation as {JSON}.")
    charset = next((p.split("=")[1].strip(' "').lower() for p in content_type[1:] if "charset=" in p.lower()), "utf-8")
    if charset not in ("utf-8", "utf8"):
        raise BadRequest(415, "Send the operation as UTF-8.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise BadRequest(415, "Send the operation as it is, without a content encoding.")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                message = f"A request holds at most {most_bytes} bytes."
                raise OverLimit(413, message, "bodyBytes", most_bytes)
    except ClientDisconnect:
        # A phone that lost its network in the middle of sending: nobody hears the answer, and nothing is wrong here.
        raise BadRequest(400, "The connection ended before the request was complete.") from None
    try:
        # As text: from bytes the parser would take UTF-16 too.
        text = body.decode()
        asked = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise BadRequest(400, "The body is not JSON.") from None
    return checked_request(asked, text)


def checked_request(asked: object, text: str) -> GraphQLRequest:
    """The request in `asked`, which was read from `text`. Raises BadRequest."""
    if not isinstance(asked, dict):
        if isinstance(asked, list):
            raise OverLimit(400, "A request holds one operation; batches are not served.", "operations", 1)
        raise BadRequest(400, "The body is a JSON object with `query`.")
    identifier = asked.get("documentId")
    if identifier is not None and not isinstance(identifier, str):
        raise BadRequest(400, "`documentId` must be a string.")
    if not isinstance(asked.get("query", None if identifier is None else ""), str):
        raise BadRequest(400, "`query` must be a string.")
    for name, kind in (("variables", dict), ("extensions", dict), ("operationName", str)):
        if asked.get(name) is not None and not isinstance(asked[name], kind):
            raise BadRequest(400, f"`{name}` must be {'a string' if kind is str else 'an object'}.")
    if _UNSTORABLE_IN_JSON.search(text) and not _is_storable([asked.get("query", ""), asked.get("variables")]):
        raise BadRequest(400, "A text holds a character that cannot be stored: NUL, or half of a surrogate pair.")
    return GraphQLRequest(asked.get("query", ""), asked.get("variables"), asked.get("operationName"), identifier)


# JSON spells both as escapes only, so that nearly every request is done with one search.
_UNSTORABLE_IN_JSON = re.compile(r"\\u(?:0000|\{0+\}|[dD][89a-fA-F])")
_NUL_IN_QUERY = re.compile(r"\\u(?:0000|\{0+\})")


def _is_storable(asked: list[Any]) -> bool:
    """Whether the query and the variables hold no NUL and no half of a surrogate pair: PostgreSQL takes neither, and
    what one database refuses the other shall not keep."""
    waiting = list(asked)
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
                return False
        elif isinstance(value, dict):
            waiting += value.keys()
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    # In the query's own text it is another escape, which GraphQL would resolve.
    return _NUL_IN_QUERY.search(asked[0]) is None


def overloaded_response(language: Language, overloaded: Overloaded) -> Response:
    """The answer to an operation for which there was no turn: nothing of it was done, and the client asks again."""
    message = _OVERLOADED.in_language(language)
    body = {"errors": [{"message": message, "extensions": {"code": "OVERLOADED"}}]}
    response = _respond(body, JSON, 503)
    response.headers["Retry-After"] = str(overloaded.retry_after)
    return response


def _show(outcome: Outcome, media_type: str, context: CoreContext) -> Response:
    body: dict[str, Any] = {}
    retry_after: int | None = None
    if outcome.errors:
        body["errors"] = [show_error(error, context) for error in outcome.errors]
        retry_after = next(
            (
                e.original_error.retry_after_seconds
                for e in outcome.errors
                if isinstance(e.original_error, TooManyRequests)
            ),
            None,
        )
    if not outcome.request_error:
        body["data"] = outcome.data
    status = 400 if outcome.request_error and media_type == GRAPHQL_JSON else 200
    response = _respond(body, media_type, status)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _respond(body: dict[str, Any], media_type: str, status: int) -> Response:
    return Response(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        status_code=status,
        media_type=f"{media_type}; charset=utf-8",
        headers={"Cache-Control": "no-store", "Vary": "Accept"},
    )


def show_error(error: GraphQLError, context: CoreContext) -> dict[str, Any]:
    """An error as the client is told of it; what nobody expected is logged and not told."""
    original = error.original_error
    # graphql-core repeats the value that it refuses: somebody's number, or a megabyte.
    message = mask_text(error.message)
    message = message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…"
    shown: dict[str, Any] = {"message": message, "extensions": {"code": "GRAPHQL_ERROR"}}
    if error.locations:
        shown["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path is not None:
        shown["path"] = error.path
    if original is None or isinstance(original, GraphQLError):
        # A limit tells its code and what it is.
        shown["extensions"].update(error.extensions or {})
        return shown
    if isinstance(original, NotFound) and context.caller is None:
        # Whether an id is anything at all is told to nobody who has not logged in.
        original = NotLoggedIn()
    if isinstance(original, AccessRefused):
        shown["message"] = context.say(original.text)
        shown["extensions"]["code"] = original.code
    elif isinstance(original, PortFailed):
        _log.warning("port failed", request_id=context.request_id, error=type(original).__name__)
        shown["message"] = context.say(_PORT)
        shown["extensions"]["code"] = "EXTERNAL_SERVICE_FAILED"
    elif isinstance(original, Refusal):
        # A refusal that the field's union does not name: still a clear answer, and a hole in the schema to mend.
        _log.error("refusal outside the union", request_id=context.request_id, error=type(original).__name__)
        shown["extensions"]["code"] = "REFUSED"
    else:
        _log.error("unexpected error", request_id=context.request_id, exc_info=original)
        shown["message"] = context.say(_BUG)
        shown["extensions"] = {"code": "INTERNAL", "requestId": context.request_id}
    return shown
