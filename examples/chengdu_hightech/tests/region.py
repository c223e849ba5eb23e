"""A doctor of the sample and the staff who decide, each through a client of the running application."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from dingkao.plugin.ids import encode_id
from dingkao.testing.clock import SettableClock
from dingkao.testing.progress import made_up_picture, submit_registration
from dingkao.testing.sample import SampleDoctor, SampleProvince
from dingkao.testing.web import Client

ClientOf = Callable[..., Awaitable[Client]]


def on(clock: SettableClock, day: date) -> None:
    """Set the clock to 10:00 in China on `day`. Sessions end with the day: make clients anew."""
    clock.set(datetime.combine(day, time(2), UTC))


@dataclass(frozen=True)
class Way:
    """What a doctor and the staff of his sample do, one after another."""

    province: SampleProvince
    doctor: SampleDoctor
    client_of: ClientOf

    @property
    def assessment(self) -> str:
        """The opaque id of the assessment."""
        return encode_id("Assessment", self.doctor.assessment_id)

    async def as_doctor(self, operation: str, **variables: Any) -> Any:
        """The doctor runs an operation."""
        return await (await self.client_of(self.doctor.caller)).operation(operation, **variables)

    async def as_institution(self, operation: str, **variables: Any) -> Any:
        """The institution's officer runs an operation."""
        return await (await self.client_of(self.province.institution)).operation(operation, **variables)

    async def as_body(self, operation: str, **variables: Any) -> Any:
        """The assessment body's reviewer runs an operation."""
        return await (await self.client_of(self.province.body)).operation(operation, **variables)

    async def submit(self, procedure: str = "GENERAL") -> None:
        """The form, complete, is submitted."""
        await submit_registration(self.province.environment, self.doctor, procedure)

    async def review(self, ethics: str = "QUALIFIED") -> None:
        """The first round: institution, then body; a failed rating is confirmed, and ends the assessment."""
        submission = {"assessmentId": self.assessment, "submissionNumber": 1}
        ratings = [
            {"dimension": "WORK_PERFORMANCE", "verdict": "QUALIFIED"},
            {"dimension": "PROFESSIONAL_ETHICS", "verdict": ethics},
        ]
        first = await self.as_institution(
            "ReviewByInstitution", input={**submission, "decision": "APPROVED", "ratings": ratings}
        )
        assert first["state"] == "INSTITUTION_APPROVED", first
        decision = "APPROVED" if ethics == "QUALIFIED" else "FAILURE_CONFIRMED"
        second = await self.as_body("ReviewByBody", input={**submission, "decision": decision, "reason": "情况属实"})
        assert second["state"] in ("BODY_APPROVED", "CONCLUDED"), second

    async def upload_proof(self) -> str:
        """Upload a picture as a proof; returns its id."""
        client = await self.client_of(self.doctor.caller)
        answer = await client.upload(self.assessment, "EXEMPTION_PROOF", made_up_picture("PNG"), "证书.png")
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def ask(self, condition: str, *kinds: str | None) -> Any:
        """Ask for the exemption on `condition` with a new proof of each of `kinds`; the answer, whatever it is."""
        proofs = [{"file": await self.upload_proof(), "kind": kind} for kind in kinds]
        asked = {"assessmentId": self.assessment, "conditions": [condition], "proofs": proofs}
        return await self.as_doctor("RequestExemption", input=asked)

    async def decide(self, exemption: str, level: str) -> Any:
        """One level of the second round approves."""
        run = self.as_institution if level == "INSTITUTION" else self.as_body
        return await run("DecideExemption", input={"exemptionId": exemption, "level": level, "decision": "APPROVE"})

    async def options(self) -> dict[str, Any]:
        """The conditions as the doctor sees them, by code."""
        shown = await self.as_doctor("ExemptionConditions", id=self.assessment)
        return {option["code"]: option for option in shown["exemptionConditions"]}

    async def papers(self) -> dict[str, str]:
        """The state of each paper by its subject."""
        shown = await self.as_doctor("Papers", id=self.assessment)
        return {paper["subject"]: paper["state"] for paper in shown["papers"]}

    async def announce(self) -> None:
        """The body files the result."""
        filed = await self.as_body("FileResults", input={"assessmentIds": [self.assessment]})
        assert filed["__typename"] == "FiledResults", filed
