"""GraphQL over HTTP (the draft of the GraphQL foundation): what is asked, what comes back, in which form."""

import json
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from dingkao.endpoint_settings import EndpointSettings
from dingkao.testing.web import Client

NEW = "application/graphql-response+json"
OLD = "application/json"
QUERY = {"query": "{ apiVersion }"}


BODY_MAXIMUM = EndpointSettings.model_fields["body_bytes"].default


@pytest.fixture
def http(app: Starlette) -> httpx.AsyncClient:
    return Client(app).http


async def post(http: httpx.AsyncClient, body: Any = None, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": OLD, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await http.post("/graphql", content=content, headers=sent)


def code_of(response: httpx.Response) -> str:
    body = response.json()
    assert "data" not in body, body
    return str(body["errors"][0]["extensions"]["code"])


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (NEW, NEW),
        (OLD, OLD),
        ("*/*", OLD),
        ("application/*", OLD),
        (f"{NEW};q=1, {OLD};q=0.5", NEW),
        (f"{OLD}, {NEW}", OLD),
        (f"{NEW}; charset=utf-8, {OLD}; charset=utf-8", NEW),
        (f"text/html, {NEW.upper()}", NEW),
    ],
)
async def test_the_media_type_that_the_client_names(http: httpx.AsyncClient, accept: str, answered: str) -> None:
    response = await post(http, QUERY, Accept=accept)
    assert response.status_code == httpx.codes.OK
    assert response.headers["content-type"] == f"{answered}; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert set(response.json()) == {"data"}
    assert response.json()["data"]["apiVersion"]


async def test_no_media_type_of_ours(http: httpx.AsyncClient) -> None:
    assert (await post(http, QUERY, Accept="text/html, image/png")).status_code == httpx.codes.NOT_ACCEPTABLE


async def test_a_mutation_and_variables(http: httpx.AsyncClient) -> None:
    assert (await post(http, {"query": "mutation { ping }"})).json() == {"data": {"ping": True}}
    document = "query A { apiVersion } query B($with: Boolean!) { apiVersion @include(if: $with) }"
    chosen = {"query": document, "operationName": "B", "variables": {"with": False}, "extensions": {"trace": 1}}
    assert (await post(http, chosen)).json() == {"data": {}}
    nothing = {"query": "{ apiVersion }", "operationName": None, "variables": None, "extensions": None}
    assert (await post(http, nothing)).status_code == httpx.codes.OK


BAD_DOCUMENTS = [
    {"query": "{"},
    {"query": ""},
    {"query": "{ noSuchField }"},
    {"query": "query A { apiVersion } query B { apiVersion }"},
    {"query": "query A { apiVersion }", "operationName": "C"},
    {"query": "fragment F on Query { apiVersion }"},
    {"query": "subscription { apiVersion }"},
    {"query": "query ($id: ID!) { node(id: $id) { id } }"},
    {"query": "query ($id: ID!) { node(id: $id) { id } }", "variables": {"id": None}},
    {"query": "query ($id: ID!) { node(id: $id) { id } }", "variables": {"id": {"a": 1}}},
    {"query": "query ($first: Int) { assessments(first: $first) { edges { cursor } } }", "variables": {"first": "1"}},
    {"query": "query ($first: Int) { assessments(first: $first) { edges { cursor } } }", "variables": {"first": 2**31}},
    {"query": "{ a: apiVersion a: __typename }"},
    {"query": "{ " + "apiVersion " * 2001 + "}"},
    {"query": "{ node(id: " + "[" * 900 + "]" * 900 + ") { id } }"},
    {"query": "{ assessments { edges { node " + "{ doctor " * 400 + "}" * 400 + " } } }"},
]


@pytest.mark.parametrize("body", BAD_DOCUMENTS, ids=range(len(BAD_DOCUMENTS)))
async def test_what_cannot_begin_has_no_data(http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    new = await post(http, body, Accept=NEW)
    assert new.status_code == httpx.codes.BAD_REQUEST, new.text
    # The last three are over a limit (tests/web/test_limits.py holds which).
    assert code_of(new) == ("LIMIT_EXCEEDED" if body in BAD_DOCUMENTS[-3:] else "GRAPHQL_ERROR")
    old = await post(http, body, Accept=OLD)
    assert old.status_code == httpx.codes.OK
    assert code_of(old) == code_of(new)


BAD_REQUESTS: list[bytes] = [
    b"",
    b"not json",
    b"{",
    b'{"query": "{ apiVersion }"',
    b"null",
    b'"{ apiVersion }"',
    b'[{"query": "{ apiVersion }"}]',
    b"{}",
    b'{"query": null}',
    b'{"query": 1}',
    b'{"query": ["{ apiVersion }"]}',
    b'{"query": "{ apiVersion }", "variables": []}',
    b'{"query": "{ apiVersion }", "variables": "{}"}',
    b'{"query": "{ apiVersion }", "variables": 0}',
    b'{"query": "{ apiVersion }", "operationName": 1}',
    b'{"query": "{ apiVersion }", "operationName": {}}',
    b'{"query": "{ apiVersion }", "extensions": []}',
    b'{"query": "{ apiVersion }", "extensions": "x"}',
    '{"query": "{ apiVersion } # 中"}'.encode("gb18030"),
    b'{"variables": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"query": "{ apiVersion }", "variables": {"n": ' + b"1" * 5000 + b"}}",
    b'{"query": "query ($n: Int) { assessments(first: $n) { edges { cursor } } }", "variables": {"n": Infinity}}',
    b'{"query": "{ apiVersion }", "variables": {"n": NaN}}',
    # What no database stores: NUL, and one half of a pair.
    b'{"query": "query ($a: String) { apiVersion }", "variables": {"a": "\\u0000"}}',
    b'{"query": "query ($a: String) { apiVersion }", "variables": {"a": ["\\ud800"]}}',
    b'{"query": "query ($a: String) { apiVersion }", "variables": {"\\uDFFF": 1}}',
    b'{"query": "{ node(id: \\"\\\\u0000\\") { id } }"}',
    b'{"query": "{ node(id: \\"\\\\u{00}\\") { id } }"}',
    '{"query": "{ apiVersion }"}'.encode("utf-16"),
]


@pytest.mark.parametrize("body", BAD_REQUESTS, ids=range(len(BAD_REQUESTS)))
async def test_what_is_no_request(http: httpx.AsyncClient, body: bytes) -> None:
    for accept in (NEW, OLD):
        response = await post(http, body, Accept=accept)
        assert response.status_code == httpx.codes.BAD_REQUEST, response.text
        assert response.headers["content-type"].startswith(accept)
        assert code_of(response) == ("LIMIT_EXCEEDED" if body.startswith(b"[") else "BAD_REQUEST")


async def test_an_emoji_as_a_pair_and_a_backslash_before_a_u_are_text(http: httpx.AsyncClient) -> None:
    for value in (rb"\ud83d\ude00", rb"\\ud800", rb"\\u0000"):
        body = b'{"query": "query ($a: ID!) { node(id: $a) { id } }", "variables": {"a": "' + value + b'"}}'
        response = await post(http, body)
        # Read as text, it is no id; and nobody who has not logged in is told so.
        assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED", value


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "text/plain; application/json",
        "application/graphql",
        "",
        "application/json; charset=gb18030",
    ],
)
async def test_content_types_that_a_foreign_page_could_send_or_nobody_reads(
    http: httpx.AsyncClient, content_type: str
) -> None:
    response = await http.post("/graphql", content=json.dumps(QUERY), headers={"Content-Type": content_type})
    assert response.status_code == httpx.codes.UNSUPPORTED_MEDIA_TYPE
    assert code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", 'application/json;charset="UTF-8"', "APPLICATION/JSON"]
)
async def test_json_is_json_however_it_is_spelt(http: httpx.AsyncClient, content_type: str) -> None:
    response = await http.post("/graphql", content=json.dumps(QUERY), headers={"Content-Type": content_type})
    assert response.status_code == httpx.codes.OK


async def test_a_body_too_large(http: httpx.AsyncClient) -> None:
    fitting = json.dumps(QUERY).encode()
    assert (await post(http, fitting + b" " * (BODY_MAXIMUM - len(fitting)))).status_code == httpx.codes.OK
    response = await post(http, fitting + b" " * (BODY_MAXIMUM - len(fitting) + 1))
    assert response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
    assert response.json()["errors"][0]["extensions"] == {
        "code": "LIMIT_EXCEEDED",
        "limit": "bodyBytes",
        "most": BODY_MAXIMUM,
    }


async def test_a_get_is_no_way_to_ask(http: httpx.AsyncClient) -> None:
    for path in ("/graphql", "/graphql?query={apiVersion}", "/graphql?query=mutation{ping}"):
        response = await http.get(path, headers={"Accept": OLD})
        assert response.status_code == httpx.codes.METHOD_NOT_ALLOWED
        assert response.headers["allow"] == "POST"
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await http.request(method, "/graphql")).status_code == httpx.codes.METHOD_NOT_ALLOWED


async def test_introspection_answers(http: httpx.AsyncClient) -> None:
    body = {"query": "{ __schema { queryType { name } mutationType { name } subscriptionType { name } } }"}
    assert (await post(http, body)).json() == {
        "data": {
            "__schema": {
                "queryType": {"name": "Query"},
                "mutationType": {"name": "Mutation"},
                "subscriptionType": {"name": "Subscription"},
            }
        }
    }


async def test_an_error_says_where(http: httpx.AsyncClient) -> None:
    response = await post(http, {"query": "query {\n  viewer { name }\n  apiVersion\n}"}, Accept=NEW)
    assert response.status_code == httpx.codes.OK
    body = response.json()
    assert body["errors"] == [
        {
            "message": "请先登录。",
            "extensions": {"code": "UNAUTHENTICATED"},
            "locations": [{"line": 2, "column": 3}],
            "path": ["viewer"],
        }
    ]


@pytest.mark.parametrize(
    ("accept_language", "message"),
    [
        ("", "请先登录。"),
        ("en", "Log in first."),
        ("en-GB,en;q=0.9,zh;q=0.1", "Log in first."),
        ("zh-CN,zh;q=0.9,en;q=0.8", "请先登录。"),
        ("fr", "请先登录。"),
        ("fr, en;q=0.1", "Log in first."),
        ("en;q=0, zh", "请先登录。"),
        ("en;q=nonsense", "请先登录。"),
        ("*", "请先登录。"),
        (",;q=,,", "请先登录。"),
    ],
)
async def test_messages_follow_the_language_and_codes_do_not(
    http: httpx.AsyncClient, accept_language: str, message: str
) -> None:
    response = await post(http, {"query": "{ viewer { name } }"}, Accept_Language=accept_language)
    error = response.json()["errors"][0]
    assert (error["message"], error["extensions"]["code"]) == (message, "UNAUTHENTICATED")
