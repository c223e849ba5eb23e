"""Questions with their right answers, as the tour's files have them: from the server they never come."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from dingkao.papers.question_file import NewQuestion, QuestionColumns, normalised, read_questions

HUMANITIES, PROFESSIONAL = "HUMANITIES", "PROFESSIONAL"
# What a file's name says of its subject; where it says nothing, the files count in this order.
_WORDS = {
    HUMANITIES: ("humanities", "legal", "moral", "ethic", "人文"),
    PROFESSIONAL: ("professional", "clinical", "medicine", "业务", "专业"),
}


class NoAnswer(Exception):
    """A question of the server is in none of the files; the message says which."""


@dataclass(frozen=True, slots=True)
class Bank:
    """One subject's file: its text as it is imported, and the right answer to each of its questions."""

    subject: str
    name: str
    csv: str
    answers: dict[tuple[str, frozenset[str]], str]

    def right_option(self, stem: str, options: Sequence[str]) -> str:
        """The text of the right one of `options`. Raises NoAnswer."""
        found = self.answers.get(_key(stem, options))
        if found is None:
            raise NoAnswer(f"the server asks what {self.name} does not hold: {stem}")
        return next(option for option in options if normalised(option) == found)


def read_bank(subject: str, name: str, text: str) -> Bank:
    """A CSV file with the columns Question, A, B, C, D, Answer; bad lines are left out, as the import leaves them."""
    good = [entry for entry in read_questions(text, QuestionColumns()) if isinstance(entry, NewQuestion)]
    answers = {}
    for question in good:
        options = dict(question.options)
        answers[_key(question.stem, list(options.values()))] = normalised(options[question.answer])
    return Bank(subject, name, text, answers)


def demo_banks() -> dict[str, Bank]:
    """The demo's own questions by subject."""
    folder = files("dingkao.demo") / "questions"
    banks = {}
    for subject in (HUMANITIES, PROFESSIONAL):
        name = f"{subject.lower()}.csv"
        banks[subject] = read_bank(subject, name, (folder / name).read_text(encoding="utf-8-sig"))
    return banks


def banks_of(paths: Sequence[Path]) -> dict[str, Bank]:
    """Banks of the files that were named, one a subject: by the words in a file's name, else by the files' order.

    Raises ValueError where two files are of one subject, or more than two were named.
    """
    subjects = [_subject_by_name(path) for path in paths]
    free = [subject for subject in (HUMANITIES, PROFESSIONAL) if subject not in subjects]
    banks: dict[str, Bank] = {}
    for path, known in zip(paths, subjects, strict=True):
        if known is None and not free:
            raise ValueError(f"{path}: there are two subjects, and a file for each is named already")
        subject = known or free.pop(0)
        if subject in banks:
            raise ValueError(f"{path}: {banks[subject].name} has the subject {subject} already")
        banks[subject] = read_bank(subject, path.name, path.read_text(encoding="utf-8-sig"))
    return banks


def _subject_by_name(path: Path) -> str | None:
    name = path.name.lower()
    return next((subject for subject, words in _WORDS.items() if any(word in name for word in words)), None)


def _key(stem: str, options: Sequence[str]) -> tuple[str, frozenset[str]]:
    return normalised(stem), frozenset(normalised(option) for option in options)
