"""Importing questions into the bank, on both databases."""

import asyncio
from time import process_time
from typing import Any

import pytest

from dingkao.audit.tables import AuditEntry
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.db.counting import count_queries
from dingkao.db.database import is_postgresql
from dingkao.environment import Environment
from dingkao.papers.approval import approve_import, approve_questions, retire_questions
from dingkao.papers.bank import QuestionReport, bank_size, import_questions
from dingkao.papers.bank_lists import export_questions, list_questions
from dingkao.papers.tables import Question
from dingkao.papers.vocabulary import QuestionState
from dingkao.plugin.errors import NotEligible, ValidationFailed
from dingkao.plugin.vocabulary import PaperSubject
from dingkao.testing.refusals import refused_access, refused_fields, refused_state
from dingkao.testing.sample import REGION_CODE, SampleProvince, build_sample

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
    bank = {"region_code": REGION_CODE, **options}
    return await import_questions(province.environment, SYSTEM_CALLER, HUMANITIES, text, **bank)


async def bank() -> dict[str, tuple[str, bool]]:
    """Stem → (answer, in use) of the newest version."""
    rows = await Question.select(Question.stem, Question.answer, Question.state).order_by(Question.id)
    return {found["stem"]: (found["answer"], found["state"] == "APPROVED") for found in rows}


async def test_questions_are_kept_as_they_were_written(province: SampleProvince) -> None:
    text = written(["0", "“䶮”字\n读音？", "yǎn", "lóng", "tiān", "", "A"])
    report = await take(province, text, source="示范题库")
    assert (report.lines, report.imported, report.refused, report.retired) == (1, 1, (), 0)
    (question,) = await Question.objects()
    assert (question.stem, question.answer, question.source) == ("“䶮”字\n读音？", "A", "示范题库")
    assert question.options == (
        '[{"key": "A", "text": "yǎn"}, {"key": "B", "text": "lóng"}, {"key": "C", "text": "tiān"}]'
    )
    assert (question.state, question.created_at) == ("APPROVED", province.environment.clock.now())
    assert (question.type, question.version, question.code) == ("A1", 1, question.digest[:24])
    assert (question.category, question.difficulty, question.author) == ("MEDICAL_HUMANITIES", None, None)
    entry = await AuditEntry.objects().get(AuditEntry.action == "IMPORT_QUESTIONS")
    region = province.region_id
    assert entry.detail == (
        f'{{"draft": false, "imported": 1, "refused": 0, "region": {region}, "retired": 0, "subject": "HUMANITIES"}}'
    )
    assert entry.role == "SYSTEM"


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
    other = await import_questions(province.environment, SYSTEM_CALLER, PaperSubject.PROFESSIONAL, file(2, answer="B"))
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
    # On PostgreSQL, whose statements are the same, a tenth of them shows as much.
    number = 5_000 if is_postgresql() else 50_000
    heard: list[tuple[int, int]] = []
    text = file(*range(number))
    with count_queries() as queries:
        begun = process_time()
        report = await take(province, text, progress=lambda done, total: heard.append((done, total)))
        spent = process_time() - begun
    assert report.imported == number
    assert len(queries) <= 10 + number // 1000
    # A second or three on two cores; an object or a statement for each row takes a minute.
    assert spent < 20
    assert heard == sorted(heard)
    assert heard[-1][0] == heard[-1][1]
    assert await bank_size(province.authority, HUMANITIES) == number


@pytest.mark.skipif(not OTHER_BANKS, reason=NO_BANKS)
async def test_banks_of_others_come_in_whole(province: SampleProvince) -> None:
    for path in OTHER_BANKS:
        text = path.read_text(encoding="utf-8")
        report = await take(province, text, source=path.name)
        assert (report.refused, report.imported, report.remarks) == ((), report.lines, ())
        assert await Question.count().where(Question.source == path.name) == report.lines > 0


HEAD = "Question,A,B,C,D,E,Answer,Type,Code,Category,Specialty,Topic,Difficulty,Source,Group,Shared\n"


def detailed(stem: str, answer: str = "A", **details: str) -> str:
    names = ("type", "code", "category", "specialty", "topic", "difficulty", "source", "group", "shared")
    options = [details.get(letter, f"{stem}{letter}") for letter in "ABCDE"]
    return ",".join([stem, *options, answer, *(details.get(name, "") for name in names)]) + "\n"


async def versions(code: str) -> list[tuple[int, str, str]]:
    """(version, answer, state) of one question."""
    rows = await Question.select(Question.version, Question.answer, Question.state).where(Question.code == code)
    return sorted((row["version"], row["answer"], row["state"]) for row in rows)


async def test_a_change_is_a_new_version(province: SampleProvince) -> None:
    first = HEAD + detailed("甲题", code="Q1") + detailed("乙题", code="Q2")
    await take(province, first)
    # Unchanged, changed in its answer, changed in its text, changed in what is told of it.
    report = await take(province, first)
    assert (report.imported, report.unchanged, report.refused) == (0, 2, ())
    assert (await take(province, HEAD + detailed("甲题", "B", code="Q1"))).imported == 1
    assert (await take(province, HEAD + detailed("甲题改", "B", code="Q1"))).imported == 1
    assert (await take(province, HEAD + detailed("甲题改", "B", code="Q1", difficulty="难"))).imported == 1
    assert await versions("Q1") == [(1, "A", "RETIRED"), (2, "B", "RETIRED"), (3, "B", "RETIRED"), (4, "B", "APPROVED")]
    # An old text does not come back behind the new one's back.
    report = await take(province, HEAD + detailed("甲题"))
    assert [entry.code for entry in report.refused] == ["OLDER_VERSION"]
    assert (await take(province, HEAD + detailed("新题", code="Q1") + detailed("新题二", code="Q1"))).refused[
        0
    ].code == "CODE_IN_FILE"
    assert await bank_size(province.authority, HUMANITIES) == 2


async def test_all_that_is_told_of_a_question_is_kept(province: SampleProvince) -> None:
    text = HEAD + detailed(
        "多选", "CA", type="X型题", code="X1", category="临床", specialty="内科专业", topic="传染病", difficulty="中",
        source="教材",
    )  # fmt: skip
    await import_questions(province.environment, SYSTEM_CALLER, PaperSubject.PROFESSIONAL, text)
    (question,) = await Question.objects()
    assert (question.type, question.answer, question.category, question.difficulty) == ("X", "AC", "CLINICAL", "MEDIUM")
    assert (question.specialty, question.topic, question.source, question.code) == ("内科专业", "传染病", "教材", "X1")


async def test_officers_need_another_officer(province: SampleProvince) -> None:
    author, other = province.authority, province.second_authority
    environment = province.environment
    await take(province, HEAD + detailed("甲题", code="Q1"))
    report = await import_questions(
        environment, author, HUMANITIES, HEAD + detailed("甲题改", "C", code="Q1") + detailed("丙题", code="Q3")
    )
    assert (report.imported, report.waiting) == (2, True)
    assert await versions("Q1") == [(1, "A", "APPROVED"), (2, "C", "DRAFT")]
    # While one draft waits, there is no other of the question.
    again = await take(province, HEAD + detailed("甲题又改", code="Q1"))
    assert [entry.code for entry in again.refused] == ["DRAFT_WAITING"]
    assert report.batch is not None
    with pytest.raises(NotEligible) as refusal:
        await approve_import(environment, author, report.batch)
    assert [reason.code for reason in refusal.value.reasons] == ["OWN_QUESTION"]
    drafts = await list_questions(other, HUMANITIES, QuestionState.DRAFT, after=0, limit=10)
    assert [draft.question.stem for draft in drafts] == ["甲题改", "丙题"]
    assert await approve_questions(environment, other, [drafts[0].id]) == 1
    assert await versions("Q1") == [(1, "A", "RETIRED"), (2, "C", "APPROVED")]
    assert (await refused_state(approve_questions(environment, other, [drafts[0].id])))[0] == "NOTHING_WAITS"
    assert await approve_import(environment, other, report.batch) == (1, 0)
    assert await versions("Q3") == [(1, "A", "APPROVED")]
    rows = await Question.select(Question.author, Question.approver).where(Question.state == "APPROVED")
    assert {(row["author"], row["approver"]) for row in rows} == {(author.account_id, other.account_id)}
    for caller, code in ((province.body, "FORBIDDEN"), (None, "UNAUTHENTICATED")):
        assert await refused_access(approve_import(environment, caller, report.batch)) == code
        assert await refused_access(approve_questions(environment, caller, [1])) == code
        assert await refused_access(retire_questions(environment, caller, [1], "有误")) == code
        assert await refused_access(list_questions(caller, HUMANITIES, QuestionState.DRAFT, after=0, limit=1)) == code
        assert await refused_access(export_questions(environment, caller, HUMANITIES)) == code


async def test_two_drafts_of_one_text_do_not_both_come_into_use(province: SampleProvince) -> None:
    environment = province.environment
    first = await import_questions(environment, province.authority, HUMANITIES, HEAD + detailed("同题", code="A1"))
    second = await import_questions(environment, province.authority, HUMANITIES, HEAD + detailed("同题", code="A2"))
    assert first.batch
    assert second.batch
    assert await approve_import(environment, province.second_authority, first.batch) == (1, 0)
    refusal = await refused_state(approve_import(environment, province.second_authority, second.batch))
    assert refusal[0] == "TWIN_IN_USE"
    assert await versions("A2") == [(1, "A", "DRAFT")]


async def test_questions_are_taken_out_of_use_with_a_reason(province: SampleProvince) -> None:
    environment, officer = province.environment, province.authority
    await take(province, file(1, 2))
    ids = [row["id"] for row in await Question.select(Question.id).order_by(Question.id)]
    assert await refused_fields(retire_questions(environment, officer, ids, " ")) == [("reason", "REASON_MISSING")]
    assert await refused_fields(retire_questions(environment, officer, [], "有误")) == [("ids", "NUMBER_OF_QUESTIONS")]
    assert await refused_access(retire_questions(environment, officer, [*ids, 99], "有误")) == "NOT_FOUND"
    assert await retire_questions(environment, officer, ids[:1], "有误") == 1
    assert (await refused_state(retire_questions(environment, officer, ids, "有误")))[0] == "ALREADY_RETIRED"
    assert await bank() == {"第1题": ("A", False), "第2题": ("A", True)}


async def test_groups_come_whole_or_not_at_all(province: SampleProvince) -> None:
    shared = {letter: f"{letter}药" for letter in "ABCDE"}
    group = (
        detailed("甲", "A", type="B1", code="B-1", group="g", **shared)
        + detailed("乙", "B", type="B1", code="B-2", group="g", **shared)
    )  # fmt: skip
    case = {"type": "A3", "group": "c", "shared": "男，45岁，胸痛2小时。"}
    text = HEAD + group + detailed("首选检查", code="C-1", **case) + detailed("诊断", "B", code="C-2", **case)
    assert (await take(province, text)).imported == 4
    rows = await Question.select(Question.code, Question.question_group, Question.group_position).order_by(Question.id)
    assert [tuple(row.values()) for row in rows] == [("B-1", "g", 1), ("B-2", "g", 2), ("C-1", "c", 1), ("C-2", "c", 2)]
    exported = await export_questions(province.environment, province.authority, HUMANITIES)
    assert [question.code for question in exported] == ["B-1", "B-2", "C-1", "C-2"]
    # One of a group is changed: the group stays one.
    changed = HEAD + group.replace("乙", "乙改")
    report = await take(province, changed)
    assert (report.imported, report.unchanged, report.refused) == (1, 1, ())
    assert (await versions("B-2"))[-1] == (2, "B", "APPROVED")
    exported = await export_questions(province.environment, province.authority, HUMANITIES)
    assert [question.code for question in exported if question.group == "g"] == ["B-1", "B-2"]
    # Another file's group of the same name is another group; what is torn stays out.
    other = HEAD + detailed("丙", type="B1", group="g", **shared) + detailed("丁", type="B1", group="g", **shared)
    assert (await take(province, other)).imported == 2
    names = {row["question_group"] for row in await Question.select(Question.question_group)}
    assert len(names) == 3
    torn = HEAD + detailed("戊", type="B1", group="h", **shared) + detailed("己", "F", type="B1", group="h", **shared)
    report = await take(province, torn, skip_bad=True)
    assert (report.imported, sorted(entry.code for entry in report.refused)) == (0, ["ANSWER_NO_OPTION", "GROUP_SIZE"])


async def test_a_group_is_for_the_same_doctors(province: SampleProvince) -> None:
    case = {"type": "A3", "group": "c", "shared": "男，45岁，胸痛2小时。"}
    first, dental = detailed("首选检查", code="C-1", **case), detailed("诊断", code="C-2", category="口腔", **case)
    report = await take(province, HEAD + first + dental, skip_bad=True)
    assert [(entry.line, entry.code) for entry in report.refused] == [(2, "GROUP_MIXED"), (3, "GROUP_MIXED")]
    assert "本题为MEDICAL_HUMANITIES，第3行为DENTAL" in report.refused[0].text.zh
    assert report.imported == 0
    # Also where a file brings a part of a group that the bank holds.
    three = [detailed(f"第{number}问", code=f"C-{number}", specialty="内科专业", **case) for number in (1, 2, 3)]
    assert (await take(province, HEAD + "".join(three))).imported == 3
    changed = HEAD + "".join(three[:2]).replace("内科专业", "外科专业")
    report = await take(province, changed)
    assert [(entry.line, entry.code, report.imported) for entry in report.refused] == [
        (2, "GROUP_MIXED", 0), (3, "GROUP_MIXED", 0),
    ]  # fmt: skip
    assert "题库中的C-3为MEDICAL_HUMANITIES/内科专业" in report.refused[0].text.zh
    assert (await take(province, changed, replace=True)).imported == 2


async def test_a_draft_that_would_tear_a_group_is_not_approved(province: SampleProvince) -> None:
    case = {"type": "A3", "group": "c", "shared": "男，45岁，胸痛2小时。"}
    text = HEAD + "".join(detailed(f"第{number}问", code=f"C-{number}", **case) for number in (1, 2, 3))
    await take(province, text)
    # All three are to be for surgeons; the approver takes two of them.
    await take(province, text.replace("第", "外科第"), draft=True)
    drafts = Question.state == QuestionState.DRAFT.value
    await Question.update({Question.specialty: "外科专业"}).where(drafts)
    ids = [row["id"] for row in await Question.select(Question.id).where(drafts).order_by(Question.id)]
    refused = approve_questions(province.environment, province.authority, ids[:2])
    assert await refused_state(refused) == ("GROUP_MIXED", "DRAFT")
    assert await approve_questions(province.environment, province.authority, ids) == 3


async def test_unusual_numbers_of_options_are_told_and_taken(province: SampleProvince) -> None:
    def asked(number: int, options: int, kind: str) -> str:
        empty = dict.fromkeys("ABCDE"[options:], "")
        return detailed(f"第{number}题", "AB" if kind == "X" else "A", type=kind, **empty)

    kinds = [(4, "A1"), (3, "A1"), (5, "A2"), (2, "A2"), (3, "A1"), (3, "X"), (2, "TRUE_FALSE")]
    text = HEAD + "".join(asked(number, *kind) for number, kind in enumerate(kinds))
    report = await take(province, text)
    assert (report.imported, report.refused) == (len(kinds), ())
    assert [(remark.line, remark.code) for remark in report.remarks] == [
        (line, "OPTIONS_UNUSUAL") for line in (3, 5, 7)
    ]
    assert report.remarks[0].text.zh.startswith("有2道A1型题为3个选项")
    assert (await take(province, file(1))).remarks == ()
