"""Numbers in full: for the authority that governs the doctor, with a reason, audited, few an hour."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from dingkao.audit.tables import AuditEntry
from dingkao.doctors.revealing import PersonalNumber, reveal_personal_numbers
from dingkao.environment import Environment
from dingkao.plugin.errors import Forbidden, NotFound, NotLoggedIn, TooManyRequests, ValidationFailed
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import build_sample

REASON = "核对电子化注册系统信息"
DOCUMENT = [PersonalNumber.DOCUMENT_NUMBER]


async def entries() -> list[dict[str, object]]:
    query = AuditEntry.select().where(AuditEntry.action == "REVEAL_PERSONAL_NUMBERS").order_by(AuditEntry.id)
    return list(await query)


async def test_the_authority_sees_them_and_the_audit_says_why(environment: Environment) -> None:
    province = await build_sample(environment)
    doctor = await province.add_doctor(password_hash="unused", phone="13800000001")
    shown = await reveal_personal_numbers(
        environment, province.authority, doctor.doctor_id, list(PersonalNumber), f"{REASON} {doctor.document_number}"
    )
    assert shown[PersonalNumber.DOCUMENT_NUMBER] == doctor.document_number
    assert doctor.document_number in str(shown[PersonalNumber.QUALIFICATION_NUMBER])
    assert shown[PersonalNumber.REGISTRY_PHONE] == shown[PersonalNumber.BOUND_PHONE] == "13800000001"
    (entry,) = await entries()
    assert (entry["account"], entry["object_id"]) == (province.authority.account_id, doctor.doctor_id)
    detail = json.loads(str(entry["detail"]))
    assert detail == {"numbers": sorted(PersonalNumber), "reason": f"{REASON} [masked]"}


async def test_others_see_nothing(environment: Environment) -> None:
    province = await build_sample(environment)
    doctor = await province.add_doctor(password_hash="unused")
    elsewhere = await build_sample(environment, code_suffix="2", region_code="880000")
    for caller, refusal in (
        (None, NotLoggedIn),
        (doctor.caller, Forbidden),
        (province.institution, Forbidden),
        (province.body, Forbidden),
        (elsewhere.authority, NotFound),
    ):
        with pytest.raises(refusal):
            await reveal_personal_numbers(environment, caller, doctor.doctor_id, DOCUMENT, REASON)
    assert await entries() == []


@pytest.mark.parametrize(("numbers", "reason", "path"), [([], REASON, "numbers"), (DOCUMENT, " 查  看 ", "reason")])
async def test_which_and_why_have_to_be_said(
    environment: Environment, numbers: list[PersonalNumber], reason: str, path: str
) -> None:
    province = await build_sample(environment)
    doctor = await province.add_doctor(password_hash="unused")
    with pytest.raises(ValidationFailed) as refused:
        await reveal_personal_numbers(environment, province.authority, doctor.doctor_id, numbers, reason)
    assert [problem.path for problem in refused.value.problems] == [path]
    assert await entries() == []


async def test_few_an_hour(environment: Environment, clock: SettableClock) -> None:
    environment = replace(environment, settings=environment.settings.model_copy(update={"reveals_per_hour": 2}))
    province = await build_sample(environment)
    doctor = await province.add_doctor(password_hash="unused")
    ask = (environment, province.authority, doctor.doctor_id, DOCUMENT, REASON)
    await reveal_personal_numbers(*ask)
    clock.advance(timedelta(minutes=10))
    await reveal_personal_numbers(*ask)
    with pytest.raises(TooManyRequests) as refused:
        await reveal_personal_numbers(*ask)
    assert 49 * 60 < refused.value.retry_after_seconds <= 50 * 60 + 1
    clock.advance(timedelta(minutes=51))
    await reveal_personal_numbers(*ask)
    assert len(await entries()) == 3
