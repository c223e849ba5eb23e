"""Reading a roster of doctors (医师名册) from CSV. Pure: text in, entries and refusals out, nothing stored.

A roster is what an authority exports from the electronic registration system: one doctor a line, under a line of column
names. Names differ from system to system, so each may be given; what stands in the cells are Chinese words (执业医师,
临床, 男) or this software's own codes.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeVar

from dingkao.doctors.rules import NewDoctor, check_new_doctor
from dingkao.plugin.errors import FieldProblem, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import DocumentType, PracticeCategory, PracticeLevel, Sex

# What may be read, and the column's name where none is given.
COLUMNS: Mapping[str, str] = {
    "name": "姓名",
    "document_type": "证件类型",
    "document_number": "证件号码",
    "sex": "性别",
    "birth_date": "出生日期",
    "qualification_number": "资格证书编码",
    "practice_number": "执业证书编码",
    "category": "执业类别",
    "scope": "执业范围",
    "level": "级别",
    "practising_since": "首次执业日期",
    "institution_code": "机构代码",
    "phone": "手机号",
}
REQUIRED = (
    "name",
    "document_number",
    "qualification_number",
    "practice_number",
    "category",
    "scope",
    "level",
    "institution_code",
)

_DOCUMENT_WORDS = {
    "居民身份证": DocumentType.RESIDENT_IDENTITY_CARD,
    "身份证": DocumentType.RESIDENT_IDENTITY_CARD,
    "港澳居民来往内地通行证": DocumentType.TRAVEL_PERMIT,
    "台湾居民来往大陆通行证": DocumentType.TRAVEL_PERMIT,
    "通行证": DocumentType.TRAVEL_PERMIT,
    "护照": DocumentType.PASSPORT,
    "军官证": DocumentType.MILITARY_IDENTITY_CARD,
    "军人身份证件": DocumentType.MILITARY_IDENTITY_CARD,
}
_SEX_WORDS = {"男": Sex.MALE, "女": Sex.FEMALE, "男性": Sex.MALE, "女性": Sex.FEMALE}
_CATEGORY_WORDS = {
    "临床": PracticeCategory.CLINICAL,
    "中医": PracticeCategory.TRADITIONAL_CHINESE_MEDICINE,
    "民族医": PracticeCategory.TRADITIONAL_CHINESE_MEDICINE,
    "中西医结合": PracticeCategory.TRADITIONAL_CHINESE_MEDICINE,
    "口腔": PracticeCategory.DENTAL,
    "公共卫生": PracticeCategory.PUBLIC_HEALTH,
    "公卫": PracticeCategory.PUBLIC_HEALTH,
}
_LEVEL_WORDS = {
    "执业医师": PracticeLevel.LICENSED,
    "执业助理医师": PracticeLevel.ASSISTANT,
    "助理医师": PracticeLevel.ASSISTANT,
    "乡村全科执业助理医师": PracticeLevel.RURAL_ASSISTANT,
    "乡村全科助理医师": PracticeLevel.RURAL_ASSISTANT,
}
_DATE = re.compile(
    r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})|\.(\d{1,2})\.(\d{1,2})|年(\d{1,2})月(\d{1,2})日)"
)
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")

Word = TypeVar("Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """Why a line was not taken, or a remark on one that was: its number in the file (from 1, the header included), the
    column's name, a stable code and a sentence. Never holds what the cell held."""

    line: int
    column: str
    code: str
    text: Text


@dataclass(frozen=True, slots=True)
class RosterLine:
    """A line that reads well: the doctor, checked and in the form that is stored, and the institution's code."""

    line: int
    doctor: NewDoctor
    institution_code: str


def resolve_columns(given: Mapping[str, str]) -> dict[str, str]:
    """The names of all columns: the defaults, with those of `given` in their place. Raises ValidationFailed for a field
    that a roster has not."""
    unknown = [field for field in given if field not in COLUMNS]
    if unknown:
        known = ", ".join(COLUMNS)
        raise ValidationFailed(
            [
                FieldProblem(
                    field,
                    "UNKNOWN_FIELD",
                    Text(f"没有“{field}”这一项；可用：{known}。", f"no field {field}; there are: {known}"),
                )
                for field in unknown
            ]
        )
    return {**COLUMNS, **given}


def read_roster(
    lines: Iterable[str], today: date, columns: Mapping[str, str] = COLUMNS
) -> Iterator[RosterLine | list[RefusedLine]]:
    """Each line after the header: read, or refused with everything that is wrong with it. Empty lines are passed over.

    `lines` as a file opened with `newline=""` gives them. Raises ValidationFailed where a required column is
    missing: the whole file is then of another form.
    """
    reader = csv.reader(lines)
    places = _places(next(reader, []), columns)
    number_seen: dict[str, int] = {}
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            text = Text("该行不是有效的CSV。", "This line is no valid CSV.")
            yield [RefusedLine(line, "", "CSV_FORMAT", text)]
            continue
        # A spreadsheet marks a number that must stay text with an apostrophe.
        values = {
            field: cells[place].strip().removeprefix("'").strip() if place < len(cells) else ""
            for field, place in places.items()
        }
        if not any(values.values()):
            continue
        yield _read_line(line, values, columns, today, number_seen)


def _places(header: list[str], columns: Mapping[str, str]) -> dict[str, int]:
    names = [name.strip().removeprefix("\ufeff") for name in header]
    problems = []
    for field in REQUIRED:
        if columns[field] not in names:
            text = Text(f"文件缺少“{columns[field]}”列。", f"The file has no column {columns[field]!r} ({field}).")
            problems.append(FieldProblem(field, "COLUMN_MISSING", text))
    if problems:
        raise ValidationFailed(problems)
    return {field: names.index(name) for field, name in columns.items() if name in names}


def _read_line(
    line: int, values: Mapping[str, str], columns: Mapping[str, str], today: date, number_seen: dict[str, int]
) -> RosterLine | list[RefusedLine]:
    refused: list[RefusedLine] = []

    def refuse(field: str, code: str, text: Text) -> None:
        refused.append(RefusedLine(line, columns[field], code, text))

    def word(field: str, words: Mapping[str, Word], kind: type[Word]) -> Word | None:
        value = values.get(field, "")
        found = words.get(value)
        if found is None and value:
            try:
                return kind(value)
            except ValueError:
                known = "、".join(words)
                refuse(
                    field, "UNKNOWN_WORD", Text(f"无法识别，可填：{known}。", f"Not understood; write one of: {known}.")
                )
        return found

    def day(field: str) -> date | None:
        value = values.get(field, "")
        found = parse_date(value) if value else None
        if value and found is None:
            refuse(field, "DATE_FORMAT", Text("日期格式应为 2012-07-01。", "Write a date as 2012-07-01."))
        return found

    category = word("category", _CATEGORY_WORDS, PracticeCategory)
    level = word("level", _LEVEL_WORDS, PracticeLevel)
    for field, found in (("category", category), ("level", level)):
        if found is None and not values[field]:
            refuse(field, "REQUIRED", Text("此项必填。", "This must be filled in."))
    given = NewDoctor(
        name=values["name"],
        document_type=word("document_type", _DOCUMENT_WORDS, DocumentType) or DocumentType.RESIDENT_IDENTITY_CARD,
        document_number=values["document_number"],
        qualification_number=values["qualification_number"],
        practice_number=values["practice_number"],
        # Where one of them was refused, the entry is not used.
        category=category or PracticeCategory.CLINICAL,
        scope=values["scope"],
        level=level or PracticeLevel.LICENSED,
        sex=word("sex", _SEX_WORDS, Sex),
        birth_date=day("birth_date"),
        practising_since=day("practising_since"),
        phone=values.get("phone") or None,
    )
    if not values["institution_code"]:
        refuse("institution_code", "REQUIRED", Text("此项必填。", "This must be filled in."))
    doctor, problems = check_new_doctor(given, today)
    for problem in problems:
        refuse(_FIELDS[problem.path], problem.code, problem.text)
    if not refused:
        first = number_seen.setdefault(doctor.document_number, line)
        if first != line:
            text = Text(f"证件号码与第{first}行重复。", f"The document number stands in line {first} already.")
            refuse("document_number", "DUPLICATE_IN_FILE", text)
    return refused or RosterLine(line, doctor, values["institution_code"])


# The paths of problems are the API's names.
_FIELDS = {
    "name": "name",
    "documentNumber": "document_number",
    "sex": "sex",
    "birthDate": "birth_date",
    "qualificationNumber": "qualification_number",
    "practiceNumber": "practice_number",
    "scope": "scope",
    "practisingSince": "practising_since",
    "phone": "phone",
}


def parse_date(text: str) -> date | None:
    """A day written as 2012-07-01, 2012/7/1, 2012.7.1, 2012年7月1日 or 20120701; None for anything else."""
    found = _DATE.fullmatch(text) or _COMPACT_DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups() if part is not None)
    try:
        return date(year, month, day)
    except ValueError:
        return None
