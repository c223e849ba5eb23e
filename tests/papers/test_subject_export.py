"""A doctor's export of what is held about him: whole, his alone, marks as the policy shows them."""

import json
from datetime import timedelta
from typing import Any

import pytest

from dingkao.assessments.service.uploads import upload_file
from dingkao.audit.tables import AuditEntry
from dingkao.db.tables import Record
from dingkao.doctors.revealing import PersonalNumber, reveal_personal_numbers
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.tables import Attempt
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import Forbidden, NotLoggedIn, TooManyRequests
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import AssessmentState, FilePurpose
from dingkao.subject_access.service import export_subject_data
from dingkao.testing.clock import SettableClock
from dingkao.testing.progress import made_up_picture
from dingkao.testing.sample import SampleDoctor
from dingkao_exemptions.tables import ExemptionProof, ExemptionRequest

from .sittings import QUESTIONS, Sittings


async def exported(sittings: Sittings, caller: Caller) -> dict[str, Any]:
    made = await export_subject_data(sittings.environment, caller)
    assert made.generated_at == sittings.environment.clock.now()
    return dict(json.loads(made.json))


async def sat(sittings: Sittings) -> tuple[SampleDoctor, int]:
    doctor = await sittings.doctor()
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await sittings.answer(doctor, attempt, right=8)
    return doctor, attempt


@pytest.mark.parametrize("reveal", ["RESULT", "MARKS"])
async def test_it_holds_what_is_his_as_the_policy_shows_it(sittings: Sittings, reveal: str) -> None:
    await sittings.pin(reveal=reveal)
    doctor, attempt = await sat(sittings)
    other, _ = await sat(sittings)
    running = (await exported(sittings, doctor.caller))["records"]
    (row,) = running["attempt"]
    assert (row["id"], row["state"], row["score_percent"]) == (attempt, "IN_PROGRESS", None)
    assert len(running["answer"]) == QUESTIONS
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    await reveal_personal_numbers(
        sittings.environment,
        sittings.province.authority,
        doctor.doctor_id,
        [PersonalNumber.DOCUMENT_NUMBER],
        "核对电子化注册系统信息",
    )
    records = (await exported(sittings, doctor.caller))["records"]
    assert records["doctor"][0]["document_number"] == doctor.document_number
    assert records["account"][0]["login_name"] == doctor.document_number
    (row,) = records["attempt"]
    assert (row["score_percent"], row["passed"]) == (None if reveal == "RESULT" else 80, True)
    assert [row["id"] for row in records["assessment"]] == [doctor.assessment_id]
    assert records["assessment"][0]["institution"] == records["practice_registration"][0]["institution"]
    assert {"START_ATTEMPT", "SUBMIT_ATTEMPT", "REVEAL_PERSONAL_NUMBERS"} <= {
        row["action"] for row in records["audit_entry"]
    }
    assert {row["assessment"] for row in records["state_transition"]} == {doctor.assessment_id}
    text = json.dumps(records, ensure_ascii=False)
    assert other.document_number not in text
    (kept,) = await Attempt.select(Attempt.questions, Attempt.answer_key).where(Attempt.id == attempt)
    assert "answer_key" not in text
    assert json.loads(kept["questions"])[0]["stem"] not in text


async def test_it_lists_his_files_and_where_they_are_had(sittings: Sittings) -> None:
    doctor, other = [
        await sittings.province.add_doctor(state=AssessmentState.OPENED, password_hash="unused") for _ in range(2)
    ]
    picture = made_up_picture()
    kept = await upload_file(
        sittings.environment, doctor.caller, doctor.assessment_id, FilePurpose.PHOTO, "照片.jpg", picture
    )
    (listed,) = (await exported(sittings, doctor.caller))["files"]
    assert (listed["kind"], listed["title"], listed["size"]) == ("PHOTO", "照片.jpg", kept.size)
    assert listed["url"].endswith(f"/files/{encode_id('File', kept.id)}")
    assert (await exported(sittings, other.caller))["files"] == []


async def _add(table: type[Record], **values: Any) -> int:
    inserted = await table.insert(table(**values)).returning(table.id)
    return int(inserted[0]["id"])


async def test_records_of_plugins_are_found(sittings: Sittings) -> None:
    doctor, other = await sittings.doctor(), await sittings.doctor()
    keys = []
    for each in (doctor, other):
        request = await _add(
            ExemptionRequest,
            assessment=each.assessment_id,
            procedure="GENERAL",
            subject="HUMANITIES",
            conditions="[]",
            state="REQUESTED",
            institution=sittings.province.institution_id,
            requested_by=each.account_id,
            requested_at=sittings.environment.clock.now(),
        )
        await _add(ExemptionProof, request=request, position=1, file=1)
        keys.append(request)
    of_plugins = (await exported(sittings, doctor.caller))["plugins"]
    assert [row["id"] for row in of_plugins["exemptions_request"]] == keys[:1]
    assert [row["request"] for row in of_plugins["exemptions_proof"]] == keys[:1]
    assert of_plugins["exemptions_proof"][0]["file"] == 1
    assert not {"requested_by", "institution_account"} & {
        name for rows in of_plugins.values() for row in rows for name in row
    }


async def test_doctors_alone_few_a_day_and_written_down(sittings: Sittings, clock: SettableClock) -> None:
    doctor = await sittings.doctor()
    for caller, refusal in ((None, NotLoggedIn), (sittings.province.authority, Forbidden)):
        with pytest.raises(refusal):
            await export_subject_data(sittings.environment, caller)
    for _ in range(5):
        await exported(sittings, doctor.caller)
        clock.advance(timedelta(hours=1))
    with pytest.raises(TooManyRequests) as refused:
        await export_subject_data(sittings.environment, doctor.caller)
    assert 18 * 3600 < refused.value.retry_after_seconds <= 19 * 3600 + 1
    clock.advance(timedelta(hours=19, minutes=1))
    await exported(sittings, doctor.caller)
    written = await AuditEntry.select().where(AuditEntry.action == "EXPORT_SUBJECT_DATA")
    assert {(row["account"], row["object_id"], row["role"]) for row in written} == {
        (doctor.account_id, doctor.doctor_id, "DOCTOR")
    }
    assert len(written) == 6
