"""Who may: every root field and every kind of object, for nobody, a first login, and those whom it does not concern.

The operations are made from the schema, so that a field that is added later is asked for here too.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from graphql import GraphQLInterfaceType
from starlette.applications import Starlette

from dingkao.accounts.tables import Session
from dingkao.assessments.form_rules import HistoryKind
from dingkao.assessments.service.form import save_history_entry
from dingkao.assessments.service.uploads import upload_file
from dingkao.db.database import fetch
from dingkao.doctors.tables import BehaviourRecord
from dingkao.host.services import CoreServices
from dingkao.papers.attempts import start_attempt
from dingkao.papers.bank import import_questions
from dingkao.papers.tables import Question
from dingkao.plugin.caller import Caller
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import RATED_DIMENSIONS, FilePurpose, PaperSubject, ReviewLevel, Verdict
from dingkao.results.issuing import issue_notice
from dingkao.results.service import file_results, notify_results
from dingkao.results.tables import Result
from dingkao.reviews.vocabulary import Decision
from dingkao.testing.progress import (
    EDUCATION,
    bring_to_tests,
    decide,
    fill_bank,
    made_up_picture,
    papers_of,
    pass_proctoring,
    submit_registration,
)
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample
from dingkao.testing.web import Client, token_for
from dingkao_exemptions.service import GivenProof, request_exemption

from . import asking

ClientOf = Callable[..., Awaitable[Client]]
# Announced to the public: names, codes and calendars, for whoever is logged in.
PUBLIC = {"Cycle", "Organisation", "Region"}
# The bank is one for all authorities: its questions belong to no region.
OF_ANY_AUTHORITY = {"approveQuestions", "retireQuestions"}
REFUSED = {"NOT_FOUND", "FORBIDDEN"}
# Open to everybody: what the software is, and the way in.
OPEN = {"apiVersion", "ping", "logIn", "refreshSession"}
# Open to who has to finish his first login: to see that, to finish it, and to leave.
FIRST_LOGIN = OPEN | {"viewer", "sendPhoneCode", "completeFirstLogin", "logOut", "logOutEverywhere"}
FIRST_LOGIN |= {"sessions", "endSession", "endOtherSessions"}
# What a change would show in. Sessions and audit entries come with asking.
NOT_COMPARED = {
    "session",
    "session_token",
    "audit_entry",
    "audit_head",
    "migration_history",
    "sqlite_sequence",
    "outbox_message",
}


@dataclass(frozen=True)
class Objects:
    """One object of every kind in the province, by type, and by the name of the argument that takes it."""

    province: SampleProvince
    doctor: SampleDoctor
    concluded: SampleDoctor
    nodes: dict[str, str]
    arguments: dict[str, str]


@pytest.fixture
async def objects(app: Starlette, province: SampleProvince) -> Objects:
    """A doctor before a paper he has begun, one who asks for an exemption, one with a result and its notice."""
    environment = app.state.environment
    doctor = await province.add_doctor("张三", password_hash="unused")
    entry = await save_history_entry(
        environment, doctor.caller, doctor.assessment_id, HistoryKind.EDUCATION, None, EDUCATION
    )
    await bring_to_tests(province, doctor)
    for subject in PaperSubject:
        await fill_bank(province, subject)
    await pass_proctoring(environment, doctor)
    paper = (await papers_of(doctor))[0].id
    attempt = await start_attempt(environment, doctor.caller, paper)
    proof = await upload_file(
        environment,
        doctor.caller,
        doctor.assessment_id,
        FilePurpose.EXEMPTION_PROOF,
        "证书.png",
        made_up_picture("PNG"),
    )
    exemption = await request_exemption(
        CoreServices(environment),
        doctor.caller,
        doctor.assessment_id,
        ["RESIDENCY_TRAINING"],
        [GivenProof(encode_id("File", proof.id))],
    )
    behaviour = await BehaviourRecord.insert(
        BehaviourRecord(
            doctor=doctor.doctor_id,
            polarity="GOOD",
            kind="AWARD",
            occurred_on=date(2025, 5, 1),
            description="表彰",
            recorded_by=province.authority_id,
            recorded_at=environment.clock.now(),
        )
    ).returning(BehaviourRecord.id)
    concluded = await province.add_doctor("李四", password_hash="unused")
    await _conclude(province, concluded)
    result = await Result.select(Result.id).where(Result.assessment == concluded.assessment_id).first()
    assert result is not None
    document = await issue_notice(environment, province.body, concluded.assessment_id)
    nodes = {
        "Assessment": encode_id("Assessment", doctor.assessment_id),
        "Attempt": encode_id("Attempt", attempt),
        "BehaviourRecord": encode_id("BehaviourRecord", behaviour[0]["id"]),
        "Cycle": encode_id("Cycle", province.cycle_id),
        "Doctor": encode_id("Doctor", doctor.doctor_id),
        "Document": encode_id("Document", _key(document)),
        "Exemption": encode_id("Exemption", exemption),
        "Organisation": encode_id("Organisation", province.institution_id),
        "Paper": encode_id("Paper", paper),
        "Region": encode_id("Region", province.region_id),
        "Result": encode_id("Result", result["id"]),
    }
    bank = "Question,A,B,C,D,Answer\n待审定的题,甲,乙,丙,丁,A"
    draft = await import_questions(environment, province.authority, PaperSubject.HUMANITIES, bank)
    question = await Question.select(Question.id).where(Question.batch == draft.batch).first()
    assert question is not None
    await token_for(environment, doctor.account_id)
    session = await Session.select(Session.id).where(Session.account == doctor.account_id).first()
    assert session is not None
    arguments = {
        "sessionId": encode_id("Session", session["id"]),
        "importId": encode_id("QuestionImport", draft.batch or 0),
        "questionIds": encode_id("Question", question["id"]),
        "questionId": encode_id("Question", question["id"]),
        "assessmentId": nodes["Assessment"],
        "assessmentIds": nodes["Assessment"],
        "attemptId": nodes["Attempt"],
        "cycleId": nodes["Cycle"],
        "doctorId": nodes["Doctor"],
        "institutionId": nodes["Organisation"],
        "bodyId": encode_id("Organisation", province.body_id),
        "paperId": nodes["Paper"],
        "entryId": encode_id("Education", entry),
        "exemptionId": nodes["Exemption"],
        "file": encode_id("File", proof.id),
        "proofIds": encode_id("File", proof.id),
    }
    return Objects(province, doctor, concluded, nodes, arguments)


def _key(issued: Any) -> int:
    return int(getattr(issued, "id", issued))


async def _conclude(province: SampleProvince, doctor: SampleDoctor) -> None:
    environment, ids = province.environment, [doctor.assessment_id]
    await submit_registration(environment, doctor)
    failed = tuple((dimension, Verdict.UNQUALIFIED, "") for dimension in RATED_DIMENSIONS)
    await decide(province, doctor, ReviewLevel.INSTITUTION, ratings=failed)
    await decide(province, doctor, ReviewLevel.BODY, Decision.FAILURE_CONFIRMED)
    await file_results(environment, province.body, ids)
    await notify_results(environment, province.body, ids, by_sms=False)


def texts_for(objects: Objects, name: str) -> dict[str, str]:
    """The arguments that name the province's objects: `id` by the field that takes it."""
    own = {"attempt": "Attempt", "cycle": "Cycle"}.get(name, "Assessment")
    identity = objects.arguments["exemptionId"] if name == "exemption" else objects.nodes[own]
    texts = {**objects.arguments, "id": identity, "regionCode": "990000"}
    if name in ("saveInstitutionFiling", "savePracticeHistory"):
        # A new entry: the one there is belongs to another history.
        del texts["entryId"]
    return texts


async def everything(app: Starlette) -> dict[str, list[str]]:
    """Every row of every table that an operation could change."""
    sqlite = app.state.environment.database.is_sqlite
    tables = await fetch(
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if sqlite
        else "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
    )
    names = {row["name"] for row in tables} - NOT_COMPARED
    assert {"assessment", "answer", "exemptions_request", "doctor"} <= names
    return {name: sorted(str(dict(row)) for row in await fetch(f'SELECT * FROM "{name}"')) for name in names}


def refusal_of(answer: Any) -> set[str]:
    """The codes of a refusal, top-level or of each field of a ValidationProblem; empty: it was not refused."""
    if answer.get("errors"):
        return {error["extensions"]["code"] for error in answer["errors"]}
    value = next(iter(answer["data"].values()))
    if isinstance(value, dict) and value.get("__typename") == "ValidationProblem":
        return {field["code"] for field in value["fields"]}
    return set()


async def test_without_a_login_there_is_nothing(app: Starlette, objects: Objects, client_of: ClientOf) -> None:
    before = await everything(app)
    client, wrong = await client_of(None), []
    for kind, name, field in asking.root_fields(asking.schema()):
        if name in OPEN:
            continue
        answer = await client.post(*asking.operation(kind, name, field, texts_for(objects, name)))
        if refusal_of(answer) != {"UNAUTHENTICATED"}:
            wrong.append((name, answer))
    assert wrong == []
    assert await everything(app) == before


async def test_before_the_first_login_is_done_there_is_only_that(
    app: Starlette, objects: Objects, client_of: ClientOf
) -> None:
    before = await everything(app)
    wrong = []
    for caller in (objects.doctor.caller, objects.province.institution, objects.province.authority):
        client = await client_of(caller, first_login=True)
        for kind, name, field in asking.root_fields(asking.schema()):
            if name in FIRST_LOGIN:
                continue
            answer = await client.post(*asking.operation(kind, name, field, texts_for(objects, name)))
            if refusal_of(answer) != {"FIRST_LOGIN_REQUIRED"}:
                wrong.append((caller.name, name, answer))
    assert wrong == []
    assert await everything(app) == before


async def strangers(app: Starlette, objects: Objects) -> dict[str, Caller]:
    """Accounts whom the two doctors do not concern."""
    other = await build_sample(app.state.environment, code_suffix="2", region_code="980000")
    colleague = await objects.province.add_doctor("王五", password_hash="unused")
    elsewhere = await other.add_doctor("赵六", password_hash="unused")
    return {
        "a colleague": colleague.caller,
        "a doctor elsewhere": elsewhere.caller,
        "another institution": other.institution,
        "another body": other.body,
        "another region's authority": other.authority,
        "no role": replace(other.institution, grants=()),
    }


async def test_what_is_anothers_does_not_exist(app: Starlette, objects: Objects, client_of: ClientOf) -> None:
    callers = await strangers(app, objects)
    before = await everything(app)
    wrong, asked = [], 0
    for who, caller in callers.items():
        client = await client_of(caller)
        for kind, name, field in asking.root_fields(asking.schema()):
            if not asking.id_arguments(field) or name == "cycle":
                continue
            if name in OF_ANY_AUTHORITY and who == "another region's authority":
                continue
            asked += 1
            answer = await client.post(*asking.operation(kind, name, field, texts_for(objects, name)))
            codes = refusal_of(answer)
            if not codes or not codes <= REFUSED:
                wrong.append((who, name, answer))
    assert wrong == []
    assert asked > 150
    assert await everything(app) == before


async def test_lists_show_nothing_of_anothers(app: Starlette, objects: Objects, client_of: ClientOf) -> None:
    callers = await strangers(app, objects)
    hidden = {objects.nodes[name] for name in ("Assessment", "Doctor", "Result", "Cycle", "Organisation")}
    hidden |= {encode_id("Assessment", objects.concluded.assessment_id), objects.arguments["exemptionId"]}
    wrong = []
    for who, caller in callers.items():
        client = await client_of(caller)
        for kind, name, field in asking.root_fields(asking.schema()):
            if not str(field.type).endswith("Connection!"):
                continue
            answer = await client.post(*asking.operation(kind, name, field, texts_for(objects, name)))
            shown = hidden & set(_strings(answer))
            if shown:
                wrong.append((who, name, shown))
    assert wrong == []


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in _strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in _strings(part)]
    return [value] if isinstance(value, str) else []


NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"


async def test_every_kind_of_object_is_found_by_whom_it_concerns_and_by_nobody_else(
    app: Starlette, objects: Objects, client_of: ClientOf
) -> None:
    node = asking.schema().type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    kinds = {kind.name for kind in asking.schema().get_possible_types(node)}
    assert kinds == set(objects.nodes), "give this test an object of the new kind"
    owner = await client_of(objects.province.authority)
    for kind, identity in objects.nodes.items():
        answer = await owner.value(NODE, id=identity)
        assert answer == {"__typename": kind, "id": identity}
    anybody = await client_of(None)
    first_login = await client_of(objects.doctor.caller, first_login=True)
    for kind, identity in objects.nodes.items():
        assert await anybody.refusal(NODE, id=identity) == "UNAUTHENTICATED", kind
        assert await first_login.refusal(NODE, id=identity) == "FIRST_LOGIN_REQUIRED", kind
    for who, caller in (await strangers(app, objects)).items():
        client = await client_of(caller)
        for kind, identity in objects.nodes.items():
            if kind in PUBLIC:
                assert (await client.value(NODE, id=identity))["id"] == identity
            else:
                assert await client.refusal(NODE, id=identity) in REFUSED, (who, kind)


async def test_the_sample_reaches_everything_it_should(objects: Objects, client_of: ClientOf) -> None:
    """Guards the tests above: what is refused to strangers is there for its own people."""
    assessment = "query ($id: ID!) { assessment(id: $id) { id papers { runningAttempt { id } } } }"
    for caller in (
        objects.doctor.caller,
        objects.province.institution,
        objects.province.body,
        objects.province.authority,
    ):
        found = await (await client_of(caller)).value(assessment, id=objects.nodes["Assessment"])
        assert found["papers"][0]["runningAttempt"]["id"] == objects.nodes["Attempt"]
    exemption = "query ($id: ID!) { exemption(id: $id) { __typename } }"
    for caller in (objects.doctor.caller, objects.province.institution, objects.province.body):
        await (await client_of(caller)).value(exemption, id=objects.arguments["exemptionId"])
