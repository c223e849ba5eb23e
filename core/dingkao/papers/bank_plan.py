"""What of a file comes into the bank, and as which version. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from dingkao.papers.pictures import QuestionPicture
from dingkao.papers.questions import NewQuestion, RefusedQuestion
from dingkao.papers.vocabulary import QuestionState
from dingkao.plugin.text import Text

# A question without a code of its own gets so many digits of its digest.
CODE_LENGTH = 24


@dataclass(frozen=True, slots=True)
class HeldVersion:
    """A version as the bank holds it, as far as a file can bring another."""

    code: str
    version: int
    state: QuestionState
    digest: str
    answer: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A question that comes in, under its code and with its number."""

    question: NewQuestion
    code: str
    version: int


@dataclass
class Plan:
    """What comes in, what is refused, how many the bank holds just so under the codes that the file gives, and which
    drafts a replacing import takes the place of."""

    versions: list[NewVersion] = field(default_factory=list)
    refused: list[RefusedQuestion] = field(default_factory=list)
    unchanged: int = 0
    superseded_drafts: list[str] = field(default_factory=list)


def details_of(question: NewQuestion) -> tuple[str, ...]:
    """What two versions of one text may differ in, beside the answer."""
    return (
        question.type.value,
        question.category.value if question.category else "",
        question.specialty,
        question.topic,
        question.difficulty.value if question.difficulty else "",
        *words_of(question.pictures),
    )


def words_of(pictures: Iterable[QuestionPicture]) -> list[str]:
    """What the pictures of a question show, in words: a new version where they say it otherwise."""
    return [f"{picture.place}:{picture.alternative_text}" for picture in pictures]


class _Held:
    def __init__(self, versions: Iterable[HeldVersion]) -> None:
        self.last: dict[str, int] = {}
        self.approved: dict[str, HeldVersion] = {}
        self.approved_digests: dict[str, HeldVersion] = {}
        self.drafts: set[str] = set()
        self.code_of: dict[str, str] = {}
        for held in versions:
            self.last[held.code] = max(held.version, self.last.get(held.code, 0))
            self.code_of[held.digest] = held.code
            if held.state is QuestionState.APPROVED:
                self.approved[held.code] = held
                self.approved_digests[held.digest] = held
            elif held.state is QuestionState.DRAFT:
                self.drafts.add(held.code)

    def has(self, question: NewQuestion) -> bool:
        """Whether the question is in use just so under the code that the file gives."""
        twin = self.approved_digests.get(question.digest)
        return (
            twin is not None
            and twin.code == question.code
            and (twin.answer, twin.details) == (question.answer, details_of(question))
        )


def plan_import(questions: Iterable[NewQuestion], versions: Iterable[HeldVersion], *, replaces: bool) -> Plan:
    """Decide for each question of a file: a new question, a new version of the one with its code or its text, or
    refused: DUPLICATE (in use already), OLDER_VERSION (its text was changed since), DRAFT_WAITING, CODE_IN_FILE (twice
    in the file), GROUP_INCOMPLETE (another of its group was refused). Where the import `replaces` all that is in use,
    only the file can contradict itself."""
    questions = list(questions)
    held = _Held(versions)
    plan = Plan()
    lines: dict[str, int] = {}
    for question in questions:
        code = question.code or held.code_of.get(question.digest) or question.digest[:CODE_LENGTH]
        problem = None
        if code in lines:
            text = Text(f"题号与第{lines[code]}行重复。", f"Line {lines[code]} has the same code.")
            problem = RefusedQuestion(question.line, "", "CODE_IN_FILE", text)
        elif not replaces:
            if held.has(question):
                lines[code] = question.line
                plan.unchanged += 1
                continue
            problem = _problem(question, code, held)
        if problem is not None:
            plan.refused.append(problem)
            continue
        lines[code] = question.line
        if code in held.drafts:
            plan.superseded_drafts.append(code)
        plan.versions.append(NewVersion(question, code, held.last.get(code, 0) + 1))
    return _without_torn_groups(plan, questions)


def _problem(question: NewQuestion, code: str, held: _Held) -> RefusedQuestion | None:
    twin = held.approved_digests.get(question.digest)
    if twin is not None and question.code != twin.code:
        return RefusedQuestion(
            question.line, "", "DUPLICATE", Text("题库中已有该题。", "The bank holds this question already.")
        )
    if code in held.drafts:
        text = Text("该题已有待审定的版本。", "A draft of this question waits for approval.")
        return RefusedQuestion(question.line, "", "DRAFT_WAITING", text)
    if code in held.approved and twin is None and not question.code:
        text = Text("题库中该题已有更新的版本。", "The bank holds a newer version of this question.")
        return RefusedQuestion(question.line, "", "OLDER_VERSION", text)
    return None


def _without_torn_groups(plan: Plan, read: Sequence[NewQuestion]) -> Plan:
    """The plan without what is left of a group of which a question was refused."""
    refused_lines = {entry.line for entry in plan.refused}
    torn = {question.group for question in read if question.group and question.line in refused_lines}
    if not torn:
        return plan
    text = Text("同一题组中有未导入的试题。", "Another question of the group was refused.")
    kept = [version for version in plan.versions if version.question.group not in torn]
    lost = [
        RefusedQuestion(version.question.line, "", "GROUP_INCOMPLETE", text)
        for version in plan.versions
        if version.question.group in torn
    ]
    return replace(plan, versions=kept, refused=plan.refused + lost)
