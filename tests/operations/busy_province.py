"""A province with a chosen number of everything, and a client that counts the SQL statements of each operation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from typing import Any

import httpx
from PIL import Image

from dingkao.assessments.tables import Rating, Submission
from dingkao.db.counting import count_queries
from dingkao.doctors.tables import BehaviourRecord
from dingkao.environment import Environment
from dingkao.institutions.tables import Organisation
from dingkao.papers.tables import AssessmentPaper, Attempt
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import AssessmentState, PaperState, PaperSubject, RatedBy, ReviewLevel, Verdict
from dingkao.reviews.tables import Review
from dingkao.reviews.vocabulary import Decision
from dingkao.testing.sample import SampleDoctor, SampleProvince
from dingkao.testing.web import token_for
from dingkao.web.operations import load_operations


def _small_proof() -> bytes:
    stream = BytesIO()
    Image.new("RGB", (200, 200), "white").save(stream, "PNG")
    return stream.getvalue()


# As small as a proof may be: hundreds are uploaded.
SMALL_PROOF = _small_proof()
TEXTS: Mapping[str, str] = {operation.name: operation.text for operation in load_operations()}


@dataclass
class CountingClient:
    """Runs operations over the ASGI application; keeps how many SQL statements each took when it was counted."""

    http: httpx.AsyncClient
    counts: dict[str, int] = field(default_factory=dict)

    async def run(self, token: str | None, operation: str, /, *, counted: bool = True, **variables: Any) -> Any:
        """The first field's value; the operation must succeed. A second counted run must take as many statements."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"query": TEXTS[operation], "variables": variables}
        with count_queries() as queries:
            response = await self.http.post("/graphql", json=body, headers=headers)
        answer = response.json()
        assert "errors" not in answer, (operation, answer)
        value = next(iter(answer["data"].values()))
        if isinstance(value, dict):
            assert not value.get("__typename", "").endswith("Problem"), (operation, value)
        if counted:
            assert operation not in self.counts, f"{operation} was counted already"
            self.counts[operation] = len(queries)
        return value

    async def upload(self, token: str, assessment_id: str, purpose: str, data: bytes) -> str:
        """POST /files; the file's id."""
        response = await self.http.post(
            "/files",
            data={"assessmentId": assessment_id, "purpose": purpose},
            files={"file": ("file", data)},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert response.status_code == httpx.codes.CREATED, response.text
        return str(response.json()["id"])


def assessment_id(doctor: SampleDoctor) -> str:
    """The opaque id of the doctor's assessment."""
    return encode_id("Assessment", doctor.assessment_id)


async def token_of(environment: Environment, account_id: int) -> str:
    """A session of the account that lets do everything: logging in is a matter of its own."""
    return await token_for(environment, account_id)


async def add_organisations(province: SampleProvince, number: int) -> None:
    """Further institutions in the province's region."""
    rows = [
        Organisation(code=f"H9{place:03d}", name=f"示范医院{place}", region=province.region_id, is_institution=True)
        for place in range(number)
    ]
    await Organisation.insert(*rows)


async def add_behaviour(province: SampleProvince, doctor: SampleDoctor, number: int) -> None:
    """Good behaviour records in the cycle."""
    rows = [
        BehaviourRecord(
            doctor=doctor.doctor_id,
            polarity="GOOD",
            kind="AWARD",
            occurred_on=date(2025, 5, 1 + place),
            description="表彰",
            recorded_by=province.authority_id,
            recorded_at=province.environment.clock.now(),
        )
        for place in range(number)
    ]
    await BehaviourRecord.insert(*rows)


async def add_doctors(
    province: SampleProvince, number: int, state: AssessmentState, verdict: Verdict = Verdict.QUALIFIED
) -> list[SampleDoctor]:
    """Doctors on the general procedure in `state`, each with `number` submissions and reviews, ratings and papers."""
    now = province.environment.clock.now()
    doctors = []
    for place in range(number):
        doctor = await province.add_doctor(f"医师{place}", state=state, procedure="GENERAL", password_hash="unused")
        doctors.append(doctor)
        identity = doctor.assessment_id
        await Submission.insert(
            *[
                Submission(assessment=identity, number=turn, content="{}", digest="0" * 64, submitted_at=now)
                for turn in range(1, number + 1)
            ]
        )
        await Review.insert(
            *[
                Review(
                    assessment=identity,
                    submission_number=turn,
                    level=ReviewLevel.INSTITUTION.value,
                    decision=Decision.RETURNED_TO_DOCTOR.value,
                    reason="请补充",
                    reviewer=province.institution.account_id,
                    organisation=province.institution_id,
                    decided_at=now,
                )
                for turn in range(1, number + 1)
            ]
        )
        await Rating.insert(
            Rating(
                assessment=identity,
                dimension="PROFESSIONAL_ETHICS",
                rated_by=RatedBy.INSTITUTION.value,
                verdict=verdict.value,
                rated_at=now,
            )
        )
        await AssessmentPaper.insert(
            *[
                AssessmentPaper(
                    assessment=identity,
                    subject=subject.value,
                    position=position,
                    state=PaperState.LOCKED.value,
                    attempts_allowed=1,
                    changed_at=now,
                )
                for position, subject in enumerate((PaperSubject.HUMANITIES, PaperSubject.PROFESSIONAL), start=1)
            ]
        )
    return doctors


async def add_waiting_papers(province: SampleProvince, number: int) -> None:
    """Doctors whose humanities paper waits for its pass mark: as many that will pass, and as many that will not."""
    now = province.environment.clock.now()
    for doctor in await add_doctors(province, 2 * number, AssessmentState.TESTING):
        paper = (AssessmentPaper.assessment == doctor.assessment_id) & (AssessmentPaper.position == 1)
        await AssessmentPaper.update({AssessmentPaper.state: PaperState.PENDING_CUTOFF.value}).where(paper)
        row = await AssessmentPaper.select(AssessmentPaper.id).where(paper).first()
        assert row is not None
        await AssessmentPaper.delete().where(
            (AssessmentPaper.assessment == doctor.assessment_id) & (AssessmentPaper.position == 2)
        )
        await Attempt.insert(
            Attempt(
                paper=row["id"],
                number=1,
                state="MARKED",
                started_at=now,
                deadline=now,
                submitted_at=now,
                questions="[]",
                answer_key="{}",
                score_percent=40 + 40 * (doctor.assessment_id % 2),
            )
        )
