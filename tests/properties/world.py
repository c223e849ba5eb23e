"""A small world of random actors: two doctors, their officers, strangers, and everything they may try."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from dingkao.assessments.form_rules import HistoryKind
from dingkao.assessments.records import AssessmentRecord
from dingkao.assessments.service.enrolment import close_enrolment, open_enrolment
from dingkao.assessments.service.evaluation import save_self_evaluation
from dingkao.assessments.service.form import remove_history_entry, save_history_entry, save_registration_form
from dingkao.assessments.service.procedure import choose_procedure
from dingkao.assessments.service.submission import submit, withdraw
from dingkao.assessments.service.uploads import upload_file
from dingkao.assessments.tables import Rating
from dingkao.environment import Environment
from dingkao.host.services import CoreServices
from dingkao.papers.answers import GivenAnswer, save_answers
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.settling import settle_expired
from dingkao.papers.tables import AssessmentPaper, Attempt
from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.caller import Caller
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import (
    RATED_DIMENSIONS,
    AssessmentState,
    FilePurpose,
    PaperState,
    PaperSubject,
    ReviewLevel,
    Role,
    Verdict,
)
from dingkao.proctoring.consent import give_face_consent
from dingkao.proposals.deciding import decide_proposal
from dingkao.proposals.tables import Proposal
from dingkao.results.annulling import propose_annulment
from dingkao.results.service import (
    ReexaminationDecision,
    decide_reexamination,
    file_results,
    notify_results,
)
from dingkao.results.service import request_reexamination as ask_again
from dingkao.reviews.service import review_by_body, review_by_institution
from dingkao.reviews.vocabulary import Decision
from dingkao.testing.clock import SettableClock
from dingkao.testing.progress import (
    EDUCATION,
    FORM,
    STATEMENT,
    complete_registration,
    current_record,
    fill_bank,
    made_up_picture,
    papers_of,
    pass_proctoring,
)
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample
from dingkao_exemptions.rules import ENROLLED, ExemptionDecision, ExemptionState
from dingkao_exemptions.service import GivenProof, decide_exemption, request_exemption
from dingkao_exemptions.tables import ExemptionRequest

RIGHT = "right"
# Who is never let through on the two doctors' assessments.
STRANGERS = ("nobody", "first_login", "other_doctor", "other_institution", "other_body", "other_authority")


@dataclass
class World:
    """The two doctors of one province, and everybody who might touch what is theirs."""

    environment: Environment
    clock: SettableClock
    province: SampleProvince
    doctors: tuple[SampleDoctor, SampleDoctor]
    callers: Mapping[str, Caller | None]

    @classmethod
    async def build(cls, environment: Environment, clock: SettableClock) -> "World":
        province = await build_sample(environment)
        other = await build_sample(environment, code_suffix="2", region_code="980000")
        first = await province.add_doctor("张三", state=AssessmentState.NOT_OPENED, password_hash="unused")
        second = await province.add_doctor("李四", state=AssessmentState.NOT_OPENED, password_hash="unused")
        elsewhere = await other.add_doctor("王五")
        for subject in PaperSubject:
            await fill_bank(province, subject)
        callers = {
            "nobody": None,
            "first_login": replace(first.caller, first_login=True),
            "institution": province.institution,
            "body": province.body,
            "authority": province.authority,
            "second_body": await province.add_officer(Role.BODY_REVIEWER, province.body_id),
            "second_authority": province.second_authority,
            "other_doctor": elsewhere.caller,
            "other_institution": other.institution,
            "other_body": other.body,
            "other_authority": other.authority,
            "doctor0": first.caller,
            "doctor1": second.caller,
        }
        return cls(environment, clock, province, (first, second), callers)


Act = Callable[[World, Caller | None, SampleDoctor, int], Awaitable[object]]


@dataclass(frozen=True)
class Action:
    """Something that may be tried; `right` is who may, as a key of the world's callers or `doctor` for the doctor."""

    name: str
    right: str
    act: Act


def _open(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> Awaitable[object]:
    change = close_enrolment if choice % 4 == 0 else open_enrolment
    return change(world.environment, caller, [doctor.assessment_id])


async def _edit(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> object:
    rest = (world.environment, caller, doctor.assessment_id)
    revision = (await current_record(doctor)).revision if choice % 3 else None
    match choice:
        case 0:
            return await save_registration_form(*rest, FORM, revision)
        case 1:
            return await save_registration_form(*rest, {"contact_phone": "12", "department": "\x00"}, revision)
        case 2:
            return await save_registration_form(*rest, {"department": "外科"}, (revision or 0) - 1)
        case 3:
            return await save_history_entry(*rest, HistoryKind.EDUCATION, None, EDUCATION, revision)
        case 4:
            return await save_history_entry(*rest, HistoryKind.PRACTICE, 1, {"institution_name": ""}, revision)
        case 5:
            return await remove_history_entry(*rest, HistoryKind.EDUCATION, 1)
        case 6:
            scores = [("WORKLOAD", 40), ("QUALITY", 99)]
            return await save_self_evaluation(*rest, RATED_DIMENSIONS[0], scores, "", None, revision)
        case _:
            return await upload_file(*rest, FilePurpose.PHOTO, "照片.jpg", made_up_picture())


async def _choose(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> object:
    code = ("GENERAL", "SIMPLE", "GENERAL", "NONE")[choice % 4]
    statement = STATEMENT if choice % 4 == 1 else None
    return await choose_procedure(world.environment, caller, doctor.assessment_id, code, statement, None, None)


async def _submit(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> object:
    revision = (await current_record(doctor)).revision - (choice == 0)
    return await submit(world.environment, caller, doctor.assessment_id, revision)


def _withdraw(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> Awaitable[object]:
    return withdraw(world.environment, caller, doctor.assessment_id)


async def _review(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> object:
    number = (await current_record(doctor)).submissions - (choice == 7)
    decision = (Decision.APPROVED, Decision.RETURNED_TO_DOCTOR, Decision.FAILURE_CONFIRMED)[choice % 3]
    verdicts = (Verdict.QUALIFIED, Verdict.UNQUALIFIED if choice >= 5 else Verdict.QUALIFIED)
    ratings = [(dimension, verdict, "") for dimension, verdict in zip(RATED_DIMENSIONS, verdicts, strict=True)]
    return await review_by_institution(
        world.environment, caller, doctor.assessment_id, number, decision, ratings[choice == 4 :], "请补充"
    )


async def _review_again(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> object:
    number = (await current_record(doctor)).submissions - (choice == 7)
    decision = tuple(Decision)[choice % 4]
    reason = "" if choice == 6 else "请核实"
    return await review_by_body(world.environment, caller, doctor.assessment_id, number, decision, reason)


async def _ask_exemption(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> object:
    services = CoreServices(world.environment)
    proofs: list[GivenProof] = []
    if choice % 4:
        rest = (FilePurpose.EXEMPTION_PROOF, "证书.png", made_up_picture("PNG"))
        kept = await upload_file(world.environment, caller, doctor.assessment_id, *rest)
        proofs.append(GivenProof(encode_id("File", kept.id)))
    codes = sorted(services.exemption_conditions)
    return await request_exemption(services, caller, doctor.assessment_id, [codes[choice % len(codes)]], proofs)


async def _decide_exemption(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> object:
    request = await _newest_request(doctor)
    level = ReviewLevel.INSTITUTION if choice % 2 else ReviewLevel.BODY
    decision = ExemptionDecision.REJECT if choice == 0 else ExemptionDecision.APPROVE
    services = CoreServices(world.environment)
    return await decide_exemption(
        services, caller, request or 10**9, level, decision, "" if choice == 1 else "情况属实"
    )


async def _newest_request(doctor: SampleDoctor) -> int | None:
    row = (
        await ExemptionRequest.select(ExemptionRequest.id)
        .where(ExemptionRequest.assessment == doctor.assessment_id)
        .order_by(ExemptionRequest.id, ascending=False)
        .first()
    )
    return int(row["id"]) if row else None


def _consent(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> Awaitable[object]:
    version = "1900-1" if choice == 0 else "2026-1"
    return give_face_consent(world.environment, caller, doctor.assessment_id, version)


async def _start(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> object:
    papers = await papers_of(doctor)
    paper = papers[choice % len(papers)].id if papers else 10**9
    return await start_attempt(world.environment, caller, paper)


async def _newest_attempt(doctor: SampleDoctor) -> Mapping[str, object] | None:
    found: Mapping[str, object] | None = (
        await Attempt.select(Attempt.id, Attempt.questions, Attempt.state)
        .where(Attempt.paper.assessment == doctor.assessment_id)
        .order_by(Attempt.id, ascending=False)
        .first()
    )
    return found


async def _answer(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> object:
    attempt = await _newest_attempt(doctor)
    if attempt is None:
        return await save_answers(world.environment, caller, 10**9, [GivenAnswer(1, "A", 1)])
    answers = [
        GivenAnswer(
            question["position"],
            next(option["key"] for option in question["options"] if option["text"].startswith("正确") == (choice > 2)),
            choice + 1,
        )
        for question in json.loads(str(attempt["questions"]))
    ]
    if choice == 1:
        answers.append(GivenAnswer(999, "Z", -1))
    return await save_answers(world.environment, caller, int(str(attempt["id"])), answers)


async def _hand_in(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> object:
    attempt = await _newest_attempt(doctor)
    return await submit_attempt(world.environment, caller, int(str(attempt["id"])) if attempt else 10**9)


def _file(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> Awaitable[object]:
    change = notify_results if choice % 2 else file_results
    return change(world.environment, caller, [doctor.assessment_id])


def _object(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> Awaitable[object]:
    return ask_again(world.environment, caller, doctor.assessment_id, "" if choice == 0 else "成绩有误")


def _answer_objection(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> Awaitable[object]:
    decision = tuple(ReexaminationDecision)[choice % 2]
    return decide_reexamination(world.environment, caller, doctor.assessment_id, decision, "经核实")


def _annul(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> Awaitable[object]:
    return propose_annulment(world.environment, caller, doctor.assessment_id, "弄虚作假")


async def _confirm_annulment(world: World, caller: Caller | None, doctor: SampleDoctor, choice: int) -> object:
    row = (
        await Proposal.select()
        .where(Proposal.about == f"Assessment/{doctor.assessment_id}")
        .order_by(Proposal.id, ascending=False)
        .first()
    )
    if row is None:
        return await decide_proposal(world.environment, caller, 10**9, confirm=False)
    return await decide_proposal(world.environment, caller, row["id"], confirm=choice > 0, digest=row["digest"])


ACTIONS = (
    Action("open or close", "institution", _open),
    Action("edit", "doctor", _edit),
    Action("choose procedure", "doctor", _choose),
    Action("submit", "doctor", _submit),
    Action("withdraw", "doctor", _withdraw),
    Action("review", "institution", _review),
    Action("review again", "body", _review_again),
    Action("ask exemption", "doctor", _ask_exemption),
    Action("decide exemption", "institution", _decide_exemption),
    Action("decide exemption again", "body", _decide_exemption),
    Action("consent", "doctor", _consent),
    Action("start", "doctor", _start),
    Action("answer", "doctor", _answer),
    Action("hand in", "doctor", _hand_in),
    Action("file or notify", "body", _file),
    Action("object", "doctor", _object),
    Action("answer objection", "second_body", _answer_objection),
    Action("annul", "authority", _annul),
    Action("confirm annulment", "second_authority", _confirm_annulment),
)


async def go_on(world: World, doctor: SampleDoctor, choice: int) -> None:
    """The next step of a doctor's way that succeeds, so that random walks come far."""
    environment, record = world.environment, await current_record(doctor)
    if choice in (1, 2) and record.state in ENROLLED and await _go_on_with_exemption(world, doctor, record):
        return
    match record.state:
        case AssessmentState.NOT_OPENED:
            await open_enrolment(environment, world.province.institution, [doctor.assessment_id])
        case AssessmentState.OPENED | AssessmentState.RETURNED:
            revision = await complete_registration(environment, doctor, "SIMPLE" if choice % 2 else "GENERAL")
            await submit(environment, doctor.caller, doctor.assessment_id, revision)
        case AssessmentState.SUBMITTED:
            await _review(world, world.province.institution, doctor, 6 if choice == 0 else 0)
        case AssessmentState.INSTITUTION_APPROVED:
            await _go_on_at_the_body(world, doctor, record)
        case AssessmentState.BODY_APPROVED | AssessmentState.TESTING:
            await _sit(world, doctor, choice)
        case _:
            await _file(world, world.province.body, doctor, choice)


async def _go_on_with_exemption(world: World, doctor: SampleDoctor, record: AssessmentRecord) -> bool:
    """Ask, or let the next level approve; False where there is nothing left to ask for."""
    services, newest = CoreServices(world.environment), await _newest_request(doctor)
    papers = {paper.subject: paper.state for paper in await papers_of(doctor)}
    code, subject = {
        "SIMPLE": ("HUMANITIES_EDUCATION", PaperSubject.HUMANITIES),
        "GENERAL": ("RESIDENCY_TRAINING", PaperSubject.PROFESSIONAL),
    }[record.procedure or ""]
    if papers[subject] not in (PaperState.LOCKED, PaperState.AVAILABLE):
        return False
    if newest is None:
        rest = (FilePurpose.EXEMPTION_PROOF, "证书.png", made_up_picture("PNG"))
        kept = await upload_file(world.environment, doctor.caller, doctor.assessment_id, *rest)
        proofs = [GivenProof(encode_id("File", kept.id))]
        await request_exemption(services, doctor.caller, doctor.assessment_id, [code], proofs)
        return True
    row = await ExemptionRequest.select(ExemptionRequest.state).where(ExemptionRequest.id == newest).first()
    state = ExemptionState(row["state"]) if row else None
    if state is ExemptionState.REQUESTED:
        caller, level = world.province.institution, ReviewLevel.INSTITUTION
    elif state is ExemptionState.INSTITUTION_APPROVED:
        caller, level = world.province.body, ReviewLevel.BODY
    else:
        return False
    await decide_exemption(services, caller, newest, level, ExemptionDecision.APPROVE, "")
    return True


async def _go_on_at_the_body(world: World, doctor: SampleDoctor, record: AssessmentRecord) -> None:
    failed = await Rating.exists().where(
        (Rating.assessment == record.id) & (Rating.rated_by == "INSTITUTION") & (Rating.verdict == "UNQUALIFIED")
    )
    decision = Decision.FAILURE_CONFIRMED if failed else Decision.APPROVED
    await review_by_body(
        world.environment, world.province.body, doctor.assessment_id, record.submissions, decision, "经复核"
    )


async def _sit(world: World, doctor: SampleDoctor, choice: int) -> None:
    await pass_proctoring(world.environment, doctor)
    paper = (
        await AssessmentPaper.select(AssessmentPaper.id)
        .where(
            (AssessmentPaper.assessment == doctor.assessment_id)
            & AssessmentPaper.state.is_in([PaperState.AVAILABLE.value, PaperState.IN_PROGRESS.value])
        )
        .first()
    )
    if paper is None:
        return
    attempt = await start_attempt(world.environment, doctor.caller, paper["id"])
    state = await Attempt.select(Attempt.state).where(Attempt.id == attempt).first()
    if state is not None and state["state"] == AttemptState.IN_PROGRESS.value:
        await _answer(world, doctor.caller, doctor, 2 if choice == 0 else 7)
        if choice != 3:
            await submit_attempt(world.environment, doctor.caller, attempt)


async def let_time_pass(world: World, minutes: int) -> None:
    """The clock moves on and the sweeper has its turn."""
    world.clock.advance(timedelta(minutes=minutes))
    await settle_expired(world.environment)
