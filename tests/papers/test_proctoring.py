"""Consent to face capture and the capture, before the first test (manual 2.2.5)."""

import asyncio
import hashlib
from dataclasses import dataclass, field, replace

import pytest

from dingkao.assessments.service.uploads import upload_file
from dingkao.papers.attempts import start_attempt
from dingkao.papers.proctoring import give_face_consent, read_face_status, record_face_capture
from dingkao.papers.tables import FaceCapture, FaceConsent
from dingkao.plugin.ports import FaceVerdict, PortFailed
from dingkao.plugin.vocabulary import AssessmentState, FilePurpose
from dingkao.ports import GuardedFaceVerifier
from dingkao.testing.progress import made_up_picture
from dingkao.testing.refusals import refused_access, refused_fields, refused_reasons, refused_state
from dingkao.testing.sample import SampleDoctor

from .sittings import Sittings

VERSION, WORDING = "2026-9", "授权书全文"


@dataclass
class Service:
    """A face service of the test's own: it answers, refuses, breaks or keeps silent."""

    verdict: FaceVerdict | Exception | None
    asked: list[tuple[str, bytes]] = field(default_factory=list)

    async def verify(self, subject: str, image: bytes) -> FaceVerdict:
        self.asked.append((subject, image))
        if self.verdict is None:
            await asyncio.Event().wait()
        if isinstance(self.verdict, Exception):
            raise self.verdict
        assert self.verdict is not None
        return self.verdict


@pytest.fixture
async def watched(sittings: Sittings) -> Sittings:
    await sittings.pin(face_capture=True, face_consent_version=VERSION, face_consent_text=WORDING)
    return sittings


async def _capture(sittings: Sittings, doctor: SampleDoctor) -> int:
    picture = made_up_picture("PNG")
    purpose = FilePurpose.FACE_CAPTURE
    return (await upload_file(sittings.environment, doctor.caller, doctor.assessment_id, purpose, "", picture)).id


async def test_the_first_test_waits_for_consent_and_capture(watched: Sittings) -> None:
    environment = watched.environment
    doctor = await watched.doctor()
    paper = (await watched.papers(doctor))[0].id
    start = lambda: start_attempt(environment, doctor.caller, paper)  # noqa: E731
    assert await refused_reasons(start()) == ["FACE_CAPTURE_MISSING", "FACE_CONSENT_MISSING"]
    await give_face_consent(environment, doctor.caller, doctor.assessment_id, VERSION)
    assert await refused_reasons(start()) == ["FACE_CAPTURE_MISSING"]
    file = await _capture(watched, doctor)
    assert await record_face_capture(environment, doctor.caller, doctor.assessment_id, file)
    await start()
    assert await watched.states(doctor) == ["IN_PROGRESS", "LOCKED"]


async def test_consent_is_to_one_text_once(watched: Sittings) -> None:
    environment = watched.environment
    doctor = await watched.doctor()
    old = give_face_consent(environment, doctor.caller, doctor.assessment_id, "2025-1")
    assert await refused_fields(old) == [("textVersion", "CONSENT_TEXT_OUTDATED")]
    assert not await FaceConsent.exists()
    await asyncio.gather(
        *(give_face_consent(environment, doctor.caller, doctor.assessment_id, VERSION) for _ in range(3))
    )
    (consent,) = await FaceConsent.objects()
    assert (consent.text_version, consent.given_at, consent.account) == (
        VERSION,
        environment.clock.now(),
        doctor.account_id,
    )
    assert consent.text_digest == hashlib.sha256(WORDING.encode()).hexdigest()


async def test_consent_is_the_doctors_alone_and_has_its_time(watched: Sittings) -> None:
    environment, province = watched.environment, watched.province
    doctor, other = await watched.doctor(), await watched.doctor()
    for caller, code in (
        (None, "UNAUTHENTICATED"),
        (other.caller, "NOT_FOUND"),
        (province.institution, "FORBIDDEN"),
        (province.authority, "FORBIDDEN"),
    ):
        consent = give_face_consent(environment, caller, doctor.assessment_id, VERSION)
        assert await refused_access(consent) == code
        assert await refused_access(record_face_capture(environment, caller, doctor.assessment_id, 1)) == code
    early = await watched.doctor(state=AssessmentState.SUBMITTED, opened=False)
    consent = give_face_consent(environment, early.caller, early.assessment_id, VERSION)
    assert await refused_state(consent) == ("TESTS_NOT_OPEN", "SUBMITTED")


async def test_a_capture_needs_consent_and_a_file_of_its_own(watched: Sittings) -> None:
    environment = watched.environment
    doctor, other = await watched.doctor(), await watched.doctor()
    file = await _capture(watched, doctor)
    capture = record_face_capture(environment, doctor.caller, doctor.assessment_id, file)
    assert await refused_reasons(capture) == ["FACE_CONSENT_MISSING"]
    for one in (doctor, other):
        await give_face_consent(environment, one.caller, one.assessment_id, VERSION)
    foreign = record_face_capture(environment, other.caller, other.assessment_id, file)
    assert await refused_access(foreign) == "NOT_FOUND"
    assert not await FaceCapture.exists()


@pytest.mark.parametrize(
    ("verdict", "reference"),
    [
        (FaceVerdict(accepted=False, reference="other-person"), "other-person"),
        (PortFailed("no connection"), "failed:UNAVAILABLE"),
        (ValueError("a mistake in the plugin"), "failed:BROKEN"),
        (None, "failed:TIMED_OUT"),
    ],
    ids=["refused", "unreachable", "broken", "silent"],
)
async def test_a_failing_service_is_a_flag_and_loses_nothing(
    watched: Sittings, verdict: FaceVerdict | Exception | None, reference: str
) -> None:
    service = Service(verdict)
    seconds = 1.0 if verdict is None else 10.0
    environment = replace(watched.environment, face=GuardedFaceVerifier(service, "faces", seconds=seconds))
    doctor = await watched.doctor()
    await give_face_consent(environment, doctor.caller, doctor.assessment_id, VERSION)
    file = await _capture(watched, doctor)
    assert await record_face_capture(environment, doctor.caller, doctor.assessment_id, file) is False
    (kept,) = await FaceCapture.objects()
    assert (kept.accepted, kept.verifier_reference, kept.file) == (False, reference, file)
    assert (await read_face_status([doctor.assessment_id]))[0].captured_at is None
    start = start_attempt(environment, doctor.caller, (await watched.papers(doctor))[0].id)
    assert await refused_reasons(start) == ["FACE_CAPTURE_MISSING"]
    # Tried again with a service that works, it goes on.
    service.verdict = FaceVerdict(accepted=True, reference="x" * 500)
    again = await _capture(watched, doctor)
    assert await record_face_capture(environment, doctor.caller, doctor.assessment_id, again)
    await start_attempt(environment, doctor.caller, (await watched.papers(doctor))[0].id)


async def test_the_service_knows_a_doctor_by_a_name_that_says_nothing(watched: Sittings) -> None:
    service = Service(FaceVerdict(accepted=True, reference="1"))
    environment = replace(watched.environment, face=service)
    doctors = [await watched.doctor(), await watched.doctor()]
    for doctor in (doctors[0], doctors[0], doctors[1]):
        await give_face_consent(environment, doctor.caller, doctor.assessment_id, VERSION)
        file = await _capture(watched, doctor)
        await record_face_capture(environment, doctor.caller, doctor.assessment_id, file)
    first, second, third = (subject for subject, _ in service.asked)
    assert first == second != third
    assert all(doctor.document_number not in subject for doctor in doctors for subject in (first, third))
    assert all(image.startswith((b"\x89PNG", b"\xff\xd8")) for _, image in service.asked)


async def test_without_the_rule_nothing_is_asked_for(sittings: Sittings) -> None:
    doctor = await sittings.doctor()
    await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    assert not await FaceConsent.exists()


async def test_the_status_of_many_takes_two_queries(watched: Sittings) -> None:
    doctors = [await watched.doctor() for _ in range(3)]
    await give_face_consent(watched.environment, doctors[1].caller, doctors[1].assessment_id, VERSION)
    status = await read_face_status([doctor.assessment_id for doctor in doctors])
    assert [one.text_version for one in status] == [None, VERSION, None]
