"""What is refused repeats nobody's number: every operation of the schema is asked with personal numbers in every place,
and the answer is searched for them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import cycle
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
)

from dingkao.doctors.made_up import (
    made_up_document_number,
    made_up_phone,
    made_up_practice_number,
    made_up_qualification_number,
)
from dingkao.doctors.roster import COLUMNS, RosterLine, read_roster
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import Sex
from dingkao.settings import Settings
from dingkao.testing.asking import SCALARS, root_fields, schema_of
from dingkao.testing.clock import SettableClock
from dingkao.testing.databases import SQLiteDatabases
from dingkao.testing.sample import build_sample
from dingkao.testing.web import Client, running_app, token_for

DOCUMENT = made_up_document_number(77, date(1980, 5, 17), Sex.MALE)
PHONE = made_up_phone(1234567)
PRACTICE = made_up_practice_number(77)
QUALIFICATION = made_up_qualification_number(DOCUMENT, 2012)
# Nobody's: a passport, and a permit of Hong Kong.
PASSPORT, PERMIT = "E00000077", "H0000007700"
# As people give them: right, and with a mistake that makes each one refused and leaves it readable.
NUMBERS = (
    DOCUMENT, f"{DOCUMENT[:-1]}{'1' if DOCUMENT[-1] != '1' else '2'}", PHONE, f"{PHONE}0000", PRACTICE, f"{PRACTICE}0",
    QUALIFICATION, f"{QUALIFICATION[:-1]}?", PASSPORT, PERMIT,
)  # fmt: skip
# Long enough a part of any of them to be one.
PARTS = (DOCUMENT[6:16], PHONE, PRACTICE[5:], PASSPORT, PERMIT)


def repeated(text: str) -> list[str]:
    return [part for part in PARTS if part in text]


class Filling:
    """Values for arguments: numbers of persons in every text; where `misfit`, in every other place too."""

    def __init__(self, ids: Mapping[str, str], *, misfit: bool) -> None:
        self._ids = ids
        self._misfit = misfit
        self._numbers = cycle(NUMBERS)

    def value(self, kind: GraphQLInputType, name: str) -> Any:
        if isinstance(kind, GraphQLNonNull):
            return self.value(kind.of_type, name)
        if isinstance(kind, GraphQLList):
            return [self.value(kind.of_type, name)]
        if isinstance(kind, GraphQLInputObjectType):
            if any(directive.name.value == "oneOf" for directive in getattr(kind.ast_node, "directives", None) or ()):
                key, only = next(iter(kind.fields.items()))
                return {key: self.value(only.type, key)}
            return {key: self.value(field.type, key) for key, field in kind.fields.items()}
        if self._misfit:
            return next(self._numbers) if kind.name != "String" else int(PHONE)
        if isinstance(kind, GraphQLEnumType):
            return next(iter(kind.values))
        if kind.name == "ID":
            return self._ids.get(name, next(self._numbers))
        return SCALARS.get(kind.name) or next(self._numbers)


def sentences(kind: Any) -> str:
    """Everything in an answer that is said to people: of problems, of refused lines, wherever it stands."""
    parts = ["__typename"]
    if isinstance(kind, GraphQLUnionType):
        for member in kind.types:
            parts.append(f"... on {member.name} {{ {sentences(member)} }}")
    elif isinstance(kind, GraphQLObjectType):
        if "message" in kind.fields:
            parts += ["code message"] if "code" in kind.fields else ["message"]
        for name, field in kind.fields.items():
            named = get_named_type(field.type)
            if isinstance(named, GraphQLObjectType) and "message" in named.fields and not field.args:
                inner = [key for key in ("path", "line", "code", "message") if key in named.fields]
                parts.append(f"{kind.name}_{name}: {name} {{ {' '.join(inner)} }}")
    return " ".join(parts)


def documents(
    kind: str, name: str, field: GraphQLField, ids: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """The operation with values that fit, with values that do not, and with a number in the document itself."""
    named = get_named_type(field.type)
    below = f"{{ {sentences(named)} }}" if isinstance(named, GraphQLUnionType | GraphQLObjectType) else ""
    for misfit in (False, True):
        filling = Filling(ids, misfit=misfit)
        variables = {key: filling.value(argument.type, key) for key, argument in field.args.items() if key != "first"}
        if variables:
            declared = ", ".join(f"${key}: {field.args[key].type}" for key in variables)
            given = ", ".join(f"{key}: ${key}" for key in variables)
            yield f"{kind} ({declared}) {{ {name}({given}) {below} }}", variables
    yield f'{kind} {{ {name}(p{PHONE}: "{DOCUMENT}") {{ n{PHONE} }} }}', None


def refusals_in(answer: Mapping[str, Any]) -> Iterator[str]:
    """What was refused, by type or code."""
    for error in answer.get("errors") or ():
        yield str(error["extensions"]["code"])
    for value in (answer.get("data") or {}).values():
        if isinstance(value, dict) and str(value.get("__typename", "")).endswith("Problem"):
            yield str(value["__typename"])


@pytest.fixture
def served(sqlite_databases: SQLiteDatabases, tmp_path: Any) -> Iterator[Settings]:
    """Settings of a server on SQLite: what is said does not come from the database."""
    with sqlite_databases.fresh() as url:
        yield Settings(database_url=url, storage_url=str(tmp_path / "files"), sweep_seconds=300, audit_refusals=10_000)


async def test_no_refusal_of_any_operation_repeats_a_number(served: Settings) -> None:
    async with running_app(served, SettableClock()) as app:
        environment = app.state.environment
        province = await build_sample(environment)
        doctor = await province.add_doctor(password_hash="unused")
        ids = {
            "assessmentId": encode_id("Assessment", doctor.assessment_id),
            "doctorId": encode_id("Doctor", doctor.doctor_id),
            "cycleId": encode_id("Cycle", province.cycle_id),
            "institutionId": encode_id("Organisation", province.institution_id),
        }
        accounts = (doctor.account_id, province.institution.account_id, province.authority.account_id)
        refused, leaking = Counter[str](), {}
        for kind, name, field in root_fields(schema_of(environment.registry)):
            for account in accounts:
                # A session of its own: some operations end it.
                client = Client(app, await token_for(environment, account))
                # What does not even fit is refused before anybody asks who it is.
                asked = list(documents(kind, name, field, ids))
                for query, variables in asked if account == doctor.account_id else asked[:1]:
                    answer = await client.post(query, variables)
                    refused.update(refusals_in(answer))
                    if found := repeated(json.dumps(answer, ensure_ascii=False)):
                        leaking[name] = (found, answer)
        assert leaking == {}
        # It would show nothing if nothing were refused.
        assert refused["ValidationProblem"] >= 20
        assert refused["GRAPHQL_ERROR"] > 200
        assert {"FORBIDDEN", "NOT_FOUND", "StateProblem"} <= set(refused)


async def test_no_refusal_over_http_repeats_a_number(served: Settings) -> None:
    async with running_app(served, SettableClock()) as app:
        environment = app.state.environment
        province = await build_sample(environment)
        doctor = await province.add_doctor(password_hash="unused")
        assessment = encode_id("Assessment", doctor.assessment_id)
        for account in (None, doctor.account_id):
            client = Client(app, None if account is None else await token_for(environment, account))
            answers = [
                await client.upload(assessment, "PHOTO", b"not a picture", f"{DOCUMENT}.jpg"),
                await client.upload(assessment, PHONE, b"x", f"{PHONE}.jpg"),
                await client.upload(DOCUMENT, "PHOTO", b"x", f"{PHONE}.jpg"),
                await client.http.get(f"/files/{DOCUMENT}"),
                await client.http.get(f"/check/{DOCUMENT}"),
                await client.http.get(f"/check/{PASSPORT}"),
                await client.upload(assessment, PASSPORT, b"x", f"{PERMIT}.jpg"),
                await client.http.post("/graphql", json={"query": PASSPORT, "operationName": PERMIT}),
                await client.http.post("/graphql", json={"query": "{ apiVersion }", "operationName": PERMIT}),
                await client.http.get(f"/{DOCUMENT}?phone={PHONE}"),
                await client.http.post("/graphql", json={"query": DOCUMENT, "operationName": PHONE}),
                await client.http.post("/graphql", json={"query": "{ apiVersion }", "operationName": PHONE}),
                await client.http.post("/graphql", json={"documentId": DOCUMENT}),
                await client.http.post("/graphql", json=[DOCUMENT]),
                await client.http.post("/graphql", content=DOCUMENT, headers={"content-type": "application/json"}),
            ]
            assert all(answer.status_code >= 400 or "errors" in answer.json() for answer in answers)
            for answer in answers:
                headers = " ".join(f"{name}: {value}" for name, value in answer.headers.items())
                assert not repeated(f"{answer.text} {headers}"), answer.request.url


def test_no_refused_line_of_a_roster_repeats_a_number() -> None:
    good = dict(
        zip(
            COLUMNS,
            ("张三", "身份证", DOCUMENT, "男", "1980-05-17", QUALIFICATION, PRACTICE, "临床", "内科", "执业医师",
             "2012-07-01", "H1", PHONE),
            strict=True,
        )
    )  # fmt: skip
    lines = [",".join(COLUMNS.values())]
    for place in range(len(good)):
        for number in (*NUMBERS, ""):
            cells = list(good.values())
            cells[place] = number
            lines.append(",".join(cells))
    read = list(read_roster([f"{line}\r\n" for line in lines], date(2026, 6, 1)))
    refused = [entry for lines_of in read if not isinstance(lines_of, RosterLine) for entry in lines_of]
    assert len(refused) > 50
    for entry in refused:
        assert entry.line > 1
        assert not repeated(f"{entry.column} {entry.text.zh} {entry.text.en}"), entry
