"""A province of 100,000 made-up doctors, written in bulk: institutions of different sizes, one assessment body, one
running cycle, and for every doctor an assessment with what belongs to its state.

Nothing here depends on chance: the same rows come out every time.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from bench.sittings import insert_sittings
from dingkao.accounts.passwords import hash_password
from dingkao.accounts.tables import Account, RoleAssignment
from dingkao.assessments.form_tables import Education, RegistrationForm
from dingkao.assessments.tables import Assessment, Rating, Submission
from dingkao.cycles.pinning import PolicySet, current_policies, pin
from dingkao.cycles.tables import BodyAppointment, Cycle
from dingkao.cycles.vocabulary import CycleState
from dingkao.db.bulk import insert_many
from dingkao.db.database import transaction
from dingkao.db.sealed import index_to_value
from dingkao.db.tables import Record
from dingkao.doctors.made_up import (
    made_up_document_number,
    made_up_phone,
    made_up_practice_number,
    made_up_qualification_number,
)
from dingkao.doctors.tables import Doctor, PracticeRegistration
from dingkao.environment import Environment
from dingkao.institutions.tables import Organisation, Region
from dingkao.institutions.vocabulary import RegionLevel
from dingkao.papers.tables import AssessmentPaper
from dingkao.plugin.vocabulary import (
    RATED_DIMENSIONS,
    AssessmentKind,
    AssessmentState,
    DocumentType,
    PaperState,
    PaperSubject,
    PracticeCategory,
    PracticeLevel,
    RatedBy,
    ReviewLevel,
    Role,
    Sex,
    Verdict,
)
from dingkao.reviews.tables import Review
from dingkao.reviews.vocabulary import Decision

DOCTORS: Final = 100_000
INSTITUTIONS: Final = 300
REGION_CODE: Final = "990000"
REGION_NAME: Final = "定考测速省"
BODY_REVIEWER: Final = "bench-body-reviewer"
PASSWORD: Final = "Dingkao-bench-2026"
# So many doctors of a state can log in; the other accounts are on their initial password.
LOG_IN: Final = 8

_BEGAN: Final = datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
_SURNAMES: Final = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹"
_GIVEN: Final = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华文辉玉兰建国志红"
_SCOPES: Final = ("内科专业", "外科专业", "妇产科专业", "儿科专业", "急救医学专业", "全科医学专业")

# How many of 100 doctors are in a state.
_SHARES: Final = {
    AssessmentState.NOT_OPENED: 25,
    AssessmentState.OPENED: 20,
    AssessmentState.SUBMITTED: 8,
    AssessmentState.RETURNED: 4,
    AssessmentState.INSTITUTION_APPROVED: 8,
    AssessmentState.BODY_APPROVED: 6,
    AssessmentState.TESTING: 6,
    AssessmentState.CONCLUDED: 22,
    AssessmentState.DEFERRED: 1,
}
STATES: Final = tuple(state for state, share in _SHARES.items() for _ in range(share))
_BEFORE_SUBMISSION: Final = (AssessmentState.NOT_OPENED, AssessmentState.OPENED, AssessmentState.DEFERRED)
_PAST_INSTITUTION: Final = (
    AssessmentState.INSTITUTION_APPROVED,
    AssessmentState.BODY_APPROVED,
    AssessmentState.TESTING,
    AssessmentState.CONCLUDED,
)
_PAST_BODY: Final = _PAST_INSTITUTION[1:]
_BATCH: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the doctors stand in: keys of region, cycle, policy, body, institutions and staff."""

    region: int
    cycle: int
    policy: int
    body: int
    institutions: Sequence[int]
    reviewer: int
    officer: int
    password_hash: str


@dataclass(slots=True)
class _Case:
    """One doctor on the way into the database: number, state, and the keys as they become known."""

    serial: int
    state: AssessmentState
    institution: int
    document_number: str
    doctor: int = 0
    registration: int = 0
    assessment: int = 0

    @property
    def name(self) -> str:
        return _SURNAMES[self.serial % 30] + _GIVEN[self.serial // 30 % 32] + _GIVEN[self.serial // 960 % 32]

    @property
    def simple(self) -> bool:
        """Whether the doctor takes the simple procedure."""
        return self.serial % 3 == 0


async def make_province(
    environment: Environment,
    doctors: int = DOCTORS,
    states: Sequence[AssessmentState] = STATES,
    adapt: Callable[[PolicySet], PolicySet] = lambda policies: policies,
) -> None:
    """Write the whole province in one transaction into the migrated, empty database in use. The assessments are in
    `states`, in turns; `adapt` may change the policies before they are pinned."""
    async with transaction():
        frame = await _make_frame(environment, adapt)
        able: dict[AssessmentState, int] = {}
        for start in range(0, doctors, _BATCH):
            cases = [_case(serial, frame, states) for serial in range(start, min(start + _BATCH, doctors))]
            await _insert_persons(frame, cases, able)
            await _insert_assessments(frame, cases)
            await _insert_reviews(frame, cases)
            await _insert_papers(cases)
        await insert_sittings(_BEGAN, LOG_IN)


def _case(serial: int, frame: _Frame, states: Sequence[AssessmentState]) -> _Case:
    # Multiples of the golden ratio spread evenly; the square makes a few institutions large and many small.
    share = serial * 0.6180339887498949 % 1
    institution = frame.institutions[int(len(frame.institutions) * share**2)]
    state = states[serial * 37 % len(states)]
    return _Case(serial, state, institution, made_up_document_number(serial, _born(serial), Sex.MALE))


def _born(serial: int) -> date:
    return date(1962 + serial % 35, 1 + serial % 12, 1 + serial % 28)


async def _key(row: Record) -> int:
    table: Any = type(row)
    return int((await table.insert(row).returning(table.id))[0]["id"])


async def _make_frame(environment: Environment, adapt: Callable[[PolicySet], PolicySet]) -> _Frame:
    region = await _key(Region(code=REGION_CODE, name=REGION_NAME, level=RegionLevel.PROVINCE.value))
    await Region.update({Region.path: f"/{region}/"}).where(Region.id == region)
    body = await _key(Organisation(code="B000001", name="定考测速省医师协会", region=region, is_body=True))
    rows = await insert_many(
        [Organisation.code, Organisation.name, Organisation.region, Organisation.is_institution],
        [(f"H{number:06d}", f"测速市第{number}人民医院", region, True) for number in range(1, INSTITUTIONS + 1)],
        [Organisation.id],
    )
    institutions = sorted(row["id"] for row in rows)
    policies = adapt(await current_policies(environment, region))
    cycle = await _key(
        Cycle(
            region=region,
            name="2024—2026年度医师定期考核",
            state=CycleState.RUNNING.value,
            starts_on=date(2024, 1, 1),
            ends_on=date(2026, 12, 31),
            enrolment_from=_BEGAN,
            # A database that is kept for later runs must not run out of time.
            enrolment_until=_BEGAN + timedelta(days=3650),
            tests_from=_BEGAN,
            tests_until=_BEGAN + timedelta(days=3650),
            policy_version=policies.version,
            policy_digest=policies.digest,
            opened_at=_BEGAN,
        )
    )
    (policy,) = (await pin(cycle, policies)).values()
    await insert_many(
        [BodyAppointment.cycle, BodyAppointment.institution, BodyAppointment.body],
        [(cycle, institution, body) for institution in institutions],
    )
    password_hash = await hash_password(PASSWORD)
    staff = []
    for login_name, role, organisation in (
        (BODY_REVIEWER, Role.BODY_REVIEWER, body),
        ("bench-institution-officer", Role.INSTITUTION_OFFICER, institutions[0]),
    ):
        account = await _key(
            Account(login_name=login_name, name=login_name, password_hash=password_hash, created_at=_BEGAN)
        )
        await _key(
            RoleAssignment(account=account, role=role.value, organisation=organisation, valid_from=date(2024, 1, 1))
        )
        staff.append(account)
    return _Frame(region, cycle, policy, body, institutions, staff[0], staff[1], password_hash)


async def _insert_persons(frame: _Frame, cases: Sequence[_Case], able: dict[AssessmentState, int]) -> None:
    """Doctors with their registrations and accounts. `able` counts, by state, those who got a password."""
    rows = await insert_many(
        [
            Doctor.name, Doctor.document_type, Doctor.document_number, Doctor.sex, Doctor.birth_date,
            Doctor.qualification_number, Doctor.phone, Doctor.created_at,
        ],
        [
            (
                case.name, DocumentType.RESIDENT_IDENTITY_CARD.value, case.document_number, Sex.MALE.value,
                _born(case.serial), made_up_qualification_number(case.document_number, 2010),
                made_up_phone(case.serial), _BEGAN,
            )
            for case in cases
        ],
        [Doctor.id, Doctor.document_index],
    )  # fmt: skip
    numbers = index_to_value(Doctor.document_number, (case.document_number for case in cases))
    keys = {numbers[row["document_index"]]: row["id"] for row in rows}
    for case in cases:
        case.doctor = keys[case.document_number]
    categories = list(PracticeCategory)
    rows = await insert_many(
        [
            PracticeRegistration.doctor, PracticeRegistration.institution, PracticeRegistration.practice_number,
            PracticeRegistration.category, PracticeRegistration.scope, PracticeRegistration.level,
            PracticeRegistration.practising_since, PracticeRegistration.valid_from,
        ],
        [
            (
                case.doctor, case.institution, made_up_practice_number(case.serial),
                categories[case.serial % len(categories)].value, _SCOPES[case.serial % len(_SCOPES)],
                PracticeLevel.LICENSED.value, date(2000 + case.serial % 24, 7, 1), date(2000 + case.serial % 24, 7, 1),
            )
            for case in cases
        ],
        [PracticeRegistration.id, PracticeRegistration.doctor],
    )  # fmt: skip
    registrations = {row["doctor"]: row["id"] for row in rows}
    accounts: list[tuple[Any, ...]] = []
    for case in cases:
        case.registration = registrations[case.doctor]
        able[case.state] = able.get(case.state, 0) + 1
        password_hash = frame.password_hash if able[case.state] <= LOG_IN else None
        phone = made_up_phone(case.serial) if password_hash else None
        accounts.append((case.document_number, case.name, password_hash, phone, case.doctor, _BEGAN))
    await insert_many(
        [Account.login_name, Account.name, Account.password_hash, Account.phone, Account.doctor, Account.created_at],
        accounts,
    )


async def _insert_assessments(frame: _Frame, cases: Sequence[_Case]) -> None:
    rows = await insert_many(
        [
            Assessment.doctor, Assessment.cycle, Assessment.kind, Assessment.state, Assessment.registration,
            Assessment.institution, Assessment.body, Assessment.region, Assessment.policy, Assessment.revision,
            Assessment.procedure,
            Assessment.procedure_title, Assessment.statement, Assessment.submissions, Assessment.return_reason,
            Assessment.conclusion, Assessment.changed_at,
        ],
        [
            (
                case.doctor, frame.cycle, AssessmentKind.REGULAR.value, case.state.value, case.registration,
                case.institution, frame.body, frame.region, frame.policy, 12,
                *_procedure(case),
                _submissions(case), "请补充工作经历。" if case.state is AssessmentState.RETURNED else "",
                Verdict.QUALIFIED.value if case.state is AssessmentState.CONCLUDED else None, _BEGAN,
            )
            for case in cases
        ],
        [Assessment.id, Assessment.doctor],
    )  # fmt: skip
    keys = {row["doctor"]: row["id"] for row in rows}
    for case in cases:
        case.assessment = keys[case.doctor]
    submitted = [case for case in cases if _submissions(case)]
    await insert_many(
        [
            RegistrationForm.assessment, RegistrationForm.contact_phone, RegistrationForm.highest_education,
            RegistrationForm.department, RegistrationForm.professional_title,
        ],
        [
            (case.assessment, made_up_phone(case.serial), "本科", "内科", "主治医师")
            for case in cases
            if case.state is not AssessmentState.NOT_OPENED
        ],
    )  # fmt: skip
    await insert_many(
        [Education.assessment, Education.school, Education.major, Education.education],
        [(case.assessment, "示范医科大学", "临床医学", "本科") for case in submitted],
    )
    content = json.dumps({"statement": "本周期内认真履行岗位职责。" * 20}, ensure_ascii=False)
    digest = hashlib.sha256(content.encode()).hexdigest()
    await insert_many(
        [Submission.assessment, Submission.number, Submission.content, Submission.digest, Submission.submitted_at],
        [
            (case.assessment, number, content, digest, _BEGAN)
            for case in submitted
            for number in range(1, _submissions(case) + 1)
        ],
    )


def _procedure(case: _Case) -> tuple[str | None, str, str]:
    """Procedure, its title, and the personal statement that the simple one asks for."""
    if case.state in _BEFORE_SUBMISSION:
        return None, "", ""
    return ("SIMPLE", "简易程序", "本周期内认真履行岗位职责。" * 20) if case.simple else ("GENERAL", "一般程序", "")


def _submissions(case: _Case) -> int:
    """None before the first submission; every fourth doctor submitted twice."""
    if case.state in _BEFORE_SUBMISSION:
        return 0
    return 2 if case.serial % 4 == 1 and case.state is not AssessmentState.RETURNED else 1


async def _insert_reviews(frame: _Frame, cases: Sequence[_Case]) -> None:
    reviews: list[tuple[Any, ...]] = []
    ratings: list[tuple[Any, ...]] = []

    def review(case: _Case, number: int, level: ReviewLevel, decision: Decision, reason: str, day: int) -> None:
        institution = level is ReviewLevel.INSTITUTION
        reviews.append(
            (
                case.assessment, number, level.value, decision.value, reason,
                frame.officer if institution else frame.reviewer,
                case.institution if institution else frame.body, _BEGAN + timedelta(days=day, seconds=case.serial),
            )
        )  # fmt: skip

    for case in cases:
        last = _submissions(case)
        if last == 2 or case.state is AssessmentState.RETURNED:
            reason = "请补充工作经历。"
            review(case, 1, ReviewLevel.INSTITUTION, Decision.RETURNED_TO_DOCTOR, reason, 5)
        if case.state in _PAST_INSTITUTION:
            review(case, last, ReviewLevel.INSTITUTION, Decision.APPROVED, "", 10)
        if case.state in _PAST_BODY:
            review(case, last, ReviewLevel.BODY, Decision.APPROVED, "", 20)
        by = [RatedBy.DOCTOR] if last else []
        by += [RatedBy.INSTITUTION] if case.state in _PAST_INSTITUTION else []
        ratings += [
            (case.assessment, dimension.value, rater.value, Verdict.QUALIFIED.value, "[]", "", _BEGAN)
            for dimension in RATED_DIMENSIONS
            for rater in by
        ]
    await insert_many(
        [
            Review.assessment, Review.submission_number, Review.level, Review.decision, Review.reason, Review.reviewer,
            Review.organisation, Review.decided_at,
        ],
        reviews,
    )  # fmt: skip
    await insert_many(
        [
            Rating.assessment, Rating.dimension, Rating.rated_by, Rating.verdict, Rating.items, Rating.summary,
            Rating.rated_at,
        ],
        ratings,
    )  # fmt: skip


async def _insert_papers(cases: Sequence[_Case]) -> None:
    states = {
        AssessmentState.BODY_APPROVED: (PaperState.AVAILABLE, PaperState.LOCKED, 0),
        AssessmentState.TESTING: (PaperState.IN_PROGRESS, PaperState.LOCKED, 1),
        AssessmentState.CONCLUDED: (PaperState.PASSED, PaperState.PASSED, 1),
    }
    papers: list[tuple[Any, ...]] = []
    for case in cases:
        if not _submissions(case):
            continue
        first, second, used = states.get(case.state, (PaperState.LOCKED, PaperState.LOCKED, 0))
        allowed = None if case.simple else 1
        papers.append((case.assessment, PaperSubject.HUMANITIES.value, 1, first.value, allowed, used, _BEGAN))
        if not case.simple:
            later = used if second is PaperState.PASSED else 0
            papers.append((case.assessment, PaperSubject.PROFESSIONAL.value, 2, second.value, 1, later, _BEGAN))
    await insert_many(
        [
            AssessmentPaper.assessment, AssessmentPaper.subject, AssessmentPaper.position, AssessmentPaper.state,
            AssessmentPaper.attempts_allowed, AssessmentPaper.attempts_used, AssessmentPaper.changed_at,
        ],
        papers,
    )  # fmt: skip
