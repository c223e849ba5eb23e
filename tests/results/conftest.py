"""A province whose doctors can be concluded, a policy that can be set, a seal, and a reader of PDFs."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from pypdf import PdfReader

from dingkao.assessments.access import lock_assessment
from dingkao.assessments.form_tables import RegistrationForm
from dingkao.assessments.rules import Event
from dingkao.assessments.tables import Rating
from dingkao.audit.work import begin
from dingkao.documents.demo_seal import create_demo_seal_key
from dingkao.documents.pades_seal import PadesSealProvider
from dingkao.environment import Environment
from dingkao.papers.tables import AssessmentPaper, Attempt
from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.policy import PolicyLayer, stack
from dingkao.plugin.vocabulary import (
    RATED_DIMENSIONS,
    AssessmentState,
    FilePurpose,
    PaperState,
    PaperSubject,
    RatedBy,
    Verdict,
)
from dingkao.results.issuing import issue_certificate
from dingkao.results.service import conclude, file_results, notify_results
from dingkao.results.vocabulary import ConclusionGround
from dingkao.storage.files import new_file_name
from dingkao.storage.tables import StoredFile
from dingkao.testing.sample import REGION_CODE, SampleDoctor, SampleProvince, build_sample

PASSPHRASE = "four words of passphrase"


@dataclass(frozen=True)
class Office:
    """The sample province with what it takes to bring a doctor to a result."""

    environment: Environment
    province: SampleProvince

    async def pin(self, **documents: Any) -> None:
        """Let the running cycle pin these values of the documents' policy."""
        values = {f"documents.{key}": value for key, value in documents.items()}
        layer = PolicyLayer(REGION_CODE, "test", "1", "a test", values)
        await self.province.pin(stack(self.environment.registry.sections, [layer]))

    async def concluded(
        self,
        name: str = "张三",
        verdict: Verdict = Verdict.QUALIFIED,
        ground: ConclusionGround = ConclusionGround.ALL_PAPERS_PASSED,
        *,
        phone: str | None = "13800000000",
        photo: bytes | None = None,
        province: SampleProvince | None = None,
    ) -> SampleDoctor:
        """A doctor with ratings, one marked paper and a result."""
        place = province or self.province
        doctor = await place.add_doctor(
            name, state=AssessmentState.TESTING, procedure="SIMPLE", phone=phone, password_hash="unused"
        )
        failed = ground is ConclusionGround.RATING_FAILED
        for dimension in RATED_DIMENSIONS:
            rated = Verdict.UNQUALIFIED if failed and dimension is RATED_DIMENSIONS[1] else Verdict.QUALIFIED
            await Rating.insert(
                Rating(
                    assessment=doctor.assessment_id,
                    dimension=dimension.value,
                    rated_by=RatedBy.INSTITUTION.value,
                    verdict=rated.value,
                    rated_at=self.environment.clock.now(),
                )
            )
        if not failed:
            await self._add_paper(doctor, passed=verdict is Verdict.QUALIFIED)
        if photo is not None:
            await self._add_photo(doctor, photo)
        async with begin(self.environment, doctor.caller) as work:
            record = await lock_assessment(work, doctor.assessment_id)
            await conclude(work, record, verdict, ground, Event.CONCLUDE)
            await work.record("CONCLUDE", "Assessment", record.id)
        return doctor

    async def _add_paper(self, doctor: SampleDoctor, *, passed: bool) -> None:
        now = self.environment.clock.now()
        papers = await AssessmentPaper.insert(
            AssessmentPaper(
                assessment=doctor.assessment_id,
                subject=PaperSubject.HUMANITIES.value,
                position=1,
                state=(PaperState.PASSED if passed else PaperState.FAILED).value,
                attempts_used=1,
                changed_at=now,
            )
        ).returning(AssessmentPaper.id)
        await Attempt.insert(
            Attempt(
                paper=papers[0]["id"],
                number=1,
                state=AttemptState.MARKED.value,
                started_at=now,
                deadline=now,
                submitted_at=now,
                questions="[]",
                answer_key="{}",
                pass_percent=60,
                score_percent=87 if passed else 41,
                passed=passed,
            )
        )

    async def _add_photo(self, doctor: SampleDoctor, photo: bytes) -> None:
        name = new_file_name()
        await self.environment.files.put(name, photo, "image/jpeg")
        rows = await StoredFile.insert(
            StoredFile(
                assessment=doctor.assessment_id,
                purpose=FilePurpose.PHOTO.value,
                name=name,
                media_type="image/jpeg",
                size=len(photo),
                digest="0" * 64,
                uploaded_by=doctor.account_id,
                uploaded_at=self.environment.clock.now(),
            )
        ).returning(StoredFile.id)
        await RegistrationForm.update({RegistrationForm.photo: rows[0]["id"]}).where(
            RegistrationForm.assessment == doctor.assessment_id
        )

    async def filed(self, name: str = "张三", verdict: Verdict = Verdict.QUALIFIED, **options: Any) -> SampleDoctor:
        """A doctor whose result is filed."""
        passed = verdict is Verdict.QUALIFIED
        ground = ConclusionGround.ALL_PAPERS_PASSED if passed else ConclusionGround.PAPER_FAILED
        doctor = await self.concluded(name, verdict, ground, **options)
        await file_results(self.environment, self.province.body, [doctor.assessment_id])
        return doctor

    async def notified(self, name: str = "张三", verdict: Verdict = Verdict.QUALIFIED) -> SampleDoctor:
        """A doctor who was notified of his result."""
        doctor = await self.filed(name, verdict)
        report = await notify_results(self.environment, self.province.body, [doctor.assessment_id])
        assert report.notified == [doctor.assessment_id]
        return doctor

    async def with_certificate(self, name: str = "张三") -> SampleDoctor:
        """A doctor whose certificate is printed and not sealed."""
        doctor = await self.filed(name)
        await issue_certificate(self.environment, self.province.body, doctor.assessment_id)
        return doctor


@pytest.fixture
async def office(environment: Environment) -> Office:
    office = Office(environment, await build_sample(environment))
    await office.pin(notice_printable=True)
    return office


@pytest.fixture(scope="session")
def seal_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("seal") / "seal.p12"
    create_demo_seal_key(path, PASSPHRASE, "示范省卫生健康委员会", now=datetime(2026, 1, 1, tzinfo=UTC))
    return path


@pytest.fixture
def sealing_office(office: Office, seal_key: Path) -> Office:
    """The office where a seal is configured."""
    environment = replace(office.environment, seal=PadesSealProvider(seal_key, PASSPHRASE))
    return Office(environment, office.province)


@pytest.fixture(scope="session")
def photo() -> bytes:
    image = Image.new("RGB", (295, 413), "white")
    ImageDraw.Draw(image).rectangle((60, 80, 235, 400), fill=(20, 120, 220))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@pytest.fixture
def text_of(environment: Environment) -> Callable[[str], Any]:
    """Reads a stored PDF back as text, without line breaks and spaces."""

    async def read(file_name: str) -> str:
        pages = PdfReader(io.BytesIO(await environment.files.get(file_name))).pages
        return "".join("".join(page.extract_text() for page in pages).split())

    return read
