"""The question bank (题库): importing questions, all or nothing unless asked otherwise."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dingkao.audit.work import begin, logged_in
from dingkao.db.bulk import insert_many
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers.question_file import NewQuestion, QuestionColumns, RefusedQuestion, read_questions
from dingkao.papers.tables import Question
from dingkao.plugin.caller import Caller
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import PaperSubject, Role

BATCH = 1000

Progress = Callable[[int, int], None]

_known = Statement(
    lambda p: Question.select(Question.digest, Question.retired).where(
        (Question.subject == p.subject) & Question.digest.is_in(p.digests)
    )
)
_COLUMNS = (
    Question.subject,
    Question.stem,
    Question.options,
    Question.answer,
    Question.source,
    Question.digest,
    Question.retired,
    Question.created_at,
)


@dataclass(frozen=True, slots=True)
class QuestionReport:
    """What an import did. `imported` is 0 where it was all or nothing and a line was refused; `retired` counts the
    questions that `replace` took out of use."""

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

    A question that the bank holds already is refused as DUPLICATE (with `replace` it is put back into use with the
    file's answer). Every refused line is reported; where one was, nothing is imported, unless `skip_bad`. Attempts keep
    the questions they were begun with. By the system or an authority officer. Raises ValidationFailed for a file of
    another form, Forbidden, NotLoggedIn.
    """
    logged_in(caller).require(Role.AUTHORITY_OFFICER, Role.SYSTEM)
    total = text.count("\n") + 1
    taken, refused = _read(text, columns or QuestionColumns(), progress, total)
    async with begin(environment, caller) as work:
        work.acting = work.caller.require(Role.AUTHORITY_OFFICER, Role.SYSTEM)
        known = await _known_digests(subject, taken)
        if not replace:
            for question in taken:
                if question.digest in known:
                    duplicate = Text("题库中已有该题。", "The bank holds this question already.")
                    refused.append(RefusedQuestion(question.line, "", "DUPLICATE", duplicate))
        bad = {entry.line for entry in refused}
        good = [question for question in taken if question.line not in bad]
        if refused and not skip_bad:
            good = []
        retired = 0
        if replace and good:
            retired = await Question.count().where((Question.subject == subject.value) & (Question.retired == False))  # noqa: E712 - composes SQL
            await Question.update({Question.retired: True}).where(Question.subject == subject.value)
        for start in range(0, len(good), BATCH):
            await _insert(work.now, subject, source, good[start : start + BATCH], known)
            progress(total + start, 2 * total)
        report = QuestionReport(
            len(taken) + len({entry.line for entry in refused} - {question.line for question in taken}),
            len(good),
            tuple(sorted(refused, key=lambda entry: entry.line)),
            retired,
        )
        detail = {"subject": subject.value, "imported": report.imported, "refused": report.refused_lines}
        await work.record("IMPORT_QUESTIONS", "Question", None, {**detail, "retired": retired})
    progress(2 * total, 2 * total)
    return report


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


async def _known_digests(subject: PaperSubject, questions: Sequence[NewQuestion]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(questions), BATCH):
        digests = [question.digest for question in questions[start : start + BATCH]]
        known |= {row["digest"] for row in await _known.run(subject=subject.value, digests=digests)}
    return known


async def _insert(
    now: object, subject: PaperSubject, source: str, questions: Sequence[NewQuestion], known: set[str]
) -> None:
    rows = [
        (
            subject.value,
            question.stem,
            _options(question),
            question.answer,
            source,
            question.digest,
            False,
            now,
        )
        for question in questions
        if question.digest not in known
    ]
    await insert_many(_COLUMNS, rows)
    for question in questions:
        if question.digest in known:
            await Question.update(
                {
                    Question.retired: False,
                    Question.stem: question.stem,
                    Question.options: _options(question),
                    Question.answer: question.answer,
                    Question.source: source,
                }
            ).where((Question.subject == subject.value) & (Question.digest == question.digest))


def _options(question: NewQuestion) -> str:
    return json.dumps([{"key": key, "text": text} for key, text in question.options], ensure_ascii=False)


async def bank_size(caller: Caller | None, subject: PaperSubject) -> int:
    """How many questions of a subject are in use. For authority officers. Raises Forbidden."""
    logged_in(caller).require(Role.AUTHORITY_OFFICER)
    return int(await Question.count().where((Question.subject == subject.value) & (Question.retired == False)))  # noqa: E712
