"""Drawing a paper from the banks of the assessment's region, of those above it, and of the nation."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from piccolo.querystring import QueryString

from dingkao.db.database import Database, is_postgresql
from dingkao.db.statement import Parameters, Statement
from dingkao.papers.composition import Entry, Unit, draw_units, units_for
from dingkao.papers.marking import BankQuestion, FrozenPaper, freeze
from dingkao.papers.parts_drawing import Pool, draw_parts
from dingkao.papers.tables import Question
from dingkao.plugin.errors import NotEligible
from dingkao.plugin.national import PapersPolicy
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import PaperSubject

# Kept chains of banks, for counties with banks of their own.
_MOST_CHAINS = 200
# Kept choices of one subject, for so many pairs of category and scope; and so many questions, about 2 KiB each.
_MOST_KEPT = 200
_MOST_QUESTIONS_KEPT = 20_000
_ENTRY = ("id", "type", "category", "specialty", "topic", "difficulty", "question_group", "group_position")


class Candidate(NamedTuple):
    """Whose paper it is, as far as that decides what is asked."""

    category: str
    scope: str
    level: str


class _Held(NamedTuple):
    """A question in use, and the beginning of its digest: two questions with one text have one digest."""

    entry: Entry
    text: str


@dataclass
class _Bank:
    """The questions of one subject in use in one region's bank, at one revision of it."""

    revision: int
    held: list[_Held]


@dataclass
class _Index:
    """What the papers of one subject are drawn from where these banks, the nearest first, are those to draw from."""

    revisions: tuple[int, ...]
    entries: list[Entry]
    pools: dict[tuple[str, str], Pool] = field(default_factory=dict)

    def pool_for(self, category: str, scope: str) -> Pool:
        found = self.pools.get((category, scope))
        if found is None:
            if len(self.pools) >= _MOST_KEPT:
                self.pools.clear()
            found = self.pools[category, scope] = Pool(units_for(self.entries, category, scope))
        return found


@dataclass
class _Kept:
    """What a server keeps of one database's banks. A bank's region is 0 for the nation's."""

    banks: dict[tuple[PaperSubject, int], _Bank] = field(default_factory=dict)
    indexes: dict[tuple[PaperSubject, tuple[int, ...]], _Index] = field(default_factory=dict)
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


def _entries_query(parameters: Parameters) -> QueryString:
    # One value instead of a row for each question.
    build, gather = ("json_build_array", "json_agg") if is_postgresql() else ("json_array", "json_group_array")
    return QueryString(
        f"SELECT COALESCE(region, 0) AS bank, {gather}({build}(substr(digest, 1, 32), {', '.join(_ENTRY)})) AS entries "  # noqa: S608
        "FROM question WHERE subject = {} AND state = 'APPROVED' "
        f"AND COALESCE(region, 0) IN ({', '.join(['{}'] * len(parameters.banks))}) GROUP BY COALESCE(region, 0)",
        parameters.subject,
        *parameters.banks,
    )


# The banks of the region and of those above it, the nearest first, the nation's last.
_revisions = Statement(
    lambda p: QueryString(
        "SELECT COALESCE(bank.region, 0) AS bank, bank.revision AS revision FROM region AS here "
        "JOIN question_bank AS bank ON bank.subject = {} LEFT JOIN region AS own ON own.id = bank.region "
        "WHERE here.id = {} AND (bank.region IS NULL OR here.path LIKE own.path || '%') "
        "ORDER BY COALESCE(LENGTH(own.path), 0) DESC",
        p.subject,
        p.region,
    )
)
_entries = Statement(_entries_query)
_questions = Statement(
    lambda p: Question.select(
        Question.id, Question.region, Question.type, Question.question_group, Question.shared, Question.stem,
        Question.options, Question.answer, Question.pictures,
    ).where(Question.id.is_in(p.ids)),
    json_columns=("options", "pictures"),
)  # fmt: skip
_kept: WeakKeyDictionary[Database, _Kept] = WeakKeyDictionary()


async def _index(kept: _Kept, region_id: int, subject: PaperSubject, *, upper: bool) -> _Index:
    """What the subject's papers are drawn from in a region; read anew only where one of its banks has changed."""
    rows = await _revisions.run(subject=subject.value, region=region_id)
    revisions = {row["bank"]: row["revision"] for row in (rows if upper else rows[:1])}
    chain = tuple(revisions)
    index = kept.indexes.get((subject, chain))
    if index is None or index.revisions != tuple(revisions.values()):
        await _read_banks(kept, subject, revisions)
        if len(kept.indexes) >= _MOST_CHAINS:
            kept.indexes.clear()
        entries = _joined([kept.banks[subject, bank].held for bank in chain])
        index = kept.indexes[subject, chain] = _Index(tuple(revisions.values()), entries)
    return index


async def _read_banks(kept: _Kept, subject: PaperSubject, revisions: Mapping[int, int]) -> None:
    changed = [
        bank
        for bank, revision in revisions.items()
        if (known := kept.banks.get((subject, bank))) is None or known.revision != revision
    ]
    found = {
        row["bank"]: json.loads(row["entries"]) for row in await _entries.run(subject=subject.value, banks=changed)
    }
    for bank in changed:
        held = [_Held(_in_bank(bank, Entry(*values)), text) for text, *values in found.get(bank, ())]
        kept.banks[subject, bank] = _Bank(revisions[bank], held)


def _in_bank(bank: int, entry: Entry) -> Entry:
    group = _group(bank, entry.group)
    return entry if group == entry.group else replace(entry, group=group)


def _group(bank: int, name: str) -> str:
    """A group's name among all banks: names are each bank's own."""
    return f"{bank}/{name}" if name and bank else name


def _joined(banks: Sequence[Sequence[_Held]]) -> list[Entry]:
    """The questions of several banks, the nearest first. Of two with one text the nearer bank's is asked: a paper asks
    nothing twice. A group of which one question stays away stays away whole."""
    entries: list[Entry] = []
    nearer: set[str] = set()
    for held in banks:
        away = {each.entry.group for each in held if each.entry.group and each.text in nearer}
        entries += [
            each.entry
            for each in held
            if (each.entry.group not in away if each.entry.group else each.text not in nearer)
        ]
        nearer.update(each.text for each in held)
    return entries


def forget_questions(database: Database) -> None:
    """Read the questions anew for the next paper: for whoever measures what that costs."""
    if database in _kept:
        _kept[database].questions.clear()


async def draw_paper(
    database: Database, region_id: int, subject: PaperSubject, candidate: Candidate, policy: PapersPolicy, seed: int
) -> FrozenPaper:
    """The candidate's paper of a subject for an assessment of the region, drawn by the policy's blueprint (or the
    number of its rule) and frozen by `seed`: from the region's bank, those of the regions above it and the nation's, or
    where the policy has it from the nearest of them alone. One query; one more for questions not drawn before, and one
    where a bank has changed.

    Raises NotEligible: BANK_TOO_SMALL, or BLUEPRINT_NOT_FILLED with a reason for each part.
    """
    kept = _kept.setdefault(database, _Kept())
    index = await _index(kept, region_id, subject, upper=policy.upper_banks)
    pool = index.pool_for(candidate.category, candidate.scope)
    blueprint = policy.blueprint(subject, *candidate)
    if blueprint is None:
        drawn = _draw_number(pool.units, policy.rules[subject].questions, seed)
    else:
        found = draw_parts(pool, blueprint.parts, seed)
        drawn = [unit for unit in found if isinstance(unit, Unit)]
        short = [entry for entry in found if not isinstance(entry, Unit)]
        if short:
            raise NotEligible([Reason("BLUEPRINT_NOT_FILLED", entry.text) for entry in short])
    ids = [key for unit in drawn for key in unit.ids]
    return freeze(await kept.find(ids), seed)


def _draw_number(units: Sequence[Unit], number: int, seed: int) -> list[Unit]:
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
        _group(row["region"] or 0, row["question_group"]),
        row["shared"],
        tuple(row["pictures"]),
    )
