"""What the plugins add to the API, through the operations that clients copy."""

from typing import Any

import pytest
from exemption_kit import Enrol, Enrolled

from dingkao.context import CoreContext
from dingkao.db.counting import count_queries
from dingkao.environment import Environment
from dingkao.host.services import CoreServices
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import AccessRefused
from dingkao.plugin.ids import encode_id
from dingkao.plugin.text import Language
from dingkao.plugin.vocabulary import AssessmentState
from dingkao.testing.sample import SampleProvince
from dingkao.testing.shared import shared_schema
from dingkao.web.execution import Executor
from dingkao.web.operations import load_operations

OPERATIONS = {operation.name: operation.text for operation in load_operations()}
EVERYTHING = """
query Everything($first: Int!) {
  assessments(first: $first) {
    edges { node {
      id
      localGuidance
      actions { code allowed reasons { code } }
      exemptionConditions { code allowed reasons { code message } }
      exemptions { id lapsed proofs { kind file { id url } } assessment { id } institutionOpinion { reason } }
    } }
  }
}
"""


class Client:
    """Runs operations as an account, as the HTTP view does."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._executor = Executor(shared_schema(environment.registry))
        self._services = CoreServices(environment)
        self.queries = 0

    async def run(
        self, caller: Caller | None, operation: str, language: Language = Language.CHINESE, **variables: Any
    ) -> Any:
        """The data; a top-level error is raised as what it was."""
        context = CoreContext(self._environment, caller, language, self._services, "test", "127.0.0.1")
        with count_queries() as queries:
            outcome = await self._executor.run(OPERATIONS.get(operation, operation), variables, None, context)
        self.queries = len(queries)
        for error in outcome.errors:
            raise error.original_error or error
        return outcome.data

    async def mutate(self, caller: Caller | None, operation: str, **input: Any) -> Any:
        """The one field's answer."""
        (answer,) = (await self.run(caller, operation, input=input)).values()
        return answer


@pytest.fixture
def client(environment: Environment) -> Client:
    return Client(environment)


def opaque(enrolled: Enrolled) -> str:
    return encode_id("Assessment", enrolled.assessment_id)


async def ask(client: Client, enrolled: Enrolled, *conditions: str) -> Any:
    return await client.mutate(
        enrolled.caller,
        "RequestExemption",
        assessmentId=opaque(enrolled),
        conditions=list(conditions) or ["RESIDENCY_TRAINING"],
        proofs=[{"file": file} for file in enrolled.files],
    )


async def test_the_way_of_an_exemption(client: Client, province: SampleProvince, enrol: Enrol) -> None:
    enrolled = await enrol()
    before = (await client.run(enrolled.caller, "ExemptionConditions", id=opaque(enrolled)))["assessment"]
    assert [(option["code"], option["allowed"]) for option in before["exemptionConditions"]] == [
        ("RESIDENCY_TRAINING", True),
        ("NEXT_TITLE_EXAM", True),
    ]
    assert {option["subject"] for option in before["exemptionConditions"]} == {"PROFESSIONAL"}
    assert before["exemptions"] == []

    asked = await ask(client, enrolled, "RESIDENCY_TRAINING", "NEXT_TITLE_EXAM")
    assert (asked["__typename"], asked["state"], asked["waitingFor"]) == ("Exemption", "REQUESTED", "INSTITUTION")

    after = (await client.run(enrolled.caller, "ExemptionConditions", id=opaque(enrolled)))["assessment"]
    assert [option["reasons"][0]["code"] for option in after["exemptionConditions"]] == ["EXEMPTION_OPEN"] * 2

    queue = (await client.run(province.institution, "ExemptionQueue", level="INSTITUTION"))["exemptionQueue"]
    (edge,) = queue["edges"]
    assert edge["node"]["id"] == asked["id"]
    assert edge["node"]["procedureTitle"] == "一般程序"
    assert edge["node"]["assessment"]["doctor"]["name"] == "张三"
    assert [proof["file"]["title"] for proof in edge["node"]["proofs"]] == ["证书0.pdf", "证书1.pdf"]
    assert edge["node"]["proofs"][0]["file"]["url"].startswith(f"/files/{enrolled.files[0]}?account=")

    decision = {"exemptionId": asked["id"], "decision": "APPROVE"}
    answer = await client.mutate(province.institution, "DecideExemption", level="INSTITUTION", **decision)
    assert (answer["__typename"], answer["waitingFor"]) == ("Exemption", "BODY")
    again = await client.mutate(province.institution, "DecideExemption", level="INSTITUTION", **decision)
    assert (again["__typename"], again["code"]) == ("StateProblem", "NOT_IN_THIS_STATE")
    answer = await client.mutate(province.body, "DecideExemption", level="BODY", **decision)
    assert (answer["state"], answer["waitingFor"]) == ("BODY_APPROVED", None)

    seen = (await client.run(enrolled.caller, "Exemption", id=asked["id"]))["exemption"]
    assert (seen["state"], seen["lapsed"]) == ("BODY_APPROVED", False)
    assert [seen[name]["decision"] for name in ("institutionOpinion", "bodyOpinion")] == ["APPROVE", "APPROVE"]
    options = (await client.run(enrolled.caller, "ExemptionConditions", id=opaque(enrolled)))["assessment"]
    assert options["exemptionConditions"][0]["reasons"][0]["message"] == "业务水平试卷已免考。"


async def test_an_exemption_of_the_only_paper_concludes(client: Client, province: SampleProvince, enrol: Enrol) -> None:
    enrolled = await enrol("SIMPLE")
    asked = await ask(client, enrolled, "HUMANITIES_EDUCATION")
    for caller, level in ((province.institution, "INSTITUTION"), (province.body, "BODY")):
        answer = await client.mutate(
            caller, "DecideExemption", exemptionId=asked["id"], level=level, decision="APPROVE"
        )
    assert answer["state"] == "BODY_APPROVED"
    query = "query Q($id: ID!) { assessment(id: $id) { state conclusion } }"
    assert (await client.run(enrolled.caller, query, id=opaque(enrolled)))["assessment"] == {
        "state": "CONCLUDED",
        "conclusion": "QUALIFIED",
    }


async def test_refusals_are_data_in_the_readers_language(
    client: Client, province: SampleProvince, enrol: Enrol
) -> None:
    enrolled, returned = await enrol(files=0), await enrol(state=AssessmentState.RETURNED)
    answer = await ask(client, enrolled)
    assert answer["__typename"] == "ValidationProblem"
    assert [(field["path"], field["message"]) for field in answer["fields"]] == [("proofs", "请至少上传1份证明材料。")]
    answer = await ask(client, returned)
    assert (answer["__typename"], answer["code"], answer["currentState"]) == (
        "StateProblem",
        "ENROLMENT_NOT_COMPLETE",
        "RETURNED",
    )
    shown = await client.run(returned.caller, "ExemptionConditions", Language.ENGLISH, id=opaque(returned))
    option = shown["assessment"]["exemptionConditions"][0]
    assert option["title"] == "Residency training completed within the cycle"
    assert option["reasons"][0]["message"] == "An exemption may be asked for once enrolment is complete."


async def test_what_is_out_of_scope_does_not_exist(client: Client, province: SampleProvince, enrol: Enrol) -> None:
    enrolled, other = await enrol(), await enrol()
    asked = await ask(client, enrolled)
    for caller, code in ((other.caller, "NOT_FOUND"), (None, "UNAUTHENTICATED")):
        with pytest.raises(AccessRefused) as caught:
            await client.run(caller, "Exemption", id=asked["id"])
        assert caught.value.code == code
    for id in (encode_id("Exemption", 10**6), encode_id("Assessment", 1), "nonsense"):
        with pytest.raises(AccessRefused) as caught:
            await client.run(enrolled.caller, "Exemption", id=id)
        assert caught.value.code == "NOT_FOUND"
    with pytest.raises(AccessRefused) as caught:
        await client.run(other.caller, "ExemptionQueue", level="BODY")
    assert caught.value.code == "FORBIDDEN"


async def test_the_queue_is_read_in_pages(client: Client, province: SampleProvince, enrol: Enrol) -> None:
    asked = [(await ask(client, await enrol()))["id"] for _ in range(5)]
    seen: list[str] = []
    after = None
    for _ in range(3):
        page = await client.run(province.institution, "ExemptionQueue", level="INSTITUTION", first=2, after=after)
        seen += [edge["node"]["id"] for edge in page["exemptionQueue"]["edges"]]
        after = page["exemptionQueue"]["pageInfo"]["endCursor"]
    assert seen == asked
    assert not page["exemptionQueue"]["pageInfo"]["hasNextPage"]


async def test_the_doctors_actions_hold_the_request(client: Client, enrol: Enrol) -> None:
    query = "query Q($id: ID!) { assessment(id: $id) { actions { code title allowed reasons { code } } } }"
    for state, expected in (
        (AssessmentState.BODY_APPROVED, []),
        (AssessmentState.RETURNED, ["ENROLMENT_NOT_COMPLETE"]),
    ):
        enrolled = await enrol(state=state)
        actions = (await client.run(enrolled.caller, query, id=opaque(enrolled)))["assessment"]["actions"]
        (action,) = [action for action in actions if action["code"] == "REQUEST_EXEMPTION"]
        assert (action["title"], action["allowed"]) == ("申请免考", not expected)
        assert [reason["code"] for reason in action["reasons"]] == expected


async def test_the_regions_guidance(client: Client, province: SampleProvince) -> None:
    doctor = await province.add_doctor(state=AssessmentState.OPENED)
    query = "query Q($id: ID!) { assessment(id: $id) { localGuidance } }"
    id = encode_id("Assessment", doctor.assessment_id)
    guidance = (await client.run(doctor.caller, query, id=id))["assessment"]["localGuidance"]
    assert "如发现所在机构不对需调整，请联系上级卫生行政机构处理。" in guidance
    english = await client.run(doctor.caller, query, Language.ENGLISH, id=id)
    assert english["assessment"]["localGuidance"][0].startswith("If your institution is wrong")


async def test_queries_do_not_grow_with_the_number_of_rows(
    client: Client, province: SampleProvince, enrol: Enrol
) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            await ask(client, await enrol())
        listed = await client.run(province.institution, EVERYTHING, first=20)
        queries = [client.queries]
        queue = await client.run(province.institution, "ExemptionQueue", level="INSTITUTION")
        queries.append(client.queries)
        counts.append((len(listed["assessments"]["edges"]), len(queue["exemptionQueue"]["edges"]), queries))
    assert [(listed, queued) for listed, queued, _ in counts] == [(3, 3), (6, 6)]
    assert counts[0][2] == counts[1][2]
    everything, queue = counts[1][2]
    assert everything <= 16
    assert queue <= 8
