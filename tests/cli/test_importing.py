"""`dingkao import`, on files as authorities and item writers have them."""

import asyncio
import csv
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from command_line import Run

from dingkao.db.database import Database
from dingkao.demo.people import FIRST_HOSPITAL
from dingkao.doctors.made_up import made_up_document_number, made_up_practice_number, made_up_qualification_number
from dingkao.doctors.tables import Doctor
from dingkao.papers.tables import Question
from dingkao.plugin.vocabulary import Sex
from dingkao.testing.progress import made_up_picture

ROSTER = ("姓名", "证件号码", "资格证书编码", "执业证书编码", "执业类别", "执业范围", "级别", "机构代码")


def doctor_line(seed: int, name: str) -> list[str]:
    number = made_up_document_number(seed, date(1985, 5, 5), Sex.FEMALE)
    return [
        name, number, made_up_qualification_number(number, 2008), made_up_practice_number(seed), "临床", "内科专业",
        "执业医师", FIRST_HOSPITAL,
    ]  # fmt: skip


def write(path: Path, rows: Sequence[Sequence[str]], encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def names(url: str) -> list[str]:
    async def read() -> list[str]:
        async with Database(url).session():
            rows = await Doctor.select(Doctor.name).where(Doctor.name.like("甲乙%")).order_by(Doctor.name)
            return [row["name"] for row in rows]

    return asyncio.run(read())


def stems(url: str, source: str) -> list[tuple[str, bool]]:
    async def read() -> list[tuple[str, bool]]:
        async with Database(url).session():
            rows = (
                await Question.select(Question.stem, Question.state)
                .where(Question.source == source)
                .order_by(Question.id)
            )
            return [(row["stem"], row["state"] == "RETIRED") for row in rows]

    return asyncio.run(read())


@pytest.fixture
def demo_url(run: Run, database_url: str) -> str:
    """A database with the demo province, whose hospitals take the imported doctors."""
    outcome = run("demo", "--prepare-only", DATABASE_URL=database_url)
    assert outcome.code == 0, outcome.err
    return database_url


def test_doctors_come_in_all_or_none_unless_bad_lines_are_skipped(run: Run, demo_url: str, tmp_path: Path) -> None:
    bad = doctor_line(903, "甲乙丙")
    bad[1] = bad[1][:-1] + ("0" if bad[1][-1] != "0" else "1")
    unknown = doctor_line(904, "甲乙丁")
    unknown[-1] = "NO-SUCH-CODE"
    roster = write(tmp_path / "r.csv", [ROSTER, doctor_line(901, "甲乙"), bad, doctor_line(902, "甲乙戊"), unknown])

    refused = run("import", "doctors", roster, DATABASE_URL=demo_url)
    assert refused.code == 1
    assert "nothing was imported" in refused.complaint
    lines = refused.out.splitlines()
    assert lines[0].startswith("line 3 refused: 证件号码: 身份证号的校验码不符")
    assert lines[1].startswith("line 5 refused: 机构代码: ")
    assert lines[1].endswith("[INSTITUTION_UNKNOWN]")
    assert lines[2] == "4 lines: 0 imported, 2 refused"
    assert bad[1] not in refused.out + refused.err
    assert names(demo_url) == []

    skipped = run("import", "doctors", roster, "--skip-bad", DATABASE_URL=demo_url)
    assert (skipped.code, skipped.err) == (0, "")
    assert skipped.out.splitlines()[-1] == "4 lines: 2 imported, 2 refused"
    assert names(demo_url) == ["甲乙", "甲乙戊"]

    again = run("import", "doctors", roster, "--skip-bad", DATABASE_URL=demo_url)
    assert again.out.splitlines()[-1] == "4 lines: 0 imported, 4 refused"


def test_a_roster_with_other_names_and_encoding_is_read_as_it_is(run: Run, demo_url: str, tmp_path: Path) -> None:
    header = ["医师姓名", "公民身份号码", *ROSTER[2:]]
    roster = write(tmp_path / "r.csv", [header, doctor_line(911, "甲乙己")], "gb18030")
    missing = run("import", "doctors", roster, DATABASE_URL=demo_url)
    assert missing.code == 1
    assert "The file has no column '姓名' (name)." in missing.complaint
    columns = ("--column", "name=医师姓名", "--column", "document_number=公民身份号码")
    wrong = run("import", "doctors", roster, *columns, "--encoding", "utf-8", DATABASE_URL=demo_url)
    assert wrong.code == 1
    assert wrong.complaint == f"dingkao: {roster} is no utf-8 text (see --encoding)"
    taken = run("import", "doctors", roster, *columns, DATABASE_URL=demo_url)
    assert (taken.code, taken.err, taken.out) == (0, "", "1 lines: 1 imported, 0 refused\n")
    assert names(demo_url) == ["甲乙己"]


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("doctors", "none.csv"), 1, "dingkao: none.csv: No such file or directory"),
        (("doctors", "."), 1, "dingkao: .: Is a directory"),
        (("doctors", "r.csv", "--column", "name"), 2, "--column name: write FIELD=NAME"),
        (("doctors", "r.csv", "--column", "shoe_size=鞋码"), 1, "no field shoe_size"),
        (("doctors", "r.csv"), 1, "run `dingkao migrate` first"),
        (("questions", "r.csv"), 2, "Missing option '--subject'"),
        (("questions", "r.csv", "--subject", "LATIN"), 2, "'LATIN' is not one of 'HUMANITIES', 'PROFESSIONAL'"),
        (("questions", "r.csv", "--subject", "HUMANITIES", "--options", "A,A"), 2, "--options A,A: write different"),
    ],
)
def test_what_a_person_got_wrong_is_one_line(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    write(tmp_path / "r.csv", [ROSTER])
    outcome = run("import", *arguments)
    assert outcome.code == code
    assert complaint in outcome.complaint
    assert outcome.out == ""


def test_the_columns_of_a_roster_can_be_asked_for(run: Run) -> None:
    outcome = run("import", "doctors", "--list-columns")
    assert (outcome.code, outcome.err) == (0, "")
    assert any(line.split() == ["document_number", "证件号码", "yes"] for line in outcome.out.splitlines())
    assert any(line.split() == ["phone", "手机号"] for line in outcome.out.splitlines())


QUESTIONS = [
    ["", "Question", "A", "B", "C", "D", "Answer"],
    ["0", "第一题，下列哪一项\n正确？", "甲", "乙", "丙", "丁", "C"],
    ["1", "第二题", "甲", "乙", "丙", "丁", "E"],
    ["2", "第三题", "子", "丑", "寅", "卯", "a"],
]


def import_questions(run: Run, url: str, file: Path, *arguments: str) -> tuple[int, list[str], str]:
    outcome = run("import", "questions", file, "--subject", "PROFESSIONAL", *arguments, DATABASE_URL=url)
    assert "Traceback" not in outcome.err
    return outcome.code, outcome.out.splitlines(), outcome.err


def test_questions_come_in_all_or_none_unless_bad_lines_are_skipped(
    run: Run, database_url: str, tmp_path: Path
) -> None:
    file = write(tmp_path / "q.csv", QUESTIONS, "utf-8-sig")
    code, lines, complaint = import_questions(run, database_url, file)
    assert code == 1
    # The first question runs over two lines of the file.
    assert lines == [
        "line 4 refused: Answer: 答案不是任何一个选项。 The answer is none of the options. [ANSWER_NO_OPTION]",
        "3 lines: 0 imported, 1 refused",
    ]
    assert "nothing was imported" in complaint
    assert stems(database_url, "q.csv") == []

    code, lines, complaint = import_questions(run, database_url, file, "--skip-bad", "--source", "测试题库")
    assert (code, lines[-1], complaint) == (0, "3 lines: 2 imported, 1 refused", "")
    assert stems(database_url, "测试题库") == [("第一题，下列哪一项\n正确？", False), ("第三题", False)]


def test_questions_with_other_columns_replace_what_was_there(run: Run, database_url: str, tmp_path: Path) -> None:
    first = write(tmp_path / "q.csv", [QUESTIONS[0], QUESTIONS[1], QUESTIONS[3]])
    assert import_questions(run, database_url, first)[0] == 0
    other = write(tmp_path / "o.csv", [["题干", "选项一", "选项二", "答案"], ["新题", "对", "错", "B"]])
    columns = ("--stem", "题干", "--options", "选项一,选项二", "--answer", "答案")
    code, lines, _ = import_questions(run, database_url, other, *columns, "--replace")
    assert (code, lines) == (0, ["2 questions taken out of use", "1 lines: 1 imported, 0 refused"])
    assert [retired for _, retired in stems(database_url, "q.csv")] == [True, True]
    assert stems(database_url, "o.csv") == [("新题", False)]


def test_what_is_exported_comes_in_again_as_it_was(run: Run, database_url: str, tmp_path: Path) -> None:
    pictured = ["1", "看图![心电图](图.png)", "甲", "乙", "丙", "丁", "B"]
    table = write(tmp_path / "q.csv", [QUESTIONS[0], QUESTIONS[1], pictured])
    first = tmp_path / "bank.zip"
    with zipfile.ZipFile(first, "w") as opened:
        opened.write(table, "q.csv")
        opened.writestr("图.png", made_up_picture("PNG", width=40, height=20))
    assert import_questions(run, database_url, first)[0] == 0
    plain = run("export", "questions", tmp_path / "all.csv", "--subject", "PROFESSIONAL", DATABASE_URL=database_url)
    assert (plain.code, "name it all.zip" in plain.err, (tmp_path / "all.csv").exists()) == (1, True, False)
    file = tmp_path / "bank.xlsx"
    arguments = ("--subject", "PROFESSIONAL", "--format", "xlsx")
    outcome = run("export", "questions", file, *arguments, DATABASE_URL=database_url)
    assert (outcome.code, outcome.out) == (0, f"2 questions written to {file}\n")
    code, lines, _ = import_questions(run, database_url, file)
    assert (code, lines[0]) == (0, "2 questions are in the bank just so")
    again = run("export", "questions", file, *arguments, DATABASE_URL=database_url)
    assert again.code == 1
    assert "is there already" in again.err


def test_questions_may_wait_for_an_officer(run: Run, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "q.txt"
    file.write_text("首都是\nA. 北京\nB. 上海\nANSWER: A\n", encoding="utf-8")
    code, lines, _ = import_questions(run, database_url, file, "--draft", "--category", "CLINICAL")
    assert (code, lines[-1]) == (0, "they wait for the approval of an authority's officer 待审定")
    broken = tmp_path / "q.xml"
    broken.write_text('<!DOCTYPE quiz [<!ENTITY a "b">]><quiz>&a;</quiz>', encoding="utf-8")
    code, _, complaint = import_questions(run, database_url, broken)
    assert code == 1
    assert "XML" in complaint


def test_whether_the_bank_fills_the_papers_is_told_beforehand(run: Run, demo_url: str) -> None:
    outcome = run("policy", "papers", "990000", DATABASE_URL=demo_url)
    assert (outcome.code, outcome.out) == (0, "the bank fills every paper\n")
    emptied = run("policy", "papers", "110000", DATABASE_URL=demo_url)
    assert emptied.code == 1
    assert "no region 110000" in emptied.err
