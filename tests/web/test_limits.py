"""What one operation may ask for: every documented one may; bombs of each kind are refused, and say which limit."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import Lexer, Source, TokenKind, get_introspection_query, parse, validate
from starlette.applications import Starlette
from tests.web.asking import schema

from dingkao.settings import Settings
from dingkao.testing.asking import deep_selection
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import build_sample
from dingkao.testing.web import Client, running_app, token_for
from dingkao.web.limits import (
    _SENTENCES,
    MOST_NESTING,
    Limits,
    Most,
    _Measure,
    limit_error,
    nesting_problem,
)
from dingkao.web.operations import load_operations

MOST = Most.by_default()


async def refused(client: Client, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    """The extensions of the one error of an operation that was not begun."""
    answer = await client.post(query, variables)
    assert set(answer) == {"errors"}, answer
    (error,) = answer["errors"]
    assert isinstance(error["extensions"], dict)
    return dict(error["extensions"])


@pytest.mark.parametrize("operation", load_operations(), ids=lambda operation: operation.name)
def test_every_documented_operation_is_within_the_limits(operation: Any) -> None:
    document = parse(operation.text)
    limits = Limits(schema(), frozenset({"logIn"}))
    assert limits.problem(document) is None
    assert not limits.may_cost_too_much(document, document.definitions[0])  # type: ignore[arg-type]


def measured(text: str) -> dict[str, int]:
    """What a document comes to, with the longest pages that it may ask for."""
    document = parse(text)
    operation: Any = document.definitions[0]
    size = _Measure(schema(), document, frozenset(), None).operation(operation)
    lexer, tokens = Lexer(Source(text)), 0
    while lexer.advance().kind is not TokenKind.EOF:
        tokens += 1
    return {**{limit: getattr(size, limit) for limit in ("depth", "cost", "aliases", "directives", "fields")},
            "rootFields": size.roots, "tokens": tokens}  # fmt: skip


def test_what_documented_operations_need_is_told_as_it_is() -> None:
    sizes = [measured(operation.text) for operation in load_operations()]
    needed = {limit: max(size[limit] for size in sizes) for limit in sizes[0]}
    page = (Path(__file__).parents[2] / "docs" / "operators" / "running.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \|.*\| ([\d,]+) \|$", page, re.MULTILINE)
    assert {limit: int(most.replace(",", "")) for limit, most in told} == needed


# By setting: an operation that its least value refuses, and its default lets through.
TIGHTER: list[tuple[str, int, str, str]] = [
    ("query_depth", 4, "depth", "{ viewer { assessment { result { assessment { id } } } } }"),
    ("query_aliases", 1, "aliases", "{ a: apiVersion b: apiVersion }"),
    ("query_root_fields", 1, "rootFields", "{ apiVersion viewer { name } }"),
    ("query_directives", 0, "directives", "{ apiVersion @skip(if: false) }"),
    ("query_fields", 100, "fields", "{ viewer { " + "name " * 100 + "} }"),
]


def test_every_limit_is_a_setting() -> None:
    tight = Most.of(Settings(_env_file=None, **{name: value for name, value, _, _ in TIGHTER}))  # type: ignore[call-arg, arg-type]
    for name, value, limit, text in TIGHTER:
        only = replace(MOST, **{name.removeprefix("query_"): value})
        problem = Limits(schema(), most=only).problem(parse(text))
        assert problem is not None
        assert problem.extensions == {"code": "LIMIT_EXCEEDED", "limit": limit, "most": value}
        assert Limits(schema()).problem(parse(text)) is None
        assert getattr(tight, name.removeprefix("query_")) == value


async def test_tokens_bytes_and_logins_are_settings_too(settings: Settings, clock: SettableClock) -> None:
    changed = settings.model_copy(update={"query_tokens": 500, "body_bytes": 65_536, "query_authentications": 2})
    async with running_app(changed, clock) as app:
        client = Client(app)
        found = await refused(client, "{ viewer { " + "name " * 500 + "} }")
        assert found == {"code": "LIMIT_EXCEEDED", "limit": "tokens", "most": 500}
        found = await refused(client, "{ apiVersion } #" + "x" * 65_536)
        assert found == {"code": "LIMIT_EXCEEDED", "limit": "bodyBytes", "most": 65_536}
        login = 'logIn(input: {documentNumber: "1", password: "1"}) { __typename }'
        found = await refused(client, f"mutation {{ a: {login} b: {login} c: {login} }}")
        assert found == {"code": "LIMIT_EXCEEDED", "limit": "authentication", "most": 2}


def test_every_refusal_has_the_code_and_says_the_limit() -> None:
    for limit, sentence in _SENTENCES.items():
        error = limit_error(limit, 4321, 1234)
        assert error.extensions == {"code": "LIMIT_EXCEEDED", "limit": limit, "most": 1234}
        # What was asked for too, where it was counted to the end.
        assert "1234" in error.message, limit
        assert ("4321" in error.message) == ("{found}" in sentence)
    # One of a billion and more is not written out.
    assert "more than a billion" in limit_error("cost", 10**40, 10_000).message


async def test_the_explorers_introspection_is_within_the_limits(app: Starlette) -> None:
    answer = await Client(app).post(get_introspection_query())
    assert "errors" not in answer
    assert answer["data"]["__schema"]["types"]


@pytest.mark.parametrize(
    ("query", "limit", "most"),
    [
        ("{ " + " ".join(f"a{n}: apiVersion" for n in range(MOST.aliases + 1)) + " }", "aliases", MOST.aliases),
        ("{ " + "apiVersion " * (MOST.root_fields + 1) + "}", "rootFields", MOST.root_fields),
        ("{ apiVersion " + "@skip(if: false) " * (MOST.directives + 1) + "}", "directives", MOST.directives),
        ("{ viewer { " + "name " * 500 + "} }", "fields", MOST.fields),
        (
            "{ viewer { assessment { " + "result { assessment { " * 8 + "id" + " } }" * 8 + " } } }",
            "depth",
            MOST.depth,
        ),
        (
            'mutation { a: logIn(input: {documentNumber: "1", password: "1"}) { __typename } '
            'logIn(input: {documentNumber: "1", password: "2"}) { __typename } }',
            "authentication",
            1,
        ),
        (
            'mutation { ...A ...B } fragment A on Mutation { logIn(input: {documentNumber: "1", password: "1"}) '
            "{ __typename } } fragment B on Mutation { sendPhoneCode(input: {}) { __typename } }",
            "authentication",
            1,
        ),
    ],
    ids=["aliases", "root fields", "directives", "the same field 500 times", "depth", "passwords", "two ways in"],
)
async def test_over_a_limit(app: Starlette, query: str, limit: str, most: int) -> None:
    assert await refused(Client(app), query) == {"code": "LIMIT_EXCEEDED", "limit": limit, "most": most}


async def test_an_alias_bomb_through_nested_fragments_is_counted_where_it_is_spread(app: Starlette) -> None:
    # Each fragment spreads the next one ten times: 10^30 aliases in a few hundred tokens.
    bomb = "query { viewer { ...F0 } }"
    for level in range(30):
        spreads = f"...F{level + 1} " * 10 if level < 29 else " ".join(f"a{n}: name" for n in range(10))
        bomb += f" fragment F{level} on Viewer {{ {spreads} }}"
    found = await refused(Client(app), bomb)
    assert found == {"code": "LIMIT_EXCEEDED", "limit": "aliases", "most": MOST.aliases}


async def test_fragments_that_spread_each_other_are_refused_and_end(app: Starlette) -> None:
    query = "query { viewer { ...A } } fragment A on Viewer { ...B } fragment B on Viewer { ...A }"
    assert (await refused(Client(app), query))["code"] == "GRAPHQL_ERROR"


async def test_too_many_tokens_are_not_parsed(app: Starlette) -> None:
    query = "{ " + "apiVersion " * MOST.tokens + "}"
    found = await refused(Client(app), query)
    assert found == {"code": "LIMIT_EXCEEDED", "limit": "tokens", "most": MOST.tokens}


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (
            "query Q($first: Int!) { assessments(first: $first) { edges { node { id papers { id attempts { id } } "
            "reviews { reason } education { id } practiceHistory { id } } } } }",
            {"first": 100},
        ),
        (
            "query Q($first: Int = 100) { assessments(first: $first) { edges { node { id papers { id attempts { id } } "
            "reviews { reason } education { id } practiceHistory { id } } } } }",
            {},
        ),
        (
            "{ assessments(first: 100) { edges { node { id papers { id attempts { id } } "
            "reviews { reason } education { id } practiceHistory { id } } } } }",
            {},
        ),
    ],
    ids=["variable", "default of the variable", "literal"],
)
async def test_lists_in_lists_cost_what_they_multiply_to(
    app: Starlette, query: str, variables: dict[str, Any], settings: Settings, clock: SettableClock
) -> None:
    small = settings.model_copy(update={"query_cost": 1000})
    async with running_app(small, clock) as other:
        client = Client(other)
        found = await refused(client, query, variables)
        assert found == {"code": "LIMIT_EXCEEDED", "limit": "cost", "most": 1000}
        # The same document with a short page goes through, to the next refusal.
        if "$first" in query:
            answer = await client.post(query, {"first": 1})
            assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_a_page_costs_its_length_and_no_more() -> None:
    limits = Limits(schema())
    document = parse("query Q($n: Int) { assessments(first: $n) { edges { cursor } pageInfo { hasNextPage } } }")
    operation: Any = document.definitions[0]
    costs = [limits._cost(document, operation, {"n": n}) for n in (1, 2, 50, 100, 1000, -5, None)]
    # What is said of the page as a whole is said once.
    assert [cost - costs[0] for cost in costs] == [0, 3, 49 * 3, 99 * 3, 99 * 3, 0, 0]


@pytest.mark.parametrize("name", ["sitting", "sittingChanged"])
def test_an_invigilators_whole_view_of_one_page_is_within_the_limits(name: str) -> None:
    of = schema()
    roots = {**of.query_type.fields, **of.subscription_type.fields}  # type: ignore[union-attr]
    required = {"cycleId": "1", "bodyId": "1", "subject": "HUMANITIES"}
    given = ", ".join(f"{key}: {value if key == 'subject' else repr(value)}" for key, value in required.items())
    kind = "query" if name in of.query_type.fields else "subscription"  # type: ignore[union-attr]
    text = f"{kind} {{ {name}({given.replace(chr(39), chr(34))}) {deep_selection(roots[name])} }}"
    document = parse(text)
    assert validate(of, document) == []
    limits = Limits(of)
    assert limits.problem(document) is None
    operation: Any = document.definitions[0]
    assert limits.cost_problem(document, operation, {}) is None
    for field in ("flags", "captures", "verdicts"):
        assert f"{field} {{" in text


@pytest.fixture
async def closed(settings: Settings, clock: SettableClock) -> AsyncIterator[Starlette]:
    """A server in production: no explorer."""
    async with running_app(settings.model_copy(update={"explorer": False}), clock) as app:
        yield app


async def test_without_the_explorer_nobody_asks_what_there_is(closed: Starlette) -> None:
    client = Client(closed)
    for query in ("{ __schema { queryType { name } } }", '{ __type(name: "Doctor") { name } }'):
        answer = await client.post(query)
        assert "introspection" in answer["errors"][0]["message"].lower()
        assert "data" not in answer
    for query in ("{ viewr }", "{ viewer { nam } }", '{ node(idd: "1") { id } }'):
        answer = await client.post(query)
        assert "Did you mean" not in json.dumps(answer)
    # The type's name alone is no introspection: clients need it.
    assert (await client.post("{ __typename }"))["data"] == {"__typename": "Query"}


async def test_with_the_explorer_names_are_suggested(app: Starlette) -> None:
    assert "Did you mean 'viewer'" in (await Client(app).post("{ viewr }"))["errors"][0]["message"]


async def test_introspection_has_a_setting_of_its_own(settings: Settings, clock: SettableClock) -> None:
    async with running_app(settings.model_copy(update={"explorer": False, "introspection": True}), clock) as app:
        assert (await Client(app).post("{ __schema { queryType { name } } }"))["data"]


async def test_a_body_that_does_not_come_is_given_up(settings: Settings, clock: SettableClock) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield b'{"query": '
        await asyncio.Event().wait()

    async with running_app(settings.model_copy(update={"body_seconds": 0.1}), clock) as app:
        response = await Client(app).http.post(
            "/graphql", content=trickle(), headers={"Content-Type": "application/json"}
        )
    assert response.status_code == httpx.codes.REQUEST_TIMEOUT
    assert response.json()["errors"][0]["extensions"] == {
        "code": "LIMIT_EXCEEDED",
        "limit": "bodySeconds",
        "most": 0.1,
    }


async def test_a_query_that_takes_too_long_is_given_up(settings: Settings, clock: SettableClock) -> None:
    async with running_app(settings.model_copy(update={"query_seconds": 1e-6}), clock) as app:
        province = await build_sample(app.state.environment)
        doctor = await province.add_doctor(password_hash="unused")
        token = await token_for(app.state.environment, doctor.caller.account_id)
        answer = await Client(app, token).post("{ viewer { assessment { id } } }")
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == "TIMEOUT"


async def test_origins_of_the_list_and_no_others(settings: Settings, clock: SettableClock) -> None:
    listed = settings.model_copy(update={"cors_origins": ("https://client.example",)})
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    async with running_app(listed, clock) as app:
        http = Client(app).http
        good = await http.options("/graphql", headers={"Origin": "https://client.example", **asked})
        bad = await http.options("/graphql", headers={"Origin": "https://other.example", **asked})
    assert good.headers["access-control-allow-origin"] == "https://client.example"
    assert "access-control-allow-credentials" not in good.headers
    assert "access-control-allow-origin" not in bad.headers
    assert bad.status_code == httpx.codes.BAD_REQUEST


async def test_without_a_list_no_other_origin_is_let_in(app: Starlette) -> None:
    response = await Client(app).http.post(
        "/graphql", json={"query": "{ apiVersion }"}, headers={"Origin": "https://client.example"}
    )
    assert "access-control-allow-origin" not in response.headers


def test_brackets_of_texts_and_comments_do_not_count() -> None:
    brackets = "[" * (MOST_NESTING + 1)
    harmless = f'{{ a(b: "{brackets}\\"{brackets}", c: """{brackets}"\\"""{brackets}""") # {brackets}\n }}'
    assert nesting_problem(harmless, MOST.tokens) is None
    assert nesting_problem("{ " * MOST_NESTING + "a" + " }" * MOST_NESTING, MOST.tokens) is None
    found = nesting_problem(harmless + brackets, MOST.tokens)
    assert found is not None
    assert found.extensions == {"code": "LIMIT_EXCEEDED", "limit": "nesting", "most": MOST_NESTING}
