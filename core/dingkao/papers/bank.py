"""The question bank (题库): importing questions, all or nothing unless asked otherwise."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from piccolo.querystring import QueryString

from dingkao.audit.work import begin, logged_in
from dingkao.db.database import fetch, is_postgresql
from dingkao.db.statement import Parameters, Statement
from dingkao.environment import Environment
from dingkao.papers.question_file import NewQuestion, QuestionColumns, RefusedQuestion, read_questions
from dingkao.papers.tables import Question
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import PaperSubject, Role

BATCH = 1000
SOURCE_MAXIMUM = 120

Progress = Callable[[int, int], None]

_in_use = Statement(
    lambda p: Question.select(Question.digest).where((Question.subject == p.subject) & (Question.retired == p.retired))
)
_retire = Statement(
    lambda p: QueryString("UPDATE question SET retired = TRUE WHERE subject = {} AND NOT retired", p.subject)
)


def _put_query(parameters: Parameters) -> QueryString:
    # One parameter for a thousand questions: no limit of parameters, and one text for every length.
    if is_postgresql():
        source = (
            "SELECT {}::varchar, item->>0, item->>1, item->>2, item->>3, {}::varchar, FALSE, {}::timestamptz "
            "FROM json_array_elements({}::json) AS item"
        )
    else:
        source = (
            "SELECT {}, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), "
            "json_extract(value, '$[3]'), {}, FALSE, {} FROM json_each({}) WHERE TRUE"
        )
    return QueryString(
        f"INSERT INTO question (subject, stem, options, answer, digest, source, retired, created_at) {source} "
        "ON CONFLICT (subject, digest) DO UPDATE SET stem = excluded.stem, options = excluded.options, "
        "answer = excluded.answer, source = excluded.source, retired = FALSE",
        parameters.subject,
        parameters.source,
        parameters.now,
        parameters.questions,
    )


_put = Statement(_put_query)


@dataclass(frozen=True, slots=True)
class QuestionReport:
    """What an import did. `imported` is 0 where it was all or nothing and a line was refused; `retired` counts the
    questions that `replace` took out of use and that the file did not bring back."""

    lines: int
    imported: int
    refused: tuple[RefusedQuestion, ...]
    retired: int

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
    replace: bool = False,
    skip_bad: bool = False,
    progress: Progress = lambda done, total: None,
) -> QuestionReport:
    """Import the questions of a CSV file (`text`) for one subject; `replace` first retires all that came before.

    A question that is in use already is refused as DUPLICATE; one that was retired comes back into use as the file has
    it. Every refused line is reported; where one was, nothing is imported, unless `skip_bad`. Attempts keep the
    questions they were begun with. `progress` hears of steps done and their number. By the system or an authority
    officer. Raises ValidationFailed for a file of another form, Forbidden, NotLoggedIn, FirstLoginOpen.
    """
    logged_in(caller).require(Role.AUTHORITY_OFFICER, Role.SYSTEM)
    _check_source(source)
    # Reading is half of the work, writing the other.
    total = text.count("\n") + 1
    taken, refused = _read(text, columns or QuestionColumns(), progress, total)
    lines = len(taken) + len({entry.line for entry in refused})
    async with begin(environment, caller) as work:
        work.acting = work.caller.require(Role.AUTHORITY_OFFICER, Role.SYSTEM)
        if is_postgresql():
            # Another import waits until this one is done; drawing papers goes on.
            await fetch("LOCK TABLE question IN SHARE ROW EXCLUSIVE MODE")
        in_use = {row["digest"] for row in await _in_use.run(subject=subject.value, retired=False)}
        if not replace:
            refused += [_duplicate(question) for question in taken if question.digest in in_use]
            taken = [question for question in taken if question.digest not in in_use]
        good = taken if skip_bad or not refused else []
        retired = 0
        if replace and good:
            retired = len(in_use - {question.digest for question in good})
            await _retire.run(subject=subject.value)
        for start in range(0, len(good), BATCH):
            await _insert(work.now, subject, source, good[start : start + BATCH])
            progress(total + start, 2 * total)
        report = QuestionReport(lines, len(good), tuple(sorted(refused, key=lambda entry: entry.line)), retired)
        detail = {"subject": subject.value, "imported": report.imported, "refused": report.refused_lines}
        await work.record("IMPORT_QUESTIONS", "Question", None, {**detail, "retired": retired})
    progress(2 * total, 2 * total)
    return report


def _check_source(source: str) -> None:
    if len(source) > SOURCE_MAXIMUM or not source.isprintable():
        text = Text(
            f"来源不得超过{SOURCE_MAXIMUM}字，且不得含有控制字符。",
            f"The source has at most {SOURCE_MAXIMUM} characters and no control characters.",
        )
        raise ValidationFailed([FieldProblem("source", "SOURCE_NOT_POSSIBLE", text)])


def _duplicate(question: NewQuestion) -> RefusedQuestion:
    return RefusedQuestion(
        question.line, "", "DUPLICATE", Text("题库中已有该题。", "The bank holds this question already.")
    )


def _read(
    text: str, columns: QuestionColumns, progress: Progress, total: int
) -> tuple[list[NewQuestion], list[RefusedQuestion]]:
    taken: list[NewQuestion] = []
    refused: list[RefusedQuestion] = []
    lines: dict[str, int] = {}
    for number, entry in enumerate(read_questions(text, columns), 1):
        if isinstance(entry, NewQuestion):
            first = lines.setdefault(entry.digest, entry.line)
            if first != entry.line:
                twice = Text(f"与第{first}行重复。", f"The same as line {first}.")
                refused.append(RefusedQuestion(entry.line, "", "DUPLICATE_IN_FILE", twice))
            else:
                taken.append(entry)
        else:
            refused += entry
        if number % BATCH == 0:
            progress(number, 2 * total)
    return taken, refused


async def _insert(now: datetime, subject: PaperSubject, source: str, questions: Sequence[NewQuestion]) -> None:
    sent = [[question.stem, _options(question), question.answer, question.digest] for question in questions]
    await _put.run(subject=subject.value, source=source, now=now, questions=json.dumps(sent, ensure_ascii=False))


def _options(question: NewQuestion) -> str:
    return json.dumps([{"key": key, "text": text} for key, text in question.options], ensure_ascii=False)


async def bank_size(caller: Caller | None, subject: PaperSubject) -> int:
    """How many questions of a subject are in use. For authority officers. Raises NotLoggedIn, Forbidden."""
    logged_in(caller).require(Role.AUTHORITY_OFFICER)
    return int(await Question.count().where((Question.subject == subject.value) & (Question.retired == False)))  # noqa: E712
