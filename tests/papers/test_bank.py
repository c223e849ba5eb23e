"""Importing questions into the bank, on both databases."""

import asyncio
from time import process_time
from typing import Any

import pytest

from dingkao.audit.tables import AuditEntry
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.db.counting import count_queries
from dingkao.environment import Environment
from dingkao.papers.bank import QuestionReport, bank_size, import_questions
from dingkao.papers.tables import Question
from dingkao.plugin.errors import ValidationFailed
from dingkao.plugin.vocabulary import PaperSubject
from dingkao.testing.refusals import refused_access, refused_fields
from dingkao.testing.sample import SampleProvince, build_sample

from .test_question_file import NO_BANKS, OTHER_BANKS, written

HUMANITIES = PaperSubject.HUMANITIES


@pytest.fixture
async def province(environment: Environment) -> SampleProvince:
    return await build_sample(environment)


def row(number: int, answer: str = "A") -> list[str]:
    return [str(number), f"第{number}题", f"甲{number}", f"乙{number}", f"丙{number}", f"丁{number}", answer]


def file(*numbers: int, answer: str = "A") -> str:
    return written(*(row(number, answer) for number in numbers))


async def take(province: SampleProvince, text: str, **options: Any) -> QuestionReport:
    return await import_questions(province.environment, province.authority, HUMANITIES, text, **options)


async def bank() -> dict[str, tuple[str, bool]]:
    """Stem → (answer, in use)."""
    rows = await Question.select(Question.stem, Question.answer, Question.retired).order_by(Question.id)
    return {found["stem"]: (found["answer"], not found["retired"]) for found in rows}


async def test_questions_are_kept_as_they_were_written(province: SampleProvince) -> None:
    text = written(["0", "“䶮”字\n读音？", "yǎn", "lóng", "tiān", "", "A"])
    report = await take(province, text, source="示范题库")
    assert (report.lines, report.imported, report.refused, report.retired) == (1, 1, (), 0)
    (question,) = await Question.objects()
    assert (question.stem, question.answer, question.source) == ("“䶮”字\n读音？", "A", "示范题库")
    assert question.options == (
        '[{"key": "A", "text": "yǎn"}, {"key": "B", "text": "lóng"}, {"key": "C", "text": "tiān"}]'
    )
    assert (question.retired, question.created_at) == (False, province.environment.clock.now())
    entry = await AuditEntry.objects().get(AuditEntry.action == "IMPORT_QUESTIONS")
    assert entry.detail == '{"imported": 1, "refused": 0, "retired": 0, "subject": "HUMANITIES"}'
    assert (entry.role, entry.organisation) == ("AUTHORITY_OFFICER", province.authority_id)


async def test_one_bad_line_keeps_everything_out_unless_it_is_skipped(province: SampleProvince) -> None:
    text = written(row(1), row(2, "E"), row(3), row(1))
    report = await take(province, text)
    assert [(entry.line, entry.code) for entry in report.refused] == [
        (3, "ANSWER_NO_OPTION"),
        (5, "DUPLICATE_IN_FILE"),
    ]
    assert (report.lines, report.imported, report.refused_lines) == (4, 0, 2)
    assert await bank() == {}
    report = await take(province, text, skip_bad=True)
    assert (report.lines, report.imported, report.refused_lines) == (4, 2, 2)
    assert list(await bank()) == ["第1题", "第3题"]


async def test_what_is_in_use_already_is_refused(province: SampleProvince) -> None:
    await take(province, file(1, 2))
    report = await take(province, file(2, 3, answer="B"))
    assert [(entry.line, entry.code) for entry in report.refused] == [(2, "DUPLICATE")]
    assert await bank() == {"第1题": ("A", True), "第2题": ("A", True)}
    # Another subject's bank is another bank.
    other = await import_questions(
        province.environment, province.authority, PaperSubject.PROFESSIONAL, file(2, answer="B")
    )
    assert other.imported == 1


async def test_replacing_retires_what_the_file_does_not_bring_back(province: SampleProvince) -> None:
    await take(province, file(1, 2, 3))
    report = await take(province, file(3, 4, answer="B"), replace=True, source="新版")
    assert (report.imported, report.retired, report.refused) == (2, 2, ())
    assert await bank() == {
        "第1题": ("A", False),
        "第2题": ("A", False),
        "第3题": ("B", True),
        "第4题": ("B", True),
    }
    assert await bank_size(province.authority, HUMANITIES) == 2
    # What was retired comes back by an ordinary import.
    assert (await take(province, file(1, answer="C"))).imported == 1
    assert (await bank())["第1题"] == ("C", True)


@pytest.mark.parametrize("skip_bad", [False, True])
async def test_a_file_without_a_good_line_replaces_nothing(province: SampleProvince, skip_bad: bool) -> None:
    await take(province, file(1, 2))
    for text in (file(), file(5, answer="E")):
        report = await take(province, text, replace=True, skip_bad=skip_bad)
        assert (report.imported, report.retired) == (0, 0)
    assert await bank_size(province.authority, HUMANITIES) == 2


async def test_only_the_authority_and_the_system_import(province: SampleProvince) -> None:
    doctor = await province.add_doctor()
    for caller, code in (
        (None, "UNAUTHENTICATED"),
        (doctor.caller, "FORBIDDEN"),
        (province.institution, "FORBIDDEN"),
        (province.body, "FORBIDDEN"),
    ):
        assert await refused_access(import_questions(province.environment, caller, HUMANITIES, file(1))) == code
        assert await refused_access(bank_size(caller, HUMANITIES)) == code
    report = await import_questions(province.environment, SYSTEM_CALLER, HUMANITIES, file(1))
    assert report.imported == 1


async def test_a_source_that_cannot_be_kept_is_refused(province: SampleProvince) -> None:
    for source in ("长" * 121, "两\n行", "\ud800"):
        assert await refused_fields(take(province, file(1), source=source)) == [("source", "SOURCE_NOT_POSSIBLE")]
    with pytest.raises(ValidationFailed, match="no column Question"):
        await take(province, "题干,A,B,C,D,答案\n")
    assert await bank() == {}


async def test_two_imports_at_once_bring_each_question_once(province: SampleProvince) -> None:
    reports = await asyncio.gather(*(take(province, file(*range(40)), skip_bad=True) for _ in range(3)))
    assert sorted(report.imported for report in reports) == [0, 0, 40]
    assert sorted(report.refused_lines for report in reports) == [0, 40, 40]
    assert await bank_size(province.authority, HUMANITIES) == 40


async def test_a_failing_import_changes_nothing(province: SampleProvince) -> None:
    await take(province, file(1, 2))

    def stop(done: int, total: int) -> None:
        if done == total:
            return
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await take(province, file(3, 4), replace=True, progress=stop)
    assert await bank() == {"第1题": ("A", True), "第2题": ("A", True)}


async def test_fifty_thousand_questions_come_in_quickly(province: SampleProvince) -> None:
    heard: list[tuple[int, int]] = []
    text = file(*range(50_000))
    with count_queries() as queries:
        begun = process_time()
        report = await take(province, text, progress=lambda done, total: heard.append((done, total)))
        spent = process_time() - begun
    assert report.imported == 50_000
    assert len(queries) < 60
    # A second or three on two cores; an object or a statement for each row takes a minute.
    assert spent < 20
    assert heard == sorted(heard)
    assert heard[-1][0] == heard[-1][1]
    assert await bank_size(province.authority, HUMANITIES) == 50_000


@pytest.mark.skipif(not OTHER_BANKS, reason=NO_BANKS)
async def test_banks_of_others_come_in_whole(province: SampleProvince) -> None:
    for path in OTHER_BANKS:
        text = path.read_text(encoding="utf-8")
        report = await take(province, text, source=path.name)
        assert (report.refused, report.imported) == ((), report.lines)
        assert await Question.count().where(Question.source == path.name) == report.lines > 0
