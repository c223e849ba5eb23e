"""Choosing the procedure (考核程序): who may, what it asks for."""

from dataclasses import replace
from datetime import date

import pytest

from dingkao.assessments.content import read_content
from dingkao.assessments.service.procedure import choose_procedure, read_offers
from dingkao.assessments.service.uploads import upload_file
from dingkao.doctors.tables import BehaviourRecord
from dingkao.environment import Environment
from dingkao.plugin.errors import RevisionConflict
from dingkao.plugin.vocabulary import AssessmentState, BehaviourPolarity, FilePurpose
from dingkao.testing.progress import STATEMENT, current_record, made_up_picture
from dingkao.testing.refusals import refused_access, refused_fields, refused_reasons, refused_state
from dingkao.testing.sample import SampleDoctor, SampleProvince


async def add_proof(
    environment: Environment, doctor: SampleDoctor, purpose: FilePurpose = FilePurpose.PROCEDURE_PROOF
) -> int:
    kept = await upload_file(
        environment, doctor.caller, doctor.assessment_id, purpose, "证明.png", made_up_picture("PNG")
    )
    return kept.id


async def add_behaviour(province: SampleProvince, doctor: SampleDoctor, polarity: BehaviourPolarity, day: date) -> None:
    await BehaviourRecord.insert(
        BehaviourRecord(
            doctor=doctor.doctor_id,
            polarity=polarity.value,
            kind="TEST",
            occurred_on=day,
            description="记录",
            recorded_by=province.authority_id,
            recorded_at=province.environment.clock.now(),
        )
    )


async def test_simple_keeps_statement_and_proofs_in_their_order(environment: Environment, doctor: SampleDoctor) -> None:
    first, second = await add_proof(environment, doctor), await add_proof(environment, doctor)
    who = (environment, doctor.caller, doctor.assessment_id)
    await choose_procedure(*who, "SIMPLE", STATEMENT, [second, first, second], None)
    record = await current_record(doctor)
    assert (record.procedure, record.procedure_title, record.statement) == ("SIMPLE", "简易程序", STATEMENT)
    assert [proof.id for proof in (await read_content(doctor.assessment_id)).proofs] == [second, first]
    # Null keeps what was saved; an empty list and an empty text take it away.
    await choose_procedure(*who, "SIMPLE", None, None, record.revision)
    assert [proof.id for proof in (await read_content(doctor.assessment_id)).proofs] == [second, first]
    assert (await current_record(doctor)).statement == STATEMENT
    await choose_procedure(*who, "SIMPLE", " ", [], None)
    assert (await read_content(doctor.assessment_id)).proofs == []
    assert (await current_record(doctor)).statement == ""


async def test_changing_to_general_leaves_neither_statement_nor_proof(
    environment: Environment, doctor: SampleDoctor
) -> None:
    who = (environment, doctor.caller, doctor.assessment_id)
    await choose_procedure(*who, "SIMPLE", STATEMENT, [await add_proof(environment, doctor)], None)
    await choose_procedure(*who, "GENERAL", None, None, None)
    record = await current_record(doctor)
    assert (record.procedure, record.procedure_title, record.statement) == ("GENERAL", "一般程序", "")
    assert (await read_content(doctor.assessment_id)).proofs == []


async def test_general_asks_for_neither(environment: Environment, doctor: SampleDoctor) -> None:
    proof = await add_proof(environment, doctor)
    use_case = choose_procedure(environment, doctor.caller, doctor.assessment_id, "GENERAL", "述职", [proof], None)
    assert await refused_fields(use_case) == [("proofIds", "PROOFS_NOT_ASKED"), ("statement", "STATEMENT_NOT_ASKED")]
    assert (await current_record(doctor)).procedure is None


async def test_two_thousand_characters_and_no_more(environment: Environment, doctor: SampleDoctor) -> None:
    who = (environment, doctor.caller, doctor.assessment_id)
    # Line breaks count nothing, a family of four counts one.
    longest = "\n".join(["述" * 999, "职" * 1000, "👨‍👩‍👧‍👦"])
    await choose_procedure(*who, "SIMPLE", longest, None, None)
    assert (await current_record(doctor)).statement == longest
    use_case = choose_procedure(*who, "SIMPLE", longest + "。", None, None)
    assert await refused_fields(use_case) == [("statement", "TEXT_TOO_LONG")]
    assert (await current_record(doctor)).statement == longest


async def test_proofs_must_be_uploads_of_this_assessment_for_this(
    environment: Environment, province: SampleProvince, doctor: SampleDoctor
) -> None:
    colleague = await province.add_doctor("李四")
    foreign = await add_proof(environment, colleague)
    own = await add_proof(environment, doctor)
    photo = await upload_file(
        environment, doctor.caller, doctor.assessment_id, FilePurpose.PHOTO, "照片.jpg", made_up_picture()
    )
    proofs = [own, foreign, photo.id, 10**9]
    use_case = choose_procedure(environment, doctor.caller, doctor.assessment_id, "SIMPLE", "述" * 2001, proofs, None)
    assert await refused_fields(use_case) == [
        ("proofIds.1", "FILE_NOT_FOUND"),
        ("proofIds.2", "FILE_NOT_FOUND"),
        ("proofIds.3", "FILE_NOT_FOUND"),
        ("statement", "TEXT_TOO_LONG"),
    ]
    assert (await read_content(doctor.assessment_id)).proofs == []


async def test_years_and_records_decide(environment: Environment, province: SampleProvince) -> None:
    young = await province.add_doctor("青年", practising_since=date(2023, 1, 1))
    use_case = choose_procedure(environment, young.caller, young.assessment_id, "SIMPLE", STATEMENT, None, None)
    codes = await refused_reasons(use_case)
    assert len(codes) == 2, codes
    offers = await read_offers(environment, await current_record(young))
    by_code = {offer.procedure.code: [reason.code for reason in offer.reasons] for offer in offers}
    assert by_code == {"GENERAL": [], "SIMPLE": codes} or sorted(by_code["SIMPLE"]) == codes
    assert (await current_record(young)).procedure is None
    # Six years: only with a good record, and one outside the cycle is none.
    middle = await province.add_doctor("中年", practising_since=date(2019, 1, 1))
    who = (environment, middle.caller, middle.assessment_id)
    await add_behaviour(province, middle, BehaviourPolarity.GOOD, date(2023, 12, 31))
    assert await refused_reasons(choose_procedure(*who, "SIMPLE", None, None, None))
    await add_behaviour(province, middle, BehaviourPolarity.GOOD, date(2024, 1, 1))
    await choose_procedure(*who, "SIMPLE", None, None, None)
    # A bad record in the cycle closes the way again.
    await add_behaviour(province, middle, BehaviourPolarity.BAD, date(2026, 5, 1))
    assert await refused_reasons(choose_procedure(*who, "SIMPLE", None, None, None))


async def test_an_unknown_procedure(environment: Environment, doctor: SampleDoctor) -> None:
    for code in ("NONE", "", "simple", "SIMPLE\x00"):
        use_case = choose_procedure(environment, doctor.caller, doctor.assessment_id, code, None, None, None)
        assert await refused_fields(use_case) == [("procedure", "UNKNOWN")]


async def test_conflict_state_and_access(environment: Environment, province: SampleProvince) -> None:
    doctor, colleague = await province.add_doctor("张三"), await province.add_doctor("李四")
    with pytest.raises(RevisionConflict):
        await choose_procedure(environment, doctor.caller, doctor.assessment_id, "GENERAL", None, None, 7)
    closed = await province.add_doctor(state=AssessmentState.INSTITUTION_APPROVED)
    use_case = choose_procedure(environment, closed.caller, closed.assessment_id, "GENERAL", None, None, None)
    assert await refused_state(use_case) == ("FORM_CLOSED", "INSTITUTION_APPROVED")
    for caller, code in (
        (None, "UNAUTHENTICATED"),
        (replace(doctor.caller, first_login=True), "FIRST_LOGIN_REQUIRED"),
        (colleague.caller, "NOT_FOUND"),
        (province.institution, "FORBIDDEN"),
        (province.authority, "FORBIDDEN"),
    ):
        use_case = choose_procedure(environment, caller, doctor.assessment_id, "GENERAL", None, None, None)
        assert await refused_access(use_case) == code
    assert (await current_record(doctor)).procedure is None
