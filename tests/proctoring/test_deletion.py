"""Faces are deleted when their time is over, with proof (GB/T 35273-2020, 6.3; face recognition measures 2025)."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.papers.sittings import Sittings

from dingkao.audit.tables import AuditEntry
from dingkao.environment import Environment
from dingkao.papers.attempts import start_attempt
from dingkao.plugin.errors import NotEligible
from dingkao.plugin.ports import FaceVerdict, PortFailed
from dingkao.ports import GuardedFaceVerifier
from dingkao.proctoring.capturing import capture_face
from dingkao.proctoring.consent import give_face_consent, withdraw_face_consent
from dingkao.proctoring.deletion import count_due_faces, delete_due_faces
from dingkao.proctoring.frames import take_frame
from dingkao.proctoring.sessions import tell_proctor
from dingkao.proctoring.subjects import subject_of
from dingkao.proctoring.tables import FaceCapture, FaceConsent, FaceDisclosure, FaceImage, ProctorSession, Retirement
from dingkao.results.tables import Result
from dingkao.storage.faces import FaceImages
from dingkao.testing.clock import SettableClock
from dingkao.testing.progress import made_up_picture
from dingkao.testing.sample import SampleDoctor

from .conftest import VERSION
from .test_identity import Service, stored

PICTURE = made_up_picture("PNG")


async def captured(sittings: Sittings) -> SampleDoctor:
    doctor = await sittings.doctor()
    await give_face_consent(sittings.environment, doctor.caller, doctor.assessment_id, VERSION)
    await capture_face(sittings.environment, doctor.caller, doctor.assessment_id, PICTURE)
    return doctor


async def announce(doctor: SampleDoctor, state: str, at: datetime) -> None:
    await Result.insert(
        Result(
            assessment=doctor.assessment_id,
            verdict="QUALIFIED",
            ground="ALL_PAPERS_PASSED",
            state=state,
            concluded_at=at,
            filed_at=at,
            notified_at=at,
        )
    )


async def test_faces_go_when_the_result_is_final_and_not_before(watched: Sittings, clock: SettableClock) -> None:
    environment = watched.environment
    final, objecting, open_still = [await captured(watched) for _ in range(3)]
    for doctor, state in ((final, "FINAL"), (objecting, "REEXAMINATION_REQUESTED"), (open_still, "NOTIFIED")):
        await announce(doctor, state, clock.now())
    clock.advance(timedelta(days=29))
    assert (await delete_due_faces(environment)).images == 0
    clock.advance(timedelta(days=1, seconds=1))
    assert (await count_due_faces(environment)).time_over == 1
    deleted = await delete_due_faces(environment)
    assert (deleted.time_over, deleted.images, deleted.left) == (1, 1, 0)
    first, *others = await FaceImage.objects().order_by(FaceImage.id)
    assert (first.deleted_at, first.deleted_because) == (clock.now(), "TIME_OVER")
    assert sorted(path.name for path in stored(environment)) == sorted(image.name for image in others)
    with pytest.raises(KeyError):
        await environment.faces.get(first.name)
    # The proof stays: what it was, when, why; and what the service said of it.
    (entry,) = await AuditEntry.objects().where(AuditEntry.action == "DELETE_FACE_IMAGE")
    assert (entry.object_id, first.digest in entry.detail) == (first.id, True)
    assert await FaceCapture.exists().where((FaceCapture.image == first.id) & (FaceCapture.outcome == "ACCEPTED"))
    assert (await delete_due_faces(environment)).images == 0


async def test_where_no_result_comes_faces_do_not_stay_for_ever(watched: Sittings, clock: SettableClock) -> None:
    doctor = await captured(watched)
    until = (await watched.record(doctor)).tests_until
    clock.advance(until - clock.now() + timedelta(days=179))
    assert (await delete_due_faces(watched.environment)).images == 0
    clock.advance(timedelta(days=2))
    assert (await delete_due_faces(watched.environment)).time_over == 1


class Stubborn(FaceImages):
    """A store that is out of reach, or that does not do what it says."""

    def __init__(self, faces: FaceImages) -> None:
        super().__init__(faces._store, faces._keys)
        self.down = True

    async def delete(self, name: str) -> None:
        if self.down:
            raise PortFailed("no connection")
        await super().delete(name)


async def test_what_the_store_keeps_is_tried_again_and_not_called_deleted(
    watched: Sittings, clock: SettableClock
) -> None:
    faces = Stubborn(watched.environment.faces)
    environment: Environment = replace(watched.environment, faces=faces)
    doctor = await captured(watched)
    await withdraw_face_consent(environment, doctor.caller, doctor.assessment_id)
    assert (await FaceConsent.objects())[0].ended_because == "WITHDRAWN"
    assert (await FaceImage.objects())[0].deleted_at is None
    assert (await delete_due_faces(environment)).left == 1
    faces.down = False
    assert (await delete_due_faces(environment)).withdrawn == 1
    assert stored(environment) == []


async def test_an_upload_that_was_never_finished_is_deleted(watched: Sittings, clock: SettableClock) -> None:
    environment = watched.environment
    doctor = await watched.doctor()
    await give_face_consent(environment, doctor.caller, doctor.assessment_id, VERSION)

    class Crash:
        async def verify(self, subject: str, image: bytes) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await capture_face(
            replace(environment, face=Crash()),  # type: ignore[arg-type]
            doctor.caller,
            doctor.assessment_id,
            PICTURE,
        )
    assert len(stored(environment)) == 1
    assert (await delete_due_faces(environment)).images == 0
    clock.advance(timedelta(minutes=61))
    assert (await delete_due_faces(environment)).not_used == 1
    assert stored(environment) == []


async def test_pictures_of_an_attempt_go_too_and_the_service_forgets(watched: Sittings, clock: SettableClock) -> None:
    await watched.pin(proctoring=True, face_capture=False)
    environment = watched.environment
    doctor = await watched.doctor()
    await give_face_consent(environment, doctor.caller, doctor.assessment_id, VERSION)
    attempt = await start_attempt(environment, doctor.caller, (await watched.papers(doctor))[0].id)
    await tell_proctor(environment)
    await take_frame(environment, doctor.caller, attempt, PICTURE)
    await ProctorSession.update({ProctorSession.closed_at: clock.now()}, force=True)
    await announce(doctor, "FINAL", clock.now())
    clock.advance(timedelta(days=31))
    assert (await delete_due_faces(environment)).time_over == 1
    assert stored(environment) == []
    (asked,) = await Retirement.objects()
    assert asked.subject == (await ProctorSession.objects())[0].subject
    await tell_proctor(environment)
    assert (await Retirement.objects())[0].done_at == clock.now()
    assert (await delete_due_faces(environment)).images == 0
    assert await Retirement.count() == 1


async def test_the_face_service_forgets_too_and_is_told_again(watched: Sittings, clock: SettableClock) -> None:
    service = Service(FaceVerdict(accepted=True, reference="1"))
    environment = replace(watched.environment, face=GuardedFaceVerifier(service, "faces"))
    sittings = replace(watched, environment=environment)
    withdrawn, final = await captured(sittings), await captured(sittings)
    service.verdict = PortFailed("down")
    await withdraw_face_consent(environment, withdrawn.caller, withdrawn.assessment_id)
    assert await tell_proctor(environment) == 0
    (asked,) = await Retirement.objects()
    assert (asked.service, asked.tries, asked.done_at) == ("FACE_VERIFIER", 1, None)
    service.verdict = FaceVerdict(accepted=True, reference="1")
    clock.advance(timedelta(minutes=1))
    assert await tell_proctor(environment) == 1
    subject = await subject_of(environment, withdrawn.doctor_id)
    assert set(service.retired) == {subject} == {service.asked[0][0]}
    # Who passed is forgotten with his pictures, and not before.
    await announce(final, "FINAL", clock.now())
    await delete_due_faces(environment)
    assert await Retirement.count() == 1
    clock.advance(timedelta(days=31))
    assert (await delete_due_faces(environment)).time_over == 1
    assert await tell_proctor(environment) == 1
    assert service.retired[-1] == await subject_of(environment, final.doctor_id)
    assert await FaceDisclosure.count().where(FaceDisclosure.retired_at.is_null()) == 0
    await delete_due_faces(environment)
    assert await tell_proctor(environment) == 0


async def test_a_face_shown_after_the_withdrawal_is_forgotten_again(watched: Sittings) -> None:
    doctor = await watched.doctor()
    environment = watched.environment
    await give_face_consent(environment, doctor.caller, doctor.assessment_id, VERSION)

    class Slow(Service):
        async def verify(self, subject: str, image: bytes) -> FaceVerdict:
            await withdraw_face_consent(environment, doctor.caller, doctor.assessment_id)
            assert await tell_proctor(replace(environment, face=self)) == 1
            return await super().verify(subject, image)

    service = Slow(FaceVerdict(accepted=True, reference="1"))
    with pytest.raises(NotEligible):
        await capture_face(replace(environment, face=service), doctor.caller, doctor.assessment_id, PICTURE)
    assert await tell_proctor(replace(environment, face=service)) == 1
    assert len(service.retired) == 2
