"""A real server in production settings, attacked over its socket: graphql-cop's checks, and bombs of our own.

graphql-cop is no package that could be installed (the name in the index is a placeholder), so that each of its twelve
checks is asked here with its own question and judged by its own condition (its release 1.15).
"""

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from tests.web.endpoint import Answer, Endpoint, read_answer, seconds_until_closed, serving

from dingkao.testing.databases import SQLiteDatabases

VERSION = {"query": "{ apiVersion }"}
LOG_IN = "mutation ($n: String!) { logIn(input: {documentNumber: $n, password: $n}) { __typename } }"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SQLiteDatabases) -> Iterator[Endpoint]:
    folder = tmp_path_factory.mktemp("endpoint")
    with sqlite_databases.fresh() as url, serving(folder, url, {}) as endpoint:
        yield endpoint
        # After all of it, the server still serves.
        assert endpoint.post(VERSION).json["data"]["apiVersion"]


def over(answer: Answer) -> str:
    """The limit that the answer's one error names, with its value; nothing was executed."""
    extensions = answer.extensions
    assert "data" not in answer.json
    assert extensions["code"] == "LIMIT_EXCEEDED"
    assert isinstance(extensions["most"], int | float)
    return str(extensions["limit"])


# graphql-cop


def test_cop_field_suggestions(endpoint: Endpoint) -> None:
    for query in ("query cop { __schema { directive } }", "{ viewr { name } }", '{ node(idd: "1") { id } }'):
        assert b"Did you mean" not in endpoint.ask(query).body


def test_cop_introspection(endpoint: Endpoint) -> None:
    assert "data" not in endpoint.ask("query cop { __schema { types { name fields { name } } } }").json
    assert "data" not in endpoint.ask('query cop { __type(name: "Doctor") { name } }').json


def test_cop_explorer(endpoint: Endpoint) -> None:
    for path in ("/", "/graphiql", "/playground", "/console", "/graphql", "/explorer/assets/explorer.js"):
        answer = endpoint.request("GET", path, {"Accept": "text/html"})
        assert answer.status in (404, 405)
        for word in (b"graphiql", b"graphql playground", b"graphql-playground"):
            assert word not in answer.body.lower()


@pytest.mark.parametrize("word", ["query", "mutation"])
def test_cop_get_query_and_get_mutation(endpoint: Endpoint, word: str) -> None:
    answer = endpoint.request("GET", f"/graphql?query={quote(word + ' cop { __typename }')}")
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"
    assert b"__typename" not in answer.body


def test_cop_alias_overloading(endpoint: Endpoint) -> None:
    aliases = " ".join(f"alias{number}: __typename" for number in range(101))
    assert over(endpoint.ask(f"query cop {{ {aliases} }}")) == "aliases"


def test_cop_batches(endpoint: Endpoint) -> None:
    answer = endpoint.post([{"query": "query cop { __typename }"}] * 10)
    assert (answer.status, over(answer)) == (400, "operations")


def test_cop_trace_mode_and_unhandled_errors(endpoint: Endpoint) -> None:
    for query in ("query cop { __typename }", "qwerty cop { abc }", "query cop { abc }"):
        body = endpoint.ask(query).body.lower()
        for word in (b"tracing", b"stacktrace", b"exception", b"traceback", b".py"):
            assert word not in body


def test_cop_directive_overloading(endpoint: Endpoint) -> None:
    # The check takes ten errors for ten directives as a hit: one sentence is said once.
    answer = endpoint.ask("query cop { __typename " + "@aa" * 10 + " }")
    assert len(answer.json["errors"]) == 1
    assert over(endpoint.ask("query cop { __typename " + "@aa" * 11 + " }")) == "directives"


def test_cop_circular_introspection(endpoint: Endpoint) -> None:
    circle = "fields { type { " * 4 + "name" + " } }" * 4
    assert "data" not in endpoint.ask(f"query cop {{ __schema {{ types {{ {circle} }} }} }}").json


@pytest.mark.parametrize(
    "media_type", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""]
)
def test_cop_what_a_form_can_send(endpoint: Endpoint, media_type: str) -> None:
    # What a foreign page can make a browser send without asking first, with the session of whoever looks at it.
    headers = {"Content-Type": media_type} if media_type else {}
    for body in (b"query=query%20cop%20%7B__typename%7D", json.dumps(VERSION).encode()):
        answer = endpoint.request("POST", "/graphql?query=query%20cop%20%7B__typename%7D", headers, body)
        assert (answer.status, answer.extensions["code"]) == (415, "BAD_REQUEST")


def test_cop_field_duplication(endpoint: Endpoint) -> None:
    assert over(endpoint.ask("query cop { " + "__typename \n" * 500 + "}")) in ("fields", "rootFields")


# Bombs in documents


def test_alias_bombs_through_nested_fragments(endpoint: Endpoint) -> None:
    bomb = "query { ...F0 }"
    for level in range(30):
        inner = f"...F{level + 1} " * 10 if level < 29 else " ".join(f"a{number}: apiVersion" for number in range(10))
        bomb += f" fragment F{level} on Query {{ {inner} }}"
    assert over(endpoint.ask(bomb)) == "aliases"


def test_password_attempts_in_one_request(endpoint: Endpoint) -> None:
    tries = " ".join(
        f'a{number}: logIn(input: {{documentNumber: "1", password: "{number}"}}) {{ __typename }}'
        for number in range(5)
    )
    assert over(endpoint.ask(f"mutation {{ {tries} }}")) == "authentication"


@pytest.mark.parametrize(
    "query",
    [
        "{ node(id: " + "[" * 900 + "]" * 900 + ") { id } }",
        "{ node(id: " + "{a: " * 400 + "1" + "}" * 400 + ") { id } }",
        "{ " + "... { " * 900 + "apiVersion" + " }" * 900 + " }",
        "query ($a: " + "[" * 900 + "Int" + "]" * 900 + ") { apiVersion }",
        "{ " + "[" * 300_000,
    ],
    ids=["lists", "objects", "inline fragments", "types", "never closed"],
)
def test_brackets_in_each_other(endpoint: Endpoint, query: str) -> None:
    assert over(endpoint.ask(query)) == "nesting"


def test_numbers_of_thousands_of_digits(endpoint: Endpoint) -> None:
    number = "9" * 5000
    assert over(endpoint.ask(f"{{ assessments(first: {number}) {{ edges {{ cursor }} }} }}")) == "digits"
    for literal in ("1e999999", "-1.7976931348623157e309", "99999999999999999999", "2147483648"):
        answer = endpoint.ask(f"{{ assessments(first: {literal}) {{ edges {{ cursor }} }} }}")
        assert answer.extensions["code"] == "GRAPHQL_ERROR"
    query = "query ($n: Int) { assessments(first: $n) { edges { cursor } } }"
    for variable in (b"9" * 4000, b"1e999999", b"-1e999999", b"2147483648"):
        body = b'{"query": "' + query.encode() + b'", "variables": {"n": ' + variable + b"}}"
        answer = endpoint.post(body)
        assert answer.extensions["code"] == "GRAPHQL_ERROR"
        assert len(answer.body) < 1000, "what was sent is not sent back"
    for nothing in (b"9" * 5000, b"NaN", b"Infinity", b"-Infinity"):
        body = b'{"query": "' + query.encode() + b'", "variables": {"n": ' + nothing + b"}}"
        assert endpoint.post(body).extensions["code"] == "BAD_REQUEST"


def test_fragments_that_spread_each_other(endpoint: Endpoint) -> None:
    query = "query { ...A } fragment A on Query { ...B } fragment B on Query { ...A }"
    assert {error["extensions"]["code"] for error in endpoint.ask(query).json["errors"]} == {"GRAPHQL_ERROR"}


def test_many_errors_are_not_all_told(endpoint: Endpoint) -> None:
    answer = endpoint.ask("{ " + " ".join(f"viewer {{ no{number} }}" for number in range(10)) + " }")
    assert len(answer.json["errors"]) <= 21
    answer = endpoint.ask("{ viewer { " + " ".join(f"no{number}" for number in range(390)) + " } }")
    assert len(answer.json["errors"]) <= 21


# Texts that a database refuses


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "\udfff\ud800"])
def test_texts_that_cannot_be_stored(endpoint: Endpoint, text: str) -> None:
    answer = endpoint.ask(LOG_IN, {"n": text})
    assert (answer.status, answer.extensions["code"]) == (400, "BAD_REQUEST")
    assert "NUL" in answer.json["errors"][0]["message"]


def test_nul_escaped_in_the_document(endpoint: Endpoint) -> None:
    for escape in ("\\u0000", "\\u{0}", "\\u{000000}"):
        answer = endpoint.ask(f'{{ node(id: "{escape}") {{ id }} }}')
        assert answer.extensions["code"] in ("BAD_REQUEST", "GRAPHQL_ERROR")


def test_a_text_of_a_megabyte(endpoint: Endpoint) -> None:
    answer = endpoint.ask(LOG_IN, {"n": "医" * 170_000})
    assert answer.status == 200
    assert "errors" in answer.json or answer.json["data"]["logIn"]["__typename"] == "ValidationProblem"
    assert len(answer.body) < 2000


# Bodies


def test_deep_json(endpoint: Endpoint) -> None:
    for body in (b"[" * 200_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000):
        answer = endpoint.post(body)
        assert (answer.status, answer.extensions["code"]) == (400, "BAD_REQUEST")
    deep: object = 1
    for _ in range(800):
        deep = {"documentNumber": deep}
    query = "mutation ($i: LogInInput!) { logIn(input: $i) { __typename } }"
    errors = endpoint.ask(query, {"i": deep}).json["errors"]
    assert {error["extensions"]["code"] for error in errors} == {"GRAPHQL_ERROR"}


def test_a_body_over_its_size(endpoint: Endpoint) -> None:
    body = json.dumps({**VERSION, "variables": {"a": "x" * 1024 * 1024}}).encode()
    answer = endpoint.post(body)
    assert (answer.status, over(answer)) == (413, "bodyBytes")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "x-unknown"])
def test_encoded_bodies(endpoint: Endpoint, encoding: str) -> None:
    answer = endpoint.post(b"\x1f\x8b\x08\x00", **{"Content-Encoding": encoding})
    assert (answer.status, answer.extensions["code"]) == (415, "BAD_REQUEST")


def head(*lines: str) -> bytes:
    return "\r\n".join(
        ["POST /graphql HTTP/1.1", "Host: dingkao.example", "Content-Type: application/json", *lines, "", ""]
    ).encode()


def test_a_length_that_is_not_true(endpoint: Endpoint) -> None:
    body = json.dumps(VERSION).encode()
    short = endpoint.send(head(f"Content-Length: {len(body) - 5}") + body)
    assert short.status == 400
    long = endpoint.send(head(f"Content-Length: {len(body) + 5}") + body)
    assert (long.status, over(long)) == (408, "bodySeconds")


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: -1",),
        ("Content-Length: 99999999999999999999999",),
        ("Content-Length: 26", "Content-Length: 27"),
        ("Content-Length: 26", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: gzip, chunked, identity",),
        ("Bad Header: 1",),
        ("Content-Length : 26",),
    ],
    ids=str,
)
def test_heads_that_proxies_understand_differently(endpoint: Endpoint, lines: tuple[str, ...]) -> None:
    # Request smuggling begins where two servers disagree about where a request ends.
    with endpoint.connection() as connection:
        connection.sendall(head(*lines) + json.dumps(VERSION).encode())
        answer = read_answer(connection)
        assert answer.status in (400, 408), answer.body


def test_chunks_without_end(endpoint: Endpoint) -> None:
    with endpoint.connection() as connection:
        connection.sendall(head("Transfer-Encoding: chunked"))
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        try:
            for _ in range(40):
                connection.sendall(chunk)
        except OSError:
            return  # given up already
        answer = read_answer(connection)
        assert (answer.status, over(answer)) == (413, "bodyBytes")
    trickled = endpoint.send(head("Transfer-Encoding: chunked") + b'1\r\n{\r\n1\r\n"\r\n')
    assert (trickled.status, over(trickled)) == (408, "bodySeconds")
    broken = endpoint.send(head("Transfer-Encoding: chunked") + b"zzz\r\n{}\r\n0\r\n\r\n")
    assert broken.status == 400


# Slowness


def test_a_head_that_does_not_come(endpoint: Endpoint) -> None:
    for begun in (b"", b"POST /graphql HTTP/1.1\r\nHost: dingkao.exam", b"\r\n\r\n"):
        with endpoint.connection() as connection:
            connection.sendall(begun)
            answer = read_answer(connection)
            assert (answer.status, over(answer)) == (408, "headSeconds")
            assert seconds_until_closed(connection) < 5


def test_a_second_head_that_does_not_come(endpoint: Endpoint) -> None:
    body = json.dumps(VERSION).encode()
    with endpoint.connection() as connection:
        connection.sendall(head(f"Content-Length: {len(body)}") + body)
        assert read_answer(connection).json["data"]["apiVersion"]
        connection.sendall(b"POST /graphql HTTP/1.1\r\nX-Slow: ")
        answer = read_answer(connection)
        assert (answer.status, over(answer)) == (408, "headSeconds")


def test_a_head_that_is_too_large(endpoint: Endpoint) -> None:
    for filler in (b"X-A: " + b"a" * 40_000, b"".join(b"X-%d: a\r\n" % number for number in range(6_000))):
        answer = endpoint.send(b"POST /graphql HTTP/1.1\r\nHost: dingkao.example\r\n" + filler)
        assert (answer.status, over(answer)) == (431, "headBytes")


def test_a_body_that_nobody_waits_for(endpoint: Endpoint) -> None:
    # Answered at once, and then a body that never ends: the connection is closed none the less.
    with endpoint.connection(20) as connection:
        connection.sendall(b"POST /healthz HTTP/1.1\r\nHost: dingkao.example\r\nContent-Length: 1000000\r\n\r\n")
        assert read_answer(connection).status == 405
        assert seconds_until_closed(connection) < 15


# Uploads


def test_uploads_that_are_slow_or_wrong(endpoint: Endpoint) -> None:
    part = (
        b"--x\r\n"
        b'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n' + b"\xff\xd8\xff" + b"\r\n--x--\r\n"
    )
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    for headers in ({}, form, {**form, "Authorization": "Bearer x"}):
        answer = endpoint.request("POST", "/files", headers, part)
        assert (answer.status, answer.json["errors"][0]["code"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "path",
    [
        *("/files/%00", "/files/..%2f..%2fetc%2fpasswd", "/files/%ff", "/documents/%00.pdf"),
        *("/check/%00", "/check/" + "a" * 9000, "/graphql/", "//graphql", "/%2e%2e/graphql"),
        "/documents/x.pdf?signature=%C3%A9&expires=" + "9" * 5000,
        "/files/RmlsZTox?account=%00&signature=%C3%A9&expires=" + "9" * 5000,
        "/files/RmlsZTox?account=QWNjb3VudDox&expires=9999999999&signature=" + "0" * 64,
    ],
)
def test_paths_that_lead_nowhere(endpoint: Endpoint, path: str) -> None:
    answer = endpoint.request("GET", path)
    assert answer.status in (401, 403, 404)
    assert "location" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
