"""What may stand in the registration form, its histories and ratings. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from dingkao.assessments.text import TextError, check_text
from dingkao.doctors.numbers import NumberError, parse_phone
from dingkao.plugin.errors import FieldProblem
from dingkao.plugin.national import EvaluationPolicy
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Dimension


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A text field: its column, its name in the API, its Chinese title and the most characters it holds."""

    column: str
    name: str
    title: str
    maximum: int


# 报名信息: basic data, then practice data (manual 2.2.3 (1)).
FORM_TEXTS: tuple[FieldRule, ...] = (
    FieldRule("contact_phone", "contactPhone", "联系电话", 20),
    FieldRule("email", "email", "电子邮箱", 120),
    FieldRule("address", "address", "通讯地址", 200),
    FieldRule("ethnicity", "ethnicity", "民族", 30),
    FieldRule("highest_education", "highestEducation", "最高学历", 30),
    FieldRule("degree", "degree", "学位", 30),
    FieldRule("department", "department", "所在科室", 60),
    FieldRule("professional_title", "professionalTitle", "专业技术职务", 60),
    FieldRule("position", "position", "行政职务", 60),
)


class HistoryKind(StrEnum):
    """相关经历: 多机构备案, 教育经历, 执业经历 (manual 2.2.3 (2))"""

    INSTITUTION_FILING = "INSTITUTION_FILING"
    EDUCATION = "EDUCATION"
    PRACTICE = "PRACTICE"


@dataclass(frozen=True, slots=True)
class HistoryRule:
    """One kind of entry: its text fields (the first is required) and its two dates (from, until)."""

    texts: tuple[FieldRule, ...]
    began: str
    ended: str


HISTORY: Mapping[HistoryKind, HistoryRule] = {
    HistoryKind.INSTITUTION_FILING: HistoryRule(
        (FieldRule("institution_name", "institutionName", "备案机构名称", 120),), "filed_on", "until"
    ),
    HistoryKind.EDUCATION: HistoryRule(
        (
            FieldRule("school", "school", "毕业院校", 120),
            FieldRule("major", "major", "专业", 80),
            FieldRule("education", "education", "学历", 30),
            FieldRule("degree", "degree", "学位", 30),
        ),
        "began_on",
        "graduated_on",
    ),
    HistoryKind.PRACTICE: HistoryRule(
        (
            FieldRule("institution_name", "institutionName", "执业机构名称", 120),
            FieldRule("department", "department", "科室", 60),
            FieldRule("post", "post", "职务", 60),
        ),
        "began_on",
        "ended_on",
    ),
}

MOST_ENTRIES = 30
EARLIEST = date(1930, 1, 1)


def camel(name: str) -> str:
    """A column's name as the API spells it."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _text_problems(rule: FieldRule, value: str, required: bool) -> list[FieldProblem]:
    if not value.strip():
        if not required:
            return []
        return [FieldProblem(rule.name, "REQUIRED", Text(f"请填写{rule.title}。", f"Fill in {rule.name}."))]
    try:
        check_text(value, rule.maximum)
    except TextError as error:
        return [FieldProblem(rule.name, error.code.upper(), error.text)]
    return []


def form_problems(changes: Mapping[str, Any], today: date) -> list[FieldProblem]:
    """Everything wrong with the fields of the form that are being saved; empty values are allowed in a draft."""
    problems: list[FieldProblem] = []
    for rule in FORM_TEXTS:
        value = changes.get(rule.column)
        if value:
            problems += _text_problems(rule, value, required=False)
    phone = changes.get("contact_phone")
    if phone and phone.strip():
        try:
            parse_phone(phone)
        except NumberError as error:
            problems.append(FieldProblem("contactPhone", error.code.upper(), error.text))
    email = changes.get("email")
    if email and email.strip():
        local, _, domain = email.strip().rpartition("@")
        if not local or "." not in domain:
            problems.append(
                FieldProblem("email", "EMAIL_FORMAT", Text("电子邮箱格式不正确。", "This is no e-mail address."))
            )
    started = changes.get("started_work_on")
    if started is not None and not EARLIEST <= started <= today:
        problems.append(
            FieldProblem("startedWorkOn", "DATE_OUT_OF_RANGE", Text("参加工作日期有误。", "This day cannot be."))
        )
    return problems


def history_problems(kind: HistoryKind, values: Mapping[str, Any], today: date) -> list[FieldProblem]:
    """Everything wrong with one entry of a history; its first text is required."""
    rule = HISTORY[kind]
    problems: list[FieldProblem] = []
    for place, field in enumerate(rule.texts):
        problems += _text_problems(field, values.get(field.column) or "", required=place == 0)
    began, ended = values.get(rule.began), values.get(rule.ended)
    for name, day in ((rule.began, began), (rule.ended, ended)):
        if day is not None and day < EARLIEST:
            problems.append(FieldProblem(camel(name), "DATE_OUT_OF_RANGE", Text("日期有误。", "This day cannot be.")))
    if began is not None and began > today:
        problems.append(
            FieldProblem(camel(rule.began), "DATE_IN_FUTURE", Text("开始日期不能晚于今天。", "It begins after today."))
        )
    if began is not None and ended is not None and ended < began:
        text = Text("结束日期不能早于开始日期。", "It ends before it begins.")
        problems.append(FieldProblem(camel(rule.ended), "ENDS_BEFORE_IT_BEGINS", text))
    return problems


def evaluation_problems(
    policy: EvaluationPolicy, dimension: Dimension, scores: Sequence[tuple[str, int]], summary: str
) -> list[FieldProblem]:
    """Everything wrong with a self-evaluation of one dimension: unknown or repeated items, scores out of range."""
    items = {item.code: item for item in policy.items if item.dimension == dimension}
    problems: list[FieldProblem] = []
    if not items:
        problems.append(FieldProblem("dimension", "NOT_RATED", Text("该项不需自评。", "This dimension is not rated.")))
    seen: set[str] = set()
    for place, (code, score) in enumerate(scores):
        path = f"scores.{place}"
        item = items.get(code)
        if item is None:
            problems.append(FieldProblem(f"{path}.code", "UNKNOWN_ITEM", Text("没有该自评项目。", "No such item.")))
        elif code in seen:
            problems.append(FieldProblem(f"{path}.code", "REPEATED_ITEM", Text("自评项目重复。", "Given twice.")))
        elif not 0 <= score <= item.maximum:
            text = Text(f"分值须在0到{item.maximum}之间。", f"The score is from 0 to {item.maximum}.")
            problems.append(FieldProblem(f"{path}.score", "SCORE_OUT_OF_RANGE", text))
        seen.add(code)
    if summary.strip():
        try:
            check_text(summary, policy.summary_maximum)
        except TextError as error:
            problems.append(FieldProblem("summary", error.code.upper(), error.text))
    return problems
