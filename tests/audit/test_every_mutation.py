"""Every mutation of the served schema writes its entry: done, and refused for want of a right.

Generated from the schema and from the walk that plays every documented operation, so that a mutation that is added
later is asked for here too."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import FieldNode, OperationDefinitionNode, OperationType, parse
from pydantic import SecretStr
from starlette.applications import Starlette
from tests.operations.busy_province import TEXTS, CountingClient
from tests.operations.walk import Walk
from tests.web.test_access import OPEN as OPEN_TO_ALL

from dingkao.audit.appending import audited_table
from dingkao.audit.refusals import NO_ROLE, action_of
from dingkao.audit.tables import AuditEntry
from dingkao.audit.verification import verify_chain
from dingkao.db.database import fetch
from dingkao.documents.demo_seal import create_demo_seal_key
from dingkao.environment import Environment
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import Role
from dingkao.settings import Settings
from dingkao.testing.asking import id_arguments, operation, root_fields, schema_of
from dingkao.testing.clock import START, SettableClock
from dingkao.testing.databases import SQLiteDatabases
from dingkao.testing.sample import build_sample
from dingkao.testing.web import Client, running_app, token_for

# Answers true, and changes nothing.
CHANGES_NOTHING = {"ping"}
# Its entry is its row of the history (answer_save), whose digest is in the entry that ends the attempt.
WRITES_HISTORY = {"saveAnswers"}
# For whoever comes, logged in or not: there is no right to be refused. What fails is written by the act itself.
OPEN = OPEN_TO_ALL - {"apiVersion"}
OPEN |= {"logInWithWechat", "startPasswordReset", "completePasswordReset"}
# What is refused at the top of an answer, and none of the input's mistakes.
CODES = {
    "UNAUTHENTICATED", "FIRST_LOGIN_REQUIRED", "SECOND_FACTOR_REQUIRED", "FORBIDDEN", "NOT_FOUND", "RATE_LIMITED",
}  # fmt: skip
# Done before the second factor is set up: it is set up by these, and sessions are left.
WITHOUT_SECOND_FACTOR = {
    "confirmIdentity", "enrolSecondFactor", "confirmSecondFactor", "endOtherSessions", "logOut", "logOutEverywhere",
}  # fmt: skip
# An id of what there is not.
NOTHING = encode_id("Attempt", 2**40)


def mutation_fields(text: str) -> list[str]:
    """The root fields of a document that is a mutation; none of another."""
    return [
        selection.name.value
        for definition in parse(text).definitions
        if isinstance(definition, OperationDefinitionNode) and definition.operation is OperationType.MUTATION
        for selection in definition.selection_set.selections
        if isinstance(selection, FieldNode)
    ]


async def entries_behind(number: int) -> list[dict[str, Any]]:
    return await AuditEntry.select().where(AuditEntry.id > number).order_by(AuditEntry.id)


async def last_entry() -> int:
    return int((await fetch("SELECT COALESCE(MAX(id), 0) AS last FROM audit_entry"))[0]["last"])


async def saves() -> int:
    return int((await fetch("SELECT COUNT(*) AS number FROM answer_save"))[0]["number"])


@dataclass
class AuditedClient(CountingClient):
    """Keeps the entries that each mutation wrote when it was played."""

    written: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    saved: int = 0

    async def run(self, token: str | None, operation: str, /, *, counted: bool = True, **variables: Any) -> Any:
        before, saves_before = await last_entry(), await saves()
        value = await super().run(token, operation, counted=counted, **variables)
        for name in mutation_fields(TEXTS[operation]):
            self.written.setdefault(name, []).extend(await entries_behind(before))
        self.saved += await saves() - saves_before
        return value


@pytest.fixture
def served(sqlite_databases: SQLiteDatabases, tmp_path: Path) -> Any:
    """Settings of a server on SQLite: what goes to the database is tried on both elsewhere."""
    key = tmp_path / "seal.p12"
    create_demo_seal_key(key, "a passphrase", "定考示范省卫生健康委员会", now=START)
    with sqlite_databases.fresh() as url:
        yield Settings(
            database_url=url,
            storage_url=str(tmp_path / "files"),
            seal_key=key,
            seal_passphrase=SecretStr("a passphrase"),
            sweep_seconds=300,
            audit_refusals=10_000,
        )


def served_mutations(environment: Environment) -> Mapping[str, Any]:
    fields = root_fields(schema_of(environment.registry))
    return {name: found for kind, name, found in fields if kind == "mutation"}


async def test_every_mutation_writes_its_entry(served: Settings) -> None:
    clock = SettableClock()
    async with running_app(served, clock) as app:
        environment: Environment = app.state.environment
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://dingkao.example") as http:
            client = AuditedClient(http)
            await Walk(environment, clock, client, 1).play()
        mutations = set(served_mutations(environment))
        unplayed = mutations - set(client.written)
        assert unplayed == set(), "add their operations to clients/operations and play them in tests/operations/walk.py"
        silent = {name for name, entries in client.written.items() if not entries}
        assert silent == CHANGES_NOTHING | WRITES_HISTORY
        assert client.saved > 0
        for name, entries in client.written.items():
            for entry in entries:
                _check(name, entry)
        verified = await verify_chain(environment)
        assert verified.broken is None
        entries = [entry for found in client.written.values() for entry in found]
        print(  # noqa: T201 - the figures of the closing note: pytest -s
            f"\n{len(mutations)} mutations played, {len(entries)} entries, "
            f"{len({entry['action'] for entry in entries})} actions; chain of {verified.entries} holds, "
            f"{verified.saves} saves under digests"
        )


def _check(name: str, entry: Mapping[str, Any]) -> None:
    """Who, role, address, session, action, object, result, digests (security.md 3.4, 3.5)."""
    said = (name, entry["action"])
    assert entry["action"], said
    assert entry["result"] == "OK", said
    assert entry["object_type"], said
    assert entry["request_id"], said
    assert entry["role"] not in ("", NO_ROLE), said
    of_system = entry["role"] == "SYSTEM"
    assert of_system or (entry["account"] and entry["session"] and entry["address"]), said
    if entry["object_id"] is not None and audited_table(entry["object_type"]) is not None:
        assert len(entry["after"]) == len(entry["digest"]), said


async def test_every_mutation_refused_for_want_of_a_right_is_an_entry(served: Settings) -> None:
    demanding = served.model_copy(update={"second_factor_roles": (Role.SYSTEM_ADMINISTRATOR.value,)})
    async with running_app(demanding, SettableClock()) as app:
        environment: Environment = app.state.environment
        province = await build_sample(environment)
        doctor = await province.add_doctor("张三", password_hash="unused")
        other = await province.add_doctor("李四", password_hash="unused")
        auditor = await province.add_officer(Role.AUDIT_ADMINISTRATOR, None)
        unenrolled = await province.add_officer(Role.SYSTEM_ADMINISTRATOR, None)
        askers = {
            "nobody": None,
            "a first login": other.account_id,
            "another doctor": other.account_id,
            "an audit administrator": auditor.account_id,
            "without the second factor": unenrolled.account_id,
            "an officer": province.institution.account_id,
        }
        assessment = encode_id("Assessment", doctor.assessment_id)
        texts = dict.fromkeys(("assessmentId", "assessmentIds"), assessment)
        refused: dict[str, Counter[str]] = {}
        unenrolled_codes: defaultdict[str | None, set[str]] = defaultdict(set)
        for name, found in served_mutations(environment).items():
            refused[name] = Counter()
            for who, account in askers.items():
                # A session of its own for each: some of them end it.
                first = who == "a first login"
                token = None if account is None else await token_for(environment, account, first_login=first)
                code, touched = await _asked(Client(app, token), account, name, found, texts)
                refused[name][who] += code is not None
                if who == "without the second factor":
                    unenrolled_codes[code].add(name)
                # Who reads the audit does nothing but with his own account and sessions.
                assert who != "an audit administrator" or touched <= {"Account", "Session"}, (name, touched)
            refused[name] = +refused[name]
        allowed = {name for name, counts in refused.items() if not counts["nobody"]}
        assert unenrolled_codes[None] - OPEN == WITHOUT_SECOND_FACTOR
        # An id that is nothing at all is not found by anybody.
        assert len(unenrolled_codes["SECOND_FACTOR_REQUIRED"]) > len(unenrolled_codes["NOT_FOUND"])
        await _files_refused(Client(app, await token_for(environment, unenrolled.account_id)), assessment)
        assert allowed <= OPEN, "it is done for whoever comes: see that it asks who, or name it in OPEN and say why"
        assert (await verify_chain(environment)).broken is None
        total = sum((counts for counts in refused.values()), Counter[str]())
        print(f"\n{len(refused)} mutations refused and found in the audit: {dict(total)}")  # noqa: T201


async def _files_refused(client: Client, assessment: str) -> None:
    """Who has not set up the second factor uploads and downloads nothing, and each try is an entry."""
    before = await last_entry()
    uploaded = await client.upload(assessment, "PHOTO", b"a file", "a.jpg")
    downloaded = await client.http.get(f"/files/{encode_id('File', 1)}")
    assert [answer.json()["errors"][0]["code"] for answer in (uploaded, downloaded)] == ["SECOND_FACTOR_REQUIRED"] * 2
    written = [(entry["action"], entry["result"]) for entry in await entries_behind(before)]
    assert written == [("UPLOAD", "SECOND_FACTOR_REQUIRED"), ("DOWNLOAD", "SECOND_FACTOR_REQUIRED")]


async def _asked(
    client: Client, account: int | None, name: str, found: Any, texts: Mapping[str, str]
) -> tuple[str | None, set[str]]:
    """The code of the refusal, where there was one, with what the audit says of it checked; else the types of the
    objects of what was done."""
    before = await last_entry()
    query, variables = operation("mutation", name, found, {**dict.fromkeys(id_arguments(found), NOTHING), **texts})
    answer = await client.post(query, variables)
    errors = answer.get("errors") or []
    written = [entry for entry in await entries_behind(before) if entry["action"] == action_of(name)]
    if name in OPEN and errors and errors[0]["extensions"]["code"] == "RATE_LIMITED":
        # The same number was asked for a moment before: a limit, and no right.
        return None, set()
    if not errors:
        # What a rule refused was not done.
        return None, {entry["object_type"] for entry in await entries_behind(before) if entry["result"] == "OK"}
    code = str(errors[0]["extensions"]["code"])
    assert code in CODES, (name, answer)
    assert [entry["result"] for entry in written] == [code], (name, answer)
    (entry,) = written
    assert entry["account"] == account, name
    assert (entry["session"] is None) == (entry["role"] == NO_ROLE), name
    assert entry["request_id"], name
    return code, set()


async def test_what_undoes_itself_leaves_no_entry(served: Settings) -> None:
    """A mutation that fails by its input changes nothing and says nothing: no entry without an act."""
    async with running_app(served, SettableClock()) as app:
        await _refused_by_its_input(app)


async def _refused_by_its_input(app: Starlette) -> None:
    environment: Environment = app.state.environment
    province = await build_sample(environment)
    client = Client(app, await token_for(environment, province.authority.account_id))
    before = await last_entry()
    empty = 'mutation($id: ID!) { retireQuestions(input: {questionIds: [$id], reason: ""}) { __typename } }'
    answer = await client.post(empty, {"id": encode_id("Question", 1)})
    assert "errors" not in answer or answer["errors"][0]["extensions"]["code"] in ("NOT_FOUND",), answer
    assert [entry for entry in await entries_behind(before) if entry["result"] == "OK"] == []
