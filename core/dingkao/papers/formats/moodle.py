"""Moodle XML: `<quiz>` of multichoice and truefalse questions; other kinds are refused by their number."""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from xml.sax.saxutils import escape

from dingkao.papers.formats.common import keys, labels_of, raw_question, split_label, xml_elements
from dingkao.papers.formats.markup import PictureFound, text_of_html
from dingkao.papers.questions import TRUE_FALSE_OPTIONS, Checked, NewQuestion, RefusedQuestion, check_question
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import QuestionType


def read(data: bytes) -> Iterator[Checked]:
    """The questions of a file, by their number; categories give the topic, descriptions with a group's label its case.
    Raises ValidationFailed."""
    topic, number = "", 0
    cases: dict[str, str] = {}
    for element in xml_elements(data, "question"):
        kind = element.get("type", "")
        if kind == "category":
            topic = _text(element.find("category")).rsplit("/", 1)[-1]
            continue
        number += 1
        try:
            labels = _labels(element)
            stem = _text(element.find("questiontext"))
            if kind == "description" and "group" in labels:
                number -= 1
                cases[labels["group"]] = stem
            elif kind in ("multichoice", "truefalse"):
                options, answer = _answers(element, kind)
                shared = cases.get(labels.get("group", ""), "")
                yield check_question(raw_question(number, stem, options, answer, labels, shared, topic))
            else:
                text = Text("只能导入选择题和判断题。", "Choices, and true or false, are imported; nothing else.")
                yield [RefusedQuestion(number, "", "KIND_NOT_TAKEN", text)]
        except PictureFound:
            text = Text("试题含有图片或音视频，暂不能导入。", "The question has a picture, sound or film.")
            yield [RefusedQuestion(number, "", "PICTURE_NOT_TAKEN", text)]


def write(questions: Iterable[NewQuestion]) -> bytes:
    """A file of the questions."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n<quiz>\n']
    cases = set[str]()
    for question in questions:
        if question.shared and question.group not in cases:
            cases.add(question.group)
            tags = _tags({"group": question.group})
            parts.append(f'<question type="description">\n{_question_text(question.shared)}{tags}</question>\n')
        parts.append(_written(question))
    return "".join([*parts, "</quiz>\n"]).encode()


def _written(question: NewQuestion) -> str:
    labels = labels_of(question)
    code = labels.pop("code", "")
    name = f"<name><text>{escape(code)}</text></name>\n<idnumber>{escape(code)}</idnumber>\n" if code else ""
    share = f"{100 / len(question.answer):.5f}".rstrip("0").rstrip(".")
    truth = question.type is QuestionType.TRUE_FALSE and question.options == TRUE_FALSE_OPTIONS
    answers = []
    for key, text in question.options:
        right = key in question.answer
        wrong = "-100" if question.type is QuestionType.X else "0"
        shown = {"A": "true", "B": "false"}[key] if truth else text
        answers.append(
            f'<answer fraction="{share if right else wrong}" format="plain_text">'
            f"<text>{escape(shown)}</text></answer>\n"
        )
    kind = "truefalse" if truth else "multichoice"
    single = "" if truth else f"<single>{'false' if question.type is QuestionType.X else 'true'}</single>\n"
    return (
        f'<question type="{kind}">\n{name}{_question_text(question.stem)}{single}{"".join(answers)}'
        f"{_tags(labels)}</question>\n"
    )


def _question_text(text: str) -> str:
    return f'<questiontext format="plain_text"><text>{escape(text)}</text></questiontext>\n'


def _tags(labels: dict[str, str]) -> str:
    tags = "".join(f"<tag><text>{escape(f'{name}:{value}')}</text></tag>" for name, value in labels.items())
    return f"<tags>{tags}</tags>\n"


def _labels(element: Any) -> dict[str, str]:
    found = [split_label(_text(tag)) for tag in element.findall("tags/tag")]
    labels = dict(label for label in found if label is not None)
    code = (element.findtext("idnumber") or "").strip()
    return {**labels, "code": code} if code else labels


def _answers(element: Any, kind: str) -> tuple[list[str], str]:
    texts = [_text(answer) for answer in element.findall("answer")]
    right = [_fraction(answer) > 0 for answer in element.findall("answer")]
    if kind == "truefalse":
        truth = next((text.lower() for text, is_right in zip(texts, right, strict=True) if is_right), "")
        return [], {"true": "正确", "false": "错误"}.get(truth, "")
    return texts, keys(right)


def _fraction(answer: Any) -> float:
    told = answer.get("fraction", "0")
    return float(told) if re.fullmatch(r"-?\d+(\.\d+)?", told) else 0.0


def _text(element: Any) -> str:
    """The text of an element that has its text in `<text>`: HTML unless it says otherwise."""
    if element is None:
        return ""
    if element.find("file") is not None:
        raise PictureFound("file")
    text = element.findtext("text") or ""
    plain = element.get("format") in ("plain_text", "markdown") or element.tag in ("tag", "category", "name")
    return text.strip() if plain or not re.search("[<&]", text) else text_of_html(text)
