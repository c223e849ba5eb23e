"""The tour against a real server: the whole way, end to end, on both databases."""

import csv
import socket
from io import StringIO
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from dingkao.papers.question_file import QuestionColumns
from dingkao.tour import run_tour
from dingkao.tour.codes import address_without_login, outbox_reader
from dingkao.tour.people import CodeReader
from dingkao.tour.questions import HUMANITIES, PROFESSIONAL, NoAnswer, banks_of, demo_banks, read_bank
from dingkao.web.operations import load_operations

from .conftest import DemoServer
from .personal_numbers import personal_numbers, readable, stored_bytes

# Every documented operation is played.
NOT_PLAYED: set[str] = set()
# What the tour sees refused, never done: it would change the demo's cycle or bank for whoever uses the demo beside it,
# needs days to pass (a missed paper, a pass mark set afterwards), somebody who watches a sitting, or a WeChat of one's
# own. What they do is played in tests/operations/walk.py.
ONLY_REFUSED = {
    "BindWechat", "CloseCycle", "CreateCycle", "DecideAbsence", "DecideVoiding", "GrantExtraTime",
    "GrantSittingExtraTime", "LogInWithWechat", "OpenCycle", "PauseAttempt", "RepinCyclePolicy", "RequestVoiding",
    "ResumeAttempt", "RetireQuestions", "SetPassMark", "UnbindWechat", "VoidQuestion",
}  # fmt: skip


def play(server: DemoServer, *questions: Path, read_code: CodeReader | None = None) -> tuple[int, str]:
    printed = StringIO()
    console = Console(file=printed, width=200, highlight=False)
    reader = read_code or outbox_reader(server.database_url)
    return run_tour(server.url, questions, read_code=reader, console=console), printed.getvalue()


def write_questions(path: Path, subject: str, number: int) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["", "Question", "A", "B", "C", "D", "Answer"])
        for place in range(number):
            options = [f"{subject}选项{place}之{letter}" for letter in "甲乙丙丁"]
            writer.writerow([place, f"{subject}试题{place}，应选哪一项？", *options, "ABCD"[place % 4]])
        # A line that no import takes: the tour sits papers of the others.
        writer.writerow([number, "没有正确答案的试题", "甲", "乙", "丙", "丁", "E"])
    return path


def test_every_answer_is_what_the_manual_says(
    demo_server: DemoServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    humanities = write_questions(tmp_path / "one.csv", "人文", 24)
    professional = write_questions(tmp_path / "professional.csv", "专业", 25)
    code, printed = play(demo_server, professional, humanities)
    assert code == 0, printed
    assert "医学人文测评题库：one.csv，导入24题" in printed
    assert "业务水平测评题库：professional.csv，导入25题" in printed
    assert "every answer as the manual says" in printed
    documented = {operation.name for operation in load_operations()}
    assert {name for name in documented if f" {name} " not in printed} == NOT_PLAYED
    steps = [line.split() for line in printed.splitlines()]
    done = {words[words.index("✓") - 1] for words in steps if "✓" in words[1:]}
    assert documented - done - NOT_PLAYED == ONLY_REFUSED
    # The server keeps its data and has the demo's questions again; the second run makes doctors of its own.
    code, printed = play(demo_server)
    assert code == 0, printed
    numbers = personal_numbers(demo_server.database_url)
    assert len(numbers) > 30
    # One doctor of each run has a passport.
    assert len([number for number in numbers if number.startswith("EO")]) >= 2
    # In the bytes of the database, the write-ahead log's among them, and in every line that the server has logged.
    assert readable(numbers, stored_bytes(demo_server.database_url)) == set()
    logged = capfd.readouterr().err
    assert '"event": "request"' in logged
    assert readable(numbers, logged.encode()) == set()


def test_it_says_what_was_expected_and_what_came(demo_server: DemoServer) -> None:
    code, printed = play(demo_server, read_code=lambda phone: "12345")
    assert code == 1
    assert "Wrong answer" in printed
    assert "expected: " in printed
    assert "came: " in printed
    assert "every answer" not in printed


def test_it_says_that_a_server_has_no_demo(empty_server: DemoServer) -> None:
    code, printed = play(empty_server)
    assert code == 1
    assert "is this a server that `dingkao demo` made?" in printed
    assert "WRONG_CREDENTIALS" in printed


def test_no_server_is_the_callers_matter() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(httpx.TransportError):
        run_tour(f"http://127.0.0.1:{port}", [], read_code=lambda phone: "", console=Console(file=StringIO()))


def test_it_says_that_the_outbox_is_another_servers(demo_server: DemoServer, tmp_path: Path) -> None:
    code, printed = play(demo_server, read_code=outbox_reader(f"sqlite:///{tmp_path}/other.db"))
    assert code == 1
    assert "The tour cannot go on" in printed
    assert "DINGKAO_DATABASE_URL" in printed
    assert not (tmp_path / "other.db").exists()


def test_two_files_of_one_subject_are_refused_before_anything_is_played(
    demo_server: DemoServer, tmp_path: Path
) -> None:
    files = [write_questions(tmp_path / f"{name}.csv", "人文", 20) for name in ("legal", "moral")]
    code, printed = play(demo_server, *files)
    assert code == 1
    assert "has the subject HUMANITIES already" in printed
    assert "LogIn" not in printed


def test_a_database_password_is_not_printed() -> None:
    shown = address_without_login("postgresql://someone:secret-word@db.example:5432/dingkao")
    assert shown == "postgresql://db.example:5432/dingkao"
    assert address_without_login("sqlite:///var/dingkao.db") == "sqlite:///var/dingkao.db"


def test_files_find_their_subjects_by_name_and_then_by_order(tmp_path: Path) -> None:
    clinical = write_questions(tmp_path / "clinical_knowledge.csv", "专业", 3)
    legal = write_questions(tmp_path / "legal_and_moral_basis.csv", "人文", 3)
    other = write_questions(tmp_path / "bank.csv", "其他", 3)
    assert {subject: bank.name for subject, bank in banks_of([clinical, legal]).items()} == {
        PROFESSIONAL: "clinical_knowledge.csv",
        HUMANITIES: "legal_and_moral_basis.csv",
    }
    assert list(banks_of([other])) == [HUMANITIES]
    assert banks_of([legal, other])[PROFESSIONAL].name == "bank.csv"
    with pytest.raises(ValueError, match="two subjects"):
        banks_of([clinical, legal, other])


def test_right_answers_are_found_by_text_whatever_the_order() -> None:
    names = QuestionColumns()
    header = ",".join([names.stem, *names.options, names.answer])
    bank = read_bank(HUMANITIES, "made up", f"{header}\n题　干,甲,乙,丙,丁,B\n")
    assert bank.right_option("题 干", ["丁", "丙", "乙", "甲"]) == "乙"
    with pytest.raises(NoAnswer):
        bank.right_option("题 干", ["丁", "丙", "乙", "戊"])


def test_the_demos_own_questions_make_a_paper_of_each_subject() -> None:
    assert all(len(bank.answers) >= 20 for bank in demo_banks().values())
