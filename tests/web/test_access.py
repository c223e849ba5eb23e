"""Who may: every root field and every kind of object, for nobody, a first login, and those whom it does not concern.

The operations are made from the schema, so that a field that is added later is asked for here too.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
import pytest_asyncio
from graphql import GraphQLInterfaceType
from starlette.applications import Starlette

from dingkao.access.rules import OWN_ASSESSMENT
from dingkao.accounts.tables import RoleAssignment
from dingkao.db.database import fetch
from dingkao.plugin.caller import Caller
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import Role
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import build_sample
from dingkao.testing.web import Client, running_app, token_for

from . import asking
from .access_scene import ALLOWED, Objects, make_objects, strangers, texts_for

ClientOf = Callable[..., Awaitable[Client]]
pytestmark = pytest.mark.asyncio(loop_scope="module")
# Announced to the public: names, codes and calendars, for whoever is logged in.
PUBLIC = {"Cycle", "Organisation", "Region"}
REFUSED = {"NOT_FOUND", "FORBIDDEN"}
# Open to everybody: what the software is, and the way in.
OPEN = {"apiVersion", "ping", "logIn", "logInWithWechat", "refreshSession"}
OPEN |= {"startPasswordReset", "completePasswordReset"}
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
class Scene:
    """A running application, the objects in it, and those whom they do not concern; tests ask and change nothing."""

    app: Starlette
    objects: Objects
    strangers: Mapping[str, Caller]

    async def client_of(self, caller: Caller | None, *, first_login: bool = False) -> Client:
        if caller is None:
            return Client(self.app)
        token = await token_for(self.app.state.environment, caller.account_id, first_login=first_login)
        return Client(self.app, token)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def scene_settings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with request.getfixturevalue(f"{request.param}_databases").fresh() as url:
        files = tmp_path_factory.mktemp("files")
        yield Settings(database_url=url, storage_url=str(files), sweep_seconds=300)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(scene_settings: Settings) -> AsyncIterator[Scene]:
    """One for all tests of this file on a database: building it costs more than asking."""
    async with running_app(scene_settings, SettableClock()) as app:
        objects = await make_objects(app.state.environment, await build_sample(app.state.environment))
        yield Scene(app, objects, await strangers(objects))


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


async def test_without_a_login_there_is_nothing(scene: Scene) -> None:
    before = await everything(scene.app)
    client, wrong = await scene.client_of(None), []
    for kind, name, field in asking.root_fields(asking.schema()):
        if name in OPEN:
            continue
        answer = await client.post(*asking.operation(kind, name, field, texts_for(scene.objects, name)))
        if refusal_of(answer) != {"UNAUTHENTICATED"}:
            wrong.append((name, answer))
    assert wrong == []
    assert await everything(scene.app) == before


async def test_before_the_first_login_is_done_there_is_only_that(scene: Scene) -> None:
    before = await everything(scene.app)
    wrong = []
    for caller in (scene.objects.doctor.caller, scene.objects.province.institution, scene.objects.province.authority):
        client = await scene.client_of(caller, first_login=True)
        for kind, name, field in asking.root_fields(asking.schema()):
            if name in FIRST_LOGIN:
                continue
            answer = await client.post(*asking.operation(kind, name, field, texts_for(scene.objects, name)))
            if refusal_of(answer) != {"FIRST_LOGIN_REQUIRED"}:
                wrong.append((caller.name, name, answer))
    assert wrong == []
    assert await everything(scene.app) == before


async def test_what_is_anothers_does_not_exist(scene: Scene) -> None:
    callers = scene.strangers
    before = await everything(scene.app)
    wrong, asked = [], 0
    for who, caller in callers.items():
        client = await scene.client_of(caller)
        for kind, name, field in asking.root_fields(asking.schema()):
            if not asking.id_arguments(field) or name == "cycle":
                continue
            if name in ALLOWED.get(who, ()):
                continue
            asked += 1
            answer = await client.post(*asking.operation(kind, name, field, texts_for(scene.objects, name)))
            codes = refusal_of(answer)
            if not codes or not codes <= REFUSED:
                wrong.append((who, name, answer))
    assert wrong == []
    assert asked > 150
    assert await everything(scene.app) == before


async def test_lists_show_nothing_of_anothers(scene: Scene) -> None:
    callers = scene.strangers
    hidden = {scene.objects.nodes[name] for name in ("Assessment", "Doctor", "Result", "Cycle", "Organisation")}
    hidden |= {encode_id("Assessment", scene.objects.concluded.assessment_id), scene.objects.arguments["exemptionId"]}
    wrong = []
    for who, caller in callers.items():
        client = await scene.client_of(caller)
        for kind, name, field in asking.root_fields(asking.schema()):
            if not str(field.type).endswith("Connection!") or name in ALLOWED.get(who, ()):
                continue
            answer = await client.post(*asking.operation(kind, name, field, texts_for(scene.objects, name)))
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


async def test_every_kind_of_object_is_found_by_whom_it_concerns_and_by_nobody_else(scene: Scene) -> None:
    node = asking.schema().type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    kinds = {kind.name for kind in asking.schema().get_possible_types(node)}
    assert kinds == set(scene.objects.nodes), "give this test an object of the new kind"
    authority, keeper = (
        await scene.client_of(scene.objects.province.authority),
        await scene.client_of(scene.objects.keeper),
    )
    for kind, identity in scene.objects.nodes.items():
        owner = keeper if kind == "StaffAccount" else authority
        answer = await owner.value(NODE, id=identity)
        assert answer == {"__typename": kind, "id": identity}
    anybody = await scene.client_of(None)
    first_login = await scene.client_of(scene.objects.doctor.caller, first_login=True)
    for kind, identity in scene.objects.nodes.items():
        assert await anybody.refusal(NODE, id=identity) == "UNAUTHENTICATED", kind
        assert await first_login.refusal(NODE, id=identity) == "FIRST_LOGIN_REQUIRED", kind
    for who, caller in scene.strangers.items():
        client = await scene.client_of(caller)
        for kind, identity in scene.objects.nodes.items():
            if kind in PUBLIC or kind in ALLOWED.get(who, ()):
                assert (await client.value(NODE, id=identity))["id"] == identity
            else:
                assert await client.refusal(NODE, id=identity) in REFUSED, (who, kind)


async def test_the_sample_reaches_everything_it_should(scene: Scene) -> None:
    """Guards the tests above: what is refused to strangers is there for its own people."""
    assessment = "query ($id: ID!) { assessment(id: $id) { id papers { runningAttempt { id } } } }"
    for caller in (
        scene.objects.doctor.caller,
        scene.objects.province.institution,
        scene.objects.province.body,
        scene.objects.province.authority,
    ):
        found = await (await scene.client_of(caller)).value(assessment, id=scene.objects.nodes["Assessment"])
        assert found["papers"][0]["runningAttempt"]["id"] == scene.objects.nodes["Attempt"]
    exemption = "query ($id: ID!) { exemption(id: $id) { __typename } }"
    for caller in (scene.objects.doctor.caller, scene.objects.province.institution, scene.objects.province.body):
        await (await scene.client_of(caller)).value(exemption, id=scene.objects.arguments["exemptionId"])


# What a doctor does with his own assessment, as the doctor.
AS_THE_DOCTOR = {
    "chooseProcedure", "giveFaceConsent", "issueCertificate", "issueNotice", "removeHistoryEntry", "requestExemption",
    "requestReexamination", "saveAnswers", "saveEducation", "saveInstitutionFiling", "savePracticeHistory",
    "saveRegistrationForm", "saveSelfEvaluation", "startAttempt", "submitAttempt", "submitAssessment",
    "takeOverAttempt", "withdrawFaceConsent", "withdrawAssessment",
}  # fmt: skip
# Is about no doctor's assessment, or about all of a region or sitting: his own among them is tried in tests/papers.
ABOUT_MANY = {
    "appointBody", "closeCycle", "createCycle", "grantSittingExtraTime", "issueActivationCodes", "openCycle",
    "registerDoctor", "repinCyclePolicy", "setPassMark", "voidQuestion",
}  # fmt: skip
# Of other offices: the bank's, and the security administrator's, who sees no assessment.
OF_OTHER_OFFICES = {
    "approveQuestions", "assignRole", "changeAccount", "createStaffAccount", "endRole", "renewInitialSecret",
    "retireQuestions",
}  # fmt: skip
# His own numbers are his to see.
READS = {"revealPersonalNumbers"}


async def test_nobody_acts_in_office_on_his_own_assessment(scene: Scene) -> None:
    """A doctor who holds every office over himself: whatever a mutation does to him is refused, and says why."""
    objects, province = scene.objects, scene.objects.province
    offices = {
        Role.INSTITUTION_OFFICER: province.institution_id,
        Role.BODY_REVIEWER: province.body_id,
        Role.INVIGILATOR: province.body_id,
        Role.AUTHORITY_OFFICER: province.authority_id,
    }
    doctors = (objects.doctor, objects.concluded)
    assigned = [
        RoleAssignment(account=each.account_id, role=role.value, organisation=where, valid_from=date(2024, 1, 1))
        for each in doctors
        for role, where in offices.items()
    ]
    await RoleAssignment.insert(*assigned)
    own, concluded = [await scene.client_of(each.caller) for each in doctors]
    assessment = encode_id("Assessment", objects.concluded.assessment_id)
    with_result = dict.fromkeys(("assessmentId", "assessmentIds"), assessment)
    before = await everything(scene.app)
    wrong, asked = [], set()
    for kind, name, field in asking.root_fields(asking.schema()):
        left_out = AS_THE_DOCTOR | ABOUT_MANY | OF_OTHER_OFFICES | READS | FIRST_LOGIN
        if kind == "query" or not asking.id_arguments(field) or name in left_out:
            continue
        asked.add(name)
        texts = texts_for(objects, name)
        of_result = "Proposal" in name or "Result" in name or name in ("decideReexamination", "sealCertificate")
        client, given = (concluded, texts | with_result) if of_result else (own, texts)
        answer = await client.post(*asking.operation(kind, name, field, given))
        if OWN_ASSESSMENT.text.zh not in str(answer) and refusal_of(answer) != {OWN_ASSESSMENT.code}:
            wrong.append((name, answer))
    assert wrong == []
    known = {name for _, name, _ in asking.root_fields(asking.schema())}
    assert known >= AS_THE_DOCTOR | ABOUT_MANY | OF_OTHER_OFFICES | READS
    assert asked >= {"decideVoiding", "decideReexamination", "decideProposal", "pauseAttempt", "decideExemption"}
    after = await everything(scene.app)
    await RoleAssignment.delete().where(
        RoleAssignment.account.is_in([each.account_id for each in doctors])
        & RoleAssignment.role.is_in([role.value for role in offices])
    )
    assert after == before
