"""POST /files and GET /files/{id}: photo, proofs, face capture."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from io import BytesIO

import httpx
import pytest
from PIL import Image
from starlette.applications import Starlette

from dingkao.assessments.content import read_content
from dingkao.assessments.service.uploads import MOST_FILES, UPLOAD_MAXIMUM
from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import AuditEntry
from dingkao.plugin.ids import encode_id
from dingkao.plugin.ports import FaceVerdict, PortFailed
from dingkao.plugin.vocabulary import AssessmentState
from dingkao.proctoring.tables import FaceCapture
from dingkao.settings import Settings
from dingkao.storage.tables import StoredFile
from dingkao.testing.clock import SettableClock
from dingkao.testing.progress import current_record, made_up_picture
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample
from dingkao.testing.web import Client, running_app, token_for

ClientOf = Callable[..., Awaitable[Client]]

PHOTO = "PHOTO"


def opaque(doctor: SampleDoctor) -> str:
    return encode_id("Assessment", doctor.assessment_id)


def codes(response: httpx.Response) -> list[str]:
    errors = response.json()["errors"]
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in error["message"]) for error in errors)
    return sorted(error["code"] for error in errors)


def photo_with_exif() -> bytes:
    """A photo that tells where and with what it was taken."""
    image = Image.open(BytesIO(made_up_picture()))
    exif = Image.Exif()
    exif[0x010F] = "SECRET-CAMERA"
    exif[0x8825] = {1: "N", 2: (39.0, 54.0, 20.0)}
    stream = BytesIO()
    image.save(stream, "JPEG", quality=90, exif=exif, comment=b"SECRET-COMMENT")
    return stream.getvalue()


async def test_a_photo_is_kept_without_what_it_tells_and_replaced(
    app: Starlette, doctor: SampleDoctor, client_of: ClientOf
) -> None:
    client = await client_of(doctor.caller)
    data = photo_with_exif()
    assert b"SECRET-CAMERA" in data
    response = await client.upload(opaque(doctor), PHOTO, data, "照片.JPG")
    assert response.status_code == httpx.codes.CREATED, response.text
    first = response.json()
    assert first["mediaType"] == "image/jpeg"
    kept = await client.http.get(f"/files/{first['id']}")
    assert kept.headers["content-type"] == "image/jpeg"
    assert kept.headers["content-disposition"].startswith("attachment; filename*=UTF-8''%E7%85%A7")
    assert len(kept.content) == first["size"]
    assert b"SECRET" not in kept.content
    assert Image.open(BytesIO(kept.content)).size == (295, 413)
    second = (await client.upload(opaque(doctor), PHOTO, made_up_picture())).json()
    photo = (await read_content(doctor.assessment_id)).photo
    assert photo is not None
    assert encode_id("File", photo.id) == second["id"] != first["id"]
    assert (await current_record(doctor)).revision == 2
    assert await AuditEntry.count().where(AuditEntry.action == "UPLOAD") == 2


async def test_advice_is_no_refusal(doctor: SampleDoctor, client_of: ClientOf) -> None:
    grey = Image.effect_noise((250, 350), 90)
    stream = BytesIO()
    grey.save(stream, "JPEG", quality=95)
    response = await (await client_of(doctor.caller)).upload(opaque(doctor), PHOTO, stream.getvalue())
    assert response.status_code == httpx.codes.CREATED, response.text
    advice = {entry["code"] for entry in response.json()["advice"]}
    assert advice == {"photo_low_resolution", "photo_greyscale", "photo_background_not_white"}


async def test_a_jpg_by_content_and_not_by_name(app: Starlette, doctor: SampleDoctor, client_of: ClientOf) -> None:
    client = await client_of(doctor.caller)
    response = await client.upload(opaque(doctor), PHOTO, made_up_picture("PNG"), "照片.jpg")
    assert response.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert codes(response) == ["PHOTO_NOT_JPEG"]
    square = await client.upload(opaque(doctor), PHOTO, made_up_picture(width=413, height=413))
    assert codes(square) == ["PHOTO_PROPORTIONS"]
    cut = await client.upload(opaque(doctor), PHOTO, made_up_picture()[:6000])
    assert codes(cut) == ["FILE_UNREADABLE"]
    assert codes(await client.upload(opaque(doctor), PHOTO, b"")) == ["FILE_EMPTY"]
    assert await StoredFile.count() == 0
    assert (await read_content(doctor.assessment_id)).photo is None


@pytest.mark.parametrize(
    ("purpose", "state", "fits"),
    [
        ("PHOTO", AssessmentState.OPENED, True),
        ("PHOTO", AssessmentState.RETURNED, True),
        ("PHOTO", AssessmentState.SUBMITTED, False),
        ("PROCEDURE_PROOF", AssessmentState.NOT_OPENED, False),
        ("PROCEDURE_PROOF", AssessmentState.OPENED, True),
        ("EXEMPTION_PROOF", AssessmentState.OPENED, False),
        ("EXEMPTION_PROOF", AssessmentState.SUBMITTED, True),
    ],
)
async def test_each_purpose_has_its_states(
    province: SampleProvince, client_of: ClientOf, purpose: str, state: AssessmentState, fits: bool
) -> None:
    doctor = await province.add_doctor(state=state)
    response = await (await client_of(doctor.caller)).upload(opaque(doctor), purpose, made_up_picture())
    if fits:
        assert response.status_code == httpx.codes.CREATED, response.text
    else:
        assert response.status_code == httpx.codes.CONFLICT
        assert codes(response) == ["NOT_IN_THIS_STATE"]
        assert await StoredFile.count() == 0


async def test_who_may(app: Starlette, province: SampleProvince, doctor: SampleDoctor, client_of: ClientOf) -> None:
    other = await build_sample(app.state.environment, code_suffix="2", region_code="980000")
    colleague = await province.add_doctor("李四")
    owner = await client_of(doctor.caller)
    kept = (await owner.upload(opaque(doctor), PHOTO, made_up_picture())).json()["id"]
    for caller, upload_status, download_status in (
        (None, 401, 401),
        (colleague.caller, 404, 404),
        (other.institution, 404, 404),
        (other.body, 404, 404),
        (other.authority, 404, 404),
        (province.institution, 403, 200),
        (province.body, 403, 200),
        (province.authority, 403, 200),
    ):
        client = await client_of(caller)
        response = await client.upload(opaque(doctor), PHOTO, made_up_picture())
        assert response.status_code == upload_status, (caller, response.text)
        response = await client.http.get(f"/files/{kept}")
        assert response.status_code == download_status, (caller, response.text)
        if response.status_code != httpx.codes.OK:
            assert codes(response) == ["UNAUTHENTICATED" if caller is None else "NOT_FOUND"]
    first_login = await client_of(doctor.caller, first_login=True)
    response = await first_login.upload(opaque(doctor), PHOTO, made_up_picture())
    assert (response.status_code, codes(response)) == (403, ["FIRST_LOGIN_REQUIRED"])
    assert (await first_login.http.get(f"/files/{kept}")).status_code == httpx.codes.FORBIDDEN
    assert await StoredFile.count() == 1


async def test_a_form_as_a_mini_program_sends_it(app: Starlette, doctor: SampleDoctor) -> None:
    # wx.uploadFile: one file part with a made-up name, the form's fields beside it, in any order.
    token = await token_for(app.state.environment, doctor.caller.account_id)
    boundary = "----WebKitFormBoundaryA1b2"
    parts = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in (("purpose", "PROCEDURE_PROOF"), ("assessmentId", opaque(doctor)))
    )
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="wx1234.o6zAJs"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = head.encode() + made_up_picture() + b"\r\n" + parts + f"--{boundary}--\r\n".encode()
    content_type = f"multipart/form-data; boundary={boundary}"
    response = await Client(app, token).http.post("/files", content=body, headers={"Content-Type": content_type})
    assert response.status_code == httpx.codes.CREATED, response.text
    assert response.json()["mediaType"] == "image/jpeg"


async def test_what_is_no_such_form(doctor: SampleDoctor, client_of: ClientOf) -> None:
    client = await client_of(doctor.caller)
    fields = {"assessmentId": opaque(doctor), "purpose": PHOTO}
    file = {"file": ("a.jpg", made_up_picture())}
    attempts = [
        await client.http.post("/files", data=fields),
        await client.http.post("/files", files=file),
        await client.http.post("/files", data={**fields, "purpose": "NONSENSE"}, files=file),
        await client.http.post("/files", json=fields),
        await client.http.post("/files", data=fields, files=[("file", b"1"), ("file", b"2")]),
        await client.http.post(
            "/files", content=b"--x\r\nnonsense", headers={"Content-Type": "multipart/form-data; boundary=x"}
        ),
        await client.http.post("/files", content=b"abc", headers={"Content-Type": "multipart/form-data"}),
    ]
    for response in attempts:
        assert (response.status_code, codes(response)) == (400, ["BAD_FORM"]), response.text
    unknown = await client.upload("nonsense", PHOTO, made_up_picture())
    assert (unknown.status_code, codes(unknown)) == (404, ["NOT_FOUND"])
    assert await StoredFile.count() == 0


async def test_too_large_is_refused_before_it_is_read(doctor: SampleDoctor, client_of: ClientOf) -> None:
    client = await client_of(doctor.caller)

    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(UPLOAD_MAXIMUM * 2)}
    response = await client.http.post("/files", content=b"x", headers=headers)
    assert (response.status_code, codes(response)) == (413, ["FILE_TOO_LARGE"])
    large = await client.upload(opaque(doctor), "PROCEDURE_PROOF", b"\x00" * (UPLOAD_MAXIMUM + 1))
    assert large.status_code in (400, 413, 422), large.text
    assert await StoredFile.count() == 0


async def test_not_without_end(doctor: SampleDoctor, client_of: ClientOf) -> None:
    client = await client_of(doctor.caller)

    rows = [
        StoredFile(
            assessment=doctor.assessment_id,
            purpose="PROCEDURE_PROOF",
            name=f"{number:064d}",
            media_type="image/png",
            size=1,
            digest="0" * 64,
            uploaded_by=doctor.account_id,
            uploaded_at=(await current_record(doctor)).changed_at,
        )
        for number in range(MOST_FILES - 1)
    ]
    await StoredFile.insert(*rows)
    responses = await asyncio.gather(
        *(client.upload(opaque(doctor), "PROCEDURE_PROOF", made_up_picture()) for _ in range(3))
    )
    assert sorted(response.status_code for response in responses) == [201, 422, 422]
    assert await StoredFile.count() == MOST_FILES


async def test_an_account_has_a_quota_of_bytes(settings: Settings, clock: SettableClock) -> None:
    async with running_app(settings.model_copy(update={"upload_megabytes": 10}), clock) as app:
        doctor = await (await build_sample(app.state.environment)).add_doctor()
        client = Client(app, await token_for(app.state.environment, doctor.account_id))
        first = await client.upload(opaque(doctor), "PROCEDURE_PROOF", made_up_picture())
        assert first.status_code == httpx.codes.CREATED, first.text
        await StoredFile.update({StoredFile.size: 10 * 1024 * 1024 - 100}, force=True)
        refused = await client.upload(opaque(doctor), "PROCEDURE_PROOF", made_up_picture())
        assert (refused.status_code, codes(refused)) == (422, ["QUOTA_EXCEEDED"])
        assert await StoredFile.count() == 1
        # What was refused leaves no bytes behind either.
        assert sum(map(len, (names for _, _, names in os.walk(settings.storage_url)))) == 1


async def test_an_upload_that_trickles_is_given_up(settings: Settings, clock: SettableClock) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        await asyncio.Event().wait()

    async with running_app(settings.model_copy(update={"upload_seconds": 0.1}), clock) as app:
        doctor = await (await build_sample(app.state.environment)).add_doctor()
        client = Client(app, await token_for(app.state.environment, doctor.account_id))
        headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": "1000"}
        response = await client.http.post("/files", content=trickle(), headers=headers)
        assert (response.status_code, codes(response)) == (408, ["UPLOAD_TOO_SLOW"])
        assert await StoredFile.count() == 0


@pytest.mark.parametrize("purpose", [PHOTO, "PROCEDURE_PROOF"])
@pytest.mark.parametrize("behind", [b"<script>alert(1)</script>", b"PK\x03\x04 a zip", b"%PDF-1.7 %%EOF", b"#!/bin/sh"])
async def test_what_is_two_things_at_once_is_kept_as_a_picture_alone(
    doctor: SampleDoctor, client_of: ClientOf, purpose: str, behind: bytes
) -> None:
    client = await client_of(doctor.caller)
    response = await client.upload(opaque(doctor), purpose, made_up_picture() + behind, "photo.html")
    assert response.status_code == httpx.codes.CREATED, response.text
    kept = await client.http.get(f"/files/{response.json()['id']}")
    assert behind not in kept.content
    assert kept.headers["content-type"] == "image/jpeg"
    assert kept.headers["content-disposition"].startswith("attachment;")
    assert kept.headers["content-security-policy"] == "default-src 'none'; sandbox"
    refused = await client.upload(opaque(doctor), purpose, behind + made_up_picture(), "photo.jpg")
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY


async def test_a_title_is_cleaned_and_cut(doctor: SampleDoctor, client_of: ClientOf) -> None:
    client = await client_of(doctor.caller)
    name = "证\x7f\u202e" + "明" * 300
    response = await client.upload(opaque(doctor), "PROCEDURE_PROOF", made_up_picture(), name)
    assert response.status_code == httpx.codes.CREATED
    row = await StoredFile.select(StoredFile.title).first()
    assert row is not None
    assert len(row["title"]) <= 120
    assert "\u202e" not in row["title"]
    kept = await client.http.get(f"/files/{response.json()['id']}")
    assert kept.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert kept.headers["x-content-type-options"] == "nosniff"


CONSENT = """mutation ($input: GiveFaceConsentInput!) {
  giveFaceConsent(input: $input) { __typename ... on FaceConsent { textVersion givenAt capturedAt } }
}"""


async def test_no_face_is_kept_without_consent(province: SampleProvince, client_of: ClientOf) -> None:
    doctor = await province.add_doctor(state=AssessmentState.BODY_APPROVED)
    client = await client_of(doctor.caller)
    response = await client.upload(opaque(doctor), "FACE_CAPTURE", made_up_picture())
    assert (response.status_code, codes(response)) == (422, ["FACE_CONSENT_MISSING"])
    assert await StoredFile.count() == 0
    assert await FaceCapture.count() == 0


async def test_a_face_is_nobodys_to_download(province: SampleProvince, client_of: ClientOf) -> None:
    doctor = await province.add_doctor(state=AssessmentState.BODY_APPROVED)
    client = await client_of(doctor.caller)
    given = await client.value(CONSENT, input={"assessmentId": opaque(doctor), "textVersion": "2026-1"})
    assert given["__typename"] == "FaceConsent"
    response = await client.upload(opaque(doctor), "FACE_CAPTURE", made_up_picture())
    assert response.status_code == httpx.codes.CREATED, response.text
    assert await FaceCapture.count().where(FaceCapture.outcome == "ACCEPTED") == 1
    assert await StoredFile.count() == 0
    for caller in (doctor.caller, province.institution, province.body, province.authority):
        asked = await (await client_of(caller)).http.get(f"/files/{response.json()['id']}")
        assert asked.status_code == httpx.codes.NOT_FOUND
    not_image = await client.upload(opaque(doctor), "FACE_CAPTURE", b"%PDF-1.4\n" + b"x" * 200)
    assert not_image.status_code == httpx.codes.UNPROCESSABLE_ENTITY


async def test_a_face_of_another_doctors_assessment(province: SampleProvince, client_of: ClientOf) -> None:
    doctor = await province.add_doctor(state=AssessmentState.BODY_APPROVED)
    colleague = await province.add_doctor("李四", state=AssessmentState.BODY_APPROVED)
    for caller, status in ((colleague.caller, 404), (province.institution, 403), (None, 401)):
        response = await (await client_of(caller)).upload(opaque(doctor), "FACE_CAPTURE", made_up_picture())
        assert response.status_code == status, response.text


class RefusingVerifier:
    """A service that says no."""

    async def verify(self, subject: str, image: bytes) -> FaceVerdict:
        return FaceVerdict(accepted=False, reference="no")

    async def retire(self, subject: str) -> None:
        """It keeps nothing."""


class SilentVerifier:
    """A service that is down."""

    async def verify(self, subject: str, image: bytes) -> FaceVerdict:
        raise PortFailed("down")

    async def retire(self, subject: str) -> None:
        """It keeps nothing."""


async def test_a_capture_that_was_not_accepted_is_told(
    app: Starlette, province: SampleProvince, client_of: ClientOf
) -> None:
    app.state.environment = replace(app.state.environment, face=RefusingVerifier())
    doctor = await province.add_doctor(state=AssessmentState.BODY_APPROVED)
    client = await client_of(doctor.caller)
    await client.value(CONSENT, input={"assessmentId": opaque(doctor), "textVersion": "2026-1"})
    response = await client.upload(opaque(doctor), "FACE_CAPTURE", made_up_picture())
    assert response.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert codes(response) == ["FACE_NOT_ACCEPTED"]
    assert await FaceCapture.count().where(FaceCapture.outcome == "REFUSED") == 1


async def test_a_face_service_that_is_down_keeps_nobody_from_the_test(
    app: Starlette, province: SampleProvince, client_of: ClientOf
) -> None:
    app.state.environment = replace(app.state.environment, face=SilentVerifier())
    doctor = await province.add_doctor(state=AssessmentState.BODY_APPROVED)
    client = await client_of(doctor.caller)
    await client.value(CONSENT, input={"assessmentId": opaque(doctor), "textVersion": "2026-1"})
    response = await client.upload(opaque(doctor), "FACE_CAPTURE", made_up_picture())
    assert response.status_code == httpx.codes.CREATED
    assert [advice["code"] for advice in response.json()["advice"]] == ["FACE_UNVERIFIED"]
    assert await FaceCapture.count().where(FaceCapture.outcome == "UNVERIFIED") == 1


class LostFiles:
    """A file store that is out of reach."""

    async def put(self, name: str, data: bytes, media_type: str) -> None:
        raise PortFailed("out of reach")

    async def get(self, name: str) -> bytes:
        raise PortFailed("out of reach")

    async def delete(self, name: str) -> None:
        raise PortFailed("out of reach")


async def test_a_file_store_that_is_out_of_reach(app: Starlette, doctor: SampleDoctor, client_of: ClientOf) -> None:
    client = await client_of(doctor.caller)
    kept = (await client.upload(opaque(doctor), PHOTO, made_up_picture())).json()["id"]
    app.state.environment = replace(app.state.environment, files=LostFiles())
    for response in (
        await client.upload(opaque(doctor), PHOTO, made_up_picture()),
        await client.http.get(f"/files/{kept}"),
    ):
        assert (response.status_code, codes(response)) == (503, ["FILES_UNAVAILABLE"])
    assert await StoredFile.count() == 1


async def test_a_file_whose_bytes_are_gone(app: Starlette, doctor: SampleDoctor, client_of: ClientOf) -> None:
    client = await client_of(doctor.caller)
    kept = (await client.upload(opaque(doctor), PHOTO, made_up_picture())).json()["id"]
    row = await StoredFile.select(StoredFile.name).first()
    assert row is not None
    await app.state.environment.files.delete(row["name"])
    response = await client.http.get(f"/files/{kept}")
    assert (response.status_code, codes(response)) == (404, ["NOT_FOUND"])


async def test_bytes_without_a_row_are_taken_away(app: Starlette, doctor: SampleDoctor, client_of: ClientOf) -> None:
    # The state changes between the check and the transaction: what was put is deleted again.
    client = await client_of(doctor.caller)
    store = app.state.environment.files
    names: list[str] = []

    class Watching:
        async def put(self, name: str, data: bytes, media_type: str) -> None:
            names.append(name)
            await store.put(name, data, media_type)
            await Assessment.update({Assessment.state: AssessmentState.SUBMITTED.value}).where(
                Assessment.id == doctor.assessment_id
            )

        async def get(self, name: str) -> bytes:
            return bytes(await store.get(name))

        async def delete(self, name: str) -> None:
            await store.delete(name)

    app.state.environment = replace(app.state.environment, files=Watching())
    response = await client.upload(opaque(doctor), PHOTO, made_up_picture())
    assert (response.status_code, codes(response)) == (409, ["NOT_IN_THIS_STATE"])
    assert len(names) == 1
    with pytest.raises(KeyError):
        await store.get(names[0])
    assert await StoredFile.count() == 0
