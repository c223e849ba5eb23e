"""The groups of a question file (题组): questions that are asked together (A3, A4, B1). Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dingkao.papers.bank_plan import NewVersion, Plan
from dingkao.papers.pictures import SHARED_STEM, pictures_at
from dingkao.papers.questions import KEYS, Checked, NewQuestion, RefusedQuestion
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import QuestionType

SMALLEST_GROUP = 2
LARGEST_GROUP = 20


def check_groups(questions: Iterable[NewQuestion]) -> Iterator[Checked]:
    """Every question in its order, those of a group with their place in it; or why its group cannot be.

    A group has one type, the same case (A3, A4) or the same options (B1), and two questions at least. It is for the
    same doctors, of one category and one specialty: it is asked whole or not at all.
    """
    questions = list(questions)
    groups: dict[str, list[NewQuestion]] = defaultdict(list)
    for question in questions:
        if question.group:
            groups[question.group].append(question)
    for question in questions:
        if not question.group:
            yield question
            continue
        members = groups[question.group]
        problem = _group_problem(question, members)
        if problem is not None:
            yield [problem]
        else:
            yield replace(question, group_position=members.index(question) + 1)


def _shares(question: NewQuestion) -> tuple[object, ...]:
    """What is the same for all questions of a group, with its pictures."""
    if question.type is QuestionType.B1:
        return question.options, [picture for picture in question.pictures if picture.place in KEYS]
    return question.shared, pictures_at(question.pictures, SHARED_STEM)


def _group_problem(question: NewQuestion, members: Sequence[NewQuestion]) -> RefusedQuestion | None:
    first = members[0]
    if question.type is not first.type or _shares(question) != _shares(first):
        text = Text(
            f"同一题组（{question.group}）的题型、共用题干或共用选项须一致。",
            f"The group {question.group} has one type, and one case or one set of options; see line {first.line}.",
        )
        return RefusedQuestion(question.line, "", "GROUP_DIFFERS", text)
    if not SMALLEST_GROUP <= len(members) <= LARGEST_GROUP:
        text = Text(
            f"题组（{question.group}）须有{SMALLEST_GROUP}至{LARGEST_GROUP}题，现有{len(members)}题。",
            f"The group {question.group} has {len(members)} good question(s); {SMALLEST_GROUP} to {LARGEST_GROUP} are "
            "due.",
        )
        return RefusedQuestion(question.line, "", "GROUP_SIZE", text)
    other = next((member for member in members if _audience(member) != _audience(question)), None)
    return None if other is None else _mixed(question, _audience(other), f"第{other.line}行", f"line {other.line}")


def _audience(question: NewQuestion) -> tuple[str, str]:
    """Whom a question may be asked: the category and the specialty, empty where there is none."""
    return question.category.value if question.category else "", question.specialty


def _mixed(question: NewQuestion, other: tuple[str, str], place_zh: str, place_en: str) -> RefusedQuestion:
    own = "/".join(filter(None, _audience(question)))
    theirs = "/".join(filter(None, other))
    text = Text(
        f"同一题组（{question.group}）的类别、专业须一致：本题为{own or '不限'}，{place_zh}为{theirs or '不限'}。",
        f"The group {question.group} is of one category and one specialty: this question is for {own or 'everybody'}, "
        f"{place_en} for {theirs or 'everybody'}.",
    )
    return RefusedQuestion(question.line, "", "GROUP_MIXED", text)


@dataclass(frozen=True, slots=True)
class HeldMember:
    """A question of a group as the bank holds it."""

    group: str
    code: str
    category: str
    specialty: str


def without_mixed_groups(plan: Plan, held: Iterable[HeldMember]) -> Plan:
    """The plan without groups of which the bank holds more, for other doctors: a file that brings new versions of some
    questions of a group brings them for those whom the rest is for."""
    codes = _codes(plan.versions)
    rest: dict[str, list[HeldMember]] = defaultdict(list)
    own: set[str] = set()
    for member in held:
        if member.code in codes.get(member.group, ()):
            own.add(member.group)
        else:
            rest[member.group].append(member)
    refused: list[RefusedQuestion] = []
    for version in plan.versions:
        question = version.question
        for member in rest[question.group] if question.group in own else ():
            asked = (member.category, member.specialty)
            if asked != _audience(question):
                place = f"题库中的{member.code}", f"{member.code} in the bank"
                refused.append(_mixed(question, asked, *place))
                break
    lines = {entry.line for entry in refused}
    torn = {version.question.group for version in plan.versions if version.question.line in lines}
    kept = [version for version in plan.versions if version.question.group not in torn]
    return replace(plan, versions=kept, refused=plan.refused + refused)


def free_group_names(versions: Iterable[NewVersion], held: Iterable[HeldMember], batch: int) -> dict[str, str]:
    """The name under which the bank keeps each group of a file: its own, or with the batch behind it where the bank
    has another group of that name."""
    codes = _codes(versions)
    taken: dict[str, set[str]] = defaultdict(set)
    for member in held:
        taken[member.group].add(member.code)
    free = {name for name, own in codes.items() if name not in taken or taken[name] & own}
    return {name: name if name in free else f"{name[:50]}~{batch}" for name in codes}


def _codes(versions: Iterable[NewVersion]) -> dict[str, set[str]]:
    """The codes of the questions of each group of a file."""
    codes: dict[str, set[str]] = defaultdict(set)
    for version in versions:
        if version.question.group:
            codes[version.question.group].add(version.code)
    return codes
