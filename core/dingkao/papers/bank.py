"""The question bank (题库): importing questions, all or nothing unless asked otherwise."""

import asyncio
import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from piccolo.columns.combination import WhereRaw
from piccolo.querystring import QueryString

from dingkao.access.rules import Kind, require_sight
from dingkao.audit.work import UnitOfWork, begin, logged_in
from dingkao.db.database import fetch, is_postgresql
from dingkao.db.statement import Parameters, Statement
from dingkao.environment import Environment
from dingkao.papers.bank_plan import HeldVersion, NewVersion, Plan, plan_import, words_of
from dingkao.papers.bank_regions import chosen_bank, readable_banks, require_banks
from dingkao.papers.picture_store import pictures_json, pictures_of, placed_pictures
from dingkao.papers.question_file import QuestionColumns, read_questions
from dingkao.papers.question_groups import HeldMember, check_groups, free_group_names, without_mixed_groups
from dingkao.papers.question_remarks import QuestionRemark, remarks_on
from dingkao.papers.questions import SOURCE_MAXIMUM, Checked, NewQuestion, RefusedQuestion
from dingkao.papers.tables import Question, QuestionImport
from dingkao.papers.vocabulary import QuestionState
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import PaperSubject, QuestionCategory, Role

BATCH = 1000
# Who brings questions; the system is the machine's operator.
AUTHORS = (Role.BANK_AUTHOR, Role.SYSTEM)

Progress = Callable[[int, int], None]


def _of_bank(p: Any) -> WhereRaw:
    return WhereRaw('COALESCE("question"."region", 0) = {}', p.bank)


_held = Statement(
    lambda p: Question.select(
        Question.code, Question.version, Question.state, Question.digest, Question.answer, Question.type,
        Question.category, Question.specialty, Question.topic, Question.difficulty, Question.pictures,
    ).where((Question.subject == p.subject) & _of_bank(p)).order_by(Question.id)
)  # fmt: skip
_groups = Statement(
    lambda p: QueryString(
        "SELECT question_group, code, COALESCE(category, '') AS category, specialty FROM question "
        "WHERE subject = {} AND COALESCE(region, 0) = {} "
        "AND question_group <> '' AND state <> 'RETIRED'",
        p.subject,
        p.bank,
    )
)
_retire_approved = Statement(
    lambda p: QueryString(
        "UPDATE question SET state = 'RETIRED' WHERE subject = {} AND COALESCE(region, 0) = {} "
        "AND state = 'APPROVED' RETURNING code",
        p.subject,
        p.bank,
    )
)
_bump = Statement(
    lambda p: QueryString(
        "INSERT INTO question_bank (subject, region, revision) VALUES ({}, {}, 1) "
        "ON CONFLICT (COALESCE(region, 0), subject) DO UPDATE SET revision = question_bank.revision + 1",
        p.subject,
        p.region,
    )
)
_sizes = Statement(
    lambda p: QueryString(
        "SELECT region, COUNT(*) AS number FROM question WHERE subject = {} AND state = 'APPROVED' GROUP BY region",
        p.subject,
    )
)
# The columns that differ from question to question, in the order in which they are sent, with their types.
_SENT = {"code": "varchar", "version": "integer", "type": "varchar", "category": "varchar", "specialty": "varchar",
         "topic": "varchar", "difficulty": "varchar", "question_group": "varchar", "group_position": "integer",
         "shared": "text", "stem": "text", "options": "text", "answer": "varchar", "source": "varchar",
         "digest": "varchar", "pictures": "text"}  # fmt: skip


def _put_query(parameters: Parameters) -> QueryString:
    # One parameter for a thousand questions: no limit of parameters, and one text for every length.
    if is_postgresql():
        items = ", ".join(f"(item->>{place})::{kind}" for place, kind in enumerate(_SENT.values()))
        constants = "{}::varchar, {}::bigint, {}::varchar, {}::bigint, {}::bigint, {}::timestamptz, {}::timestamptz"
        source = f"SELECT {constants}, {items} FROM json_array_elements({{}}::json) AS item"  # noqa: S608 - our own names
    else:
        items = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(_SENT)))
        source = f"SELECT {{}}, {{}}, {{}}, {{}}, {{}}, {{}}, {{}}, {items} FROM json_each({{}})"  # noqa: S608
    names = ", ".join(["subject", "region", "state", "batch", "author", "created_at", "approved_at", *_SENT])
    return QueryString(
        f"INSERT INTO question ({names}) {source}",
        parameters.subject,
        parameters.region,
        parameters.state,
        parameters.batch,
        parameters.author,
        parameters.now,
        parameters.approved_at,
        parameters.questions,
    )


_put = Statement(_put_query)


def _retire_codes_query(parameters: Parameters) -> QueryString:
    codes = "SELECT value FROM json_each({})"
    if is_postgresql():
        codes = "SELECT json_array_elements_text({}::json)"
    return QueryString(
        "UPDATE question SET state = 'RETIRED' WHERE subject = {} AND COALESCE(region, 0) = {} "  # noqa: S608
        f"AND state = {{}} AND code IN ({codes})",
        parameters.subject,
        parameters.bank,
        parameters.state,
        parameters.codes,
    )


_retire_codes = Statement(_retire_codes_query)


@dataclass(frozen=True, slots=True)
class QuestionReport:
    """What an import did. `imported` is 0 where it was all or nothing and a line was refused; `retired` counts the
    questions that `replace` took out of use and that the file did not bring back; `unchanged` those that the
    bank holds just so under the codes that the file gives; `batch` is the import's key, where
    there was one; `waiting`: an approver has to take it into use; `remarks`: what is doubtful in what was taken."""

    lines: int
    imported: int
    refused: tuple[RefusedQuestion, ...]
    retired: int
    unchanged: int = 0
    batch: int | None = None
    waiting: bool = False
    remarks: tuple[QuestionRemark, ...] = ()

    @property
    def refused_lines(self) -> int:
        """How many lines were refused; one may have several reasons."""
        return len({entry.line for entry in self.refused})


async def import_questions(
    environment: Environment,
    caller: Caller | None,
    subject: PaperSubject,
    text: str,
    *,
    columns: QuestionColumns | None = None,
    source: str = "",
    category: QuestionCategory | None = None,
    replace: bool = False,
    skip_bad: bool = False,
    draft: bool = False,
    region_code: str | None = None,
    progress: Progress = lambda done, total: None,
) -> QuestionReport:
    """Import the questions of a CSV file (`text`) for one subject: `import_read` with what the file holds.

    Raises ValidationFailed for a file of another form.
    """
    require_sight(logged_in(caller), Kind.BANK, *AUTHORS)
    return await import_read(
        environment,
        caller,
        subject,
        read_questions(text, columns or QuestionColumns()),
        text.count("\n") + 1,
        source=source,
        category=category,
        replace=replace,
        skip_bad=skip_bad,
        draft=draft,
        region_code=region_code,
        progress=progress,
    )


async def import_read(
    environment: Environment,
    caller: Caller | None,
    subject: PaperSubject,
    read: Iterable[Checked],
    total: int,
    *,
    source: str = "",
    category: QuestionCategory | None = None,
    replace: bool = False,
    skip_bad: bool = False,
    draft: bool = False,
    region_code: str | None = None,
    progress: Progress = lambda done, total: None,
) -> QuestionReport:
    """Bring what a file holds (`read`, about `total` lines) into the bank of one subject: the bank of the region with
    that code, or else of the caller's own region; of the nation where the role is held at no organisation.

    By an author all of it comes as drafts, for an approver who is another person (编写、审定不得为同一人); by the
    system, which the machine's operator is, it is in use at once, unless `draft`. `replace`: everything that was in use
    before retires when this comes into use. `source` and `category` are of those questions that name none.

    A question that is in use already is refused as DUPLICATE (unless `replace`); one whose code the bank knows becomes
    its new version; one that was retired comes back. Every refused line is reported; where one was, nothing is
    imported, unless `skip_bad`. Attempts keep the versions they were begun with. `progress` hears of steps done and
    their number. Raises ValidationFailed, Forbidden, NotFound (no such region within reach), NotLoggedIn,
    FirstLoginOpen.
    """
    _, region = await chosen_bank(logged_in(caller), region_code, *AUTHORS)
    _check_source(source)
    # Reading is half of the work, writing the other. In a thread: tens of thousands of questions take seconds.
    taken, refused = await asyncio.to_thread(_read, read, category or _own_category(subject), progress, total)
    lines = len(taken) + len({entry.line for entry in refused})
    wanted = taken if skip_bad or not refused else []
    async with placed_pictures(environment, wanted) as pictures, begin(environment, caller) as work:
        work.acting = await require_banks(work.caller, [region], *AUTHORS)
        draft = draft or work.acting.role is not Role.SYSTEM
        await lock_bank()
        bank = {"subject": subject.value, "bank": region or 0}
        held = await _held.run(**bank)
        plan = await asyncio.to_thread(_plan, taken, held, replaces=replace)
        held_groups: list[HeldMember] = []
        if any(version.question.group for version in plan.versions):
            held_groups = [
                HeldMember(row["question_group"], row["code"], row["category"], row["specialty"])
                for row in await _groups.run(**bank)
            ]
        if not replace:
            plan = without_mixed_groups(plan, held_groups)
        refused = sorted(refused + plan.refused, key=lambda entry: entry.line)
        good = plan.versions if skip_bad or not refused else []
        batch, retired = None, 0
        if good:
            batch = await _insert_batch(work, subject, region, source, replace, len(good), draft)
            await _retire_codes.run(**bank, state="DRAFT", codes=json.dumps(plan.superseded_drafts, ensure_ascii=False))
            if not draft:
                retired = await retire_before(subject, region, [version.code for version in good], everything=replace)
            groups = free_group_names(good, held_groups, batch)
            keys = await pictures.adopt(work.now, [version.question for version in good])
            for start in range(0, len(good), BATCH):
                sent = [_values(version, source, groups, keys) for version in good[start : start + BATCH]]
                await _put.run(
                    subject=subject.value,
                    region=region,
                    state=QuestionState.DRAFT.value if draft else QuestionState.APPROVED.value,
                    batch=batch,
                    author=work.caller.account_id or None,
                    now=work.now,
                    approved_at=None if draft else work.now,
                    questions=json.dumps(sent, ensure_ascii=False),
                )
                progress(total + total * start // len(good), 2 * total)
            if not draft:
                await bank_changed(subject, region)
        remarks = tuple(remarks_on(version.question for version in good))
        report = QuestionReport(
            lines, len(good), tuple(refused), retired, plan.unchanged, batch, bool(good) and draft, remarks
        )
        detail = {"subject": subject.value, "region": region, "imported": report.imported, "retired": retired}
        detail |= {"refused": report.refused_lines, "draft": draft}
        await work.record("IMPORT_QUESTIONS", "QuestionImport", batch, detail)
    progress(2 * total, 2 * total)
    return report


async def lock_bank() -> None:
    """Let another change of the bank wait until this one is done; drawing papers goes on."""
    if is_postgresql():
        await fetch("LOCK TABLE question IN SHARE ROW EXCLUSIVE MODE")


async def bank_changed(subject: PaperSubject, region: int | None) -> None:
    """Tell every server that what papers are drawn from has changed in a region's bank."""
    await _bump.run(subject=subject.value, region=region)


async def retire_before(subject: PaperSubject, region: int | None, codes: Sequence[str], *, everything: bool) -> int:
    """Take out of use what versions of these codes take the place of in a bank, or `everything` in it; returns how
    many questions are not in use any more when the new versions are."""
    bank = {"subject": subject.value, "bank": region or 0}
    if everything:
        gone = {row["code"] for row in await _retire_approved.run(**bank)}
        return len(gone - set(codes))
    await _retire_codes.run(**bank, state="APPROVED", codes=json.dumps(codes, ensure_ascii=False))
    return 0


def _check_source(source: str) -> None:
    if len(source) > SOURCE_MAXIMUM or not source.isprintable():
        text = Text(
            f"来源不得超过{SOURCE_MAXIMUM}字，且不得含有控制字符。",
            f"The source has at most {SOURCE_MAXIMUM} characters and no control characters.",
        )
        raise ValidationFailed([FieldProblem("source", "SOURCE_NOT_POSSIBLE", text)])


def _own_category(subject: PaperSubject) -> QuestionCategory | None:
    return QuestionCategory.MEDICAL_HUMANITIES if subject is PaperSubject.HUMANITIES else None


def _plan(taken: Sequence[NewQuestion], held: Sequence[Any], *, replaces: bool) -> Plan:
    return plan_import(taken, [_version(row) for row in held], replaces=replaces)


def _version(row: Any) -> HeldVersion:
    words = words_of(pictures_of(row["pictures"]))
    details = (row["type"], row["category"] or "", row["specialty"], row["topic"], row["difficulty"] or "", *words)
    return HeldVersion(row["code"], row["version"], QuestionState(row["state"]), row["digest"], row["answer"], details)


def _read(
    read: Iterable[Checked], category: QuestionCategory | None, progress: Progress, total: int
) -> tuple[list[NewQuestion], list[RefusedQuestion]]:
    taken: list[NewQuestion] = []
    refused: list[RefusedQuestion] = []
    lines: dict[str, int] = {}
    for number, entry in enumerate(read, 1):
        if isinstance(entry, NewQuestion):
            first = lines.setdefault(entry.digest, entry.line)
            if first != entry.line:
                twice = Text(f"与第{first}行重复。", f"The same as line {first}.")
                refused.append(RefusedQuestion(entry.line, "", "DUPLICATE_IN_FILE", twice))
            else:
                taken.append(dataclasses.replace(entry, category=category) if not entry.category else entry)
        else:
            refused += entry
        if number % BATCH == 0:
            progress(min(number, total), 2 * total)
    grouped: list[NewQuestion] = []
    for entry in check_groups(taken):
        if isinstance(entry, NewQuestion):
            grouped.append(entry)
        else:
            refused += entry
    return grouped, refused


async def _insert_batch(
    work: UnitOfWork,
    subject: PaperSubject,
    region: int | None,
    source: str,
    replaces: bool,
    questions: int,
    draft: bool,
) -> int:
    row = QuestionImport(
        region=region,
        subject=subject.value,
        source=source,
        replaces=replaces,
        questions=questions,
        author=work.caller.account_id or None,
        imported_at=work.now,
        approved_at=None if draft else work.now,
    )
    return int((await QuestionImport.insert(row).returning(QuestionImport.id))[0]["id"])


def _values(version: NewVersion, source: str, groups: dict[str, str], pictures: dict[str, int]) -> list[Any]:
    question = version.question
    return [
        version.code,
        version.version,
        question.type.value,
        question.category.value if question.category else None,
        question.specialty,
        question.topic,
        question.difficulty.value if question.difficulty else None,
        groups.get(question.group, ""),
        question.group_position,
        question.shared,
        question.stem,
        json.dumps([{"key": key, "text": text} for key, text in question.options], ensure_ascii=False),
        question.answer,
        question.source or source,
        question.digest,
        pictures_json(question.pictures, pictures) if question.pictures else "[]",
    ]


async def bank_size(caller: Caller | None, subject: PaperSubject) -> int:
    """How many questions of a subject are in use in the banks that the caller reads. For authors and approvers. Raises
    NotLoggedIn, Forbidden."""
    asking = logged_in(caller)
    require_sight(asking, Kind.BANK)
    regions = await readable_banks(asking)
    rows = await _sizes.run(subject=subject.value)
    return sum(
        int(row["number"]) for row in rows if regions is None or row["region"] is None or row["region"] in regions
    )
