"""The public check page of a document, and the download of its PDF.

GET /check/{code} is what a document's QR code opens: whoever holds the document sees whether it is in force, with the
name masked. The code holds 128 random bits, so codes cannot be tried out, and a text that is none costs no query.

GET /documents/{id}.pdf gives the PDF to an account that may have it (by the Authorization header, which wx.downloadFile
can send), or to whoever has a link that `Document.downloadUrl` signed for an account just now (for a browser's tab).
"""

import json
from datetime import date
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dingkao.clock import china_date
from dingkao.documents.check_code import is_check_code
from dingkao.documents.check_page import (
    CHECK_PAGE_HEADERS,
    CheckedDocument,
    CheckPageContent,
    CheckState,
    mask_name,
    render_check_page,
)
from dingkao.documents.content import Conclusion
from dingkao.environment import Environment
from dingkao.plugin.errors import (
    AccessRefused,
    FirstLoginOpen,
    Forbidden,
    NotEligible,
    NotFound,
    NotLoggedIn,
)
from dingkao.plugin.ids import decode_id
from dingkao.plugin.ports import PortFailed
from dingkao.plugin.text import Language, Text
from dingkao.results.issuing import find_download
from dingkao.results.records import DocumentRecord, read_document_by_code, read_documents_by_id, read_revoked_at
from dingkao.results.vocabulary import DocumentKind, DocumentState
from dingkao.storage.signed_links import LinkRefused
from dingkao.web.downloads import DOWNLOAD_HEADERS, note_refused, opened_by_link, refuse_link

_STATES: Final = {
    DocumentState.ISSUED: CheckState.VALID,
    DocumentState.SEALED: CheckState.VALID,
    DocumentState.UNSEALED: CheckState.UNSEALED,
    DocumentState.REVOKED: CheckState.REVOKED,
}
_TITLES: Final = {DocumentKind.NOTICE: "考核结果通知书", DocumentKind.CERTIFICATE: "合格证书"}
_STATUS: Final[dict[type[AccessRefused], int]] = {NotLoggedIn: 401, FirstLoginOpen: 403, Forbidden: 403, NotFound: 404}

_REVOKED = Text("该文书已撤销，不再提供下载。", "The document is revoked and no longer given out.")
_UNAVAILABLE = Text("文件存储暂时不可用，请稍后再试。", "The file store is out of reach; try again in a while.")


def check_routes() -> list[BaseRoute]:
    """The two routes."""
    return [
        Route("/check/{code}", _check, methods=["GET"]),
        Route("/documents/{id}.pdf", _download, methods=["GET"]),
    ]


async def _check(request: Request) -> Response:
    code = request.path_params["code"]
    language: Language = request.scope["dingkao.language"]
    document = await read_document_by_code(code) if is_check_code(code) else None
    content = None if document is None else await _page_content(document)
    page = render_check_page(content, "en" if language is Language.ENGLISH else "zh")
    return HTMLResponse(page, status_code=200 if content else 404, headers=CHECK_PAGE_HEADERS)


async def _page_content(document: DocumentRecord) -> CheckPageContent:
    printed = json.loads(document.content)
    is_notice = document.kind is DocumentKind.NOTICE
    revoked_at = await read_revoked_at(document) if document.state is DocumentState.REVOKED else None
    return CheckPageContent(
        document=CheckedDocument.NOTICE if is_notice else CheckedDocument.CERTIFICATE,
        number=document.number,
        masked_name=mask_name(printed["doctor"]["name"]),
        institution=printed["doctor"]["institution"],
        cycle=printed["cycle"]["name"],
        # There is no certificate but of a qualified result.
        conclusion=Conclusion(printed["conclusion"]) if is_notice else Conclusion.PASS,
        state=_STATES[document.state],
        issuer=printed["issuing_body"] if is_notice else printed["issuing_authority"],
        issued_on=date.fromisoformat(printed["issued_on"]),
        sealed_on=china_date(document.sealed_at) if document.sealed_at else None,
        revoked_on=china_date(revoked_at) if revoked_at else None,
        pdf_sha256=document.digest,
    )


async def _download(request: Request) -> Response:
    environment: Environment = request.app.state.environment
    language: Language = request.scope["dingkao.language"]
    try:
        document = await _allowed(request, environment)
    except LinkRefused as refused:
        return await refuse_link(request, refused)
    except NotEligible as refusal:
        reason = refusal.reasons[0]
        return _refused(403, reason.code, reason.text, language)
    except AccessRefused as refusal:
        await note_refused(request, "DOWNLOAD", refusal, request.path_params["id"])
        return _refused(_STATUS.get(type(refusal), 403), refusal.code, refusal.text, language)
    if document.state is DocumentState.REVOKED:
        return _refused(410, "DOCUMENT_REVOKED", _REVOKED, language)
    try:
        pdf = await environment.files.get(document.file_name)
    except KeyError:
        return _refused(404, NotFound.code, NotFound.text, language)
    except PortFailed:
        return _refused(503, "FILES_UNAVAILABLE", _UNAVAILABLE, language)
    title = quote(f"{_TITLES[document.kind]}_{document.number}.pdf")
    return Response(
        pdf,
        media_type="application/pdf",
        headers={
            "Content-Disposition": f"attachment; filename=\"{document.number}.pdf\"; filename*=UTF-8''{title}",
            **DOWNLOAD_HEADERS,
        },
    )


async def _allowed(request: Request, environment: Environment) -> DocumentRecord:
    """The document asked for. Raises Refusal, LinkRefused."""
    key = decode_id("Document", request.path_params["id"])
    if not await opened_by_link(request, "Document", key):
        return await find_download(environment, request.scope["dingkao.caller"], key)
    document = (await read_documents_by_id([key])).get(key)
    if document is None:
        raise NotFound
    return document


def _refused(status: int, code: str, text: Text, language: Language) -> Response:
    error = {"code": code, "message": text.in_language(language)}
    return JSONResponse({"errors": [error]}, status_code=status, headers={"Cache-Control": "no-store"})
