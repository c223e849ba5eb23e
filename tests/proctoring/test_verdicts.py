"""Verdicts by signed callback, over HTTP: nothing is believed that is not signed, in time and of a session."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from tests.papers.sittings import Sittings, build_sittings

from dingkao.accounts.tables import SessionToken
from dingkao.audit.tables import AuditEntry
from dingkao.environment import Environment
from dingkao.papers.attempts import start_attempt
from dingkao.papers.tables import Attempt
from dingkao.papers.writing import attempt_token
from dingkao.plugin.ids import encode_id
from dingkao.plugin.proctoring import signature_holds, verdict_from_json
from dingkao.plugin.vocabulary import ProctorFinding
from dingkao.proctoring.consent import give_face_consent
from dingkao.proctoring.sessions import tell_proctor
from dingkao.proctoring.tables import FaceCapture, ProctorSession, ProctorVerdict
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.proctor import MOCK_SECRET, VERDICT_PATH, MockProctor, SignedCallback
from dingkao.testing.progress import made_up_picture
from dingkao.testing.web import Client, running_app, token_for

from .conftest import VERSION, WORDING

VIOLATION, PASSED = ProctorFinding.VIOLATION, ProctorFinding.PASSED
MOCK = MockProctor()


@pytest.fixture
async def app(settings: Settings, clock: SettableClock) -> AsyncIterator[Starlette]:
    secrets = SecretStr(f"{'old-secret-' * 4},{MOCK_SECRET}")
    async with running_app(settings.model_copy(update={"proctor_secrets": secrets}), clock) as app:
        yield app


async def begin(app: Starlette) -> tuple[Sittings, int, str, Client]:
    """An attempt that the bundled recorder watches: (province, attempt, session, the doctor's client)."""
    environment: Environment = app.state.environment
    sittings = await build_sittings(environment)
    await sittings.pin(proctoring=True, face_consent_version=VERSION, face_consent_text=WORDING)
    doctor = await sittings.doctor()
    await give_face_consent(environment, doctor.caller, doctor.assessment_id, VERSION)
    attempt = await start_attempt(environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await tell_proctor(environment)
    (row,) = await ProctorSession.objects()
    return sittings, attempt, row.name, Client(app, await token_for(environment, doctor.account_id))


async def send(app: Starlette, callback: SignedCallback, **headers: str) -> tuple[int, str]:
    """(status, code or `kept`, `repeated`)."""
    response = await Client(app).http.post(VERDICT_PATH, content=callback.body, headers={**callback.headers, **headers})
    body = response.json()
    code = body["errors"][0]["code"] if "errors" in body else "repeated" if body["repeated"] else "kept"
    return response.status_code, code


async def test_a_verdict_is_kept_once_and_shown_to_invigilators_alone(app: Starlette, clock: SettableClock) -> None:
    sittings, attempt, session, doctor = await begin(app)
    now = clock.now()
    found = MOCK.verdict(session, VIOLATION, at=now, remark="画面中有他人")
    assert await send(app, found) == (201, "kept")
    # The same again, signed anew: kept once. Another content under the same event is refused.
    clock.advance(timedelta(minutes=2))
    again = MOCK.verdict(session, VIOLATION, at=clock.now(), body=found.body)
    assert await send(app, again) == (200, "repeated")
    changed = MOCK.verdict(session, PASSED, at=clock.now())
    assert await send(app, changed) == (409, "EVENT_CONFLICT")
    # A second look, long after the end of the attempt.
    clock.advance(timedelta(days=3))
    assert await send(app, MOCK.verdict(session, PASSED, at=clock.now(), event="2")) == (201, "kept")
    assert await ProctorVerdict.count() == 2
    assert await AuditEntry.count().where(AuditEntry.action == "PROCTOR_VERDICT") == 2
    # It moved nothing.
    assert (await sittings.attempt(attempt)).state.value == "IN_PROGRESS"
    token = await token_for(app.state.environment, sittings.province.body.account_id)
    identity = encode_id("Attempt", attempt)
    shown = (await Client(app, token).operation("AttemptProctoring", id=identity))["proctoring"]
    assert [(one["finding"], one["remark"]) for one in shown["verdicts"]] == [
        ("VIOLATION", "画面中有他人"),
        ("PASSED", ""),
    ]
    assert (shown["frameSeconds"], shown["joinUrl"], shown["flags"]) == (None, None, [])
    sitting = {
        "cycleId": encode_id("Cycle", sittings.province.cycle_id),
        "bodyId": encode_id("Organisation", sittings.province.body_id),
        "subject": "HUMANITIES",
    }
    token = await token_for(app.state.environment, sittings.province.body.account_id)
    ((edge),) = (await Client(app, token).operation("SittingProctoring", first=10, **sitting))["edges"]
    assert len(edge["node"]["verdicts"]) == 2
    assert doctor is not None


async def test_what_is_not_signed_rightly_is_refused(app: Starlette, clock: SettableClock) -> None:
    _, _, session, doctor = await begin(app)
    now = clock.now()
    right = MOCK.verdict(session, VIOLATION, at=now)
    wrong = MOCK.verdict(session, VIOLATION, at=now, secret="another-secret-that-is-long-enough")
    assert await send(app, wrong) == (401, "BAD_SIGNATURE")
    assert await send(app, SignedCallback(right.body + b" ", right.headers)) == (401, "BAD_SIGNATURE")
    assert await send(app, SignedCallback(right.body, {})) == (401, "BAD_SIGNATURE")
    for name in right.headers:
        assert await send(app, right, **{name: "x" * 40}) == (401, "BAD_SIGNATURE")
    # An old request that was recorded, and one from a clock that is ahead.
    for late in (timedelta(minutes=6), -timedelta(minutes=6)):
        assert await send(app, MOCK.verdict(session, VIOLATION, at=now, late=late)) == (401, "STALE_TIMESTAMP")
    assert await send(app, MOCK.verdict("0" * 32, VIOLATION, at=now)) == (404, "NOT_FOUND")
    for body in (b"", b"[]", b"\xff", b"[" * 60_000, b'{"session": "x"}', right.body.replace(b"VIOLATION", b"GUILTY")):
        assert await send(app, MOCK.verdict(session, VIOLATION, at=now, body=body)) == (422, "BAD_VERDICT")
    large = MOCK.verdict(session, VIOLATION, at=now, body=b"x" * 65_537)
    assert await send(app, large) == (413, "BODY_TOO_LARGE")
    assert not await ProctorVerdict.exists()
    # The doctor is told what his client does, and nothing else.
    identity = encode_id("Attempt", (await ProctorSession.objects())[0].attempt)
    shown = (await doctor.operation("AttemptProctoring", id=identity))["proctoring"]
    assert shown == {"frameSeconds": 30, "joinUrl": None, "flags": None, "pictures": None, "verdicts": None}
    response = await doctor.http.post(f"/attempts/{identity}/frames", files={"file": ("x.png", made_up_picture("PNG"))})
    assert (response.status_code, response.json()) == (202, {"outcome": "TAKEN", "nextSeconds": 30})
    proof = await doctor.http.post(f"/attempts/{identity}/frames", files={"file": ("x.pdf", b"%PDF-1.4" + b"x" * 99)})
    assert proof.status_code in (422, 429)
    nobody = await Client(app).http.post(f"/attempts/{identity}/frames", files={"file": ("x.png", b"x")})
    assert nobody.status_code == 401


async def test_pictures_are_taken_of_the_device_that_writes_after_its_session_ended(
    app: Starlette, clock: SettableClock
) -> None:
    sittings, attempt, _, doctor = await begin(app)
    environment, record = app.state.environment, await sittings.attempt(attempt)
    token = attempt_token(environment, attempt, record.started_at, record.writer_number)
    await SessionToken.update({SessionToken.expires_at: clock.now() - timedelta(minutes=1)}, force=True)
    path = f"/attempts/{encode_id('Attempt', attempt)}"
    picture = {"file": ("x.png", made_up_picture("PNG"))}

    async def post(what: str, **headers: str) -> tuple[int, str]:
        response = await doctor.http.post(f"{path}/{what}", files=picture, headers=headers)
        body = response.json()
        return response.status_code, body["errors"][0]["code"] if "errors" in body else body.get("outcome", "")

    for what in ("frames", "captures"):
        assert await post(what) == (401, "UNAUTHENTICATED")
        for wrong in ("", "x", "1.", f"2{token[1:]}", token[:-1]):
            assert await post(what, **{"Attempt-Token": wrong}) == (404, "NOT_FOUND"), wrong
    assert await post("frames", **{"Attempt-Token": token}) == (202, "TAKEN")
    assert await post("captures", **{"Attempt-Token": token}) == (201, "")
    assert await FaceCapture.count() == 1
    (entry,) = await AuditEntry.objects().where(AuditEntry.action == "RECORD_FACE_CAPTURE")
    assert entry.account is not None
    # Another device goes on: the first one's pictures are nobody's.
    await Attempt.update({Attempt.writer_number: 2}).where(Attempt.id == attempt)
    for what in ("frames", "captures"):
        assert await post(what, **{"Attempt-Token": token}) == (409, "TAKEN_OVER")
    ended = {Attempt.writer_number: 1, Attempt.state: "SUBMITTED", Attempt.submitted_at: clock.now()}
    await Attempt.update(ended).where(Attempt.id == attempt)  # type: ignore[arg-type]
    for what in ("frames", "captures"):
        assert await post(what, **{"Attempt-Token": token}) == (409, "ATTEMPT_CLOSED")


async def test_without_a_secret_there_are_no_callbacks(settings: Settings, clock: SettableClock) -> None:
    async with running_app(settings, clock) as app:
        assert await send(app, MOCK.verdict("x", PASSED, at=clock.now(), secret="")) == (404, "CALLBACKS_OFF")


async def test_an_invigilator_may_look_at_a_face_and_nobody_else(app: Starlette) -> None:
    sittings, attempt, _, doctor = await begin(app)
    environment, province = app.state.environment, sittings.province
    identity = encode_id("Attempt", attempt)
    await doctor.http.post(f"/attempts/{identity}/frames", files={"file": ("x.png", made_up_picture("PNG"))})
    body = Client(app, await token_for(environment, province.body.account_id))
    ((picture),) = (await body.operation("AttemptProctoring", id=identity))["proctoring"]["pictures"]
    address = f"/faces/{picture['id']}"
    seen = await body.http.get(address)
    assert (seen.status_code, seen.headers["cache-control"]) == (200, "no-store")
    assert seen.content.startswith(b"\x89PNG")
    (entry,) = await AuditEntry.objects().where(AuditEntry.action == "LOOK_AT_FACE")
    assert entry.account == province.body.account_id
    institution = Client(app, await token_for(environment, province.institution.account_id))
    # It employs him, and invigilates nothing: it is not told what was found either.
    told = (await institution.operation("AttemptProctoring", id=identity))["proctoring"]
    assert {told[name] for name in ("flags", "pictures", "verdicts")} == {None}
    stranger = await sittings.doctor()
    other = Client(app, await token_for(environment, stranger.account_id))
    for client, status in ((doctor, 403), (institution, 403), (other, 404), (Client(app), 401)):
        assert (await client.http.get(address)).status_code == status
    assert await AuditEntry.count().where(AuditEntry.action == "LOOK_AT_FACE") == 1
    # Withdrawn: deleted, and nobody's any more.
    opaque = encode_id("Assessment", (await sittings.attempt(attempt)).assessment)
    await doctor.operation("WithdrawFaceConsent", input={"assessmentId": opaque})
    assert (await body.http.get(address)).status_code == 404
    assert (await body.operation("AttemptProctoring", id=identity))["proctoring"]["pictures"] == []


def test_the_signature_on_the_page_is_the_one_that_is_checked() -> None:
    page = (Path(__file__).parents[2] / "docs/plugins/hooks/ports.md").read_text(encoding="utf-8")
    told = re.search(r"the timestamp `(\d+)` and the body\n\n```json\n(.+)\n```\n\nthe signature is `(.+?)`", page)
    assert told is not None
    timestamp, body, signature = int(told[1]), told[2].encode(), told[3]
    assert signature_holds([MOCK_SECRET], timestamp, body, signature)
    assert verdict_from_json(body).finding is ProctorFinding.SUSPICIOUS
