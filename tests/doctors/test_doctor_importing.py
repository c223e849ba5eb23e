"""Importing a roster: what is read, every refusal with its line, all or nothing."""

import csv
import io
import json
from datetime import date

import pytest

from dingkao.accounts.tables import Account
from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import AuditEntry
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.db.counting import count_queries
from dingkao.doctors.importing import ImportReport, import_doctors
from dingkao.doctors.made_up import (
    made_up_document_number,
    made_up_phone,
    made_up_practice_number,
    made_up_qualification_number,
)
from dingkao.doctors.records import list_doctors
from dingkao.doctors.roster import COLUMNS, parse_date, read_roster, resolve_columns
from dingkao.doctors.tables import Doctor, PracticeRegistration
from dingkao.environment import Environment
from dingkao.institutions.rules import OrganisationKind
from dingkao.institutions.service import create_organisation, create_region
from dingkao.institutions.vocabulary import RegionLevel
from dingkao.plugin.errors import Forbidden, NotLoggedIn, ValidationFailed
from dingkao.plugin.vocabulary import DocumentType, PracticeCategory, PracticeLevel, Sex
from dingkao.testing.sample import SampleProvince, build_sample

TODAY = date(2026, 6, 1)


def line(serial: int, **changes: str) -> dict[str, str]:
    """One doctor's cells by field."""
    number = made_up_document_number(500_000 + serial, date(1980, 3, 4), Sex.MALE)
    cells = {
        "name": f"医师{serial}",
        "document_type": "居民身份证",
        "document_number": number,
        "sex": "男",
        "qualification_number": made_up_qualification_number(number, 2005),
        "practice_number": made_up_practice_number(serial),
        "category": "临床",
        "scope": "内科专业",
        "level": "执业医师",
        "practising_since": "2006-07-01",
        "institution_code": "H001",
        "phone": made_up_phone(serial),
    }
    return {**cells, **changes}


def roster(*lines: dict[str, str], columns: dict[str, str] | None = None) -> str:
    names = columns or dict(COLUMNS)
    out = io.StringIO()
    writer = csv.writer(out)
    fields = [field for field in names if field != "birth_date"]
    writer.writerow([names[field] for field in fields])
    writer.writerows([cells.get(field, "") for field in fields] for cells in lines)
    return out.getvalue()


def problems(report: ImportReport) -> list[tuple[int, str, str]]:
    return [(entry.line, entry.column, entry.code) for entry in report.refused]


@pytest.fixture
async def province(environment: Environment) -> SampleProvince:
    return await build_sample(environment)


async def test_roster_is_entered_with_accounts_and_assessments(
    environment: Environment, province: SampleProvince
) -> None:
    steps: list[tuple[int, int]] = []
    report = await import_doctors(
        environment,
        SYSTEM_CALLER,
        roster(*[line(serial) for serial in range(1203)]),
        progress=lambda done, total: steps.append((done, total)),
    )
    assert (report.lines, report.imported, report.refused, report.remarks) == (1203, 1203, (), ())
    assert await PracticeRegistration.count().where(PracticeRegistration.valid_to.is_null()) == 1203
    assert await Account.count().where(Account.password_hash.is_null() & Account.doctor.is_not_null()) == 1203
    assert await Assessment.count().where(Assessment.state == "NOT_OPENED") == 1203
    found = await list_doctors(province.institution, search=line(7)["document_number"], after=0, limit=5)
    assert [(row.name, row.sex, row.practising_since, row.level) for row in found] == [
        ("医师7", Sex.MALE, date(2006, 7, 1), PracticeLevel.LICENSED)
    ]
    row = await Doctor.select(Doctor.birth_date, Doctor.created_at).where(Doctor.id == found[0].id).first()
    assert row == {"birth_date": date(1980, 3, 4), "created_at": environment.clock.now()}
    login = await Account.select(Account.doctor).where(Account.login_name == line(7)["document_number"]).first()
    assert login == {"doctor": found[0].id}
    done = [step for step, _ in steps]
    assert done == sorted(done)
    assert steps[-1][0] == steps[-1][1]
    entry = await AuditEntry.select().where(AuditEntry.action == "IMPORT_DOCTORS").first()
    assert entry is not None
    assert json.loads(entry["detail"]) == {"imported": 1203, "refused": 0}


async def test_queries_grow_with_batches_and_not_with_lines(environment: Environment, province: SampleProvince) -> None:
    with count_queries() as queries:
        await import_doctors(environment, SYSTEM_CALLER, roster(*[line(serial) for serial in range(400)]))
    assert len(queries) < 30


async def test_every_bad_line_is_told_and_nothing_entered(environment: Environment, province: SampleProvince) -> None:
    doctor = await province.add_doctor()
    text = roster(
        line(1),
        line(2, document_number="12345", category="兽医"),
        line(3, institution_code="H404"),
        line(4, document_number=doctor.document_number, qualification_number=line(4)["qualification_number"]),
        line(1, name="又一个"),
        line(5, level="", practising_since="去年"),
        line(6, institution_code="B001"),
        line(7, name="", sex="女"),
    )
    report = await import_doctors(environment, SYSTEM_CALLER, text)
    assert problems(report) == [
        (3, "执业类别", "UNKNOWN_WORD"),
        (3, "证件号码", "DOCUMENT_NUMBER_FORMAT"),
        (4, "机构代码", "INSTITUTION_UNKNOWN"),
        (5, "证件号码", "DOCUMENT_NUMBER_TAKEN"),
        (6, "证件号码", "DUPLICATE_IN_FILE"),
        (7, "级别", "REQUIRED"),
        (7, "首次执业日期", "DATE_FORMAT"),
        (8, "机构代码", "INSTITUTION_UNKNOWN"),
        (9, "姓名", "REQUIRED"),
        (9, "性别", "SEX_DIFFERS"),
    ]
    assert (report.lines, report.imported, report.refused_lines) == (8, 0, 7)
    assert await Doctor.count() == 1
    assert all(entry.text.zh and entry.text.en for entry in report.refused)
    # The first line of the two that are alike is good: only the second was refused.
    skipped = await import_doctors(environment, SYSTEM_CALLER, text, skip_bad=True)
    assert (skipped.imported, problems(skipped)) == (1, problems(report))
    assert await Doctor.count() == 2


async def test_second_import_of_one_file_enters_nothing(environment: Environment, province: SampleProvince) -> None:
    text = roster(line(1), line(2))
    assert (await import_doctors(environment, SYSTEM_CALLER, text)).imported == 2
    again = await import_doctors(environment, SYSTEM_CALLER, text, skip_bad=True)
    assert (again.imported, [code for _, _, code in problems(again)]) == (0, ["DOCUMENT_NUMBER_TAKEN"] * 2)


async def test_number_of_another_document_is_a_remark(environment: Environment, province: SampleProvince) -> None:
    odd = line(1, qualification_number=line(2)["qualification_number"])
    report = await import_doctors(environment, SYSTEM_CALLER, roster(odd))
    assert report.imported == 1
    assert [(entry.line, entry.code) for entry in report.remarks] == [(2, "QUALIFICATION_NUMBER_OTHER_DOCUMENT")]


async def test_columns_may_have_other_names(environment: Environment, province: SampleProvince) -> None:
    columns = resolve_columns({"name": "Name", "institution_code": "单位编码"})
    text = roster(line(1), columns=columns)
    assert (await import_doctors(environment, SYSTEM_CALLER, text, columns=columns)).imported == 1
    with pytest.raises(ValidationFailed) as refused:
        await import_doctors(environment, SYSTEM_CALLER, text)
    assert [(problem.path, problem.code) for problem in refused.value.problems] == [
        ("name", "COLUMN_MISSING"),
        ("institution_code", "COLUMN_MISSING"),
    ]
    with pytest.raises(ValidationFailed) as refused:
        resolve_columns({"surname": "姓"})
    assert [problem.code for problem in refused.value.problems] == ["UNKNOWN_FIELD"]


async def test_authority_imports_for_its_regions_only(environment: Environment, province: SampleProvince) -> None:
    region = await create_region(environment, SYSTEM_CALLER, code="980000", name="外省", level=RegionLevel.PROVINCE)
    await create_organisation(
        environment,
        SYSTEM_CALLER,
        code="H980",
        name="外省医院",
        region_id=region,
        kinds=frozenset({OrganisationKind.INSTITUTION}),
    )
    text = roster(line(1), line(2, institution_code="H980"))
    report = await import_doctors(environment, province.authority, text, skip_bad=True)
    assert (report.imported, problems(report)) == (1, [(3, "机构代码", "INSTITUTION_UNKNOWN")])
    with pytest.raises(Forbidden):
        await import_doctors(environment, province.institution, text)
    with pytest.raises(NotLoggedIn):
        await import_doctors(environment, None, text)


def test_words_and_dates_as_people_write_them() -> None:
    text = roster(
        line(
            1,
            document_type="护照",
            document_number="'e7654321",
            sex="女",
            category="中西医结合",
            level="RURAL_ASSISTANT",
            practising_since="2012年7月1日",
            phone="",
        )
    ).replace("级别", "级别,出生日期", 1)
    header, row = text.splitlines()
    cells = row.split(",")
    cells.insert(header.split(",").index("出生日期"), "1981/2/3")
    read = list(read_roster([header, ",".join(cells)], TODAY))
    assert len(read) == 1
    entry = read[0]
    assert not isinstance(entry, list)
    doctor = entry.doctor
    assert (doctor.document_type, doctor.document_number) == (DocumentType.PASSPORT, "E7654321")
    assert (doctor.sex, doctor.birth_date, doctor.phone) == (Sex.FEMALE, date(1981, 2, 3), None)
    assert doctor.category is PracticeCategory.TRADITIONAL_CHINESE_MEDICINE
    assert doctor.level is PracticeLevel.RURAL_ASSISTANT
    assert doctor.practising_since == date(2012, 7, 1)


@pytest.mark.parametrize("text", ["2012-07-01", "2012/7/1", "2012.7.1", "2012年7月1日", "20120701"])
def test_dates_that_are_read(text: str) -> None:
    assert parse_date(text) == date(2012, 7, 1)


@pytest.mark.parametrize("text", ["2012-13-01", "2012-02-30", "12-7-1", "2012-7/1", "7月1日", "41091", "2012-7-1年"])
def test_dates_that_are_not(text: str) -> None:
    assert parse_date(text) is None


def test_line_numbers_are_those_of_the_file() -> None:
    """A cell over two lines and empty lines count; a mark at the beginning does not hide the first column."""
    good = roster(line(1)).splitlines()
    text = "\ufeff" + good[0] + '\n\n"王\n五"' + good[1][good[1].index(",") :] + "\n,,\n" + "坏,\n"
    read = list(read_roster(io.StringIO(text, newline=""), TODAY))
    lines = [entry[0].line if isinstance(entry, list) else entry.line for entry in read]
    assert lines == [3, 6]


def test_refusals_never_repeat_the_cell() -> None:
    bad = line(1, document_number="110101199901019999", practice_number="98765")
    read = list(read_roster(io.StringIO(roster(bad), newline=""), TODAY))
    assert isinstance(read[0], list)
    said = "".join(entry.text.zh + entry.text.en for entry in read[0])
    assert said
    assert "110101199901019999" not in said
    assert "98765" not in said
