"""The explorer's page and files as an HTTP client sees them."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from dingkao.web.explorer import Explorer, ExplorerLogIn, ExplorerTab

SCRIPT = b"console.log('explorer');" * 100
STYLE = b"body { margin: 0 }"


def write_build(dist: Path, files: dict[str, bytes]) -> None:
    """Writes a build of the given files, as clients/explorer/build.mjs does."""
    (dist / "assets").mkdir(parents=True, exist_ok=True)
    assets = {}
    for name, content in files.items():
        (dist / "assets" / f"{name}.gz").write_bytes(gzip.compress(content))
        media_type = "text/css; charset=utf-8" if name.endswith(".css") else "text/javascript; charset=utf-8"
        assets[name] = {"type": media_type, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    script = next(name for name in files if name.endswith(".js"))
    style = next(name for name in files if name.endswith(".css"))
    manifest = {"inputs": "", "script": script, "style": style, "assets": assets}
    new = dist / "manifest.json.new"
    new.write_text(json.dumps(manifest), encoding="utf-8")
    new.replace(dist / "manifest.json")


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    write_build(tmp_path, {"explorer-AAAA.js": SCRIPT, "explorer-BBBB.css": STYLE})
    (tmp_path / "assets" / "left-over.js.gz").write_bytes(gzip.compress(b"not in the manifest"))
    return tmp_path


def client(explorer: Explorer, prefix: str = "") -> httpx.AsyncClient:
    """A client of an application that serves the explorer below the path prefix."""

    async def page(request):  # type: ignore[no-untyped-def]
        return explorer.page(request)

    routes = [Route("/graphql", page), *explorer.routes()]
    application = Starlette(routes=[Mount(prefix, routes=routes)] if prefix else routes)
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://server")


def setup_of(page: str) -> dict[str, object]:
    """What the page tells its script, read as a browser does: up to the first end tag."""
    match = re.search(r'<script type="application/json" id="explorer-setup">(.*?)</script', page, re.DOTALL)
    assert match is not None
    setup: dict[str, object] = json.loads(match[1])
    return setup


async def test_page_names_its_files_and_holds_the_tabs(dist: Path) -> None:
    tab = ExplorerTab("首页", "query Home { viewer }", '{"first": 1}', '{"Authorization": "Bearer …"}')
    async with client(Explorer([tab], dist=dist)) as http:
        response = await http.get("/graphql", headers={"accept": "text/html"})
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert setup_of(response.text) == {
            "tabs": [
                {
                    "title": "首页",
                    "query": "query Home { viewer }",
                    "variables": '{"first": 1}',
                    "headers": '{"Authorization": "Bearer …"}',
                }
            ],
            "logIn": None,
        }
        named = re.findall(r'(?:src|href)="(/[^"]*)"', response.text)
        assert named == ["/explorer/assets/explorer-BBBB.css", "/explorer/assets/explorer-AAAA.js"]
        assert [(await http.get(path)).content for path in named] == [STYLE, SCRIPT]


async def test_page_lets_scripts_come_from_the_server_alone(dist: Path) -> None:
    async with client(Explorer([], dist=dist)) as http:
        response = await http.get("/graphql")
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["worker-src"] == policy["connect-src"] == "'self'"
    assert "unsafe-eval" not in response.headers["content-security-policy"]
    assert policy["frame-ancestors"] == "'none'"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["vary"] == "Accept"


async def test_login_and_markup_in_a_query_reach_the_page_unchanged(dist: Path) -> None:
    query = '# </script><script>alert(1)</script> <!-- & "\nmutation LogIn { logIn }'
    explorer = Explorer([ExplorerTab("<b>", query)], log_in=ExplorerLogIn(query, ["logIn", "token"]), dist=dist)
    async with client(explorer) as http:
        page = (await http.get("/graphql")).text
    assert setup_of(page) == {
        "tabs": [{"title": "<b>", "query": query, "variables": "", "headers": ""}],
        "logIn": {
            "query": query,
            "variables": {"input": {"documentNumber": "$account", "password": "$password"}},
            "tokenPath": ["logIn", "token"],
            "refresh": None,
        },
    }
    assert page.count("<script") == 2


async def test_page_below_a_path_prefix_names_its_files_there(dist: Path) -> None:
    async with client(Explorer([], dist=dist), prefix="/kaohe") as http:
        page = await http.get("/kaohe/graphql")
        paths = re.findall(r'(?:src|href)="(/[^"]*)"', page.text)
        assert paths == ["/kaohe/explorer/assets/explorer-BBBB.css", "/kaohe/explorer/assets/explorer-AAAA.js"]
        assert [(await http.get(path)).status_code for path in paths] == [200, 200]


async def test_page_without_a_build_says_how_to_make_one(tmp_path: Path) -> None:
    explorer = Explorer([], dist=tmp_path)
    async with client(explorer) as http:
        response = await http.get("/graphql")
        assert response.status_code == 503
        assert response.text.count("python -m dingkao.web.explorer.build") == 2
        assert "尚未生成" in response.text
        assert "have not been built" in response.text
        assert (await http.get("/explorer/assets/explorer-AAAA.js")).status_code == 404

        write_build(tmp_path, {"explorer-AAAA.js": SCRIPT, "explorer-BBBB.css": STYLE})
        assert (await http.get("/graphql")).status_code == 200
        write_build(tmp_path, {"explorer-CCCC.js": SCRIPT, "explorer-DDDD.css": STYLE})
        assert "explorer-CCCC.js" in (await http.get("/graphql")).text


async def test_unreadable_manifest_is_no_build(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"inputs": ', encoding="utf-8")
    async with client(Explorer([], dist=tmp_path)) as http:
        assert (await http.get("/graphql")).status_code == 503


@pytest.mark.parametrize(
    ("accept_encoding", "is_zipped"),
    [("gzip", True), ("br, GZip;q=0.5", True), ("*", True), ("identity", False), ("", False), ("gzip;q=0", False)],
)
async def test_file_comes_zipped_to_those_who_accept_it(dist: Path, accept_encoding: str, is_zipped: bool) -> None:
    async with client(Explorer([], dist=dist)) as http:
        response = await http.get("/explorer/assets/explorer-AAAA.js", headers={"accept-encoding": accept_encoding})
    assert response.status_code == 200
    assert response.content == SCRIPT
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert response.headers["vary"] == "Accept-Encoding"
    assert (response.headers.get("content-encoding") == "gzip") is is_zipped
    assert (int(response.headers["content-length"]) < len(SCRIPT)) is is_zipped


async def test_file_is_kept_for_good_and_recognised_by_its_tag(dist: Path) -> None:
    path = "/explorer/assets/explorer-AAAA.js"
    async with client(Explorer([], dist=dist)) as http:
        zipped = await http.get(path, headers={"accept-encoding": "gzip"})
        plain = await http.get(path, headers={"accept-encoding": "identity"})
        assert zipped.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert zipped.headers["etag"] != plain.headers["etag"]
        for if_none_match, status in [
            (zipped.headers["etag"], 304),
            (f'"other", W/{zipped.headers["etag"]}', 304),
            ("*", 304),
            ('"other"', 200),
        ]:
            again = await http.get(path, headers={"accept-encoding": "gzip", "if-none-match": if_none_match})
            assert (again.status_code, again.headers["etag"]) == (status, zipped.headers["etag"])
            assert (again.content == b"") is (status == 304)
        head = await http.head(path)
        assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "name",
    ["left-over.js", "none.js", "manifest.json", "../manifest.json", "..%2Fmanifest.json", "%2e%2e/manifest.json"],
)
async def test_nothing_outside_the_manifest_is_served(dist: Path, name: str) -> None:
    async with client(Explorer([], dist=dist)) as http:
        assert (await http.get(f"/explorer/assets/{name}")).status_code == 404
