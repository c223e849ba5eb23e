"""Drawing a paper from the bank of the database."""

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from piccolo.querystring import QueryString

from dingkao.db.database import Database, is_postgresql
from dingkao.db.statement import Parameters, Statement
from dingkao.papers.composition import Entry, Unit, draw_parts, draw_units, units_for
from dingkao.papers.marking import BankQuestion, FrozenPaper, freeze
from dingkao.papers.tables import Question, QuestionBank
from dingkao.plugin.errors import NotEligible
from dingkao.plugin.national import PapersPolicy
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import PaperSubject

# Kept choices of one subject, for so many pairs of category and scope; and so many questions, about 2 KiB each.
_MOST_KEPT = 200
_MOST_QUESTIONS_KEPT = 20_000
_ENTRY = ("id", "type", "category", "specialty", "topic", "difficulty", "question_group", "group_position")


class Candidate(NamedTuple):
    """Whose paper it is, as far as that decides what is asked."""

    category: str
    scope: str
    level: str


@dataclass
class _Index:
    """The questions of one subject in use, at one revision of the bank."""

    revision: int
    entries: list[Entry]
    units: dict[tuple[str, str], list[Unit]] = field(default_factory=dict)
    # A version of a question never changes: reading it once does for every paper that it is drawn for.
    questions: dict[int, BankQuestion] = field(default_factory=dict)

    async def find(self, ids: list[int]) -> list[BankQuestion]:
        """The questions by key, in order."""
        found = {key: self.questions[key] for key in ids if key in self.questions}
        missing = [key for key in ids if key not in found]
        if missing:
            read = {row["id"]: _question(row) for row in await _questions.run(ids=missing)}
            if len(self.questions) + len(read) > _MOST_QUESTIONS_KEPT:
                self.questions.clear()
            self.questions.update(read)
            found.update(read)
        return [found[key] for key in ids]

    def units_for(self, category: str, scope: str) -> list[Unit]:
        found = self.units.get((category, scope))
        if found is None:
            if len(self.units) >= _MOST_KEPT:
                self.units.clear()
            found = self.units[category, scope] = units_for(self.entries, category, scope)
        return found


def _entries_query(parameters: Parameters) -> QueryString:
    # One value instead of a row for each question.
    build, gather = ("json_build_array", "json_agg") if is_postgresql() else ("json_array", "json_group_array")
    return QueryString(
        f"SELECT {gather}({build}({', '.join(_ENTRY)})) AS entries FROM question "  # noqa: S608 - our own column names
        "WHERE subject = {} AND state = 'APPROVED'",
        parameters.subject,
    )


_revision = Statement(lambda p: QuestionBank.select(QuestionBank.revision).where(QuestionBank.subject == p.subject))
_entries = Statement(_entries_query)
_questions = Statement(
    lambda p: Question.select(
        Question.id, Question.type, Question.question_group, Question.shared, Question.stem, Question.options,
        Question.answer, Question.pictures,
    ).where(Question.id.is_in(p.ids)),
    json_columns=("options", "pictures"),
)  # fmt: skip
_kept: WeakKeyDictionary[Database, dict[PaperSubject, _Index]] = WeakKeyDictionary()


async def _index(database: Database, subject: PaperSubject) -> _Index:
    """What the subject's papers are drawn from; read anew only where the bank has changed."""
    row = await _revision.first(subject=subject.value)
    revision = row["revision"] if row else 0
    kept = _kept.setdefault(database, {})
    index = kept.get(subject)
    if index is None or index.revision != revision:
        gathered = await _entries.first(subject=subject.value)
        rows: list[list[Any]] = json.loads(gathered["entries"] or "[]") if gathered else []
        index = kept[subject] = _Index(revision, [Entry(*row) for row in rows])
    return index


def forget_questions(database: Database) -> None:
    """Read the questions anew for the next paper: for whoever measures what that costs."""
    for index in _kept.get(database, {}).values():
        index.questions.clear()


async def draw_paper(
    database: Database, subject: PaperSubject, candidate: Candidate, policy: PapersPolicy, seed: int
) -> FrozenPaper:
    """The candidate's paper of a subject, drawn by the policy's blueprint (or the number of its rule) and frozen by
    `seed`. One query; one more for questions not drawn before, and one where the bank has changed.

    Raises NotEligible: BANK_TOO_SMALL, or BLUEPRINT_NOT_FILLED with a reason for each part.
    """
    index = await _index(database, subject)
    units = index.units_for(candidate.category, candidate.scope)
    blueprint = policy.blueprint(subject, *candidate)
    if blueprint is None:
        drawn = _draw_number(units, policy.rules[subject].questions, seed)
    else:
        found = draw_parts(units, blueprint.parts, seed)
        drawn = [unit for unit in found if isinstance(unit, Unit)]
        short = [entry for entry in found if not isinstance(entry, Unit)]
        if short:
            raise NotEligible([Reason("BLUEPRINT_NOT_FILLED", entry.text) for entry in short])
    ids = [key for unit in drawn for key in unit.ids]
    return freeze(await index.find(ids), seed)


def _draw_number(units: list[Unit], number: int, seed: int) -> list[Unit]:
    drawn = draw_units(units, number, seed)
    if isinstance(drawn, int):
        text = Text(
            f"题库可用试题{drawn}道，少于试卷所需{number}道，请联系考核机构。",
            f"The bank has {drawn} questions, the paper needs {number}; tell the assessment body.",
        )
        raise NotEligible([Reason("BANK_TOO_SMALL", text)])
    return drawn


def _question(row: Any) -> BankQuestion:
    return BankQuestion(
        row["id"],
        row["stem"],
        tuple((option["key"], option["text"]) for option in row["options"]),
        row["answer"],
        row["type"],
        row["question_group"],
        row["shared"],
        tuple(row["pictures"]),
    )
