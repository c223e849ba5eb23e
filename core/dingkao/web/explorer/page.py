"""The explorer's page: what a browser gets when it opens the GraphQL endpoint."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from dingkao.web.explorer.assets import DIST, AssetStore

ASSETS_PATH = "/explorer/assets"
"""The path below which the built files are served."""

BUILD_COMMAND = "python -m dingkao.web.explorer.build"
"""What an operator runs where the page says that it is not built."""

_SECURITY_HEADERS = {
    # Scripts, workers and requests: this server's only, nothing inline, no eval. Styles may be inline because the
    # editor writes its colours and positions into style elements and attributes.
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "worker-src 'self'",
            "connect-src 'self'",
            "style-src 'self' 'unsafe-inline'",
            "font-src 'self'",
            "img-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # The same address answers other clients with something else, and the next release with another page.
    "Cache-Control": "no-cache",
    "Vary": "Accept",
}

_PAGE = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>定考 GraphQL 浏览器</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{assets}/{style}">
<script type="application/json" id="explorer-setup">{setup}</script>
<script type="module" src="{assets}/{script}"></script>
</head>
<body>
<div id="explorer"></div>
<noscript><p>本页需要 JavaScript。</p><p lang="en">This page needs JavaScript.</p></noscript>
</body>
</html>
"""

_NOT_BUILT_PAGE = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<title>定考 GraphQL 浏览器</title>
<link rel="icon" href="data:,">
</head>
<body>
<p>GraphQL 浏览器的页面文件尚未生成。请在服务器的安装目录运行
<code>{command}</code>，然后刷新本页。接口本身不受影响。</p>
<p lang="en">The files of the GraphQL explorer have not been built. Run <code>{command}</code> where the server is
installed, then reload this page. The API itself works all the same.</p>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class ExplorerTab:
    """One example operation.

    `title` is shown in the list of examples (a tab itself is named after its operation), `query` is a GraphQL
    document, `variables_json` and `headers_json` are what the two small editors hold: JSON texts, or empty.
    """

    title: str
    query: str
    variables_json: str = ""
    headers_json: str = ""


@dataclass(frozen=True, slots=True)
class ExplorerRefresh:
    """How the page gets another token once the server answers UNAUTHENTICATED.

    `query` is the mutation; in its `variables` the string "$refreshToken" stands for the refresh token. The paths lead
    to texts in the `data` of answers: `of_log_in_path` to the refresh token in the login's, `token_path` and
    `refresh_token_path` to the new ones in this one's. Where the server answers UNAUTHENTICATED, the session is over.
    """

    query: str
    of_log_in_path: Sequence[str]
    token_path: Sequence[str]
    refresh_token_path: Sequence[str]
    variables: Mapping[str, object] = field(default_factory=lambda: {"input": {"refreshToken": "$refreshToken"}})


@dataclass(frozen=True, slots=True)
class ExplorerLogIn:
    """How the page's login box logs in.

    `query` is the mutation. `variables` are its variables, in which the strings "$account" and "$password" stand for
    what the reader types. `token_path` leads from the answer's `data` to the token, which every tab then sends as
    `Authorization: Bearer …` unless it has an Authorization header of its own. Where there is no text at that path, the
    box shows the first `message` in the answer. `refresh`: how the page keeps the session; None: it does not.
    """

    query: str
    token_path: Sequence[str]
    variables: Mapping[str, object] = field(
        default_factory=lambda: {"input": {"documentNumber": "$account", "password": "$password"}}
    )
    refresh: ExplorerRefresh | None = None


class Explorer:
    """The explorer of one server: its page and its files.

    `tabs` are the example operations, in the order of their tabs; `log_in` gives the page a login box; `dist` is the
    folder with the built files.
    """

    def __init__(self, tabs: Sequence[ExplorerTab], *, log_in: ExplorerLogIn | None = None, dist: Path = DIST) -> None:
        self._setup = _setup_json(tabs, log_in)
        self._assets = AssetStore(dist)

    def page(self, request: Request) -> Response:
        """The page, for a GET that accepts text/html: status 200, or 503 with what to do where nothing is built.

        The page POSTs to the path that it was opened at.
        """
        manifest = self._assets.manifest()
        if manifest is None:
            content = _NOT_BUILT_PAGE.format(command=BUILD_COMMAND)
            return HTMLResponse(content, status_code=503, headers=_SECURITY_HEADERS)
        assets = html.escape(request.scope.get("root_path", "").rstrip("/") + ASSETS_PATH)
        content = _PAGE.format(assets=assets, style=manifest.style, script=manifest.script, setup=self._setup)
        return HTMLResponse(content, headers=_SECURITY_HEADERS)

    def routes(self) -> list[BaseRoute]:
        """The routes of the files that the page loads, below `ASSETS_PATH`."""
        return [Route(f"{ASSETS_PATH}/{{name}}", self._assets.respond, methods=["GET"], name="explorer-asset")]


def _setup_json(tabs: Sequence[ExplorerTab], log_in: ExplorerLogIn | None) -> str:
    """What the page needs to know, as JSON that may stand in a script element: no `<` can end the element."""
    setup = {
        "tabs": [
            {"title": tab.title, "query": tab.query, "variables": tab.variables_json, "headers": tab.headers_json}
            for tab in tabs
        ],
        "logIn": None
        if log_in is None
        else {
            "query": log_in.query,
            "variables": dict(log_in.variables),
            "tokenPath": list(log_in.token_path),
            "refresh": None if log_in.refresh is None else _refresh_setup(log_in.refresh),
        },
    }
    return json.dumps(setup, ensure_ascii=False).replace("<", "\\u003c")


def _refresh_setup(refresh: ExplorerRefresh) -> dict[str, object]:
    return {
        "query": refresh.query,
        "variables": dict(refresh.variables),
        "ofLogInPath": list(refresh.of_log_in_path),
        "tokenPath": list(refresh.token_path),
        "refreshTokenPath": list(refresh.refresh_token_path),
    }
