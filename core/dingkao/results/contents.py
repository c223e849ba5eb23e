"""What a notice and a certificate say: gathered from the assessment, its result, papers and photo."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from piccolo.querystring import QueryString

from dingkao.assessments.access import pinned_policy
from dingkao.assessments.form_tables import RegistrationForm
from dingkao.assessments.records import AssessmentRecord
from dingkao.clock import china_date
from dingkao.db.statement import Statement
from dingkao.doctors.numbers import mask_document_number
from dingkao.documents.certificate import CertificateContent
from dingkao.documents.content import (
    AssessedDoctor,
    Conclusion,
    CyclePeriod,
    DimensionOutcome,
    DimensionResult,
    PaperOutcome,
    PaperResult,
)
from dingkao.documents.notice import NoticeContent
from dingkao.environment import Environment
from dingkao.papers.tables import AssessmentPaper, Attempt
from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.errors import NotEligible
from dingkao.plugin.national import DocumentsPolicy
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import (
    Dimension,
    PaperState,
    PaperSubject,
    PracticeCategory,
    PracticeLevel,
    RegionLevel,
    Verdict,
)
from dingkao.results.records import ResultRecord, read_ratings
from dingkao.results.rules import dimension_outcomes, may_seal
from dingkao.results.vocabulary import ResultState

Content = TypeVar("Content", bound=NoticeContent | CertificateContent)

DIMENSIONS: dict[Dimension, Text] = {
    Dimension.WORK_PERFORMANCE: Text("工作成绩", "Work performance"),
    Dimension.PROFESSIONAL_ETHICS: Text("职业道德", "Professional ethics"),
    Dimension.PROFESSIONAL_COMPETENCE: Text("业务水平", "Professional competence"),
}
_SUBJECTS = {PaperSubject.HUMANITIES: "医学人文", PaperSubject.PROFESSIONAL: "业务水平"}
_CATEGORIES = {
    PracticeCategory.CLINICAL: "临床",
    PracticeCategory.TRADITIONAL_CHINESE_MEDICINE: "中医",
    PracticeCategory.DENTAL: "口腔",
    PracticeCategory.PUBLIC_HEALTH: "公共卫生",
}
_LEVELS = {
    PracticeLevel.LICENSED: "执业医师",
    PracticeLevel.ASSISTANT: "执业助理医师",
    PracticeLevel.RURAL_ASSISTANT: "乡村全科执业助理医师",
}
_CONCLUSIONS = {Verdict.QUALIFIED: Conclusion.PASS, Verdict.UNQUALIFIED: Conclusion.FAIL}
_OUTCOMES = {
    Verdict.QUALIFIED: DimensionOutcome.PASS,
    Verdict.UNQUALIFIED: DimensionOutcome.FAIL,
    None: DimensionOutcome.NOT_ASSESSED,
}
_PAPER_OUTCOMES = {
    PaperState.PASSED: PaperOutcome.PASSED,
    PaperState.FAILED: PaperOutcome.FAILED,
    PaperState.EXEMPT: PaperOutcome.EXEMPT,
    PaperState.ABSENT: PaperOutcome.ABSENT,
    PaperState.VOIDED: PaperOutcome.VOIDED,
}
_CHANGED_NOTE = "本通知书所载考核结果系考核机构复核后变更的结果。"

_papers = Statement(
    lambda p: (
        AssessmentPaper.select(AssessmentPaper.id, AssessmentPaper.subject, AssessmentPaper.state)
        .where(AssessmentPaper.assessment == p.assessment)
        .order_by(AssessmentPaper.position)
    )
)
# The newest attempt comes last: a paper ends with its last attempt, passed or not.
_attempts = Statement(
    lambda p: (
        Attempt.select(Attempt.paper, Attempt.score_percent, Attempt.submitted_at)
        .where((Attempt.paper.assessment == p.assessment) & (Attempt.state == p.state))
        .order_by(Attempt.number)
    )
)
_photo = Statement(
    lambda p: RegistrationForm.select(RegistrationForm.photo.name.as_alias("file_name")).where(
        RegistrationForm.assessment == p.assessment
    )
)
# From the place itself upwards, each with its authorities.
_upwards = Statement(
    lambda p: QueryString(
        "SELECT above.code AS code, above.level AS level, authority.id AS authority_id, "
        "authority.name AS authority_name FROM region AS here JOIN region AS above ON here.path LIKE above.path || '%' "
        "LEFT JOIN organisation AS authority ON authority.region = above.id AND authority.is_authority = TRUE "
        "WHERE here.id = {} ORDER BY LENGTH(above.path) DESC, authority.id",
        p.region,
    )
)


@dataclass(frozen=True, slots=True)
class Issuer:
    """For whom documents of a place are numbered and sealed: the nearest six-digit region code upwards (a development
    zone may have none of its own), and the authority (发证机关) that the policy lets seal, or None where there is
    none."""

    region_code: str
    authority_id: int | None
    authority_name: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a document this one: its number, the address of its check page, and the day it is issued."""

    number: str
    check_url: str
    issued_on: date


# For looking at a content before it has a number.
UNNUMBERED = Identity("ZS-000000-0000-000000-0", "https://localhost/check/0", date(2000, 1, 1))


async def find_issuer(environment: Environment, record: AssessmentRecord) -> Issuer:
    """The issuer for an assessment, by its pinned policy. Raises NotEligible where no code fits a number."""
    policy = (await pinned_policy(environment, record)).section(DocumentsPolicy)
    rows = await _upwards.run(region=record.region_id)
    code = next((row["code"] for row in rows if len(row["code"]) == 6 and row["code"].isdigit()), None)
    if code is None:
        text = Text("所在地区没有六位行政区划代码，无法编号。", "The place has no six-digit code to number by.")
        raise NotEligible([Reason("NO_REGION_CODE", text)])
    sealing = [row for row in rows if may_seal(policy.seal_authority, RegionLevel(row["level"]))]
    authority = next((row for row in sealing if row["authority_id"] is not None), None)
    if authority is None:
        return Issuer(code, None, "")
    return Issuer(code, authority["authority_id"], authority["authority_name"])


async def photo_name(record: AssessmentRecord) -> str | None:
    """The name of the doctor's photo in the file store, or None where there is none."""
    row = await _photo.first(assessment=record.id)
    return row["file_name"] if row else None


async def notice_content(
    environment: Environment, record: AssessmentRecord, result: ResultRecord, identity: Identity
) -> NoticeContent:
    """What the notice of `result` says, without the photo."""
    policy = (await pinned_policy(environment, record)).section(DocumentsPolicy)
    return NoticeContent(
        notice_number=identity.number,
        doctor=_doctor(record),
        cycle=_cycle(record),
        procedure=record.procedure_title or record.procedure or "—",
        conclusion=_CONCLUSIONS[result.verdict],
        dimensions=await _dimensions(record, result),
        papers=await _paper_results(record),
        issuing_body=record.body_name or "",
        issued_on=identity.issued_on,
        check_url=identity.check_url,
        objection_days=policy.objection_days,
        suspension_months=(policy.suspension_months.least, policy.suspension_months.most),
        notes=(*([_CHANGED_NOTE] if result.state is ResultState.CHANGED else []), *policy.notice_notes),
    )


async def certificate_content(
    record: AssessmentRecord, result: ResultRecord, identity: Identity, issuer: Issuer
) -> CertificateContent:
    """What the certificate of `result` says, without the photo. Raises NotEligible where a dimension is not qualified
    or there is no authority to seal it."""
    dimensions = await _dimensions(record, result)
    reasons = []
    if any(dimension.outcome is not DimensionOutcome.PASS for dimension in dimensions):
        text = Text("三项考核内容须均为合格。", "Every dimension must be qualified.")
        reasons.append(Reason("DIMENSION_NOT_QUALIFIED", text))
    if issuer.authority_id is None:
        text = Text("所在地区未登记发证机关。", "No issuing authority is registered for the place.")
        reasons.append(Reason("NO_ISSUING_AUTHORITY", text))
    if reasons:
        raise NotEligible(reasons)
    return CertificateContent(
        certificate_number=identity.number,
        doctor=_doctor(record),
        cycle=_cycle(record),
        dimensions=dimensions,
        issuing_authority=issuer.authority_name,
        issued_on=identity.issued_on,
        check_url=identity.check_url,
    )


def with_photo(content: Content, photo: bytes | None) -> Content:
    """The content with the photo's bytes, ready to be set."""
    return replace(content, doctor=replace(content.doctor, photo=photo))


def as_json(content: NoticeContent | CertificateContent, photo: str | None) -> str:
    """The content as canonical JSON, with the photo by its name in the file store: two contents with the same JSON give
    the same page."""
    values = asdict(content)
    values["doctor"]["photo"] = photo
    return json.dumps(values, ensure_ascii=False, sort_keys=True, default=_plain)


def _plain(value: Any) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Enum | Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a document")


def _doctor(record: AssessmentRecord) -> AssessedDoctor:
    return AssessedDoctor(
        name=record.doctor_name,
        document_number=mask_document_number(record.document_number),
        practice_certificate_number=record.practice_number,
        institution=record.institution_name,
        category=_CATEGORIES[PracticeCategory(record.category)],
        level=_LEVELS[PracticeLevel(record.level)],
        photo=None,
    )


def _cycle(record: AssessmentRecord) -> CyclePeriod:
    return CyclePeriod(record.cycle_name, record.cycle_starts_on, record.cycle_ends_on)


async def _dimensions(record: AssessmentRecord, result: ResultRecord) -> tuple[DimensionResult, ...]:
    ratings = (await read_ratings([record.id]))[record.id]
    outcomes = dimension_outcomes(ratings, result.ground, result.state, result.verdict)
    return tuple(DimensionResult(DIMENSIONS[each.dimension].zh, _OUTCOMES[each.verdict]) for each in outcomes)


async def _paper_results(record: AssessmentRecord) -> tuple[PaperResult, ...]:
    papers = await _papers.run(assessment=record.id)
    attempts = await _attempts.run(assessment=record.id, state=AttemptState.MARKED.value)
    last = {attempt["paper"]: attempt for attempt in attempts}
    return tuple(_paper_result(paper, last.get(paper["id"])) for paper in papers)


def _paper_result(paper: Mapping[str, Any], attempt: Mapping[str, Any] | None) -> PaperResult:
    outcome = _PAPER_OUTCOMES.get(PaperState(paper["state"]), PaperOutcome.NOT_TAKEN)
    name = _SUBJECTS[PaperSubject(paper["subject"])]
    if attempt is None or outcome not in (PaperOutcome.PASSED, PaperOutcome.FAILED):
        return PaperResult(name, outcome)
    return PaperResult(name, outcome, Decimal(attempt["score_percent"]), china_date(attempt["submitted_at"]))
