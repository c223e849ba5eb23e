"""GET /files/{id} by the signed link that `UploadedFile.url` gives: no session, soon over, for one account."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette

from dingkao.accounts.tables import Account
from dingkao.assessments.form_tables import RegistrationForm
from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import AuditEntry
from dingkao.logs import configure_logging
from dingkao.plugin.ids import encode_id
from dingkao.storage.tables import StoredFile
from dingkao.testing.clock import SettableClock
from dingkao.testing.progress import made_up_picture
from dingkao.testing.sample import SampleDoctor, SampleProvince
from dingkao.testing.web import Client

ClientOf = Callable[..., Awaitable[Client]]

PHOTO = "query ($id: ID!) { assessment(id: $id) { form { photo { id url } } } }"


async def photo_of(client: Client, doctor: SampleDoctor) -> str:
    """The link to the doctor's photo, made for the client's account."""
    shown = await client.value(PHOTO, id=encode_id("Assessment", doctor.assessment_id))
    return str(shown["form"]["photo"]["url"])


@pytest.fixture
async def kept(doctor: SampleDoctor, client_of: ClientOf) -> str:
    """The id of the doctor's photo."""
    owner = await client_of(doctor.caller)
    uploaded = await owner.upload(encode_id("Assessment", doctor.assessment_id), "PHOTO", made_up_picture(), "照片.jpg")
    return str(uploaded.json()["id"])


def refused(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


async def test_a_link_opens_without_a_session_and_soon_no_more(
    province: SampleProvince,
    doctor: SampleDoctor,
    kept: str,
    client_of: ClientOf,
    clock: SettableClock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("json", "INFO")
    nobody, reviewer = await client_of(None), await client_of(province.body)
    link = await photo_of(reviewer, doctor)
    assert link.startswith(f"/files/{kept}?account=")
    opened = await nobody.http.get(link)
    assert opened.status_code == httpx.codes.OK
    assert opened.content.startswith(b"\xff\xd8\xff")
    head = opened.headers
    assert head["content-type"] == "image/jpeg"
    assert head["content-disposition"].startswith("attachment;")
    assert head["content-security-policy"] == "default-src 'none'; sandbox"
    assert head["x-content-type-options"] == "nosniff"
    assert head["cache-control"] == "no-store"
    # An <img> of a client at another origin may show it; what is asked for by the header, no other page may.
    assert head["cross-origin-resource-policy"] == "cross-origin"
    by_header = await reviewer.http.get(f"/files/{kept}")
    assert by_header.headers["cross-origin-resource-policy"] == "same-origin"

    clock.advance(timedelta(seconds=300))
    assert (await nobody.http.get(link)).status_code == httpx.codes.OK
    clock.advance(timedelta(seconds=1))
    assert refused(await nobody.http.get(link)) == (403, "LINK_EXPIRED")
    english = await nobody.http.get(link, headers={"Accept-Language": "en"})
    assert "ask for the object again" in english.json()["errors"][0]["message"]
    assert (await nobody.http.get(await photo_of(reviewer, doctor))).status_code == httpx.codes.OK
    # A link that was good once is nobody's crime.
    assert await AuditEntry.count().where(AuditEntry.action == "DOWNLOAD") == 0

    lines = capsys.readouterr().err
    assert f'"account": {province.body.account_id}' in lines
    assert "/files/{id}" in lines
    assert "signature" not in lines
    assert link.rpartition("=")[2] not in lines


async def test_a_link_is_for_one_file_and_cannot_be_changed(
    doctor: SampleDoctor, kept: str, client_of: ClientOf
) -> None:
    nobody, owner = await client_of(None), await client_of(doctor.caller)
    link = await photo_of(owner, doctor)
    other = await owner.upload(encode_id("Assessment", doctor.assessment_id), "PROCEDURE_PROOF", made_up_picture())
    wrong = [
        link.replace(kept, other.json()["id"]),
        link.replace("account=", "account=QQ"),
        link.replace("expires=", "expires=9"),
        link[:-4] + ("0000" if not link.endswith("0000") else "1111"),
        f"/files/{kept}?signature=é",
    ]
    for address in wrong:
        assert refused(await nobody.http.get(address)) == (403, "LINK_EXPIRED"), address
        # Who may have the file is told the same: the link was not right.
        assert refused(await owner.http.get(address)) == (403, "LINK_EXPIRED"), address
    noted = await AuditEntry.select(AuditEntry.result, AuditEntry.object_type).where(AuditEntry.action == "DOWNLOAD")
    assert [(row["result"], row["object_type"]) for row in noted] == [("LINK_INVALID", "File")] * (2 * len(wrong))


async def test_a_link_ends_with_its_account_and_its_file(
    app: Starlette, doctor: SampleDoctor, kept: str, client_of: ClientOf
) -> None:
    nobody = await client_of(None)
    link = await photo_of(await client_of(doctor.caller), doctor)
    await Account.update({Account.disabled: True}).where(Account.id == doctor.account_id)
    assert refused(await nobody.http.get(link)) == (403, "LINK_EXPIRED")
    await Account.update({Account.disabled: False}).where(Account.id == doctor.account_id)
    assert (await nobody.http.get(link)).status_code == httpx.codes.OK
    await RegistrationForm.update({RegistrationForm.photo: None}).where(
        RegistrationForm.assessment == doctor.assessment_id
    )
    await StoredFile.delete(force=True)
    assert refused(await nobody.http.get(link)) == (404, "NOT_FOUND")


async def test_who_does_not_see_the_assessment_gets_no_link(
    province: SampleProvince, doctor: SampleDoctor, kept: str, client_of: ClientOf
) -> None:
    colleague = await province.add_doctor("李四")
    answer = await (await client_of(colleague.caller)).post(
        PHOTO, {"id": encode_id("Assessment", doctor.assessment_id)}
    )
    assert "/files/" not in str(answer)
    assert await Assessment.count() == 2
