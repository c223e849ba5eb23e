"""One object of every kind in a province, and an account of every kind beside it."""

import zipfile
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import Any

from dingkao.accounts.tables import RoleAssignment, Session
from dingkao.assessments.form_rules import HistoryKind
from dingkao.assessments.service.form import save_history_entry
from dingkao.assessments.service.uploads import upload_file
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.doctors.tables import BehaviourRecord
from dingkao.environment import Environment
from dingkao.host.services import CoreServices
from dingkao.papers.attempts import start_attempt
from dingkao.papers.bank import import_questions
from dingkao.papers.bank_files import import_question_file
from dingkao.papers.invigilating import pause_attempt, resume_attempt
from dingkao.papers.tables import Question
from dingkao.papers.vocabulary import VoidingConsequence
from dingkao.papers.voiding import request_voiding
from dingkao.plugin.caller import Caller
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import RATED_DIMENSIONS, FilePurpose, PaperSubject, ReviewLevel, Role, Verdict
from dingkao.results.annulling import propose_annulment
from dingkao.results.issuing import issue_notice
from dingkao.results.service import file_results, notify_results
from dingkao.results.tables import Result
from dingkao.reviews.vocabulary import Decision
from dingkao.staff.service import read_staff
from dingkao.testing.progress import (
    EDUCATION,
    bring_to_tests,
    decide,
    fill_bank,
    made_up_picture,
    papers_of,
    pass_proctoring,
    submit_registration,
)
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample
from dingkao.testing.web import token_for
from dingkao_exemptions.service import GivenProof, request_exemption

from .access_rarities import add_histories, add_to_the_result, add_to_the_sitting, grant_exemption


@dataclass(frozen=True)
class Objects:
    """One object of every kind in the province, by type, and by the name of the argument that takes it."""

    province: SampleProvince
    doctor: SampleDoctor
    concluded: SampleDoctor
    keeper: Caller
    plain_authority: Caller
    nodes: dict[str, str]
    arguments: dict[str, str]


async def make_objects(environment: Environment, province: SampleProvince) -> Objects:
    """A doctor before a paper he has begun, one who asks for an exemption, one with a result and its notice."""
    doctor = await province.add_doctor("张三", password_hash="unused")
    entry = await save_history_entry(
        environment, doctor.caller, doctor.assessment_id, HistoryKind.EDUCATION, None, EDUCATION
    )
    await add_histories(environment, doctor)
    await bring_to_tests(province, doctor)
    for subject in PaperSubject:
        await fill_bank(province, subject)
    await pass_proctoring(environment, doctor)
    paper = (await papers_of(doctor))[0].id
    attempt = await start_attempt(environment, doctor.caller, paper)
    await pause_attempt(environment, province.body, attempt, "停电")
    await resume_attempt(environment, province.body, attempt, "来电")
    await add_to_the_sitting(environment, doctor, attempt)
    await request_voiding(environment, province.body, attempt, VoidingConsequence.NEW_ATTEMPT, "设备故障")
    proof = await upload_file(
        environment,
        doctor.caller,
        doctor.assessment_id,
        FilePurpose.EXEMPTION_PROOF,
        "证书.png",
        made_up_picture("PNG"),
    )
    exemption = await request_exemption(
        CoreServices(environment),
        doctor.caller,
        doctor.assessment_id,
        ["RESIDENCY_TRAINING"],
        [GivenProof(encode_id("File", proof.id))],
    )
    await grant_exemption(environment, province, exemption)
    behaviour = await BehaviourRecord.insert(
        BehaviourRecord(
            doctor=doctor.doctor_id,
            polarity="GOOD",
            kind="AWARD",
            occurred_on=date(2025, 5, 1),
            description="表彰",
            recorded_by=province.authority_id,
            recorded_at=environment.clock.now(),
        )
    ).returning(BehaviourRecord.id)
    concluded = await province.add_doctor("李四", password_hash="unused")
    await _conclude(province, concluded)
    result = await Result.select(Result.id).where(Result.assessment == concluded.assessment_id).first()
    assert result is not None
    document = await issue_notice(environment, province.body, concluded.assessment_id)
    proposal = await propose_annulment(environment, province.authority, concluded.assessment_id, "替考")
    nodes = {
        "Assessment": encode_id("Assessment", doctor.assessment_id),
        "Attempt": encode_id("Attempt", attempt),
        "BehaviourRecord": encode_id("BehaviourRecord", behaviour[0]["id"]),
        "Cycle": encode_id("Cycle", province.cycle_id),
        "Doctor": encode_id("Doctor", doctor.doctor_id),
        "Document": encode_id("Document", _key(document)),
        "Exemption": encode_id("Exemption", exemption),
        "Organisation": encode_id("Organisation", province.institution_id),
        "Paper": encode_id("Paper", paper),
        "Proposal": encode_id("Proposal", proposal),
        "Region": encode_id("Region", province.region_id),
        "Result": encode_id("Result", result["id"]),
        "StaffAccount": encode_id("StaffAccount", province.institution.account_id),
    }
    keeper = await province.add_officer(Role.SECURITY_ADMINISTRATOR, province.authority_id)
    held = (await read_staff(keeper, province.institution.account_id)).roles[0]
    bank = "Question,A,B,C,D,Answer\n待审定的题,甲,乙,丙,丁,A"
    draft = await import_questions(environment, province.authority, PaperSubject.HUMANITIES, bank)
    pictured = BytesIO()
    with zipfile.ZipFile(pictured, "w") as opened:
        opened.writestr("bank.csv", "Question,A,B,C,D,Answer\n看图![图](a.png),甲,乙,丙,丁,A")
        opened.writestr("a.png", made_up_picture("PNG", 20, 10))
    await import_question_file(environment, SYSTEM_CALLER, PaperSubject.HUMANITIES, pictured.getvalue())
    question = await Question.select(Question.id).where(Question.batch == draft.batch).first()
    assert question is not None
    voiding, mark = await add_to_the_result(environment, province, concluded, question["id"])
    await token_for(environment, doctor.account_id)
    session = await Session.select(Session.id).where(Session.account == doctor.account_id).first()
    assert session is not None
    arguments = {
        "sessionId": encode_id("Session", session["id"]),
        "accountId": nodes["StaffAccount"],
        "roleId": encode_id("RoleAssignment", held.id),
        "organisationId": nodes["Organisation"],
        "importId": encode_id("QuestionImport", draft.batch or 0),
        "questionIds": encode_id("Question", question["id"]),
        "questionId": encode_id("Question", question["id"]),
        "assessmentId": nodes["Assessment"],
        "assessmentIds": nodes["Assessment"],
        "attemptId": nodes["Attempt"],
        "cycleId": nodes["Cycle"],
        "doctorId": nodes["Doctor"],
        "institutionId": nodes["Organisation"],
        "bodyId": encode_id("Organisation", province.body_id),
        "paperId": nodes["Paper"],
        "proposalId": nodes["Proposal"],
        "proposalOfVoiding": encode_id("Proposal", voiding),
        "proposalOfPassMark": encode_id("Proposal", mark),
        "entryId": encode_id("Education", entry),
        "exemptionId": nodes["Exemption"],
        "file": encode_id("File", proof.id),
        "proofIds": encode_id("File", proof.id),
    }
    plain = await province.add_officer(Role.AUTHORITY_OFFICER, province.authority_id)
    return Objects(province, doctor, concluded, keeper, plain, nodes, arguments)


def _key(issued: Any) -> int:
    return int(getattr(issued, "id", issued))


async def _conclude(province: SampleProvince, doctor: SampleDoctor) -> None:
    environment, ids = province.environment, [doctor.assessment_id]
    await submit_registration(environment, doctor)
    failed = tuple((dimension, Verdict.UNQUALIFIED, "") for dimension in RATED_DIMENSIONS)
    await decide(province, doctor, ReviewLevel.INSTITUTION, ratings=failed)
    await decide(province, doctor, ReviewLevel.BODY, Decision.FAILURE_CONFIRMED)
    await file_results(environment, province.body, ids)
    await notify_results(environment, province.body, ids, by_sms=False)


# What is open to an account although the doctor is none of its business: the bank is one for all, and who sits is the
# invigilator's matter. By the name of the root field, and of the type that `node` gives.
_BANK = {"approveQuestions", "retireQuestions"}
_INVIGILATING = {
    "attempt", "pauseAttempt", "resumeAttempt", "requestVoiding",
    "identifyInPerson", "sittingProctoring", "attemptProctoring", "grantExtraTime", "grantSittingExtraTime", "sitting",
    "Attempt", "Paper",
}  # fmt: skip
_KEEPING = {
    "organisations", "createStaffAccount", "assignRole", "endRole", "changeAccount", "renewInitialSecret",
    "StaffAccount",
}  # fmt: skip
ALLOWED: dict[str, set[str]] = {
    "an approver of questions": _BANK,
    "an invigilator of the body": _INVIGILATING,
    "the security administrator": _KEEPING,
    "the audit administrator": {"auditEntries"},
}


async def strangers(objects: Objects) -> dict[str, Caller]:
    """Accounts whom the two doctors do not concern; what is theirs all the same stands in `ALLOWED`."""
    province = objects.province
    other = await build_sample(province.environment, code_suffix="2", region_code="980000")
    colleague = await province.add_doctor("王五", password_hash="unused")
    elsewhere = await other.add_doctor("赵六", password_hash="unused")
    nobody = await province.add_officer(Role.INSTITUTION_OFFICER, province.institution_id)
    await RoleAssignment.delete().where(RoleAssignment.account == nobody.account_id)
    return {
        "a colleague": colleague.caller,
        "a doctor elsewhere": elsewhere.caller,
        "another institution": other.institution,
        "another body": other.body,
        "another region's authority": await province.add_officer(Role.AUTHORITY_OFFICER, other.authority_id),
        "an author of questions": await province.add_officer(Role.BANK_AUTHOR, province.authority_id),
        "an approver of questions": await province.add_officer(Role.BANK_APPROVER, province.authority_id),
        "an invigilator of the body": await province.add_officer(Role.INVIGILATOR, province.body_id),
        "an invigilator elsewhere": await province.add_officer(Role.INVIGILATOR, other.body_id),
        "the system administrator": await province.add_officer(Role.SYSTEM_ADMINISTRATOR, None),
        "the security administrator": objects.keeper,
        "a security administrator elsewhere": await province.add_officer(
            Role.SECURITY_ADMINISTRATOR, other.authority_id
        ),
        "the audit administrator": await province.add_officer(Role.AUDIT_ADMINISTRATOR, None),
        "no role": nobody,
    }


def texts_for(objects: Objects, name: str) -> dict[str, str]:
    """The arguments that name the province's objects: `id` by the field that takes it."""
    own = {"attempt": "Attempt", "cycle": "Cycle", "proposalPreview": "Proposal"}.get(name, "Assessment")
    identity = objects.arguments["exemptionId"] if name == "exemption" else objects.nodes[own]
    texts = {**objects.arguments, "id": identity, "regionCode": "990000"}
    if name in ("saveInstitutionFiling", "savePracticeHistory"):
        # A new entry: the one there is belongs to another history.
        del texts["entryId"]
    return texts
