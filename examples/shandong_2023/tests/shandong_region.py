"""Doctors of the sample and the staff who decide, through clients of the running application."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from dingkao.plugin.caller import Caller
from dingkao.plugin.ids import encode_id
from dingkao.testing.progress import submit_registration
from dingkao.testing.sample import SampleDoctor, SampleProvince
from dingkao.testing.web import Client

ClientOf = Callable[..., Awaitable[Client]]

PROBLEM = """
  ... on Problem { code message }
  ... on StateProblem { currentState }
"""
DRAW = f"""
mutation Draw($input: Shandong2023DrawInput!) {{
  drawSpotChecks(input: $input) {{ __typename ... on Shandong2023Draw {{ id pool drawn percent seed }} {PROBLEM} }}
}}
"""
CHECK = "id state submissionNumber orderReason finding decidedAt"
ORDER = f"""
mutation Order($input: Shandong2023OrderInput!) {{
  orderSpotCheck(input: $input) {{
    __typename ... on Shandong2023SpotCheck {{ {CHECK} }} {PROBLEM}
    ... on ValidationProblem {{ fields {{ path code }} }}
  }}
}}
"""
FINDING = f"""
mutation Finding($input: Shandong2023FindingInput!) {{
  recordSpotCheck(input: $input) {{
    __typename ... on Shandong2023SpotCheck {{ {CHECK} assessment {{ id state conclusion }} }} {PROBLEM}
    ... on ValidationProblem {{ fields {{ path code }} }}
  }}
}}
"""
QUEUE = f"""
query Queue($first: Int! = 20, $after: String) {{
  spotCheckQueue(first: $first, after: $after) {{
    edges {{ node {{ {CHECK} assessment {{ id doctor {{ name }} }} }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""
CHECKS_OF = f"""
query ChecksOf($id: ID!) {{
  assessment(id: $id) {{
    state conclusion spotChecks {{ {CHECK} }}
    unmetRequirements {{ code title step reasons {{ code message }} }}
    actions {{ code allowed reasons {{ code }} }}
  }}
}}
"""


@dataclass(frozen=True)
class Region:
    """The sample, and what its people do again and again."""

    province: SampleProvince
    client_of: ClientOf

    async def run(self, caller: Caller | None, query: str, **variables: Any) -> Any:
        """Somebody runs an operation of this plugin; the first field's value."""
        return await (await self.client_of(caller)).value(query, **variables)

    async def operation(self, caller: Caller | None, name: str, **variables: Any) -> Any:
        """Somebody runs one of Dingkao's documented operations."""
        return await (await self.client_of(caller)).operation(name, **variables)

    async def submitted(self, name: str, procedure: str = "SIMPLE", **options: Any) -> SampleDoctor:
        """A doctor whose submission the institution has approved: the body's turn."""
        doctor = await self.province.add_doctor(name, password_hash="unused", **options)
        await self.submit(doctor, procedure)
        return doctor

    async def submit(self, doctor: SampleDoctor, procedure: str = "SIMPLE", ethics: str = "QUALIFIED") -> None:
        """Submit (anew), and let the institution approve."""
        await submit_registration(self.province.environment, doctor, procedure)
        number = (await self.operation(doctor.caller, "ReadSubmission", id=key(doctor)))["latestSubmission"]["number"]
        ratings = [
            {"dimension": "WORK_PERFORMANCE", "verdict": "QUALIFIED"},
            {"dimension": "PROFESSIONAL_ETHICS", "verdict": ethics},
        ]
        submission = {"assessmentId": key(doctor), "submissionNumber": number, "decision": "APPROVED"}
        reviewed = await self.operation(
            self.province.institution, "ReviewByInstitution", input={**submission, "ratings": ratings}
        )
        assert reviewed["state"] == "INSTITUTION_APPROVED", reviewed

    async def approve(self, doctor: SampleDoctor, decision: str = "APPROVED", reason: str = "") -> Any:
        """The body decides on the latest submission; the answer, whatever it is."""
        number = (await self.operation(doctor.caller, "ReadSubmission", id=key(doctor)))["latestSubmission"]["number"]
        submission = {"assessmentId": key(doctor), "submissionNumber": number}
        return await self.operation(
            self.province.body, "ReviewByBody", input={**submission, "decision": decision, "reason": reason}
        )

    async def draw(self) -> Any:
        """The body draws among the sample's institution."""
        institution = encode_id("Organisation", self.province.institution_id)
        return await self.run(self.province.body, DRAW, input={"institutionId": institution})

    async def checks_of(self, doctor: SampleDoctor) -> Any:
        """The assessment as its spot checks and what they hold back, seen by the body."""
        return await self.run(self.province.body, CHECKS_OF, id=key(doctor))

    async def answer(self, doctor: SampleDoctor, *, confirmed: bool, finding: str = "") -> Any:
        """The body answers the doctor's latest check."""
        check = (await self.checks_of(doctor))["spotChecks"][-1]["id"]
        answer = {"spotCheckId": check, "confirmed": confirmed, "finding": finding}
        return await self.run(self.province.body, FINDING, input=answer)


def key(doctor: SampleDoctor) -> str:
    """The opaque id of the doctor's assessment."""
    return encode_id("Assessment", doctor.assessment_id)


def codes(problem: Any) -> list[str]:
    """The codes of a NotEligibleProblem's reasons."""
    assert problem["__typename"] == "NotEligibleProblem", problem
    return [reason["code"] for reason in problem["reasons"]]
