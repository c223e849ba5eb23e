"""Takes a doctor of the sample province along the way through the real services: form, submission, reviews, tests."""

from datetime import date
from functools import cache
from io import BytesIO

from PIL import Image

from dingkao.assessments.form_rules import HistoryKind
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.assessments.service.evaluation import save_self_evaluation
from dingkao.assessments.service.form import save_history_entry, save_registration_form
from dingkao.assessments.service.procedure import choose_procedure
from dingkao.assessments.service.submission import submit
from dingkao.assessments.service.uploads import upload_file
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.environment import Environment
from dingkao.institutions.service import read_regions
from dingkao.papers.bank import import_questions
from dingkao.papers.records import PaperRecord, read_papers_of
from dingkao.plugin.national import EvaluationPolicy, PapersPolicy
from dingkao.plugin.vocabulary import RATED_DIMENSIONS, Dimension, FilePurpose, PaperSubject, ReviewLevel, Verdict
from dingkao.proctoring.capturing import capture_face
from dingkao.proctoring.consent import give_face_consent
from dingkao.reviews.service import review_by_body, review_by_institution
from dingkao.reviews.vocabulary import Decision
from dingkao.testing.sample import SampleDoctor, SampleProvince

FORM = {
    "contact_phone": "13900000000",
    "ethnicity": "汉族",
    "highest_education": "本科",
    "department": "内科",
    "professional_title": "主治医师",
    "started_work_on": date(2004, 8, 1),
}
EDUCATION = {
    "school": "示范医学院",
    "major": "临床医学",
    "education": "本科",
    "degree": "学士",
    "began_on": date(1999, 9, 1),
    "graduated_on": date(2004, 7, 1),
}
STATEMENT = "本周期内认真履行医师职责，遵守规章制度。"
BOTH_QUALIFIED = tuple((dimension, Verdict.QUALIFIED, "") for dimension in RATED_DIMENSIONS)


@cache
def made_up_picture(kind: str = "JPEG", width: int = 295, height: int = 413) -> bytes:
    """A picture of nothing in the proportions of a 1-inch photo, large enough to pass as an upload."""
    grain = Image.effect_noise((width, height), 60).convert("RGB")
    image = Image.blend(grain, Image.new("RGB", (width, height), "white"), 0.8)
    stream = BytesIO()
    image.save(stream, kind, quality=90)
    return stream.getvalue()


async def current_record(doctor: SampleDoctor) -> AssessmentRecord:
    """The doctor's assessment as it is now."""
    return (await read_records([doctor.assessment_id]))[doctor.assessment_id]


async def papers_of(doctor: SampleDoctor) -> list[PaperRecord]:
    """The papers of the doctor's assessment in their order."""
    return (await read_papers_of([doctor.assessment_id]))[0]


async def rate_oneself(environment: Environment, doctor: SampleDoctor, dimension: Dimension) -> None:
    """A complete self-evaluation of one dimension."""
    items = environment.policies.for_place(()).section(EvaluationPolicy).items
    scores = [(item.code, item.maximum) for item in items if item.dimension is dimension]
    await save_self_evaluation(
        environment, doctor.caller, doctor.assessment_id, dimension, scores, "按时完成任务。", Verdict.QUALIFIED, None
    )


async def complete_registration(environment: Environment, doctor: SampleDoctor, procedure: str = "GENERAL") -> int:
    """Fill in all that a submission asks for (state OPENED or RETURNED); returns the revision to submit."""
    caller, assessment = doctor.caller, doctor.assessment_id
    await save_registration_form(environment, caller, assessment, FORM, None)
    await upload_file(environment, caller, assessment, FilePurpose.PHOTO, "照片.jpg", made_up_picture())
    await save_history_entry(environment, caller, assessment, HistoryKind.EDUCATION, None, EDUCATION)
    for dimension in RATED_DIMENSIONS:
        await rate_oneself(environment, doctor, dimension)
    simple = procedure == "SIMPLE"
    proofs: list[int] = []
    if simple:
        kept = await upload_file(
            environment, caller, assessment, FilePurpose.PROCEDURE_PROOF, "证明.png", made_up_picture("PNG")
        )
        proofs.append(kept.id)
    await choose_procedure(
        environment, caller, assessment, procedure, STATEMENT if simple else None, proofs or None, None
    )
    return (await current_record(doctor)).revision


async def submit_registration(environment: Environment, doctor: SampleDoctor, procedure: str = "GENERAL") -> None:
    """Complete and submit."""
    revision = await complete_registration(environment, doctor, procedure)
    await submit(environment, doctor.caller, doctor.assessment_id, revision)


async def decide(
    province: SampleProvince,
    doctor: SampleDoctor,
    level: ReviewLevel,
    decision: Decision = Decision.APPROVED,
    ratings: tuple[tuple[Dimension, Verdict, str], ...] = BOTH_QUALIFIED,
) -> None:
    """One level's decision on the latest submission; where it is no approval, with a reason."""
    number = (await current_record(doctor)).submissions
    reason = "" if decision is Decision.APPROVED else "请补充材料"
    if level is ReviewLevel.INSTITUTION:
        await review_by_institution(
            province.environment, province.institution, doctor.assessment_id, number, decision, ratings, reason
        )
    else:
        await review_by_body(province.environment, province.body, doctor.assessment_id, number, decision, reason)


async def bring_to_tests(province: SampleProvince, doctor: SampleDoctor, procedure: str = "GENERAL") -> None:
    """From OPENED to BODY_APPROVED through both reviews."""
    await submit_registration(province.environment, doctor, procedure)
    await decide(province, doctor, ReviewLevel.INSTITUTION)
    await decide(province, doctor, ReviewLevel.BODY)


async def pass_proctoring(environment: Environment, doctor: SampleDoctor) -> None:
    """Consent to face capture, and a capture that is accepted (state BODY_APPROVED or TESTING)."""
    version = environment.policies.for_place(()).section(PapersPolicy).face_consent_version
    await give_face_consent(environment, doctor.caller, doctor.assessment_id, version)
    await capture_face(environment, doctor.caller, doctor.assessment_id, made_up_picture("PNG"))


async def fill_bank(province: SampleProvince, subject: PaperSubject, number: int = 25) -> None:
    """Questions of our own; the right option's text begins with 正确."""
    lines = ["Question,A,B,C,D,Answer"]
    for question in range(number):
        right = "ABCD"[question % 4]
        options = [f"正确{question}" if key == right else f"错误{key}{question}" for key in "ABCD"]
        lines.append(f"{subject.value}第{question}题,{','.join(options)},{right}")
    region = (await read_regions([province.region_id]))[province.region_id]
    await import_questions(province.environment, SYSTEM_CALLER, subject, "\n".join(lines), region_code=region.code)
