"""Aiken: the question, its options A to H each on a line, and `ANSWER: A`."""

import re
from collections.abc import Iterable, Iterator

from dingkao.papers.questions import Checked, NewQuestion, RawQuestion, RefusedQuestion, check_question
from dingkao.plugin.text import Text

_OPTION = re.compile(r"^([A-Z])[.)]\s+(.*)$")
_ANSWER = re.compile(r"^ANSWER:\s*(.*)$")


def read(text: str) -> Iterator[Checked]:
    """The questions of an Aiken text. Blank lines say nothing; the stem may run over several lines."""
    stem: list[str] = []
    options: list[str] = []
    begun = 0
    for number, line in enumerate(text.split("\n"), 1):
        option, answer = _OPTION.match(line.strip()), _ANSWER.match(line.strip())
        if answer:
            yield check_question(RawQuestion(begun or number, "\n".join(stem), options, answer.group(1)))
            stem, options, begun = [], [], 0
        elif option and stem and option.group(1) == chr(ord("A") + len(options)):
            options.append(option.group(2))
        elif line.strip():
            if options:
                yield [_unfinished(begun)]
                stem, options, begun = [], [], 0
            begun = begun or number
            stem.append(line.strip())
    if stem:
        yield [_unfinished(begun)]


def write(questions: Iterable[NewQuestion]) -> tuple[str, list[RefusedQuestion]]:
    """An Aiken text, and the questions that Aiken cannot hold: it is read again to find them."""
    parts: list[str] = []
    refused: list[RefusedQuestion] = []
    for question in questions:
        lines = [question.stem, *(f"{key}. {text}" for key, text in question.options), f"ANSWER: {question.answer}"]
        part = "\n".join(lines) + "\n"
        found = list(read(part))
        again = found[0] if len(found) == 1 and isinstance(found[0], NewQuestion) else None
        if len(question.answer) > 1 or question.group or again is None or _content(again) != _content(question):
            text = Text(f"Aiken格式无法表示试题{question.code}。", f"Aiken has no form for question {question.code}.")
            refused.append(RefusedQuestion(question.line, "", "NOT_IN_AIKEN", text))
        else:
            parts.append(part)
    return "\n".join(parts), refused


def _content(question: NewQuestion) -> tuple[object, ...]:
    return question.stem, question.options, question.answer, question.shared, question.pictures


def _unfinished(line: int) -> RefusedQuestion:
    text = Text("缺少“ANSWER:”一行。", "The line with ANSWER: is missing.")
    return RefusedQuestion(line, "", "ANSWER_MISSING", text)
