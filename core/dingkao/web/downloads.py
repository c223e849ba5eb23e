"""What the routes that give bytes have in common: signed links, the headers of a download, refusals for the audit."""

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dingkao.accounts.tables import Account
from dingkao.audit.refusals import RefusalLog
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import AccessRefused, NotFound, Refusal
from dingkao.plugin.ids import split_id
from dingkao.plugin.text import Language, Text
from dingkao.storage.signed_links import LinkRefused, is_link, open_link

DOWNLOAD_HEADERS: Final = {
    # Bytes that somebody uploaded are run by no browser, whatever they turn out to be, and kept by nothing on the way.
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""Of every download, beside its `Content-Disposition: attachment`, which an `<img>` does not mind."""

LINKED_HEADERS: Final = {**DOWNLOAD_HEADERS, "Cross-Origin-Resource-Policy": "cross-origin"}
"""Of what a signed link gives: the link is the right to see it, also for an `<img>` of a client at another origin."""

_account = Statement(lambda p: Account.select(Account.disabled).where(Account.id == p.account))
_OVER = Text(
    "下载链接无效或者已过期，请刷新页面，重新获取链接。",
    "The link is wrong or has expired; ask for the object again, which gives a new one.",
)


async def opened_by_link(request: Request, kind: str, object_id: int) -> bool:
    """Whether the request's signed link opens the object; False where it bears none. One query, of the account.

    Raises LinkRefused where the link is wrong, is over, or is of an account that may no longer come in.
    """
    if not is_link(request.query_params):
        return False
    environment: Environment = request.app.state.environment
    account_id = open_link(environment.keys, kind, object_id, request.query_params, environment.clock.now())
    account = await _account.first(account=account_id)
    if account is None or account["disabled"]:
        raise LinkRefused(expired=True)
    # The request's line in the log says for whom the link was made.
    request.scope["dingkao.link_account"] = account_id
    return True


async def refuse_link(request: Request, refused: LinkRefused) -> Response:
    """403 `LINK_EXPIRED`, whatever is wrong with the link: the client's answer is to ask for another. What was never a
    link of ours is noted in the audit."""
    if not refused.expired:
        await note_refusal(request, "DOWNLOAD", "LINK_INVALID", request.path_params["id"])
    return _refused(403, "LINK_EXPIRED", _OVER, request.scope["dingkao.language"])


async def note_refused(request: Request, action: str, refusal: Refusal, opaque: str) -> None:
    """Have a refused right written to the audit; other refusals are no act. `opaque` is the id that was named."""
    if isinstance(refusal, AccessRefused):
        await note_refusal(request, action, refusal.code, opaque)


async def note_refusal(request: Request, action: str, code: str, opaque: str) -> None:
    """Write a refusal with its `code` to the audit."""
    try:
        found = split_id(opaque)
    except NotFound:
        found = None
    log: RefusalLog = request.app.state.refusals
    scope = request.scope
    caller: Caller | None = scope["dingkao.caller"]
    await log.note(caller, scope["dingkao.address"], scope["dingkao.request_id"], action, code, found)


def _refused(status: int, code: str, text: Text, language: Language) -> Response:
    error = {"code": code, "message": text.in_language(language)}
    return JSONResponse({"errors": [error]}, status_code=status, headers={"Cache-Control": "no-store"})
