"""The documented operations on results, executed as a client would have them executed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dingkao.accounts import graphql as accounts
from dingkao.assessments import graphql as assessments
from dingkao.context import CoreContext
from dingkao.cycles import graphql as cycles
from dingkao.db.counting import count_queries
from dingkao.doctors import graphql as doctors
from dingkao.host.schema import build_schema
from dingkao.host.services import CoreServices
from dingkao.institutions import graphql as institutions
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import Forbidden, NotFound, NotLoggedIn
from dingkao.plugin.ids import decode_id, encode_id
from dingkao.plugin.text import Language
from dingkao.plugin.vocabulary import Role, Verdict
from dingkao.proposals import graphql as proposals
from dingkao.results import graphql as results
from dingkao.results.records import read_results
from dingkao.results.vocabulary import ConclusionGround
from dingkao.reviews import graphql as reviews
from dingkao.testing.sample import SampleDoctor, build_sample
from dingkao.web.execution import Executor, Outcome

from .conftest import Office

OPERATIONS = Path(__file__).parents[2] / "clients" / "operations"
SUBJECTS = (accounts, institutions, doctors, cycles, assessments, reviews, results, proposals)


@pytest.fixture(scope="module")
def executor() -> Executor:
    core = [("the core", subject.CONTRIBUTION) for subject in SUBJECTS]
    return Executor(build_schema(core, handlers=(assessments.RevisionHandler(),)))


class Client:
    """Runs the operations of clients/operations as an account."""

    def __init__(self, executor: Executor, office: Office) -> None:
        self._executor = executor
        self.environment = office.environment

    def context(self, caller: Caller | None, language: Language = Language.CHINESE) -> CoreContext:
        return CoreContext(self.environment, caller, language, CoreServices(self.environment), "test", "127.0.0.1")

    async def run(self, operation: str, caller: Caller | None, **variables: Any) -> Outcome:
        digits = ("[0-9][0-9]", "[0-9][0-9][0-9]")
        [path] = [path for number in digits for path in OPERATIONS.glob(f"{number}_{operation}.graphql")]
        query = path.read_text(encoding="utf-8")
        return await self._executor.run(query, variables, None, self.context(caller))

    async def data(self, operation: str, caller: Caller | None, **variables: Any) -> Any:
        outcome = await self.run(operation, caller, **variables)
        assert not outcome.errors, outcome.errors
        assert outcome.data is not None
        [answer] = outcome.data.values()
        return answer


@dataclass(frozen=True)
class Info:
    """What a node's loader needs of a resolver's info."""

    context: CoreContext


@pytest.fixture
def client(executor: Executor, sealing_office: Office) -> Client:
    return Client(executor, sealing_office)


def opaque(doctor: SampleDoctor) -> str:
    return encode_id("Assessment", doctor.assessment_id)


async def test_the_way_from_the_conclusion_to_the_sealed_certificate(sealing_office: Office, client: Client) -> None:
    province = sealing_office.province
    doctor = await sealing_office.concluded("王䶮")
    seen = (await client.data("result", doctor.caller, id=opaque(doctor)))["result"]
    assert (seen["verdict"], seen["state"], seen["objectionUntil"]) == ("QUALIFIED", "CONCLUDED", None)
    assert [each["verdict"] for each in seen["dimensions"]] == ["QUALIFIED"] * 3
    assert [each["title"] for each in seen["dimensions"]] == ["工作成绩", "职业道德", "业务水平"]
    assert [reason["code"] for reason in seen["noticeObstacles"]] == ["RESULT_NOT_FILED"]

    queue = await client.data("results", province.body, states=["CONCLUDED"], first=10)
    assert [edge["node"]["assessment"]["id"] for edge in queue["edges"]] == [opaque(doctor)]
    filed = await client.data("file_results", province.body, input={"assessmentIds": [opaque(doctor)]})
    assert filed["assessments"][0]["result"]["state"] == "FILED"
    told = await client.data("notify_results", province.body, input={"assessmentIds": [opaque(doctor)]})
    assert told["assessments"][0]["result"]["objectionUntil"] == "2026-07-01"
    assert told["failures"] == []

    notice = await client.data("issue_notice", doctor.caller, input={"assessmentId": opaque(doctor)})
    assert (notice["kind"], notice["statement"]) == ("NOTICE", "有效")
    certificate = await client.data("issue_certificate", doctor.caller, input={"assessmentId": opaque(doctor)})
    assert certificate["inForce"] is False
    assert certificate["statement"].startswith("未盖章，未生效")
    sealed = await client.data("seal_certificate", province.authority, input={"assessmentId": opaque(doctor)})
    assert (sealed["state"], sealed["inForce"], sealed["number"]) == ("SEALED", True, certificate["number"])

    seen = (await client.data("result", doctor.caller, id=opaque(doctor)))["result"]
    assert seen["certificate"]["state"] == "SEALED"
    assert seen["notice"]["number"] == notice["number"]
    assert "/documents/" in seen["notice"]["downloadUrl"]
    assert seen["noticeObstacles"] == seen["certificateObstacles"] == []


async def test_an_objection_and_its_answer(sealing_office: Office, client: Client) -> None:
    province = sealing_office.province
    doctor = await sealing_office.notified(verdict=Verdict.UNQUALIFIED)
    asked = await client.data(
        "request_reexamination", doctor.caller, input={"assessmentId": opaque(doctor), "reason": "题目有争议。"}
    )
    assert asked["state"] == "REEXAMINATION_REQUESTED"
    assert asked["reexamination"]["dueOn"] == "2026-07-01"
    another = await province.add_officer(Role.BODY_REVIEWER, province.body_id)
    answered = await client.data(
        "decide_reexamination",
        another,
        input={"assessmentId": opaque(doctor), "decision": "CHANGED", "reason": "确有错误。"},
    )
    assert (answered["verdict"], answered["state"]) == ("QUALIFIED", "CHANGED")
    assert answered["reexamination"]["answer"] == "确有错误。"
    proposed = await client.data(
        "annul_result", province.authority, input={"assessmentId": opaque(doctor), "reason": "替考"}
    )
    preview = await client.data("proposal_preview", province.second_authority, id=proposed["id"])
    assert (preview["effect"]["verdictBefore"], preview["effect"]["stateBefore"]) == ("QUALIFIED", "CHANGED")
    decision = {"proposalId": proposed["id"], "confirm": True, "digest": preview["digest"]}
    decided = await client.data("decide_proposal", province.second_authority, input=decision)
    assert (proposed["state"], preview["moved"], decided["state"]) == ("OPEN", False, "CONFIRMED")
    annulled = await client.data("result", doctor.caller, id=opaque(doctor))
    assert (annulled["result"]["verdict"], annulled["result"]["state"]) == ("UNQUALIFIED", "ANNULLED")


async def test_what_a_user_can_mend_comes_as_data(sealing_office: Office, client: Client) -> None:
    province = sealing_office.province
    await sealing_office.pin(notice_printable=False)
    doctor = await sealing_office.filed()
    again = await client.data("file_results", province.body, input={"assessmentIds": [opaque(doctor)]})
    assert again["__typename"] == "ValidationProblem"
    assert again["fields"][0]["path"] == "assessmentIds.0"
    notice = await client.data("issue_notice", doctor.caller, input={"assessmentId": opaque(doctor)})
    assert notice["__typename"] == "NotEligibleProblem"
    assert [reason["code"] for reason in notice["reasons"]] == ["NOTICE_NOT_PRINTABLE"]
    unprinted = await client.data("seal_certificate", province.authority, input={"assessmentId": opaque(doctor)})
    assert (unprinted["__typename"], unprinted["code"]) == ("StateProblem", "CERTIFICATE_NOT_PRINTED")
    early = await client.data(
        "request_reexamination", doctor.caller, input={"assessmentId": opaque(doctor), "reason": "理由"}
    )
    assert (early["__typename"], early["currentState"]) == ("StateProblem", "FILED")


async def test_a_doctor_sees_the_notice_that_staff_printed_without_a_link(
    sealing_office: Office, client: Client
) -> None:
    await sealing_office.pin(notice_printable=False)
    doctor = await sealing_office.filed()
    printed = await client.data("issue_notice", sealing_office.province.body, input={"assessmentId": opaque(doctor)})
    assert printed["downloadUrl"]
    seen = (await client.data("result", doctor.caller, id=opaque(doctor)))["result"]["notice"]
    assert (seen["number"], seen["downloadUrl"]) == (printed["number"], None)


async def test_the_result_is_null_before_the_conclusion(sealing_office: Office, client: Client) -> None:
    doctor = await sealing_office.province.add_doctor()
    assert (await client.data("result", doctor.caller, id=opaque(doctor)))["result"] is None


async def test_who_may_not_is_refused_at_the_top(sealing_office: Office, client: Client) -> None:
    province = sealing_office.province
    doctor = await sealing_office.with_certificate()
    elsewhere = await build_sample(sealing_office.environment, code_suffix="X", region_code="980000")
    which = {"assessmentId": opaque(doctor)}
    for caller, refusal in ((None, NotLoggedIn), (province.body, Forbidden), (elsewhere.authority, NotFound)):
        outcome = await client.run("seal_certificate", caller, input=which)
        assert isinstance(outcome.errors[0].original_error, refusal)
    outcome = await client.run("results", doctor.caller, first=5)
    assert isinstance(outcome.errors[0].original_error, Forbidden)
    assert (await client.data("results", elsewhere.body, first=5))["edges"] == []


async def test_the_list_pages_and_its_queries_do_not_grow(sealing_office: Office, client: Client) -> None:
    body = sealing_office.province.body
    made = [opaque(await sealing_office.filed()) for _ in range(5)]
    await sealing_office.concluded()
    with count_queries() as few:
        page = await client.data("results", body, states=["FILED"], first=2)
    with count_queries() as many:
        whole = await client.data("results", body, states=["FILED"], first=50)
    assert len(few) == len(many) <= 5
    assert [edge["node"]["assessment"]["id"] for edge in whole["edges"]] == made
    walked = []
    while True:
        walked += [edge["node"]["assessment"]["id"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        page = await client.data("results", body, states=["FILED"], first=2, after=page["pageInfo"]["endCursor"])
    assert walked == made


async def test_queries_of_filing_do_not_grow_with_the_list(sealing_office: Office, client: Client) -> None:
    doctors = [opaque(await sealing_office.concluded()) for _ in range(6)]
    body = sealing_office.province.body
    with count_queries() as one:
        await client.data("file_results", body, input={"assessmentIds": doctors[:1]})
    with count_queries() as five:
        await client.data("file_results", body, input={"assessmentIds": doctors[1:]})
    assert len(one) == len(five)


async def test_results_and_documents_are_nodes_within_scope(sealing_office: Office, client: Client) -> None:
    doctor = await sealing_office.with_certificate()
    other = await sealing_office.concluded(ground=ConclusionGround.PAPER_FAILED, verdict=Verdict.UNQUALIFIED)
    info: Any = Info(client.context(doctor.caller))
    found = (await read_results([doctor.assessment_id]))[doctor.assessment_id]
    node: Any = await results.NODES["Result"](info, found.id)
    assert decode_id("Result", node.id) == found.id
    certificate = await client.data("issue_certificate", doctor.caller, input={"assessmentId": opaque(doctor)})
    document: Any = await results.NODES["Document"](info, decode_id("Document", certificate["id"]))
    assert document.number == certificate["number"]
    foreign: Any = Info(client.context(other.caller))
    for name, key in (("Result", found.id), ("Document", decode_id("Document", certificate["id"]))):
        with pytest.raises(NotFound):
            await results.NODES[name](foreign, key)
