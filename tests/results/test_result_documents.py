"""Printing notices and certificates, and sealing certificates."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from pypdf import PdfReader

from dingkao.audit.tables import AuditEntry, StateTransition
from dingkao.cycles.tables import BodyAppointment
from dingkao.doctors.tables import Doctor
from dingkao.environment import Environment
from dingkao.institutions.tables import Organisation, Region
from dingkao.institutions.vocabulary import RegionLevel
from dingkao.plugin.errors import Forbidden, NotEligible, NotFound, NotLoggedIn, StateConflict
from dingkao.plugin.ports import PortFailed, SealedDocument
from dingkao.plugin.vocabulary import Role, Verdict
from dingkao.ports import GuardedSealProvider
from dingkao.results.issuing import issue_certificate, issue_notice
from dingkao.results.sealing import seal_certificate
from dingkao.results.service import file_results, notify_results
from dingkao.results.tables import DocumentSequence, ResultDocument
from dingkao.results.vocabulary import ConclusionGround, DocumentState
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleDoctor, build_sample, caller_for

from .conftest import Office

ReadText = Callable[[str], Awaitable[str]]
RARE = "王䶮"
# CJK Extension H: in no font of the bundle.
UNPRINTABLE = "王\U00031350"


def stored_files(environment: Environment) -> list[Path]:
    root = Path(environment.settings.storage_url.removeprefix("file:"))
    return [path for path in root.rglob("*") if path.is_file()]


def codes(refusal: pytest.ExceptionInfo[NotEligible]) -> list[str]:
    return [reason.code for reason in refusal.value.reasons]


async def test_the_notice_names_the_doctor_the_result_and_the_way_to_object(
    office: Office, text_of: ReadText, photo: bytes
) -> None:
    doctor = await office.filed(RARE, photo=photo)
    notice = await issue_notice(office.environment, doctor.caller, doctor.assessment_id)
    text = await text_of(notice.file_name)
    for words in (
        "医师定期考核结果通知书",
        RARE,
        notice.number,
        "示范省人民医院",
        "示范省医师协会",
        "工作成绩合格",
        "职业道德合格",
        "业务水平合格",
        "医学人文872026年6月1日合格",
        "30日内",
    ):
        assert words in text, words
    assert doctor.document_number not in text
    pdf = await office.environment.files.get(notice.file_name)
    assert sha256(pdf).hexdigest() == notice.digest
    assert any(page.images for page in PdfReader(io.BytesIO(pdf)).pages)


async def test_the_notice_of_a_failed_rating_says_that_no_test_was_sat(office: Office, text_of: ReadText) -> None:
    doctor = await office.concluded(verdict=Verdict.UNQUALIFIED, ground=ConclusionGround.RATING_FAILED)
    await file_results(office.environment, office.province.body, [doctor.assessment_id])
    notice = await issue_notice(office.environment, doctor.caller, doctor.assessment_id)
    text = await text_of(notice.file_name)
    assert "职业道德不合格" in text
    assert "业务水平未测评" in text
    assert "暂停执业活动" in text


async def test_a_region_may_keep_doctors_from_printing_the_notice(office: Office) -> None:
    await office.pin(notice_printable=False)
    doctor = await office.filed()
    with pytest.raises(NotEligible) as refusal:
        await issue_notice(office.environment, doctor.caller, doctor.assessment_id)
    assert codes(refusal) == ["NOTICE_NOT_PRINTABLE"]
    assert stored_files(office.environment) == []
    for caller in (office.province.body, office.province.institution, office.province.authority):
        notice = await issue_notice(office.environment, caller, doctor.assessment_id)
        assert notice.state is DocumentState.ISSUED


async def test_nothing_is_printed_before_the_result_is_filed(office: Office) -> None:
    concluded, unfinished = await office.concluded(), await office.province.add_doctor()
    for issue in (issue_notice, issue_certificate):
        with pytest.raises(NotEligible) as refusal:
            await issue(office.environment, concluded.caller, concluded.assessment_id)
        assert codes(refusal) == ["RESULT_NOT_FILED"]
        with pytest.raises(StateConflict) as conflict:
            await issue(office.environment, unfinished.caller, unfinished.assessment_id)
        assert conflict.value.code == "NOT_CONCLUDED"


async def test_another_doctors_documents_do_not_exist(office: Office) -> None:
    doctor, other = await office.filed(), await office.filed()
    for issue in (issue_notice, issue_certificate, seal_certificate):
        with pytest.raises(NotLoggedIn):
            await issue(office.environment, None, doctor.assessment_id)
        with pytest.raises(NotFound):
            await issue(office.environment, other.caller, doctor.assessment_id)


async def test_printing_again_gives_the_same_document(office: Office, clock: SettableClock) -> None:
    doctor = await office.filed()
    first = await issue_notice(office.environment, doctor.caller, doctor.assessment_id)
    clock.set(datetime(2026, 6, 20, tzinfo=UTC))
    # Being notified in between changes nothing of what the notice says.
    await notify_results(office.environment, office.province.body, [doctor.assessment_id])
    assert await issue_notice(office.environment, office.province.institution, doctor.assessment_id) == first
    assert len(stored_files(office.environment)) == 1
    assert await AuditEntry.count().where(AuditEntry.action == "PRINT_NOTICE") == 2


async def test_what_has_changed_is_printed_anew_under_the_same_number(office: Office, text_of: ReadText) -> None:
    doctor = await office.filed("张三")
    first = await issue_notice(office.environment, doctor.caller, doctor.assessment_id)
    await Doctor.update({Doctor.name: "张叁"}).where(Doctor.id == doctor.doctor_id)
    second = await issue_notice(office.environment, doctor.caller, doctor.assessment_id)
    assert (second.id, second.number, second.check_code) == (first.id, first.number, first.check_code)
    assert "张叁" in await text_of(second.file_name)
    assert len(stored_files(office.environment)) == 1


async def test_numbers_are_unique_when_many_print_at_once(office: Office) -> None:
    doctors = [await office.filed() for _ in range(6)]
    printed = await asyncio.gather(
        *(issue_notice(office.environment, each.caller, each.assessment_id) for each in doctors),
        *(issue_certificate(office.environment, each.caller, each.assessment_id) for each in doctors),
    )
    assert len({document.number for document in printed}) == 12
    assert len({document.check_code for document in printed}) == 12
    last = {row["series"]: row["last"] for row in await DocumentSequence.select()}
    assert last == {"NOTICE-990000-2026": 6, "CERTIFICATE-990000-2026": 6}


async def test_one_document_comes_of_two_first_prints_at_once(office: Office) -> None:
    doctor = await office.filed()
    printed = await asyncio.gather(
        *(issue_notice(office.environment, doctor.caller, doctor.assessment_id) for _ in range(4))
    )
    assert len({(document.id, document.number, document.digest) for document in printed}) == 1
    assert await ResultDocument.count() == 1
    assert len(stored_files(office.environment)) == 1
    assert await StateTransition.count().where(StateTransition.machine == "notice") == 1


async def test_a_name_without_a_glyph_is_refused_and_leaves_nothing_behind(office: Office) -> None:
    doctor = await office.filed(UNPRINTABLE)
    for issue in (issue_notice, issue_certificate):
        with pytest.raises(NotEligible) as refusal:
            await issue(office.environment, doctor.caller, doctor.assessment_id)
        assert codes(refusal) == ["MISSING_GLYPH"]
        assert "U+31350" in refusal.value.reasons[0].text.zh
    assert await ResultDocument.count() == 0
    assert await DocumentSequence.count() == 0
    assert await AuditEntry.count().where(AuditEntry.object_type == "Document") == 0
    assert stored_files(office.environment) == []


async def test_a_missing_photo_is_refused_and_leaves_nothing_behind(office: Office, photo: bytes) -> None:
    doctor = await office.filed(photo=photo)
    for path in stored_files(office.environment):
        path.unlink()
    with pytest.raises(NotEligible) as refusal:
        await issue_notice(office.environment, doctor.caller, doctor.assessment_id)
    assert codes(refusal) == ["PHOTO_MISSING"]
    assert await ResultDocument.count() == 0


async def test_the_unsealed_certificate_says_that_it_is_not_in_force(office: Office, text_of: ReadText) -> None:
    doctor = await office.filed(RARE)
    certificate = await issue_certificate(office.environment, doctor.caller, doctor.assessment_id)
    assert certificate.state is DocumentState.UNSEALED
    text = await text_of(certificate.file_name)
    assert "未加盖发证机关公章不生效" in text
    assert "本证书加盖发证机关公章后生效" in text
    assert RARE in text
    assert "示范省卫生健康委员会" in text


async def test_a_failed_result_has_no_certificate(office: Office) -> None:
    doctor = await office.filed(verdict=Verdict.UNQUALIFIED)
    with pytest.raises(NotEligible) as refusal:
        await issue_certificate(office.environment, doctor.caller, doctor.assessment_id)
    assert codes(refusal) == ["RESULT_NOT_QUALIFIED"]


async def test_a_region_may_issue_no_certificates(office: Office) -> None:
    await office.pin(certificate_issued=False)
    doctor = await office.filed()
    with pytest.raises(NotEligible) as refusal:
        await issue_certificate(office.environment, office.province.body, doctor.assessment_id)
    assert codes(refusal) == ["CERTIFICATE_NOT_ISSUED_HERE"]


async def test_sealing_puts_the_certificate_in_force(sealing_office: Office, text_of: ReadText) -> None:
    environment, province = sealing_office.environment, sealing_office.province
    doctor = await sealing_office.with_certificate(RARE)
    sealed = await seal_certificate(environment, province.authority, doctor.assessment_id)
    assert sealed.state is DocumentState.SEALED
    assert sealed.sealed_at == environment.clock.now()
    assert sealed.sealed_by == "示范省卫生健康委员会"
    assert "示范省卫生健康委员会" in sealed.seal_subject
    text = await text_of(sealed.file_name)
    assert "未加盖发证机关公章不生效" not in text
    assert "自2026年6月1日起生效" in text
    assert RARE in text
    pdf = await environment.files.get(sealed.file_name)
    assert sha256(pdf).hexdigest() == sealed.digest
    assert "/AuthoritySeal" in str(PdfReader(io.BytesIO(pdf)).get_fields()) or b"AuthoritySeal" in pdf
    assert len(stored_files(environment)) == 1
    again = await issue_certificate(environment, doctor.caller, doctor.assessment_id)
    assert again == sealed


async def test_a_certificate_is_sealed_once(sealing_office: Office) -> None:
    environment, province = sealing_office.environment, sealing_office.province
    doctor = await sealing_office.with_certificate()
    outcomes = await asyncio.gather(
        *(seal_certificate(environment, province.authority, doctor.assessment_id) for _ in range(3)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, StateConflict) for outcome in outcomes) == 2, outcomes
    assert len(stored_files(environment)) == 1
    with pytest.raises(StateConflict) as refusal:
        await seal_certificate(environment, province.authority, doctor.assessment_id)
    assert refusal.value.state == "SEALED"


async def test_only_the_issuing_authority_seals(sealing_office: Office) -> None:
    environment, province = sealing_office.environment, sealing_office.province
    doctor = await sealing_office.with_certificate()
    for caller in (doctor.caller, province.body, province.institution):
        with pytest.raises(Forbidden):
            await seal_certificate(environment, caller, doctor.assessment_id)
    elsewhere = await build_sample(environment, code_suffix="X", region_code="980000")
    with pytest.raises(NotFound):
        await seal_certificate(environment, elsewhere.authority, doctor.assessment_id)


async def test_a_superior_authority_does_not_seal_for_the_one_below(sealing_office: Office) -> None:
    environment, province = sealing_office.environment, sealing_office.province
    county = await add_county(province.region_id)
    authorities = await Organisation.insert(
        Organisation(code="A002", name="示范县卫生健康局", region=county, is_authority=True)
    ).returning(Organisation.id)
    doctor = await in_region(sealing_office, county)
    superior = caller_for(
        province.authority.account_id,
        "省",
        (replace(province.authority.grants[0], region_ids=(province.region_id, county)),),
    )
    with pytest.raises(Forbidden) as refusal:
        await seal_certificate(environment, superior, doctor.assessment_id)
    assert "示范县卫生健康局" in refusal.value.text.zh
    own = caller_for(
        province.authority.account_id,
        "县",
        (replace(superior.grants[0], organisation_id=authorities[0]["id"], region_ids=(county,)),),
    )
    sealed = await seal_certificate(environment, own, doctor.assessment_id)
    assert sealed.sealed_by == "示范县卫生健康局"
    assert sealed.number.startswith("ZS-990101-2026-")


async def test_a_place_without_an_authority_is_sealed_by_the_one_above(sealing_office: Office) -> None:
    environment, province = sealing_office.environment, sealing_office.province
    county = await add_county(province.region_id, code="99KFQ")
    doctor = await in_region(sealing_office, county)
    grant = replace(province.authority.grants[0], region_ids=(province.region_id, county))
    superior = caller_for(province.authority.account_id, "省", (grant,))
    sealed = await seal_certificate(environment, superior, doctor.assessment_id)
    assert sealed.sealed_by == "示范省卫生健康委员会"
    # The development zone has no six-digit code: the number carries that of the place above.
    assert sealed.number.startswith("ZS-990000-2026-")


async def add_county(province_id: int, code: str = "990101") -> int:
    rows = await Region.insert(
        Region(code=code, name="示范县", level=RegionLevel.COUNTY.value, parent=province_id, path="")
    ).returning(Region.id)
    county: int = rows[0]["id"]
    await Region.update({Region.path: f"/{province_id}/{county}/"}).where(Region.id == county)
    return county


async def in_region(office: Office, region_id: int) -> SampleDoctor:
    """A doctor of the region with a printed certificate."""
    hospitals = await Organisation.insert(
        Organisation(code=f"H-{region_id}", name="示范县人民医院", region=region_id, is_institution=True)
    ).returning(Organisation.id)
    hospital, province = hospitals[0]["id"], office.province
    await BodyAppointment.insert(BodyAppointment(cycle=province.cycle_id, institution=hospital, body=province.body_id))
    doctor = await office.filed(province=replace(province, institution_id=hospital))
    await issue_certificate(office.environment, doctor.caller, doctor.assessment_id)
    return doctor


async def test_what_was_not_printed_or_has_changed_is_not_sealed(sealing_office: Office) -> None:
    environment, authority = sealing_office.environment, sealing_office.province.authority
    unprinted, renamed = await sealing_office.filed(), await sealing_office.with_certificate()
    await Doctor.update({Doctor.name: "张叁"}).where(Doctor.id == renamed.doctor_id)
    for doctor, code in ((unprinted, "CERTIFICATE_NOT_PRINTED"), (renamed, "CONTENT_CHANGED")):
        with pytest.raises(StateConflict) as refusal:
            await seal_certificate(environment, authority, doctor.assessment_id)
        assert refusal.value.code == code
    await issue_certificate(environment, renamed.caller, renamed.assessment_id)
    sealed = await seal_certificate(environment, authority, renamed.assessment_id)
    assert sealed.state is DocumentState.SEALED


class BrokenSeal:
    """A seal service that is out of reach."""

    async def seal(self, pdf: bytes, *, authority_name: str, reason: str, at: datetime) -> SealedDocument:
        raise PortFailed("no answer")


class ExpiringSeal:
    """A seal service that does not answer in time."""

    async def seal(self, pdf: bytes, *, authority_name: str, reason: str, at: datetime) -> SealedDocument:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nobody answers")


@pytest.mark.parametrize("provider", [BrokenSeal(), ExpiringSeal()], ids=["broken", "silent"])
async def test_a_seal_that_fails_leaves_the_certificate_unsealed(
    office: Office, provider: BrokenSeal | ExpiringSeal
) -> None:
    environment = replace(office.environment, seal=GuardedSealProvider(provider, "seal", seconds=0.05))
    doctor = await office.with_certificate()
    with pytest.raises(StateConflict) as refusal:
        await seal_certificate(environment, office.province.authority, doctor.assessment_id)
    assert refusal.value.code == "SEAL_UNAVAILABLE"
    certificate = await issue_certificate(office.environment, doctor.caller, doctor.assessment_id)
    assert certificate.state is DocumentState.UNSEALED
    assert len(stored_files(office.environment)) == 1


async def test_a_seal_out_of_its_time_says_so(sealing_office: Office, clock: SettableClock) -> None:
    doctor = await sealing_office.with_certificate()
    clock.set(datetime(2040, 1, 1, tzinfo=UTC))
    with pytest.raises(StateConflict) as refusal:
        await seal_certificate(sealing_office.environment, sealing_office.province.authority, doctor.assessment_id)
    assert "不在有效期内" in refusal.value.text.zh


async def test_no_state_of_a_document_moves_without_a_role(sealing_office: Office) -> None:
    doctor = await sealing_office.with_certificate()
    await seal_certificate(sealing_office.environment, sealing_office.province.authority, doctor.assessment_id)
    rows = await StateTransition.select().where(StateTransition.machine == "certificate").order_by(StateTransition.id)
    assert [(row["event"], row["target"], row["role"]) for row in rows] == [
        ("ISSUE", "UNSEALED", Role.BODY_REVIEWER.value),
        ("SEAL", "SEALED", Role.AUTHORITY_OFFICER.value),
    ]
    assert rows[1]["organisation"] == sealing_office.province.authority_id
