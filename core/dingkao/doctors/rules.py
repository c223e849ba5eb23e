"""What a doctor's entry must hold, which behaviour is recorded, and what a transfer carries over. Pure."""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from dingkao.doctors.numbers import (
    NumberError,
    normalise_number,
    parse_document_number,
    parse_phone,
    parse_practice_number,
    parse_qualification_number,
)
from dingkao.plugin.errors import FieldProblem, StateConflict
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import (
    AssessmentState,
    BehaviourPolarity,
    DocumentType,
    PracticeCategory,
    PracticeLevel,
    Sex,
)

NAME_MAXIMUM = 60
SCOPE_MAXIMUM = 60
DESCRIPTION_MAXIMUM = 1000
REASON_MAXIMUM = 500

_OTHER_DOCUMENT = re.compile(r"[0-9A-Z()-]{5,40}")


@dataclass(frozen=True, slots=True)
class NewDoctor:
    """A doctor as the electronic registration system knows him or her. `sex` and `birth_date` may be left out with a
    resident identity card, whose number tells them. `practising_since` is the day of the first practice registration;
    years of practice are counted from it."""

    name: str
    document_type: DocumentType
    document_number: str
    qualification_number: str
    practice_number: str
    category: PracticeCategory
    scope: str
    level: PracticeLevel
    sex: Sex | None = None
    birth_date: date | None = None
    practising_since: date | None = None
    phone: str | None = None


def check_new_doctor(doctor: NewDoctor, today: date) -> tuple[NewDoctor, list[FieldProblem]]:
    """`doctor` as it is stored (numbers half-width and upper case, sex and birth date known), and all that is wrong
    with it: empty where it may be stored."""
    problems: list[FieldProblem] = []
    name = unicodedata.normalize("NFC", doctor.name.strip())
    problems += _text_problems("name", name, NAME_MAXIMUM)
    scope = doctor.scope.strip()
    problems += _text_problems("scope", scope, SCOPE_MAXIMUM)
    doctor = replace(doctor, name=name, scope=scope)
    doctor, found = _check_document(doctor, today)
    problems += found
    try:
        qualification = parse_qualification_number(doctor.qualification_number).value
        doctor = replace(doctor, qualification_number=qualification)
    except NumberError as error:
        problems.append(_number_problem("qualificationNumber", error))
    try:
        doctor = replace(doctor, practice_number=parse_practice_number(doctor.practice_number).value)
    except NumberError as error:
        problems.append(_number_problem("practiceNumber", error))
    try:
        if doctor.phone is not None:
            doctor = replace(doctor, phone=parse_phone(doctor.phone).value)
    except NumberError as error:
        problems.append(_number_problem("phone", error))
    since = doctor.practising_since
    if since is not None and (since > today or (doctor.birth_date is not None and since <= doctor.birth_date)):
        text = Text(
            "首次执业日期不能晚于今天或早于出生日期。",
            "The first registration is neither in the future nor before birth.",
        )
        problems.append(FieldProblem("practisingSince", "DATE_NOT_PLAUSIBLE", text))
    return doctor, problems


def _check_document(doctor: NewDoctor, today: date) -> tuple[NewDoctor, list[FieldProblem]]:
    if doctor.document_type is not DocumentType.RESIDENT_IDENTITY_CARD:
        return _check_other_document(doctor, today)
    try:
        parsed = parse_document_number(doctor.document_number, today)
    except NumberError as error:
        return doctor, [_number_problem("documentNumber", error)]
    problems = []
    if doctor.sex not in (None, parsed.sex):
        text = Text("性别与身份证号不符。", "The sex differs from what the identity number tells.")
        problems.append(FieldProblem("sex", "SEX_DIFFERS", text))
    if doctor.birth_date not in (None, parsed.birth_date):
        text = Text("出生日期与身份证号不符。", "The birth date differs from what the identity number tells.")
        problems.append(FieldProblem("birthDate", "BIRTH_DATE_DIFFERS", text))
    known = replace(doctor, document_number=parsed.value, sex=parsed.sex, birth_date=parsed.birth_date)
    return known, problems


def _check_other_document(doctor: NewDoctor, today: date) -> tuple[NewDoctor, list[FieldProblem]]:
    number = normalise_number(doctor.document_number)
    problems = []
    if not _OTHER_DOCUMENT.fullmatch(number):
        text = Text("证件号码应为5至40位数字或字母。", "A document number has 5 to 40 digits and letters.")
        problems.append(FieldProblem("documentNumber", "DOCUMENT_NUMBER_FORMAT", text))
    if doctor.sex is None:
        problems.append(FieldProblem("sex", "SEX_REQUIRED", Text("请填写性别。", "Give the sex.")))
    if doctor.birth_date is None:
        problems.append(
            FieldProblem("birthDate", "BIRTH_DATE_REQUIRED", Text("请填写出生日期。", "Give the birth date."))
        )
    elif doctor.birth_date > today:
        text = Text("出生日期不能晚于今天。", "The birth date is not in the future.")
        problems.append(FieldProblem("birthDate", "DATE_NOT_PLAUSIBLE", text))
    return replace(doctor, document_number=number), problems


def _number_problem(path: str, error: NumberError) -> FieldProblem:
    return FieldProblem(path, error.code.upper(), Text(error.zh, error.en))


def _text_problems(path: str, text: str, maximum: int) -> list[FieldProblem]:
    if not text:
        return [FieldProblem(path, "REQUIRED", Text("此项必填。", "This must be filled in."))]
    if len(text) > maximum:
        sentence = Text(f"不能超过{maximum}个字。", f"At most {maximum} characters.")
        return [FieldProblem(path, "TOO_LONG", sentence)]
    if any(unicodedata.category(sign) == "Cc" for sign in text):
        return [FieldProblem(path, "CONTROL_CHARACTER", Text("含有不可见的控制字符。", "It holds control characters."))]
    return []


def document_taken() -> FieldProblem:
    """The problem of a document number that a doctor has already."""
    text = Text("该证件号码的医师已存在。", "There is a doctor with this document number already.")
    return FieldProblem("documentNumber", "DOCUMENT_NUMBER_TAKEN", text)


class BehaviourKind(StrEnum):
    """行为记录类别 (2007 measure, Art. 17 to 19): three good, three bad."""

    AWARD = "AWARD"
    GOVERNMENT_TASK = "GOVERNMENT_TASK"
    TECHNICAL_ACHIEVEMENT = "TECHNICAL_ACHIEVEMENT"
    ADMINISTRATIVE_PENALTY = "ADMINISTRATIVE_PENALTY"
    DISCIPLINARY_SANCTION = "DISCIPLINARY_SANCTION"
    MEDICAL_ACCIDENT = "MEDICAL_ACCIDENT"


BEHAVIOUR_POLARITY = {
    BehaviourKind.AWARD: BehaviourPolarity.GOOD,
    BehaviourKind.GOVERNMENT_TASK: BehaviourPolarity.GOOD,
    BehaviourKind.TECHNICAL_ACHIEVEMENT: BehaviourPolarity.GOOD,
    BehaviourKind.ADMINISTRATIVE_PENALTY: BehaviourPolarity.BAD,
    BehaviourKind.DISCIPLINARY_SANCTION: BehaviourPolarity.BAD,
    BehaviourKind.MEDICAL_ACCIDENT: BehaviourPolarity.BAD,
}


def behaviour_problems(occurred_on: date, description: str, today: date) -> list[FieldProblem]:
    """What is wrong with a behaviour record; empty where it may be stored."""
    problems = []
    if occurred_on > today:
        text = Text("发生日期不能晚于今天。", "The day is not in the future.")
        problems.append(FieldProblem("occurredOn", "DATE_NOT_PLAUSIBLE", text))
    if len(description) > DESCRIPTION_MAXIMUM:
        text = Text(
            f"说明不能超过{DESCRIPTION_MAXIMUM}个字。", f"A description has at most {DESCRIPTION_MAXIMUM} characters."
        )
        problems.append(FieldProblem("description", "TOO_LONG", text))
    return problems


# Carried over by a transfer: the doctor has the form, or nobody has anything yet.
CARRIED = frozenset(
    {AssessmentState.NOT_OPENED, AssessmentState.OPENED, AssessmentState.RETURNED, AssessmentState.DEFERRED}
)

_FINISH_FIRST = {
    AssessmentState.SUBMITTED: Text(
        "报名信息正在等待原机构审核，请先由原机构退回或由医师撤回报名，再变更机构。",
        "The present institution is reviewing the registration: let it return it, or the doctor withdraw it, first.",
    ),
    AssessmentState.INSTITUTION_APPROVED: Text(
        "报名信息正在等待考核机构复核，请先由考核机构作出决定或退回医师，再变更机构。",
        "The assessment body is reviewing the registration: let it decide, or return it to the doctor, first.",
    ),
    AssessmentState.BODY_APPROVED: Text(
        "医师已通过复核、尚未完成测评，请先完成本周期考核，再变更机构。",
        "The doctor is approved for the tests: let this cycle's assessment be finished first.",
    ),
    AssessmentState.TESTING: Text(
        "医师正在测评，请先完成本周期考核，再变更机构。",
        "The doctor is being tested: let this cycle's assessment be finished first.",
    ),
}


def require_transferable(state: AssessmentState, covered: bool) -> None:
    """Whether an unfinished assessment of a running cycle may go along to the new institution, which the cycle covers
    or not. Raises StateConflict saying what to finish first."""
    if state not in CARRIED:
        raise StateConflict("FINISH_ASSESSMENT_FIRST", _FINISH_FIRST[state], state.value)
    if not covered:
        text = Text(
            "新机构不在医师当前考核周期的地区内，请在本周期考核结束后再变更机构。",
            "The doctor's running cycle does not cover the new institution: transfer after the cycle.",
        )
        raise StateConflict("OUTSIDE_THE_CYCLE", text, state.value)


def reason_problems(reason: str) -> list[FieldProblem]:
    """What is wrong with the reason of a transfer; empty where it may be stored."""
    return _text_problems("reason", reason.strip(), REASON_MAXIMUM)
