"""Who may begin a test as far as his face goes: consent, capture, an invigilator's word (manual 2.2.5; PIPL Art. 15,
29; face recognition measures 2025, Art. 10)."""

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.papers.sittings import Sittings

from dingkao.audit.tables import AuditEntry
from dingkao.environment import Environment
from dingkao.papers.attempts import start_attempt
from dingkao.plugin.caller import Caller
from dingkao.plugin.ports import FaceVerdict, PortFailed
from dingkao.plugin.vocabulary import AssessmentState
from dingkao.ports import GuardedFaceVerifier
from dingkao.proctoring.capturing import Capture, capture_face
from dingkao.proctoring.consent import give_face_consent, withdraw_face_consent
from dingkao.proctoring.identity import identify_in_person
from dingkao.proctoring.records import read_face_status, read_flags
from dingkao.proctoring.tables import FaceCapture, FaceConsent, FaceImage, InPersonCheck, ProctorFlag
from dingkao.proctoring.vocabulary import CaptureOutcome, ConsentChannel
from dingkao.testing.progress import made_up_picture
from dingkao.testing.refusals import refused_access, refused_fields, refused_reasons, refused_state
from dingkao.testing.sample import SampleDoctor

from .conftest import VERSION, WORDING


@dataclass
class Service:
    """A face service of the test's own: it answers, refuses, breaks or keeps silent."""

    verdict: FaceVerdict | Exception | None
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)

    async def verify(self, subject: str, image: bytes) -> FaceVerdict:
        self.asked.append((subject, image))
        if self.verdict is None:
            await asyncio.Event().wait()
        if isinstance(self.verdict, Exception):
            raise self.verdict
        assert self.verdict is not None
        return self.verdict

    async def retire(self, subject: str) -> None:
        self.retired.append(subject)
        if isinstance(self.verdict, Exception):
            raise self.verdict


async def capture(environment: Environment, doctor: SampleDoctor) -> Capture:
    return await capture_face(environment, doctor.caller, doctor.assessment_id, made_up_picture("PNG"))


async def start(sittings: Sittings, doctor: SampleDoctor) -> int:
    return await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)


async def identify(sittings: Sittings, doctor: SampleDoctor, caller: Caller | None = None) -> None:
    asking = caller or sittings.province.body
    await identify_in_person(sittings.environment, asking, doctor.assessment_id, "本人持身份证现场核验")


def stored(environment: Environment) -> list[Path]:
    """What lies in the folder of faces."""
    folder = Path(f"{environment.settings.storage_url}-faces")
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_the_first_test_waits_for_consent_and_capture(watched: Sittings) -> None:
    environment = watched.environment
    doctor = await watched.doctor()
    assert await refused_reasons(start(watched, doctor)) == ["FACE_CAPTURE_MISSING", "FACE_CONSENT_MISSING"]
    await give_face_consent(environment, doctor.caller, doctor.assessment_id, VERSION)
    assert await refused_reasons(start(watched, doctor)) == ["FACE_CAPTURE_MISSING"]
    assert (await capture(environment, doctor)).outcome is CaptureOutcome.ACCEPTED
    await start(watched, doctor)
    assert await watched.states(doctor) == ["IN_PROGRESS", "LOCKED"]
    assert not await ProctorFlag.exists()


async def test_consent_is_to_one_text_once(watched: Sittings) -> None:
    environment = watched.environment
    doctor = await watched.doctor()
    old = give_face_consent(environment, doctor.caller, doctor.assessment_id, "2025-1")
    assert await refused_fields(old) == [("textVersion", "CONSENT_TEXT_OUTDATED")]
    assert not await FaceConsent.exists()
    channel = ConsentChannel.MINI_PROGRAM
    await asyncio.gather(
        *(give_face_consent(environment, doctor.caller, doctor.assessment_id, VERSION, channel) for _ in range(3))
    )
    (consent,) = await FaceConsent.objects()
    now = environment.clock.now()
    assert (consent.text_version, consent.given_at, consent.account) == (VERSION, now, doctor.account_id)
    assert consent.text_digest == hashlib.sha256(WORDING.encode()).hexdigest()
    assert (consent.channel, consent.ended_at) == ("MINI_PROGRAM", None)


async def test_a_new_text_asks_anew(watched: Sittings) -> None:
    doctor = await watched.doctor()
    await give_face_consent(watched.environment, doctor.caller, doctor.assessment_id, VERSION)
    await capture(watched.environment, doctor)
    await watched.pin(face_consent_version="2027-1", face_consent_text="另一授权书")
    assert await refused_reasons(start(watched, doctor)) == ["FACE_CAPTURE_MISSING", "FACE_CONSENT_MISSING"]
    await give_face_consent(watched.environment, doctor.caller, doctor.assessment_id, "2027-1")
    assert [row.ended_because for row in await FaceConsent.objects().order_by(FaceConsent.id)] == ["NEW_TEXT", None]
    await capture(watched.environment, doctor)
    await start(watched, doctor)


async def test_consent_is_the_doctors_alone_and_has_its_time(watched: Sittings) -> None:
    environment, province = watched.environment, watched.province
    doctor, other = await watched.doctor(), await watched.doctor()
    for caller, code in (
        (None, "UNAUTHENTICATED"),
        (other.caller, "NOT_FOUND"),
        (province.institution, "FORBIDDEN"),
        (province.authority, "FORBIDDEN"),
    ):
        identity = doctor.assessment_id
        assert await refused_access(give_face_consent(environment, caller, identity, VERSION)) == code
        assert await refused_access(withdraw_face_consent(environment, caller, identity)) == code
        assert await refused_access(capture_face(environment, caller, identity, made_up_picture())) == code
    early = await watched.doctor(state=AssessmentState.SUBMITTED, opened=False)
    consent = give_face_consent(environment, early.caller, early.assessment_id, VERSION)
    assert await refused_state(consent) == ("TESTS_NOT_OPEN", "SUBMITTED")
    decline = withdraw_face_consent(environment, early.caller, early.assessment_id)
    assert await refused_state(decline) == ("TESTS_NOT_OPEN", "SUBMITTED")
    assert not await FaceConsent.exists()


async def test_no_face_is_stored_without_consent_and_none_in_clear(watched: Sittings) -> None:
    environment = watched.environment
    doctor = await watched.doctor()
    assert await refused_reasons(capture(environment, doctor)) == ["FACE_CONSENT_MISSING"]
    assert not await FaceImage.exists()
    assert stored(environment) == []
    await give_face_consent(environment, doctor.caller, doctor.assessment_id, VERSION)
    await capture(environment, doctor)
    (image,), (file,) = await FaceImage.objects(), stored(environment)
    data = file.read_bytes()
    assert b"PNG" not in data
    assert file.name == image.name
    opened = await environment.faces.get(image.name)
    assert hashlib.sha256(opened).hexdigest() == image.digest
    # Under another name the same bytes open nothing.
    other = environment.faces.new_name()
    file.rename(_place(environment, other))
    with pytest.raises(Exception, match="damaged"):
        await environment.faces.get(other)


def _place(environment: Environment, name: str) -> Path:
    folder = Path(f"{environment.settings.storage_url}-faces") / name[:2] / name[2:4]
    folder.mkdir(parents=True)
    return folder / name


@pytest.mark.parametrize(
    ("verdict", "reference"),
    [
        (PortFailed("no connection"), "failed:UNAVAILABLE"),
        (ValueError("a mistake in the plugin"), "failed:BROKEN"),
        (None, "failed:TIMED_OUT"),
    ],
    ids=["unreachable", "broken", "silent"],
)
async def test_a_failing_service_is_a_flag_and_keeps_nobody_out(
    watched: Sittings, verdict: Exception | None, reference: str
) -> None:
    seconds = 0.3 if verdict is None else 10.0
    environment = replace(watched.environment, face=GuardedFaceVerifier(Service(verdict), "faces", seconds=seconds))
    doctor = await watched.doctor()
    await give_face_consent(environment, doctor.caller, doctor.assessment_id, VERSION)
    assert (await capture(environment, doctor)).outcome is CaptureOutcome.UNVERIFIED
    (kept,) = await FaceCapture.objects()
    assert kept.verifier_reference == reference
    attempt = await start(watched, doctor)
    ((flag,),) = await read_flags([attempt])
    assert flag.kind.value == "FACE_UNVERIFIED"


async def test_a_service_that_says_no_is_asked_again(watched: Sittings) -> None:
    service = Service(FaceVerdict(accepted=False, reference="other-person", score=0.31))
    environment = replace(watched.environment, face=GuardedFaceVerifier(service, "faces"))
    doctor = await watched.doctor()
    await give_face_consent(environment, doctor.caller, doctor.assessment_id, VERSION)
    assert (await capture(environment, doctor)).outcome is CaptureOutcome.REFUSED
    assert await refused_reasons(start(watched, doctor)) == ["FACE_CAPTURE_MISSING"]
    # A failure after a refusal does not undo it silently: the flag tells the invigilator.
    service.verdict = FaceVerdict(accepted=True, reference="x" * 500, score=7.0)
    assert (await capture(environment, doctor)).outcome is CaptureOutcome.ACCEPTED
    first, second = await FaceCapture.objects().order_by(FaceCapture.id)
    assert (first.score, second.score, len(second.verifier_reference)) == (31, 100, 120)
    await start(watched, doctor)


async def test_the_service_knows_a_doctor_by_a_name_that_says_nothing(watched: Sittings) -> None:
    service = Service(FaceVerdict(accepted=True, reference="1"))
    environment = replace(watched.environment, face=service)
    doctors = [await watched.doctor(), await watched.doctor()]
    for doctor in (doctors[0], doctors[0], doctors[1]):
        await give_face_consent(environment, doctor.caller, doctor.assessment_id, VERSION)
        await capture(environment, doctor)
    first, second, third = (subject for subject, _ in service.asked)
    assert first == second != third
    assert all(doctor.document_number not in subject for doctor in doctors for subject in (first, third))
    assert all(image.startswith((b"\x89PNG", b"\xff\xd8")) for _, image in service.asked)


async def test_who_declines_is_identified_in_person(watched: Sittings) -> None:
    environment, province = watched.environment, watched.province
    doctor, other = await watched.doctor(), await watched.doctor()
    await withdraw_face_consent(environment, doctor.caller, doctor.assessment_id)
    await withdraw_face_consent(environment, doctor.caller, doctor.assessment_id)
    (row,) = await FaceConsent.objects()
    assert (row.given_at, row.ended_because) == (None, "DECLINED")
    assert await refused_state(start(watched, doctor)) == ("FACE_CONSENT_DECLINED", "DECLINED")
    for caller, code in (
        (doctor.caller, "FORBIDDEN"),
        (province.institution, "FORBIDDEN"),
        (other.caller, "NOT_FOUND"),
    ):
        assert await refused_access(identify(watched, doctor, caller)) == code
    empty = identify_in_person(environment, province.body, doctor.assessment_id, " ")
    assert await refused_fields(empty) == [("reason", "REASON_REQUIRED")]
    assert not await InPersonCheck.exists()
    await identify(watched, doctor)
    (check,) = await InPersonCheck.objects()
    assert (check.account, check.reason) == (province.body.account_id, "本人持身份证现场核验")
    assert await AuditEntry.exists().where(AuditEntry.action == "IDENTIFY_IN_PERSON")
    await start(watched, doctor)
    assert not await FaceImage.exists()


async def test_a_region_without_the_invigilators_way_says_whom_to_ask(watched: Sittings) -> None:
    await watched.pin(in_person_check=False)
    doctor = await watched.doctor()
    assert await refused_state(identify(watched, doctor)) == ("IN_PERSON_NOT_OFFERED", "BODY_APPROVED")
    await withdraw_face_consent(watched.environment, doctor.caller, doctor.assessment_id)
    assert await refused_state(start(watched, doctor)) == ("FACE_CONSENT_DECLINED", "DECLINED")
    # Consenting after all opens the way again.
    await give_face_consent(watched.environment, doctor.caller, doctor.assessment_id, VERSION)
    await capture(watched.environment, doctor)
    await start(watched, doctor)


async def test_withdrawing_deletes_the_face_and_leads_to_the_invigilator(watched: Sittings) -> None:
    environment = watched.environment
    doctor, other = await watched.doctor(), await watched.doctor()
    for one in (doctor, other):
        await give_face_consent(environment, one.caller, one.assessment_id, VERSION)
        await capture(environment, one)
    await withdraw_face_consent(environment, doctor.caller, doctor.assessment_id)
    gone, kept = await FaceImage.objects().order_by(FaceImage.id)
    assert (gone.deleted_because, kept.deleted_because) == ("CONSENT_WITHDRAWN", None)
    assert [file.name for file in stored(environment)] == [kept.name]
    assert await AuditEntry.count().where(AuditEntry.action == "DELETE_FACE_IMAGE") == 1
    assert (await read_face_status([doctor.assessment_id]))[0].captured_at is None
    assert await refused_state(start(watched, doctor)) == ("FACE_CONSENT_DECLINED", "DECLINED")
    await identify(watched, doctor)
    await start(watched, doctor)
    await start(watched, other)


async def test_withdrawing_during_an_attempt_flags_it_and_stops_nothing(watched: Sittings) -> None:
    environment = watched.environment
    doctor = await watched.doctor()
    await give_face_consent(environment, doctor.caller, doctor.assessment_id, VERSION)
    await capture(environment, doctor)
    attempt = await start(watched, doctor)
    await withdraw_face_consent(environment, doctor.caller, doctor.assessment_id)
    await watched.answer(doctor, attempt, right=10)
    ((flag,),) = await read_flags([attempt])
    assert (flag.kind.value, flag.times) == ("CONSENT_WITHDRAWN", 1)
    assert await watched.states(doctor) == ["IN_PROGRESS", "LOCKED"]


async def test_without_the_rule_nothing_is_asked_for(watched: Sittings) -> None:
    await watched.pin(face_capture=False)
    doctor = await watched.doctor()
    assert await refused_state(identify(watched, doctor)) == ("FACE_NOT_REQUIRED", "BODY_APPROVED")
    await start(watched, doctor)
    assert not await FaceConsent.exists()


async def test_the_status_of_many(watched: Sittings) -> None:
    doctors = [await watched.doctor() for _ in range(3)]
    await give_face_consent(watched.environment, doctors[1].caller, doctors[1].assessment_id, VERSION)
    await identify(watched, doctors[2])
    status = await read_face_status([doctor.assessment_id for doctor in doctors])
    assert [one.text_version for one in status] == [None, VERSION, None]
    assert [one.identified_at is not None for one in status] == [False, False, True]
